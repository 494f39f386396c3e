// The table's rows of pooling of lines and volumes, of adaptive pooling and of what undoes maxima.
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/pool.hpp>

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <optional>

#include "support/windows.hpp"

namespace xg = xgrad;
using namespace table;
using xg::Shape;
using xg::Tensor;

namespace {

using T = const Tensor&;
using Numbers = std::vector<double>;

std::int64_t flat(const Index& place, const Index& sizes) {
  std::int64_t result = 0;
  for (std::size_t d = 0; d < place.size(); ++d) result = result * sizes[d] + place[d];
  return result;
}

// f(elements of a window, their places in the plane) -> one number. f sees the windows that `elements` finds:
//   elements(output index, input sizes, visit(place)).
using Fold = std::function<double(const Numbers&, const Numbers&)>;
using Elements = std::function<void(const Index&, const Index&, const std::function<void(const Index&)>&)>;
Oracle folded(std::size_t rank, std::function<Index(const Index&)> output, Elements elements, Fold f) {
  return batched(rank, indexed(
                           [=](const Arrays& in) {
                             Shape shape = in[0].shape;
                             const Index out = output(last(shape, rank));
                             std::copy(out.begin(), out.end(), shape.end() - rank);
                             return shape;
                           },
                           [=](const Arrays& in, const Index& i) {
                             const Index sizes = last(in[0].shape, rank);
                             Numbers values, places;
                             elements(last(i, rank), sizes, [&](const Index& place) {
                               values.push_back(at(in[0], joined({i[0], i[1]}, place)));
                               places.push_back(static_cast<double>(flat(place, sizes)));
                             });
                             return f(values, places);
                           }));
}
Oracle pooling(Window w, Fold f) {
  return folded(
      w.rank(),
      [=](Index sizes) {
        for (std::size_t d = 0; d < sizes.size(); ++d) sizes[d] = w.count(d, sizes[d]);
        return sizes;
      },
      [=](const Index& i, const Index& sizes, const std::function<void(const Index&)>& f) {
        visit(w, i, sizes, [&](const Index& place, const Index&) { f(place); });
      },
      f);
}
// Window i of n over floor(i size / n) .. ceil((i + 1) size / n); a size of 0 keeps the input's.
Oracle adaptive(Index wanted, Fold f) {
  const auto output = [=](Index sizes) {
    for (std::size_t d = 0; d < sizes.size(); ++d)
      if (wanted[d] > 0) sizes[d] = wanted[d];
    return sizes;
  };
  return folded(
      wanted.size(), output,
      [=](const Index& i, const Index& sizes, const std::function<void(const Index&)>& f) {
        const Index n = output(sizes);
        Index first, count;
        for (std::size_t d = 0; d < i.size(); ++d) {
          first.push_back(i[d] * sizes[d] / n[d]);
          count.push_back(((i[d] + 1) * sizes[d] + n[d] - 1) / n[d] - first[d]);
        }
        each_index(count, [&](Index place) {
          for (std::size_t d = 0; d < place.size(); ++d) place[d] += first[d];
          f(place);
        });
      },
      f);
}

double largest(const Numbers& values, const Numbers&) { return *std::max_element(values.begin(), values.end()); }
double place_of_largest(const Numbers& values, const Numbers& places) {
  return places[static_cast<std::size_t>(std::max_element(values.begin(), values.end()) - values.begin())];
}
Fold sum_over(double divisor) {
  return [=](const Numbers& values, const Numbers&) {
    double sum = 0;
    for (double v : values) sum += v;
    return sum / (divisor != 0 ? divisor : static_cast<double>(values.size()));
  };
}
Fold norm(double p) {
  return [=](const Numbers& values, const Numbers&) {
    double sum = 0;
    for (double v : values) sum += std::pow(v, p);
    return std::pow(sum, 1 / p);
  };
}
// Values and places.
template <class Make>
Oracle both(Make make) {
  return [=](const Arrays& in) { return Arrays{make(largest)(in)[0], make(place_of_largest)(in)[0]}; };
}

const Shapes sequences{{{2, 2, 5}}, {{2, 4}}, {{0, 1, 4}}, {{1, 1, 2}}}, volumes{{{1, 2, 3, 2, 4}}, {{1, 2, 4, 2}}};
const Shapes one_sequence{{{1, 2, 6}}}, one_volume{{{1, 1, 3, 4, 3}}};

template <class F>
std::vector<Misuse> misuse(const std::string& name, F f) {
  const Shape planes(static_cast<std::size_t>(name[name.find_first_of("123")] - '0') + 2, 2);
  return {{[=] { f(some({3}), 2); }, {name, "[3]"}},
          {[=] { f(some(planes).to(xg::int64), 2); }, {name, "int64"}},
          {[=] { f(some(planes), -1); }, {name, "-1"}}};
}

}  // namespace

