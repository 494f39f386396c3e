#include <xgrad/autograd.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/reduce.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <limits>

namespace xg = xgrad;
using xg::Tensor;

TEST_CASE("norms and deviations whose squares a double does not hold") {
  const auto value = [](const Tensor& x, double p) { return xg::norm(x, p).item<double>(); };
  const auto numbers = [](double unit) { return xg::tensor({3 * unit, -4 * unit}, {.dtype = xg::float64}); };
  for (const double unit : {1e200, 1e300, 1e-200, 1e-300}) {
    CHECK(value(numbers(unit), 2) == doctest::Approx(5 * unit).epsilon(1e-14));
    CHECK(value(numbers(unit), 3) == doctest::Approx(std::cbrt(91.0) * unit).epsilon(1e-14));
    CHECK(value(numbers(unit), -2) == doctest::Approx(2.4 * unit).epsilon(1e-14));
    CHECK(numbers(unit).std().item<double>() == doctest::Approx(7 / std::sqrt(2.0) * unit).epsilon(1e-14));
    const Tensor x = numbers(unit).requires_grad_();
    const auto slope = xg::grad({x.norm()}, {x})[0].to_vector<double>();
    CHECK(slope[0] == doctest::Approx(0.6));
    CHECK(slope[1] == doctest::Approx(-0.8));
  }
  // Beside ordinary ones, which keep their bits, and zeros, infinities and NaN.
  constexpr double inf = std::numeric_limits<double>::infinity();
  const Tensor rows =
      xg::tensor({{3.0, 4.0}, {3e-200, 4e-200}, {0.0, 0.0}, {inf, 1.0}, {std::nan(""), 1.0}}, {.dtype = xg::float64});
  const auto norms = rows.norm(2, {.dim = {1}}).to_vector<double>();
  CHECK(norms[0] == 5);
  CHECK(norms[1] == doctest::Approx(5e-200).epsilon(1e-14));
  CHECK(norms[2] == 0);
  CHECK(norms[3] == inf);
  CHECK(std::isnan(norms[4]));
  const Tensor single = xg::tensor({3e-30, 4e-30}).to(xg::float32);
  CHECK(single.norm().item<double>() == doctest::Approx(5e-30));
}
