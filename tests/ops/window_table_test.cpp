// The table's rows of convolutions of lines and volumes and of transposed ones.
#include <xgrad/ops/conv.hpp>
#include <xgrad/ops/conv_transpose.hpp>
#include <xgrad/ops/creation.hpp>

#include <doctest/doctest.h>

#include "support/windows.hpp"

namespace xg = xgrad;
using namespace table;
using xg::Shape;
using xg::Tensor;

namespace {

using T = const Tensor&;

// With `same`, the output is as large as the input.
Oracle convolution(Window w, std::int64_t groups = 1, bool same = false) {
  return batched(w.rank(), [=](const Arrays& in) {
    const Array &x = in[0], &k = in[1];
    const Index sizes = last(x.shape, w.rank());
    Shape shape = x.shape;
    shape[1] = k.shape[0];
    for (std::size_t d = 0; d < w.rank() && !same; ++d) shape[d + 2] = w.count(d, sizes[d]);
    const std::int64_t part = k.shape[1], per = k.shape[0] / groups;
    return indexed([=](const Arrays&) { return shape; },
                   [&](const Arrays&, const Index& i) {
                     double sum = in.size() > 2 ? at(in[2], {i[1]}) : 0;
                     for (std::int64_t c = 0; c < part; ++c)
                       visit(w, last(i, w.rank()), sizes, [&](const Index& place, const Index& p) {
                         sum += at(x, joined({i[0], i[1] / per * part + c}, place)) * at(k, joined({i[1], c}, p));
                       });
                     return sum;
                   })(in);
  });
}

// The transpose of the same loops: each element is spread over the window that belongs to it. `more` is added to the
// output's size.
Oracle transposed(Window w, std::int64_t groups = 1, Index more = {}) {
  return batched(w.rank(), [=](const Arrays& in) {
    const Array &x = in[0], &k = in[1];
    const std::int64_t part = x.shape[1] / groups, per = k.shape[1];
    Array y{x.shape, {}};
    y.shape[1] = per * groups;
    Index sizes;
    for (std::size_t d = 0; d < w.rank(); ++d) {
      sizes.push_back((x.shape[d + 2] - 1) * w.stride[d] - 2 * w.padding[d] + w.dilation[d] * (w.size[d] - 1) + 1 +
                      (more.empty() ? 0 : more[d]));
      y.shape[d + 2] = sizes[d];
    }
    y.values.assign(static_cast<std::size_t>(xg::numel(y.shape)), 0);
    const auto place_of = [&](const Index& index) {
      std::size_t flat = 0;
      for (std::size_t d = 0; d < index.size(); ++d)
        flat = flat * static_cast<std::size_t>(y.shape[d]) + static_cast<std::size_t>(index[d]);
      return flat;
    };
    if (in.size() > 2)
      each_index(last(y.shape, y.shape.size()), [&](const Index& i) { y.values[place_of(i)] = at(in[2], {i[1]}); });
    each_index(last(x.shape, x.shape.size()), [&](const Index& i) {
      for (std::int64_t o = 0; o < per; ++o)
        visit(w, last(i, w.rank()), sizes, [&](const Index& place, const Index& p) {
          y.values[place_of(joined({i[0], i[1] / part * per + o}, place))] += at(x, i) * at(k, joined({i[1], o}, p));
        });
    });
    return Arrays{y};
  });
}

template <class F>
std::vector<Misuse> misuse(const std::string& name, F f, const Shape& x, const Shape& weight, const Shape& wrong) {
  return {{[=] { f(some(x), some(wrong), Tensor()); }, {name, xg::to_string(wrong)}},
          {[=] { f(some(wrong), some(weight), Tensor()); }, {name, xg::to_string(wrong)}},
          {[=] { f(some(x), some(weight), some({7})); }, {name, "bias", "[7]"}},
          {[=] { f(some(x), some(weight).to(xg::float64), Tensor()); }, {name, "float64"}}};
}

}  // namespace

