#include "lanes_support.hpp"

using namespace xgrad;
using namespace lanes_test;

namespace {

Real trigamma_reference(Real x) {
  if (std::isinf(x)) return x > 0 ? 0 : kNan;
  if (x <= 0) {
    if (x == std::floor(x)) return kInf;
    const Real root = kPi / std::sin(kPi * (x - std::nearbyint(x)));
    return root * root - trigamma_reference(1 - x);
  }
  Real sum = 0;
  for (; x < 40; x += 1) sum += 1 / (x * x);
  const Real r = 1 / x, z = r * r;
  return sum + r + z / 2 + r * z * (1 / 6.0L - z * (1 / 30.0L - z * (1 / 42.0L - z * (1 / 30.0L - z * 5 / 66.0L))));
}

Real digamma_reference(Real x) {
  if (x == 0) return std::signbit(x) ? kInf : -kInf;
  if (std::isinf(x)) return x > 0 ? x : kNan;
  if (x < 0) {
    if (x == std::floor(x)) return kNan;
    return digamma_reference(1 - x) - kPi / std::tan(kPi * (x - std::nearbyint(x)));
  }
  Real sum = 0;
  for (; x < 40; x += 1) sum -= 1 / x;
  const Real z = 1 / (x * x);
  const Real series =
      z * (1 / 12.0L - z * (1 / 120.0L - z * (1 / 252.0L - z * (1 / 240.0L - z * (1 / 132.0L - z * 691 / 32760.0L)))));
  return sum + std::log(x) - 0.5L / x - series;
}

// A difference of two terms below 0: its error is measured on their scale. Around the positive zero long double itself
// has no more digits.
Real digamma_scale(Real x, Real) {
  if (x > 1 && x < 2) return 0.01L;
  if (!(x < 0) || std::isinf(x) || x == std::floor(x)) return 0;
  return std::fabs(digamma_reference(1 - x)) + std::fabs(kPi / std::tan(kPi * (x - std::nearbyint(x))));
}

}  // namespace

TEST_CASE_TEMPLATE("exponentials and logarithms", L, LANE_TYPES) {
  check<L>(
      "exp", 1.5, 1.5, [](L x) { return exp(x); }, [](Real x) { return std::exp(x); });
  check<L>(
      "exp2", 1.5, 1.5, [](L x) { return exp2(x); }, [](Real x) { return std::exp2(x); });
  check<L>(
      "expm1", 2, 2, [](L x) { return expm1(x); }, [](Real x) { return std::expm1(x); });
  check<L>(
      "log", 1, 1, [](L x) { return log(x); }, [](Real x) { return std::log(x); });
  check<L>(
      "log2", 2, 2, [](L x) { return log2(x); }, [](Real x) { return std::log2(x); });
  check<L>(
      "log10", 2, 2, [](L x) { return log10(x); }, [](Real x) { return std::log10(x); });
  check<L>(
      "log1p", 1, 1, [](L x) { return log1p(x); }, [](Real x) { return std::log1p(x); });
  check<L>(
      "sinh", 3, 3, [](L x) { return sinh(x); }, [](Real x) { return std::sinh(x); });
  check<L>(
      "cosh", 2, 2, [](L x) { return cosh(x); }, [](Real x) { return std::cosh(x); });
  check<L>(
      "tanh", 3, 3, [](L x) { return tanh(x); }, [](Real x) { return std::tanh(x); });
  check<L>(
      "asinh", 3, 3, [](L x) { return asinh(x); }, [](Real x) { return std::asinh(x); });
  check<L>(
      "acosh", 3, 3, [](L x) { return acosh(x); }, [](Real x) { return std::acosh(x); });
  check<L>(
      "atanh", 3, 3, [](L x) { return atanh(x); }, [](Real x) { return std::atanh(x); });
}

TEST_CASE_TEMPLATE("powers", L, LANE_TYPES) {
  check2<L>(
      "pow", 1, 10, [](L a, L b) { return pow(a, b); }, [](Real a, Real b) { return std::pow(a, b); });
  for (double y : {0.0, 1.0, 2.0, 3.0, -1.0, -2.0, 0.5, -0.5, 2.5, 7.0}) {
    CAPTURE(y);
    check<L>(
        "pow literal", 2, 10, [y](L x) { return pow(x, y); }, [y](Real x) { return std::pow(x, Real(y)); });
  }
  check<L>(
      "pow int", 1, 1, [](L x) { return pow(x, 2); }, [](Real x) { return x * x; });
  check<L>(
      "literal base", 1, 10, [](L x) { return pow(L(2), x); }, [](Real x) { return std::pow(Real(2), x); });
}

