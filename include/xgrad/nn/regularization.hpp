// Penalties on the size of parameters, to be added to a loss.
#pragma once
#include <xgrad/tensor.hpp>

namespace xgrad::nn {

// lambda * sum |p_i| over all elements of all parameters, 0-d, differentiable (slope 0 at 0). Of no parameters: 0.
// DtypeError unless all are floating and of one dtype.
Tensor l1_regularization(const TensorList& parameters, double lambda, Here here = {});
// lambda * sum p_i^2. Its gradient is 2 lambda p: the weight decay 2 lambda of an optimizer without momentum.
Tensor l2_regularization(const TensorList& parameters, double lambda, Here here = {});

}  // namespace xgrad::nn
