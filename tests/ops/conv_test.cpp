#include <xgrad/autograd.hpp>
#include <xgrad/ops/batch_norm.hpp>
#include <xgrad/ops/conv.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/pointwise.hpp>
#include <xgrad/ops/pool.hpp>
#include <xgrad/threads.hpp>

#include <cmath>
#include <cstring>
#include <doctest/doctest.h>
#include <limits>

#include "numeric.hpp"
#include "support/errors.hpp"

namespace xg = xgrad;
using numeric::check_gradients;
using numeric::distance;
using numeric::random;
using numeric::same_bits;
using test::has;
using test::message_of;
using xg::Shape;
using xg::Tensor;
using xg::TensorList;

namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

// The definition, in float64. x [N, C, H, W].
Tensor naive(const Tensor& x, const Tensor& w, const Tensor& bias, const xg::Conv2dOptions& o) {
  const std::int64_t N = x.size(0), C = x.size(1), H = x.size(2), W = x.size(3);
  const std::int64_t O = w.size(0), part = w.size(1), h = w.size(2), v = w.size(3);
  const std::int64_t rows = (H + 2 * o.padding.sizes().h - o.dilation.h * (h - 1) - 1) / o.stride.h + 1;
  const std::int64_t cols = (W + 2 * o.padding.sizes().w - o.dilation.w * (v - 1) - 1) / o.stride.w + 1;
  const auto in = x.to(xg::float64).to_vector<double>(), weight = w.to(xg::float64).to_vector<double>();
  const auto b = bias.defined() ? bias.to(xg::float64).to_vector<double>() : std::vector<double>(at(O), 0.0);
  std::vector<double> out;
  for (std::int64_t n = 0; n < N; ++n)
    for (std::int64_t k = 0; k < O; ++k)
      for (std::int64_t i = 0; i < rows; ++i)
        for (std::int64_t j = 0; j < cols; ++j) {
          double sum = b[at(k)];
          for (std::int64_t c = 0; c < part; ++c)
            for (std::int64_t p = 0; p < h; ++p)
              for (std::int64_t q = 0; q < v; ++q) {
                const std::int64_t channel = k / (O / o.groups) * part + c;
                const std::int64_t y = i * o.stride.h + p * o.dilation.h - o.padding.sizes().h;
                const std::int64_t z = j * o.stride.w + q * o.dilation.w - o.padding.sizes().w;
                if (y < 0 || y >= H || z < 0 || z >= W) continue;
                sum += in[at(((n * C + channel) * H + y) * W + z)] * weight[at(((k * part + c) * h + p) * v + q)];
              }
          out.push_back(sum);
        }
  return xg::tensor(std::span<const double>(out), {N, O, rows, cols});
}

double inner(const Tensor& a, const Tensor& b) { return numeric::inner({a}, {b}); }

struct Case {
  Shape input, weight;
  xg::Conv2dOptions options;
};
std::vector<Case> all_cases() {
  return {
      {{2, 3, 6, 5}, {4, 3, 3, 2}, {}},
      {{2, 3, 6, 5}, {4, 3, 3, 3}, {.padding = 1}},
      {{1, 2, 7, 6}, {3, 2, 5, 3}, {.padding = {2, 1}}},
      {{2, 2, 7, 8}, {2, 2, 3, 3}, {.stride = {2, 3}, .padding = {0, 2}}},
      {{2, 2, 9, 8}, {3, 2, 3, 2}, {.padding = {1, 2}, .dilation = {2, 3}}},
      {{2, 4, 5, 5}, {6, 2, 3, 3}, {.stride = 2, .padding = 1, .groups = 2}},
      {{2, 3, 5, 5}, {3, 1, 3, 3}, {.padding = 1, .groups = 3}},
      {{3, 4, 4, 3}, {5, 4, 1, 1}, {}},
      {{2, 4, 5, 4}, {2, 2, 1, 1}, {.groups = 2}},
      {{2, 4, 5, 4}, {2, 4, 1, 1}, {.stride = 2}},
      {{2, 4, 2, 2}, {2, 4, 1, 1}, {.padding = 1}},
      {{1, 1, 1, 1}, {1, 1, 5, 5}, {.padding = 3}},
      {{2, 1, 4, 4}, {2, 1, 4, 4}, {}},
      {{0, 3, 6, 5}, {4, 3, 3, 2}, {}},
      {{2, 0, 4, 4}, {2, 0, 3, 3}, {.padding = 1}},
      {{17, 2, 3, 3}, {3, 2, 2, 2}, {.padding = 1}},
      // Columns of one image exceed a stripe.
      {{2, 40, 33, 32}, {5, 40, 3, 3}, {.padding = 1}},
      {{1, 40, 40, 30}, {5, 40, 3, 4}, {.stride = {1, 2}, .padding = {2, 1}, .dilation = {2, 1}}},
  };
}

}  // namespace

