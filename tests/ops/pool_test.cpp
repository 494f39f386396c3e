#include <xgrad/autograd.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/pool.hpp>
#include <xgrad/threads.hpp>

#include <cmath>
#include <cstring>
#include <doctest/doctest.h>

#include "numeric.hpp"
#include "support/errors.hpp"

namespace xg = xgrad;
using numeric::check_gradients;
using numeric::distance;
using numeric::random;
using numeric::same_bits;
using test::has;
using test::message_of;
using xg::IntPair;
using xg::Shape;
using xg::Tensor;
using xg::TensorList;

namespace {

// The largest element of every window by the definition, in order, for windows that lie wholly or partly inside.
std::vector<double> naive_max(const Tensor& x, IntPair kernel, IntPair stride, IntPair padding, IntPair dilation,
                              std::int64_t rows, std::int64_t cols) {
  const std::int64_t planes = x.numel() / (x.size(-1) * x.size(-2)), H = x.size(-2), W = x.size(-1);
  const auto in = x.to(xg::float64).to_vector<double>();
  std::vector<double> out;
  for (std::int64_t p = 0; p < planes; ++p)
    for (std::int64_t i = 0; i < rows; ++i)
      for (std::int64_t j = 0; j < cols; ++j) {
        double best = -INFINITY;
        for (std::int64_t a = 0; a < kernel.h; ++a)
          for (std::int64_t b = 0; b < kernel.w; ++b) {
            const std::int64_t y = i * stride.h + a * dilation.h - padding.h,
                               z = j * stride.w + b * dilation.w - padding.w;
            if (y < 0 || y >= H || z < 0 || z >= W) continue;
            best = std::max(best, in[static_cast<std::size_t>((p * H + y) * W + z)]);
          }
        out.push_back(best);
      }
  return out;
}

}  // namespace

TEST_CASE("max_pool2d is the largest element of each window, wherever rows end") {
  for (xg::Dtype dtype : {xg::float32, xg::float64})
    for (std::int64_t size : {4, 7, 28, 41}) {
      const Tensor x = random({2, 3, size, size + 1}, static_cast<std::uint64_t>(size), dtype);
      struct {
        IntPair kernel, stride, padding, dilation;
      } cases[] = {{2, 2, 0, 1}, {3, 1, 1, 1}, {3, 2, 1, 1}, {{2, 3}, {3, 1}, {1, 0}, 1}, {2, {1, 3}, 1, {2, 3}}};
      for (const auto& c : cases) {
        const Tensor y =
            xg::max_pool2d(x, c.kernel, {.stride = c.stride, .padding = c.padding, .dilation = c.dilation});
        const auto expected = naive_max(x, c.kernel, c.stride, c.padding, c.dilation, y.size(2), y.size(3));
        CHECK(y.size(2) == (size + 2 * c.padding.h - c.dilation.h * (c.kernel.h - 1) - 1) / c.stride.h + 1);
        CHECK(y.to(xg::float64).to_vector<double>() == expected);
        // The recorded pass keeps places as well.
        Tensor leaf = x.clone().requires_grad_();
        const auto [values, indices] = xg::max_pool2d_with_indices(
            leaf, c.kernel, {.stride = c.stride, .padding = c.padding, .dilation = c.dilation});
        CHECK(values.detach().to(xg::float64).to_vector<double>() == expected);
        const auto where = indices.to_vector<std::int64_t>();
        const auto in = x.to(xg::float64).to_vector<double>();
        const std::size_t plane = static_cast<std::size_t>(size * (size + 1)), windows = expected.size() / 6;
        bool there = true;
        for (std::size_t i = 0; i < where.size(); ++i)
          there = there && in[i / windows * plane + static_cast<std::size_t>(where[i])] == expected[i];
        CHECK(there);
      }
    }
}

