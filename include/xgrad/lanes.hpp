#pragma once

// Lanes is what a pointwise formula sees: a few elements at once, with the functions below and nothing else. The same
// formula compiles for Lanes, for Dual numbers over Lanes and for Tensor; where(mask, a, b) takes the place of `if`.
//
//   auto f = [](auto x, auto beta) { using std::exp; return x / (1 + exp(-beta * x)); };
//
// The functions are found by argument-dependent lookup; `using std::exp;` adds plain numbers to what a formula takes.
// Literals of any arithmetic type stand on either side of an operator or in any argument and take the value type.
// Results depend on the value of a lane only, never on its position or its neighbours. Special values (zeros of both
// signs, infinities, NaN, subnormals) give what std:: gives, or PyTorch where the two differ.
//
// This header includes xsimd; elementwise.hpp includes it, xgrad.hpp does not. What it defines is compiled with the
// flags of the file that includes it, hence the architecture in the types.

#include <xgrad/detail/lanes_core.hpp>

#include <cstddef>
#include <type_traits>

namespace xgrad {

template <class T, class Arch>
class Lanes;

/// One truth value per lane, the result of comparing Lanes: &&, ||, ! and where().
template <class T, class Arch = xsimd::default_arch>
class LaneMask {
 public:
  using batch_type = xsimd::batch_bool<T, Arch>;

  LaneMask() = default;
  XGRAD_LANES_INLINE explicit LaneMask(batch_type raw) : raw_(raw) {}
  XGRAD_LANES_INLINE LaneMask(bool all) : raw_(all) {}

  XGRAD_LANES_INLINE batch_type raw() const { return raw_; }

  /// Writes size bytes 0 or 1.
  XGRAD_LANES_INLINE void store(bool* out) const {
    // By way of numbers: compilers know to narrow a register of them, but not to spread the bits of a mask.
    T truths[Lanes<T, Arch>::size];
    where(*this, Lanes<T, Arch>(1), Lanes<T, Arch>(0)).store(truths);
    auto* bytes = reinterpret_cast<unsigned char*>(out);
    for (std::size_t i = 0; i < Lanes<T, Arch>::size; ++i)
      bytes[i] = static_cast<unsigned char>(static_cast<int>(truths[i]));
  }

  XGRAD_LANES_INLINE bool any() const { return xsimd::any(raw_); }
  XGRAD_LANES_INLINE bool all() const { return xsimd::all(raw_); }

  friend XGRAD_LANES_INLINE LaneMask operator&&(LaneMask a, LaneMask b) { return LaneMask(a.raw_ & b.raw_); }
  friend XGRAD_LANES_INLINE LaneMask operator||(LaneMask a, LaneMask b) { return LaneMask(a.raw_ | b.raw_); }
  friend XGRAD_LANES_INLINE LaneMask operator!(LaneMask a) { return LaneMask(!a.raw_); }

  /// a where the mask holds, b elsewhere; nothing of the lane not taken is seen, NaN included.
  friend XGRAD_LANES_INLINE Lanes<T, Arch> where(LaneMask mask, Lanes<T, Arch> a, Lanes<T, Arch> b) {
    return Lanes<T, Arch>(xsimd::select(mask.raw_, a.raw(), b.raw()));
  }

 private:
  batch_type raw_;
};

/// `size` values of type T (float or double), one per lane of a vector register.
template <class T, class Arch = xsimd::default_arch>
class Lanes {
  static_assert(std::is_same_v<T, float> || std::is_same_v<T, double>, "Lanes hold float or double");
  using L = Lanes;
  using M = LaneMask<T, Arch>;
  using Exp = detail::LaneExp<T, Arch>;
  using Log = detail::LaneLog<T, Arch>;
  using Pow = detail::LanePow<T, Arch>;
  using Trig = detail::LaneTrig<T, Arch>;
  using Erf = detail::LaneErf<T, Arch>;
  using Gamma = detail::LaneGamma<T, Arch>;
  using Rounding = detail::LaneRounding<T, Arch>;
  using Division = detail::LaneDivision<T, Arch>;

 public:
  using value_type = T;
  using arch_type = Arch;
  using batch_type = xsimd::batch<T, Arch>;
  using mask_type = M;
  static constexpr std::size_t size = batch_type::size;

  Lanes() = default;
  XGRAD_LANES_INLINE explicit Lanes(batch_type raw) : raw_(raw) {}

  /// The same value in every lane.
  template <class S>
  requires std::is_arithmetic_v<S> XGRAD_LANES_INLINE Lanes(S value) : raw_(static_cast<T>(value)) {}

  /// Reads size values; no alignment is needed.
  static XGRAD_LANES_INLINE L load(const T* in) { return L(batch_type::load_unaligned(in)); }
  /// Writes size values; no alignment is needed.
  XGRAD_LANES_INLINE void store(T* out) const { raw_.store_unaligned(out); }

