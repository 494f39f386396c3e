#pragma once

// Dual numbers over Lanes: a value with the slopes along N directions, carried through the functions of lanes.hpp.
//
//   using V = Lanes<float>;
//   auto x = Dual<V, 2>::variable(V::load(px), 0), y = Dual<V, 2>::variable(V::load(py), 1);
//   auto z = x * exp(-y);  // z.value; z.slope[0] = dz/dx, z.slope[1] = dz/dy
//
// Where a function has no derivative the slope is PyTorch's: 0 for relu, abs at 0, for sign, floor, ceil, round and
// trunc everywhere; maximum and minimum of equal arguments give half to each; clamp passes the slope at its bounds;
// pow has slope 0 in the base where the exponent is 0, and in the exponent where the base is 0 and the exponent >= 0.
// An infinite derivative times a slope of exactly 0 is 0, so directions that do not reach an argument stay 0.

#include <xgrad/lanes.hpp>

#include <array>
#include <cstddef>
#include <type_traits>
#include <utility>

namespace xgrad {

namespace detail {

/// What enters a formula without a slope: numbers and Lanes.
template <class C, class V>
concept DualConstant = std::is_arithmetic_v<C> || std::is_same_v<C, V>;

}  // namespace detail

/// A value of type V, which is Lanes, and its derivatives along N directions.
template <class V, std::size_t N>
class Dual {
  static_assert(N > 0, "Dual needs a direction");
  using D = Dual;
  using M = typename V::mask_type;
  using T = typename V::value_type;

 public:
  using value_type = T;

  V value;
  std::array<V, N> slope;

  Dual() = default;

  /// A constant: every slope is 0.
  template <class C>
  requires detail::DualConstant<C, V> XGRAD_LANES_INLINE Dual(C constant) : value(constant) { slope.fill(V(0)); }

  /// The variable of one direction: slope 1 there, 0 along the others.
  static XGRAD_LANES_INLINE D variable(V value, std::size_t direction) {
    D x = value;
    x.slope[direction] = V(1);
    return x;
  }

  // Comparisons look at values.
  friend XGRAD_LANES_INLINE M operator<(const D& a, const D& b) { return a.value < b.value; }
  friend XGRAD_LANES_INLINE M operator<=(const D& a, const D& b) { return a.value <= b.value; }
  friend XGRAD_LANES_INLINE M operator>(const D& a, const D& b) { return a.value > b.value; }
  friend XGRAD_LANES_INLINE M operator>=(const D& a, const D& b) { return a.value >= b.value; }
  friend XGRAD_LANES_INLINE M operator==(const D& a, const D& b) { return a.value == b.value; }
  friend XGRAD_LANES_INLINE M operator!=(const D& a, const D& b) { return a.value != b.value; }
  friend XGRAD_LANES_INLINE M isnan(const D& x) { return isnan(x.value); }
  friend XGRAD_LANES_INLINE M isinf(const D& x) { return isinf(x.value); }
  friend XGRAD_LANES_INLINE M isfinite(const D& x) { return isfinite(x.value); }

  /// Value and slopes of a where the mask holds, of b elsewhere.
  friend XGRAD_LANES_INLINE D where(M mask, const D& a, const D& b) {
    return made(where(mask, a.value, b.value), [&](std::size_t i) { return where(mask, a.slope[i], b.slope[i]); });
  }

  // Arithmetic.
  friend XGRAD_LANES_INLINE D operator+(const D& a) { return a; }
  friend XGRAD_LANES_INLINE D operator-(const D& a) {
    return made(-a.value, [&](std::size_t i) { return -a.slope[i]; });
  }
  friend XGRAD_LANES_INLINE D operator+(const D& a, const D& b) {
    return made(a.value + b.value, [&](std::size_t i) { return a.slope[i] + b.slope[i]; });
  }
  friend XGRAD_LANES_INLINE D operator-(const D& a, const D& b) {
    return made(a.value - b.value, [&](std::size_t i) { return a.slope[i] - b.slope[i]; });
  }
  friend XGRAD_LANES_INLINE D operator*(const D& a, const D& b) {
    return joined(a.value * b.value, b.value, a, a.value, b);
  }
  friend XGRAD_LANES_INLINE D operator/(const D& a, const D& b) {
    const V r = 1 / b.value;
    const V q = a.value / b.value;
    return joined(q, r, a, -q * r, b);
  }

