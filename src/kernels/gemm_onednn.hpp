// Float32 products by oneDNN, where the library was built with it.
#pragma once
#include <cstdint>

namespace xgrad::detail::onednn {

bool has_gemm() noexcept;

// Whether oneDNN is there and faster than OpenBLAS for the product of [m, k] and [k, n] on one thread.
bool gemm_pays(bool transposed_b, std::int64_t m, std::int64_t n, std::int64_t k) noexcept;

// Whether a transposed B is worth turning round for it.
bool turning_pays(std::int64_t m, std::int64_t n, std::int64_t k) noexcept;

// C = A B + beta C, all row-major as they lie in memory, on this thread alone: the result depends on the sizes only.
void gemm(bool transposed_a, bool transposed_b, std::int64_t m, std::int64_t n, std::int64_t k, const float* a,
          std::int64_t lda, const float* b, std::int64_t ldb, float beta, float* c, std::int64_t ldc) noexcept;

}  // namespace xgrad::detail::onednn
