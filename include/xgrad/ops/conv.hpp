// Convolution over lines, images and volumes.
//
// y[n, o, i] = bias[o] + sum over c, p of input[n, c, i stride + p dilation - padding] weight[o, c, p]
// with i and p of one, two or three dimensions (the cross-correlation that is called convolution). input is [N, C, L],
// [N, C, H, W] or [N, C, D, H, W], or the same without N; weight [O, C / groups, window...]; bias [O], or undefined for
// none; y [N, O, ...] or [O, ...] with sizes
//   L' = floor((L + 2 padding - dilation (window - 1) - 1) / stride) + 1.
// Differentiable to any order. ShapeError: sizes that do not fit, a window larger than the padded input. DtypeError:
// operands not of one floating dtype. ValueError: a stride, dilation or groups below 1, a negative padding, padding
// "same" with a stride.
#pragma once
#include <xgrad/ops/window.hpp>
#include <xgrad/tensor.hpp>

#include <cstdint>

namespace xgrad {

// Options of convolutions. stride: from one window to the next; padding: zeros added on both sides, or "valid" for
// none, or "same" for as many as make the output as large as the input; dilation: from one element of a window to the
// next; groups: output channels are split into as many groups, each of which sees its own part of the input channels.
struct Conv1dOptions {
  std::int64_t stride = 1;
  ConvPadding<std::int64_t> padding = 0;
  std::int64_t dilation = 1;
  std::int64_t groups = 1;
};
struct Conv2dOptions {
  IntPair stride = 1;
  ConvPadding<IntPair> padding = 0;
  IntPair dilation = 1;
  std::int64_t groups = 1;
};
struct Conv3dOptions {
  IntTriple stride = 1;
  ConvPadding<IntTriple> padding = 0;
  IntTriple dilation = 1;
  std::int64_t groups = 1;
};

Tensor conv1d(const Arg& input, const Arg& weight, const Tensor& bias = {}, const Conv1dOptions& options = {});
Tensor conv2d(const Arg& input, const Arg& weight, const Tensor& bias = {}, const Conv2dOptions& options = {});
Tensor conv3d(const Arg& input, const Arg& weight, const Tensor& bias = {}, const Conv3dOptions& options = {});

// Whether float32 convolutions of 3x3 windows may use Winograd's algorithm, in the whole process; they may by default.
// It is about twice as fast and rounds more coarsely: with n products in the sum of an element, the largest error of a
// result and of the input's gradient is below 256 2^-24 sqrt(n) times the root mean squares of the two operands (found
// on random numbers: 150; without it 75), that of the weight's gradient not larger than without. An infinity or NaN
// spreads to the whole tile of 4x4 results.
void allow_winograd(bool allow) noexcept;
bool is_winograd_allowed() noexcept;

}  // namespace xgrad
