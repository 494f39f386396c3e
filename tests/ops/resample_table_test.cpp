// The table's rows of resampling, of windows as columns, and of rearrangements between channels and positions.
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/fold.hpp>
#include <xgrad/ops/interpolate.hpp>

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>

#include "support/windows.hpp"

namespace xg = xgrad;
using namespace table;
using xg::Shape;
using xg::Tensor;

namespace {

using T = const Tensor&;

// The weight of element j in element i of another size.
using Weight = std::function<double(std::int64_t i, std::int64_t j, std::int64_t in, std::int64_t out)>;
Oracle resampled(Index size, Weight weight) {
  return indexed(
      [=](const Arrays& in) {
        Shape shape = in[0].shape;
        std::copy(size.begin(), size.end(), shape.end() - size.size());
        return shape;
      },
      [=](const Arrays& in, const Index& i) {
        const Index sizes = last(in[0].shape, size.size());
        double sum = 0;
        each_index(sizes, [&](const Index& j) {
          double product = 1;
          for (std::size_t d = 0; d < j.size(); ++d) product *= weight(i[d + 2], j[d], sizes[d], size[d]);
          if (product != 0) sum += product * at(in[0], joined({i[0], i[1]}, j));
        });
        return sum;
      });
}
// Where element i of n lies among those of another size.
double place(std::int64_t i, double step) { return (static_cast<double>(i) + 0.5) * step - 0.5; }
double ratio(std::int64_t a, std::int64_t b) { return static_cast<double>(a) / static_cast<double>(b); }
double corner(std::int64_t i, std::int64_t in, std::int64_t out) {
  return out > 1 ? static_cast<double>(i) * ratio(in - 1, out - 1) : 0;
}
double hat(double at, std::int64_t j, std::int64_t in) {
  at = std::clamp(at, 0.0, static_cast<double>(in - 1));
  return std::max(0.0, 1 - std::abs(at - static_cast<double>(j)));
}
double keys(double t, double a) {
  t = std::abs(t);
  if (t <= 1) return (a + 2) * t * t * t - (a + 3) * t * t + 1;
  return t < 2 ? a * t * t * t - 5 * a * t * t + 8 * a * t - 4 * a : 0;
}
// Elements beyond the ends are those at the ends.
double cubic(double at, std::int64_t j, std::int64_t in) {
  double sum = 0;
  for (std::int64_t k = -3; k < in + 3; ++k)
    if (std::clamp<std::int64_t>(k, 0, in - 1) == j) sum += keys(at - static_cast<double>(k), -0.75);
  return sum;
}
Weight smooth(double (*kernel)(double, double), double reach, double a) {
  return [=](std::int64_t i, std::int64_t j, std::int64_t in, std::int64_t out) {
    const double step = ratio(in, out), wide = std::max(step, 1.0), at = place(i, step);
    const auto weight = [&](std::int64_t k) {
      const double t = (static_cast<double>(k) - at) / wide;
      return std::abs(t) < reach ? kernel(t, a) : 0;
    };
    double sum = 0;
    for (std::int64_t k = 0; k < in; ++k) sum += weight(k);
    return weight(j) / sum;
  };
}
Weight step_by_step(double scale) {
  return [=](std::int64_t i, std::int64_t j, std::int64_t in, std::int64_t) { return hat(place(i, 1 / scale), j, in); };
}

Tensor to(T x, const xg::InterpolateOptions& options) { return xg::interpolate(x, options); }

}  // namespace

