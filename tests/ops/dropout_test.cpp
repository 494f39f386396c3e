#include <xgrad/autograd.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/dropout.hpp>
#include <xgrad/ops/equality.hpp>
#include <xgrad/random.hpp>
#include <xgrad/testing.hpp>

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

TEST_CASE("misuse is named") {
  CHECK(mentions(message_of<xg::ValueError>([] { xg::dropout(xg::ones({2}), 1.5); }),
                 {"dropout", "[0, 1]", "1.5", "dropout_test.cpp"}));
  CHECK(mentions(message_of<xg::DtypeError>([] { xg::dropout(xg::tensor({1, 2})); }), {"dropout", "int64"}));
}
