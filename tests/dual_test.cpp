#include <xgrad/dual.hpp>

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <limits>
#include <vector>

// The oracle is a difference quotient of the C library's function in long double, and closed forms at corners and ends.

using namespace xgrad;

namespace {

using Real = long double;
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

template <class V>
double first(V v) {
  typename V::value_type out[V::size];
  v.store(out);
  return static_cast<double>(out[0]);
}

/// Central difference of sixth order.
template <class R>
Real difference(R f, Real x) {
  const Real h = 5e-4L * std::min(Real(1), std::fabs(x) + 0.05L);
  return (45 * (f(x + h) - f(x - h)) - 9 * (f(x + 2 * h) - f(x - 2 * h)) + (f(x + 3 * h) - f(x - 3 * h))) / (60 * h);
}

/// Compares value and slope over lanes of unlike values; the slope along a second, unused direction must stay 0.
template <class V, class F, class R>
void check(const char* name, const std::vector<double>& points, F f, R reference) {
  using T = typename V::value_type;
  const double tolerance = sizeof(T) == 4 ? 3e-6 : 1e-11;
  INFO(name);
  for (std::size_t start = 0; start < points.size(); start += V::size) {
    T x[V::size], value[V::size], slope[V::size], other[V::size];
    for (std::size_t k = 0; k < V::size; ++k) x[k] = static_cast<T>(points[(start + k) % points.size()]);
    const Dual<V, 2> y = f(Dual<V, 2>::variable(V::load(x), 0) * 2.5);
    y.value.store(value);
    y.slope[0].store(slope);
    y.slope[1].store(other);
    for (std::size_t k = 0; k < V::size; ++k) {
      const Real point = static_cast<T>(x[k] * T(2.5));
      const double expected_value = static_cast<double>(reference(point));
      const double expected_slope = static_cast<double>(2.5L * difference(reference, point));
      CAPTURE(x[k]);
      CHECK(std::fabs(value[k] - expected_value) <= tolerance * std::max(1e-3, std::fabs(expected_value)));
      CHECK(std::fabs(slope[k] - expected_slope) <= tolerance * std::max(0.1, std::fabs(expected_slope)));
      CHECK(other[k] == 0);
    }
  }
}

template <class V, class F, class R>
void check2(const char* name, F f, R reference) {
  using T = typename V::value_type;
  const double tolerance = sizeof(T) == 4 ? 5e-6 : 1e-11;
  INFO(name);
  for (double a : {0.3, 1.2, 2.7, 5.1}) {
    for (double b : {0.47, 1.1, 3.4, 2.2}) {
      const T x = static_cast<T>(a), y = static_cast<T>(b);
      const auto z = f(Dual<V, 2>::variable(V(x), 0), Dual<V, 2>::variable(V(y), 1));
      const double by_x = static_cast<double>(difference([&](Real t) { return reference(t, Real(y)); }, x));
      const double by_y = static_cast<double>(difference([&](Real t) { return reference(Real(x), t); }, y));
      CAPTURE(x);
      CAPTURE(y);
      CHECK(first(z.value) == doctest::Approx(static_cast<double>(reference(x, y))).epsilon(tolerance));
      CHECK(std::fabs(first(z.slope[0]) - by_x) <= tolerance * std::max(0.1, std::fabs(by_x)));
      CHECK(std::fabs(first(z.slope[1]) - by_y) <= tolerance * std::max(0.1, std::fabs(by_y)));
    }
  }
}

/// The slope at one point.
template <class V, class F>
double slope_at(F f, double x, double seed = 1) {
  Dual<V, 1> variable = Dual<V, 1>::variable(V(x), 0);
  variable.slope[0] = V(seed);
  return first(Dual<V, 1>(f(variable)).slope[0]);
}

const std::vector<double> kLine = {-2.31, -1.1, -0.63, -0.21, 0.013, 0.27, 0.55, 0.92, 1.34, 1.87, 2.6, 3.1};
const std::vector<double> kPositive = {0.05, 0.11, 0.3, 0.47, 0.78, 1.2, 1.9, 3.3, 5.7, 11.0};
const std::vector<double> kUnit = {-0.35, -0.3, -0.17, -0.06, 0.02, 0.11, 0.21, 0.29, 0.36};
const std::vector<double> kAboveOne = {0.45, 0.6, 0.83, 1.4, 3.1, 7.7};

}  // namespace