  // The same with a constant, which has no slopes to multiply.
  template <class C>
  requires detail::DualConstant<C, V>
  friend XGRAD_LANES_INLINE D operator+(const D& a, C b) { return {a.value + V(b), a.slope}; }
  template <class C>
  requires detail::DualConstant<C, V>
  friend XGRAD_LANES_INLINE D operator+(C a, const D& b) { return {V(a) + b.value, b.slope}; }
  template <class C>
  requires detail::DualConstant<C, V>
  friend XGRAD_LANES_INLINE D operator-(const D& a, C b) { return {a.value - V(b), a.slope}; }
  template <class C>
  requires detail::DualConstant<C, V>
  friend XGRAD_LANES_INLINE D operator-(C a, const D& b) {
    return made(V(a) - b.value, [&](std::size_t i) { return -b.slope[i]; });
  }
  template <class C>
  requires detail::DualConstant<C, V>
  friend XGRAD_LANES_INLINE D operator*(const D& a, C b) { return chained(a.value * V(b), V(b), a); }
  template <class C>
  requires detail::DualConstant<C, V>
  friend XGRAD_LANES_INLINE D operator*(C a, const D& b) { return chained(V(a) * b.value, V(a), b); }
  template <class C>
  requires detail::DualConstant<C, V>
  friend XGRAD_LANES_INLINE D operator/(const D& a, C b) { return chained(a.value / V(b), 1 / V(b), a); }
  template <class C>
  requires detail::DualConstant<C, V>
  friend XGRAD_LANES_INLINE D operator/(C a, const D& b) {
    const V q = V(a) / b.value;
    return chained(q, -q / b.value, b);
  }
  template <class C>
  friend XGRAD_LANES_INLINE D& operator+=(D& a, const C& b) {
    return a = a + b;
  }
  template <class C>
  friend XGRAD_LANES_INLINE D& operator-=(D& a, const C& b) {
    return a = a - b;
  }
  template <class C>
  friend XGRAD_LANES_INLINE D& operator*=(D& a, const C& b) {
    return a = a * b;
  }
  template <class C>
  friend XGRAD_LANES_INLINE D& operator/=(D& a, const C& b) {
    return a = a / b;
  }

  // Functions with corners and steps.
  friend XGRAD_LANES_INLINE D abs(const D& x) { return bounded(abs(x.value), sign(x.value), x); }
  friend XGRAD_LANES_INLINE D sign(const D& x) { return sign(x.value); }
  friend XGRAD_LANES_INLINE D floor(const D& x) { return floor(x.value); }
  friend XGRAD_LANES_INLINE D ceil(const D& x) { return ceil(x.value); }
  friend XGRAD_LANES_INLINE D round(const D& x) { return round(x.value); }
  friend XGRAD_LANES_INLINE D trunc(const D& x) { return trunc(x.value); }
  friend XGRAD_LANES_INLINE D relu(const D& x) {
    return made(relu(x.value), [&](std::size_t i) { return where(x.value <= 0, V(0), x.slope[i]); });
  }
  friend XGRAD_LANES_INLINE D maximum(const D& a, const D& b) {
    return chosen(maximum(a.value, b.value), a.value<b.value, a, a.value> b.value, b);
  }
  friend XGRAD_LANES_INLINE D minimum(const D& a, const D& b) {
    return chosen(minimum(a.value, b.value), a.value > b.value, a, a.value < b.value, b);
  }
  /// x between its bounds and at them, the bound outside; the upper bound if they are crossed.
  friend XGRAD_LANES_INLINE D clamp(const D& x, const D& low, const D& high) {
    const M inside = x.value >= low.value && x.value <= high.value;
    const M below = x.value < low.value && low.value < high.value;
    const M above = x.value > high.value || high.value < low.value;
    return made(clamp(x.value, low.value, high.value), [&](std::size_t i) {
      return where(above, high.slope[i], where(below, low.slope[i], where(inside, x.slope[i], V(0))));
    });
  }
  friend XGRAD_LANES_INLINE D fmod(const D& a, const D& b) {
    return joined(fmod(a.value, b.value), V(1), a, -trunc(a.value / b.value), b);
  }
  friend XGRAD_LANES_INLINE D remainder(const D& a, const D& b) {
    return joined(remainder(a.value, b.value), V(1), a, -floor(a.value / b.value), b);
  }

