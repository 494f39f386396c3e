#pragma once

// erf, gamma functions, exact remainders and hypot of Lanes; included by lanes.hpp.

#include <xgrad/detail/lanes_core.hpp>
#include <xgrad/detail/lanes_exp.hpp>
#include <xgrad/detail/lanes_trig.hpp>

namespace xgrad::detail {

template <class T, class Arch>
struct LaneErf {
  using L = Lanes<T, Arch>;
  using C = LaneCoefficients<T>;

  /// erf(a) for a in [0, 1].
  static XGRAD_LANES_INLINE L near(L a) {
    constexpr T slope = T(1.12837916709551257390);
    constexpr T slope_low = static_cast<T>(std::is_same_v<T, float> ? -0x1.7af4a8p-26 : 0x1.1ae3a914fed80p-56);
    const L z = a * a;
    return fused(a, L(slope), a * fused(z, polynomial(z, C::erf_tail), L(slope_low)));
  }

  /// erfc(a) for a >= 1/2: e^(-a^2), from the square and its rounding error, times a smooth factor.
  static XGRAD_LANES_INLINE L far(L a, LanePair<T, Arch> square) {
    const L factor = polynomial((a - 3) / (a + 3), C::erfcx_scaled) / (1 + 2 * a);
    return LaneExp<T, Arch>::exp_shifted(-square.high, -square.low, 0) * factor;
  }

  // Beyond 28 e^(-a^2) is 0, and infinity has no square to speak of.
  static XGRAD_LANES_INLINE L far(L a) {
    const L limited = where(a > 28, L(28), a);
    return far(limited, exact_product(limited, limited));
  }

  /// erfc of a signed argument of size a, tail = erfc(a).
  static XGRAD_LANES_INLINE L joined(L a, auto negative, L tail) {
    const L small = near(a);
    const L middle = 1 - where(negative, flip_sign(small), small);
    return where(a > T(0.5), where(negative, 2 - tail, tail), middle);
  }

  static XGRAD_LANES_INLINE L erf(L x) {
    const L a = clear_sign(x);
    const auto upper = a > 1;
    L y = near(a);
    if (upper.any()) y = where(upper, 1 - far(a), y);
    return give_sign(y, x);
  }

  static XGRAD_LANES_INLINE L erfc(L x) {
    const L a = clear_sign(x);
    return joined(a, x < 0, far(a));
  }

  /// erfc(x / sqrt 2); a rounded quotient would be felt in the tail, so the square is x's own.
  static XGRAD_LANES_INLINE L erfc_of_normal(L x) {
    const L a = clear_sign(x);
    const L limited = where(a > 39, L(39), a);
    const auto square = exact_product(limited, limited);
    const L scaled = limited * T(0.70710678118654752440);
    const L tail = far(scaled, {T(0.5) * square.high, T(0.5) * square.low});
    return joined(a * T(0.70710678118654752440), x < 0, tail);
  }
};

template <class T, class Arch>
struct LaneGamma {
  using L = Lanes<T, Arch>;

  // The C library's is right around its zeros too; the reentrant one, because lgamma writes a global sign.
  static XGRAD_LANES_INLINE L lgamma(L x) {
    return lane_by_lane(x == x, x, x, x, [](T a, T) {
      int sign = 0;
      return static_cast<T>(::lgamma_r(static_cast<double>(a), &sign));
    });
  }

  /// digamma for x > 0.
  static XGRAD_LANES_INLINE L digamma_positive(L x) {
    constexpr T root_high = T(0x1.762d86356be3fp+0), root_low = T(0x1.b8638ca4b94afp-54);
    // From (0, 2] into [1, 2], where the zero is a factor of its own.
    const L y = where(x < 1, x + 1, x);
    const L d = (y - root_high) - root_low;
    L near = d * polynomial(d, LaneCoefficients<T>::digamma_ratio);
    near = where(x < 1, near - 1 / x, near);
    // Above 2: up to 10 or more, then the asymptotic series in 1 / w^2.
    L w = x;
    L sum = 0;
    for (auto low = w < 10 && x > 2; low.any(); low = w < 10 && x > 2) {
      sum = where(low, sum - 1 / w, sum);
      w = where(low, w + 1, w);
    }
    constexpr T series[] = {T(1.0 / 12),  T(-1.0 / 120),     T(1.0 / 252), T(-1.0 / 240),
                            T(1.0 / 132), T(-691.0 / 32760), T(1.0 / 12),  T(-3617.0 / 8160)};
    const L z = 1 / (w * w);
    const L far = log(w) - T(0.5) / w - z * polynomial(z, series) + sum;
    return where(x > 2, far, near);
  }