TEST_CASE("conv2d is its definition, and its gradients are its adjoints") {
  for (const Case& c : all_cases()) {
    CAPTURE(xg::to_string(c.input));
    CAPTURE(xg::to_string(c.weight));
    Tensor x = random(c.input, 1).requires_grad_(), w = random(c.weight, 2).requires_grad_();
    Tensor bias = random({c.weight[0]}, 3).requires_grad_();
    const Tensor expected = naive(x, w, bias, c.options), plain = naive(x, w, {}, c.options);
    const Tensor y = xg::conv2d(x, w, bias, c.options);
    CHECK(distance(y.detach(), expected) <= 1e-12);
    CHECK(distance(xg::conv2d(x.detach(), w.detach(), {}, c.options), plain) <= 1e-12);
    CHECK(distance(xg::conv2d(x.detach().to(xg::float32), w.detach().to(xg::float32), bias.detach().to(xg::float32),
                              c.options),
                   expected) <= 1e-4);
    const Tensor g = random(expected.sizes(), 4);
    y.backward(g);
    const double whole = inner(g, plain), scale = 1e-11 * (1 + std::abs(whole));
    CHECK(std::abs(inner(x.grad(), x) - whole) <= scale);
    CHECK(std::abs(inner(w.grad(), w) - whole) <= scale);
    CHECK(distance(bias.grad(), g.sum({0, 2, 3})) <= 1e-11);
    // Against other operands, too: <g, conv(u, w)> = <dx, u> and <g, conv(x, v)> = <dw, v>.
    const Tensor u = random(c.input, 5), v = random(c.weight, 6);
    CHECK(std::abs(inner(x.grad(), u) - inner(g, naive(u, w, {}, c.options))) <= 1e-10);
    CHECK(std::abs(inner(w.grad(), v) - inner(g, naive(x, v, {}, c.options))) <= 1e-10);
    // A second time they are added.
    const Tensor once_x = x.grad().clone(), once_w = w.grad().clone(), once_b = bias.grad().clone();
    xg::conv2d(x, w, bias, c.options).backward(g);
    CHECK(distance(x.grad(), once_x * 2) <= 1e-11);
    CHECK(distance(w.grad(), once_w * 2) <= 1e-10);
    CHECK(distance(bias.grad(), once_b * 2) <= 1e-10);
  }
}

TEST_CASE("conv2d takes an image without a batch, and strided operands") {
  const Tensor x = random({3, 6, 5}, 1), w = random({4, 3, 3, 3}, 2), bias = random({4}, 3);
  const Tensor y = xg::conv2d(x, w, bias, {.padding = 1});
  CHECK(y.sizes() == Shape{4, 6, 5});
  CHECK(distance(y, naive(x.unsqueeze(0), w, bias, {.padding = 1}).squeeze(0)) <= 1e-13);
  const Tensor last = random({2, 6, 5, 3}, 4).permute({0, 3, 1, 2}), turned = w.transpose(2, 3);
  CHECK(distance(xg::conv2d(last, turned), naive(last.contiguous(), turned.contiguous(), {}, {})) <= 1e-13);
  const Tensor same = random({1, 1, 6, 5}, 5).expand({2, 3, 6, 5});
  CHECK(distance(xg::conv2d(same, w), naive(same.contiguous(), w, {}, {})) <= 1e-13);
}