TEST_CASE("maxima of lines and volumes") {
  const Window two = Window::side_by_side({2}), eight = Window::side_by_side({2, 2, 2});
  run({"max_pool1d",
       on([](T x) { return xg::max_pool1d(x, 2); }),
       sequences,
       pooling(two, largest),
       {{}},
       misuse("max_pool1d", [](T x, int k) { xg::max_pool1d(x, k); })});
  run({"max_pool1d", on([](T x) { return xg::max_pool1d(x, 3, {.stride = 1, .padding = 1, .dilation = 2}); }),
       one_sequence, pooling({{3}, {1}, {1}, {2}}, largest)});
  run({"max_pool1d_with_indices",
       on([](T x) { return xg::max_pool1d_with_indices(x, 2); }),
       sequences,
       both([=](Fold f) { return pooling(two, f); }),
       {{}},
       misuse("max_pool1d", [](T x, int k) { xg::max_pool1d_with_indices(x, k); })});
  run({"max_pool3d",
       on([](T x) { return xg::max_pool3d(x, 2); }),
       volumes,
       pooling(eight, largest),
       {{}},
       misuse("max_pool3d", [](T x, int k) { xg::max_pool3d(x, k); })});
  run({"max_pool3d", on([](T x) {
         return xg::max_pool3d(x, {2, 3, 1}, {.stride = {1, 2, 1}, .padding = {1, 1, 0}, .dilation = {2, 1, 1}});
       }),
       one_volume, pooling({{2, 3, 1}, {1, 2, 1}, {1, 1, 0}, {2, 1, 1}}, largest)});
  run({"max_pool3d_with_indices",
       on([](T x) { return xg::max_pool3d_with_indices(x, 2); }),
       volumes,
       both([=](Fold f) { return pooling(eight, f); }),
       {{}},
       misuse("max_pool3d", [](T x, int k) { xg::max_pool3d_with_indices(x, k); })});
}

TEST_CASE("maxima of windows that cover the input") {
  const Shapes images{{{2, 1, 4, 5}}, {{1, 3, 2}}, {{0, 1, 2, 2}}};
  run({"adaptive_max_pool1d",
       on([](T x) { return xg::adaptive_max_pool1d(x, 3); }),
       sequences,
       adaptive({3}, largest),
       {{}},
       misuse("adaptive_max_pool1d", [](T x, int n) { xg::adaptive_max_pool1d(x, n); })});
  run({"adaptive_max_pool1d_with_indices",
       on([](T x) { return xg::adaptive_max_pool1d_with_indices(x, 3); }),
       sequences,
       both([](Fold f) { return adaptive({3}, f); }),
       {{}},
       misuse("adaptive_max_pool1d", [](T x, int n) { xg::adaptive_max_pool1d_with_indices(x, n); })});
  run({"adaptive_max_pool2d",
       on([](T x) {
         return xg::adaptive_max_pool2d(x, {3, std::nullopt});
       }),
       images,
       adaptive({3, 0}, largest),
       {{}},
       misuse("adaptive_max_pool2d", [](T x, int n) { xg::adaptive_max_pool2d(x, n); })});
  run({"adaptive_max_pool2d_with_indices",
       on([](T x) {
         return xg::adaptive_max_pool2d_with_indices(x, {2, 3});
       }),
       images,
       both([](Fold f) {
         return adaptive({2, 3}, f);
       }),
       {{}},
       misuse("adaptive_max_pool2d", [](T x, int n) { xg::adaptive_max_pool2d_with_indices(x, n); })});
  run({"adaptive_max_pool3d",
       on([](T x) { return xg::adaptive_max_pool3d(x, 2); }),
       volumes,
       adaptive({2, 2, 2}, largest),
       {{}},
       misuse("adaptive_max_pool3d", [](T x, int n) { xg::adaptive_max_pool3d(x, n); })});
  run({"adaptive_max_pool3d_with_indices",
       on([](T x) {
         return xg::adaptive_max_pool3d_with_indices(x, {std::nullopt, 1, 3});
       }),
       volumes,
       both([](Fold f) {
         return adaptive({0, 1, 3}, f);
       }),
       {{}},
       misuse("adaptive_max_pool3d", [](T x, int n) { xg::adaptive_max_pool3d_with_indices(x, n); })});
}

