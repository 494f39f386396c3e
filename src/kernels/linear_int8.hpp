// Products of 8-bit numbers.
#pragma once
#include <cstdint>

namespace xgrad::detail {

// The longest sum that 32 bits hold: 255 * 127 * longest < 2^31.
inline constexpr std::int64_t longest_int8_sum = 66000;

// Rows x [rows, k] as q = round(x / scale) + 128 with scale = max |x| / 127, of each row. Where a row is not finite,
// its scale is NaN.
template <class T>
void quantize_rows(std::int64_t rows, std::int64_t k, const T* x, std::uint8_t* q, T* scale);

// y[r, o] = scale_x[r] scale_w[o] (sum_i x[r, i] w[o, i] - 128 sum_w[o]) + bias[o], where sum_w[o] = sum_i w[o, i];
// bias may be null. Unsigned times signed is what processors multiply fastest, hence the 128.
template <class T>
struct LinearInt8 {
  std::int64_t rows, k, out;
  const std::uint8_t* x;
  const T* scale_x;
  const std::int8_t* w;
  const T* scale_w;
  const std::int32_t* sum_w;
  const T* bias;
  T* y;
};
template <class T>
void linear_int8(const LinearInt8<T>& p);

}  // namespace xgrad::detail