#define DUAL_LANES Lanes<float>, Lanes<double>

TEST_CASE_TEMPLATE("slopes of functions of one argument", V, DUAL_LANES) {
  using D = Dual<V, 2>;
  using X = const D&;
  check<V>(
      "exp", kLine, [](X x) { return exp(x); }, [](Real x) { return std::exp(x); });
  check<V>(
      "exp2", kLine, [](X x) { return exp2(x); }, [](Real x) { return std::exp2(x); });
  check<V>(
      "expm1", kLine, [](X x) { return expm1(x); }, [](Real x) { return std::expm1(x); });
  check<V>(
      "log", kPositive, [](X x) { return log(x); }, [](Real x) { return std::log(x); });
  check<V>(
      "log2", kPositive, [](X x) { return log2(x); }, [](Real x) { return std::log2(x); });
  check<V>(
      "log10", kPositive, [](X x) { return log10(x); }, [](Real x) { return std::log10(x); });
  check<V>(
      "log1p", kPositive, [](X x) { return log1p(x); }, [](Real x) { return std::log1p(x); });
  check<V>(
      "sqrt", kPositive, [](X x) { return sqrt(x); }, [](Real x) { return std::sqrt(x); });
  check<V>(
      "rsqrt", kPositive, [](X x) { return rsqrt(x); }, [](Real x) { return 1 / std::sqrt(x); });
  check<V>(
      "square", kLine, [](X x) { return square(x); }, [](Real x) { return x * x; });
  check<V>(
      "reciprocal", kPositive, [](X x) { return reciprocal(x); }, [](Real x) { return 1 / x; });
  check<V>(
      "abs", kLine, [](X x) { return abs(x); }, [](Real x) { return std::fabs(x); });
  check<V>(
      "relu", kLine, [](X x) { return relu(x); }, [](Real x) { return std::max(x, Real(0)); });
  check<V>(
      "sin", kLine, [](X x) { return sin(x); }, [](Real x) { return std::sin(x); });
  check<V>(
      "cos", kLine, [](X x) { return cos(x); }, [](Real x) { return std::cos(x); });
  check<V>(
      "tan", kUnit, [](X x) { return tan(x); }, [](Real x) { return std::tan(x); });
  check<V>(
      "asin", kUnit, [](X x) { return asin(x); }, [](Real x) { return std::asin(x); });
  check<V>(
      "acos", kUnit, [](X x) { return acos(x); }, [](Real x) { return std::acos(x); });
  check<V>(
      "atan", kLine, [](X x) { return atan(x); }, [](Real x) { return std::atan(x); });
  check<V>(
      "sinh", kUnit, [](X x) { return sinh(x); }, [](Real x) { return std::sinh(x); });
  check<V>(
      "cosh", kUnit, [](X x) { return cosh(x); }, [](Real x) { return std::cosh(x); });
  check<V>(
      "tanh", kLine, [](X x) { return tanh(x); }, [](Real x) { return std::tanh(x); });
  check<V>(
      "asinh", kLine, [](X x) { return asinh(x); }, [](Real x) { return std::asinh(x); });
  check<V>(
      "acosh", kAboveOne, [](X x) { return acosh(x); }, [](Real x) { return std::acosh(x); });
  check<V>(
      "atanh", kUnit, [](X x) { return atanh(x); }, [](Real x) { return std::atanh(x); });
  check<V>(
      "erf", kLine, [](X x) { return erf(x); }, [](Real x) { return std::erf(x); });
  check<V>(
      "erfc", kLine, [](X x) { return erfc(x); }, [](Real x) { return std::erfc(x); });
  check<V>(
      "lgamma", kPositive, [](X x) { return lgamma(x); }, [](Real x) { return ::lgammal(x); });
  check<V>(
      "neg", kLine, [](X x) { return -x; }, [](Real x) { return -x; });
}

