// The table's rows of convolution and pooling.
#include <xgrad/ops/conv.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/pool.hpp>

#include <algorithm>
#include <doctest/doctest.h>
#include <functional>
#include <limits>
#include <vector>

#include "support/op_table.hpp"

namespace xg = xgrad;
using namespace table;
using xg::Shape;
using xg::Tensor;

namespace {

using T = const Tensor&;

struct Window {
  std::int64_t size_h, size_w, stride_h = 1, stride_w = 1, pad_h = 0, pad_w = 0, dilation_h = 1, dilation_w = 1;
  std::int64_t rows(std::int64_t h) const { return (h + 2 * pad_h - dilation_h * (size_h - 1) - 1) / stride_h + 1; }
  std::int64_t columns(std::int64_t w) const { return (w + 2 * pad_w - dilation_w * (size_w - 1) - 1) / stride_w + 1; }
  // f(y, x, p, q) for the elements of the window at row i and column j that lie in an image of h by w.
  void visit(std::int64_t i, std::int64_t j, std::int64_t h, std::int64_t w,
             const std::function<void(std::int64_t, std::int64_t, std::int64_t, std::int64_t)>& f) const {
    for (std::int64_t p = 0; p < size_h; ++p)
      for (std::int64_t q = 0; q < size_w; ++q) {
        const std::int64_t y = i * stride_h + p * dilation_h - pad_h, x = j * stride_w + q * dilation_w - pad_w;
        if (y >= 0 && y < h && x >= 0 && x < w) f(y, x, p, q);
      }
  }
};
// An image without a batch counts as a batch of one.
Array batch(Array x) {
  if (x.shape.size() == 3) x.shape.insert(0, 1);
  return x;
}

Oracle convolution(Window window, std::int64_t groups = 1) {
  return [=](const Arrays& in) {
    const Array x = batch(in[0]), &k = in[1];
    const std::int64_t h = x.shape[2], w = x.shape[3], part = k.shape[1], per = k.shape[0] / groups;
    const Shape shape{x.shape[0], k.shape[0], window.rows(h), window.columns(w)};
    Array y = indexed([=](const Arrays&) { return shape; },
                      [&](const Arrays&, const Index& i) {
                        double sum = in.size() > 2 ? at(in[2], {i[1]}) : 0;
                        for (std::int64_t c = 0; c < part; ++c)
                          window.visit(i[2], i[3], h, w, [&](auto row, auto column, auto p, auto q) {
                            sum += at(x, {i[0], i[1] / per * part + c, row, column}) * at(k, {i[1], c, p, q});
                          });
                        return sum;
                      })(in)[0];
    if (in[0].shape.size() == 3) y.shape.erase(0);
    return Arrays{y};
  };
}

// f(elements of the window, their places y * w + x) -> one number.
using Fold = std::function<double(const std::vector<double>&, const std::vector<double>&)>;
Oracle pooling(Window window, Fold f) {
  return [=](const Arrays& in) {
    const Array x = batch(in[0]);
    const std::int64_t h = x.shape[2], w = x.shape[3];
    const Shape shape{x.shape[0], x.shape[1], window.rows(h), window.columns(w)};
    Array y = indexed([=](const Arrays&) { return shape; },
                      [&](const Arrays&, const Index& i) {
                        std::vector<double> values, places;
                        window.visit(i[2], i[3], h, w, [&](auto row, auto column, auto, auto) {
                          values.push_back(at(x, {i[0], i[1], row, column}));
                          places.push_back(static_cast<double>(row * w + column));
                        });
                        return f(values, places);
                      })(in)[0];
    if (in[0].shape.size() == 3) y.shape.erase(0);
    return Arrays{y};
  };
}
double largest(const std::vector<double>& values, const std::vector<double>&) {
  return *std::max_element(values.begin(), values.end());
}
double place_of_largest(const std::vector<double>& values, const std::vector<double>& places) {
  return places[static_cast<std::size_t>(std::max_element(values.begin(), values.end()) - values.begin())];
}
Fold sum_over(double divisor) {
  return [=](const std::vector<double>& values, const std::vector<double>&) {
    double sum = 0;
    for (double v : values) sum += v;
    return sum / (divisor > 0 ? divisor : static_cast<double>(values.size()));
  };
}

std::vector<Row> convolutions() {
  const Window window{3, 2}, moving{2, 3, 2, 1, 1, 2, 2, 1};
  return {
      {"conv2d",
       on([](T x, T w, T b) { return xg::conv2d(x, w, b); }),
       {{{2, 2, 4, 3}, {3, 2, 3, 2}, {3}}, {{2, 4, 3}, {1, 2, 3, 2}, {1}}, {{0, 2, 4, 3}, {3, 2, 3, 2}, {3}}},
       convolution(window),
       {{}},
       {{[] {
           xg::conv2d(some({1, 4, 8, 8}), some({8, 3, 3, 3}));
         },
         {"conv2d", "[1, 4, 8, 8]", "[8, 3, 3, 3]"}},
        {[] {
           xg::conv2d(some({1, 1, 2, 2}), some({1, 1, 3, 3}));
         },
         {"conv2d", "[1, 1, 2, 2]", "[3, 3]"}},
        {[] {
           xg::conv2d(some({1, 1, 2, 2}), some({1, 1, 1, 1}), {}, {.stride = 0});
         },
         {"conv2d", "stride", "0"}}}},
      {"conv2d",
       on([](T x, T w) {
         return xg::conv2d(x, w, {}, {.stride = {2, 1}, .padding = {1, 2}, .dilation = {2, 1}});
       }),
       {{{2, 1, 5, 3}, {2, 1, 2, 3}}},
       convolution(moving)},
      {"conv2d",
       on([](T x, T w) { return xg::conv2d(x, w, {}, {.padding = 1, .groups = 2}); }),
       {{{1, 4, 2, 3}, {4, 2, 3, 3}}, {{1, 2, 2, 3}, {2, 1, 3, 3}}},
       convolution({3, 3, 1, 1, 1, 1}, 2)},
      {"conv2d", on([](T x, T w) { return xg::conv2d(x, w); }), {{{2, 3, 2, 2}, {2, 3, 1, 1}}}, convolution({1, 1})},
  };
}

std::vector<Row> pools() {
  const Window half{2, 2, 2, 2}, moving{3, 2, 2, 1, 1, 1};
  const Shapes images{{{2, 2, 4, 5}}, {{1, 4, 4}}, {{0, 1, 4, 4}}}, padded{{{1, 2, 5, 4}}};
  const auto both = [](Window window) {
    return [=](const Arrays& in) {
      return Arrays{pooling(window, largest)(in)[0], pooling(window, place_of_largest)(in)[0]};
    };
  };
  const auto small = [](const char* name, auto f) {
    return refuses([=] { f(some({1, 1, 2, 2})); }, {name, "[1, 1, 2, 2]", "3"});
  };
  return {
      {"max_pool2d",
       on([](T x) { return xg::max_pool2d(x, 2); }),
       images,
       pooling(half, largest),
       {{}},
       small("max_pool2d", [](T x) { xg::max_pool2d(x, 3); })},
      {"max_pool2d", on([](T x) {
         return xg::max_pool2d(x, {3, 2}, {.stride = {2, 1}, .padding = 1});
       }),
       padded, pooling(moving, largest)},
      {"max_pool2d", on([](T x) { return xg::max_pool2d(x, 2, {.stride = 1, .dilation = 2}); }), padded,
       pooling({2, 2, 1, 1, 0, 0, 2, 2}, largest)},
      {"max_pool2d_with_indices",
       on([](T x) { return xg::max_pool2d_with_indices(x, 2); }),
       images,
       both(half),
       {{}},
       small("max_pool2d", [](T x) { xg::max_pool2d_with_indices(x, 3); })},
      {"avg_pool2d",
       on([](T x) { return xg::avg_pool2d(x, 2); }),
       images,
       pooling(half, sum_over(4)),
       {{}},
       small("avg_pool2d", [](T x) { xg::avg_pool2d(x, 3); })},
      {"avg_pool2d", on([](T x) {
         return xg::avg_pool2d(x, {3, 2}, {.stride = {2, 1}, .padding = 1});
       }),
       padded, pooling(moving, sum_over(6))},
      {"avg_pool2d", on([](T x) {
         return xg::avg_pool2d(x, {3, 2}, {.stride = {2, 1}, .padding = 1, .count_include_pad = false});
       }),
       padded, pooling(moving, sum_over(0))},
      {"avg_pool2d", on([](T x) { return xg::avg_pool2d(x, 2, {.divisor_override = 3}); }), images,
       pooling(half, sum_over(3))},
      {"adaptive_avg_pool2d",
       on([](T x) {
         return xg::adaptive_avg_pool2d(x, {2, 3});
       }),
       {{{2, 1, 4, 5}}, {{1, 3, 3}}, {{1, 2, 1, 2}}},
       [](const Arrays& in) {
         const Array x = batch(in[0]);
         const std::int64_t h = x.shape[2], w = x.shape[3];
         const Shape shape{x.shape[0], x.shape[1], 2, 3};
         Array y = indexed([=](const Arrays&) { return shape; },
                           [&](const Arrays&, const Index& i) {
                             double sum = 0, count = 0;
                             for (std::int64_t r = i[2] * h / 2; r < ((i[2] + 1) * h + 1) / 2; ++r)
                               for (std::int64_t c = i[3] * w / 3; c < ((i[3] + 1) * w + 2) / 3; ++c, ++count)
                                 sum += at(x, {i[0], i[1], r, c});
                             return sum / count;
                           })(in)[0];
         if (in[0].shape.size() == 3) y.shape.erase(0);
         return Arrays{y};
       },
       {{}},
       refuses(
           [] {
             xg::adaptive_avg_pool2d(some({2, 2}), 1);
           },
           {"adaptive_avg_pool2d", "[2, 2]"})},
  };
}

}  // namespace

TEST_CASE("convolutions") {
  for (const Row& row : convolutions()) run(row);
}
TEST_CASE("pools") {
  for (const Row& row : pools()) run(row);
}
