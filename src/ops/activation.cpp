#include <xgrad/ops/activation.hpp>

#include "core/check.hpp"
#include "ops/pointwise_formula.hpp"

namespace xgrad {

namespace detail {
namespace {

constexpr double root_half = 0.70710678118654752440, density_at_0 = 0.39894228040143267794;  // sqrt(1/2), 1/sqrt(2 pi)
constexpr double selu_alpha = 1.6732632423543772848, selu_scale = 1.0507009873554804934;
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
constexpr auto logsigmoid_op = unary<real>(
    "logsigmoid", [](auto v) { return log_sigmoid(v); }, of<x>([](auto g, auto v) { return g * sigmoid(-v); }));
// With the normal distribution P and its density p: P(x) + x p(x).
constexpr auto gelu_op = unary<real>(
    "gelu", [](auto v) { return gelu(v); },
    of<x>([](auto g, auto v) { return g * (0.5 * erfc(v * -root_half) + v * (density_at_0 * exp(-0.5 * v * v))); }));
// With t = tanh(c (x + k x^3)): (1 + t) / 2 + x (1 - t^2) c (1 + 3 k x^2) / 2.
constexpr auto gelu_tanh_op = unary<real>(
    "gelu", [](auto v) { return 0.5 * v * (1 + tanh(root_two_over_pi * (v + cubic * v * v * v))); },
    of<x>([](auto g, auto v) {
      const auto t = tanh(root_two_over_pi * (v + cubic * v * v * v));
      // Bounded where 1 - t^2 is 0 anyway.
      const auto inner = root_two_over_pi * (1 + (3 * cubic) * minimum(v * v, 1e6));
      return g * (0.5 * (1 + t) + 0.5 * v * (1 - t * t) * inner);
    }));

auto leaky_relu_op(const char* name, double slope) {
  return unary<real>(
      name, [slope](auto v) { return where(v > 0, v, slope * v); },
      of<x>([slope](auto g, auto v) { return where(v > 0, g, slope * g); }));
}
// scale (x where x > 0, else alpha (e^(x / width) - 1)). The exponential is kept from overflowing where it is not
// taken.
auto elu_op(const char* name, double alpha, double width, double scale) {
  return unary<real>(
      name, [alpha, width, scale](auto v) { return where(v > 0, scale * v, (scale * alpha) * expm1(v / width)); },
      of<x>([slope = alpha * scale / width, width, scale](auto g, auto v) {
        return where(v > 0, scale * g, g * (slope * exp(where(v > 0, 0, v) / width)));
      }));
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

// ---- pieces of lines; at a kink the slope is PyTorch's

// x + 3 between 0 and 6, over 6; slope 0 at both ends.
constexpr auto hardsigmoid_op = unary<real>(
    "hardsigmoid", [](auto v) { return clamp(v + 3, 0, 6) / 6; },
    of<x>([](auto g, auto v) { return where(abs(v) < 3, g / 6, 0); }));
// Slope -1/2 at -3 and 3/2 at 3.
constexpr auto hardswish_op = unary<real>(
    "hardswish", [](auto v) { return v * (clamp(v + 3, 0, 6) / 6); },
    of<x>([](auto g, auto v) { return where(v < -3, 0, where(v <= 3, g * (v / 3 + 0.5), g)); }));
auto hardtanh_op(const char* name, double low, double high) {
  return unary<real>(
      name, [low, high](auto v) { return clamp(v, low, high); },
      of<x>([low, high](auto g, auto v) { return where(v > low && v < high, g, 0); }));
}
auto hardshrink_op(double lambd) {
  return unary<real>(
      "hardshrink", [lambd](auto v) { return where(abs(v) <= lambd, 0, v); },
      of<x>([lambd](auto g, auto v) { return where(abs(v) > lambd, g, 0); }));
}
auto softshrink_op(double lambd) {
  return unary<real>(
      "softshrink", [lambd](auto v) { return where(abs(v) <= lambd, 0, v - lambd * sign(v)); },
      of<x>([lambd](auto g, auto v) { return where(abs(v) > lambd, g, 0); }));
}
auto threshold_op(double threshold, double value) {
  return unary<real>(
      "threshold", [threshold, value](auto v) { return where(v <= threshold, value, v); },
      of<x>([threshold](auto g, auto v) { return where(v <= threshold, 0, g); }));
}

// ---- smooth ones

constexpr auto softsign_op = unary<real>(
    "softsign", [](auto v) { return v / (1 + abs(v)); }, of<x>([](auto g, auto v) {
      const auto whole = 1 + abs(v);
      return g / whole / whole;
    }));
constexpr auto tanhshrink_op = unary<real>(
    "tanhshrink", [](auto v) { return v - tanh(v); }, of<x>([](auto g, auto v) {
      const auto t = tanh(v);
      return g * (t * t);
    }));
// With s = sigmoid(x), r = sigmoid(-x): tanh(log(1 + e^x)) = s (1 + r) / (1 + r^2), whose slope is
// 4 r^2 s / (1 + r^2)^2. Neither overflows nor cancels.
constexpr auto mish_op = unary<real>(
    "mish",
    [](auto v) {
      const auto r = sigmoid(-v);
      return v * (sigmoid(v) * (1 + r) / (1 + r * r));
    },
    of<x>([](auto g, auto v) {
      const auto s = sigmoid(v), r = sigmoid(-v);
      const auto whole = 1 + r * r;
      return g * (s * (1 + r) / whole + v * (4 * r * r * s / (whole * whole)));
    }));

// ---- of two arguments

constexpr auto prelu_op = binary<real>(
    "prelu", [](auto v, auto w) { return where(v > 0, v, w * v); },
    of<a, b>([](auto g, auto v, auto w) { return where(v > 0, g, w * g); }),
    of<a>([](auto g, auto v) { return where(v > 0, 0, g * v); }));
constexpr auto glu_op = binary<real>(
    "glu", [](auto v, auto w) { return v * sigmoid(w); }, of<b>([](auto g, auto w) { return g * sigmoid(w); }),
    of<a, b>([](auto g, auto v, auto w) {
      const auto s = sigmoid(w);
      return g * (v * (s * (1 - s)));
    }));

}  // namespace
}  // namespace detail

using namespace detail;

Tensor sigmoid(const Arg& x) { return sigmoid_op(x); }
Tensor relu(const Arg& x) { return relu_op(x); }
Tensor silu(const Arg& x) { return silu_op(x); }
Tensor logsigmoid(const Arg& x) { return logsigmoid_op(x); }
Tensor gelu(const Arg& x) { return gelu_op(x); }
Tensor gelu_tanh(const Arg& x) { return gelu_tanh_op(x); }
Tensor leaky_relu(const Arg& x, double negative_slope) { return leaky_relu_op("leaky_relu", negative_slope)(x); }
Tensor rrelu(const Arg& x, double lower, double upper, bool training) {
  const Here here = x.here();
  check<ValueError>(lower <= upper, here, "rrelu: expected lower <= upper, got {} and {}", lower, upper);
  if (!training) return leaky_relu_op("rrelu", (lower + upper) / 2)(x);
  const Tensor slopes = make_tensor(x->sizes(), x->is_floating_point() ? x->dtype() : get_default_dtype());
  slopes.uniform_(lower, upper, here);
  return apply(prelu_op.call("rrelu"), {x.tensor(), here}, {slopes, here});
}
Tensor elu(const Arg& x, double alpha) { return elu_op("elu", alpha, 1, 1)(x); }
Tensor celu(const Arg& x, double alpha) {
  check<ValueError>(alpha != 0, x.here(), "celu: expected alpha other than 0, got 0");
  return elu_op("celu", alpha, alpha, 1)(x);
}
Tensor selu(const Arg& x) { return elu_op("selu", selu_alpha, 1, selu_scale)(x); }
Tensor softplus(const Arg& x, double beta, double threshold) {
  check<ValueError>(beta != 0, x.here(), "softplus: expected beta other than 0, got 0");
  return softplus_op(beta, threshold)(x);
}

Tensor hardsigmoid(const Arg& x) { return hardsigmoid_op(x); }
Tensor hardswish(const Arg& x) { return hardswish_op(x); }
Tensor hardtanh(const Arg& x, double min_val, double max_val) {
  check<ValueError>(min_val <= max_val, x.here(), "hardtanh: expected min_val <= max_val, got {} and {}", min_val,
                    max_val);
  return hardtanh_op("hardtanh", min_val, max_val)(x);
}
Tensor relu6(const Arg& x) { return hardtanh_op("relu6", 0, 6)(x); }
Tensor hardshrink(const Arg& x, double lambd) { return hardshrink_op(lambd)(x); }
Tensor softshrink(const Arg& x, double lambd) {
  check<ValueError>(lambd >= 0, x.here(), "softshrink: expected lambd of at least 0, got {}", lambd);
  return softshrink_op(lambd)(x);
}
Tensor threshold(const Arg& x, double threshold, double value) { return threshold_op(threshold, value)(x); }
Tensor softsign(const Arg& x) { return softsign_op(x); }
Tensor tanhshrink(const Arg& x) { return tanhshrink_op(x); }
Tensor mish(const Arg& x) { return mish_op(x); }

Tensor prelu(const Arg& x, const Arg& weight) {
  const Here here = x.here();
  const std::int64_t channels = x->dim() > 1 ? x->size(1) : 1;
  check<ShapeError>(weight->dim() <= 1 && (weight->numel() == 1 || weight->numel() == channels), here,
                    "prelu: expected weight to be [1] or [{}], one per channel of x {}, got {}", channels, x->sizes(),
                    weight->sizes());
  check<DtypeError>(!x->is_floating_point() || weight->dtype() == x->dtype(), here, "prelu: x is {}, weight is {}",
                    x->dtype(), weight->dtype());
  if (weight->numel() == 1) return prelu_op({x.tensor(), here}, {weight->reshape({}, here), here});
  Shape shape(static_cast<std::size_t>(x->dim()), 1);
  shape[1] = channels;
  return prelu_op({x.tensor(), here}, {weight->reshape(shape, here), here});
}
Tensor glu(const Arg& x, std::int64_t dim) {
  const Here here = x.here();
  check<ShapeError>(x->dim() > 0, here, "glu: expected at least one dimension, x is []");
  dim = wrap_dim("glu", dim, x->dim(), here);
  const std::int64_t half = x->size(dim) / 2;
  check<ShapeError>(2 * half == x->size(dim), here, "glu: expected an even size of dimension {}, x is {}", dim,
                    x->sizes());
  return glu_op({x->narrow(dim, 0, half, here), here}, {x->narrow(dim, half, half, here), here});
}

Tensor Tensor::sigmoid(Here here) const { return xgrad::sigmoid({*this, here}); }
Tensor Tensor::relu(Here here) const { return xgrad::relu({*this, here}); }
Tensor Tensor::sigmoid_(Here here) const { return apply_inplace("sigmoid_", sigmoid_op.call(), *this, here); }
Tensor Tensor::relu_(Here here) const { return apply_inplace("relu_", relu_op.call(), *this, here); }

}  // namespace xgrad
