#include <xgrad/autograd.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/loss.hpp>
#include <xgrad/random.hpp>
#include <xgrad/testing.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "support/errors.hpp"

namespace xg = xgrad;
using test::mentions;
using test::message_of;
using xg::Reduction;
using xg::Tensor;

TEST_CASE("gradients by the target too") {
  xg::manual_seed(1);
  const Tensor x = xg::rand({3, 7}, {.dtype = xg::float64, .requires_grad = true});
  const Tensor t = xg::rand({3, 7}, {.dtype = xg::float64, .requires_grad = true});
  const auto both = [](auto loss, const Tensor& a, const Tensor& b) {
    CHECK(xg::gradcheck(loss, {a, b}));
    CHECK(xg::gradgradcheck(loss, {a, b}));
  };
  both([](const Tensor& a, const Tensor& b) { return xg::mse_loss(a, b); }, x, t);
  both([](const Tensor& a, const Tensor& b) { return xg::smooth_l1_loss(a, b, {.beta = 0.3}); }, x, t);
  both([](const Tensor& a, const Tensor& b) { return xg::huber_loss(a, b, {.delta = 0.2}); }, x, t);
  both([](const Tensor& a, const Tensor& b) { return xg::binary_cross_entropy(a * 0.8 + 0.1, b); }, x, t);
  both([](const Tensor& a, const Tensor& b) { return xg::binary_cross_entropy_with_logits(a, b); }, x, t);
  const Tensor p = xg::tensor({0.5, 2.0, 3.0, 1.0, 0.1, 4.0, 1.5}, {.dtype = xg::float64});
  both([&](const Tensor& a, const Tensor& b) { return xg::binary_cross_entropy_with_logits(a, b, {.pos_weight = p}); },
       x, t);
  both([](const Tensor& a, const Tensor& b) { return xg::kl_div(a, b); }, x, t);
  both([](const Tensor& a, const Tensor& b) { return xg::kl_div(a, b, {.log_target = true}); }, x, t);
}

TEST_CASE("long inputs, in parts for threads, agree with a plain sum") {
  xg::manual_seed(2);
  for (std::int64_t n : {1, 15, 16, 17, 8191, 8192, 8193, 100003}) {
    const Tensor x = xg::randn({n}), t = xg::randn({n});
    const auto a = x.to_vector<double>(), b = t.to_vector<double>();
    double expected = 0;
    for (std::size_t i = 0; i < a.size(); ++i) expected += (a[i] - b[i]) * (a[i] - b[i]) / static_cast<double>(n);
    CHECK(xg::mse_loss(x, t).item<double>() == doctest::Approx(expected).epsilon(1e-6));
    x.requires_grad_();
    xg::mse_loss(x, t).backward();
    const auto g = x.grad().to_vector<double>();
    for (std::size_t i = 0; i < a.size(); ++i)
      REQUIRE(std::abs(g[i] - 2 * (a[i] - b[i]) / static_cast<double>(n)) < 1e-6 / static_cast<double>(n) * 10);
  }
}

TEST_CASE("of nothing the mean is NaN and the sum 0") {
  const Tensor x = xg::zeros({0, 3});
  CHECK(std::isnan(xg::mse_loss(x, x).item<double>()));
  CHECK(xg::mse_loss(x, x, {.reduction = Reduction::sum}).item<double>() == 0);
  CHECK((xg::mse_loss(x, x, {.reduction = Reduction::none}).sizes() == xg::Shape{0, 3}));
}

TEST_CASE("probabilities at their bounds give finite losses and slopes") {
  const Tensor x = xg::tensor({0.0, 1.0, 0.0, 1.0}, {.dtype = xg::float64, .requires_grad = true});
  const Tensor t = xg::tensor({0.0, 1.0, 1.0, 0.0}, {.dtype = xg::float64});
  const Tensor loss = xg::binary_cross_entropy(x, t, {.reduction = Reduction::none});
  CHECK(loss.to_vector<double>() == std::vector<double>{0, 0, 100, 100});
  loss.sum().backward();
  // (x - t) / max(x (1 - x), 1e-12), with the bound in single precision.
  CHECK(x.grad().to_vector<double>() == std::vector<double>{0, 0, -1 / double(1e-12F), 1 / double(1e-12F)});
}

TEST_CASE("smooth_l1_loss of no width is the distance, with PyTorch's slope at 0") {
  constexpr xg::TensorOptions leaf{.dtype = xg::float64, .requires_grad = true};
  const Tensor x = xg::tensor({1.0, 2.0, 3.0}, leaf), t = xg::tensor({2.0, 2.0, 2.0}, leaf);
  const Tensor loss = xg::smooth_l1_loss(x, t, {.reduction = Reduction::none, .beta = 0});
  CHECK(loss.to_vector<double>() == std::vector<double>{1, 0, 1});
  for (const bool create_graph : {false, true}) {
    const xg::TensorList g = xg::grad({loss.sum()}, {x, t}, {.retain_graph = true, .create_graph = create_graph});
    CHECK(g[0].to_vector<double>() == std::vector<double>{-1, -1, 1});
    CHECK(g[1].to_vector<double>() == std::vector<double>{1, -1, -1});
  }
}

TEST_CASE("integer and bool targets take the input's dtype") {
  const Tensor x = xg::tensor({0.5, 0.25});
  CHECK(xg::mse_loss(x, xg::tensor({1, 0})).item<double>() == doctest::Approx((0.25 + 0.0625) / 2));
  CHECK(xg::binary_cross_entropy(x, xg::tensor({true, false})).item<double>() ==
        doctest::Approx(-(std::log(0.5) + std::log(0.75)) / 2));
}

TEST_CASE("misuse is named") {
  const Tensor a = xg::zeros({8, 1}), b = xg::zeros({8});
  CHECK(mentions(message_of<xg::ShapeError>([&] { xg::mse_loss(a, b); }),
                 {"mse_loss", "[8, 1]", "[8]", "loss_test.cpp"}));
  CHECK(mentions(message_of<xg::DtypeError>([&] { xg::l1_loss(b, b.to(xg::float64)); }),
                 {"l1_loss", "float32", "float64"}));
  CHECK(mentions(message_of<xg::DtypeError>([&] { xg::mse_loss(xg::tensor({1}), xg::tensor({1})); }), {"mse_loss"}));
  CHECK(mentions(message_of<xg::ValueError>([&] {
                   xg::binary_cross_entropy(xg::tensor({0.5, 1.5}), b.narrow(0, 0, 2));
                 }),
                 {"binary_cross_entropy", "[0, 1]", "element 1", "1.5"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { xg::smooth_l1_loss(b, b, {.beta = -1}); }), {"beta", "-1"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { xg::huber_loss(b, b, {.delta = 0}); }), {"delta"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { xg::mse_loss(b, b, {.reduction = Reduction::batchmean}); }),
                 {"mse_loss", "batchmean"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] {
                   xg::binary_cross_entropy(b, b, {.weight = xg::zeros({2, 8})});
                 }),
                 {"weight", "[2, 8]", "[8]"}));
  CHECK(mentions(
      message_of<xg::ShapeError>([&] { xg::binary_cross_entropy_with_logits(b, b, {.pos_weight = xg::zeros({3})}); }),
      {"binary_cross_entropy_with_logits", "[3]", "[8]"}));
}