TEST_CASE("interpolate") {
  const Shapes sequences{{{2, 1, 4}}, {{0, 1, 2}}, {{1, 1, 1}}}, images{{{1, 2, 3, 4}}};
  const Weight nearest = [](std::int64_t i, std::int64_t j, std::int64_t in, std::int64_t out) {
    return i * in / out == j ? 1.0 : 0.0;
  };
  const Weight exact = [](std::int64_t i, std::int64_t j, std::int64_t in, std::int64_t out) {
    return (2 * i + 1) * in / (2 * out) == j ? 1.0 : 0.0;
  };
  const Weight linear = [](std::int64_t i, std::int64_t j, std::int64_t in, std::int64_t out) {
    return hat(place(i, ratio(in, out)), j, in);
  };
  const Weight corners = [](std::int64_t i, std::int64_t j, std::int64_t in, std::int64_t out) {
    return hat(corner(i, in, out), j, in);
  };
  const std::vector<Misuse> misuse{{[] {
                                      to(some({1, 1, 3}), {});
                                    },
                                    {"interpolate", "size", "scale_factor"}},
                                   {[] {
                                      to(some({1, 1, 3}), {.size = 2, .scale_factor = 2});
                                    },
                                    {"interpolate", "size", "scale_factor"}},
                                   {[] {
                                      to(some({1, 1, 3}), {.size = {2, 3}});
                                    },
                                    {"interpolate", "[1, 1, 3]", "2"}},
                                   {[] {
                                      to(some({1, 1, 3}), {.size = 2, .mode = "bilinear"});
                                    },
                                    {"interpolate", "bilinear", "[1, 1, 3]"}},
                                   {[] {
                                      to(some({1, 3}), {.size = 2});
                                    },
                                    {"interpolate", "[1, 3]"}},
                                   {[] {
                                      to(some({1, 1, 3}), {.size = 2, .mode = "cubic"});
                                    },
                                    {"interpolate", "\"cubic\""}},
                                   {[] {
                                      to(some({1, 1, 3}), {.size = 2, .align_corners = false});
                                    },
                                    {"interpolate", "align_corners"}},
                                   {[] {
                                      to(some({1, 1, 3}), {.size = 2, .recompute_scale_factor = true});
                                    },
                                    {"interpolate", "scale_factor"}},
                                   {[] {
                                      to(some({1, 1, 3}), {.size = 2, .antialias = true});
                                    },
                                    {"interpolate", "antialias"}},
                                   {[] {
                                      to(some({1, 1, 0}), {.size = 2});
                                    },
                                    {"interpolate", "[1, 1, 0]"}},
                                   {[] {
                                      to(some({1, 1, 3}), {.size = 0});
                                    },
                                    {"interpolate", "[0]"}},
                                   {[] {
                                      to(some({1, 1, 3}), {.scale_factor = -1.5});
                                    },
                                    {"interpolate", "scale_factor", "-1.5"}},
                                   {[] {
                                      to(some({1, 1, 3}), {.scale_factor = 0.2});
                                    },
                                    {"interpolate", "[0]"}},
                                   {[] {
                                      to(some({1, 1, 3}).to(xg::int64), {.size = 2});
                                    },
                                    {"interpolate", "int64"}}};
  run({"interpolate", on([](T x) { return to(x, {.size = 3}); }), sequences, resampled({3}, nearest), {{}}, misuse});
  run({"interpolate", on([](T x) { return to(x, {.size = {5, 2}}); }), images, resampled({5, 2}, nearest)});
  run({"interpolate",
       on([](T x) {
         return to(x, {.size = {3, 1, 2}});
       }),
       {{{1, 1, 2, 2, 3}}},
       resampled({3, 1, 2}, nearest)});
  run({"interpolate", on([](T x) {
         return to(x, {.size = {5, 2}, .mode = "nearest-exact"});
       }),
       images, resampled({5, 2}, exact)});
  run({"interpolate", on([](T x) { return to(x, {.size = 3, .mode = "linear"}); }), sequences, resampled({3}, linear)});
  run({"interpolate",
       on([](T x) { return to(x, {.scale_factor = 1.7, .mode = "linear"}); }),
       {{{1, 2, 4}}},
       resampled({6}, step_by_step(1.7))});
  run({"interpolate",
       on([](T x) { return to(x, {.scale_factor = 1.7, .mode = "linear", .recompute_scale_factor = true}); }),
       {{{1, 2, 4}}},
       resampled({6}, linear)});
  run({"interpolate", on([](T x) {
         return to(x, {.size = {5, 1}, .mode = "bilinear", .align_corners = true});
       }),
       images, resampled({5, 1}, corners)});
  run({"interpolate",
       on([](T x) {
         return to(x, {.size = {3, 1, 2}, .mode = "trilinear"});
       }),
       {{{1, 1, 2, 2, 3}}},
       resampled({3, 1, 2}, linear)});
  run({"interpolate", on([](T x) {
         return to(x, {.size = {5, 3}, .mode = "bicubic"});
       }),
       images,
       resampled({5, 3}, [](auto i, auto j, auto in, auto out) { return cubic(place(i, ratio(in, out)), j, in); })});
  run({"interpolate", on([](T x) {
         return to(x, {.size = {5, 3}, .mode = "bicubic", .align_corners = true});
       }),
       images, resampled({5, 3}, [](auto i, auto j, auto in, auto out) { return cubic(corner(i, in, out), j, in); })});
  run({"interpolate", on([](T x) {
         return to(x, {.size = {2, 3}, .mode = "area"});
       }),
       images, resampled({2, 3}, [](auto i, auto j, auto in, auto out) {
         const std::int64_t begin = i * in / out, end = ((i + 1) * in + out - 1) / out;
         return j >= begin && j < end ? 1 / static_cast<double>(end - begin) : 0.0;
       })});
  run({"interpolate", on([](T x) {
         return to(x, {.size = {2, 3}, .mode = "bilinear", .antialias = true});
       }),
       images, resampled({2, 3}, smooth([](double t, double) { return 1 - std::abs(t); }, 1, 0))});
  run({"interpolate", on([](T x) {
         return to(x, {.size = {2, 5}, .mode = "bicubic", .antialias = true});
       }),
       images, resampled({2, 5}, smooth(keys, 2, -0.5))});
}

