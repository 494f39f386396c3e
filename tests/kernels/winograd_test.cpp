// Winograd's convolutions against sums written down in float64, and on any number of threads.
#include "kernels/winograd.hpp"

#include <xgrad/xgrad.hpp>

#include <cmath>
#include <cstdint>
#include <doctest/doctest.h>
#include <vector>

namespace xg = xgrad;
using xg::detail::ConvGeometry;
namespace winograd = xg::detail::winograd;

namespace {

ConvGeometry geometry(std::int64_t batch, std::int64_t inputs, std::int64_t outputs, std::int64_t height,
                      std::int64_t width, std::int64_t padding) {
  return {.batch = batch,
          .in_channels = inputs,
          .height = height,
          .width = width,
          .out_channels = outputs,
          .out_height = height + 2 * padding - 2,
          .out_width = width + 2 * padding - 2,
          .kernel_h = 3,
          .kernel_w = 3,
          .stride_h = 1,
          .stride_w = 1,
          .padding_h = padding,
          .padding_w = padding,
          .dilation_h = 1,
          .dilation_w = 1,
          .groups = 1};
}

// Operands and the three results, computed by the definition where they are of double.
template <class T>
struct Convolution {
  std::vector<T> x, w, bias, gradient, y, dx, dw;
};

std::vector<float> random(std::int64_t count, std::uint64_t seed) {
  xg::manual_seed(seed);
  return (xg::rand({count}) * 2 - 1).to_vector<float>();
}

Convolution<float> operands(const ConvGeometry& g) {
  const std::int64_t results = g.batch * g.out_channels * g.out_height * g.out_width;
  return {.x = random(g.batch * g.in_channels * g.height * g.width, 1),
          .w = random(g.out_channels * g.in_channels * 9, 2),
          .bias = random(g.out_channels, 3),
          .gradient = random(results, 4),
          .y = std::vector<float>(static_cast<std::size_t>(results), NAN),
          .dx = {},
          .dw = {}};
}

Convolution<double> expected(const ConvGeometry& g, const Convolution<float>& c) {
  Convolution<double> e;
  e.dx.resize(c.x.size());
  e.dw.resize(c.w.size());
  for (std::int64_t n = 0; n < g.batch; ++n)
    for (std::int64_t k = 0; k < g.out_channels; ++k)
      for (std::int64_t i = 0; i < g.out_height; ++i)
        for (std::int64_t j = 0; j < g.out_width; ++j) {
          const double slope = c.gradient[e.y.size()];
          double sum = c.bias[static_cast<std::size_t>(k)];
          for (std::int64_t ch = 0; ch < g.in_channels; ++ch)
            for (std::int64_t p = 0; p < 3; ++p)
              for (std::int64_t q = 0; q < 3; ++q) {
                const std::int64_t row = i + p - g.padding_h, column = j + q - g.padding_w;
                if (row < 0 || column < 0 || row >= g.height || column >= g.width) continue;
                const auto at =
                    static_cast<std::size_t>(((n * g.in_channels + ch) * g.height + row) * g.width + column);
                const auto weight = static_cast<std::size_t>(((k * g.in_channels + ch) * 3 + p) * 3 + q);
                sum += static_cast<double>(c.x[at]) * c.w[weight];
                e.dx[at] += slope * c.w[weight];
                e.dw[weight] += slope * c.x[at];
              }
          e.y.push_back(sum);
        }
  return e;
}

// The largest error in units of 2^-24 sqrt(n) times the sizes of the operands, which are of a third's square root each.
double error(const std::vector<float>& found, const std::vector<double>& exact, std::int64_t products, double before) {
  double largest = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double e = std::abs(found[i] - before - exact[i]);
    if (!(e <= largest)) largest = e;
  }
  return largest / (std::ldexp(1.0, -24) * std::sqrt(static_cast<double>(products)) / 3);
}

}  // namespace

TEST_CASE("Winograd's convolution and its gradients are those of the definition") {
  for (const ConvGeometry& g :
       {geometry(1, 1, 1, 4, 4, 1), geometry(1, 1, 1, 1, 3, 1), geometry(2, 3, 5, 7, 9, 1), geometry(4, 16, 8, 5, 4, 0),
        geometry(3, 40, 32, 13, 10, 0), geometry(2, 33, 35, 14, 14, 1), geometry(1, 70, 65, 9, 20, 1),
        geometry(5, 8, 130, 6, 17, 1), geometry(1, 4, 4, 40, 40, 1)}) {
    CAPTURE(g.in_channels);
    CAPTURE(g.out_channels);
    CAPTURE(g.height);
    Convolution<float> c = operands(g);
    const Convolution<double> e = expected(g, c);
    // Few products are not a random sum: an error of their own size counts.
    const std::int64_t n = 9 * g.in_channels + 64, m = 9 * g.out_channels + 64,
                       places = g.batch * g.out_height * g.out_width + 64;
    winograd::conv_forward(g, c.x.data(), c.w.data(), c.bias.data(), c.y.data());
    CHECK(error(c.y, e.y, n, 0) <= 256);
    for (const bool accumulate : {false, true}) {
      CAPTURE(accumulate);
      const float before = accumulate ? 0.5F : NAN;
      c.dx.assign(c.x.size(), before);
      c.dw.assign(c.w.size(), before);
      winograd::conv_input_gradient(g, c.gradient.data(), c.w.data(), c.dx.data(), accumulate);
      winograd::conv_weight_gradient(g, c.gradient.data(), c.x.data(), c.dw.data(), accumulate);
      CHECK(error(c.dx, e.dx, m, accumulate ? 0.5 : 0) <= 256);
      CHECK(error(c.dw, e.dw, places, accumulate ? 0.5 : 0) <= 256);
    }
    winograd::conv_forward(g, c.x.data(), c.w.data(), nullptr, c.y.data());
    const auto plane = static_cast<std::size_t>(g.out_height * g.out_width);
    std::vector<double> without = e.y;
    for (std::size_t i = 0; i < without.size(); ++i) without[i] -= c.bias[i / plane % c.bias.size()];
    CHECK(error(c.y, without, n, 0) <= 256);
  }
}

TEST_CASE("Winograd's convolutions do not depend on the number of threads") {
  const int threads = xg::get_num_threads();
  for (const ConvGeometry& g : {geometry(4, 40, 48, 17, 19, 1), geometry(2, 300, 290, 8, 8, 0)}) {
    std::vector<Convolution<float>> runs;
    for (const int count : {1, 2, 3}) {
      xg::set_num_threads(count);
      Convolution<float>& c = runs.emplace_back(operands(g));
      c.dx.resize(c.x.size());
      c.dw.resize(c.w.size());
      winograd::conv_forward(g, c.x.data(), c.w.data(), c.bias.data(), c.y.data());
      winograd::conv_input_gradient(g, c.gradient.data(), c.w.data(), c.dx.data(), false);
      winograd::conv_weight_gradient(g, c.gradient.data(), c.x.data(), c.dw.data(), false);
    }
    xg::set_num_threads(threads);
    for (const auto& run : runs) {
      CHECK(run.y == runs[0].y);
      CHECK(run.dx == runs[0].dx);
      CHECK(run.dw == runs[0].dw);
    }
  }
}
