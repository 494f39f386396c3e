#include <xgrad/ops/arithmetic.hpp>
#include <xgrad/ops/compare.hpp>
#include <xgrad/ops/likelihood_loss.hpp>
#include <xgrad/ops/pointwise.hpp>

#include <cmath>

#include "core/dispatch.hpp"
#include "core/tensor_impl.hpp"
#include "ops/loss_common.hpp"

namespace xgrad {

namespace detail {
namespace {

// e^x - t x: slopes e^x - t and -x.
constexpr auto poisson_log_op = binary<real>(
    "poisson_nll_loss", [](auto v, auto t) { return exp(v) - t * v; },
    of<a, b>([](auto g, auto v, auto t) { return g * (exp(v) - t); }), of<a>([](auto g, auto v) { return -g * v; }));
// x - t log(x + eps): slopes 1 - t / (x + eps) and -log(x + eps).
auto poisson_op(double eps) {
  return binary<real>(
      "poisson_nll_loss", [eps](auto v, auto t) { return v - t * log(v + eps); },
      of<a, b>([eps](auto g, auto v, auto t) { return g * (1 - t / (v + eps)); }),
      of<a>([eps](auto g, auto v) { return -g * log(v + eps); }));
}
// t log t - t + log(2 pi t) / 2 where t > 1: slope log t + 1 / (2 t). Elsewhere the logarithms are of 1.
constexpr auto stirling_op = unary<real>(
    "poisson_nll_loss", [](auto t) { return where(t <= 1, 0, t * log(t) - t + 0.5 * log((2 * M_PI) * t)); },
    of<x>([](auto g, auto t) {
      const auto above = where(t <= 1, 1, t);
      return where(t <= 1, 0, g * (log(above) + 0.5 / above));
    }));

// Of d = x - t and the variance v: (log v + d^2 / v) / 2; slopes d / v and (1 - d^2 / v) / (2 v).
auto gaussian_op(double constant) {
  return binary<real>(
      "gaussian_nll_loss", [constant](auto d, auto v) { return 0.5 * (log(v) + d * d / v) + constant; },
      of<a, b>([](auto g, auto d, auto v) { return g * (d / v); }),
      of<a, b>([](auto g, auto d, auto v) { return g * (0.5 * (1 - d * d / v) / v); }));
}

Tensor floating_target(const char* op, const Arg& input, const Arg& target) {
  const Here here = input.here();
  check_floating(op, input.tensor(), here);
  const Tensor t = target->is_floating_point() ? target.tensor() : target->to(input->dtype(), here);
  check_same_dtype(op, input.tensor(), t, here);
  return t;
}

// With a last dimension to broadcast where it has none.
Tensor checked_variance(const char* op, const Arg& input, const Arg& var) {
  const Here here = input.here();
  check_same_dtype(op, input.tensor(), var.tensor(), here);
  Tensor v = var.tensor();
  if (v.sizes() != input->sizes()) {
    Shape rows = input->sizes();
    const bool has_rows = !rows.empty();
    if (has_rows) rows.erase(rows.size() - 1);
    if (has_rows && v.sizes() == rows) v = v.unsqueeze(-1, here);
    rows.push_back(1);
    check<ShapeError>(has_rows && v.sizes() == rows, here,
                      "{}: expected var of the input's shape, or with 1 or nothing as its last dimension, input is {}, "
                      "var is {}",
                      op, input->sizes(), var->sizes());
  }
  const Tensor values = dense(v);
  dispatch_floating(values.dtype(), [&]<class T>() {
    for (std::int64_t i = 0; i < values.numel(); ++i)
      check<ValueError>(!(data<T>(values)[i] < 0), here, "{}: expected var of at least 0, element {} is {}", op, i,
                        data<T>(values)[i]);
  });
  return v;
}

}  // namespace
}  // namespace detail

using namespace detail;

Tensor poisson_nll_loss(const Arg& input, const Arg& target, const PoissonNllLossOptions& options) {
  const char* op = "poisson_nll_loss";
  const Here here = input.here();
  check_reduction(op, options.reduction, here);
  const Tensor t = floating_target(op, input, target);
  const Operand v{input.tensor(), here}, w{t, here};
  Tensor losses = options.log_input ? poisson_log_op(v, w) : poisson_op(options.eps)(v, w);
  if (options.full) losses = losses.add({stirling_op({t, here}), here});
  return reduced(losses, options.reduction, here);
}

Tensor gaussian_nll_loss(const Arg& input, const Arg& target, const Arg& var, const GaussianNllLossOptions& options) {
  const char* op = "gaussian_nll_loss";
  const Here here = input.here();
  check_reduction(op, options.reduction, here);
  const Tensor t = floating_target(op, input, target);
  broadcast_shapes(op, input->sizes(), t.sizes(), here);
  const Tensor v = raised(op, checked_variance(op, input, var), options.eps, here);
  const Tensor difference = input->sub({t, here});
  const double constant = options.full ? 0.5 * std::log(2 * M_PI) : 0;
  return reduced(gaussian_op(constant)({difference, here}, {v, here}), options.reduction, here);
}

}  // namespace xgrad
