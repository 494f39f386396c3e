// Points where a slope is not finite: what nobody asked for there stays out of the gradient, at every order.
#include <xgrad/xgrad.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <functional>
#include <limits>
#include <string>
#include <vector>

namespace xg = xgrad;
using xg::Tensor;
using xg::TensorList;
using Values = std::vector<double>;
using Function = std::function<Tensor(const Tensor&)>;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double none = std::numeric_limits<double>::quiet_NaN();

struct Point {
  std::string name;
  Function f;
  Values at;  // where the slope is infinite or not a number
  double regular;
};

const std::vector<Point>& points() {
  static const std::vector<Point> list{
      {"log", [](const Tensor& x) { return xg::log(x); }, {0, none}, 2},
      {"log2", [](const Tensor& x) { return xg::log2(x); }, {0, none}, 2},
      {"log10", [](const Tensor& x) { return xg::log10(x); }, {0, none}, 2},
      {"log1p", [](const Tensor& x) { return xg::log1p(x); }, {-1, none}, 2},
      {"sqrt", [](const Tensor& x) { return xg::sqrt(x); }, {0, -1, none}, 2},
      {"rsqrt", [](const Tensor& x) { return xg::rsqrt(x); }, {0, -1, none}, 2},
      {"reciprocal", [](const Tensor& x) { return xg::reciprocal(x); }, {0, none}, 2},
      {"div", [](const Tensor& x) { return 3 / x; }, {0, none}, 2},
      {"div of itself", [](const Tensor& x) { return x / x; }, {0, none}, 2},
      {"pow 0.5", [](const Tensor& x) { return xg::pow(x, 0.5); }, {0, -1, none}, 2},
      {"pow -1", [](const Tensor& x) { return xg::pow(x, -1.0); }, {0, none}, 2},
      {"pow of a tensor", [](const Tensor& x) { return xg::pow(x, x * 0 - 0.5); }, {0, -1, none}, 2},
      {"pow of a number", [](const Tensor& x) { return xg::pow(0.0, x); }, {-1}, 2},
      {"asin", [](const Tensor& x) { return xg::asin(x); }, {1, -1, 2, none}, 0.5},
      {"acos", [](const Tensor& x) { return xg::acos(x); }, {1, -1, -2, none}, 0.5},
      {"acosh", [](const Tensor& x) { return xg::acosh(x); }, {1, 0.5, none}, 2},
      {"atanh", [](const Tensor& x) { return xg::atanh(x); }, {1, -1, none}, 0.5},
      {"exp", [](const Tensor& x) { return xg::exp(x); }, {1000, inf, none}, 0.5},
      {"exp2", [](const Tensor& x) { return xg::exp2(x); }, {10000, inf, none}, 0.5},
      {"expm1", [](const Tensor& x) { return xg::expm1(x); }, {1000, inf, none}, 0.5},
      {"sinh", [](const Tensor& x) { return xg::sinh(x); }, {1000, -1000, none}, 0.5},
      {"cosh", [](const Tensor& x) { return xg::cosh(x); }, {1000, -1000, none}, 0.5},
      {"lgamma", [](const Tensor& x) { return xg::lgamma(x); }, {0, -1, none}, 2},
      {"digamma", [](const Tensor& x) { return xg::digamma(x); }, {0, -1, none}, 2},
      {"atan2", [](const Tensor& x) { return xg::atan2(x, x); }, {0, none}, 2},
      {"fmod", [](const Tensor& x) { return xg::fmod(1.0, x); }, {0, none}, 0.7},
      {"remainder", [](const Tensor& x) { return xg::remainder(1.0, x); }, {0, none}, 0.7},
  };
  return list;
}

// The singular points and the regular one, repeated beyond a vector's lanes.
Tensor mixed(const Point& point, xg::Dtype dtype) {
  Values values;
  for (int i = 0; i < 5; ++i) {
    values.insert(values.end(), point.at.begin(), point.at.end());
    values.push_back(point.regular);
  }
  return xg::tensor(values).to(dtype).requires_grad_();
}
bool is_regular(const Point& point, std::size_t i) { return i % (point.at.size() + 1) == point.at.size(); }

}  // namespace