TEST_CASE("means of lines and volumes") {
  run({"avg_pool1d",
       on([](T x) { return xg::avg_pool1d(x, 2); }),
       sequences,
       pooling(Window::side_by_side({2}), sum_over(2)),
       {{}},
       misuse("avg_pool1d", [](T x, int k) { xg::avg_pool1d(x, k); })});
  run({"avg_pool1d",
       on([](T x) { return xg::avg_pool1d(x, 3, {.stride = 2, .padding = 1, .count_include_pad = false}); }),
       one_sequence, pooling({{3}, {2}, {1}, {1}}, sum_over(0))});
  run({"avg_pool3d",
       on([](T x) { return xg::avg_pool3d(x, 2); }),
       volumes,
       pooling(Window::side_by_side({2, 2, 2}), sum_over(8)),
       {{}},
       misuse("avg_pool3d", [](T x, int k) { xg::avg_pool3d(x, k); })});
  const Window moving{{2, 3, 1}, {1, 2, 1}, {1, 1, 0}, {1, 1, 1}};
  run({"avg_pool3d", on([](T x) {
         return xg::avg_pool3d(x, {2, 3, 1}, {.stride = {1, 2, 1}, .padding = {1, 1, 0}});
       }),
       one_volume, pooling(moving, sum_over(6))});
  run({"avg_pool3d", on([](T x) {
         return xg::avg_pool3d(x, {2, 3, 1}, {.stride = {1, 2, 1}, .padding = {1, 1, 0}, .divisor_override = -3});
       }),
       one_volume, pooling(moving, sum_over(-3))});
  run({"adaptive_avg_pool1d",
       on([](T x) { return xg::adaptive_avg_pool1d(x, 3); }),
       sequences,
       adaptive({3}, sum_over(0)),
       {{}},
       misuse("adaptive_avg_pool1d", [](T x, int n) { xg::adaptive_avg_pool1d(x, n); })});
  run({"adaptive_avg_pool3d",
       on([](T x) {
         return xg::adaptive_avg_pool3d(x, {2, std::nullopt, 3});
       }),
       volumes,
       adaptive({2, 0, 3}, sum_over(0)),
       {{}},
       misuse("adaptive_avg_pool3d", [](T x, int n) { xg::adaptive_avg_pool3d(x, n); })});
}

