// Transposed convolution: the gradient of a convolution by its input, as an operation of its own.
//
// y[n, o, i stride + p dilation - padding] = bias[o] + sum over c, i, p of input[n, c, i] weight[c, o, p]
// with i and p of one, two or three dimensions. input is [N, C, L], [N, C, H, W] or [N, C, D, H, W], or the same
// without N; weight [C, O / groups, window...]; bias [O], or undefined for none; y [N, O, ...] or [O, ...] with sizes
//   L' = (L - 1) stride - 2 padding + dilation (window - 1) + output_padding + 1.
// Differentiable to any order. ShapeError: sizes that do not fit, an output without elements. DtypeError: operands not
// of one floating dtype. ValueError: a stride, dilation or groups below 1, a negative padding, an output_padding that
// is negative or reaches the larger of stride and dilation.
#pragma once
#include <xgrad/ops/window.hpp>
#include <xgrad/tensor.hpp>

#include <cstdint>

namespace xgrad {

// Options of transposed convolutions: those of the convolution it belongs to, and output_padding, which adds to the
// output's size at the end (several sizes have convolutions of one size).
struct ConvTranspose1dOptions {
  std::int64_t stride = 1;
  std::int64_t padding = 0;
  std::int64_t output_padding = 0;
  std::int64_t groups = 1;
  std::int64_t dilation = 1;
};
struct ConvTranspose2dOptions {
  IntPair stride = 1;
  IntPair padding = 0;
  IntPair output_padding = 0;
  std::int64_t groups = 1;
  IntPair dilation = 1;
};
struct ConvTranspose3dOptions {
  IntTriple stride = 1;
  IntTriple padding = 0;
  IntTriple output_padding = 0;
  std::int64_t groups = 1;
  IntTriple dilation = 1;
};

Tensor conv_transpose1d(const Arg& input, const Arg& weight, const Tensor& bias = {},
                        const ConvTranspose1dOptions& options = {});
Tensor conv_transpose2d(const Arg& input, const Arg& weight, const Tensor& bias = {},
                        const ConvTranspose2dOptions& options = {});
Tensor conv_transpose3d(const Arg& input, const Arg& weight, const Tensor& bias = {},
                        const ConvTranspose3dOptions& options = {});

}  // namespace xgrad