TEST_CASE("ties go to the first, NaN wins, infinities and padding do not hide it") {
  Tensor x = xg::tensor({{{1.0, 1.0, 0.0, 0.0}, {1.0, 1.0, 0.0, 2.0}}}).requires_grad_();
  const Tensor y = xg::max_pool2d(x, 2);
  CHECK(y.detach().to_vector<float>() == std::vector<float>{1, 2});
  y.backward(xg::tensor({{{3.0, 5.0}}}));
  CHECK(x.grad().to_vector<float>() == std::vector<float>{3, 0, 0, 0, 0, 0, 0, 5});

  Tensor n = xg::tensor({{{1.0, double(NAN)}, {7.0, 2.0}}}).requires_grad_();
  const Tensor worst = xg::max_pool2d(n, 2);
  CHECK(std::isnan(worst.item<float>()));
  worst.backward(xg::ones({1, 1, 1}));
  CHECK(n.grad().to_vector<float>() == std::vector<float>{0, 1, 0, 0});
  CHECK(std::isnan(xg::max_pool2d(n.detach(), 2).item<float>()));

  Tensor low = xg::full({1, 2, 2}, -INFINITY).requires_grad_();
  const auto [least, index] = xg::max_pool2d_with_indices(low, 2, {.padding = 1});
  CHECK(least.detach().to_vector<float>() == std::vector<float>(4, -INFINITY));
  CHECK(index.to_vector<std::int64_t>() == std::vector<std::int64_t>{0, 1, 2, 3});
}

TEST_CASE("max_pool2d rounds up with ceil_mode and drops windows beyond the input") {
  const Tensor x = random({1, 1, 5, 5}, 1);
  CHECK(xg::max_pool2d(x, 2).sizes() == Shape{1, 1, 2, 2});
  CHECK(xg::max_pool2d(x, 2, {.ceil_mode = true}).sizes() == Shape{1, 1, 3, 3});
  CHECK(xg::max_pool2d(random({1, 3, 3}, 1), 2, {.stride = 4, .padding = 1, .ceil_mode = true}).sizes() ==
        Shape{1, 1, 1});
  CHECK(xg::max_pool2d(random({2, 6, 6}, 1), 3).sizes() == Shape{2, 2, 2});
  CHECK(xg::max_pool2d(xg::zeros({0, 3, 4, 4}), 2).sizes() == Shape{0, 3, 2, 2});
  const Tensor y = xg::max_pool2d(x, 2, {.ceil_mode = true});
  CHECK(y.to_vector<double>() == naive_max(x, 2, 2, 0, 1, 3, 3));
}

TEST_CASE("avg_pool2d on known numbers") {
  const Tensor x = xg::arange(16, {.dtype = xg::float64}).reshape({1, 4, 4});
  using V = std::vector<double>;
  CHECK(xg::avg_pool2d(x, 2).to_vector<double>() == V{2.5, 4.5, 10.5, 12.5});
  CHECK(xg::avg_pool2d(x, 2, {.divisor_override = 2}).to_vector<double>() == V{5, 9, 21, 25});
  CHECK(xg::avg_pool2d(x, 3, {.stride = 3, .padding = 1}).to_vector<double>() ==
        V{10.0 / 9, 18.0 / 9, 42.0 / 9, 50.0 / 9});
  CHECK(xg::avg_pool2d(x, 3, {.stride = 3, .padding = 1, .count_include_pad = false}).to_vector<double>() ==
        V{2.5, 4.5, 10.5, 12.5});
  // The last window of ceil_mode covers one row of the input and one beyond, which does not count.
  CHECK(xg::avg_pool2d(x.slice(1, 0, 3), {2, 4}, {.ceil_mode = true}).to_vector<double>() == V{3.5, 9.5});
  CHECK(xg::adaptive_avg_pool2d(x, 1).item<double>() == 7.5);
  CHECK(xg::adaptive_avg_pool2d(x, {1, 3}).to_vector<double>() == V{6.5, 7.5, 8.5});
  CHECK(xg::adaptive_avg_pool2d(x.transpose(1, 2), {3, 1}).to_vector<double>() == V{6.5, 7.5, 8.5});
}

