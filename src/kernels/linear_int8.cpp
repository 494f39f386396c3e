#include "kernels/linear_int8.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "kernels/parallel.hpp"

namespace xgrad::detail {

template <class T>
void quantize_rows(std::int64_t rows, std::int64_t k, const T* x, std::uint8_t* q, T* scale) {
  parallel_for(rows, std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(k, 1)), rows * k,
               [=](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t r = begin; r < end; ++r) {
                   const T* row = x + r * k;
                   T largest = 0, sum = 0;
                   for (std::int64_t i = 0; i < k; ++i) {
                     const T size = std::abs(row[i]);
                     largest = largest < size ? size : largest;
                     sum += row[i] * 0;  // NaN where something is not finite
                   }
                   scale[r] = sum == 0 ? largest / 127 : std::numeric_limits<T>::quiet_NaN();
                   const T by = sum == 0 && largest > 0 ? 127 / largest : T(0);
                   for (std::int64_t i = 0; i < k; ++i)
                     q[r * k + i] = sum == 0 ? static_cast<std::uint8_t>(std::nearbyint(row[i] * by) + 128) : 128;
                 }
               });
}

namespace {

// So many rows of x meet each row of w while it is in the first-level cache.
constexpr std::int64_t together = 4;

std::int32_t sum_one(const std::uint8_t* __restrict x, const std::int8_t* __restrict w, std::int64_t k) {
  std::int32_t sum = 0;
  for (std::int64_t i = 0; i < k; ++i) sum += std::int32_t{x[i]} * std::int32_t{w[i]};
  return sum;
}
// w is read once for all of them.
std::array<std::int32_t, together> sum_rows(const std::uint8_t* __restrict x, const std::int8_t* __restrict w,
                                            std::int64_t k) {
  const std::uint8_t *b = x + k, *c = b + k, *d = c + k;
  std::int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  for (std::int64_t i = 0; i < k; ++i) {
    const std::int32_t factor = w[i];
    s0 += std::int32_t{x[i]} * factor;
    s1 += std::int32_t{b[i]} * factor;
    s2 += std::int32_t{c[i]} * factor;
    s3 += std::int32_t{d[i]} * factor;
  }
  return {s0, s1, s2, s3};
}

}  // namespace

template <class T>
void linear_int8(const LinearInt8<T>& p) {
  // Rows of w in blocks that stay in the second-level cache while the rows of x pass by.
  const std::int64_t block = std::max<std::int64_t>(1, 131072 / std::max<std::int64_t>(p.k, 1));
  const auto store = [&](std::int64_t r, std::int64_t o, std::int32_t sum) {
    const T value = p.scale_x[r] * p.scale_w[o] * static_cast<T>(sum - 128 * p.sum_w[o]);
    p.y[r * p.out + o] = p.bias ? value + p.bias[o] : value;
  };
  parallel_for(p.out, block, p.rows * p.out * p.k / 4, [&](std::int64_t begin, std::int64_t end) {
    std::int64_t r = 0;
    for (; r + together <= p.rows; r += together)
      for (std::int64_t o = begin; o < end; ++o) {
        const auto total = sum_rows(p.x + r * p.k, p.w + o * p.k, p.k);
        for (std::int64_t j = 0; j < together; ++j) store(r + j, o, total[static_cast<std::size_t>(j)]);
      }
    for (; r < p.rows; ++r)
      for (std::int64_t o = begin; o < end; ++o) store(r, o, sum_one(p.x + r * p.k, p.w + o * p.k, p.k));
  });
}

template void quantize_rows(std::int64_t, std::int64_t, const float*, std::uint8_t*, float*);
template void quantize_rows(std::int64_t, std::int64_t, const double*, std::uint8_t*, double*);
template void linear_int8(const LinearInt8<float>&);
template void linear_int8(const LinearInt8<double>&);

}  // namespace xgrad::detail