TEST_CASE("windows as columns") {
  const Window two = Window::dense({2, 2}), moving{{2, 3}, {2, 1}, {1, 1}, {1, 2}};
  const auto columns = [](Window w) {
    return batched(2, [=](const Arrays& in) {
      const Index sizes = last(in[0].shape, 2);
      const std::int64_t rows = w.count(0, sizes[0]), cols = w.count(1, sizes[1]), k = w.size[0] * w.size[1];
      const Shape shape{in[0].shape[0], in[0].shape[1] * k, rows * cols};
      return indexed([=](const Arrays&) { return shape; },
                     [&](const Arrays&, const Index& i) {
                       double value = 0;
                       visit(w, {i[2] / cols, i[2] % cols}, sizes, [&](const Index& place, const Index& p) {
                         if (p[0] * w.size[1] + p[1] == i[1] % k) value = at(in[0], joined({i[0], i[1] / k}, place));
                       });
                       return value;
                     })(in);
    });
  };
  // The images of all columns, summed.
  const auto images = [](Window w, Index out) {
    return [=](Arrays in) {
      const bool single = in[0].shape.size() == 2;
      if (single) in[0].shape.insert(0, 1);
      const std::int64_t cols = w.count(1, out[1]), k = w.size[0] * w.size[1];
      Array y{{in[0].shape[0], in[0].shape[1] / k, out[0], out[1]}, {}};
      y.values.assign(static_cast<std::size_t>(xg::numel(y.shape)), 0);
      each_index(last(in[0].shape, 3), [&](const Index& i) {
        visit(w, {i[2] / cols, i[2] % cols}, out, [&](const Index& place, const Index& p) {
          if (p[0] * w.size[1] + p[1] != i[1] % k) return;
          const std::int64_t at_place = ((i[0] * y.shape[1] + i[1] / k) * out[0] + place[0]) * out[1] + place[1];
          y.values[static_cast<std::size_t>(at_place)] += at(in[0], i);
        });
      });
      if (single) y.shape.erase(0);
      return Arrays{y};
    };
  };
  const xg::FoldOptions options{.dilation = {1, 2}, .padding = 1, .stride = {2, 1}};
  run({"unfold",
       on([](T x) { return xg::unfold(x, 2); }),
       {{{2, 2, 3, 2}}, {{1, 2, 3}}, {{0, 1, 2, 2}}},
       columns(two),
       {{}},
       {{[] {
           xg::unfold(some({2, 2}), 2);
         },
         {"unfold", "[2, 2]"}},
        {[] {
           xg::unfold(some({1, 2, 2}), {3, 1});
         },
         {"unfold", "[3, 1]"}},
        {[] {
           xg::unfold(some({1, 2, 2}), 0);
         },
         {"unfold", "kernel_size", "0"}},
        {[] {
           xg::unfold(some({1, 2, 2}).to(xg::int64), 1);
         },
         {"unfold", "int64"}}}});
  run({"unfold", on([=](T x) { return xg::unfold(x, {2, 3}, options); }), {{{1, 2, 4, 5}}}, columns(moving)});
  run({"fold",
       on([](T x) {
         return xg::fold(x, {3, 2}, 2);
       }),
       {{{2, 8, 2}}, {{4, 2}}, {{0, 4, 2}}},
       images(two, {3, 2}),
       {{}},
       {{[] { xg::fold(some({2}), 2, 2); }, {"fold", "[2]"}},
        {[] {
           xg::fold(some({1, 4, 2}), 2, 2);
         },
         {"fold", "[1, 4, 2]", "[1, 4, 1]"}},
        {[] {
           xg::fold(some({1, 3, 1}), 2, 2);
         },
         {"fold", "[1, 3, 1]"}},
        {[] {
           xg::fold(some({1, 4, 1}), 0, 2);
         },
         {"fold", "output_size", "0"}}}});
  run({"fold",
       on([=](T x) {
         return xg::fold(x, {4, 5}, {2, 3}, options);
       }),
       {{{1, 6, 9}}, {{1, 12, 9}}},
       images(moving, {4, 5})});
}

