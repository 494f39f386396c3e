// Gradient clipping, and parameters as one vector.
#pragma once
#include <xgrad/argument.hpp>
#include <xgrad/tensor.hpp>

namespace xgrad::nn::utils {

// Scales the gradients of all parameters together so that their norm is at most max_norm, and gives the norm they had:
//   total = (sum |g_i|^p)^(1/p) over all elements (max |g_i| for p = infinity),  g = g min(1, max_norm / (total +
//   1e-6))
// The sum is formed in float64. Parameters without a gradient do not count; 0 when none has one. A NaN
// norm makes all gradients NaN; with error_if_nonfinite a norm that is not finite is a ValueError before any change.
// ValueError: max_norm is negative or NaN, norm_type is not positive.
// Pascanu, Mikolov, Bengio, On the difficulty of training recurrent neural networks (2013).
double clip_grad_norm_(const TensorList& parameters, double max_norm, double norm_type = 2,
                       bool error_if_nonfinite = false, Here here = {});

// Clamps every element of the gradients to [-clip_value, clip_value]; NaN stays. ValueError: clip_value is negative or
// NaN.
void clip_grad_value_(const TensorList& parameters, double clip_value, Here here = {});

// All parameters as one vector [n], one after the other, each in row-major order. Recorded: a gradient of the vector
// reaches them. ValueError: no parameter, or an undefined one; DtypeError: of several dtypes.
Tensor parameters_to_vector(const TensorList& parameters, Here here = {});
// Copies such a vector into the parameters, unrecorded and converted to their dtypes; those who hold them see it.
// ShapeError: not [n], where n is the number of all their elements; DtypeError: not floating. Nothing is changed then.
void vector_to_parameters(const Arg& vec, const TensorList& parameters);

}  // namespace xgrad::nn::utils
