#include <xgrad/xgrad.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <vector>

namespace xg = xgrad;
using xg::Shape;
using xg::Tensor;
using Truths = std::vector<bool>;

TEST_CASE("comparisons, with nan unequal to everything") {
  const double nan = std::nan("");
  for (const xg::Dtype dtype : {xg::float32, xg::float64}) {
    const Tensor a = xg::tensor({1.0, 2.0, 3.0, nan}, {.dtype = dtype});
    const Tensor b = xg::tensor({2.0, 2.0, 2.0, 2.0}, {.dtype = dtype});
    CHECK((a == b).dtype() == xg::bool_);
    CHECK((a == b).to_vector<bool>() == Truths{false, true, false, false});
    CHECK((a != b).to_vector<bool>() == Truths{true, false, true, true});
    CHECK((a < b).to_vector<bool>() == Truths{true, false, false, false});
    CHECK((a <= b).to_vector<bool>() == Truths{true, true, false, false});
    CHECK((a > b).to_vector<bool>() == Truths{false, false, true, false});
    CHECK((a >= b).to_vector<bool>() == Truths{false, true, true, false});
    CHECK((a > 2).to_vector<bool>() == a.gt(b).to_vector<bool>());
    CHECK((2 > a).to_vector<bool>() == a.lt(b).to_vector<bool>());
  }
}

TEST_CASE("many elements, broadcast, of every kind") {
  const Tensor n = xg::arange(100), column = xg::arange(100).reshape({100, 1});
  const Tensor less = n < column;
  CHECK(less.sizes() == Shape{100, 100});
  const Truths truths = less.to_vector<bool>();
  for (std::size_t i = 0; i < 100; ++i)
    for (std::size_t j = 0; j < 100; ++j)
      if (truths[100 * i + j] != (j < i)) FAIL(i, " ", j);
  CHECK((n.to(xg::float32) < column.to(xg::float32)).to_vector<bool>() == truths);
  CHECK((n.to(xg::float64).t() < column).to_vector<bool>() == truths);
  // All 64 bits count.
  const std::int64_t large = (std::int64_t{1} << 53);
  CHECK((xg::tensor({large + 1}) == large).item<bool>() == false);
  CHECK((xg::tensor({true, false}) == xg::tensor({true, true})).to_vector<bool>() == Truths{true, false});
  CHECK_THROWS_AS(xg::eq(xg::zeros({2}), xg::zeros({2}, {.dtype = xg::float64})), xg::DtypeError);
  CHECK_THROWS_AS(xg::lt(xg::zeros({2}), xg::zeros({3})), xg::ShapeError);
}

TEST_CASE("comparisons record nothing") {
  const Tensor x = xg::ones({2}, {.requires_grad = true});
  CHECK(!(x > 0).requires_grad());
  CHECK(!xg::isnan(x).requires_grad());
}

TEST_CASE("logic takes numbers as truths") {
  const Tensor a = xg::tensor({0.0, 0.5, 0.0, -2.0}), b = xg::tensor({0, 0, 1, 1});
  CHECK(xg::logical_and(a, b).to_vector<bool>() == Truths{false, false, false, true});
  CHECK((a || b).to_vector<bool>() == Truths{false, true, true, true});
  CHECK(xg::logical_xor(a, b).to_vector<bool>() == Truths{false, true, true, false});
  CHECK((!a).to_vector<bool>() == Truths{true, false, true, false});
  CHECK((b && 0.5).to_vector<bool>() == Truths{false, false, true, true});
  CHECK((xg::tensor({true, false}) && true).to_vector<bool>() == Truths{true, false});
}

TEST_CASE("kinds of numbers") {
  const Tensor x = xg::tensor({1.0, INFINITY, -INFINITY, NAN, 0.0});
  CHECK(x.isnan().to_vector<bool>() == Truths{false, false, false, true, false});
  CHECK(x.isinf().to_vector<bool>() == Truths{false, true, true, false, false});
  CHECK(x.isfinite().to_vector<bool>() == Truths{true, false, false, false, true});
  CHECK(xg::isfinite(xg::tensor({1, 2})).to_vector<bool>() == Truths{true, true});
  CHECK(xg::isnan(xg::tensor({true})).to_vector<bool>() == Truths{false});
}
