#pragma once

#include <xgrad/lanes.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <doctest/doctest.h>
#include <limits>
#include <random>
#include <type_traits>
#include <utility>
#include <vector>

// How functions of Lanes are measured. The oracle is the C library in long double. Every vector mixes huge, tiny,
// special and ordinary values.

namespace lanes_test {

using xgrad::Lanes;

using Real = long double;
constexpr Real kPi = 3.14159265358979323846264338327950288L;
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

template <class L>
using Value = typename L::value_type;

template <class T>
std::vector<T> special_values() {
  using Limits = std::numeric_limits<T>;
  std::vector<T> values;
  for (T v : {T(0),
              T(1),
              T(2),
              T(3),
              T(0.5),
              T(1.5),
              T(2.5),
              T(1e-30),
              T(170),
              T(171.7),
              T(27),
              T(9.5),
              T(88.8),
              T(103.9),
              T(709.9),
              T(710.47),
              T(745.2),
              Limits::infinity(),
              Limits::quiet_NaN(),
              Limits::min(),
              Limits::min() / 4,
              Limits::denorm_min(),
              Limits::max(),
              Limits::max() / 3,
              Limits::epsilon(),
              T(1) + Limits::epsilon(),
              T(1) - Limits::epsilon() / 2}) {
    values.push_back(v);
    values.push_back(-v);
  }
  return values;
}

template <class T>
std::vector<T> sample() {
  std::mt19937_64 bits(7);
  std::vector<T> values;
  auto uniform = [&](double low, double high, int count) {
    std::uniform_real_distribution<double> distribution(low, high);
    for (int i = 0; i < count; ++i) values.push_back(static_cast<T>(distribution(bits)));
  };
  using Word = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  for (int i = 0; i < 30000; ++i) {
    const Word word = static_cast<Word>(bits());
    T value;
    std::memcpy(&value, &word, sizeof value);
    values.push_back(value);
  }
  for (double bound : {0.01, 1.0, 3.0, 10.0, 100.0, 750.0, 1e5}) uniform(-bound, bound, 10000);
  uniform(0.9, 1.1, 10000);
  uniform(1.9, 2.1, 10000);
  for (T value : special_values<T>()) {
    for (int i = 0; i < 10; ++i) values.push_back(value);
  }
  std::shuffle(values.begin(), values.end(), bits);
  while (values.size() % 16 != 0) values.push_back(T(1));
  return values;
}

template <class T>
bool same_bits(T a, T b) {
  return (std::isnan(a) && std::isnan(b)) || std::memcmp(&a, &b, sizeof(T)) == 0;
}

/// Distance in units of the last place of the larger of `expected` and `scale`; infinite where the kinds differ.
template <class T>
double ulps(T got, Real expected, Real scale = 0) {
  const T rounded = static_cast<T>(expected);
  if (std::isnan(rounded) || std::isnan(got)) return std::isnan(rounded) && std::isnan(got) ? 0 : kInf;
  if (std::isinf(rounded) || std::isinf(got)) return rounded == got ? 0 : kInf;
  if (expected == 0 && scale == 0) return got == 0 && std::signbit(got) == std::signbit(expected) ? 0 : kInf;
  const Real size = std::max({std::fabs(expected), scale, Real(std::numeric_limits<T>::min())});
  int exponent = 0;
  std::frexp(size, &exponent);
  const Real unit = std::ldexp(Real(1), exponent - std::numeric_limits<T>::digits);
  return static_cast<double>(std::fabs(Real(got) - expected) / unit);
}

struct Worst {
  double ulps = 0;
  double x = 0, y = 0, got = 0;
  double expected = 0;
  int moved = 0;
};

inline Real no_scale(Real, Real) { return 0; }

template <class L, class F, class R, class S>
Worst measure(const std::vector<Value<L>>& xs, const std::vector<Value<L>>& ys, F f, R reference, S scale) {
  using T = Value<L>;
  constexpr std::size_t n = L::size;
  Worst worst;
  for (std::size_t i = 0; i + n <= xs.size(); i += n) {
    T out[n], alone[n];
    f(L::load(&xs[i]), L::load(&ys[i])).store(out);
    const std::size_t lane = (i / n) % n;
    f(L(xs[i + lane]), L(ys[i + lane])).store(alone);
    worst.moved += !same_bits(out[lane], alone[0]);
    for (std::size_t k = 0; k < n; ++k) {
      const Real x = xs[i + k], y = ys[i + k];
      const Real expected = reference(x, y);
      const double distance = ulps(out[k], expected, scale(x, y));
      if (distance > worst.ulps) {
        worst = {distance, double(x), double(y), double(out[k]), double(expected), worst.moved};
      }
    }
  }
  return worst;
}

template <class L, class F, class R, class S = decltype(&no_scale)>
void check(const char* name, double float_bound, double double_bound, F f, R reference, S scale = no_scale) {
  using T = Value<L>;
  static const std::vector<T> xs = sample<T>();
  const Worst worst = measure<L>(
      xs, xs, [&](L x, L) { return f(x); }, [&](Real x, Real) { return reference(x); }, scale);
  INFO(name << ": " << worst.ulps << " ulp at " << worst.x << ": " << worst.got << " for " << worst.expected);
  CHECK(worst.ulps <= (sizeof(T) == 4 ? float_bound : double_bound));
  CHECK(worst.moved == 0);
}

template <class L, class F, class R>
void check2(const char* name, double float_bound, double double_bound, F f, R reference) {
  using T = Value<L>;
  static const auto pairs = [] {
    std::vector<T> xs = sample<T>(), ys = xs;
    std::mt19937_64 bits(11);
    std::shuffle(ys.begin(), ys.end(), bits);
    std::uniform_real_distribution<double> distribution(-20, 20);
    for (int i = 0; i < 100000; ++i) {
      xs.push_back(static_cast<T>(i % 2 ? std::exp(distribution(bits)) : distribution(bits)));
      ys.push_back(static_cast<T>(i % 3 ? distribution(bits) : std::round(distribution(bits))));
    }
    for (T x : special_values<T>()) {
      for (T y : special_values<T>()) {
        xs.push_back(x);
        ys.push_back(y);
      }
    }
    while (xs.size() % 16 != 0) {
      xs.push_back(1);
      ys.push_back(2);
    }
    return std::pair(xs, ys);
  }();
  const Worst worst = measure<L>(pairs.first, pairs.second, f, reference, no_scale);
  INFO(name << ": " << worst.ulps << " ulp at " << worst.x << ", " << worst.y << ": " << worst.got << " for "
            << worst.expected);
  CHECK(worst.ulps <= (sizeof(T) == 4 ? float_bound : double_bound));
  CHECK(worst.moved == 0);
}

/// The value at one point, in the middle of unlike neighbours.
template <class L, class F>
double at(F f, double x, double y = 0) {
  using T = Value<L>;
  T xs[L::size], ys[L::size];
  for (std::size_t i = 0; i < L::size; ++i) {
    xs[i] = static_cast<T>(0.3 + 7.0 * static_cast<double>(i));
    ys[i] = T(1.25);
  }
  xs[1] = static_cast<T>(x);
  ys[1] = static_cast<T>(y);
  f(L::load(xs), L::load(ys)).store(xs);
  return static_cast<double>(xs[1]);
}

#define LANES_OF(ARCH) Lanes<float, ARCH>, Lanes<double, ARCH>

// The second architecture has no fused multiply-add and other instructions for nearly everything.
#if defined(__x86_64__)
#define LANE_TYPES LANES_OF(xsimd::default_arch), LANES_OF(xsimd::sse2)
#else
#define LANE_TYPES LANES_OF(xsimd::default_arch)
#endif

}  // namespace lanes_test
