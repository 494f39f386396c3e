// Activation functions that are more than one function of ops/pointwise.hpp, element by element. Shapes and dtypes as
// there; integers and bools are taken as the default dtype. nn::functional offers them under the same names.
#pragma once
#include <xgrad/tensor.hpp>

namespace xgrad {

// x where x > 0, else negative_slope x. Gradient negative_slope at 0.
Tensor leaky_relu(const Arg& x, double negative_slope = 0.01);
// x where x > 0, else alpha (e^x - 1).
Tensor elu(const Arg& x, double alpha = 1.0);
// x times the normal distribution function of x: x (1 + erf(x / sqrt 2)) / 2.
Tensor gelu(const Arg& x);
// Its approximation x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2.
Tensor gelu_tanh(const Arg& x);
// log(1 + e^(beta x)) / beta; x itself where beta x > threshold. ValueError for beta = 0.
Tensor softplus(const Arg& x, double beta = 1.0, double threshold = 20.0);
// log(sigmoid(x)).
Tensor log_sigmoid(const Arg& x);
// x sigmoid(x).
Tensor silu(const Arg& x);

}  // namespace xgrad
