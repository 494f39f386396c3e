#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/cross_entropy.hpp>
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

namespace {

// The definition, in double, for classes.
double defined_loss(const std::vector<double>& x, const std::vector<std::int64_t>& t, std::size_t classes,
                    const std::vector<double>& w, double smoothing, std::int64_t ignored) {
  double sum = 0, divisor = 0;
  for (std::size_t n = 0; n < t.size(); ++n) {
    if (t[n] == ignored) continue;
    double total = 0;
    for (std::size_t c = 0; c < classes; ++c) total += std::exp(x[n * classes + c]);
    for (std::size_t c = 0; c < classes; ++c) {
      const double p =
          (static_cast<std::size_t>(t[n]) == c ? 1 - smoothing : 0) + smoothing / static_cast<double>(classes);
      sum -= p * w[c] * (x[n * classes + c] - std::log(total));
    }
    divisor += w[static_cast<std::size_t>(t[n])];
  }
  return sum / divisor;
}

}  // namespace

TEST_CASE("all options together follow the definition, for any number of classes") {
  xg::manual_seed(5);
  for (std::int64_t classes : {1, 3, 15, 16, 17, 40}) {
    const std::int64_t n = 9;
    const Tensor x = xg::randn({n, classes}, {.dtype = xg::float64, .requires_grad = true});
    const Tensor w = xg::rand({classes}, {.dtype = xg::float64}) + 0.5;
    std::vector<std::int64_t> t;
    for (std::int64_t i = 0; i < n; ++i) t.push_back(i == 4 ? -7 : i % classes);
    const xg::CrossEntropyOptions options{.weight = w, .ignore_index = -7, .label_smoothing = 0.3};
    const double expected =
        defined_loss(x.to_vector<double>(), t, static_cast<std::size_t>(classes), w.to_vector<double>(), 0.3, -7);
    CHECK(xg::cross_entropy(x, xg::tensor(t), options).item<double>() == doctest::Approx(expected).epsilon(1e-12));
    CHECK(xg::cross_entropy(x.to(xg::float32), xg::tensor(t),
                            {.weight = w.to(xg::float32), .ignore_index = -7, .label_smoothing = 0.3})
              .item<double>() == doctest::Approx(expected).epsilon(1e-5));
    const auto loss = [&](const Tensor& input) { return xg::cross_entropy(input, xg::tensor(t), options); };
    CHECK(xg::gradcheck(loss, {x}));
    CHECK(xg::gradgradcheck(loss, {x}));
    auto each = options;
    each.reduction = Reduction::none;
    const auto losses = [&](const Tensor& input) { return xg::cross_entropy(input, xg::tensor(t), each); };
    CHECK(xg::gradcheck(losses, {x}));
    CHECK(xg::gradgradcheck(losses, {x}));
  }
}

TEST_CASE("one element, and elements with positions") {
  xg::manual_seed(6);
  const Tensor one = xg::randn({4}, {.dtype = xg::float64});
  const auto v = one.to_vector<double>();
  double total = 0;
  for (double value : v) total += std::exp(value);
  CHECK(xg::cross_entropy(one, xg::tensor(2)).item<double>() == doctest::Approx(std::log(total) - v[2]));

  const Tensor x = xg::randn({2, 3, 5}, {.dtype = xg::float64, .requires_grad = true});
  const Tensor t = xg::randint(3, {2, 5});
  const Tensor losses = xg::cross_entropy(x, t, {.reduction = Reduction::none});
  CHECK((losses.sizes() == xg::Shape{2, 5}));
  for (std::int64_t n = 0; n < 2; ++n)
    for (std::int64_t d = 0; d < 5; ++d) {
      double sum = 0;
      for (std::int64_t c = 0; c < 3; ++c) sum += std::exp(x[n][c][d].item<double>());
      const double expected = std::log(sum) - x[n][t[n][d].item<std::int64_t>()][d].item<double>();
      CHECK(losses[n][d].item<double>() == doctest::Approx(expected));
    }
  CHECK(xg::gradcheck([&](const Tensor& input) { return xg::cross_entropy(input, t); }, {x}));
}

