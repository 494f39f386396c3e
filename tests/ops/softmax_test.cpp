#include <xgrad/autograd.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/equality.hpp>
#include <xgrad/ops/join.hpp>
#include <xgrad/ops/shape.hpp>
#include <xgrad/ops/slice.hpp>
#include <xgrad/ops/softmax.hpp>
#include <xgrad/testing.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <limits>
#include <string>

#include "support/errors.hpp"

namespace xg = xgrad;
using test::message_of;
using xg::Shape;
using xg::Tensor;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr xg::TensorOptions f64{.dtype = xg::float64, .requires_grad = true};

Tensor wave(const Shape& shape, double scale = 3) {
  std::vector<double> values(static_cast<std::size_t>(xg::numel(shape)));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = scale * std::sin(1.7 * static_cast<double>(i * i % 1009));
  return xg::tensor(std::span(values), shape);
}

// [outer, n, inner] around a dimension.
struct Around {
  std::size_t outer = 1, n = 1, inner = 1;
  Around(const Tensor& x, std::int64_t dim) {
    dim = dim < 0 ? dim + x.dim() : dim;
    for (std::int64_t d = 0; d < x.dim(); ++d) (d < dim ? outer : d == dim ? n : inner) *= x.size(d);
  }
};

// By long double loops.
void check_values(const Tensor& x, std::int64_t dim, double tolerance) {
  const Around a(x, dim);
  const std::vector<double> in = x.to_vector<double>(), soft = xg::softmax(x, dim).to_vector<double>(),
                            log_soft = x.log_softmax(dim).to_vector<double>();
  double worst = 0;
  for (std::size_t o = 0; o < a.outer; ++o)
    for (std::size_t i = 0; i < a.inner; ++i) {
      long double sum = 0;
      const auto at = [&](std::size_t k) { return (o * a.n + k) * a.inner + i; };
      for (std::size_t k = 0; k < a.n; ++k) sum += std::exp(static_cast<long double>(in[at(k)]));
      for (std::size_t k = 0; k < a.n; ++k) {
        const long double e = std::exp(static_cast<long double>(in[at(k)]));
        worst = std::max(worst, std::abs(soft[at(k)] - static_cast<double>(e / sum)));
        worst = std::max(worst, std::abs(log_soft[at(k)] - static_cast<double>(std::log(e / sum))) / 10);
      }
    }
  CHECK_MESSAGE(worst < tolerance, xg::to_string(x.sizes()), " dim ", dim);
}

std::vector<double> gradient(const Tensor& y, const Tensor& x, const Tensor& cotangent) {
  return xg::grad({y}, {x}, {.grad_outputs = {cotangent}})[0].to_vector<double>();
}

}  // namespace

TEST_CASE("values along every dimension of every layout") {
  for (const Tensor& exact : {wave({7}), wave({1}), wave({5, 1}), wave({33, 10}), wave({4, 1000}), wave({3, 21, 37}),
                              wave({3, 21, 37}).permute({2, 0, 1}), wave({8, 30, 20}).slice(1, 0, 30, 4),
                              wave({4, 1, 6}).expand({4, 50, 6}), wave({2, 3, 4, 5, 6})})
    for (std::int64_t dim = -1; dim < exact.dim(); ++dim) {
      check_values(exact, dim, 1e-15);
      check_values(exact.to(xg::float32), dim, 3e-7);
    }
  CHECK(xg::softmax(xg::tensor(2.0), 0).item<double>() == 1);
  CHECK(xg::log_softmax(xg::tensor(2.0), -1).item<double>() == 0);
  CHECK(xg::softmax(xg::zeros({3, 0}), 1).sizes() == Shape{3, 0});
  CHECK(xg::softmax(xg::zeros({0, 3}), 1).sizes() == Shape{0, 3});
}