  // Powers and roots.
  friend XGRAD_LANES_INLINE D square(const D& x) { return chained(square(x.value), 2 * x.value, x); }
  friend XGRAD_LANES_INLINE D reciprocal(const D& x) {
    const V y = reciprocal(x.value);
    return chained(y, -y * y, x);
  }
  friend XGRAD_LANES_INLINE D sqrt(const D& x) {
    const V y = sqrt(x.value);
    return chained(y, T(0.5) / y, x);
  }
  friend XGRAD_LANES_INLINE D rsqrt(const D& x) {
    const V y = rsqrt(x.value);
    return chained(y, T(-0.5) * y / x.value, x);
  }
  friend XGRAD_LANES_INLINE D pow(const D& base, const D& exponent) {
    const V y = pow(base.value, exponent.value);
    return joined(y, power_slope(base.value, exponent.value), base, exponent_slope(base.value, exponent.value, y),
                  exponent);
  }
  template <class C>
  requires detail::DualConstant<C, V>
  friend XGRAD_LANES_INLINE D pow(const D& base, C exponent) {
    return chained(pow(base.value, exponent), power_slope(base.value, exponent), base);
  }
  template <class C>
  requires detail::DualConstant<C, V>
  friend XGRAD_LANES_INLINE D pow(C base, const D& exponent) {
    const V y = pow(V(base), exponent.value);
    return chained(y, exponent_slope(V(base), exponent.value, y), exponent);
  }
  friend XGRAD_LANES_INLINE D hypot(const D& a, const D& b) {
    const V y = hypot(a.value, b.value);
    return joined(y, a.value / y, a, b.value / y, b);
  }

  // Exponentials and logarithms.
  friend XGRAD_LANES_INLINE D exp(const D& x) {
    const V y = exp(x.value);
    return chained(y, y, x);
  }
  friend XGRAD_LANES_INLINE D exp2(const D& x) {
    const V y = exp2(x.value);
    return chained(y, y * kLog2, x);
  }
  friend XGRAD_LANES_INLINE D expm1(const D& x) { return chained(expm1(x.value), exp(x.value), x); }
  friend XGRAD_LANES_INLINE D log(const D& x) { return chained(log(x.value), 1 / x.value, x); }
  friend XGRAD_LANES_INLINE D log2(const D& x) { return chained(log2(x.value), 1 / (x.value * kLog2), x); }
  friend XGRAD_LANES_INLINE D log10(const D& x) { return chained(log10(x.value), 1 / (x.value * kLog10), x); }
  friend XGRAD_LANES_INLINE D log1p(const D& x) { return chained(log1p(x.value), 1 / (1 + x.value), x); }

  // Trigonometric and hyperbolic functions.
  friend XGRAD_LANES_INLINE D sin(const D& x) { return bounded(sin(x.value), cos(x.value), x); }
  friend XGRAD_LANES_INLINE D cos(const D& x) { return bounded(cos(x.value), -sin(x.value), x); }
  friend XGRAD_LANES_INLINE D tan(const D& x) {
    const V y = tan(x.value);
    return chained(y, 1 + y * y, x);
  }
  friend XGRAD_LANES_INLINE D asin(const D& x) {
    return chained(asin(x.value), rsqrt((1 - x.value) * (1 + x.value)), x);
  }
  friend XGRAD_LANES_INLINE D acos(const D& x) {
    return chained(acos(x.value), -rsqrt((1 - x.value) * (1 + x.value)), x);
  }
  friend XGRAD_LANES_INLINE D atan(const D& x) { return bounded(atan(x.value), 1 / (1 + x.value * x.value), x); }
  friend XGRAD_LANES_INLINE D atan2(const D& y, const D& x) {
    const V r = 1 / (x.value * x.value + y.value * y.value);
    return joined(atan2(y.value, x.value), x.value * r, y, -y.value * r, x);
  }
  friend XGRAD_LANES_INLINE D sinh(const D& x) { return chained(sinh(x.value), cosh(x.value), x); }
  friend XGRAD_LANES_INLINE D cosh(const D& x) { return chained(cosh(x.value), sinh(x.value), x); }
  friend XGRAD_LANES_INLINE D tanh(const D& x) {
    const V y = tanh(x.value);
    return bounded(y, 1 - y * y, x);
  }
  friend XGRAD_LANES_INLINE D asinh(const D& x) { return bounded(asinh(x.value), 1 / hypot(x.value, V(1)), x); }
  friend XGRAD_LANES_INLINE D acosh(const D& x) {
    return chained(acosh(x.value), 1 / (sqrt(x.value - 1) * sqrt(x.value + 1)), x);
  }
  friend XGRAD_LANES_INLINE D atanh(const D& x) {
    return chained(atanh(x.value), 1 / ((1 - x.value) * (1 + x.value)), x);
  }

