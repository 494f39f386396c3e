// Products of float32 matrices rounded to bfloat16, by oneDNN; see set_float32_matmul_precision().
#pragma once
#include "kernels/blas.hpp"

namespace xgrad::detail::onednn {

// What multiplies bfloat16 here. oneDNN can imitate it with AVX-512, which is slower than float32 and left out.
enum class Bfloat16 { no_onednn, no_instructions, avx512, amx };
Bfloat16 bfloat16() noexcept;
// Whether operands may be rounded to bfloat16, and the processor multiplies that.
bool is_bfloat16_in_use() noexcept;

// Whether it is in use and worth the conversion for the product of [m, k] and [k, n].
bool bfloat16_pays(std::int64_t m, std::int64_t n, std::int64_t k) noexcept;

// On this thread alone: the result depends on the sizes only. A bias is taken to be in C already. False, with C as it
// was, where oneDNN cannot.
bool gemm_bfloat16(const Product<float>& p, bool accumulate) noexcept;

}  // namespace xgrad::detail::onednn
