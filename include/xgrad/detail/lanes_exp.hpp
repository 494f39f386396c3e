#pragma once

// Exponential, logarithmic, hyperbolic functions and powers of Lanes; included by lanes.hpp.

#include <xgrad/detail/lanes_core.hpp>

namespace xgrad::detail {

template <class T>
struct LaneExpRange;

template <>
struct LaneExpRange<float> {
  static constexpr float lowest = -104.0F, highest = 89.0F;  // beyond: 0 and infinity
  static constexpr float lowest2 = -151.0F, highest2 = 129.0F;
  static constexpr float ln2_high = 0x1.62e4p-1F, ln2_low = 0x1.7f7d1cp-20F;
  static constexpr float log10_2_high = 0x1.344p-2F, log10_2_low = 0x1.3509f8p-18F;
  static constexpr float one = 20.0F;      // tanh(x) = 1 from here
  static constexpr float large = 0x1p14F;  // x^2 + 1 = x^2 from here
  static constexpr float to_normal = 0x1p25F, to_normal_exponent = 25.0F;
};

template <>
struct LaneExpRange<double> {
  static constexpr double lowest = -746.0, highest = 710.0;
  static constexpr double lowest2 = -1076.0, highest2 = 1025.0;
  static constexpr double ln2_high = 0x1.62e42fefp-1, ln2_low = 0x1.473de6af278edp-34;
  static constexpr double log10_2_high = 0x1.34413509p-2, log10_2_low = 0x1.ef3fde623e256p-35;
  static constexpr double one = 20.0;
  static constexpr double large = 0x1p28;
  static constexpr double to_normal = 0x1p54, to_normal_exponent = 54.0;
};

template <class T, class Arch>
struct LaneExp {
  using L = Lanes<T, Arch>;
  using Range = LaneExpRange<T>;
  using C = LaneCoefficients<T>;
  static constexpr int mantissa_bits = LaneFormat<T>::mantissa_bits;
  static constexpr int largest_exponent = std::numeric_limits<T>::max_exponent - 1;
  // Adding it leaves the nearest integer in the low bits of the word.
  static constexpr T to_integer = T(1.5) * (std::uint64_t(1) << mantissa_bits);

  /// The nearest integer, for |x| far below 2^mantissa_bits.
  static XGRAD_LANES_INLINE L nearest(L x) { return (x + to_integer) - to_integer; }

  /// 2^n for an integer n within the exponents of normal numbers.
  static XGRAD_LANES_INLINE L power_of_two(L n) {
    return from_bits<T, Arch>((to_bits(n + to_integer) << mantissa_bits) + bits_of(T(1)));
  }

  /// x 2^n, rounded once, so that results near the ends of the range are right, subnormals included.
  static XGRAD_LANES_INLINE L scaled(L x, L n) {
#if XSIMD_WITH_AVX512F
    // One instruction for nine. The masked form, because g++ 12 warns of the operand that the plain one leaves
    // undefined.
    if constexpr (std::is_base_of_v<xsimd::avx512f, Arch>) {
      if constexpr (std::is_same_v<T, float>)
        return L(typename L::batch_type(_mm512_maskz_scalef_ps(__mmask16(-1), x.raw(), n.raw())));
      else
        return L(typename L::batch_type(_mm512_maskz_scalef_pd(__mmask8(-1), x.raw(), n.raw())));
    }
#endif
    // Nearly always all results are normal numbers.
    if ((clear_sign(n) < T(largest_exponent)).all()) return x * power_of_two(n);
    const L half = nearest(n * T(0.5));
    return x * power_of_two(half) * power_of_two(n - half);
  }

  /// e^r - 1 for |r| <= log(2) / 2.
  static XGRAD_LANES_INLINE L expm1_reduced(L r) { return fused(r * r, polynomial(r, C::exp_tail), r); }

  /// x between low and high; NaN stays NaN.
  static XGRAD_LANES_INLINE L limited(L x, T low, T high) {
#ifdef __SSE2__
    // Of a number and a NaN, these instructions take their second operand.
    return L(xsimd::min(L(high).raw(), xsimd::max(L(low).raw(), x.raw())));
#else
    return where(x > high, L(high), where(x < low, L(low), x));
#endif
  }

  struct Reduced {
    L n, r;
  };

  /// x = n log 2 + r
  static XGRAD_LANES_INLINE Reduced reduced(L x) {
    const L n = nearest(x * T(1.44269504088896340736));
    return {n, fused(n, L(-Range::ln2_low), fused(n, L(-Range::ln2_high), x))};
  }