  // Special functions.
  friend XGRAD_LANES_INLINE D erf(const D& x) { return bounded(erf(x.value), gauss(x.value), x); }
  friend XGRAD_LANES_INLINE D erfc(const D& x) { return bounded(erfc(x.value), -gauss(x.value), x); }
  friend XGRAD_LANES_INLINE D lgamma(const D& x) { return chained(lgamma(x.value), digamma(x.value), x); }
  friend XGRAD_LANES_INLINE D digamma(const D& x) { return chained(digamma(x.value), trigamma(x.value), x); }

  // Activations.
  friend XGRAD_LANES_INLINE D sigmoid(const D& x) {
    const V e = exp(-abs(x.value));
    const V r = 1 / (1 + e);
    return bounded(where(x.value < 0, e, V(1)) * r, e * r * r, x);
  }
  friend XGRAD_LANES_INLINE D log_sigmoid(const D& x) { return bounded(log_sigmoid(x.value), sigmoid(-x.value), x); }
  friend XGRAD_LANES_INLINE D softplus(const D& x, T beta = 1, T threshold = 20) {
    const V scaled = x.value * beta;
    return bounded(softplus(x.value, beta, threshold), where(scaled > threshold, V(1), sigmoid(scaled)), x);
  }
  friend XGRAD_LANES_INLINE D silu(const D& x) {
    const V s = sigmoid(x.value);
    return chained(x.value * s, s * (1 + x.value * sigmoid(-x.value)), x);
  }
  friend XGRAD_LANES_INLINE D gelu(const D& x) {
    const V cumulative = T(0.5) * erfc(x.value * T(-0.70710678118654752440));
    const V density = exp(T(-0.5) * x.value * x.value) * T(0.39894228040143267794);
    return chained(gelu(x.value), cumulative + x.value * density, x);
  }

 private:
  static constexpr T kLog2 = T(0.69314718055994530942);
  static constexpr T kLog10 = T(2.30258509299404568402);

  XGRAD_LANES_INLINE Dual(V v, const std::array<V, N>& s) : value(v), slope(s) {}

  /// f(i) for each direction, unrolled, so that the slopes stay in registers.
  template <class F>
  static XGRAD_LANES_INLINE D made(V value, F f) {
    return made(value, f, std::make_index_sequence<N>());
  }
  template <class F, std::size_t... I>
  static XGRAD_LANES_INLINE D made(V value, F f, std::index_sequence<I...>) {
    return {value, {f(I)...}};
  }

  static XGRAD_LANES_INLINE V times(V derivative, V slope) { return where(slope == 0, V(0), derivative * slope); }

  /// The chain rule; `bounded` where the derivative is finite for every argument but NaN.
  static XGRAD_LANES_INLINE D chained(V value, V derivative, const D& x) {
    return made(value, [&](std::size_t i) { return times(derivative, x.slope[i]); });
  }
  static XGRAD_LANES_INLINE D bounded(V value, V derivative, const D& x) {
    return made(value, [&](std::size_t i) { return derivative * x.slope[i]; });
  }
  static XGRAD_LANES_INLINE D joined(V value, V by_a, const D& a, V by_b, const D& b) {
    return made(value, [&](std::size_t i) { return times(by_a, a.slope[i]) + times(by_b, b.slope[i]); });
  }

  /// Drops the slope of an argument not taken; equal ones give half each.
  static XGRAD_LANES_INLINE D chosen(V value, M drop_a, const D& a, M drop_b, const D& b) {
    const V share = where(a.value == b.value, V(T(0.5)), V(1));
    return made(value, [&](std::size_t i) {
      return where(drop_a, V(0), share * a.slope[i]) + where(drop_b, V(0), share * b.slope[i]);
    });
  }

  static XGRAD_LANES_INLINE V power_slope(V base, V exponent) {
    return where(exponent == 0, V(0), exponent * pow(base, exponent - 1));
  }
  template <class C>
  requires std::is_arithmetic_v<C>
  static XGRAD_LANES_INLINE V power_slope(V base, C exponent) {
    const T y = static_cast<T>(exponent);
    return y == 0 ? V(0) : y * pow(base, y - 1);
  }
  static XGRAD_LANES_INLINE V exponent_slope(V base, V exponent, V power) {
    return where(base == 0 && exponent >= 0, V(0), power * log(base));
  }

  /// The derivative of erf.
  static XGRAD_LANES_INLINE V gauss(V x) { return T(1.12837916709551257390) * exp(-x * x); }
};

}  // namespace xgrad
