#include <xgrad/autograd.hpp>
#include <xgrad/ops/scatter_reduce.hpp>
#include <xgrad/testing.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <limits>
#include <string>
#include <vector>

#include "support/shapes.hpp"

namespace xg = xgrad;
using namespace shapes;
using xg::TensorList;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

Tensor reals_of(const Reals& values) { return xg::tensor(values); }
std::vector<Reals> gradients(const Reals& x, const Reals& source, const std::string& reduce, bool include_self) {
  const Tensor a = reals_of(x).requires_grad_(), b = reals_of(source).requires_grad_();
  const Tensor y = xg::scatter_reduce(a, 0, xg::tensor({1, 1, 2, 2}), b, reduce, include_self);
  std::vector<Reals> result{reals(y)};
  for (const Tensor& g : xg::grad({y}, {a, b}, {.grad_outputs = {reals_of({1, 2, 4})}})) result.push_back(reals(g));
  return result;
}

}  // namespace

TEST_CASE("values and gradients are PyTorch's") {
  const Reals x{1, 5, 2}, source{5, 5, 2, 7};
  const double third = 2.0 / 3;
  CHECK(gradients(x, source, "sum", true) == std::vector<Reals>{{1, 15, 11}, {1, 2, 4}, {2, 2, 4, 4}});
  CHECK(gradients(x, source, "sum", false) == std::vector<Reals>{{1, 10, 9}, {1, 0, 0}, {2, 2, 4, 4}});
  CHECK(gradients(x, source, "prod", true) == std::vector<Reals>{{1, 125, 28}, {1, 50, 56}, {50, 50, 56, 16}});
  CHECK(gradients(x, source, "prod", false) == std::vector<Reals>{{1, 25, 14}, {1, 0, 0}, {10, 10, 28, 8}});
  CHECK(gradients(x, source, "mean", false) == std::vector<Reals>{{1, 5, 4.5}, {1, 0, 0}, {1, 1, 2, 2}});
  CHECK(gradients(x, source, "amax", true) == std::vector<Reals>{{1, 5, 7}, {1, third, 0}, {third, third, 0, 4}});
  CHECK(gradients(x, source, "amin", true) == std::vector<Reals>{{1, 5, 2}, {1, third, 2}, {third, third, 2, 0}});
}

TEST_CASE("what takes no part has no share among equal ones") {
  CHECK(gradients({1, 5, 2}, {5, 5, 2, 7}, "amax", false) == std::vector<Reals>{{1, 5, 7}, {1, 0, 0}, {1, 1, 0, 4}});
}

TEST_CASE("NaN takes over, from either side") {
  for (const std::string reduce : {"sum", "prod", "mean", "amax", "amin"}) {
    CAPTURE(reduce);
    const Tensor y = xg::scatter_reduce(reals_of({1, not_a_number, 3}), 0, xg::tensor({0, 0, 1, 2}),
                                        reals_of({not_a_number, 2, 3, 4}), reduce);
    CHECK(std::isnan(reals(y)[0]));
    CHECK(std::isnan(reals(y)[1]));
    CHECK_FALSE(std::isnan(reals(y)[2]));
    const Tensor z = xg::scatter_reduce(reals_of({1, not_a_number, not_a_number}), 0, xg::tensor({0, 0, 1}),
                                        reals_of({2, not_a_number, 3}), reduce, false);
    CHECK(std::isnan(reals(z)[0]));
    CHECK(reals(z)[1] == 3);
    CHECK(std::isnan(reals(z)[2]));
  }
}

TEST_CASE("a product has derivatives where factors are 0") {
  for (const bool include_self : {true, false}) {
    const auto f = [=](const Tensor& x, const Tensor& source) {
      return xg::scatter_reduce(x, 0, xg::tensor({0, 0, 0, 1, 1}), source, "prod", include_self);
    };
    for (const Reals& source : {Reals{0, 2, 3, 0, 0}, Reals{0, 0, 3, 4, 0}, Reals{0, 0, 0, 0, 1}})
      for (const Reals& x : {Reals{2, 3, 4}, Reals{0, 0, 0}}) {
        const TensorList in{reals_of(x).requires_grad_(), reals_of(source).requires_grad_()};
        CHECK(xg::gradcheck(f, in));
        CHECK(xg::gradgradcheck(f, in));
      }
  }
}

TEST_CASE("integers, no dimensions, no indices") {
  const Tensor x = counted({3});
  CHECK(values(xg::scatter_reduce(x, 0, list({0, 0, -1}), counted({3}) + 5, "amax")) == Values{6, 1, 7});
  CHECK(values(xg::scatter_reduce(x, 0, list({0, 0, 2}), counted({3}) + 5, "prod", false)) == Values{30, 1, 7});
  CHECK(values(xg::scatter_reduce(x, 0, list({1}), counted({3}) - 4, "amin")) == Values{0, -4, 2});
  CHECK(reals(xg::scatter_reduce(reals_of({2}).squeeze(), 0, list({0, 0}), reals_of({3, 4}), "prod")) == Reals{24});
  for (const std::string reduce : {"sum", "prod", "amax", "amin"})
    CHECK(values(xg::scatter_reduce(x, 0, list({}), x, reduce, false)) == values(x));
  CHECK(mentions(message_of<xg::DtypeError>([&] { xg::scatter_reduce(x, 0, list({0}), x, "mean"); }),
                 {"scatter_reduce", "mean", "int64"}));
  CHECK(mentions(message_of<xg::DtypeError>([&] { xg::scatter_reduce(x, 0, list({0}), reals_of({1}), "sum"); }),
                 {"scatter_reduce", "int64"}));
}
