#include <xgrad/elementwise.hpp>
#include <xgrad/xgrad.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <vector>

#include "numeric.hpp"

namespace xg = xgrad;
using xg::Shape;
using xg::Tensor;
using Values = std::vector<double>;

namespace {

constexpr auto swish = xg::elementwise([](auto x, auto beta) {
  using std::exp;
  return x / (1 + exp(-beta * x));
});
Tensor composed_swish(const Tensor& x, const Tensor& beta) { return x / (1 + xg::exp(-beta * x)); }

constexpr auto chain = xg::elementwise([](auto x) {
  using std::exp, std::tanh;
  return x * tanh(x) + exp(-x * x) / (1 + exp(-x));
});
double chain_value(double x) { return x * std::tanh(x) + std::exp(-x * x) / (1 + std::exp(-x)); }
// Written out by hand.
double chain_slope(double x) {
  const double t = std::tanh(x), e = std::exp(-x * x), s = 1 / (1 + std::exp(-x));
  return t + x * (1 - t * t) - 2 * x * e * s + e * s * (1 - s);
}

}  // namespace

TEST_CASE("values and slopes of one input") {
  for (const std::int64_t n : {1, 5, 16, 100003}) {
    CAPTURE(n);
    const Tensor x = numeric::random({n}, 3).requires_grad_();
    const Tensor y = chain(x);
    y.backward(xg::full({n}, 3.0, {.dtype = xg::float64}));
    const Values at = x.to_vector<double>(), value = y.to_vector<double>(), slope = x.grad().to_vector<double>();
    double worst = 0;
    for (std::size_t i = 0; i < at.size(); ++i)
      worst = std::max({worst, std::abs(value[i] - chain_value(at[i])), std::abs(slope[i] - 3 * chain_slope(at[i]))});
    CHECK(worst <= 1e-14);
    xg::NoGradGuard no_grad;
    CHECK(xg::equal(chain(x), y));
    const Tensor single = chain(x.to(xg::float32));
    CHECK(single.dtype() == xg::float32);
    CHECK(numeric::distance(single, y) <= 1e-6);
  }
}

TEST_CASE("log_sigmoid is the name in formulas of every kind") {
  constexpr auto f = xg::elementwise([](auto x) { return log_sigmoid(x); });
  const Tensor x = numeric::random({5}, 3).requires_grad_(), twin = x.detach().requires_grad_();
  const Tensor slope = xg::grad({f(x).sum()}, {x}, {.create_graph = true})[0];
  const Tensor other = xg::grad({xg::logsigmoid(twin).sum()}, {twin}, {.create_graph = true})[0];
  CHECK(numeric::distance(slope, other) <= 1e-15);
  CHECK(numeric::distance(xg::grad({slope.sum()}, {x})[0], xg::grad({other.sum()}, {twin})[0]) <= 1e-15);
}

TEST_CASE("gradients of any order, broadcast") {
  const std::pair<Shape, Shape> shapes[] = {{{4, 3}, {3}},       {{2, 3}, {2, 3}}, {{2, 1}, {3}},
                                            {{2, 3, 2}, {3, 1}}, {{}, {3}},        {{0, 3}, {3}}};
  for (const auto& pair : shapes) {
    const Shape &left = pair.first, &right = pair.second;
    CAPTURE(xg::to_string(left));
    CAPTURE(xg::to_string(right));
    const Tensor x = numeric::random(left, 1).requires_grad_(), beta = numeric::random(right, 2).requires_grad_();
    CHECK(numeric::distance(swish(x, beta), composed_swish(x, beta)) <= 1e-15);
    CHECK(xg::gradcheck(swish, {x, beta}));
    CHECK(xg::gradgradcheck(swish, {x, beta}));
    CHECK(xg::gradcheck([&](const Tensor& t) { return swish(t, beta.detach()); }, {x}));
    CHECK(xg::gradcheck([&](const Tensor& t) { return swish(x.detach(), t); }, {beta}));
    CHECK(xg::gradgradcheck([&](const Tensor& t) { return swish(x.detach(), t); }, {beta}));
  }
  numeric::check_gradients([](const xg::TensorList& in) { return xg::TensorList{swish(in[0], in[1])}; },
                           {numeric::random({2}, 1).requires_grad_(), numeric::random({2}, 2).requires_grad_()}, 3,
                           1e-6);
}

