#include <xgrad/autograd.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/fold.hpp>
#include <xgrad/ops/interpolate.hpp>
#include <xgrad/ops/pool.hpp>
#include <xgrad/threads.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <limits>
#include <vector>

#include "numeric.hpp"

namespace xg = xgrad;
using numeric::distance;
using numeric::inner;
using numeric::random;
using numeric::same_bits;
using xg::Shape;
using xg::Tensor;
using xg::TensorList;
using Values = std::vector<double>;

TEST_CASE("interpolating to the same size changes nothing, and shrinking what was doubled neither") {
  const Tensor x = random({2, 3, 5, 6}, 1);
  for (const char* mode : {"nearest", "nearest-exact", "bilinear", "bicubic", "area"}) {
    CAPTURE(mode);
    CHECK(distance(xg::interpolate(x, {.size = {5, 6}, .mode = mode}), x) <= 1e-15);
  }
  for (const char* mode : {"nearest", "nearest-exact"})
    CHECK(distance(xg::interpolate(xg::interpolate(x, {.scale_factor = 2, .mode = mode}),
                                   {.scale_factor = 0.5, .mode = mode}),
                   x) == 0);
}

TEST_CASE("the gradient of interpolate is its adjoint in every mode, the same for any number of threads") {
  const int before = xg::get_num_threads();
  for (const char* mode : {"nearest", "nearest-exact", "bilinear", "bicubic", "area"})
    for (const Shape& size : {Shape{11, 40}, Shape{70, 9}, Shape{1, 1}}) {
      CAPTURE(mode);
      std::vector<TensorList> found;
      for (int threads : {1, 3}) {
        xg::set_num_threads(threads);
        const Tensor x = random({5, 4, 31, 23}, 1, xg::float32).requires_grad_();
        const Tensor y = xg::interpolate(x, {.size = {size[0], size[1]}, .mode = mode});
        const Tensor g = random(y.sizes(), 2, xg::float32);
        y.backward(g);
        found.push_back({y.detach(), x.grad()});
        const double left = inner({y.to(xg::float64)}, {g.to(xg::float64)});
        CHECK(std::abs(left - inner({x.detach().to(xg::float64)}, {x.grad().to(xg::float64)})) <=
              1e-3 * (1 + std::abs(left)));
      }
      CHECK(same_bits(found[0][0], found[1][0]));
      CHECK(same_bits(found[0][1], found[1][1]));
    }
  xg::set_num_threads(before);
}

TEST_CASE("fold of unfold counts how many windows see each element") {
  const Tensor ones = xg::ones({1, 2, 4, 4}, {.dtype = xg::float64});
  const Tensor counts = xg::fold(xg::unfold(ones, 3), {4, 4}, 3);
  const Values row{1, 2, 2, 1};
  const Values values = counts.to_vector<double>();
  for (std::size_t i = 0; i < values.size(); ++i) CHECK(values[i] == row[i / 4 % 4] * row[i % 4]);
  const Tensor x = random({2, 3, 8, 6}, 1);
  CHECK(distance(xg::fold(xg::unfold(x, 2, {.stride = 2}), {8, 6}, 2, {.stride = 2}), x) == 0);
  CHECK(distance(xg::pixel_unshuffle(xg::pixel_shuffle(random({2, 8, 3, 2}, 2), 2), 2), random({2, 8, 3, 2}, 2)) == 0);
  CHECK(distance(xg::channel_shuffle(xg::channel_shuffle(random({2, 6, 3}, 2), 2), 3), random({2, 6, 3}, 2)) == 0);
}

TEST_CASE("fold leaves its input as it was") {
  const Tensor x = random({1, 9, 16}, 1), copy = x.clone();
  xg::fold(x, {4, 4}, 3, {.padding = 1});
  CHECK(distance(x, copy) == 0);
}

TEST_CASE("pools of volumes see NaN, infinities and empty windows") {
  constexpr double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor x = xg::tensor({-inf, -inf, 1.0, nan}, {.dtype = xg::float64}).reshape({1, 1, 1, 4});
  const auto [values, indices] = xg::max_pool3d_with_indices(x, {1, 1, 2});
  CHECK(values.to_vector<double>()[0] == -inf);
  CHECK(std::isnan(values.to_vector<double>()[1]));
  CHECK(indices.to_vector<std::int64_t>() == std::vector<std::int64_t>{0, 3});
  CHECK(std::isnan(xg::adaptive_max_pool1d(x.reshape({1, 4}), 1).item<double>()));
}

TEST_CASE("what maxima took away is put back where it was") {
  const Tensor x = random({2, 3, 4, 6, 5}, 1);
  const auto [values, indices] = xg::max_pool3d_with_indices(x, 2);
  const Tensor y = xg::max_unpool3d(values, indices, 2, {.output_size = xg::IntTriple{4, 6, 5}});
  const Values a = x.to_vector<double>(), b = y.to_vector<double>();
  std::size_t kept = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    CHECK((b[i] == 0 || b[i] == a[i]));
    kept += b[i] != 0;
  }
  CHECK(kept == static_cast<std::size_t>(values.numel()));
}
