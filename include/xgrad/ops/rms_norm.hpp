// Normalisation of the last dimensions by their root mean square (Zhang, Sennrich, 2019, arXiv:1910.07467).
#pragma once
#include <xgrad/tensor.hpp>

#include <optional>

namespace xgrad {

// x / sqrt(mean(x^2) + eps) * weight, with the mean over the last dimensions, whose sizes normalized_shape names.
// weight has normalized_shape or is left undefined (1). Without eps it is the distance from 1 to the next number of x's
// dtype. Fused kernels for both passes. ShapeError: x does not end in normalized_shape, or weight has another shape;
// DtypeError: x is not floating, or weight has another dtype.
Tensor rms_norm(const Arg& x, const Shape& normalized_shape, const Tensor& weight = {}, std::optional<double> eps = {});

}  // namespace xgrad