TEST_CASE("gradients of the poolings to the second order") {
  auto leaf = [](const Shape& shape, std::uint64_t seed) { return random(shape, seed).requires_grad_(); };
  check_gradients([](const TensorList& in) { return TensorList{xg::max_pool2d(in[0], 2)}; }, {leaf({2, 2, 4, 4}, 1)},
                  3);
  check_gradients(
      [](const TensorList& in) {
        return TensorList{xg::max_pool2d(in[0], 3, {.stride = {1, 2}, .padding = 1, .dilation = {1, 2}})};
      },
      {leaf({2, 5, 6}, 1)});
  check_gradients([](const TensorList& in) { return TensorList{xg::avg_pool2d(in[0], 2)}; }, {leaf({2, 4, 4}, 1)}, 3);
  check_gradients(
      [](const TensorList& in) {
        return TensorList{xg::avg_pool2d(
            in[0], {3, 2}, {.stride = {2, 1}, .padding = 1, .ceil_mode = true, .count_include_pad = false})};
      },
      {leaf({1, 2, 5, 4}, 1)});
  check_gradients(
      [](const TensorList& in) {
        return TensorList{xg::adaptive_avg_pool2d(in[0], {3, 2})};
      },
      {leaf({1, 2, 5, 7}, 1)});
  // A curve through a pooling: the square of its result.
  check_gradients(
      [](const TensorList& in) {
        const Tensor y = xg::max_pool2d(in[0], 2);
        return TensorList{y * y};
      },
      {leaf({1, 4, 4}, 1)}, 2, 1e-6);
  // Gradients meet in one place and are added.
  Tensor x = random({1, 4, 4}, 1).requires_grad_();
  (xg::max_pool2d(x, 2) + xg::max_pool2d(x, 2)).backward(xg::ones({1, 2, 2}, {.dtype = xg::float64}));
  CHECK(numeric::inner({x.grad()}, {xg::ones({1, 4, 4}, {.dtype = xg::float64})}) == 8);
}

TEST_CASE("the same bits for any number of threads") {
  const int before = xg::get_num_threads();
  std::vector<TensorList> found;
  for (int threads : {1, 2, 3}) {
    xg::set_num_threads(threads);
    Tensor x = random({5, 16, 30, 30}, 1, xg::float32).requires_grad_();
    const Tensor a = xg::max_pool2d(x, 3, {.stride = 2}), b = xg::avg_pool2d(x, 3, {.stride = 2});
    (a * b).backward(random(a.sizes(), 2, xg::float32));
    found.push_back({a.detach(), b.detach(), x.grad()});
  }
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(same_bits(found[0][i], found[1][i]));
    CHECK(same_bits(found[0][i], found[2][i]));
  }
  xg::set_num_threads(before);
}

TEST_CASE("misuse of the poolings is reported with names, shapes and the place") {
  const Tensor x = xg::zeros({1, 3, 4, 4});
  const std::string flat = message_of<xg::ShapeError>([&] { xg::max_pool2d(xg::zeros({4, 4}), 2); });
  CHECK(has(flat, "max_pool2d: expected input of shape [N, C, H, W] or [C, H, W], got [4, 4] at "));
  CHECK(has(flat, "pool_test.cpp:"));
  CHECK(has(message_of<xg::ShapeError>([&] { xg::max_pool2d(x, 5); }),
            "max_pool2d: window [5, 5] with dilation [1, 1] does not fit input [1, 3, 4, 4] with padding [0, 0]"));
  CHECK(has(message_of<xg::ValueError>([&] { xg::max_pool2d(x, 2, {.padding = 2}); }),
            "max_pool2d: expected padding between 0 and half of kernel_size [2, 2], got [2, 2]"));
  CHECK(has(message_of<xg::ValueError>([&] { xg::max_pool2d(x, 0); }), "max_pool2d: expected a positive kernel_size"));
  CHECK(has(message_of<xg::ValueError>([&] { xg::max_pool2d(x, 2, {.stride = 0}); }),
            "max_pool2d: expected a positive str"));
  CHECK(has(message_of<xg::ValueError>([&] { xg::max_pool2d(x, 2, {.dilation = 0}); }),
            "max_pool2d: expected a positive dil"));
  CHECK(has(message_of<xg::ValueError>([&] { xg::avg_pool2d(x, 2, {.divisor_override = 0}); }),
            "avg_pool2d: expected a div"));
  CHECK(has(message_of<xg::ValueError>([&] { xg::adaptive_avg_pool2d(x, -1); }),
            "adaptive_avg_pool2d: expected no negative"));
  CHECK(has(message_of<xg::DtypeError>([&] { xg::max_pool2d(x.to(xg::int64), 2); }), "max_pool2d: "));
}
