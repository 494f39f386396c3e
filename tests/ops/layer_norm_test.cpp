#include <xgrad/autograd.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/equality.hpp>
#include <xgrad/ops/layer_norm.hpp>
#include <xgrad/random.hpp>
#include <xgrad/testing.hpp>
#include <xgrad/threads.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <vector>

#include "support/errors.hpp"

namespace xg = xgrad;
using test::mentions;
using test::message_of;
using xg::Tensor;

TEST_CASE("rows of any length have mean 0 and variance 1") {
  xg::manual_seed(1);
  for (std::int64_t n : {2, 7, 8, 16, 31, 33, 1000}) {
    const Tensor x = xg::randn({5, n}) * 3 + 100;
    const auto y = xg::layer_norm(x, {n}).to_vector<double>();
    for (std::size_t r = 0; r < 5; ++r) {
      double sum = 0, squares = 0;
      for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
        sum += y[r * static_cast<std::size_t>(n) + i];
        squares += y[r * static_cast<std::size_t>(n) + i] * y[r * static_cast<std::size_t>(n) + i];
      }
      CHECK(std::abs(sum / static_cast<double>(n)) < 1e-4);
      CHECK(squares / static_cast<double>(n) == doctest::Approx(1).epsilon(2e-3));
    }
  }
}

TEST_CASE("gradients, also of views and of many rows") {
  xg::manual_seed(2);
  const xg::TensorOptions f64{.dtype = xg::float64, .requires_grad = true};
  const auto f = [](const Tensor& x, const Tensor& w, const Tensor& b) { return xg::layer_norm(x, {5}, w, b); };
  const Tensor w = xg::randn({5}, f64), b = xg::randn({5}, f64);
  CHECK(xg::gradcheck(f, {xg::randn({3, 2, 5}, f64), w, b}));
  CHECK(xg::gradgradcheck(f, {xg::randn({3, 5}, f64), w, b}));
  const auto transposed = [](const Tensor& x, const Tensor& w) { return xg::layer_norm(x.t(), {5}, w); };
  CHECK(xg::gradcheck(transposed, {xg::randn({5, 4}, f64), w}));
  // More rows than one block of partial sums.
  const Tensor x = xg::randn({70, 5}, f64), g = xg::randn({70, 5}, {.dtype = xg::float64});
  const xg::TensorList fused = xg::grad({f(x, w, b)}, {x, w, b}, {.grad_outputs = {g}});
  const xg::TensorList recorded = xg::grad({f(x, w, b)}, {x, w, b}, {.grad_outputs = {g}, .create_graph = true});
  for (std::size_t i = 0; i < 3; ++i)
    CHECK(xg::allclose(fused[i], recorded[i].detach(), {.rtol = 1e-10, .atol = 1e-12}));
}

TEST_CASE("the same bits for any number of threads") {
  xg::manual_seed(3);
  const Tensor x = xg::randn({3000, 64}, {.requires_grad = true}), w = xg::randn({64}, {.requires_grad = true});
  const Tensor g = xg::randn({3000, 64});
  const int threads = xg::get_num_threads();
  xg::set_num_threads(1);
  const xg::TensorList one = xg::grad({xg::layer_norm(x, {64}, w)}, {x, w}, {.grad_outputs = {g}});
  xg::set_num_threads(2);
  const xg::TensorList two = xg::grad({xg::layer_norm(x, {64}, w)}, {x, w}, {.grad_outputs = {g}});
  xg::set_num_threads(threads);
  CHECK(xg::equal(one[0], two[0]));
  CHECK(xg::equal(one[1], two[1]));
}

TEST_CASE("misuse is named") {
  const Tensor x = xg::zeros({2, 3});
  CHECK(mentions(message_of<xg::ShapeError>([&] { xg::layer_norm(x, {2}); }),
                 {"layer_norm", "[2]", "[2, 3]", "layer_norm_test.cpp"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] { xg::layer_norm(x, {3}, xg::ones({2})); }), {"weight", "[3]"}));
  CHECK(mentions(message_of<xg::DtypeError>([&] { xg::layer_norm(x, {3}, {}, xg::ones({3}, {.dtype = xg::float64})); }),
                 {"bias", "float64"}));
  CHECK(mentions(message_of<xg::DtypeError>([&] { xg::layer_norm(xg::tensor({1, 2}), {2}); }), {"int64"}));
}