TEST_CASE_TEMPLATE("slopes of activations", V, DUAL_LANES) {
  using X = const Dual<V, 2>&;
  auto sigmoid_of = [](Real x) { return 1 / (1 + std::exp(-x)); };
  check<V>(
      "sigmoid", kLine, [](X x) { return sigmoid(x); }, sigmoid_of);
  check<V>(
      "log_sigmoid", kLine, [](X x) { return log_sigmoid(x); }, [](Real x) { return -std::log1p(std::exp(-x)); });
  check<V>(
      "softplus", kLine, [](X x) { return softplus(x); }, [](Real x) { return std::log1p(std::exp(x)); });
  check<V>(
      "softplus(2, 3)", kLine, [](X x) { return softplus(x, 2, 3); },
      [](Real x) { return 2 * x > 3 ? x : std::log1p(std::exp(2 * x)) / 2; });
  check<V>(
      "silu", kLine, [](X x) { return silu(x); }, [=](Real x) { return x * sigmoid_of(x); });
  check<V>(
      "gelu", kLine, [](X x) { return gelu(x); }, [](Real x) { return x * std::erfc(-x * std::sqrt(Real(0.5))) / 2; });
}

TEST_CASE_TEMPLATE("slopes of functions of two arguments", V, DUAL_LANES) {
  using X = const Dual<V, 2>&;
  check2<V>(
      "add", [](X a, X b) { return a + b; }, [](Real a, Real b) { return a + b; });
  check2<V>(
      "sub", [](X a, X b) { return a - b; }, [](Real a, Real b) { return a - b; });
  check2<V>(
      "mul", [](X a, X b) { return a * b; }, [](Real a, Real b) { return a * b; });
  check2<V>(
      "div", [](X a, X b) { return a / b; }, [](Real a, Real b) { return a / b; });
  check2<V>(
      "pow", [](X a, X b) { return pow(a, b); }, [](Real a, Real b) { return std::pow(a, b); });
  check2<V>(
      "atan2", [](X a, X b) { return atan2(a, b); }, [](Real a, Real b) { return std::atan2(a, b); });
  check2<V>(
      "hypot", [](X a, X b) { return hypot(a, b); }, [](Real a, Real b) { return std::hypot(a, b); });
  check2<V>(
      "maximum", [](X a, X b) { return maximum(a, b); }, [](Real a, Real b) { return std::max(a, b); });
  check2<V>(
      "minimum", [](X a, X b) { return minimum(a, b); }, [](Real a, Real b) { return std::min(a, b); });
  check2<V>(
      "fmod", [](X a, X b) { return fmod(a, b); }, [](Real a, Real b) { return std::fmod(a, b); });
  check2<V>(
      "remainder", [](X a, X b) { return remainder(-a, b); }, [](Real a, Real b) { return std::fmod(-a, b) + b; });
  check2<V>(
      "where", [](X a, X b) { return where(a > b, a * a, b * a); },
      [](Real a, Real b) { return a > b ? a * a : b * a; });
  check2<V>(
      "clamp", [](X a, X b) { return clamp(a, 1, b); },
      [](Real a, Real b) { return std::min(std::max(a, Real(1)), b); });
}