TEST_CASE("probabilities get gradients too") {
  xg::manual_seed(7);
  const Tensor x = xg::randn({3, 4}, {.dtype = xg::float64, .requires_grad = true});
  const Tensor p = xg::rand({3, 4}, {.dtype = xg::float64, .requires_grad = true});
  const Tensor w = xg::tensor({1.0, 0.5, 2.0, 0.1}, {.dtype = xg::float64});
  const auto loss = [&](const Tensor& a, const Tensor& b) {
    return xg::cross_entropy(a, b, {.weight = w, .label_smoothing = 0.1});
  };
  CHECK(xg::gradcheck(loss, {x, p}));
  CHECK(xg::gradgradcheck(loss, {x, p}));
}

TEST_CASE("large logits neither overflow nor lose the gradient") {
  const Tensor x = xg::tensor({{1000.0, 0.0}, {-1000.0, 1000.0}}).requires_grad_();
  const Tensor loss = xg::cross_entropy(x, xg::tensor({0, 0}), {.reduction = Reduction::none});
  CHECK(loss.to_vector<float>() == std::vector<float>{0, 2000});
  loss.sum().backward();
  CHECK(x.grad().to_vector<float>() == std::vector<float>{0, 0, -1, 1});
}

TEST_CASE("when every target is ignored the mean is NaN and the sum 0") {
  const Tensor x = xg::zeros({2, 3}).requires_grad_(), t = xg::tensor({-100, -100});
  CHECK(std::isnan(xg::cross_entropy(x, t).item<double>()));
  const Tensor sum = xg::cross_entropy(x, t, {.reduction = Reduction::sum});
  CHECK(sum.item<double>() == 0);
  sum.backward();
  CHECK(x.grad().to_vector<float>() == std::vector<float>(6, 0));
}

TEST_CASE("of an empty batch the mean is NaN, the sum 0 and the gradient empty") {
  const Tensor x = xg::zeros({0, 3}).requires_grad_(), t = xg::zeros({0}, {.dtype = xg::int64});
  CHECK(std::isnan(xg::cross_entropy(x, t).item<double>()));
  const Tensor sum = xg::nll_loss(x, t, {.reduction = Reduction::sum});
  CHECK(sum.item<double>() == 0);
  sum.backward();
  CHECK((x.grad().sizes() == xg::Shape{0, 3}));
  const Tensor planes =
      xg::cross_entropy(xg::zeros({2, 3, 0}), xg::zeros({2, 0}, {.dtype = xg::int64}), {.reduction = Reduction::none});
  CHECK((planes.sizes() == xg::Shape{2, 0}));
}

TEST_CASE("misuse is named, and targets changed in place are noticed") {
  const Tensor x = xg::zeros({2, 3});
  CHECK(mentions(message_of<xg::IndexError>([&] {
                   xg::cross_entropy(x, xg::tensor({0, 3}));
                 }),
                 {"cross_entropy", "element 1 is 3", "3 classes", "cross_entropy_test.cpp"}));
  CHECK(mentions(message_of<xg::IndexError>([&] { xg::nll_loss(x, xg::tensor({-1, 0})); }), {"nll_loss", "-1"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] { xg::cross_entropy(x, xg::tensor({0, 1, 2})); }), {"[2]", "[3]"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] { xg::cross_entropy(x, xg::zeros({2, 4})); }), {"[2, 3]", "[2, 4]"}));
  CHECK(mentions(message_of<xg::DtypeError>([&] { xg::cross_entropy(x, xg::tensor({true, false})); }), {"bool"}));
  CHECK(mentions(message_of<xg::DtypeError>([&] { xg::nll_loss(x, x); }), {"nll_loss", "float32"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] {
                   xg::cross_entropy(x, xg::tensor({0, 1}), {.weight = xg::ones({2})});
                 }),
                 {"weight", "[3]", "[2]"}));
  CHECK(mentions(message_of<xg::ValueError>([&] {
                   xg::cross_entropy(x, xg::tensor({0, 1}), {.label_smoothing = 2});
                 }),
                 {"label_smoothing"}));

  const Tensor w = xg::zeros({2, 3}).requires_grad_(), t = xg::tensor({0, 1});
  const Tensor loss = xg::cross_entropy(w, t);
  t.fill_(2);
  CHECK(mentions(message_of<xg::AutogradError>([&] { loss.backward(); }), {"cross_entropy", "modified"}));
}
