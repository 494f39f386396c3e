// Convolution over images.
#pragma once
#include <xgrad/tensor.hpp>

#include <cstdint>

namespace xgrad {

// Height and width: one number for both, or {height, width}.
struct IntPair {
  constexpr IntPair(std::int64_t both) noexcept : h(both), w(both) {}
  constexpr IntPair(std::int64_t height, std::int64_t width) noexcept : h(height), w(width) {}
  friend constexpr bool operator==(const IntPair&, const IntPair&) noexcept = default;

  std::int64_t h, w;
};

// Options of conv2d. stride: from one window to the next; padding: zeros added on both sides; dilation: from one
// element of a window to the next; groups: output channels are split into as many groups, each of which sees its own
// part of the input channels.
struct Conv2dOptions {
  IntPair stride = 1;
  IntPair padding = 0;
  IntPair dilation = 1;
  std::int64_t groups = 1;
};

// y[n, o, i, j] = bias[o] + sum over c, p, q of
//   input[n, c, i stride + p dilation - padding, j stride + q dilation - padding] weight[o, c, p, q]
// (the cross-correlation that is called convolution). input [N, C, H, W] or [C, H, W]; weight [O, C / groups, h, w];
// bias [O], or undefined for none; y [N, O, H', W'] or [O, H', W'] with
//   H' = floor((H + 2 padding - dilation (h - 1) - 1) / stride) + 1.
// Differentiable to any order. ShapeError: sizes that do not fit, a window larger than the padded input. DtypeError:
// operands not of one floating dtype. ValueError: a stride, dilation or groups below 1, a negative padding.
Tensor conv2d(const Arg& input, const Arg& weight, const Tensor& bias = {}, const Conv2dOptions& options = {});

// Whether float32 convolutions of 3x3 windows may use Winograd's algorithm, in the whole process; they may by default.
// It is about twice as fast and rounds more coarsely: with n products in the sum of an element, the largest error of a
// result and of the input's gradient is below 256 2^-24 sqrt(n) times the root mean squares of the two operands (found
// on random numbers: 150; without it 75), that of the weight's gradient not larger than without. An infinity or NaN
// spreads to the whole tile of 4x4 results.
void allow_winograd(bool allow) noexcept;
bool is_winograd_allowed() noexcept;

}  // namespace xgrad