TEST_CASE("gradients of conv2d to the third order") {
  auto with = [](const xg::Conv2dOptions& options) {
    return [options](const TensorList& in) {
      return TensorList{xg::conv2d(in[0], in[1], in.size() > 2 ? in[2] : Tensor(), options)};
    };
  };
  auto leaf = [](const Shape& shape, std::uint64_t seed) { return random(shape, seed).requires_grad_(); };
  check_gradients(with({}), {leaf({1, 2, 3, 3}, 1), leaf({2, 2, 2, 2}, 2), leaf({2}, 3)}, 3);
  check_gradients(with({.stride = {2, 1}, .padding = 1}), {leaf({2, 2, 3, 4}, 1), leaf({2, 2, 3, 3}, 2), leaf({2}, 3)});
  check_gradients(with({.padding = {1, 0}, .dilation = {1, 2}, .groups = 2}),
                  {leaf({2, 3, 4}, 1), leaf({2, 1, 2, 2}, 2), leaf({2}, 3)});
  check_gradients(with({}), {leaf({2, 3, 2, 2}, 1), leaf({2, 3, 1, 1}, 2)});
  // A product with itself, so that the second order is not zero in one operand alone.
  check_gradients(
      [](const TensorList& in) {
        return TensorList{xg::conv2d(xg::conv2d(in[0], in[1], {}, {.padding = 1}), in[1], {}, {.padding = 1})};
      },
      {leaf({1, 2, 3, 2}, 1), leaf({2, 2, 3, 3}, 2)});
}

TEST_CASE("conv2d forms only the gradients asked for") {
  const Tensor x = random({2, 1, 5, 5}, 1);
  Tensor w = random({2, 1, 3, 3}, 2).requires_grad_();
  const Tensor y = xg::conv2d(x, w);
  CHECK(y.grad_fn() == "conv2d");
  y.backward(xg::ones({2, 2, 3, 3}, {.dtype = xg::float64}));
  CHECK(!x.grad().defined());
  CHECK(w.grad().defined());
}

TEST_CASE("conv2d gives the same bits every time at one number of threads, and for any number on request") {
  const int before = xg::get_num_threads();
  const std::vector<Case> cases = {{{9, 8, 14, 14}, {16, 8, 3, 3}, {.padding = 1}},
                                   {{1, 64, 40, 40}, {32, 64, 3, 3}, {.padding = 1}},
                                   {{6, 32, 12, 12}, {48, 32, 1, 1}, {}},
                                   {{3, 8, 20, 20}, {8, 4, 5, 5}, {.stride = 2, .groups = 2}}};
  for (const bool fixed : {true, false})
    for (const Case& c : cases) {
      std::vector<TensorList> found;
      xg::use_deterministic_algorithms(!fixed);
      CHECK(xg::are_deterministic_algorithms_enabled() == !fixed);
      for (int threads : {1, 2, 3}) {
        xg::set_num_threads(fixed ? 2 : threads);
        Tensor x = random(c.input, 1, xg::float32).requires_grad_(),
               w = random(c.weight, 2, xg::float32).requires_grad_();
        Tensor bias = random({c.weight[0]}, 3, xg::float32).requires_grad_();
        const Tensor y = xg::conv2d(x, w, bias, c.options);
        y.backward(random(y.sizes(), 4, xg::float32));
        found.push_back({y.detach(), x.grad(), w.grad(), bias.grad()});
      }
      for (std::size_t i = 0; i < 4; ++i) {
        CHECK(same_bits(found[0][i], found[1][i]));
        CHECK(same_bits(found[0][i], found[2][i]));
      }
    }
  xg::use_deterministic_algorithms(false);
  xg::set_num_threads(before);
}