TEST_CASE("convolutions of lines") {
  const auto f = [](T x, T w, T b) { return xg::conv1d(x, w, b); };
  std::vector<Misuse> wrong = misuse("conv1d", f, {1, 2, 4}, {3, 2, 2}, {3, 5, 2});
  wrong.push_back({[] {
                     xg::conv1d(some({1, 1, 4}), some({1, 1, 2}), {}, {.stride = 2, .padding = "same"});
                   },
                   {"conv1d", "same", "stride", "2"}});
  wrong.push_back({[] {
                     xg::conv1d(some({1, 1, 4}), some({1, 1, 2}), {}, {.padding = "full"});
                   },
                   {"conv1d", "\"full\""}});
  wrong.push_back({[] { xg::conv1d(some({1, 1, 2}), some({1, 1, 3})); }, {"conv1d", "[3]", "[1, 1, 2]"}});
  run({"conv1d",
       on(f),
       {{{2, 2, 5}, {3, 2, 3}, {3}}, {{2, 3}, {1, 2, 3}, {1}}, {{0, 2, 3}, {1, 2, 3}, {1}}},
       convolution(Window::dense({3})),
       {{}},
       wrong});
  run({"conv1d",
       on([](T x, T w) { return xg::conv1d(x, w, {}, {.stride = 2, .padding = 1, .dilation = 2, .groups = 2}); }),
       {{{2, 4, 6}, {2, 2, 3}}},
       convolution({{3}, {2}, {1}, {2}}, 2)});
  run({"conv1d",
       on([](T x, T w) { return xg::conv1d(x, w, {}, {.padding = "same", .dilation = 3}); }),
       {{{1, 2, 5}, {2, 2, 2}}},
       convolution({{2}, {1}, {1}, {3}}, 1, true)});
  run({"conv1d",
       on([](T x, T w) { return xg::conv1d(x, w, {}, {.padding = "valid"}); }),
       {{{1, 2, 4}, {2, 2, 1}}},
       convolution(Window::dense({1}))});
  run({"conv2d",
       on([](T x, T w) { return xg::conv2d(x, w, {}, {.padding = "same"}); }),
       {{{1, 2, 3, 4}, {2, 2, 2, 4}}},
       convolution({{2, 4}, {1, 1}, {0, 1}, {1, 1}}, 1, true)});
}

TEST_CASE("convolutions of volumes") {
  const auto f = [](T x, T w, T b) { return xg::conv3d(x, w, b); };
  run({"conv3d",
       on(f),
       {{{2, 1, 2, 3, 2}, {2, 1, 2, 2, 1}, {2}},
        {{2, 2, 3, 2}, {1, 2, 2, 3, 2}, {1}},
        {{0, 1, 2, 3, 2}, {2, 1, 2, 2, 1}, {2}}},
       [](const Arrays& in) { return convolution(Window::dense(last(in[1].shape, 3)))(in); },
       {{}},
       misuse("conv3d", f, {1, 2, 4, 4, 4}, {3, 2, 2, 2, 2}, {3, 5, 2, 2, 2})});
  run({"conv3d",
       on([](T x, T w) {
         return xg::conv3d(x, w, {}, {.stride = {2, 1, 1}, .padding = {1, 0, 1}, .dilation = {1, 2, 1}, .groups = 2});
       }),
       {{{1, 2, 3, 3, 2}, {2, 1, 2, 2, 2}}},
       convolution({{2, 2, 2}, {2, 1, 1}, {1, 0, 1}, {1, 2, 1}}, 2)});
  run({"conv3d",
       on([](T x, T w) { return xg::conv3d(x, w, {}, {.padding = "same"}); }),
       {{{1, 1, 2, 2, 3}, {1, 1, 2, 1, 3}}},
       convolution({{2, 1, 3}, {1, 1, 1}, {0, 0, 1}, {1, 1, 1}}, 1, true)});
  run({"conv3d",
       on([](T x, T w) { return xg::conv3d(x, w); }),
       {{{2, 2, 2, 1, 2}, {3, 2, 1, 1, 1}}},
       convolution(Window::dense({1, 1, 1}))});
}

