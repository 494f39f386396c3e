// Convolutions of lines and volumes, and transposed ones: large enough for every kernel, against plain loops.
#include <xgrad/autograd.hpp>
#include <xgrad/ops/conv.hpp>
#include <xgrad/ops/conv_transpose.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/equality.hpp>
#include <xgrad/ops/join.hpp>
#include <xgrad/ops/shape.hpp>
#include <xgrad/threads.hpp>

#include <cmath>
#include <doctest/doctest.h>

#include "numeric.hpp"
#include "support/errors.hpp"

namespace xg = xgrad;
using numeric::check_gradients;
using numeric::distance;
using numeric::random;
using numeric::same_bits;
using xg::Shape;
using xg::Tensor;
using xg::TensorList;

namespace {

struct Geometry {
  xg::IntTriple stride = 1, padding = 0, dilation = 1;
  std::int64_t groups = 1;
};

// f(index of x, index of w, index of y) for every product of conv3d(x, w).
template <class F>
void products(const Shape& x, const Shape& w, const Shape& y, const Geometry& o, F&& f) {
  const auto flat = [](const Shape& s, std::int64_t a, std::int64_t b, std::int64_t c, std::int64_t d, std::int64_t e) {
    return static_cast<std::size_t>((((a * s[1] + b) * s[2] + c) * s[3] + d) * s[4] + e);
  };
  for (std::int64_t n = 0; n < y[0]; ++n)
    for (std::int64_t k = 0; k < y[1]; ++k)
      for (std::int64_t c = 0; c < w[1]; ++c)
        for (std::int64_t i = 0; i < y[2] * w[2]; ++i)
          for (std::int64_t j = 0; j < y[3] * w[3]; ++j)
            for (std::int64_t l = 0; l < y[4] * w[4]; ++l) {
              const std::int64_t z = i / w[2] * o.stride.d + i % w[2] * o.dilation.d - o.padding.d;
              const std::int64_t r = j / w[3] * o.stride.h + j % w[3] * o.dilation.h - o.padding.h;
              const std::int64_t q = l / w[4] * o.stride.w + l % w[4] * o.dilation.w - o.padding.w;
              if (z < 0 || z >= x[2] || r < 0 || r >= x[3] || q < 0 || q >= x[4]) continue;
              f(flat(x, n, k / (w[0] / o.groups) * w[1] + c, z, r, q), flat(w, k, c, i % w[2], j % w[3], l % w[4]),
                flat(y, n, k, i / w[2], j / w[3], l / w[4]));
            }
}
Tensor made_of(const std::vector<double>& values, const Shape& shape) {
  return xg::tensor(std::span<const double>(values), shape);
}
Tensor naive(const Tensor& x, const Tensor& w, const Shape& y, const Geometry& o) {
  const auto a = x.to_vector<double>(), b = w.to_vector<double>();
  std::vector<double> out(static_cast<std::size_t>(xg::numel(y)), 0);
  products(x.sizes(), w.sizes(), y, o, [&](std::size_t i, std::size_t j, std::size_t k) { out[k] += a[i] * b[j]; });
  return made_of(out, y);
}
Tensor naive_input(const Tensor& g, const Tensor& w, const Shape& x, const Geometry& o) {
  const auto a = g.to_vector<double>(), b = w.to_vector<double>();
  std::vector<double> out(static_cast<std::size_t>(xg::numel(x)), 0);
  products(x, w.sizes(), g.sizes(), o, [&](std::size_t i, std::size_t j, std::size_t k) { out[i] += a[k] * b[j]; });
  return made_of(out, x);
}
Tensor naive_weight(const Tensor& g, const Tensor& x, const Shape& w, const Geometry& o) {
  const auto a = g.to_vector<double>(), b = x.to_vector<double>();
  std::vector<double> out(static_cast<std::size_t>(xg::numel(w)), 0);
  products(x.sizes(), w, g.sizes(), o, [&](std::size_t i, std::size_t j, std::size_t k) { out[j] += a[k] * b[i]; });
  return made_of(out, w);
}

// y = f(x, w) and both gradients against what they should be, in both dtypes.
template <class F>
void compare(F f, const Tensor& x, const Tensor& w, const Tensor& y, const Tensor& g, const Tensor& dx,
             const Tensor& dw) {
  for (const xg::Dtype dtype : {xg::float64, xg::float32}) {
    const double tolerance = dtype == xg::float64 ? 1e-11 : 2e-4;
    const Tensor a = x.to(dtype).clone().requires_grad_(), b = w.to(dtype).clone().requires_grad_();
    const Tensor result = f(a, b);
    CHECK(distance(result.detach(), y) <= tolerance);
    result.backward(g.to(dtype));
    CHECK(distance(a.grad(), dx) <= tolerance);
    CHECK(distance(b.grad(), dw) <= tolerance);
  }
}

struct Case {
  Shape x, w, y;
  Geometry geometry;
};

}  // namespace

