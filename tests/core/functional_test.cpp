// Transforms, against derivatives written by hand.
#include <xgrad/xgrad.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <string>
#include <utility>
#include <vector>

#include "support/errors.hpp"

namespace xg = xgrad;
namespace fn = xgrad::functional;
using test::mentions;
using test::message_of;
using xg::Shape;
using xg::Tensor;
using xg::TensorList;

namespace {

Tensor vec(const std::vector<double>& values) { return xg::tensor(std::span<const double>(values)); }
Tensor matrix(const std::vector<double>& values, const Shape& shape) {
  return xg::tensor(std::span<const double>(values), shape);
}
void check_values(const Tensor& actual, const Shape& shape, const std::vector<double>& expected) {
  REQUIRE(actual.defined());
  CHECK(actual.sizes() == shape);
  const std::vector<double> values = actual.to_vector<double>();
  REQUIRE(values.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK(values[i] == doctest::Approx(expected[i]).epsilon(1e-12));
}

// (a, b) -> (a b, e^a, sin b) and its Jacobian.
Tensor curve(const Tensor& v) { return xg::stack({v[0] * v[1], xg::exp(v[0]), xg::sin(v[1])}); }
std::vector<double> curve_jacobian(double a, double b) { return {b, a, std::exp(a), 0, 0, std::cos(b)}; }
// a^2 b + b^3, its gradient and Hessian.
Tensor cubic(const Tensor& v) { return v[0] * v[0] * v[1] + v[1] * v[1] * v[1]; }
std::vector<double> cubic_hessian(double a, double b) { return {2 * b, 2 * a, 2 * a, 6 * b}; }

}  // namespace

TEST_CASE("jacobian") {
  const Tensor at = vec({0.3, 0.9});
  check_values(fn::jacobian(curve, at), {3, 2}, curve_jacobian(0.3, 0.9));
  CHECK(!fn::jacobian(curve, at).requires_grad());
  CHECK(!at.requires_grad());
  // The shapes are put together: [2] by [2, 2], a 0-d output, empty ones.
  const auto rows = [](const Tensor& m) { return m.sum(1); };
  check_values(fn::jacobian(rows, matrix({1, 2, 3, 4}, {2, 2})), {2, 2, 2}, {1, 1, 0, 0, 0, 0, 1, 1});
  check_values(fn::jacobian(cubic, at), {2}, {2 * 0.3 * 0.9, 0.3 * 0.3 + 3 * 0.9 * 0.9});
  check_values(fn::jacobian([](const Tensor& v) { return v * 2; }, xg::zeros({0}, {.dtype = xg::float64})), {0, 0}, {});
  check_values(fn::jacobian([](const Tensor& v) { return xg::tanh(v); }, vec({0})), {1, 1}, {1});
  check_values(fn::jacobian(xg::exp, vec({0, 1})), {2, 2}, {1, 0, 0, std::exp(1)});
  // It works the same in float32, and under a NoGradGuard.
  xg::NoGradGuard no_grad;
  const Tensor single = fn::jacobian(curve, at.to(xg::float32));
  CHECK(single.dtype() == xg::float32);
  CHECK(xg::allclose(single, fn::jacobian(curve, at).to(xg::float32), {.rtol = 1e-5, .atol = 1e-6}));
}

TEST_CASE("jacobian of several inputs and outputs") {
  const Tensor a = vec({2, 3}), b = vec({5});
  const auto scaled = [](const Tensor& x, const Tensor& y) { return x * y; };
  const TensorList blocks = fn::jacobian(scaled, {a, b});
  REQUIRE(blocks.size() == 2);
  check_values(blocks[0], {2, 2}, {5, 0, 0, 5});
  check_values(blocks[1], {2, 1}, {2, 3});
  const auto both = [](const Tensor& x, const Tensor& y) { return TensorList{x * y, y * y}; };
  const std::vector<TensorList> all = fn::jacobian(both, {a, b});
  REQUIRE(all.size() == 2);
  check_values(all[0][1], {2, 1}, {2, 3});
  check_values(all[1][0], {1, 2}, {0, 0});
  check_values(all[1][1], {1, 1}, {10});
  const TensorList parts = fn::jacobian([](const Tensor& x) { return std::pair(x * x, x.sum()); }, a);
  REQUIRE(parts.size() == 2);
  check_values(parts[0], {2, 2}, {4, 0, 0, 6});
  check_values(parts[1], {2}, {1, 1});
  const auto list = [](const TensorList& in) { return in[0] * in[1]; };
  check_values(fn::jacobian(list, TensorList{a, b})[1], {2, 1}, {2, 3});
}

TEST_CASE("hessian") {
  check_values(fn::hessian(cubic, vec({2, 3})), {2, 2}, cubic_hessian(2, 3));
  const auto trace = [](const Tensor& m) { return (m * m * m).sum(); };
  const Tensor h = fn::hessian(trace, matrix({1, 2, 3, 4}, {2, 2}));
  CHECK(h.sizes() == Shape{2, 2, 2, 2});
  CHECK(h.index({1, 0, 1, 0}).item<double>() == 18);
  CHECK(h.sum().item<double>() == 60);
  check_values(fn::hessian([](const Tensor& v) { return v.sum(); }, vec({1, 2})), {2, 2}, {0, 0, 0, 0});
  // x^2 y: [[2y, 2x], [2x, 0]] in blocks.
  const auto blocks =
      fn::hessian([](const Tensor& x, const Tensor& y) { return (x * x * y).sum(); }, {vec({3}), vec({5})});
  check_values(blocks[0][0], {1, 1}, {10});
  check_values(blocks[0][1], {1, 1}, {6});
  check_values(blocks[1][0], {1, 1}, {6});
  check_values(blocks[1][1], {1, 1}, {0});
}

TEST_CASE("hvp and vhp") {
  const Tensor at = vec({2, 3}), v = vec({0.5, -2});
  const std::vector<double> h = cubic_hessian(2, 3);
  const std::vector<double> expected{h[0] * 0.5 - h[1] * 2, h[2] * 0.5 - h[3] * 2};
  check_values(fn::hvp(cubic, at, v), {2}, expected);
  check_values(fn::vhp(cubic, at, v), {2}, expected);
  const auto f = [](const Tensor& x, const Tensor& y) { return (x * x * y).sum(); };
  const TensorList products = fn::hvp(f, {vec({3}), vec({5})}, {vec({1}), vec({2})});
  check_values(products[0], {1}, {10 + 12});
  check_values(products[1], {1}, {6});
  check_values(fn::hvp([](const Tensor& x) { return x.sum(); }, at, v), {2}, {0, 0});
}

TEST_CASE("vjp and jvp") {
  const Tensor at = vec({0.3, 0.9});
  const std::vector<double> j = curve_jacobian(0.3, 0.9);
  const auto [value, gradient] = fn::vjp(curve, at, vec({1, 2, 3}));
  check_values(value, {3}, {0.27, std::exp(0.3), std::sin(0.9)});
  check_values(gradient, {2}, {j[0] + 2 * j[2] + 3 * j[4], j[1] + 2 * j[3] + 3 * j[5]});
  CHECK(!value.requires_grad());
  const auto [same, pushed] = fn::jvp(curve, at, vec({1, -1}));
  check_values(same, {3}, value.to_vector<double>());
  check_values(pushed, {3}, {j[0] - j[1], j[2] - j[3], j[4] - j[5]});
  // v may be left out where there is nothing to choose.
  check_values(fn::vjp(cubic, at).second, {2}, {0.54, 0.09 + 2.43});
  check_values(fn::jvp([](const Tensor& x) { return x * x; }, vec({3})).second, {1}, {6});
  // Several inputs and outputs.
  const auto both = [](const Tensor& x, const Tensor& y) { return TensorList{x * y, y * y}; };
  const auto [values, gradients] = fn::vjp(both, {vec({2, 3}), vec({5})}, {vec({1, 1}), vec({1})});
  CHECK(values.size() == 2);
  check_values(gradients[0], {2}, {5, 5});
  check_values(gradients[1], {1}, {5 + 10});
  const auto [again, tangents] = fn::jvp(both, {vec({2, 3}), vec({5})}, {vec({1, 0}), vec({1})});
  CHECK(again.size() == 2);
  check_values(tangents[0], {2}, {5 + 2, 3});
  check_values(tangents[1], {1}, {10});
  // A linear function and one that ignores its argument.
  check_values(fn::jvp([](const Tensor& x) { return x * 3; }, at, vec({1, 2})).second, {2}, {3, 6});
  check_values(fn::jvp([](const Tensor&) { return vec({1, 2, 3}); }, at, vec({1, 2})).second, {3}, {0, 0, 0});
}

TEST_CASE("create_graph makes the results functions of the place and of what else is used") {
  const Tensor at = vec({2, 3}).requires_grad_(), weight = vec({4}).requires_grad_();
  const auto f = [&](const Tensor& v) { return (weight * v * v * v).sum(); };
  const fn::TransformOptions graph{.create_graph = true};
  const Tensor h = fn::hessian(f, at, graph);
  const TensorList third = xg::grad({h.sum()}, {at, weight});
  check_values(third[0], {2}, {24, 24});
  check_values(third[1], {1}, {12 + 18});
  check_values(xg::grad({fn::hvp(f, at, vec({1, 1}), graph).sum()}, {at})[0], {2}, {24, 24});
  const Tensor j = fn::jacobian([&](const Tensor& v) { return weight * v * v; }, at, graph);
  check_values(xg::grad({j.sum()}, {at})[0], {2}, {8, 8});
  const auto [value, pushed] = fn::jvp([&](const Tensor& v) { return v * v; }, at, vec({1, 1}), graph);
  check_values(xg::grad({pushed.sum()}, {at}, {.retain_graph = true})[0], {2}, {2, 2});
  check_values(xg::grad({value.sum()}, {at})[0], {2}, {4, 6});
  const auto pulled = fn::vjp([&](const Tensor& v) { return v * v; }, at, vec({1, 1}), graph);
  check_values(xg::grad({pulled.second.sum()}, {at})[0], {2}, {2, 2});
  // Without it nothing hangs on.
  CHECK(!fn::hessian(f, at).requires_grad());
  CHECK(!at.grad().defined());
}

TEST_CASE("strict refuses what does not depend on an argument") {
  const fn::TransformOptions strict{.strict = true};
  const auto first = [](const Tensor& x, const Tensor&) { return x * 2; };
  CHECK(mentions(message_of<xg::AutogradError>([&] {
                   fn::jacobian(first, {vec({1}), vec({2})}, strict);
                 }),
                 {"jacobian", "argument 1", "strict", "functional_test.cpp"}));
  CHECK(mentions(
      message_of<xg::AutogradError>([&] { fn::hessian([](const Tensor& x) { return x.sum(); }, vec({1}), strict); }),
      {"hessian", "gradient"}));
  check_values(fn::jacobian(curve, vec({0.3, 0.9}), strict), {3, 2}, curve_jacobian(0.3, 0.9));
}

TEST_CASE("misuse is named") {
  const Tensor at = vec({1, 2});
  CHECK(mentions(message_of<xg::ShapeError>([&] { fn::hessian([](const Tensor& x) { return x * x; }, at); }),
                 {"hessian", "one element", "[2]", "functional_test.cpp"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] { fn::hvp(cubic, at, vec({1, 2, 3})); }), {"hvp", "[3]", "[2]"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] { fn::vjp(curve, at, vec({1, 2})); }), {"vjp", "[2]", "[3]"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] { fn::vjp(curve, at); }), {"vjp", "v"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] { fn::jvp(curve, at, vec({1})); }), {"jvp", "[1]", "[2]"}));
  CHECK(mentions(message_of<xg::DtypeError>([&] {
                   fn::jvp(curve, at, vec({1, 1}).to(xg::float32));
                 }),
                 {"jvp", "float32"}));
  CHECK(mentions(message_of<xg::DtypeError>([&] { fn::jacobian(curve, xg::tensor({1, 2})); }), {"jacobian", "int64"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { fn::jacobian(curve, TensorList{}); }), {"jacobian", "empty"}));
}
