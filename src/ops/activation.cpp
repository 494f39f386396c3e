#include <xgrad/ops/activation.hpp>

#include "core/check.hpp"
#include "ops/pointwise_formula.hpp"

namespace xgrad {

namespace detail {
namespace {

constexpr double root_half = 0.70710678118654752440, density_at_0 = 0.39894228040143267794;  // sqrt(1/2), 1/sqrt(2 pi)
constexpr double root_two_over_pi = 0.79788456080286535588, cubic = 0.044715;

constexpr auto sigmoid_op = unary<real>(
    "sigmoid", [](auto v) { return sigmoid(v); }, of<y>([](auto g, auto u) { return g * (u * (1 - u)); }));
constexpr auto relu_op = unary<numeric>(
    "relu", [](auto v) { return relu(v); }, of<y>([](auto g, auto u) { return where(u <= 0, 0, g); }));
constexpr auto silu_op = unary<real>(
    "silu", [](auto v) { return silu(v); }, of<x>([](auto g, auto v) {
      const auto s = sigmoid(v);
      return g * (s * (1 + v * (1 - s)));
    }));
constexpr auto log_sigmoid_op = unary<real>(
    "log_sigmoid", [](auto v) { return log_sigmoid(v); }, of<x>([](auto g, auto v) { return g * sigmoid(-v); }));
// With the normal distribution P and its density p: P(x) + x p(x).
constexpr auto gelu_op = unary<real>(
    "gelu", [](auto v) { return gelu(v); },
    of<x>([](auto g, auto v) { return g * (0.5 * erfc(v * -root_half) + v * (density_at_0 * exp(-0.5 * v * v))); }));
// With t = tanh(c (x + k x^3)): (1 + t) / 2 + x (1 - t^2) c (1 + 3 k x^2) / 2.
constexpr auto gelu_tanh_op = unary<real>(
    "gelu", [](auto v) { return 0.5 * v * (1 + tanh(root_two_over_pi * (v + cubic * v * v * v))); },
    of<x>([](auto g, auto v) {
      const auto t = tanh(root_two_over_pi * (v + cubic * v * v * v));
      const auto inner = root_two_over_pi * (1 + (3 * cubic) * v * v);
      return g * (0.5 * (1 + t) + 0.5 * v * (1 - t * t) * inner);
    }));

auto leaky_relu_op(double slope) {
  return unary<real>(
      "leaky_relu", [slope](auto v) { return where(v > 0, v, slope * v); },
      of<x>([slope](auto g, auto v) { return where(v > 0, g, slope * g); }));
}
auto elu_op(double alpha) {
  return unary<real>(
      "elu", [alpha](auto v) { return where(v > 0, v, alpha * expm1(v)); },
      of<x>([alpha](auto g, auto v) { return where(v > 0, g, g * (alpha * exp(v))); }));
}
auto softplus_op(double beta, double threshold) {
  return unary<real>(
      "softplus",
      [beta, threshold](auto v) {
        const auto scaled = beta * v;
        return where(scaled > threshold, v, (maximum(scaled, 0) + log1p(exp(-abs(scaled)))) / beta);
      },
      of<x>([beta, threshold](auto g, auto v) { return where(beta * v > threshold, g, g * sigmoid(beta * v)); }));
}

}  // namespace
}  // namespace detail

using namespace detail;

Tensor sigmoid(const Arg& x) { return sigmoid_op(x); }
Tensor relu(const Arg& x) { return relu_op(x); }
Tensor silu(const Arg& x) { return silu_op(x); }
Tensor log_sigmoid(const Arg& x) { return log_sigmoid_op(x); }
Tensor gelu(const Arg& x) { return gelu_op(x); }
Tensor gelu_tanh(const Arg& x) { return gelu_tanh_op(x); }
Tensor leaky_relu(const Arg& x, double negative_slope) { return leaky_relu_op(negative_slope)(x); }
Tensor elu(const Arg& x, double alpha) { return elu_op(alpha)(x); }
Tensor softplus(const Arg& x, double beta, double threshold) {
  check<ValueError>(beta != 0, x.here(), "softplus: expected beta other than 0, got 0");
  return softplus_op(beta, threshold)(x);
}

Tensor Tensor::sigmoid(Here here) const { return xgrad::sigmoid({*this, here}); }
Tensor Tensor::relu(Here here) const { return xgrad::relu({*this, here}); }
Tensor Tensor::sigmoid_(Here here) const { return apply_inplace("sigmoid_", sigmoid_op.call(), *this, here); }
Tensor Tensor::relu_(Here here) const { return apply_inplace("relu_", relu_op.call(), *this, here); }

}  // namespace xgrad