TEST_CASE("channels and positions") {
  const auto moved = [](std::function<Shape(Shape)> shape, std::function<Index(const Shape&, Index)> from) {
    return indexed([=](const Arrays& in) { return shape(in[0].shape); },
                   [=](const Arrays& in, const Index& i) { return at(in[0], from(in[0].shape, i)); });
  };
  const auto wrong = [](const char* name, auto f) {
    return std::vector<Misuse>{{[=] {
                                  f(some({4, 4}), 2);
                                },
                                {name, "[4, 4]"}},
                               {[=] {
                                  f(some({3, 3, 3}), 2);
                                },
                                {name, "[3, 3, 3]"}},
                               {[=] {
                                  f(some({4, 4, 4}), 0);
                                },
                                {name, "0"}}};
  };
  run({"pixel_shuffle",
       on([](T x) { return xg::pixel_shuffle(x, 2); }),
       {{{2, 4, 1, 2}}, {{8, 2, 1}}, {{2, 1, 4, 2, 1}}, {{0, 4, 1, 1}}},
       moved(
           [](Shape s) {
             const std::size_t c = s.size() - 3;
             s[c] /= 4, s[c + 1] *= 2, s[c + 2] *= 2;
             return s;
           },
           [](const Shape& s, Index i) {
             const std::size_t c = s.size() - 3;
             i[c] = i[c] * 4 + i[c + 1] % 2 * 2 + i[c + 2] % 2;
             i[c + 1] /= 2, i[c + 2] /= 2;
             return i;
           }),
       {{}},
       wrong("pixel_shuffle", [](T x, int r) { xg::pixel_shuffle(x, r); })});
  run({"pixel_unshuffle",
       on([](T x) { return xg::pixel_unshuffle(x, 2); }),
       {{{2, 1, 2, 4}}, {{2, 4, 2}}, {{0, 1, 2, 2}}},
       moved(
           [](Shape s) {
             const std::size_t c = s.size() - 3;
             s[c] *= 4, s[c + 1] /= 2, s[c + 2] /= 2;
             return s;
           },
           [](const Shape& s, Index i) {
             const std::size_t c = s.size() - 3;
             i[c + 1] = i[c + 1] * 2 + i[c] % 4 / 2, i[c + 2] = i[c + 2] * 2 + i[c] % 2;
             i[c] /= 4;
             return i;
           }),
       {{}},
       wrong("pixel_unshuffle", [](T x, int r) { xg::pixel_unshuffle(x, r); })});
  run({"channel_shuffle",
       on([](T x) { return xg::channel_shuffle(x, 2); }),
       {{{2, 6, 2}}, {{1, 4, 1, 2}}, {{0, 2, 1}}},
       moved([](Shape s) { return s; },
             [](const Shape& s, Index i) {
               i[1] = i[1] % 2 * (s[1] / 2) + i[1] / 2;
               return i;
             }),
       {{}},
       wrong("channel_shuffle", [](T x, int g) { xg::channel_shuffle(x, g); })});
}