  /// e^(x + low) 2^shift, low far smaller than x.
  static XGRAD_LANES_INLINE L exp_shifted(L x, L low, T shift) {
    // One more than e^x needs: half of an infinite value may be finite.
    const auto [n, r] = reduced(limited(x, Range::lowest, Range::highest + 1));
    return scaled(1 + expm1_reduced(r + low), n + shift);
  }

  static XGRAD_LANES_INLINE L exp(L x) {
    const auto [n, r] = reduced(limited(x, Range::lowest, Range::highest));
    return scaled(1 + expm1_reduced(r), n);
  }

  static XGRAD_LANES_INLINE L exp2(L x) {
    x = limited(x, Range::lowest2, Range::highest2);
    const L n = nearest(x);
    const L part = x - n;
    return scaled(1 + expm1_reduced(fused(part, L(Range::ln2_high), part * Range::ln2_low)), n);
  }

  static XGRAD_LANES_INLINE L expm1(L x) {
    // 2^(n-1) stays finite for every n, and below -50 the result is -1.
    const auto [n, r] = reduced(limited(x, T(-50), Range::highest));
    const L half = power_of_two(n - 1);
    const L y = 2 * fused(half, expm1_reduced(r), half - T(0.5));
    return where(x == 0, x, y);
  }

  static XGRAD_LANES_INLINE L sinh(L x) {
    const L a = clear_sign(x);
    const L e = expm1(a);
    const L y = where(a < Range::one, T(0.5) * (e + e / (e + 1)), exp_shifted(a, L(0), -1));
    return give_sign(y, x);
  }

  static XGRAD_LANES_INLINE L cosh(L x) {
    const L half = exp_shifted(clear_sign(x), L(0), -1);
    return half + T(0.25) / half;
  }

  static XGRAD_LANES_INLINE L tanh(L x) {
    const L a = clear_sign(x);
    const L e = expm1(2 * limited(a, 0, Range::one));
    return give_sign(e / (e + 2), x);
  }
};

template <class T, class Arch>
struct LaneLog {
  using L = Lanes<T, Arch>;
  using Range = LaneExpRange<T>;
  using C = LaneCoefficients<T>;
  static constexpr T infinity = std::numeric_limits<T>::infinity();
  static constexpr int mantissa_bits = LaneFormat<T>::mantissa_bits;

  struct Split {
    L exponent, mantissa;
  };

  /// x = 2^exponent mantissa with the mantissa in [sqrt(1/2), sqrt(2)), for positive finite x.
  static XGRAD_LANES_INLINE Split split(L x) {
    const auto tiny = x < std::numeric_limits<T>::min();
    const auto bits = to_bits(where(tiny, x * Range::to_normal, x));
    constexpr T offset = static_cast<T>(std::uint64_t(1) << mantissa_bits);
    constexpr T bias = std::numeric_limits<T>::max_exponent - 1;
    L e = from_bits<T, Arch>((bits >> mantissa_bits) | bits_of(offset)) - offset;
    constexpr auto fraction = (typename LaneFormat<T>::Word(1) << mantissa_bits) - 1;
    L m = from_bits<T, Arch>((bits & fraction) | bits_of(T(1)));
    const auto high = m > T(1.41421356237309504880);
    m = where(high, T(0.5) * m, m);
    e = e - where(tiny, L(bias + Range::to_normal_exponent), L(bias)) + where(high, L(1), L(0));
    return {e, m};
  }

  /// log(1 + f) as f - rest, for 1 + f in [sqrt(1/2), sqrt(2)).
  static XGRAD_LANES_INLINE L rest_of_log(L f) {
    const L s = f / (2 + f);
    const L z = s * s;
    const L half_square = T(0.5) * f * f;
    return half_square - s * (half_square + z * polynomial(z, C::log_tail));
  }

  /// y for ordinary x; the limits at 0 and infinity, NaN below 0.
  static XGRAD_LANES_INLINE L with_ends(L x, L y) {
    y = where(x == infinity, x, y);
    y = where(x == 0, L(-infinity), y);
    return where(x >= 0, y, L(std::numeric_limits<T>::quiet_NaN()));
  }

  static XGRAD_LANES_INLINE L log(L x) {
    const auto [e, m] = split(x);
    const L f = m - 1;
    return with_ends(x, fused(e, L(Range::ln2_high), f - (rest_of_log(f) - e * Range::ln2_low)));
  }

  static XGRAD_LANES_INLINE L log2(L x) {
    const auto [e, m] = split(x);
    const L f = m - 1;
    return with_ends(x, fused(f - rest_of_log(f), L(T(1.44269504088896340736)), e));
  }

