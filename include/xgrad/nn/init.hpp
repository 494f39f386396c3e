// Initial values of parameters. Each fills a tensor in place, without recording, from the default generator, and
// returns the same tensor. All are DtypeErrors unless the tensor is floating.
#pragma once
#include <xgrad/tensor.hpp>

#include <cstdint>

namespace xgrad::nn::init {

// What a weight is scaled by: the number of inputs that reach an output (fan_in: keeps the variance in the forward
// pass), or of outputs that an input reaches (fan_out: in the backward pass). For a weight [out, in, k...] they are
// in * prod(k) and out * prod(k).
enum class FanMode : std::uint8_t { fan_in, fan_out };
// The function that follows a layer.
enum class Nonlinearity : std::uint8_t { linear, sigmoid, tanh, relu, leaky_relu, selu };

// Options of kaiming_*: a is the negative slope of leaky_relu.
struct KaimingOptions {
  double a = 0;
  FanMode mode = FanMode::fan_in;
  Nonlinearity nonlinearity = Nonlinearity::leaky_relu;
};
struct TruncatedNormalOptions {
  double mean = 0;
  double std = 1;
  double a = -2;
  double b = 2;
};

// By how much a function shrinks the standard deviation of what passes through it: 1 for linear and sigmoid, 5/3 for
// tanh, sqrt(2) for relu, sqrt(2 / (1 + a^2)) for leaky_relu with slope a, 3/4 for selu.
double calculate_gain(Nonlinearity nonlinearity, double a = 0.01);

Tensor uniform_(const Arg& tensor, double a = 0, double b = 1);
Tensor normal_(const Arg& tensor, double mean = 0, double std = 1);
// Normal, but drawn again where outside [a, b]. ValueError unless a < b and std > 0.
Tensor trunc_normal_(const Arg& tensor, const TruncatedNormalOptions& options = {});
Tensor constant_(const Arg& tensor, double value);
Tensor zeros_(const Arg& tensor);
Tensor ones_(const Arg& tensor);
// Ones on the diagonal of a matrix, zeros elsewhere. ShapeError unless 2-d.
Tensor eye_(const Arg& tensor);
// The kernel that passes its input on, as far as there are channels: weight[i, i, center...] = 1, in each group of
// output channels. ShapeError unless 3-d to 5-d and the first size is divisible by groups.
Tensor dirac_(const Arg& tensor, std::int64_t groups = 1);
// A random matrix whose rows, or columns where there are fewer of them, are orthogonal and of length gain; dimensions
// after the first are one. ShapeError below 2 dimensions.
// Saxe, McClelland, Ganguli, Exact solutions to the nonlinear dynamics of learning in deep linear networks (2014).
Tensor orthogonal_(const Arg& tensor, double gain = 1);
// Normal with deviation std, but a share of each column is 0, rounded up: Martens, Deep learning via Hessian-free
// optimization (2010). ShapeError unless 2-d, ValueError unless 0 <= sparsity <= 1.
Tensor sparse_(const Arg& tensor, double sparsity, double std = 0.01);
// Uniform in (-b, b), b = gain sqrt(6 / (fan_in + fan_out)). ShapeError below 2 dimensions, also of the next three.
Tensor xavier_uniform_(const Arg& tensor, double gain = 1);
// Normal, std = gain sqrt(2 / (fan_in + fan_out)).
Tensor xavier_normal_(const Arg& tensor, double gain = 1);
// Uniform in (-b, b), b = gain sqrt(3 / fan).
Tensor kaiming_uniform_(const Arg& tensor, const KaimingOptions& options = {});
// Normal, std = gain / sqrt(fan).
Tensor kaiming_normal_(const Arg& tensor, const KaimingOptions& options = {});

}  // namespace xgrad::nn::init