TEST_CASE_TEMPLATE("constants on either side", V, DUAL_LANES) {
  using X = const Dual<V, 2>&;
  const V three(3);
  check<V>(
      "x + c", kLine, [=](X x) { return 1 + x + 2.0 + three; }, [](Real x) { return x + 6; });
  check<V>(
      "c - x", kLine, [=](X x) { return 1 - (three - (x - 2)); }, [](Real x) { return x - 4; });
  check<V>(
      "c x", kLine, [=](X x) { return 2 * x * 0.5F * three; }, [](Real x) { return 3 * x; });
  check<V>(
      "c / x", kPositive, [=](X x) { return three / x / 2 + 1 / x; }, [](Real x) { return 2.5L / x; });
  check<V>(
      "pow(x, 3)", kLine, [](X x) { return pow(x, 3); }, [](Real x) { return x * x * x; });
  check<V>(
      "pow(x, 2.5)", kPositive, [](X x) { return pow(x, 2.5); }, [](Real x) { return std::pow(x, 2.5L); });
  check<V>(
      "pow(x, c)", kPositive, [=](X x) { return pow(x, three); }, [](Real x) { return x * x * x; });
  check<V>(
      "pow(2, x)", kLine, [](X x) { return pow(2, x); }, [](Real x) { return std::exp2(x); });
  check<V>(
      "x += ...", kLine,
      [=](X a) {
        auto x = a;
        x += 1;
        x *= a;
        x -= three;
        x /= 2;
        return x;
      },
      [](Real x) { return ((x + 1) * x - 3) / 2; });
  check<V>(
      "a formula", kLine, [](X x) { return x / (1 + exp(-0.75 * x)); },
      [](Real x) { return x / (1 + std::exp(-0.75L * x)); });
}

TEST_CASE_TEMPLATE("corners and steps have PyTorch's slopes", V, DUAL_LANES) {
  using X = const Dual<V, 1>&;
  CHECK(slope_at<V>([](X x) { return relu(x); }, 0) == 0);
  CHECK(slope_at<V>([](X x) { return abs(x); }, 0) == 0);
  for (double x : {-1.3, 0.0, 0.5, 2.5}) {
    CHECK(slope_at<V>([](X a) { return sign(a); }, x) == 0);
    CHECK(slope_at<V>([](X a) { return floor(a); }, x) == 0);
    CHECK(slope_at<V>([](X a) { return ceil(a); }, x) == 0);
    CHECK(slope_at<V>([](X a) { return round(a); }, x) == 0);
    CHECK(slope_at<V>([](X a) { return trunc(a); }, x) == 0);
  }
  CHECK(slope_at<V>([](X x) { return maximum(x, 2); }, 2) == 0.5);
  CHECK(slope_at<V>([](X x) { return minimum(2, x); }, 2) == 0.5);
  CHECK(slope_at<V>([](X x) { return maximum(x, 3 * x); }, 0) == 2);
  CHECK(slope_at<V>([](X x) { return clamp(x, -1, 1); }, 1) == 1);
  CHECK(slope_at<V>([](X x) { return clamp(x, -1, 1); }, -1) == 1);
  CHECK(slope_at<V>([](X x) { return clamp(x, -1, 1); }, 1.5) == 0);
  CHECK(slope_at<V>([](X x) { return clamp(x, 1, -1 * x); }, 3) == -1);
  CHECK(slope_at<V>([](X x) { return pow(x, 0); }, 0) == 0);
  CHECK(slope_at<V>([](X x) { return pow(x, V(0)); }, 0) == 0);
  CHECK(slope_at<V>([](X x) { return pow(x, 1); }, 0) == 1);
  CHECK(slope_at<V>([](X x) { return pow(x, V(2)); }, 0) == 0);
  CHECK(slope_at<V>([](X x) { return pow(x, 0.5); }, 0) == kInf);
  CHECK(slope_at<V>([](X x) { return pow(0, x); }, 0) == 0);
  CHECK(slope_at<V>([](X x) { return pow(V(0), x); }, 2) == 0);
  CHECK(slope_at<V>([](X x) { return pow(x, x + 1); }, 0) == 1);
  CHECK(slope_at<V>([](X x) { return sqrt(x); }, 0) == kInf);
  CHECK(slope_at<V>([](X x) { return log(x); }, 0) == kInf);
}

