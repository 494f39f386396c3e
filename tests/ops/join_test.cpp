#include <xgrad/ops/join.hpp>

#include <doctest/doctest.h>
#include <limits>
#include <vector>

#include "numeric.hpp"
#include "support/shapes.hpp"

namespace xg = xgrad;
using numeric::check_gradients;
using namespace shapes;
using xg::TensorList;

TEST_CASE("cat puts tensors one behind the other") {
  const Tensor a = counted({2, 2}), b = counted({2, 3}).slice(1, {}, {}, -1);
  CHECK(values(xg::cat({a, b}, 1)) == Values{0, 1, 2, 1, 0, 2, 3, 5, 4, 3});
  CHECK(values(xg::cat({a, a.t()})) == Values{0, 1, 2, 3, 0, 2, 1, 3});
  CHECK(values(xg::concatenate({a, a}, -1)) == Values{0, 1, 0, 1, 2, 3, 2, 3});
  CHECK(xg::cat({xg::zeros({0, 2}), xg::zeros({3, 2})}).sizes() == Shape{3, 2});
  CHECK(xg::cat({xg::zeros({0}), xg::ones({3, 2})}, 1).sizes() == Shape{3, 2});
  CHECK(xg::cat({xg::zeros({0})}).sizes() == Shape{0});
  CHECK(values(xg::hstack({list({1, 2}), xg::tensor(3)})) == Values{1, 2, 3});
  CHECK(xg::hstack({a, b}).sizes() == Shape{2, 5});
  CHECK(values(xg::vstack({list({1, 2}), list({3, 4})})) == Values{1, 2, 3, 4});
  CHECK(xg::vstack({list({1, 2}), a}).sizes() == Shape{3, 2});
  for (const xg::Dtype dtype : {xg::int32, xg::uint8, xg::float32})
    CHECK(values(xg::cat({counted({2}, dtype), counted({1}, dtype)})) == Values{0, 1, 0});
}

TEST_CASE("cat of different dtypes") {
  CHECK(xg::cat({counted({2}), xg::ones({2})}).dtype() == xg::float32);
  CHECK(xg::cat({xg::tensor({true}), counted({2})}).dtype() == xg::int64);
  CHECK(xg::stack({xg::tensor({true}), counted({1}), xg::ones({1}, {.dtype = xg::float64})}).dtype() == xg::float64);
  CHECK(mentions(message_of<xg::DtypeError>([&] {
                   xg::cat({xg::ones({1}), xg::ones({1}, {.dtype = xg::float64})});
                 }),
                 {"cat:", "float32", "float64", "join_test.cpp"}));
  CHECK(mentions(message_of<xg::DtypeError>([&] {
                   xg::cat({counted({1}, xg::int32), counted({1})});
                 }),
                 {"cat:", "int32"}));
}

TEST_CASE("stack makes a dimension") {
  const Tensor a = counted({2, 3}), b = a + 10;
  CHECK(xg::stack({a, b}).sizes() == Shape{2, 2, 3});
  CHECK(values(xg::stack({a, b}, -1)) == Values{0, 10, 1, 11, 2, 12, 3, 13, 4, 14, 5, 15});
  CHECK(values(xg::stack({a, b}, 1)) == Values{0, 1, 2, 10, 11, 12, 3, 4, 5, 13, 14, 15});
  CHECK(values(xg::stack({xg::tensor(4), xg::tensor(5)})) == Values{4, 5});
}

TEST_CASE("what cannot be joined") {
  const Tensor a = xg::zeros({2, 3}), b = xg::zeros({4, 5});
  CHECK(mentions(message_of<xg::ShapeError>([&] { xg::cat({a, b}); }), {"cat:", "[2, 3]", "[4, 5]", "join_test.cpp"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] { xg::cat({a, xg::zeros({3})}); }), {"cat:", "[2, 3]", "[3]"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] {
                   xg::cat({a, xg::zeros({2, 3, 1})});
                 }),
                 {"cat:", "[2, 3]", "number 1", "[2, 3, 1]"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] { xg::cat({xg::tensor(1.0)}); }), {"cat:", "0-d"}));
  CHECK(mentions(message_of<xg::IndexError>([&] { xg::cat({a, a}, 2); }), {"cat:", "2"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { xg::cat({}); }), {"cat:", "empty"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] { xg::stack({a, b}); }), {"stack:", "[2, 3]", "[4, 5]"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { xg::stack({}); }), {"stack:", "empty"}));
  CHECK(mentions(message_of<xg::Error>([&] { xg::stack({a, Tensor()}); }), {"undefined"}));
}