  XGRAD_LANES_INLINE batch_type raw() const { return raw_; }

  // Arithmetic.
  friend XGRAD_LANES_INLINE L operator+(L a, L b) { return L(a.raw_ + b.raw_); }
  friend XGRAD_LANES_INLINE L operator-(L a, L b) { return L(a.raw_ - b.raw_); }
  friend XGRAD_LANES_INLINE L operator*(L a, L b) { return L(a.raw_ * b.raw_); }
  friend XGRAD_LANES_INLINE L operator/(L a, L b) { return L(a.raw_ / b.raw_); }
  friend XGRAD_LANES_INLINE L operator+(L a) { return a; }
  friend XGRAD_LANES_INLINE L operator-(L a) { return detail::flip_sign(a); }
  friend XGRAD_LANES_INLINE L& operator+=(L& a, L b) { return a = a + b; }
  friend XGRAD_LANES_INLINE L& operator-=(L& a, L b) { return a = a - b; }
  friend XGRAD_LANES_INLINE L& operator*=(L& a, L b) { return a = a * b; }
  friend XGRAD_LANES_INLINE L& operator/=(L& a, L b) { return a = a / b; }

  // Comparisons; with NaN on a side only != holds.
  friend XGRAD_LANES_INLINE M operator<(L a, L b) { return M(a.raw_ < b.raw_); }
  friend XGRAD_LANES_INLINE M operator<=(L a, L b) { return M(a.raw_ <= b.raw_); }
  friend XGRAD_LANES_INLINE M operator>(L a, L b) { return M(a.raw_ > b.raw_); }
  friend XGRAD_LANES_INLINE M operator>=(L a, L b) { return M(a.raw_ >= b.raw_); }
  friend XGRAD_LANES_INLINE M operator==(L a, L b) { return M(a.raw_ == b.raw_); }
  friend XGRAD_LANES_INLINE M operator!=(L a, L b) { return !(a == b); }
  friend XGRAD_LANES_INLINE M isnan(L x) { return x != x; }
  friend XGRAD_LANES_INLINE M isinf(L x) { return abs(x) == std::numeric_limits<T>::infinity(); }
  friend XGRAD_LANES_INLINE M isfinite(L x) { return abs(x) <= std::numeric_limits<T>::max(); }

  // Exact functions, and those correctly rounded.
  /// |x|.
  friend XGRAD_LANES_INLINE L abs(L x) { return detail::clear_sign(x); }
  /// -1, 0 or 1; 0 for NaN.
  friend XGRAD_LANES_INLINE L sign(L x) { return where(x > 0, L(1), where(x < 0, L(-1), L(0))); }
  /// The largest integer <= x.
  friend XGRAD_LANES_INLINE L floor(L x) { return Rounding::floor(x); }
  /// The smallest integer >= x.
  friend XGRAD_LANES_INLINE L ceil(L x) { return Rounding::ceil(x); }
  /// The nearest integer, halves to the even one (std::round sends them away from zero).
  friend XGRAD_LANES_INLINE L round(L x) { return Rounding::round(x); }
  /// The integer part.
  friend XGRAD_LANES_INLINE L trunc(L x) { return Rounding::trunc(x); }
  /// The larger one; NaN if either is NaN.
  friend XGRAD_LANES_INLINE L maximum(L a, L b) { return where(a > b || isnan(a), a, b); }
  /// The smaller one; NaN if either is NaN.
  friend XGRAD_LANES_INLINE L minimum(L a, L b) { return where(a < b || isnan(a), a, b); }
  /// min(max(x, low), high); NaN if any is NaN.
  friend XGRAD_LANES_INLINE L clamp(L x, L low, L high) { return minimum(maximum(x, low), high); }
  /// max(x, 0).
  friend XGRAD_LANES_INLINE L relu(L x) { return where(x < 0, L(0), x); }
  /// x x.
  friend XGRAD_LANES_INLINE L square(L x) { return x * x; }
  /// 1 / x.
  friend XGRAD_LANES_INLINE L reciprocal(L x) { return L(1) / x; }
  friend XGRAD_LANES_INLINE L sqrt(L x) { return L(xsimd::sqrt(x.raw_)); }
  /// 1 / sqrt(x).
  friend XGRAD_LANES_INLINE L rsqrt(L x) { return L(1) / sqrt(x); }
  /// a - b trunc(a / b), exact, with the sign of a.
  friend XGRAD_LANES_INLINE L fmod(L a, L b) { return Division::fmod(a, b); }
  /// a - b floor(a / b), with the sign of b, as Python's %.
  friend XGRAD_LANES_INLINE L remainder(L a, L b) { return Division::remainder(a, b); }

