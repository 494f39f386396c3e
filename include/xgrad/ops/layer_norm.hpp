// Normalisation of each element of a batch by itself.
#pragma once
#include <xgrad/tensor.hpp>

namespace xgrad {

// (x - mean) / sqrt(var + eps) * weight + bias, with the mean and the variance (divided by n, not n - 1) over the last
// dimensions, whose sizes normalized_shape names. weight and bias have normalized_shape or are left undefined (1 and
// 0). Fused kernels for both passes. ShapeError: x does not end in normalized_shape, or weight or bias have another
// shape; DtypeError: x is not floating, or weight or bias have another dtype.
Tensor layer_norm(const Arg& x, const Shape& normalized_shape, const Tensor& weight = {}, const Tensor& bias = {},
                  double eps = 1e-5);

}  // namespace xgrad