// Sizes at which another library's kernels take over from im2col, with and without Winograd's tiles.
TEST_CASE("conv2d in float32 is its definition with many channels, and its gradients those of float64") {
  const std::vector<Case> cases = {{{2, 16, 9, 11}, {32, 16, 3, 3}, {.padding = 1}},
                                   {{4, 32, 15, 14}, {48, 32, 3, 3}, {.padding = 1}},
                                   {{3, 33, 17, 18}, {35, 33, 3, 3}, {.padding = {0, 1}}},
                                   {{5, 1, 28, 28}, {32, 1, 3, 3}, {.padding = 1}},
                                   {{2, 3, 19, 20}, {64, 3, 7, 7}, {.stride = 2, .padding = 3}},
                                   {{2, 17, 12, 13}, {19, 17, 3, 2}, {.stride = {2, 1}, .padding = {2, 1}}},
                                   {{2, 24, 14, 15}, {8, 24, 3, 3}, {.padding = 2, .dilation = {2, 3}}},
                                   {{2, 32, 13, 12}, {64, 8, 3, 3}, {.padding = 1, .groups = 4}},
                                   {{2, 30, 13, 12}, {20, 3, 3, 3}, {.padding = 1, .groups = 10}},
                                   {{2, 48, 14, 13}, {48, 1, 3, 3}, {.padding = 1, .groups = 48}},
                                   {{2, 20, 14, 13}, {40, 1, 3, 3}, {.stride = 2, .groups = 20}},
                                   {{3, 64, 10, 10}, {32, 64, 1, 1}, {}},
                                   {{3, 40, 10, 10}, {32, 40, 1, 1}, {.stride = 2}},
                                   {{1, 130, 8, 7}, {10, 130, 1, 5}, {.padding = {0, 2}}}};
  for (const Case& c : cases)
    for (const bool with_bias : {true, false})
      for (const bool strided : {false, true}) {
        CAPTURE(xg::to_string(c.input));
        CAPTURE(xg::to_string(c.weight));
        const Tensor x = random(c.input, 1, xg::float32), w = random(c.weight, 2, xg::float32);
        const Tensor bias = with_bias ? random({c.weight[0]}, 3, xg::float32) : Tensor();
        const Tensor expected = naive(x, w, bias, c.options), g = random(expected.sizes(), 4, xg::float32);
        TensorList found, exact;
        for (const xg::Dtype dtype : {xg::float32, xg::float64}) {
          // Strided: channels last in memory.
          const auto leaf = [&](const Tensor& t) {
            Tensor made = t.to(dtype).clone();
            if (strided && t.dim() == 4) made = made.permute({0, 2, 3, 1}).contiguous().permute({0, 3, 1, 2});
            return made.requires_grad_();
          };
          TensorList leaves{leaf(x), leaf(w)};
          if (with_bias) leaves.push_back(leaf(bias));
          const Tensor y = xg::conv2d(leaves[0], leaves[1], with_bias ? leaves[2] : Tensor(), c.options);
          CHECK(y.is_contiguous());
          y.backward(strided ? g.to(dtype).transpose(2, 3).contiguous().transpose(2, 3) : g.to(dtype), true);
          TensorList& list = dtype == xg::float32 ? found : exact;
          list.push_back(y.detach());
          for (const Tensor& t : leaves) list.push_back(t.grad().clone());
          // A second time they are added.
          y.backward(g.to(dtype));
          for (std::size_t i = 0; i < leaves.size(); ++i)
            CHECK(distance(leaves[i].grad(), list[i + 1] * 2) <= 1e-5 * list[i + 1].abs().max().item<double>());
        }
        CHECK(distance(exact[0], expected) <= 1e-11);
        for (std::size_t i = 0; i < found.size(); ++i) {
          CAPTURE(i);
          CHECK(distance(found[i], exact[i]) <= 1e-5 * exact[i].abs().max().item<double>());
        }
      }
}