TEST_CASE("split, chunk and unbind are views") {
  const Tensor x = counted({2, 5});
  const TensorList parts = x.split(2, 1);
  REQUIRE(parts.size() == 3);
  CHECK(values(parts[1]) == Values{2, 3, 7, 8});
  CHECK(values(parts[2]) == Values{4, 9});
  CHECK(shares(x, parts[2]));
  CHECK(xg::split(x, {1, 0, 4}, 1)[1].sizes() == Shape{2, 0});
  CHECK(values(xg::split(x, {1, 4}, -1)[0]) == Values{0, 5});
  CHECK(x.chunk(4, 1).size() == 3);
  CHECK(x.chunk(2, 1)[0].sizes() == Shape{2, 3});
  CHECK(xg::zeros({0}).chunk(3).size() == 3);
  CHECK(xg::zeros({0}).split(2).size() == 1);
  const TensorList rows = x.unbind();
  REQUIRE(rows.size() == 2);
  CHECK(values(rows[1]) == Values{5, 6, 7, 8, 9});
  CHECK(x.unbind(1).size() == 5);
  CHECK(xg::zeros({0, 2}).unbind().empty());
  CHECK(mentions(message_of<xg::ShapeError>([&] { xg::split(x, {1, 3}, 1); }), {"split:", "[1, 3]", "[2, 5]", "5"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { x.split(0); }), {"split:", "0"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { x.chunk(0); }), {"chunk:", "0"}));
  CHECK(mentions(message_of<xg::IndexError>([&] { xg::tensor(1).unbind(); }), {"unbind:", "0-d"}));
}

TEST_CASE("gradients of joins and parts to third order") {
  check_gradients(
      [](const TensorList& in) {
        const Tensor x = in[0] * in[0] * in[0], y = in[1] * in[1] * in[1];
        TensorList results{xg::cat({x, y, x}, 1), xg::stack({x, x * 2.0}, -1), xg::vstack({x, x.slice(1, {}, {}, -1)})};
        for (const TensorList& parts : {x.split(2, 1), x.chunk(2), xg::split(x, {2, 1}, -1)})
          for (const Tensor& part : parts) results.push_back(part * part);
        results.push_back(x.unbind(1)[1]);  // the others get no gradient
        results.push_back(x.split(1)[1]);
        return results;
      },
      {leaf({2, 3}, 1), leaf({2, 1}, 2)}, 3);
}

TEST_CASE("parts without a gradient count as zeros, not as whatever memory held") {
  for (int round = 0; round < 3; ++round) {
    { const Tensor poison = xg::full({600}, std::numeric_limits<double>::quiet_NaN(), {.dtype = xg::float64}); }
    Tensor x = leaf({600}, 3);
    x.split(200)[1].sum().backward();
    double sum = 0;
    for (const double g : reals(x.grad())) sum += g;
    CHECK(sum == 200);
  }
  // A second path to the same tensor.
  Tensor x = leaf({4}, 4);
  const Tensor y = x * 1.0;
  const TensorList parts = y.split(2);
  (y.sum() + parts[1].sum() * 10.0).backward();
  CHECK(reals(x.grad()) == Reals{1, 1, 11, 11});
  x.zero_grad();
  const Tensor z = x * 1.0;
  const TensorList units = z.unbind();
  (units[0] * 2.0 + units[3] * 3.0 + z.sum()).backward();
  CHECK(reals(x.grad()) == Reals{3, 1, 1, 4});
}

TEST_CASE("a part changed in place changes the whole") {
  Tensor x = leaf({4}, 5);
  const Tensor y = x * 1.0;
  const TensorList parts = y.split(2);
  parts[0].mul_(7.0);
  y.sum().backward();
  CHECK(reals(x.grad()) == Reals{7, 7, 1, 1});
}

TEST_CASE("only the inputs that ask have a gradient") {
  Tensor x = leaf({2}, 6);
  const Tensor constant = numeric::random({2}, 7);
  (xg::cat({constant, x, constant}) * numeric::random({6}, 8)).sum().backward();
  CHECK(reals(x.grad()) == reals(numeric::random({6}, 8).slice(0, 2, 4)));
  CHECK_FALSE(constant.grad().defined());
  CHECK_FALSE(xg::cat({constant, constant}).requires_grad());
}

TEST_CASE("meshgrid") {
  const TensorList ij = xg::meshgrid({list({1, 2}), list({3, 4, 5})});
  CHECK(values(ij[0]) == Values{1, 1, 1, 2, 2, 2});
  CHECK(values(ij[1]) == Values{3, 4, 5, 3, 4, 5});
  const TensorList xy = xg::meshgrid({list({1, 2}), list({3, 4, 5})}, "xy");
  CHECK(xy[0].sizes() == Shape{3, 2});
  CHECK(values(xy[0]) == Values{1, 2, 1, 2, 1, 2});
  CHECK(values(xy[1]) == Values{3, 3, 4, 4, 5, 5});
  CHECK(xg::meshgrid({list({1, 2}), xg::tensor(7), list({3, 4, 5})}, "xy")[2].sizes() == Shape{1, 2, 3});
  CHECK(mentions(message_of<xg::ValueError>([&] { xg::meshgrid({list({1})}, "ji"); }), {"meshgrid", "ji"}));
}
