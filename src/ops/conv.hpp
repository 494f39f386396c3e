// Convolution and its two gradients, for the rooms that compute one of them.
#pragma once
#include <xgrad/tensor.hpp>

#include "kernels/conv.hpp"
#include "ops/window.hpp"

namespace xgrad::detail {

// A convolution with checked arguments. The names are those of its results on the tape.
struct Conv {
  const char *name, *input_name, *weight_name;
  ConvGeometry geometry;
  Shape input, weight, output;
};

// What an operation, its node's adjoints and its weight are called.
struct ConvNames {
  const char *op, *input, *weight, *layout;
};

// input and output are [C, D, H, W]; window.padding is that at the beginning.
ConvGeometry conv_geometry(std::int64_t batch, const std::array<std::int64_t, 4>& input,
                           const std::array<std::int64_t, 4>& output, const Window& window, std::int64_t groups);

// What both directions want of weight [first, second, window...] and bias [channels]: ShapeError, DtypeError.
void check_parameters(const char* op, const Tensor& x, const Tensor& w, const Tensor& bias, std::int64_t channels,
                      const char* layout, std::size_t rank, Here here);

// y = conv(x, w) + bias; bias may be undefined.
Tensor convolve(Here here, const Conv& conv, const Tensor& x, const Tensor& w, const Tensor& bias);
// x = input(g, w) + bias, for which <g, conv(x, w)> = <x, input(g, w)>.
Tensor conv_to_input(Here here, const Conv& conv, const Tensor& g, const Tensor& w, const Tensor& bias);
// w = weight(g, x), for which <g, conv(x, w)> = <w, weight(g, x)>.
Tensor conv_to_weight(Here here, const Conv& conv, const Tensor& g, const Tensor& x);

}  // namespace xgrad::detail
