// Windows of images as columns, and rearrangements between channels and positions. Linear, so differentiable to any
// order.
#pragma once
#include <xgrad/ops/window.hpp>
#include <xgrad/tensor.hpp>

#include <cstdint>

namespace xgrad {

// Options of unfold and fold: those of a convolution with such windows.
struct FoldOptions {
  IntPair dilation = 1;
  IntPair padding = 0;
  IntPair stride = 1;
};

// y[n, (c h + p) w + q, i W' + j] = x[n, c, i stride + p dilation - padding, j stride + q dilation - padding] for
// windows of h by w elements, 0 in the padding: [N, C, H, W] to [N, C h w, H' W'], or both without N, with
//   H' = floor((H + 2 padding - dilation (h - 1) - 1) / stride) + 1.
// ShapeError: other dimensions, a window larger than the padded input. DtypeError unless floating. ValueError: a size,
// stride or dilation below 1, a negative padding.
Tensor unfold(const Arg& x, IntPair kernel_size, const FoldOptions& options = {});
// The adjoint: each element is added to the place where unfold takes it from, [N, C h w, L] to [N, C, H, W] or both
// without N; output_size is (H, W). ShapeError where the columns do not belong to that size; else errors as for unfold.
Tensor fold(const Arg& x, IntPair output_size, IntPair kernel_size, const FoldOptions& options = {});

// [..., C r^2, H, W] to [..., C, H r, W r] with r = upscale_factor: the channels c r^2 + i r + j become the elements
// (i, j) of r by r blocks (Shi et al., 2016, arXiv:1609.05158). Any dtype. ShapeError: fewer than 3 dimensions, other
// channels. ValueError for a factor below 1.
Tensor pixel_shuffle(const Arg& x, std::int64_t upscale_factor);
// The reverse: [..., C, H r, W r] to [..., C r^2, H, W] with r = downscale_factor.
Tensor pixel_unshuffle(const Arg& x, std::int64_t downscale_factor);
// [N, g C, ...] with channel i C + j at j g + i (Zhang et al., 2017, arXiv:1707.01083). Any dtype. ShapeError: fewer
// than 3 dimensions, channels not divisible by groups. ValueError for groups below 1.
Tensor channel_shuffle(const Arg& x, std::int64_t groups);

}  // namespace xgrad