  static XGRAD_LANES_INLINE L digamma(L x) {
    if constexpr (std::is_same_v<T, float>) {
      using Wide = LaneGamma<double, Arch>;
      return through_double(x, x, [](auto a, auto) { return Wide::digamma(a); });
    } else {
      constexpr T infinity = std::numeric_limits<T>::infinity();
      constexpr T pi = T(3.14159265358979323846);
      const auto reflected = x <= 0;
      L y = digamma_positive(where(reflected, 1 - x, x));
      if (reflected.any()) {
        // digamma(x) = digamma(1 - x) - pi cot(pi x). The cotangent has the period of the distance to an integer, and
        // in its upper half is the tangent of what is left to 1/2, which keeps its digits around the zero.
        const L part = x - round(x);
        const L a = clear_sign(part);
        const auto upper = a > T(0.25);
        const L t = LaneTrig<T, Arch>::tan(pi * where(upper, T(0.5) - a, a));
        const L cotangent = where(upper, t, 1 / t);
        y = where(reflected, y - pi * where(part < 0, -cotangent, cotangent), y);
        y = where(reflected && part == 0, L(std::numeric_limits<T>::quiet_NaN()), y);
        y = where(x == 0, where(is_negative(x), L(infinity), L(-infinity)), y);
      }
      return where(x == infinity, x, y);
    }
  }

  /// trigamma for x > 0: from 10 or more, the asymptotic series in 1 / w^2.
  static XGRAD_LANES_INLINE L trigamma_positive(L x) {
    L w = x;
    L sum = 0;
    for (auto low = w < 10; low.any(); low = w < 10) {
      sum = where(low, sum + 1 / (w * w), sum);
      w = where(low, w + 1, w);
    }
    constexpr T series[] = {T(1.0 / 6),  T(-1.0 / 30),     T(1.0 / 42), T(-1.0 / 30),
                            T(5.0 / 66), T(-691.0 / 2730), T(7.0 / 6),  T(-3617.0 / 510)};
    const L r = 1 / w;
    const L z = r * r;
    return sum + (r + (T(0.5) * z + r * z * polynomial(z, series)));
  }

  static XGRAD_LANES_INLINE L trigamma(L x) {
    if constexpr (std::is_same_v<T, float>) {
      using Wide = LaneGamma<double, Arch>;
      return through_double(x, x, [](auto a, auto) { return Wide::trigamma(a); });
    } else {
      constexpr T pi = T(3.14159265358979323846);
      const auto reflected = x <= 0;
      L y = trigamma_positive(where(reflected, 1 - x, x));
      if (reflected.any()) {
        // trigamma(x) = (pi / sin(pi x))^2 - trigamma(1 - x)
        const L root = pi / LaneTrig<T, Arch>::sin(pi * (x - round(x)));
        y = where(reflected, root * root - y, y);
      }
      return y;
    }
  }
};

// By addition rather than by xsimd: its floor loses the sign of -0 on SSE2, and g++ 12 warns inside AVX-512's.
template <class T, class Arch>
struct LaneRounding {
  using L = Lanes<T, Arch>;

  static XGRAD_LANES_INLINE L round(L x) {
    constexpr T whole = static_cast<T>(std::uint64_t(1) << LaneFormat<T>::mantissa_bits);
    const L a = clear_sign(x);
    return give_sign(where(a < whole, (a + whole) - whole, a), x);
  }

  static XGRAD_LANES_INLINE L floor(L x) {
    const L y = round(x);
    return where(y > x, y - 1, y);
  }

  static XGRAD_LANES_INLINE L ceil(L x) {
    const L y = round(x);
    return give_sign(where(y < x, y + 1, y), x);
  }

  static XGRAD_LANES_INLINE L trunc(L x) { return give_sign(floor(clear_sign(x)), x); }
};

template <class T, class Arch>
struct LaneDivision {
  using L = Lanes<T, Arch>;

  static XGRAD_LANES_INLINE L fmod(L a, L b) {
    const L dividend = clear_sign(a);
    const L divisor = clear_sign(b);
    const L quotient = trunc(dividend / divisor);
    // Exact although the quotient may be rounded to one too many: the difference then is a small negative number.
    const auto product = exact_product(quotient, divisor);
    L r = (dividend - product.high) - product.low;
    r = where(r < 0, r + divisor, r);
    // Quotients that need more bits than a value has, subnormal divisors, zero, infinity and NaN.
    constexpr T largest = static_cast<T>(std::uint64_t(1) << (LaneFormat<T>::mantissa_bits - 2));
    const auto easy = quotient < largest && divisor <= std::numeric_limits<T>::max() &&
                      dividend < std::numeric_limits<T>::max() / 2 && divisor > 0 &&
                      divisor >= std::numeric_limits<T>::min() / std::numeric_limits<T>::epsilon();
    return lane_by_lane(!easy, a, b, give_sign(r, a), [](T x, T y) { return std::fmod(x, y); });
  }

  static XGRAD_LANES_INLINE L remainder(L a, L b) {
    const L r = fmod(a, b);
    const auto other_side = (r < 0 && b > 0) || (r > 0 && b < 0);
    return where(other_side, r + b, r);
  }

  static XGRAD_LANES_INLINE L hypot(L a, L b) {
    const L x = clear_sign(a);
    const L y = clear_sign(b);
    const auto less = x < y;
    const L large = where(less, y, x);
    const L small = where(less, x, y);
    const L ratio = small / large;
    L result = large * sqrt(1 + ratio * ratio);
    result = where(large == 0, large, result);
    constexpr T infinity = std::numeric_limits<T>::infinity();
    result = where(isnan(a) || isnan(b), a + b, result);
    return where(x == infinity || y == infinity, L(infinity), result);
  }
};

}  // namespace xgrad::detail
