#include <xgrad/autograd.hpp>
#include <xgrad/ops/batch_norm.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/equality.hpp>
#include <xgrad/random.hpp>
#include <xgrad/testing.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <vector>

#include "support/errors.hpp"

namespace xg = xgrad;
using test::mentions;
using test::message_of;
using xg::Tensor;

TEST_CASE("every channel has mean 0 and variance 1, in columns and in planes") {
  xg::manual_seed(1);
  for (const xg::Shape& shape : {xg::Shape{600, 3}, xg::Shape{5, 37}, xg::Shape{7, 3, 5}, xg::Shape{4, 2, 9, 8}}) {
    const Tensor x = xg::randn(shape) * 2 + 50;
    const Tensor y = xg::batch_norm(x, {}, {}, {.training = true}).movedim(1, 0).flatten(1);
    for (std::int64_t c = 0; c < shape[1]; ++c) {
      const auto values = y[c].to_vector<double>();
      double sum = 0, squares = 0;
      for (double v : values) {
        sum += v;
        squares += v * v;
      }
      CHECK(std::abs(sum / static_cast<double>(values.size())) < 1e-4);
      CHECK(squares / static_cast<double>(values.size()) == doctest::Approx(1).epsilon(1e-3));
    }
  }
}

TEST_CASE("gradients in training and in evaluation") {
  xg::manual_seed(2);
  const xg::TensorOptions f64{.dtype = xg::float64, .requires_grad = true};
  const Tensor w = xg::randn({3}, f64), b = xg::randn({3}, f64);
  const Tensor mean = xg::randn({3}, {.dtype = xg::float64}), var = xg::rand({3}, {.dtype = xg::float64}) + 0.5;
  for (const xg::Shape& shape : {xg::Shape{4, 3}, xg::Shape{2, 3, 5}, xg::Shape{2, 3, 2, 3}})
    for (bool training : {true, false}) {
      const Tensor x = xg::randn(shape, f64);
      const auto f = [&](const Tensor& x, const Tensor& w, const Tensor& b) {
        return training ? xg::batch_norm(x, {}, {}, {.weight = w, .bias = b, .training = true})
                        : xg::batch_norm(x, mean, var, {.weight = w, .bias = b});
      };
      CHECK(xg::gradcheck(f, {x, w, b}));
      CHECK(xg::gradgradcheck(f, {x, w, b}));
    }
  const auto transposed = [](const Tensor& x) { return xg::batch_norm(x.t(), {}, {}, {.training = true}); };
  CHECK(xg::gradcheck(transposed, {xg::randn({3, 4}, f64)}));
}

TEST_CASE("misuse is named and leaves the running statistics alone") {
  const Tensor x = xg::zeros({2, 3}), mean = xg::zeros({3}), var = xg::ones({3});
  CHECK(
      mentions(message_of<xg::ShapeError>([&] { xg::batch_norm(xg::zeros({3}), mean, var); }), {"batch_norm", "[3]"}));
  CHECK(mentions(
      message_of<xg::ShapeError>([&] { xg::batch_norm(x, mean, var, {.weight = xg::ones({2}), .training = true}); }),
      {"weight", "[3]", "[2]", "batch_norm_test.cpp"}));
  CHECK(mentions(message_of<xg::ValueError>([&] {
                   xg::batch_norm(xg::zeros({1, 3}), mean, var, {.training = true});
                 }),
                 {"more than one value", "[1, 3]"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { xg::batch_norm(x, {}, {}); }), {"running_mean"}));
  CHECK(mentions(message_of<xg::DtypeError>([&] { xg::batch_norm(x, mean.to(xg::float64), var); }),
                 {"running_mean", "float64"}));
  CHECK(mean.to_vector<float>() == std::vector<float>(3, 0));
  CHECK(var.to_vector<float>() == std::vector<float>(3, 1));
}