// Winograd's tiles add and subtract what a plain sum does not, so it rounds more coarsely; xgrad/ops/conv.hpp says how
// much.
TEST_CASE("Winograd's algorithm keeps its bound, and can be switched off") {
  struct Layer {
    Shape input;
    std::int64_t outputs;
  };
  CHECK(xg::is_winograd_allowed());
  for (const Layer& layer : {Layer{{4, 32, 16, 16}, 32}, Layer{{2, 64, 30, 29}, 96}, Layer{{8, 128, 14, 14}, 64}}) {
    CAPTURE(xg::to_string(layer.input));
    const Tensor x = random(layer.input, 1, xg::float32);
    const Tensor w = random({layer.outputs, layer.input[1], 3, 3}, 2, xg::float32);
    const Tensor g = random({layer.input[0], layer.outputs, layer.input[2], layer.input[3]}, 3, xg::float32);
    const auto all = [&](xg::Dtype dtype) {
      Tensor a = x.to(dtype).clone().requires_grad_(), b = w.to(dtype).clone().requires_grad_();
      const Tensor y = xg::conv2d(a, b, {}, {.padding = 1});
      y.backward(g.to(dtype));
      return TensorList{y.detach(), a.grad(), b.grad()};
    };
    const TensorList exact = all(xg::float64), fast = all(xg::float32);
    xg::allow_winograd(false);
    CHECK(!xg::is_winograd_allowed());
    const TensorList plain = all(xg::float32);
    xg::allow_winograd(true);
    const auto size = [](const Tensor& t) { return t.to(xg::float64).square().mean().sqrt().item<double>(); };
    // The number of products in the sum that an element is, and their size.
    const double counts[] = {9.0 * static_cast<double>(layer.input[1]), 9.0 * static_cast<double>(layer.outputs),
                             static_cast<double>(layer.input[0] * layer.input[2] * layer.input[3])};
    const double sizes[] = {size(x) * size(w), size(g) * size(w), size(x) * size(g)};
    for (std::size_t i = 0; i < 3; ++i) {
      CAPTURE(i);
      const double unit = std::sqrt(counts[i]) * sizes[i] * std::ldexp(1.0, -24);
      CHECK(distance(fast[i], exact[i]) <= 256 * unit);
      // Summed in order, n random products have n partial sums, a random walk, each rounded by up to 2^-24 of itself.
      // The error is about a product of two normal variables (how far the walk goes, and how its roundings fall),
      // sqrt(n / 3) 2 / pi units each time: among N elements the largest is ln(N) of these, and 19 are passed in one
      // run of a thousand by one of 10^5.
      CHECK(distance(plain[i], exact[i]) <= std::min(256.0, 7 * std::sqrt(counts[i])) * unit);
    }
  }
}

TEST_CASE("without Winograd's algorithm a number reaches only the results that it is part of") {
  Tensor x = random({1, 32, 32, 32}, 1, xg::float32);
  x.index_put_({0, 5, 13, 14}, std::numeric_limits<float>::quiet_NaN());
  const Tensor w = random({32, 32, 3, 3}, 2, xg::float32);
  const auto spoiled = [&] { return xg::conv2d(x, w, {}, {.padding = 1}).isnan().to(xg::int64).sum({0, 2, 3}); };
  const Tensor with = spoiled();
  xg::allow_winograd(false);
  const Tensor without = spoiled();
  xg::allow_winograd(true);
  CHECK((without == 9).all().item<bool>());
  CHECK((with >= 9).all().item<bool>());
}

TEST_CASE("a network of images gives the same for any order of memory, and row-major results") {
  const Tensor w1 = random({32, 3, 3, 3}, 2, xg::float32), w2 = random({48, 32, 3, 3}, 3, xg::float32);
  const Tensor b1 = random({32}, 4, xg::float32), gain = random({32}, 5, xg::float32);
  const auto run = [&](const Tensor& image) {
    TensorList leaves{image, w1.clone(), b1.clone(), gain.clone(), w2.clone()};
    for (const Tensor& leaf : leaves) leaf.requires_grad_();
    Tensor y = xg::conv2d(leaves[0], leaves[1], leaves[2], {.padding = 1});
    CHECK(y.is_contiguous());
    y = xg::batch_norm(y, {}, {}, {.weight = leaves[3], .training = true});
    y = xg::max_pool2d(xg::relu(y), 3, {.stride = 2, .padding = 1});
    y = xg::conv2d(y, leaves[4], {}, {.padding = 1});
    CHECK(y.is_contiguous());
    CHECK(y.strides() == Shape{48 * 11 * 9, 11 * 9, 9, 1});
    y.backward(random(y.sizes(), 6, xg::float32));
    TensorList results{y.detach()};
    for (const Tensor& leaf : leaves) results.push_back(leaf.grad());
    return results;
  };
  const Tensor x = random({2, 3, 21, 17}, 1, xg::float32);
  const TensorList expected = run(x.clone());
  const Tensor wide = random({2, 5, 21, 20}, 7, xg::float32);
  wide.slice(1, 1, 4).slice(3, 2, 19).copy_(x);
  for (const Tensor& image :
       {x.permute({0, 2, 3, 1}).contiguous().permute({0, 3, 1, 2}),
        x.permute({3, 2, 1, 0}).contiguous().permute({3, 2, 1, 0}), wide.slice(1, 1, 4).slice(3, 2, 19)}) {
    CHECK(!image.is_contiguous());
    const TensorList found = run(image.detach());
    for (std::size_t i = 0; i < found.size(); ++i) CHECK(same_bits(found[i], expected[i]));
  }
}