TEST_CASE("transposed convolutions") {
  const auto line = [](T x, T w, T b) { return xg::conv_transpose1d(x, w, b); };
  std::vector<Misuse> wrong = misuse("conv_transpose1d", line, {1, 2, 4}, {2, 3, 2}, {3, 5, 2});
  wrong.push_back({[] {
                     xg::conv_transpose1d(some({1, 1, 4}), some({1, 1, 2}), {}, {.stride = 2, .output_padding = 2});
                   },
                   {"conv_transpose1d", "output_padding", "2"}});
  wrong.push_back({[] {
                     xg::conv_transpose1d(some({1, 1, 1}), some({1, 1, 2}), {}, {.padding = 1});
                   },
                   {"conv_transpose1d", "[1, 1, 1]"}});
  run({"conv_transpose1d",
       on(line),
       {{{2, 2, 3}, {2, 3, 2}, {3}},
        {{2, 3}, {2, 1, 2}, {1}},
        {{0, 2, 3}, {2, 3, 2}, {3}},
        {{1, 1, 1}, {1, 1, 2}, {1}}},
       transposed(Window::dense({2})),
       {{}},
       wrong});
  run({"conv_transpose1d",
       on([](T x, T w, T b) {
         return xg::conv_transpose1d(x, w, b, {.stride = 3, .padding = 1, .output_padding = 2, .groups = 2});
       }),
       {{{1, 4, 3}, {4, 1, 3}, {2}}},
       transposed({{3}, {3}, {1}, {1}}, 2, {2})});
  run({"conv_transpose1d",
       on([](T x, T w) { return xg::conv_transpose1d(x, w, {}, {.output_padding = 1, .dilation = 2}); }),
       {{{1, 2, 3}, {2, 2, 2}}},
       transposed({{2}, {1}, {0}, {2}}, 1, {1})});

  const auto image = [](T x, T w, T b) { return xg::conv_transpose2d(x, w, b); };
  run({"conv_transpose2d",
       on(image),
       {{{1, 2, 2, 3}, {2, 2, 2, 2}, {2}}, {{2, 2, 1}, {2, 1, 2, 2}, {1}}, {{0, 2, 2, 3}, {2, 2, 2, 2}, {2}}},
       transposed(Window::dense({2, 2})),
       {{}},
       misuse("conv_transpose2d", image, {1, 2, 4, 4}, {2, 3, 2, 2}, {3, 5, 2, 2})});
  run({"conv_transpose2d",
       on([](T x, T w) {
         return xg::conv_transpose2d(
             x, w, {},
             {.stride = {2, 1}, .padding = {0, 1}, .output_padding = {1, 0}, .groups = 2, .dilation = {1, 2}});
       }),
       {{{1, 2, 2, 3}, {2, 1, 2, 2}}},
       transposed({{2, 2}, {2, 1}, {0, 1}, {1, 2}}, 2, {1, 0})});

  const auto volume = [](T x, T w, T b) { return xg::conv_transpose3d(x, w, b); };
  run({"conv_transpose3d",
       on(volume),
       {{{1, 2, 1, 2, 2}, {2, 1, 2, 1, 2}, {1}}, {{1, 1, 2, 2}, {1, 2, 2, 1, 2}, {2}}},
       transposed(Window::dense({2, 1, 2})),
       {{}},
       misuse("conv_transpose3d", volume, {1, 2, 4, 4, 4}, {2, 3, 2, 2, 2}, {3, 5, 2, 2, 2})});
  run({"conv_transpose3d",
       on([](T x, T w) {
         return xg::conv_transpose3d(x, w, {},
                                     {.stride = {2, 1, 1}, .padding = {0, 0, 1}, .output_padding = {1, 0, 0}});
       }),
       {{{1, 1, 2, 1, 3}, {1, 1, 2, 2, 2}}},
       transposed({{2, 2, 2}, {2, 1, 1}, {0, 0, 1}, {1, 1, 1}}, 1, {1, 0, 0})});
}
