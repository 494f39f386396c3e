#include <xgrad/xgrad.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <vector>

#include "numeric.hpp"

namespace xg = xgrad;
using xg::Shape;
using xg::Tensor;
using Values = std::vector<double>;

TEST_CASE("where chooses, broadcast three ways") {
  const Tensor c = xg::tensor({{true}, {false}, {true}});
  const Tensor a = xg::tensor({1.0, 2.0, 3.0, 4.0}), b = xg::tensor({{{-1.0}}, {{-2.0}}});
  const Tensor y = xg::where(c, a, b);
  CHECK(y.sizes() == Shape{2, 3, 4});
  CHECK(y.to_vector<double>() == Values{1, 2, 3, 4, -1, -1, -1, -1, 1, 2, 3, 4,  //
                                        1, 2, 3, 4, -2, -2, -2, -2, 1, 2, 3, 4});
  CHECK(xg::where(c, 1, 2).to_vector<double>() == Values{1, 2, 1});
  CHECK(xg::where(c, 1, 2).dtype() == xg::int64);
  CHECK(xg::where(c, a, 0).dtype() == xg::float32);
  CHECK(xg::where(c, xg::tensor({true}), xg::tensor({false})).dtype() == xg::bool_);
  CHECK(xg::where(c.t(), xg::tensor({{1, 2, 3}}).t(), 7).to_vector<int>() ==
        std::vector<int>{1, 7, 1, 2, 7, 2, 3, 7, 3});
  CHECK_THROWS_AS(xg::where(a, a, a), xg::DtypeError);
  CHECK_THROWS_AS(xg::where(c, a, xg::ones({4}, {.dtype = xg::float64})), xg::DtypeError);
  CHECK_THROWS_AS(xg::where(c, a, xg::ones({5})), xg::ShapeError);
}

TEST_CASE("the side not taken is not seen") {
  const Tensor x = xg::tensor({-1.0, 4.0}, {.dtype = xg::float64, .requires_grad = true});
  const Tensor y = xg::where(x > 0, x, std::nan(""));
  CHECK(y.to_vector<double>()[1] == 4);
  y.backward(xg::ones({2}, {.dtype = xg::float64}));
  CHECK(x.grad().to_vector<double>() == Values{0, 1});
}

TEST_CASE("gradients of where") {
  const Tensor c = xg::tensor({{true, false, true}, {false, false, true}});
  auto f = [&](const Tensor& a, const Tensor& b) { return xg::where(c, a * a, b * a); };
  CHECK(xg::gradcheck(f, {numeric::random({3}, 1).requires_grad_(), numeric::random({2, 1}, 2).requires_grad_()}));
  CHECK(xg::gradgradcheck(f, {numeric::random({3}, 1).requires_grad_(), numeric::random({2, 1}, 2).requires_grad_()}));
}

TEST_CASE("clamp") {
  const Tensor x = xg::tensor({-1.0, -0.5, 0.0, 0.5, 1.0, NAN}, {.dtype = xg::float64, .requires_grad = true});
  const Tensor y = xg::clamp(x, -0.5, 0.5);
  const Values values = y.to_vector<double>();
  CHECK(Values(values.begin(), values.end() - 1) == Values{-0.5, -0.5, 0, 0.5, 0.5});
  CHECK(std::isnan(values[5]));
  y.backward(xg::ones({6}, {.dtype = xg::float64}));
  CHECK(x.grad().to_vector<double>() == Values{0, 1, 1, 1, 0, 0});
  CHECK(x.detach().clamp({}, 0.25).to_vector<double>()[4] == 0.25);
  CHECK(x.detach().clamp(-0.25).to_vector<double>()[0] == -0.25);
  // Crossed bounds give the upper one.
  CHECK(xg::clamp(xg::tensor({0.0}), 2, 1).item<double>() == 1);

  const Tensor n = xg::tensor({-5, 0, 5});
  CHECK(xg::clamp(n, -2, 2).to_vector<int>() == std::vector<int>{-2, 0, 2});
  CHECK(xg::clamp(n, 0.5).dtype() == xg::float32);
  CHECK(n.clamp_(-1, 1).to_vector<int>() == std::vector<int>{-1, 0, 1});
  CHECK_THROWS_AS(n.clamp_(0.5), xg::DtypeError);
  CHECK_THROWS_AS(xg::clamp(n, std::nullopt), xg::ValueError);
  CHECK_THROWS_AS(xg::clamp(n > 0, 0, 1), xg::DtypeError);

  const Tensor leaf = numeric::random({4, 5}, 9).requires_grad_();
  auto f = [](const Tensor& t) { return xg::clamp(t * t, 0.1, 0.6) * t; };
  CHECK(xg::gradcheck(f, {leaf}));
  CHECK(xg::gradgradcheck(f, {leaf}));
}
