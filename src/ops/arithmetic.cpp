#include <xgrad/ops/arithmetic.hpp>

#include <algorithm>

#include "core/check.hpp"
#include "core/tensor_impl.hpp"
#include "kernels/pointwise.hpp"
#include "ops/pointwise_formula.hpp"

namespace xgrad {

namespace detail {
namespace {

constexpr auto add_op = binary<any>(
    "add", [](auto v, auto w) { return v + w; }, pass, pass);
constexpr auto sub_op = binary<numeric>(
    "sub", [](auto v, auto w) { return v - w; }, pass, of<>([](auto g) { return -g; }));
constexpr auto mul_op = binary<any>(
    "mul", [](auto v, auto w) { return v * w; }, of<b>([](auto g, auto w) { return g * w; }),
    of<a>([](auto g, auto v) { return g * v; }));
constexpr auto div_op = binary<real>(
    "div", [](auto v, auto w) { return v / w; }, of<b>(over([](auto w) { return w; })),
    of<a, b>(times([](auto v, auto w) { return -(v / w / w); })));
constexpr auto pow_op = binary<numeric>(
    "pow", [](auto v, auto w) { return pow(v, w); },
    of<a, b>(times([](auto v, auto w) { return w * pow(where(w != 0 || abs(v) > 0, v, 1), w - 1); })),
    of<a, b, y>(times([](auto v, auto w, auto u) { return u * log(where(v == 0 && w >= 0, 1, v)); })));
constexpr auto fmod_op = binary<numeric>(
    "fmod", [](auto v, auto w) { return fmod(v, w); }, pass,
    of<a, b>(times([](auto v, auto w) { return -trunc(v / w); })));
constexpr auto remainder_op = binary<numeric>(
    "remainder", [](auto v, auto w) { return remainder(v, w); }, pass,
    of<a, b>(times([](auto v, auto w) { return -floor(v / w); })));
constexpr auto maximum_op = binary<any>(
    "maximum", [](auto v, auto w) { return maximum(v, w); },
    of<a, b>([](auto g, auto v, auto w) { return where(v == w, g * 0.5, where(v < w, 0, g)); }),
    of<a, b>([](auto g, auto v, auto w) { return where(v == w, g * 0.5, where(w < v, 0, g)); }));
constexpr auto minimum_op = binary<any>(
    "minimum", [](auto v, auto w) { return minimum(v, w); },
    of<a, b>([](auto g, auto v, auto w) { return where(v == w, g * 0.5, where(v > w, 0, g)); }),
    of<a, b>([](auto g, auto v, auto w) { return where(v == w, g * 0.5, where(w > v, 0, g)); }));
// With r^2 = y^2 + x^2: x / r^2 and -y / r^2; at the origin, where there is no angle, not a number.
constexpr auto atan2_op = binary<real>(
    "atan2", [](auto v, auto w) { return atan2(v, w); },
    of<a, b>(times([](auto v, auto w) { return w / (v * v + w * w); })),
    of<a, b>(times([](auto v, auto w) { return -(v / (v * v + w * w)); })));
constexpr auto hypot_op = binary<real>(
    "hypot", [](auto v, auto w) { return hypot(v, w); },
    of<a, y>([](auto g, auto v, auto u) { return where(u == 0, 0, g * (v / u)); }),
    of<b, y>([](auto g, auto w, auto u) { return where(u == 0, 0, g * (w / u)); }));

auto scaled_add_op(Scalar alpha) {
  return binary<any>(
      "add", [alpha](auto v, auto w) { return v + number<decltype(w)>(alpha) * w; }, pass,
      of<>([alpha](auto g) { return number<decltype(g)>(alpha) * g; }));
}
auto scaled_sub_op(Scalar alpha) {
  return binary<numeric>(
      "sub", [alpha](auto v, auto w) { return v - number<decltype(w)>(alpha) * w; }, pass,
      of<>([alpha](auto g) { return -(number<decltype(g)>(alpha) * g); }));
}
auto power_op(Scalar e) {
  return unary<numeric>(
      "pow", [e](auto v) { return pow(v, number<decltype(v)>(e)); }, of<x>([n = e.to<double>()](auto g, auto v) {
        return n == 0 ? flat.f(g) : times([n](auto u) { return n * pow(u, n - 1); })(g, v);
      }));
}

bool is_one(Scalar alpha) { return alpha.to<double>() == 1; }

void check_alpha(const char* name, const Operand& v, const Operand& w, Scalar alpha) {
  if (!alpha.is_floating_point()) return;
  check<ValueError>(is_floating_point(promote(name, v, w, v.here())), v.here(),
                    "{}: alpha is floating, the operands are not; use an integer alpha", name);
}

bool is_integer(const Operand& v) {
  return v.is_tensor() ? !is_floating_point(impl(v.tensor()).dtype) : !v.scalar().is_floating_point();
}

// Whether an int64 operand has an element that `bad` holds for.
template <class Bad>
bool any_integer(const Operand& v, Bad&& bad) {
  if (!v.is_tensor()) return bad(v.scalar().to<std::int64_t>());
  const Tensor values = dense(v.tensor().to(Dtype::int64, v.here()));
  const std::int64_t* at = data<std::int64_t>(values);
  return std::any_of(at, at + impl(values).numel, bad);
}

// Division of integers has no infinity to give.
void check_divisor(const char* name, const Operand& v, const Operand& w) {
  if (!is_integer(v) || !is_integer(w)) return;
  check<ValueError>(!any_integer(w, [](std::int64_t n) { return n == 0; }), v.here(),
                    "{}: expected integer divisors other than 0, got 0; convert to a floating dtype", name);
}
void check_exponent(const char* name, const Operand& v, const Operand& w) {
  if (!is_integer(v) || !is_integer(w)) return;
  check<ValueError>(!any_integer(w, [](std::int64_t n) { return n < 0; }), v.here(),
                    "{}: expected integer exponents of at least 0, got a negative one; convert to a floating dtype",
                    name);
}

bool is_bool(const Operand& v) {
  return v.is_tensor() ? impl(v.tensor()).dtype == Dtype::boolean : v.scalar().kind() == Scalar::Kind::boolean;
}

}  // namespace
}  // namespace detail

using namespace detail;

Tensor add(const Operand& a, const Operand& b, Scalar alpha) {
  if (is_one(alpha)) return add_op(a, b);
  check_alpha("add", a, b, alpha);
  return scaled_add_op(alpha)(a, b);
}
Tensor sub(const Operand& a, const Operand& b, Scalar alpha) {
  if (is_one(alpha)) return sub_op(a, b);
  check_alpha("sub", a, b, alpha);
  return scaled_sub_op(alpha)(a, b);
}
Tensor mul(const Operand& a, const Operand& b) {
  // The square reads and saves its operand once.
  if (a.is_tensor() && b.is_tensor() && a.tensor().is_same(b.tensor()) && is_floating_point(impl(a.tensor()).dtype))
    return apply(square_op.call("mul"), a.tensor(), a.here());
  return mul_op(a, b);
}
Tensor div(const Operand& a, const Operand& b) { return div_op(a, b); }
Tensor pow(const Operand& a, const Operand& b) {
  check_exponent("pow", a, b);
  if (is_bool(a) && is_bool(b))
    return pow(a.is_tensor() ? Operand(a.tensor().to(Dtype::int64, a.here()), a.here()) : a, b);
  if (!a.is_tensor() || b.is_tensor() || promote("pow", a, b, a.here()) != impl(a.tensor()).dtype) return pow_op(a, b);
  return apply(power_op(b.scalar()).call(), a.tensor(), a.here());
}
Tensor fmod(const Operand& a, const Operand& b) {
  check_divisor("fmod", a, b);
  return fmod_op(a, b);
}
Tensor remainder(const Operand& a, const Operand& b) {
  check_divisor("remainder", a, b);
  return remainder_op(a, b);
}
Tensor maximum(const Operand& a, const Operand& b) { return maximum_op(a, b); }
Tensor minimum(const Operand& a, const Operand& b) { return minimum_op(a, b); }
Tensor atan2(const Operand& y, const Operand& x) { return atan2_op(y, x); }
Tensor hypot(const Operand& a, const Operand& b) { return hypot_op(a, b); }

Tensor Tensor::add(const Operand& other, Scalar alpha) const { return xgrad::add({*this, other.here()}, other, alpha); }
Tensor Tensor::sub(const Operand& other, Scalar alpha) const { return xgrad::sub({*this, other.here()}, other, alpha); }
Tensor Tensor::mul(const Operand& other) const { return xgrad::mul({*this, other.here()}, other); }
Tensor Tensor::div(const Operand& other) const { return xgrad::div({*this, other.here()}, other); }
Tensor Tensor::pow(const Operand& exponent) const { return xgrad::pow({*this, exponent.here()}, exponent); }
Tensor Tensor::fmod(const Operand& other) const { return xgrad::fmod({*this, other.here()}, other); }
Tensor Tensor::remainder(const Operand& other) const { return xgrad::remainder({*this, other.here()}, other); }
Tensor Tensor::maximum(const Operand& other) const { return xgrad::maximum({*this, other.here()}, other); }
Tensor Tensor::minimum(const Operand& other) const { return xgrad::minimum({*this, other.here()}, other); }

Tensor operator+(const Operand& a, const Operand& b) { return add_op(a, b); }
Tensor operator-(const Operand& a, const Operand& b) { return sub_op(a, b); }
Tensor operator*(const Operand& a, const Operand& b) { return mul(a, b); }
Tensor operator/(const Operand& a, const Operand& b) { return div_op(a, b); }

Tensor Tensor::add_(const Operand& other, Scalar alpha) const {
  if (is_one(alpha)) return apply_inplace("add_", add_op.call(), *this, other);
  check_alpha("add_", {*this, other.here()}, other, alpha);
  const auto op = scaled_add_op(alpha);
  return apply_inplace("add_", op.call(), *this, other);
}
Tensor Tensor::sub_(const Operand& other, Scalar alpha) const {
  if (is_one(alpha)) return apply_inplace("sub_", sub_op.call(), *this, other);
  check_alpha("sub_", {*this, other.here()}, other, alpha);
  const auto op = scaled_sub_op(alpha);
  return apply_inplace("sub_", op.call(), *this, other);
}
Tensor Tensor::mul_(const Operand& other) const { return apply_inplace("mul_", mul_op.call(), *this, other); }
Tensor Tensor::div_(const Operand& other) const { return apply_inplace("div_", div_op.call(), *this, other); }
Tensor Tensor::pow_(const Operand& exponent) const {
  check_exponent("pow_", {*this, exponent.here()}, exponent);
  if (exponent.is_tensor()) return apply_inplace("pow_", pow_op.call(), *this, exponent);
  if (is_integer({*this, exponent.here()}) && exponent.scalar().is_floating_point())
    return apply_inplace("pow_", pow_op.call(), *this, exponent);
  const auto op = power_op(exponent.scalar());
  return apply_inplace("pow_", op.call(), *this, exponent.here());
}
Tensor Tensor::operator+=(const Operand& other) const { return add_(other); }
Tensor Tensor::operator-=(const Operand& other) const { return sub_(other); }
Tensor Tensor::operator*=(const Operand& other) const { return mul_(other); }
Tensor Tensor::operator/=(const Operand& other) const { return div_(other); }

}  // namespace xgrad