TEST_CASE("conv3d is its definition where its columns need several stripes") {
  const std::vector<Case> cases = {
      {{2, 24, 5, 9, 40}, {4, 24, 3, 3, 3}, {2, 4, 5, 9, 40}, {.padding = 1}},
      {{1, 20, 7, 12, 31},
       {6, 10, 3, 2, 5},
       {1, 6, 4, 12, 16},
       {.stride = {2, 1, 2}, .padding = {1, 1, 2}, .dilation = {1, 2, 1}, .groups = 2}},
      {{2, 16, 6, 8, 10}, {8, 16, 1, 1, 1}, {2, 8, 6, 8, 10}, {}},
      {{1, 32, 1, 20, 20}, {32, 32, 1, 3, 3}, {1, 32, 1, 20, 20}, {.padding = {0, 1, 1}}},
  };
  for (const Case& c : cases) {
    CAPTURE(xg::to_string(c.x));
    const Tensor x = random(c.x, 1), w = random(c.w, 2), g = random(c.y, 3);
    const Geometry& o = c.geometry;
    compare(
        [&](const Tensor& a, const Tensor& b) {
          return xg::conv3d(a, b, {},
                            {.stride = o.stride, .padding = o.padding, .dilation = o.dilation, .groups = o.groups});
        },
        x, w, naive(x, w, c.y, o), g, naive_input(g, w, c.x, o), naive_weight(g, x, c.w, o));
  }
}

TEST_CASE("padding \"same\" of even windows is larger at the end, whichever kernel computes it") {
  const Shape image{3, 32, 1, 20, 22}, window{48, 32, 1, 4, 2}, flat{3, 32, 20, 22};
  const Geometry o{.padding = {0, 1, 0}};
  const Shape out{3, 48, 1, 20, 22};
  const Tensor x = random(image, 1), w = random(window, 2), g = random(out, 3);
  compare([](const Tensor& a,
             const Tensor& b) { return xg::conv2d(a.squeeze(2), b.squeeze(2), {}, {.padding = "same"}).unsqueeze(2); },
          x, w, naive(x, w, out, o), g, naive_input(g, w, image, o), naive_weight(g, x, window, o));
}

TEST_CASE("conv1d is conv2d of images one row high") {
  const Tensor x = random({4, 32, 200}, 1, xg::float32), w = random({48, 16, 5}, 2, xg::float32);
  const Tensor bias = random({48}, 3, xg::float32);
  const Tensor line = xg::conv1d(x, w, bias, {.stride = 2, .padding = 3, .dilation = 2, .groups = 2});
  const Tensor image = xg::conv2d(x.unsqueeze(2), w.unsqueeze(2), bias,
                                  {.stride = {1, 2}, .padding = {0, 3}, .dilation = {1, 2}, .groups = 2});
  CHECK(line.sizes() == Shape{4, 48, 99});
  CHECK(same_bits(line, image.squeeze(2)));
}