TEST_CASE("a branch that `where` does not take leaves nothing in the gradient, nor in the gradient's gradient") {
  for (const Point& point : points())
    for (const xg::Dtype dtype : {xg::float64, xg::float32}) {
      const Tensor x = mixed(point, dtype);
      Values truths;
      for (std::int64_t i = 0; i < x.numel(); ++i) truths.push_back(is_regular(point, static_cast<std::size_t>(i)));
      const Tensor taken = xg::tensor(truths) > 0;
      const Tensor y = xg::where(taken, point.f(x), xg::zeros_like(x));
      const Tensor plain = xg::grad({y.sum()}, {x}, {.retain_graph = true})[0];
      const Tensor first = xg::grad({y.sum()}, {x}, {.create_graph = true})[0];
      const Tensor one = xg::tensor(point.regular, {.dtype = dtype, .requires_grad = true});
      const Tensor slope = xg::grad({point.f(one)}, {one}, {.create_graph = true})[0];
      const double second = slope.requires_grad() ? xg::grad({slope}, {one})[0].item<double>() : 0;
      TensorList again{xg::zeros_like(x)};
      if (first.requires_grad()) again = xg::grad({first.sum()}, {x});
      const Values a = plain.to_vector<double>(), b = first.to_vector<double>(), c = again[0].to_vector<double>();
      for (std::size_t i = 0; i < a.size(); ++i) {
        const bool regular = is_regular(point, i);
        const double wanted = regular ? slope.item<double>() : 0, bent = regular ? second : 0;
        const double near = dtype == xg::float64 ? 1e-12 : 1e-5;
        CHECK_MESSAGE(std::abs(a[i] - wanted) <= near * (1 + std::abs(wanted)), point.name, " ", i, ": ", a[i]);
        CHECK_MESSAGE(std::abs(b[i] - wanted) <= near * (1 + std::abs(wanted)), point.name, " recorded ", i, ": ",
                      b[i]);
        CHECK_MESSAGE(std::abs(c[i] - bent) <= near * (1 + std::abs(bent)), point.name, " second ", i, ": ", c[i]);
      }
    }
}

TEST_CASE("a zero cotangent at a regular point still has its derivative") {
  for (const Point& point : points()) {
    const Tensor x = xg::tensor({point.regular}, {.dtype = xg::float64, .requires_grad = true});
    const Tensor zero = xg::zeros({1}, {.dtype = xg::float64, .requires_grad = true});
    const Tensor y = point.f(x);
    const Tensor slope = xg::grad({y}, {x}, {.retain_graph = true})[0];
    const Tensor g = xg::grad({y}, {x}, {.grad_outputs = {zero}, .create_graph = true})[0];
    CHECK(g.item<double>() == 0);
    const Tensor by_cotangent = xg::grad({g}, {zero})[0];
    CHECK_MESSAGE(by_cotangent.item<double>() == doctest::Approx(slope.item<double>()), point.name);
  }
}

TEST_CASE("asked for, an infinite slope is infinite") {
  const auto slope = [](const Function& f, double at) {
    const Tensor x = xg::tensor({at}, {.dtype = xg::float64, .requires_grad = true});
    return xg::grad({f(x)}, {x})[0].item<double>();
  };
  CHECK(slope([](const Tensor& x) { return xg::log(x); }, 0) == inf);
  CHECK(slope([](const Tensor& x) { return xg::sqrt(x); }, 0) == inf);
  CHECK(slope([](const Tensor& x) { return xg::reciprocal(x); }, 0) == -inf);
  CHECK(slope([](const Tensor& x) { return xg::exp(x); }, 1000) == inf);
  CHECK(std::isnan(slope([](const Tensor& x) { return xg::sqrt(x); }, -1)));
}