TEST_CASE("large numbers, infinities and NaN") {
  CHECK(xg::softmax(xg::tensor({1e4, 1e4}), 0).to_vector<double>() == std::vector<double>{0.5, 0.5});
  CHECK(xg::softmax(xg::tensor({0.0, -1e4}), 0).to_vector<double>() == std::vector<double>{1, 0});
  CHECK(xg::log_softmax(xg::tensor({0.0, -1e4}), 0).to_vector<double>() == std::vector<double>{0, -1e4});
  CHECK(xg::softmax(xg::tensor({1.0, -inf}), 0).to_vector<double>() == std::vector<double>{1, 0});
  CHECK(xg::log_softmax(xg::tensor({1.0, -inf}), 0).to_vector<double>() == std::vector<double>{0, -inf});
  for (const std::vector<double>& bad : {std::vector<double>{-inf, -inf}, {inf, 1}, {not_a_number, 1}}) {
    // Along rows and across columns; the good slice beside the bad one stays good.
    const Tensor rows = xg::stack({xg::tensor(bad), xg::tensor({0.0, 0.0}, {.dtype = xg::float64})});
    for (const Tensor& y : {xg::softmax(rows, 1), xg::softmax(rows.transpose(0, 1), 0).transpose(0, 1)}) {
      const std::vector<double> values = y.to_vector<double>();
      CHECK(std::isnan(values[0]));
      CHECK(std::isnan(values[1]));
      CHECK(values[2] == 0.5);
    }
    CHECK(std::isnan(xg::log_softmax(rows, 1).to_vector<double>()[0]));
  }
}

TEST_CASE("gradients") {
  for (const Shape& shape : {Shape{6}, Shape{3, 5}, Shape{2, 5, 3}})
    for (std::int64_t dim = 0; dim < static_cast<std::int64_t>(shape.size()); ++dim) {
      const Tensor x = wave(shape, 1).requires_grad_();
      const auto soft = [&](const Tensor& t) { return xg::softmax(t, dim); };
      const auto log_soft = [&](const Tensor& t) { return xg::log_softmax(t, dim); };
      CHECK(xg::gradcheck(soft, {x}));
      CHECK(xg::gradgradcheck(soft, {x}));
      CHECK(xg::gradcheck(log_soft, {x}));
      CHECK(xg::gradgradcheck(log_soft, {x}));
    }
  for (const Tensor& x : {wave({5, 4}, 1).transpose(0, 1).detach().requires_grad_(), xg::tensor(0.3, f64)}) {
    CHECK(xg::gradcheck([](const Tensor& t) { return xg::softmax(t, -1); }, {x}));
    CHECK(xg::gradgradcheck([](const Tensor& t) { return xg::log_softmax(t, 0); }, {x}));
  }
}

TEST_CASE("the fused gradient and the recorded one agree, in float32 too") {
  for (const std::int64_t dim : {0, 1, 2})
    for (const xg::Dtype dtype : {xg::float32, xg::float64}) {
      const Tensor x = wave({9, 70, 35}).to(dtype).requires_grad_();
      const Tensor cotangent = wave({35, 70, 9}).to(dtype).transpose(0, 2);
      for (const Tensor& y : {xg::softmax(x, dim), xg::log_softmax(x, dim)}) {
        const Tensor fused = xg::grad({y}, {x}, {.grad_outputs = {cotangent}, .retain_graph = true})[0];
        const Tensor recorded = xg::grad({y}, {x}, {.grad_outputs = {cotangent}, .create_graph = true})[0];
        const double tolerance = dtype == xg::float32 ? 1e-5 : 1e-13;
        CHECK(xg::allclose(fused, recorded.detach(), {.rtol = tolerance, .atol = tolerance}));
        CHECK(!fused.requires_grad());
      }
    }
  // A constant added to all logits changes nothing: the gradient of a sum of logits' softmax is 0.
  const Tensor x = wave({4, 100}).requires_grad_();
  for (double g : gradient(xg::softmax(x, 1), x, xg::ones({4, 100}, {.dtype = xg::float64})))
    CHECK(std::abs(g) < 1e-16);
}

TEST_CASE("the cotangent of somebody else is left as it is") {
  const Tensor x = wave({4, 8}).requires_grad_();
  const Tensor cotangent = wave({4, 8}), before = cotangent.clone();
  xg::softmax(x, 1).backward(cotangent);
  CHECK(xg::equal(cotangent, before));
}

TEST_CASE("errors") {
  const Tensor x = xg::zeros({2, 3});
  const std::string message = message_of<xg::IndexError>([&] { xg::softmax(x, 2); });
  CHECK(message.find("softmax: dim 2 is out of range for a tensor of 2 dimensions") == 0);
  CHECK(message.find("softmax_test.cpp") != std::string::npos);
  CHECK(message_of<xg::IndexError>([&] { x.log_softmax(-3); }).find("log_softmax: dim -3") == 0);
  CHECK_THROWS_AS(xg::softmax(xg::tensor({1, 2}), 0), xg::DtypeError);
  CHECK_THROWS_AS(xg::log_softmax(xg::tensor({true}), 0), xg::DtypeError);
}