TEST_CASE("misuse of conv2d is reported with names, shapes and the place") {
  const Tensor w = xg::zeros({8, 3, 3, 3}), x = xg::zeros({1, 3, 8, 8});
  const std::string channels = message_of<xg::ShapeError>([&] { xg::conv2d(xg::zeros({1, 4, 8, 8}), w); });
  CHECK(has(channels, "conv2d: expected input with 3 channels (weight is [8, 3, 3, 3]), got [1, 4, 8, 8] at "));
  CHECK(has(channels, "conv_test.cpp:"));
  CHECK(has(message_of<xg::ShapeError>([&] {
              xg::conv2d(xg::zeros({1, 4, 8, 8}), w, {}, {.groups = 2});
            }),
            "conv2d: expected input with 6 channels (weight is [8, 3, 3, 3], groups = 2), got [1, 4, 8, 8]"));
  CHECK(has(message_of<xg::ShapeError>([&] {
              xg::conv2d(xg::zeros({1, 9, 8, 8}), w, {}, {.groups = 3});
            }),
            "conv2d: expected output channels divisible by groups = 3, got weight [8, 3, 3, 3]"));
  CHECK(has(message_of<xg::ShapeError>([&] {
              xg::conv2d(xg::zeros({1, 3, 2, 8}), w);
            }),
            "conv2d: window [3, 3] with dilation [1, 1] does not fit input [1, 3, 2, 8] with padding [0, 0]"));
  CHECK(has(message_of<xg::ShapeError>([&] { xg::conv2d(xg::zeros({8, 8}), w); }), "conv2d: expected input of shape"));
  CHECK(has(message_of<xg::ShapeError>([&] {
              xg::conv2d(x, xg::zeros({8, 3, 3}));
            }),
            "conv2d: expected weight of shape"));
  CHECK(has(message_of<xg::ShapeError>([&] { xg::conv2d(x, w, xg::zeros({3})); }),
            "conv2d: expected bias of shape [8] (weight is [8, 3, 3, 3]), got [3]"));
  CHECK(has(message_of<xg::ValueError>([&] {
              xg::conv2d(x, w, {}, {.stride = {1, 0}});
            }),
            "conv2d: expected a positive stride, got [1, 0]"));
  CHECK(
      has(message_of<xg::ValueError>([&] { xg::conv2d(x, w, {}, {.padding = -1}); }), "conv2d: expected no negative"));
  CHECK(has(message_of<xg::ValueError>([&] { xg::conv2d(x, w, {}, {.dilation = 0}); }),
            "conv2d: expected a positive dil"));
  CHECK(has(message_of<xg::ValueError>([&] { xg::conv2d(x, w, {}, {.groups = 0}); }),
            "conv2d: expected positive groups"));
  CHECK(has(message_of<xg::DtypeError>([&] { xg::conv2d(x.to(xg::float64), w); }), "conv2d: "));
  CHECK(has(message_of<xg::DtypeError>([&] { xg::conv2d(x.to(xg::int64), w.to(xg::int64)); }), "conv2d: "));
}
