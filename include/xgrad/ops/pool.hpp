// Pooling over images: the maximum or the mean of windows.
//
// All take [N, C, H, W] or [C, H, W] of a floating dtype and are differentiable to any order. Without a stride windows
// lie side by side (stride = kernel_size). An output has
//   H' = floor((H + 2 padding - dilation (h - 1) - 1) / stride) + 1
// rows; with ceil_mode the quotient is rounded up, unless the last window would begin beyond the input and its leading
// padding. ShapeError: another number of dimensions, windows larger than the padded input. DtypeError unless floating.
// ValueError: a size, stride or dilation below 1, a padding below 0 or above half of the window.
#pragma once
#include <xgrad/ops/conv.hpp>
#include <xgrad/tensor.hpp>

#include <optional>
#include <utility>

namespace xgrad {

// An IntPair that may be left out: {} or nothing, a number, or {height, width}.
class OptionalIntPair {
 public:
  constexpr OptionalIntPair() noexcept = default;
  constexpr OptionalIntPair(std::int64_t both) noexcept : pair_(both) {}
  constexpr OptionalIntPair(std::int64_t height, std::int64_t width) noexcept : pair_(IntPair(height, width)) {}
  constexpr OptionalIntPair(IntPair pair) noexcept : pair_(pair) {}
  constexpr IntPair value_or(IntPair otherwise) const noexcept { return pair_.value_or(otherwise); }

 private:
  std::optional<IntPair> pair_{};
};

struct MaxPool2dOptions {
  OptionalIntPair stride{};
  IntPair padding = 0;
  IntPair dilation = 1;
  bool ceil_mode = false;
};
// The largest element of each window. Padding is -infinity; a NaN in a window is its maximum; among equal elements the
// first one in row-major order gets the gradient.
Tensor max_pool2d(const Arg& input, IntPair kernel_size, const MaxPool2dOptions& options = {});
// The same, and where each maximum is: y * W + x of the input's plane, int64, of the shape of the result.
std::pair<Tensor, Tensor> max_pool2d_with_indices(const Arg& input, IntPair kernel_size,
                                                  const MaxPool2dOptions& options = {});

struct AvgPool2dOptions {
  OptionalIntPair stride{};
  IntPair padding = 0;
  bool ceil_mode = false;
  bool count_include_pad = true;
  std::optional<std::int64_t> divisor_override{};
};
// The sum of each window (padding is 0) divided by its number of elements, padding counted or not, or by
// divisor_override (ValueError when that is 0).
Tensor avg_pool2d(const Arg& input, IntPair kernel_size, const AvgPool2dOptions& options = {});

// The means of output_size windows that cover the input evenly: row i is over floor(i H / H') .. ceil((i + 1) H / H').
Tensor adaptive_avg_pool2d(const Arg& input, IntPair output_size);

}  // namespace xgrad