  // Exponentials and logarithms, within 2 ulp; pow within 1 in float, 10 in double.
  friend XGRAD_LANES_INLINE L exp(L x) { return Exp::exp(x); }
  friend XGRAD_LANES_INLINE L exp2(L x) { return Exp::exp2(x); }
  friend XGRAD_LANES_INLINE L expm1(L x) { return Exp::expm1(x); }
  friend XGRAD_LANES_INLINE L log(L x) { return Log::log(x); }
  friend XGRAD_LANES_INLINE L log2(L x) { return Log::log2(x); }
  friend XGRAD_LANES_INLINE L log10(L x) { return Log::log10(x); }
  friend XGRAD_LANES_INLINE L log1p(L x) { return Log::log1p(x); }
  friend XGRAD_LANES_INLINE L pow(L base, L exponent) { return Pow::pow(base, exponent); }
  /// As above; exponents such as 2, 3, 0.5 and -1 cost a product or a root.
  template <class S>
  requires std::is_arithmetic_v<S>
  friend XGRAD_LANES_INLINE L pow(L base, S exponent) { return Pow::pow_literal(base, static_cast<T>(exponent)); }

  // Trigonometric functions, within 4 ulp for every argument.
  friend XGRAD_LANES_INLINE L sin(L x) { return Trig::sin(x); }
  friend XGRAD_LANES_INLINE L cos(L x) { return Trig::cos(x); }
  friend XGRAD_LANES_INLINE L tan(L x) { return Trig::tan(x); }
  friend XGRAD_LANES_INLINE L asin(L x) { return Trig::asin(x); }
  friend XGRAD_LANES_INLINE L acos(L x) { return Trig::acos(x); }
  friend XGRAD_LANES_INLINE L atan(L x) { return Trig::atan(x); }
  /// The angle of the point (x, y).
  friend XGRAD_LANES_INLINE L atan2(L y, L x) { return Trig::atan2(y, x); }
  /// sqrt(a^2 + b^2) without overflow.
  friend XGRAD_LANES_INLINE L hypot(L a, L b) { return Division::hypot(a, b); }

  // Hyperbolic functions, within 4 ulp.
  friend XGRAD_LANES_INLINE L sinh(L x) { return Exp::sinh(x); }
  friend XGRAD_LANES_INLINE L cosh(L x) { return Exp::cosh(x); }
  friend XGRAD_LANES_INLINE L tanh(L x) { return Exp::tanh(x); }
  friend XGRAD_LANES_INLINE L asinh(L x) { return Log::asinh(x); }
  friend XGRAD_LANES_INLINE L acosh(L x) { return Log::acosh(x); }
  friend XGRAD_LANES_INLINE L atanh(L x) { return Log::atanh(x); }

  // Special functions, within 5 ulp; digamma in double within 25, below 0 of the larger of the terms it is made of.
  friend XGRAD_LANES_INLINE L erf(L x) { return Erf::erf(x); }
  friend XGRAD_LANES_INLINE L erfc(L x) { return Erf::erfc(x); }
  /// log |gamma(x)|.
  friend XGRAD_LANES_INLINE L lgamma(L x) { return Gamma::lgamma(x); }
  /// The derivative of lgamma; NaN at the negative integers, minus and plus infinity at 0 and -0.
  friend XGRAD_LANES_INLINE L digamma(L x) { return Gamma::digamma(x); }
  /// The derivative of digamma, infinite at 0 and the negative integers; for rules, not for formulas: Dual lacks it.
  friend XGRAD_LANES_INLINE L trigamma(L x) { return Gamma::trigamma(x); }

  // Activations, within 6 ulp.
  /// 1 / (1 + e^-x).
  friend XGRAD_LANES_INLINE L sigmoid(L x) {
    const L e = exp(-abs(x));
    return where(x < 0, e, L(1)) / (1 + e);
  }
  /// log(sigmoid(x)).
  friend XGRAD_LANES_INLINE L log_sigmoid(L x) { return minimum(x, L(0)) - log1p(exp(-abs(x))); }
  /// log(1 + e^(beta x)) / beta; x itself where beta x > threshold.
  friend XGRAD_LANES_INLINE L softplus(L x, T beta = 1, T threshold = 20) {
    const L scaled = x * beta;
    return where(scaled > threshold, x, (maximum(scaled, L(0)) + log1p(exp(-abs(scaled)))) / beta);
  }
  /// x sigmoid(x).
  friend XGRAD_LANES_INLINE L silu(L x) { return x * sigmoid(x); }
  /// x (1 + erf(x / sqrt 2)) / 2, exact also in the lower tail.
  friend XGRAD_LANES_INLINE L gelu(L x) { return T(0.5) * x * Erf::erfc_of_normal(-x); }

 private:
  batch_type raw_;
};

}  // namespace xgrad

#include <xgrad/detail/lanes_exp.hpp>
#include <xgrad/detail/lanes_special.hpp>
#include <xgrad/detail/lanes_trig.hpp>
