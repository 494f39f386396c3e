#include "kernels/gemm_onednn.hpp"

#ifdef XGRAD_HAVE_ONEDNN
#include <oneapi/dnnl/dnnl.h>

#include "kernels/gemm_bfloat16.hpp"
#include "kernels/onednn.hpp"
#include "kernels/parallel.hpp"

namespace xgrad::detail::onednn {

bool has_gemm() noexcept { return true; }

// Measured with AVX-512 on both: oneDNN is 1.1 to 1.3 times faster where no matrix is small or narrow, save that it
// loses as often as it wins when B is transposed; but for a handful of rows (those of 12 to 64 are gemm_few's) it is
// then 2 to 3 times faster. Its code takes 7 MB of memory, which small products do not earn.
bool gemm_pays(bool transposed_b, std::int64_t m, std::int64_t n, std::int64_t k) noexcept {
  constexpr std::int64_t least_work = std::int64_t{1} << 21, least_columns = 48, handful = 12;
  return has_avx512() && (!transposed_b || m < handful) && m > 1 && n >= least_columns && m * n * k >= least_work;
}

// A product in bfloat16 puts its operands in order as it rounds them.
bool turning_pays(std::int64_t m, std::int64_t n, std::int64_t k) noexcept {
  return gemm_pays(false, m, n, k) && !bfloat16_pays(m, n, k);
}

void gemm(bool transposed_a, bool transposed_b, std::int64_t m, std::int64_t n, std::int64_t k, const float* a,
          std::int64_t lda, const float* b, std::int64_t ldb, float beta, float* c, std::int64_t ldc) noexcept {
  const ThreadsOfOthers alone(1);
  dnnl_sgemm(transposed_a ? 'T' : 'N', transposed_b ? 'T' : 'N', m, n, k, 1, a, lda, b, ldb, beta, c, ldc);
}

}  // namespace xgrad::detail::onednn
#else

namespace xgrad::detail::onednn {

bool has_gemm() noexcept { return false; }
bool gemm_pays(bool, std::int64_t, std::int64_t, std::int64_t) noexcept { return false; }
bool turning_pays(std::int64_t, std::int64_t, std::int64_t) noexcept { return false; }
void gemm(bool, bool, std::int64_t, std::int64_t, std::int64_t, const float*, std::int64_t, const float*, std::int64_t,
          float, float*, std::int64_t) noexcept {}

}  // namespace xgrad::detail::onednn
#endif
