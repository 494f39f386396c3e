#include <xgrad/autograd.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/dropout.hpp>
#include <xgrad/ops/equality.hpp>
#include <xgrad/random.hpp>
#include <xgrad/testing.hpp>

#include <cmath>
#include <cstdint>
#include <doctest/doctest.h>

#include "support/errors.hpp"

namespace xg = xgrad;
using test::mentions;
using test::message_of;
using xg::Tensor;

TEST_CASE("elements are dropped with probability p, the others scaled") {
  xg::manual_seed(1);
  for (double p : {0.1, 0.5, 0.9}) {
    const auto y = xg::dropout(xg::full({100000}, 3.0), p).to_vector<float>();
    double dropped = 0;
    for (float v : y) {
      if (v == 0)
        ++dropped;
      else
        REQUIRE(v == doctest::Approx(3 / (1 - p)).epsilon(1e-6));
    }
    CHECK(dropped / 100000 == doctest::Approx(p).epsilon(0.03));
  }
  CHECK(xg::equal(xg::dropout(xg::ones({10}), 1.0), xg::zeros({10})));
}

TEST_CASE("outside training, and for p 0, it gives its input") {
  const Tensor x = xg::ones({4});
  CHECK(xg::dropout(x, 0.5, false).is_same(x));
  CHECK(xg::dropout(x, 0).is_same(x));
}

TEST_CASE("the gradient passes the same mask, to any order") {
  xg::manual_seed(2);
  const Tensor x = xg::randn({4, 5}, {.dtype = xg::float64, .requires_grad = true});
  const Tensor y = xg::dropout(x, 0.4);
  const Tensor g = xg::randn({4, 5}, {.dtype = xg::float64, .requires_grad = true});
  const auto in = x.to_vector<double>(), out = y.to_vector<double>(), cotangent = g.to_vector<double>();
  for (bool create_graph : {false, true}) {
    const Tensor gradient =
        xg::grad({y}, {x}, {.grad_outputs = {g}, .retain_graph = true, .create_graph = create_graph})[0];
    const auto slopes = gradient.to_vector<double>();
    for (std::size_t i = 0; i < in.size(); ++i)
      CHECK(slopes[i] == doctest::Approx(out[i] == 0 ? 0 : cotangent[i] / 0.6));
    if (create_graph) {
      const auto second = xg::grad({gradient.sum()}, {g})[0].to_vector<double>();
      for (std::size_t i = 0; i < in.size(); ++i) CHECK(second[i] == doctest::Approx(out[i] == 0 ? 0 : 1 / 0.6));
    }
  }
}

TEST_CASE("the seed decides the mask") {
  const Tensor x = xg::ones({1000});
  xg::manual_seed(3);
  const Tensor a = xg::dropout(x), b = xg::dropout(x);
  xg::manual_seed(3);
  CHECK(xg::equal(xg::dropout(x), a));
  CHECK_FALSE(xg::equal(a, b));
}

TEST_CASE("channels are dropped as wholes") {
  xg::manual_seed(4);
  const auto check = [](Tensor (*drop)(const xg::Arg&, double, bool), const xg::Shape& shape, std::int64_t channels) {
    const Tensor x = xg::full(shape, 3.0, {.dtype = xg::float64, .requires_grad = true});
    const Tensor y = drop(x, 0.25, true), rows = y.reshape({channels, x.numel() / channels});
    std::int64_t dropped = 0;
    for (std::int64_t c = 0; c < channels; ++c) {
      const auto row = rows[c].to_vector<double>();
      for (double v : row) REQUIRE(v == row[0]);
      REQUIRE((row[0] == 0 || row[0] == doctest::Approx(4)));
      if (row[0] == 0) ++dropped;
    }
    CHECK(static_cast<double>(dropped) / static_cast<double>(channels) == doctest::Approx(0.25).epsilon(0.15));
    y.sum().backward();
    CHECK(xg::allclose(x.grad(), y.detach() / 3));
  };
  check(xg::dropout1d, {40, 50, 3}, 2000);
  check(xg::dropout1d, {2000, 3}, 2000);
  check(xg::dropout2d, {40, 50, 2, 3}, 2000);
  check(xg::dropout2d, {40, 50, 3}, 2000);
  check(xg::dropout3d, {40, 50, 1, 2, 2}, 2000);
  check(xg::dropout3d, {2000, 1, 2, 2}, 2000);
  // What is dropped leaves nothing of itself, whatever it was.
  const Tensor nan = xg::full({2, 3}, std::nan(""));
  CHECK(xg::equal(xg::dropout1d(nan, 1.0), xg::zeros({2, 3})));
}

TEST_CASE("alpha_dropout keeps mean 0 and variance 1") {
  xg::manual_seed(5);
  for (double p : {0.1, 0.5}) {
    const Tensor x = xg::randn({400, 500}, {.dtype = xg::float64});
    for (const Tensor& y : {xg::alpha_dropout(x, p), xg::feature_alpha_dropout(x, p)}) {
      CHECK(std::abs(y.mean().item<double>()) < 0.01);
      CHECK(y.var().item<double>() == doctest::Approx(1).epsilon(0.02));
    }
    // Its two values for an input of ones, by the formulas of the paper.
    const double s = 1.0507009873554804934 * 1.6732632423543772848, a = 1 / std::sqrt((1 - p) * (1 + p * s * s));
    const Tensor y = xg::alpha_dropout(xg::ones({1000}, {.dtype = xg::float64}), p);
    CHECK(y.max().item<double>() == doctest::Approx(a * (1 + p * s)).epsilon(1e-12));
    CHECK(y.min().item<double>() == doctest::Approx(a * (-s + p * s)).epsilon(1e-12));
  }
  const Tensor y = xg::feature_alpha_dropout(xg::ones({30, 40, 2, 3}), 0.5).reshape({1200, 6});
  CHECK(xg::equal(y, y.narrow(1, 0, 1).expand({1200, 6})));
  CHECK(y.max().item<double>() > y.min().item<double>());
}

TEST_CASE("misuse is named") {
  CHECK(mentions(message_of<xg::ValueError>([] { xg::dropout(xg::ones({2}), 1.5); }),
                 {"dropout", "[0, 1]", "1.5", "dropout_test.cpp"}));
  CHECK(mentions(message_of<xg::DtypeError>([] { xg::dropout(xg::tensor({1, 2})); }), {"dropout", "int64"}));
}