TEST_CASE("transposed convolutions are the gradient by the input, whichever kernel computes them") {
  const std::vector<Case> cases = {
      // x is the transposed convolution's output.
      {{2, 32, 1, 17, 18}, {32, 32, 1, 3, 3}, {2, 32, 1, 17, 18}, {.padding = {0, 1, 1}}},
      {{2, 24, 1, 14, 13}, {32, 24, 1, 4, 3}, {2, 32, 1, 7, 6}, {.stride = {1, 2, 2}, .padding = {0, 1, 0}}},
      {{2, 24, 1, 16, 20}, {32, 24, 1, 3, 3}, {2, 32, 1, 7, 9}, {.stride = {1, 2, 2}, .padding = {0, 0, 0}}},
      {{1, 8, 6, 5, 7},
       {12, 4, 2, 3, 3},
       {1, 12, 3, 5, 3},
       {.stride = {2, 1, 3}, .padding = {0, 1, 1}, .dilation = 1, .groups = 2}},
  };
  for (const Case& c : cases) {
    CAPTURE(xg::to_string(c.x));
    const Geometry& o = c.geometry;
    const Tensor y = random(c.y, 1), w = random(c.w, 2), g = random(c.x, 3), bias = random({c.x[1]}, 4);
    const auto more = [&](std::size_t d, std::int64_t stride, std::int64_t padding, std::int64_t dilation) {
      return c.x[d] - ((c.y[d] - 1) * stride - 2 * padding + dilation * (c.w[d] - 1) + 1);
    };
    const xg::IntTriple after{more(2, o.stride.d, o.padding.d, o.dilation.d),
                              more(3, o.stride.h, o.padding.h, o.dilation.h),
                              more(4, o.stride.w, o.padding.w, o.dilation.w)};
    const bool flat = c.x[2] == 1;
    compare(
        [&](const Tensor& a, const Tensor& b) {
          const Tensor shift = bias.to(a.dtype());
          if (flat)
            return xg::conv_transpose2d(a.squeeze(2), b.squeeze(2), shift,
                                        {.stride = {o.stride.h, o.stride.w},
                                         .padding = {o.padding.h, o.padding.w},
                                         .output_padding = {after.h, after.w}})
                .unsqueeze(2);
          return xg::conv_transpose3d(
              a, b, shift, {.stride = o.stride, .padding = o.padding, .output_padding = after, .groups = o.groups});
        },
        y, w, naive_input(y, w, c.x, o) + bias.reshape({-1, 1, 1, 1}), g, naive(g, w, c.y, o),
        naive_weight(y, g, c.w, o));
  }
}

TEST_CASE("gradients of transposed convolutions to the third order") {
  const auto leaf = [](const Shape& shape, std::uint64_t seed) { return random(shape, seed).requires_grad_(); };
  check_gradients(
      [](const TensorList& in) {
        return TensorList{xg::conv_transpose1d(in[0], in[1], in[2], {.stride = 2, .padding = 1, .output_padding = 1})};
      },
      {leaf({2, 2, 3}, 1), leaf({2, 2, 3}, 2), leaf({2}, 3)}, 3);
  // There and back, so that the second order is not zero in one operand alone.
  check_gradients(
      [](const TensorList& in) { return TensorList{xg::conv3d(xg::conv_transpose3d(in[0], in[1]), in[1])}; },
      {leaf({1, 2, 1, 2, 2}, 1), leaf({2, 1, 2, 1, 2}, 2)});
}

TEST_CASE("convolutions of volumes give the same bits for any number of threads") {
  const int before = xg::get_num_threads();
  std::vector<TensorList> found;
  for (int threads : {1, 2, 3}) {
    xg::set_num_threads(threads);
    Tensor x = random({5, 8, 6, 9, 10}, 1, xg::float32).requires_grad_();
    Tensor w = random({12, 8, 3, 3, 3}, 2, xg::float32).requires_grad_();
    const Tensor y = xg::conv3d(x, w, {}, {.padding = 1});
    y.backward(random(y.sizes(), 3, xg::float32));
    found.push_back({y.detach(), x.grad(), w.grad(), xg::conv_transpose3d(y.detach(), w.detach())});
  }
  xg::set_num_threads(before);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(same_bits(found[0][i], found[1][i]));
    CHECK(same_bits(found[0][i], found[2][i]));
  }
}

TEST_CASE("nodes of convolutions have their operation's name") {
  const Tensor x = random({1, 2, 5}, 1).requires_grad_(), w = random({2, 2, 3}, 2).requires_grad_();
  CHECK(xg::conv1d(x, w).grad_fn() == "conv1d");
  CHECK(xg::conv_transpose1d(x, w).grad_fn() == "conv_transpose1d");
  const Tensor g = xg::grad({xg::conv_transpose1d(x, w).sum()}, {x}, {.create_graph = true})[0];
  CHECK(g.grad_fn() == "conv_transpose1d_input");
}
