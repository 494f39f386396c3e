#include <cmath>

#include "core/check.hpp"
#include "core/dispatch.hpp"
#include "ops/pointwise_formula.hpp"

namespace xgrad {

namespace detail {
namespace {

constexpr auto neg_op = unary<numeric>(
    "neg", [](auto v) { return -v; }, of<>([](auto g) { return -g; }));
constexpr auto abs_op = unary<numeric>(
    "abs", [](auto v) { return abs(v); }, of<x>([](auto g, auto v) { return g * sign(v); }));
constexpr auto sign_op = unary<any>(
    "sign", [](auto v) { return sign(v); }, flat);
constexpr auto floor_op = unary<numeric>(
    "floor", [](auto v) { return floor(v); }, flat);
constexpr auto ceil_op = unary<numeric>(
    "ceil", [](auto v) { return ceil(v); }, flat);
constexpr auto round_op = unary<numeric>(
    "round", [](auto v) { return round(v); }, flat);
constexpr auto trunc_op = unary<numeric>(
    "trunc", [](auto v) { return trunc(v); }, flat);
auto nan_to_num_op(double nan, double posinf, double neginf) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  return unary<real>(
      "nan_to_num",
      [=](auto v) { return where(v == infinity, posinf, where(v == -infinity, neginf, where(v != v, nan, v))); },
      of<x>([](auto g, auto v) { return where(isfinite(v), g, 0); }));
}

}  // namespace
}  // namespace detail

using namespace detail;

Tensor neg(const Arg& x) { return neg_op(x); }
Tensor abs(const Arg& x) { return abs_op(x); }
Tensor sign(const Arg& x) { return sign_op(x); }
Tensor floor(const Arg& x) { return floor_op(x); }
Tensor ceil(const Arg& x) { return ceil_op(x); }
Tensor round(const Arg& x) { return round_op(x); }
// round(x 10^d) / 10^d, and where 10^d is a fraction, round(x / 10^-d) 10^-d, which is exact.
Tensor round(const Arg& x, std::int64_t decimals) {
  if (decimals == 0) return round_op(x);
  const Here here = x.here();
  check<DtypeError>(x->is_floating_point(), here, "round: expected a floating tensor for decimals = {}, got {}",
                    decimals, x->dtype());
  const Operand unit(std::pow(10.0, std::abs(static_cast<double>(decimals))), here);
  if (decimals > 0) return x->mul(unit).round(0, here).div(unit);
  return x->div(unit).round(0, here).mul(unit);
}
Tensor trunc(const Arg& x) { return trunc_op(x); }
Tensor nan_to_num(const Arg& x, double nan, std::optional<double> posinf, std::optional<double> neginf) {
  if (!x->is_floating_point()) return x->clone(x.here());
  const double largest =
      dispatch_floating(x->dtype(), []<class T>() -> double { return std::numeric_limits<T>::max(); });
  return nan_to_num_op(nan, posinf.value_or(largest), neginf.value_or(-largest))(x);
}
Tensor square(const Arg& x) { return square_op(x); }
Tensor operator-(const Operand& x) {
  return x.is_tensor() ? neg({x.tensor(), x.here()}) : mul(x, Operand(-1, x.here()));
}

Tensor Tensor::neg(Here here) const { return xgrad::neg({*this, here}); }
Tensor Tensor::abs(Here here) const { return xgrad::abs({*this, here}); }
Tensor Tensor::sign(Here here) const { return xgrad::sign({*this, here}); }
Tensor Tensor::floor(Here here) const { return xgrad::floor({*this, here}); }
Tensor Tensor::ceil(Here here) const { return xgrad::ceil({*this, here}); }
Tensor Tensor::round(std::int64_t decimals, Here here) const { return xgrad::round({*this, here}, decimals); }
Tensor Tensor::trunc(Here here) const { return xgrad::trunc({*this, here}); }
Tensor Tensor::square(Here here) const { return xgrad::square({*this, here}); }

Tensor Tensor::neg_(Here here) const { return apply_inplace("neg_", neg_op.call(), *this, here); }
Tensor Tensor::abs_(Here here) const { return apply_inplace("abs_", abs_op.call(), *this, here); }

}  // namespace xgrad
