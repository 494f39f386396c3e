// How tensors are printed, by operator<<, fmt (xgrad/fmt.hpp) and Tensor::to_string:
//
//   tensor([[1.0000, 2.5000],
//           [3.0000, 4.0000]], dtype=float64, requires_grad=true)
//
// The dtype follows where it is not the default one, int64 or bool; grad_fn=<mul> names the operation that made it.
#pragma once
#include <xgrad/tensor.hpp>

namespace xgrad {

// precision: digits after the point. threshold: with more elements only the first and last `edgeitems` of each
// dimension are shown. linewidth: where long rows are broken. sci_mode: scientific notation always or never; left out,
// where the magnitudes shown differ by more than 1000, or exceed 1e8, or, for fractions, fall below 1e-4.
struct PrintOptions {
  int precision = 4;
  std::int64_t threshold = 1000;
  std::int64_t edgeitems = 3;
  std::int64_t linewidth = 80;
  std::optional<bool> sci_mode{};
};

// Per process. ValueError for a precision outside 0..17, edgeitems below 1, a negative threshold or linewidth.
void set_print_options(const PrintOptions& options, Here here = {});
PrintOptions get_print_options();

// "[2, 3]" and "float32".
std::ostream& operator<<(std::ostream& stream, const Shape& shape);
std::ostream& operator<<(std::ostream& stream, Dtype dtype);

}  // namespace xgrad