TEST_CASE("a large tensor with a broadcast one") {
  const Tensor x = numeric::random({700, 33}, 1).requires_grad_(), beta = numeric::random({33}, 2).requires_grad_();
  const Tensor g = numeric::random({700, 33}, 3);
  const auto fused = xg::grad({swish(x, beta)}, {x, beta}, {.grad_outputs = {g}});
  const auto composed = xg::grad({composed_swish(x, beta)}, {x, beta}, {.grad_outputs = {g}});
  CHECK(numeric::distance(fused[0], composed[0]) <= 1e-14);
  CHECK(numeric::distance(fused[1], composed[1]) <= 1e-11);
}

TEST_CASE("layouts, numbers, captured constants, many inputs") {
  const Tensor x = numeric::random({5, 7}, 1).requires_grad_();
  CHECK(xg::equal(chain(x.t()), chain(x).t()));
  CHECK(xg::gradcheck([](const Tensor& t) { return chain(t.t().slice(1, 0, 5, 2)); }, {x}));
  CHECK(xg::equal(swish(x, 2.0), swish(x, xg::tensor(2.0, {.dtype = xg::float64}))));
  CHECK(swish(xg::tensor({1, 2}), 1).dtype() == xg::float32);

  const double scale = 1.5;
  const auto scaled = xg::elementwise([scale](auto v) { return where(v > 0, scale * v, exp(v)); });
  CHECK(xg::gradcheck(scaled, {x}));
  CHECK(xg::gradgradcheck(scaled, {x}));

  const auto mixed = xg::elementwise([](auto a, auto b, auto c, auto d) { return a * b + c / (2 + sin(d)) * a; });
  const xg::TensorList four{numeric::random({2, 3}, 1).requires_grad_(), numeric::random({3}, 2).requires_grad_(),
                            numeric::random({}, 3).requires_grad_(), numeric::random({2, 1}, 4).requires_grad_()};
  CHECK(xg::gradcheck(mixed, four));
  CHECK(xg::gradgradcheck(mixed, four));
}

TEST_CASE("the same tensor twice, inputs not used, graphs run again") {
  const Tensor x = numeric::random({6}, 1).requires_grad_();
  CHECK(xg::gradcheck([](const Tensor& t) { return swish(t, t); }, {x}));
  CHECK(xg::gradgradcheck([](const Tensor& t) { return swish(t, t); }, {x}));

  const auto first = xg::elementwise([](auto a, auto) { return 2 * a; });
  const Tensor y = numeric::random({4, 6}, 2).requires_grad_();
  CHECK(first(x, y).sizes() == Shape{4, 6});
  CHECK(xg::gradcheck(first, {x, y}));
  CHECK(xg::gradgradcheck([&](const Tensor& t) { return first(t * t, y); }, {x}));

  const Tensor z = chain(x), g = xg::ones({6}, {.dtype = xg::float64});
  z.backward(g, true);
  const Tensor once = x.grad().clone();
  z.backward(g);
  CHECK(numeric::distance(x.grad(), once * 2) == 0);
  CHECK_THROWS_AS(z.backward(g), xg::AutogradError);
}

TEST_CASE("errors") {
  CHECK_THROWS_AS(swish(xg::ones({2}), xg::ones({3})), xg::ShapeError);
  CHECK_THROWS_AS(swish(xg::ones({2}), xg::ones({2}, {.dtype = xg::float64})), xg::DtypeError);
  CHECK_THROWS_AS(chain(xg::ones({2}).to(xg::int32)), xg::DtypeError);
  CHECK_THROWS_AS(chain(Tensor()), xg::Error);
  try {
    swish(xg::ones({2}), xg::ones({3}));
  } catch (const xg::ShapeError& error) {
    CHECK(std::string(error.what()).find("elementwise_test.cpp") != std::string::npos);
  }
}