  static XGRAD_LANES_INLINE L log10(L x) {
    const auto [e, m] = split(x);
    const L f = m - 1;
    const L y = fused(f - rest_of_log(f), L(T(0.43429448190325182765)), e * Range::log10_2_low);
    return with_ends(x, fused(e, L(Range::log10_2_high), y));
  }

  static XGRAD_LANES_INLINE L log1p(L x) {
    const L u = 1 + x;
    const auto [e, m] = split(u);
    const L f = m - 1;
    // What rounding u lost.
    const L lost = where(x < 1, x - (u - 1), 1 - (u - x)) / u;
    const L y = fused(e, L(Range::ln2_high), f - (rest_of_log(f) - (lost + e * Range::ln2_low)));
    return where(clear_sign(x) < std::numeric_limits<T>::epsilon() / 4, x, with_ends(u, y));
  }

  static XGRAD_LANES_INLINE L asinh(L x) {
    const L a = clear_sign(x);
    const L square = a * a;
    const L small = log1p(a + square / (1 + sqrt(square + 1)));
    const L large = log(a) + T(0.69314718055994530942);
    return give_sign(where(a < Range::large, small, large), x);
  }

  static XGRAD_LANES_INLINE L acosh(L x) {
    const L t = x - 1;
    const L small = log1p(t + sqrt(t * (x + 1)));
    const L large = log(x) + T(0.69314718055994530942);
    return where(x < 1, L(std::numeric_limits<T>::quiet_NaN()), where(x > Range::large, large, small));
  }

  static XGRAD_LANES_INLINE L atanh(L x) {
    const L a = clear_sign(x);
    return give_sign(T(0.5) * log1p(2 * a / (1 - a)), x);
  }
};

template <class T, class Arch>
struct LanePow {
  using L = Lanes<T, Arch>;
  using Log = LaneLog<T, Arch>;
  using Range = LaneExpRange<T>;

  /// log x to about 60 bits for positive finite x: an exponent multiplies its error.
  static XGRAD_LANES_INLINE LanePair<T, Arch> long_log(L x) {
    const auto [e, m] = Log::split(x);
    const L f = m - 1;
    const L d = 2 + f;
    const L d_low = f - (d - 2);
    const L s = f / d;
    const auto product = exact_product(s, d);
    const L s_low = (((f - product.high) - product.low) - s * d_low) / d;
    const L z = s * s;
    const L tail = fused(s * z, polynomial(z, LaneCoefficients<T>::log_tail), 2 * s_low);
    const L e_high = rounded_here(e * Range::ln2_high);
    const L sum = rounded_here(e_high + 2 * s);
    const L low = (2 * s - (sum - e_high)) + (tail + e * Range::ln2_low);
    const L high = rounded_here(sum + low);
    return {high, low - (high - sum)};
  }

  static XGRAD_LANES_INLINE L pow(L x, L y) {
    if constexpr (std::is_same_v<T, float>) {
      // One rounding at the end serves float better than pairs of floats, and is as fast.
      using Wide = LanePow<double, Arch>;
      return through_double(x, y, [](auto a, auto b) { return Wide::pow(a, b); });
    } else {
      const L a = clear_sign(x);
      const auto log_a = long_log(a);
      const L log_high = Log::with_ends(a, log_a.high);
      const auto product = exact_product(y, log_high);
      const auto ordinary = a > 0 && a < Log::infinity && clear_sign(product.high) < 2000;
      const L low = where(ordinary, product.low + y * log_a.low, L(0));
      // The plain product: the error terms of the exact one turn infinite factors into NaN.
      L result = LaneExp<T, Arch>::exp_shifted(where(ordinary, product.high, y * log_high), low, 0);
      const auto whole = trunc(y) == y;
      const auto odd = whole && trunc(T(0.5) * y) * 2 != y;
      result = where(is_negative(x) && odd, flip_sign(result), result);
      result = where(x < 0 && a < Log::infinity && !whole, L(std::numeric_limits<T>::quiet_NaN()), result);
      const auto one = x == 1 || y == 0 || (x == -1 && clear_sign(y) == Log::infinity);
      return where(one, L(1), result);
    }
  }

  static XGRAD_LANES_INLINE L pow_literal(L x, T y) {
    if (y == T(2)) return x * x;
    if (y == T(3)) return x * x * x;
    if (y == T(1)) return x;
    if (y == T(0)) return L(1);
    if (y == T(-1)) return 1 / x;
    if (y == T(-2)) return (1 / x) * (1 / x);
    // Adding 0 sends -0 to 0, and minus infinity must give infinity, as std::pow has it.
    if (y == T(0.5)) return where(x == -Log::infinity, L(Log::infinity), sqrt(x + 0));
    return pow(x, L(y));
  }
};

}  // namespace xgrad::detail
