#include <xgrad/autograd.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/cross_entropy.hpp>
#include <xgrad/ops/equality.hpp>
#include <xgrad/ops/loss.hpp>
#include <xgrad/ops/segmentation_loss.hpp>
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

TEST_CASE("focal losses against PyTorch's numbers, to second order") {
  const auto check = [](const Tensor& loss, const Tensor& x, const Tensor& v, const std::vector<double>& value,
                        const std::vector<double>& slope, const std::vector<double>& second) {
    const Tensor g = xg::grad({loss.sum()}, {x}, {.create_graph = true})[0];
    const Tensor h = xg::grad({(g * v).sum()}, {x})[0];
    CHECK(xg::allclose(loss, xg::tensor(value), {.rtol = 1e-12, .atol = 1e-14}));
    CHECK(xg::allclose(g.flatten(), xg::tensor(slope), {.rtol = 1e-12, .atol = 1e-14}));
    CHECK(xg::allclose(h.flatten(), xg::tensor(second), {.rtol = 1e-12, .atol = 1e-14}));
  };
  const xg::TensorOptions leaf{.dtype = xg::float64, .requires_grad = true};
  const Tensor x = xg::tensor({-3, -0.5, 0, 0.7, 4}, leaf);
  check(xg::sigmoid_focal_loss(x, xg::tensor({1, 0, 1, 0, 1})), x, xg::ones({5}, {.dtype = xg::float64}),
        {0.691570110256316, 0.0506801178881277, 0.0433216987849966, 0.369408659712382, 1.46789243046731e-06},
        {-0.281687470158722, 0.103452748013186, -0.0745716987849966, 0.468895421725323, -4.33763280538444e-06},
        {-0.00502221667270965, 0.180337831335255, 0.0997858493924983, 0.370090931813665, 1.2752840311983e-05});
  const Tensor y = xg::tensor({{0.2, -0.4, 1.3}, {2.0, 0.0, -0.5}}, leaf);
  const Tensor alpha = xg::tensor({0.5, 2.0, 1.0}, {.dtype = xg::float64});
  check(xg::focal_loss(y, xg::tensor({0, 0}), {.alpha = alpha, .reduction = Reduction::none}), y,
        xg::tensor({{1.0, -1.0, 2.0}, {0.5, 1.0, -1.0}}, {.dtype = xg::float64}),
        {0.461530606873364, 0.0031373912707634},
        {-0.440345818827548, 0.0680181336336234, 0.372327685193925, -0.00800221927077921, 0.00498105605541982,
         0.00302116321535939},
        {-0.102912545817215, -0.156638670104178, 0.259551215921393, 0.00490877519478801, 0.000705589544200501,
         -0.00561436473898851});
}

TEST_CASE("focal losses of large logits: linear where they are wrong, 0 where they are right, at every order") {
  for (const xg::Dtype dtype : {xg::float32, xg::float64})
    for (const double gamma : {0.0, 0.3, 1.0, 2.0, 3.5}) {
      const auto check = [&](const Tensor& loss, const Tensor& x, const std::vector<double>& value,
                             const std::vector<double>& slope) {
        const Tensor g = xg::grad({loss.sum()}, {x}, {.create_graph = true})[0];
        const Tensor h = xg::grad({g.square().sum()}, {x}, {.retain_graph = true})[0];
        CHECK(xg::grad({loss.sum()}, {x}, {.retain_graph = true})[0].flatten().to_vector<double>() == slope);
        CHECK(loss.to_vector<double>() == value);
        CHECK(g.flatten().to_vector<double>() == slope);
        CHECK(h.abs().max().item<double>() == 0);
      };
      const xg::TensorOptions leaf{.dtype = dtype, .requires_grad = true};
      const Tensor x = xg::tensor({1e4, -1e4, 1e4, -1e4}, leaf);
      check(xg::sigmoid_focal_loss(x, xg::tensor({1, 0, 0, 1}), {.alpha = 0.25, .gamma = gamma}), x, {0, 0, 7500, 2500},
            {0, 0, 0.75, -0.25});
      const Tensor y = xg::tensor({{1e4, -1e4}, {1e4, -1e4}}, leaf);
      check(xg::focal_loss(y, xg::tensor({0, 1}), {.gamma = gamma, .reduction = Reduction::none}), y, {0, 2e4},
            {0, 0, 1, -1});
      // Where a probability is about to underflow.
      const Tensor z = xg::linspace(-120, 120, 400, {.dtype = dtype}).requires_grad_();
      const Tensor g = xg::grad({xg::sigmoid_focal_loss(z, xg::ones({400}, {.dtype = dtype}), {.gamma = gamma}).sum()},
                                {z}, {.create_graph = true})[0];
      CHECK(std::isfinite(xg::grad({g.sum()}, {z})[0].abs().max().item<double>()));
    }
}

TEST_CASE("focal losses of gamma 0 are cross-entropies, of elements that count") {
  xg::manual_seed(6);
  const Tensor x = xg::randn({4, 3, 5}, {.dtype = xg::float64}), t = xg::randint(3, {4, 5});
  CHECK(xg::allclose(xg::focal_loss(x, t, {.gamma = 0, .ignore_index = 1}),
                     xg::cross_entropy(x, t, {.ignore_index = 1})));
  const Tensor hard = (x > 0).to(xg::float64);
  CHECK(xg::allclose(xg::sigmoid_focal_loss(x, hard, {.alpha = -1, .gamma = 0, .reduction = Reduction::mean}),
                     xg::binary_cross_entropy_with_logits(x, hard)));
  CHECK(std::isnan(xg::focal_loss(x, xg::full({4, 5}, -100, {.dtype = xg::int64})).item<double>()));
  CHECK(xg::focal_loss(xg::zeros({0, 3}), xg::zeros({0}, {.dtype = xg::int64}), {.reduction = Reduction::sum})
            .item<double>() == 0);
  CHECK(mentions(message_of<xg::ValueError>([&] { xg::sigmoid_focal_loss(x, hard, {.gamma = -0.5}); }),
                 {"sigmoid_focal_loss", "gamma", "-0.5", "loss_test.cpp"}));
}

TEST_CASE("dice_loss of long rows, of nothing, and below eps") {
  const std::int64_t n = 300000;
  const Tensor p = xg::full({2, n}, 0.25), t = xg::ones({2, n});
  const auto loss = xg::dice_loss(p, t, {.smooth = 0, .reduction = Reduction::none}).to_vector<double>();
  CHECK(loss[1] == doctest::Approx(1 - 2 * 0.25 / 1.25).epsilon(1e-7));
  // Nothing where there is nothing is right; without smoothing there is no overlap to speak of.
  const Tensor none = xg::zeros({1, 4}, {.requires_grad = true});
  CHECK(xg::dice_loss(none, none).item<double>() == 0);
  const Tensor wrong = xg::dice_loss(none, xg::zeros({1, 4}), {.smooth = 0});
  CHECK(wrong.item<double>() == 1);
  wrong.backward();
  CHECK(none.grad().to_vector<double>() == std::vector<double>(4, 0));
  // Labels as integers; the mean over samples.
  const Tensor q = xg::tensor({{0.5, 0.5}, {1.0, 0.0}});
  CHECK(xg::dice_loss(q, xg::tensor({{1, 0}, {1, 0}})).item<double>() == doctest::Approx((1 - 2 / 3.0) / 2));
  CHECK(std::isnan(xg::dice_loss(xg::tensor({{0.5, NAN}}), xg::tensor({{1, 0}})).item<double>()));
}
