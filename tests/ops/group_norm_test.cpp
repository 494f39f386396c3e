#include <xgrad/autograd.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/equality.hpp>
#include <xgrad/ops/group_norm.hpp>
#include <xgrad/ops/layer_norm.hpp>
#include <xgrad/ops/rms_norm.hpp>
#include <xgrad/threads.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <vector>

#include "numeric.hpp"
#include "support/errors.hpp"

namespace xg = xgrad;
using numeric::distance;
using numeric::random;
using numeric::same_bits;
using test::mentions;
using test::message_of;
using xg::Shape;
using xg::Tensor;
using xg::TensorList;

TEST_CASE("groups of any size are rows of layer_norm") {
  for (const Shape& shape : {Shape{3, 8}, Shape{3, 8, 1}, Shape{2, 8, 5, 7}, Shape{2, 40, 3}, Shape{300, 8, 16}})
    for (std::int64_t count : {1, 2, 4}) {
      const Tensor x = random(shape, 1).requires_grad_(), g = random(shape, 2);
      const Tensor rows = x.detach().reshape({shape[0] * count, -1}).requires_grad_();
      const Tensor y = xg::group_norm(x, count), z = xg::layer_norm(rows, {rows.size(1)});
      CHECK(distance(y.detach(), z.detach().reshape(shape)) <= 1e-13);
      y.backward(g);
      z.backward(g.reshape(rows.sizes()));
      CHECK(distance(x.grad(), rows.grad().reshape(shape)) <= 1e-12);
    }
}

TEST_CASE("fused gradients of norms agree with recorded ones, and have the same bits for any number of threads") {
  using Call = std::function<Tensor(const Tensor&, const Tensor&, const Tensor&)>;
  const std::vector<Call> calls = {
      [](const Tensor& x, const Tensor& w, const Tensor& b) { return xg::group_norm(x, 4, w, b); },
      [](const Tensor& x, const Tensor& w, const Tensor& b) {
        return xg::instance_norm(x, {}, {}, {.weight = w, .bias = b});
      },
      [](const Tensor& x, const Tensor& w, const Tensor& b) { return xg::rms_norm(x.transpose(1, 2), {24}, w) + b; }};
  const int before = xg::get_num_threads();
  for (const Call& call : calls) {
    std::vector<TensorList> found;
    for (int threads : {1, 2, 3}) {
      xg::set_num_threads(threads);
      const Tensor x = random({70, 24, 33}, 1, xg::float32).requires_grad_();
      const Tensor w = random({24}, 2, xg::float32).requires_grad_(), b = random({24}, 3, xg::float32).requires_grad_();
      const Tensor y = call(x, w, b), g = random(y.sizes(), 4, xg::float32);
      found.push_back(xg::grad({y}, {x, w, b}, {.grad_outputs = {g}, .retain_graph = true}));
      found.back().push_back(y.detach());
      const TensorList recorded = xg::grad({y}, {x, w, b}, {.grad_outputs = {g}, .create_graph = true});
      for (std::size_t i = 0; i < 3; ++i)
        CHECK(xg::allclose(found.back()[i], recorded[i].detach(), {.rtol = 1e-3, .atol = 1e-3}));
    }
    for (std::size_t i = 0; i < 4; ++i) {
      CHECK(same_bits(found[0][i], found[1][i]));
      CHECK(same_bits(found[0][i], found[2][i]));
    }
  }
  xg::set_num_threads(before);
}

TEST_CASE("norms stay accurate far from zero") {
  const Tensor x = random({4, 8, 10}, 1) + 1000.0;
  CHECK(distance(xg::group_norm(x.to(xg::float32), 2), xg::group_norm(x.to(xg::float32).to(xg::float64), 2)) <= 1e-3);
  CHECK(distance(xg::instance_norm(x.to(xg::float32)), xg::instance_norm(x.to(xg::float32).to(xg::float64))) <= 1e-3);
}

TEST_CASE("running statistics move only where they are given, and not when the call is refused") {
  const Tensor x = random({3, 2, 4}, 1), mean = xg::zeros({2}, {.dtype = xg::float64}),
               var = xg::ones({2}, {.dtype = xg::float64});
  xg::instance_norm(x, mean, {}, {.momentum = 0.5});
  CHECK(distance(mean, x.mean({0, 2}) * 0.5) <= 1e-14);
  xg::instance_norm(x, {}, var, {.momentum = 0.25});
  CHECK(distance(var, x.var({2}).mean({0}) * 0.25 + 0.75) <= 1e-14);
  const auto version = mean.version();
  CHECK(mentions(message_of<xg::ShapeError>([&] { xg::instance_norm(x, mean, var, {.weight = xg::ones({3})}); }),
                 {"instance_norm", "weight", "[3]", "[2]"}));
  xg::instance_norm(x, mean, var, {.use_input_stats = false});
  xg::instance_norm(xg::zeros({0, 2, 4}, {.dtype = xg::float64}), mean, var);
  CHECK(mean.version() == version);
}

TEST_CASE("rms_norm's eps is the dtype's own where none is given") {
  const Tensor x = xg::full({1, 2}, 1e-4);
  const double square = 1e-8;
  CHECK(xg::rms_norm(x, {2}).to_vector<double>()[0] == doctest::Approx(1e-4 / std::sqrt(square + 1.1920929e-07)));
  CHECK(xg::rms_norm(x.to(xg::float64), {2}).to_vector<double>()[0] == doctest::Approx(1));
}
