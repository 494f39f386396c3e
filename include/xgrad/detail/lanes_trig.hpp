#pragma once

// Trigonometric functions of Lanes and their inverses; included by lanes.hpp.

#include <xgrad/detail/lanes_core.hpp>
#include <xgrad/detail/lanes_exp.hpp>

namespace xgrad::detail {

template <class T>
struct LaneAngle;

// pi / 2 in parts so short that their products with a quadrant number are exact without a fused multiply-add; the last
// one has full length.
template <>
struct LaneAngle<float> {
  static constexpr float half_pi_parts[] = {0x1.92p+0F, 0x1.fb4p-12F, 0x1.444p-24F, 0x1.68cp-39F, 0x1.1a6264p-54F};
  static constexpr float reducible = 12000.0F;
  static constexpr float half_pi = 0x1.921fb6p+0F, half_pi_low = -0x1.777a5cp-25F;
  static constexpr float quarter_pi = 0x1.921fb6p-1F, quarter_pi_low = -0x1.777a5cp-26F;
};

template <>
struct LaneAngle<double> {
  static constexpr double half_pi_parts[] = {0x1.921fb544p+0, 0x1.0b4611a6p-34, 0x1.3198a2ep-69,
                                             0x1.b839a252049c1p-104};
  static constexpr double reducible = 1.5e6;
  static constexpr double half_pi = 0x1.921fb54442d18p+0, half_pi_low = 0x1.1a62633145c07p-54;
  static constexpr double quarter_pi = 0x1.921fb54442d18p-1, quarter_pi_low = 0x1.1a62633145c07p-55;
};

template <class T, class Arch>
struct LaneTrig {
  using L = Lanes<T, Arch>;
  using W = LaneWords<T, Arch>;
  using Word = typename LaneFormat<T>::Word;
  using Angle = LaneAngle<T>;
  using Exp = LaneExp<T, Arch>;
  using C = LaneCoefficients<T>;
  static constexpr int word_bits = 8 * sizeof(T);

  struct Quadrant {
    W number;
    L sine, cosine;
  };

  /// sine and cosine of r = x - number pi / 2, |r| <= pi / 4.
  static XGRAD_LANES_INLINE Quadrant quadrant(L x) {
    const L shifted = x * T(0.63661977236758134308) + Exp::to_integer;
    const L n = shifted - Exp::to_integer;
    L r = x;
    for (const T part : Angle::half_pi_parts) r = fused(n, L(-part), r);
    const L z = r * r;
    const L sine = fused(r * z, polynomial(z, C::sin_tail), r);
    const L cosine = 1 - (T(0.5) * z - z * z * polynomial(z, C::cos_tail));
    return {to_bits(shifted), sine, cosine};
  }

  static XGRAD_LANES_INLINE auto is_odd(W number) {
    return from_bits<T, Arch>((number << (word_bits - 1)) | bits_of(T(1))) < 0;
  }

  /// sin(r + number pi / 2).
  static XGRAD_LANES_INLINE L turned(const Quadrant& q, W number) {
    const L y = where(is_odd(number), q.cosine, q.sine);
    return from_bits<T, Arch>(to_bits(y) ^ ((number & Word(2)) << (word_bits - 2)));
  }

  // Arguments beyond the exact reduction are rare; the C library reduces them with a long pi.
  template <class F>
  static XGRAD_LANES_INLINE L with_far(L x, L y, F far) {
    return lane_by_lane(!(clear_sign(x) <= Angle::reducible), x, x, y, [far](T a, T) { return far(a); });
  }

  static XGRAD_LANES_INLINE L sin(L x) {
    const Quadrant q = quadrant(x);
    const L y = where(x == 0, x, turned(q, q.number));
    return with_far(x, y, [](T a) { return std::sin(a); });
  }

  static XGRAD_LANES_INLINE L cos(L x) {
    const Quadrant q = quadrant(x);
    return with_far(x, turned(q, q.number + Word(1)), [](T a) { return std::cos(a); });
  }

  static XGRAD_LANES_INLINE L tan(L x) {
    const Quadrant q = quadrant(x);
    const auto odd = is_odd(q.number);
    const L y = where(odd, flip_sign(q.cosine), q.sine) / where(odd, q.sine, q.cosine);
    return with_far(x, where(x == 0, x, y), [](T a) { return std::tan(a); });
  }

  /// atan(q) for q in [0, 1].
  static XGRAD_LANES_INLINE L atan_unit(L q) {
    const auto upper = q > T(0.41421356237309504880);
    const L s = where(upper, (q - 1) / (q + 1), q);
    const L z = s * s;
    const L y = fused(s * z, polynomial(z, C::atan_tail), s);
    return where(upper, Angle::quarter_pi + (y + Angle::quarter_pi_low), y);
  }

  static XGRAD_LANES_INLINE L from_half_pi(L y) { return Angle::half_pi - (y - Angle::half_pi_low); }

  static XGRAD_LANES_INLINE L atan(L x) {
    const L a = clear_sign(x);
    const auto inverted = a > 1;
    const L y = atan_unit(where(inverted, 1 / a, a));
    return give_sign(where(inverted, from_half_pi(y), y), x);
  }

  static XGRAD_LANES_INLINE L atan2(L y, L x) {
    const L a = clear_sign(y);
    const L b = clear_sign(x);
    const auto steep = a > b;
    const L small = where(steep, b, a);
    const L large = where(steep, a, b);
    // 0 / 0 is the angle 0, infinity / infinity a diagonal.
    L q = small / large;
    q = where(small == large, where(small == 0, L(0), L(1)), q);
    L angle = atan_unit(q);
    angle = where(steep, from_half_pi(angle), angle);
    angle = where(is_negative(x), 2 * Angle::half_pi - (angle - 2 * Angle::half_pi_low), angle);
    return where(isnan(x) || isnan(y), x + y, give_sign(angle, y));
  }

  /// asin(s) for s in [0, 1/2], z = s^2.
  static XGRAD_LANES_INLINE L asin_half(L s, L z) { return fused(s * z, polynomial(z, C::asin_tail), s); }

  static XGRAD_LANES_INLINE L asin(L x) {
    const L a = clear_sign(x);
    const auto upper = a > T(0.5);
    const L z = where(upper, T(0.5) * (1 - a), a * a);
    const L y = asin_half(where(upper, sqrt(z), a), z);
    return give_sign(where(upper, from_half_pi(2 * y), y), x);
  }

  static XGRAD_LANES_INLINE L acos(L x) {
    const L a = clear_sign(x);
    const auto upper = a > T(0.5);
    const L z = where(upper, T(0.5) * (1 - a), a * a);
    const L y = asin_half(where(upper, sqrt(z), a), z);
    const auto negative = is_negative(x);
    const L near_end = where(negative, 2 * Angle::half_pi - (2 * y - 2 * Angle::half_pi_low), 2 * y);
    const L middle = from_half_pi(where(negative, flip_sign(y), y));
    return where(upper, near_end, middle);
  }
};

}  // namespace xgrad::detail