TEST_CASE("norms of windows") {
  const std::vector<Range> positive{{0.2, 2}};
  run({"lp_pool1d", on([](T x) { return xg::lp_pool1d(x, 3, 2); }), sequences,
       pooling(Window::side_by_side({2}), norm(3)), positive,
       misuse("lp_pool1d", [](T x, int k) { xg::lp_pool1d(x, 2, k); })});
  run({"lp_pool1d", on([](T x) { return xg::lp_pool1d(x, 1.5, 3, {.stride = 1}); }), one_sequence,
       pooling(Window::dense({3}), norm(1.5)), positive,
       refuses(
           [] {
             xg::lp_pool1d(some({1, 1, 2}), 0, 2);
           },
           {"lp_pool1d", "norm_type"})});
  run({"lp_pool2d",
       on([](T x) {
         return xg::lp_pool2d(x, 2, {2, 1}, {.stride = {1, 2}});
       }),
       {{{2, 1, 3, 4}}, {{1, 2, 3}}},
       pooling({{2, 1}, {1, 2}, {0, 0}, {1, 1}}, norm(2)),
       {{}},
       misuse("lp_pool2d", [](T x, int k) { xg::lp_pool2d(x, 2, k); })});
  run({"lp_pool3d", on([](T x) {
         return xg::lp_pool3d(x, 3, {2, 1, 2}, {.stride = {1, 2, 1}});
       }),
       volumes, pooling({{2, 1, 2}, {1, 2, 1}, {0, 0, 0}, {1, 1, 1}}, norm(3)), positive,
       misuse("lp_pool3d", [](T x, int k) { xg::lp_pool3d(x, 2, k); })});
}

TEST_CASE("maxima put back") {
  // Places of one plane, 0, 3, 6, ... of each.
  const auto places = [](T x, std::int64_t plane) {
    std::vector<std::int64_t> list;
    for (std::int64_t i = 0; i < x.numel(); ++i) list.push_back(3 * i % plane);
    return xg::tensor(std::span<const std::int64_t>(list), x.sizes());
  };
  const auto put = [](std::size_t rank, Index out) {
    return batched(rank, [=](const Arrays& in) {
      Array y{in[0].shape, {}};
      std::int64_t plane = 1;
      for (std::size_t d = 0; d < rank; ++d) plane *= y.shape[d + 2] = out[d];
      y.values.assign(static_cast<std::size_t>(xg::numel(y.shape)), 0);
      const auto size = static_cast<std::int64_t>(in[0].values.size()) / (in[0].shape[0] * in[0].shape[1]);
      for (std::int64_t i = 0; i < static_cast<std::int64_t>(in[0].values.size()); ++i)
        y.values[static_cast<std::size_t>(i / size * plane + 3 * i % plane)] =
            in[0].values[static_cast<std::size_t>(i)];
      return Arrays{y};
    });
  };
  const auto outside = [](const char* name, auto f, const Shape& shape) {
    return std::vector<Misuse>{{[=] { f(some(shape), xg::full(shape, 99, {.dtype = xg::int64})); }, {name, "99"}},
                               {[=] { f(some(shape), some(shape)); }, {name, "float32"}},
                               {[=] {
                                  f(some(shape), xg::zeros({1, 1}, {.dtype = xg::int64}));
                                },
                                {name, "[1, 1]"}}};
  };
  const auto line = [=](T x) { return xg::max_unpool1d(x, places(x, 7), 2, {.output_size = 7}); };
  run({"max_unpool1d",
       on(line),
       {{{2, 1, 3}}, {{2, 3}}},
       put(1, {7}),
       {{}},
       outside("max_unpool1d", [](T x, T i) { xg::max_unpool1d(x, i, 2); }, {1, 1, 3})});
  run({"max_unpool2d",
       on([=](T x) {
         return xg::max_unpool2d(x, places(x, 20), 2, {.output_size = xg::IntPair{4, 5}});
       }),
       {{{1, 2, 2, 2}}, {{1, 2, 2}}},
       put(2, {4, 5}),
       {{}},
       outside("max_unpool2d", [](T x, T i) { xg::max_unpool2d(x, i, 2); }, {1, 1, 2, 2})});
  run({"max_unpool3d",
       on([=](T x) { return xg::max_unpool3d(x, places(x, 32), 2); }),
       {{{1, 1, 2, 1, 2}}},
       put(3, {4, 2, 2 * 2}),
       {{}},
       outside("max_unpool3d", [](T x, T i) { xg::max_unpool3d(x, i, 2); }, {1, 1, 1, 2, 2})});
}