TEST_CASE_TEMPLATE("trigonometric functions", L, LANE_TYPES) {
  check<L>(
      "sin", 2.5, 2.5, [](L x) { return sin(x); }, [](Real x) { return std::sin(x); });
  check<L>(
      "cos", 2.5, 2.5, [](L x) { return cos(x); }, [](Real x) { return std::cos(x); });
  check<L>(
      "tan", 4, 4, [](L x) { return tan(x); }, [](Real x) { return std::tan(x); });
  check<L>(
      "asin", 3, 3, [](L x) { return asin(x); }, [](Real x) { return std::asin(x); });
  check<L>(
      "acos", 2, 2, [](L x) { return acos(x); }, [](Real x) { return std::acos(x); });
  check<L>(
      "atan", 3, 3, [](L x) { return atan(x); }, [](Real x) { return std::atan(x); });
  check2<L>(
      "atan2", 4, 4, [](L a, L b) { return atan2(a, b); }, [](Real a, Real b) { return std::atan2(a, b); });
  check2<L>(
      "hypot", 3, 3, [](L a, L b) { return hypot(a, b); }, [](Real a, Real b) { return std::hypot(a, b); });
}

TEST_CASE_TEMPLATE("sines close to multiples of pi / 2 keep their relative accuracy", L, LANE_TYPES) {
  using T = Value<L>;
  double worst = 0;
  for (int n = 1; n < 20000; ++n) {
    const T x = static_cast<T>(n * kPi / 2);
    const double limits[] = {ulps(T(at<L>([](L a, L) { return sin(a); }, x)), std::sin(Real(x))),
                             ulps(T(at<L>([](L a, L) { return cos(a); }, x)), std::cos(Real(x)))};
    worst = std::max({worst, limits[0], limits[1]});
  }
  CHECK(worst <= 2.5);
}

TEST_CASE_TEMPLATE("special functions", L, LANE_TYPES) {
  check<L>(
      "erf", 3.5, 3, [](L x) { return erf(x); }, [](Real x) { return std::erf(x); });
  check<L>(
      "erfc", 5, 5, [](L x) { return erfc(x); }, [](Real x) { return std::erfc(x); });
  check<L>(
      "lgamma", 1, 8, [](L x) { return lgamma(x); }, [](Real x) { return ::lgammal(x); });
  check<L>(
      "digamma", 1, 25, [](L x) { return digamma(x); }, digamma_reference, digamma_scale);
  check<L>(
      "trigamma", 1, 8, [](L x) { return trigamma(x); }, trigamma_reference);
  // At the positive zero of digamma, where its terms cancel: the slope there times the distance.
  if (std::is_same_v<Value<L>, double>) {
    const double root = 0x1.762d86356be3fp+0;
    CHECK(at<L>([](L x, L) { return digamma(x); }, root) == doctest::Approx(-9.2412655217294275e-17).epsilon(1e-10));
  }
}

TEST_CASE_TEMPLATE("activations", L, LANE_TYPES) {
  auto sigmoid_reference = [](Real x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); };
  auto softplus_reference = [](Real x) { return x > 20 ? x : std::log1p(std::exp(x)); };
  check<L>(
      "sigmoid", 3, 3, [](L x) { return sigmoid(x); }, sigmoid_reference);
  check<L>(
      "softplus", 3, 3, [](L x) { return softplus(x); }, softplus_reference);
  check<L>(
      "softplus(2, 3)", 3, 3, [](L x) { return softplus(x, 2, 3); },
      [](Real x) { return 2 * x > 3 ? x : std::log1p(std::exp(2 * x)) / 2; });
  check<L>(
      "log_sigmoid", 3, 3, [](L x) { return log_sigmoid(x); },
      [](Real x) { return x > 0 ? 0 - std::log1p(std::exp(-x)) : x - std::log1p(std::exp(x)); },
      [](Real x, Real) { return std::isnan(x) ? Real(0) : Real(1e-300L); });
  // A subnormal sigmoid has lost digits before the product.
  auto silu_scale = [](Real x, Real) {
    return std::isinf(x) ? Real(0) : std::fabs(x) * std::numeric_limits<Value<L>>::min();
  };
  check<L>(
      "silu", 4, 4, [](L x) { return silu(x); }, [=](Real x) { return x * sigmoid_reference(x); }, silu_scale);
  check<L>(
      "gelu", 6, 6, [](L x) { return gelu(x); }, [](Real x) { return x * std::erfc(-x * std::sqrt(Real(0.5))) / 2; },
      silu_scale);
}
