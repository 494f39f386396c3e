// Activation functions that are more than one function of ops/pointwise.hpp, element by element. Shapes and dtypes as
// there; integers and bools are taken as the default dtype. nn::functional offers them under the same names.
#pragma once
#include <xgrad/tensor.hpp>

#include <cstdint>

namespace xgrad {

// x where x > 0, else negative_slope x. Gradient negative_slope at 0.
Tensor leaky_relu(const Arg& x, double negative_slope = 0.01);
// x where x > 0, else a x: in training with an a for each element, uniform between lower and upper and drawn from the
// default generator, else with their mean (Xu et al., arXiv:1505.00853). Gradient a at 0. ValueError unless
// lower <= upper.
Tensor rrelu(const Arg& x, double lower = 1.0 / 8, double upper = 1.0 / 3, bool training = false);
// x where x > 0, else alpha (e^x - 1).
Tensor elu(const Arg& x, double alpha = 1.0);
// x where x > 0, else alpha (e^(x / alpha) - 1). ValueError for alpha = 0.
Tensor celu(const Arg& x, double alpha = 1.0);
// 1.0507 (x where x > 0, else 1.6733 (e^x - 1)), the constants to all digits (Klambauer et al., arXiv:1706.02515).
Tensor selu(const Arg& x);
// x times the normal distribution function of x: x (1 + erf(x / sqrt 2)) / 2.
Tensor gelu(const Arg& x);
// Its approximation x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2.
Tensor gelu_tanh(const Arg& x);
// log(1 + e^(beta x)) / beta; x itself where beta x > threshold. ValueError for beta = 0.
Tensor softplus(const Arg& x, double beta = 1.0, double threshold = 20.0);
// log(sigmoid(x)).
Tensor logsigmoid(const Arg& x);
// x sigmoid(x).
Tensor silu(const Arg& x);
// x tanh(log(1 + e^x)) (Misra, arXiv:1908.08681).
Tensor mish(const Arg& x);
// x / (1 + |x|).
Tensor softsign(const Arg& x);
// x - tanh(x).
Tensor tanhshrink(const Arg& x);

// x + 3 between 0 and 6, over 6. Gradient 0 at both ends.
Tensor hardsigmoid(const Arg& x);
// x hardsigmoid(x). Gradient -1/2 at -3, 3/2 at 3.
Tensor hardswish(const Arg& x);
// x between min_val and max_val. Gradient 0 at both ends. ValueError unless min_val <= max_val.
Tensor hardtanh(const Arg& x, double min_val = -1.0, double max_val = 1.0);
// x between 0 and 6. Gradient 0 at both ends.
Tensor relu6(const Arg& x);
// x where |x| > lambd, else 0.
Tensor hardshrink(const Arg& x, double lambd = 0.5);
// x - lambd sign(x) where |x| > lambd, else 0. ValueError for a negative lambd.
Tensor softshrink(const Arg& x, double lambd = 0.5);
// x where x > threshold, else value.
Tensor threshold(const Arg& x, double threshold, double value);

// x where x > 0, else weight x. weight: one number, [1] or 0-d, or [C], one for each channel of an x [N, C, ...], of
// x's dtype. Gradient weight at 0. ShapeError, DtypeError otherwise.
Tensor prelu(const Arg& x, const Arg& weight);
// a sigmoid(b) of the two halves a and b of x along dim, whose size is halved. ShapeError for an odd size and for an x
// without dimensions, IndexError for a dim out of range.
Tensor glu(const Arg& x, std::int64_t dim = -1);

}  // namespace xgrad