TEST_CASE_TEMPLATE("infinite derivatives leave slopes of exactly 0 alone", V, DUAL_LANES) {
  using X = const Dual<V, 1>&;
  CHECK(slope_at<V>([](X x) { return sqrt(x); }, 0, 0) == 0);
  CHECK(slope_at<V>([](X x) { return log(x); }, 0, 0) == 0);
  CHECK(slope_at<V>([](X x) { return 1 / x; }, 0, 0) == 0);
  CHECK(slope_at<V>([](X x) { return x / x; }, 0, 0) == 0);
  CHECK(slope_at<V>([](X x) { return x * x; }, kInf, 0) == 0);
  CHECK(slope_at<V>([](X x) { return pow(x, -0.5); }, 0, 0) == 0);
  CHECK(slope_at<V>([](X x) { return asin(x); }, 1, 0) == 0);
  CHECK(slope_at<V>([](X x) { return acosh(x); }, 1, 0) == 0);
  CHECK(slope_at<V>([](X x) { return atanh(x); }, 1, 0) == 0);
  CHECK(slope_at<V>([](X x) { return exp(x); }, 1e4, 0) == 0);
  CHECK(slope_at<V>([](X x) { return sqrt(relu(x)); }, -1) == 0);
  CHECK(slope_at<V>([](X x) { return sqrt(abs(x)); }, 0) == 0);
  // Each direction meets only its own factor: x log y at y = 0.
  const auto z = Dual<V, 2>::variable(V(2), 0) * log(Dual<V, 2>::variable(V(0), 1));
  CHECK(first(z.slope[0]) == -kInf);
  CHECK(first(z.slope[1]) == kInf);
}

TEST_CASE_TEMPLATE("where lets nothing through from the branch not taken", V, DUAL_LANES) {
  using X = const Dual<V, 1>&;
  CHECK(slope_at<V>([](X x) { return where(x > 0, sqrt(x), 0); }, -4) == 0);
  CHECK(slope_at<V>([](X x) { return where(x > 0, sqrt(x), x * 3); }, -4) == 3);
  CHECK(slope_at<V>([](X x) { return where(x == 0, 1, log(x) / x); }, 0) == 0);
  CHECK(slope_at<V>([](X x) { return where(isnan(log(x)) || !isfinite(x), 2 * x, log(x)); }, -1) == 2);
  CHECK(slope_at<V>([](X x) { return where(x != x || isinf(x), 0, x); }, kNan) == 0);
  CHECK(slope_at<V>([](X x) { return where(x >= 1 && x <= 1 && !(x < 1), x, 0); }, 1) == 1);
}

TEST_CASE_TEMPLATE("relative accuracy where slopes are tiny or huge", V, DUAL_LANES) {
  using X = const Dual<V, 1>&;
  const double tolerance = sizeof(typename V::value_type) == 4 ? 1e-5 : 1e-12;
  auto near = [&](double got, double expected) { return std::fabs(got - expected) <= tolerance * std::fabs(expected); };
  CHECK(near(slope_at<V>([](X x) { return sigmoid(x); }, 40), std::exp(-40.0)));
  CHECK(near(slope_at<V>([](X x) { return sigmoid(x); }, -40), std::exp(-40.0)));
  CHECK(near(slope_at<V>([](X x) { return log_sigmoid(x); }, 40), std::exp(-40.0)));
  CHECK(near(slope_at<V>([](X x) { return softplus(x); }, -40), std::exp(-40.0)));
  CHECK(near(slope_at<V>([](X x) { return asin(x); }, 1 - 0x1p-20), 1 / std::sqrt(0x1p-19 - 0x1p-40)));
  CHECK(near(slope_at<V>([](X x) { return acosh(x); }, 1 + 0x1p-20), 1 / std::sqrt(0x1p-19 + 0x1p-40)));
  CHECK(near(slope_at<V>([](X x) { return log1p(x); }, 1e-12), 1 / (1 + 1e-12)));
  CHECK(near(slope_at<V>([](X x) { return asinh(x); }, 1e25), 1e-25));
  // trigamma(1) = pi^2 / 6.
  CHECK(near(slope_at<V>([](X x) { return digamma(x); }, 1), 1.6449340668482264));
  CHECK(near(slope_at<V>([](X x) { return digamma(x); }, -0.5), 8.9348022005446793));
  CHECK(near(slope_at<V>([](X x) { return lgamma(x); }, 1), -0.57721566490153286));
}
