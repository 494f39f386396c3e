#include "lanes_support.hpp"

using namespace xgrad;
using namespace lanes_test;

namespace {

Real remainder_reference(Real a, Real b) {
  const Real r = std::fmod(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

}  // namespace

TEST_CASE_TEMPLATE("exact functions are exact on mixed lanes", L, LANE_TYPES) {
  check<L>(
      "abs", 0, 0, [](L x) { return abs(x); }, [](Real x) { return std::fabs(x); });
  check<L>(
      "neg", 0, 0, [](L x) { return -x; }, [](Real x) { return -x; });
  check<L>(
      "sign", 0, 0, [](L x) { return sign(x); }, [](Real x) { return Real((x > 0) - (x < 0)); });
  check<L>(
      "floor", 0, 0, [](L x) { return floor(x); }, [](Real x) { return std::floor(x); });
  check<L>(
      "ceil", 0, 0, [](L x) { return ceil(x); }, [](Real x) { return std::ceil(x); });
  check<L>(
      "round", 0, 0, [](L x) { return round(x); }, [](Real x) { return std::nearbyint(x); });
  check<L>(
      "trunc", 0, 0, [](L x) { return trunc(x); }, [](Real x) { return std::trunc(x); });
  check<L>(
      "relu", 0, 0, [](L x) { return relu(x); }, [](Real x) { return x < 0 ? Real(0) : x; });
  check<L>(
      "square", 0.5, 0.5, [](L x) { return square(x); }, [](Real x) { return x * x; });
  check<L>(
      "reciprocal", 0.5, 0.5, [](L x) { return reciprocal(x); }, [](Real x) { return 1 / x; });
  check<L>(
      "sqrt", 0.5, 0.5, [](L x) { return sqrt(x); }, [](Real x) { return std::sqrt(x); });
  check<L>(
      "rsqrt", 1.5, 1.5, [](L x) { return rsqrt(x); }, [](Real x) { return 1 / std::sqrt(x); });
  auto larger = [](Real a, Real b) { return std::isnan(a) ? a : a > b ? a : b; };
  auto smaller = [](Real a, Real b) { return std::isnan(a) ? a : a < b ? a : b; };
  check2<L>(
      "maximum", 0, 0, [](L a, L b) { return maximum(a, b); }, larger);
  check2<L>(
      "minimum", 0, 0, [](L a, L b) { return minimum(a, b); }, smaller);
  check2<L>(
      "fmod", 0, 0, [](L a, L b) { return fmod(a, b); }, [](Real a, Real b) { return std::fmod(a, b); });
  check2<L>(
      "remainder", 0.5, 0.5, [](L a, L b) { return remainder(a, b); }, remainder_reference);
  CHECK(at<L>([](L x, L) { return clamp(x, -1, 2.5); }, 7) == 2.5);
  CHECK(at<L>([](L x, L) { return clamp(x, -1, 2.5); }, -7) == -1);
  CHECK(std::isnan(at<L>([](L x, L) { return clamp(x, -1, 2.5); }, kNan)));
}

TEST_CASE_TEMPLATE("literals of any type stand on either side", L, LANE_TYPES) {
  auto value = [](auto f, double x) { return at<L>([&](L a, L) { return L(f(a)); }, x); };
  CHECK(value([](L x) { return 2 * x + 1; }, 3) == 7);
  CHECK(value([](L x) { return 2.0 * x - 1U; }, 3) == 5);
  CHECK(value([](L x) { return x / 2 - 1.0F; }, 3) == 0.5);
  CHECK(value([](L x) { return 1 / x; }, 4) == 0.25);
  CHECK(value([](L x) { return +x * 2L; }, 4) == 8);
  CHECK(value([](L x) { return x += 1, x *= 2.0, x -= 3, x /= 2, x; }, 4) == 3.5);
  CHECK(value([](L x) { return maximum(x, 0); }, -4) == 0);
  CHECK(value([](L x) { return minimum(1.5, x); }, 4) == 1.5);
  CHECK(value([](L x) { return where(x > 3, 1.0, 0); }, 4) == 1);
  CHECK(value([](L x) { return where(3 >= x, x, -1); }, 4) == -1);
  CHECK(value([](L x) { return where(x < 3 || x == 4, x, 0); }, 4) == 4);
  CHECK(value([](L x) { return where(!(x != 4) && x <= 4 && x >= 4, 5, 0); }, 4) == 5);
  CHECK(value([](L x) { return fmod(x, 3); }, 4) == 1);
  CHECK(value([](L x) { return remainder(x, 3.0); }, -4) == 2);
}

TEST_CASE_TEMPLATE("masks", L, LANE_TYPES) {
  auto truth = [](auto f, double x) { return at<L>([&](L a, L) { return where(f(a), L(1), L(0)); }, x) == 1; };
  for (double x : {0.0, -0.0, 1.0, -3.5, kInf, -kInf, kNan}) {
    CAPTURE(x);
    CHECK(truth([](L a) { return isnan(a); }, x) == std::isnan(x));
    CHECK(truth([](L a) { return isinf(a); }, x) == std::isinf(x));
    CHECK(truth([](L a) { return isfinite(a); }, x) == std::isfinite(x));
    CHECK(truth([](L a) { return a == a; }, x) == !std::isnan(x));
    CHECK(truth([](L a) { return a != a; }, x) == std::isnan(x));
    CHECK(truth([](L a) { return a < 0; }, x) == (x < 0));
    CHECK(truth([](L a) { return a <= 0; }, x) == (x <= 0));
    CHECK(truth([](L a) { return a > 0; }, x) == (x > 0));
    CHECK(truth([](L a) { return a >= 0; }, x) == (x >= 0));
    CHECK(truth([](L a) { return !(a > 0); }, x) == !(x > 0));
  }
  // The lane not taken leaves no trace.
  CHECK(at<L>([](L x, L) { return where(x > 0, x, log(x) * 0); }, 2) == 2);
  bool stored[L::size];
  (L(1) > 0).store(stored);
  CHECK(std::all_of(stored, stored + L::size, [](bool b) { return b; }));
  CHECK((L(1) > 0).all());
  CHECK_FALSE((L(1) < 0).any());
}

TEST_CASE("one generic formula takes lanes and plain numbers") {
  auto swish = [](auto x, auto beta) {
    using std::exp;
    return x / (1 + exp(-beta * x));
  };
  const double plain = swish(1.5, 0.75);
  CHECK(at<Lanes<double>>(swish, 1.5, 0.75) == doctest::Approx(plain).epsilon(1e-15));
  auto power = [](auto x, auto y) {
    using std::atan2, std::fmod, std::hypot, std::pow;
    return pow(x, 2.0) + pow(x, y) + atan2(x, y) + hypot(x, y) + fmod(x, y);
  };
  CHECK(at<Lanes<double>>(power, 1.5, 0.75) == doctest::Approx(power(1.5, 0.75)).epsilon(1e-15));
}
