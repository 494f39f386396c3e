// The table's rows of operations that work by index or mask.
#include <xgrad/ops/arithmetic.hpp>
#include <xgrad/ops/compare.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/gather.hpp>
#include <xgrad/ops/index.hpp>
#include <xgrad/ops/masked.hpp>

#include <doctest/doctest.h>
#include <functional>
#include <vector>

#include "support/moving.hpp"
#include "support/op_table.hpp"

namespace xg = xgrad;
using namespace table;
using xg::Shape;
using xg::Tensor;

namespace {

using T = const Tensor&;
Tensor picks() { return xg::tensor({2, 0, 2}); }
const Index picked{2, 0, 2};
Tensor pattern() { return xg::tensor({{2, 0, 1}, {0, 1, 1}}); }
std::int64_t pattern_at(const Index& i) {
  constexpr std::int64_t values[2][3] = {{2, 0, 1}, {0, 1, 1}};
  return values[i[0]][i[1]];
}
Tensor truths() { return xg::tensor({true, false, true}); }

// A copy of the first argument into which `put` has put things.
Oracle changed(std::function<void(Array&, const Arrays&)> put) {
  return [=](const Arrays& in) {
    Array x = in[0];
    put(x, in);
    return Arrays{x};
  };
}
double& place(Array& x, const Index& index) {
  std::int64_t flat = 0;
  for (std::size_t d = 0; d < index.size(); ++d) flat = flat * x.shape[d] + index[d];
  return x.values[static_cast<std::size_t>(flat)];
}
// Calls f(target index, source index) for the rows `picked` along dimension 0 of a matrix of n columns.
void rows(std::int64_t n, const std::function<void(const Index&, const Index&)>& f) {
  for (std::int64_t k = 0; k < 3; ++k)
    for (std::int64_t j = 0; j < n; ++j) f({picked[static_cast<std::size_t>(k)], j}, {k, j});
}
void cells(const std::function<void(const Index&, const Index&)>& f) {
  for (std::int64_t i = 0; i < 2; ++i)
    for (std::int64_t j = 0; j < 3; ++j) f({pattern_at({i, j}), j}, {i, j});
}

const Shapes sources{{{3, 2}, {3, 2}}, {{4, 1}, {3, 1}}, {{3, 0}, {3, 0}}};

std::vector<Row> gathers() {
  return {
      {"index_select",
       on([](T x) { return xg::index_select(x, 0, picks()); }),
       {{{3, 2}}, {{3}}, {{4, 0}}},
       moved(sized(0, 3),
             [](Index i, const Shape&) {
               i[0] = picked[static_cast<std::size_t>(i[0])];
               return i;
             }),
       {{}},
       refuses(
           [] {
             xg::index_select(some({2, 2}), 0, picks());
           },
           {"index_select", "2"})},
      {"index_select",
       on([](T x) { return xg::index_select(x, -1, xg::tensor({-1})); }),
       {{{3, 2}}, {{2}}},
       moved([](const Shape& s) { return with(s, s.size() - 1, 1); },
             [](Index i, const Shape&) {
               i.back() = 1;
               return i;
             })},
      {"gather",
       on([](T x) { return xg::gather(x, 0, pattern()); }),
       {{{3, 3}}, {{4, 5}}},
       moved(
           [](const Shape&) {
             return Shape{2, 3};
           },
           [](const Index& i, const Shape&) {
             return Index{pattern_at(i), i[1]};
           }),
       {{}},
       refuses(
           [] {
             xg::gather(some({2, 3}), 0, pattern());
           },
           {"gather", "2"})},
      {"take",
       on([](T x) { return xg::take(x, pattern()); }),
       {{{2, 2}}, {{3}}},
       [](const Arrays& in) {
         const auto& v = in[0].values;
         return Arrays{{{2, 3}, {v[2], v[0], v[1], v[0], v[1], v[1]}}};
       },
       {{}},
       refuses([] { xg::take(some({2}), pattern()); }, {"take", "2"})},
      {"take_along_dim",
       on([](T x) { return xg::take_along_dim(x, pattern(), 0); }),
       {{{3, 3}}, {{3, 1}}},
       moved(
           [](const Shape&) {
             return Shape{2, 3};
           },
           [](const Index& i, const Shape& s) {
             return Index{pattern_at(i), s[1] == 1 ? 0 : i[1]};
           }),
       {{}},
       refuses(
           [] {
             xg::take_along_dim(some({2, 3}), pattern(), 0);
           },
           {"2"})},
      {"embedding",
       on([](T x) { return xg::embedding(x, pattern()); }),
       {{{3, 2}}, {{4, 1}}},
       moved(
           [](const Shape& s) {
             return Shape{2, 3, s[1]};
           },
           [](const Index& i, const Shape&) {
             return Index{pattern_at(i), i[2]};
           }),
       {{}},
       refuses(
           [] {
             xg::embedding(some({2, 2}), pattern());
           },
           {"embedding", "2"})},
      {"one_hot",
       on([](T x) { return xg::one_hot(xg::gt(x, 0).to(xg::int64), 2); }),
       {{{2, 3}}, {{0}}},
       indexed(
           [](const Arrays& in) {
             Shape s = in[0].shape;
             s.push_back(2);
             return s;
           },
           [](const Arrays& in, Index i) {
             const std::int64_t c = i.back();
             i.pop_back();
             return (at(in[0], i) > 0 ? 1 : 0) == c ? 1.0 : 0.0;
           }),
       {{}},
       refuses([] { xg::one_hot(picks(), 2); }, {"one_hot", "2"}),
       false},
      {"bincount",
       on([](T x) { return xg::bincount(xg::gt(x, 0).to(xg::int64), 3); }),
       {{{5}}, {{1}}, {{0}}},
       [](const Arrays& in) {
         double positive = 0;
         for (double v : in[0].values) positive += v > 0;
         return Arrays{{{3}, {static_cast<double>(in[0].values.size()) - positive, positive, 0}}};
       },
       {{}},
       refuses([] { xg::bincount(xg::tensor({-1})); }, {"bincount", "-1"}),
       false},
  };
}

std::vector<Row> scatters() {
  return {
      {"index_add",
       on([](T x, T s) { return xg::index_add(x, 0, picks(), s, 1.5); }),
       sources,
       changed([](Array& x, const Arrays& in) {
         rows(x.shape[1], [&](const Index& to, const Index& from) { place(x, to) += 1.5 * at(in[1], from); });
       }),
       {{}},
       refuses(
           [] {
             xg::index_add(some({2, 2}), 0, picks(), some({3, 2}));
           },
           {"index_add", "2"})},
      {"index_copy",
       on([](T x, T s) { return xg::index_copy(x, 0, picks(), s); }),
       sources,
       changed([](Array& x, const Arrays& in) {
         rows(x.shape[1], [&](const Index& to, const Index& from) { place(x, to) = at(in[1], from); });
       }),
       {{}},
       refuses(
           [] {
             xg::index_copy(some({3, 2}), 0, picks(), some({2, 2}));
           },
           {"index_copy", "[2, 2]"})},
      {"index_fill",
       on([](T x) { return xg::index_fill(x, 0, picks(), 0.5); }),
       {{{3, 2}}, {{4, 1}}},
       changed([](Array& x, const Arrays&) {
         rows(x.shape[1], [&](const Index& to, const Index&) { place(x, to) = 0.5; });
       }),
       {{}},
       refuses(
           [] {
             xg::index_fill(some({2, 2}), 0, picks(), 0);
           },
           {"index_fill", "2"})},
      {"scatter",
       on([](T x, T s) { return xg::scatter(x, 0, pattern(), s); }),
       {{{3, 3}, {2, 3}}, {{4, 4}, {3, 5}}},
       changed([](Array& x, const Arrays& in) {
         cells([&](const Index& to, const Index& from) { place(x, to) = at(in[1], from); });
       }),
       {{}},
       refuses(
           [] {
             xg::scatter(some({2, 3}), 0, pattern(), some({2, 3}));
           },
           {"scatter", "2"})},
      {"scatter_add",
       on([](T x, T s) { return xg::scatter_add(x, 0, pattern(), s); }),
       {{{3, 3}, {2, 3}}, {{4, 4}, {3, 5}}},
       changed([](Array& x, const Arrays& in) {
         cells([&](const Index& to, const Index& from) { place(x, to) += at(in[1], from); });
       }),
       {{}},
       refuses(
           [] {
             xg::scatter_add(some({2, 3}), 0, pattern(), some({2, 3}));
           },
           {"scatter_add", "2"})},
  };
}

std::vector<Row> indices() {
  const auto put = [](bool accumulate) {
    return on([=](T x, T v) { return xg::index_put(x, {picks(), xg::slice(1, 3)}, v, accumulate); });
  };
  const auto value = [](const Array& v, std::int64_t k, std::int64_t j) {
    return v.shape.empty() ? v.values[0] : v.shape.size() == 1 ? at(v, {j}) : at(v, {k, j});
  };
  const auto each = [=](auto f) {
    return changed([=](Array& x, const Arrays& in) {
      for (std::int64_t k = 0; k < 3; ++k)
        for (std::int64_t j = 0; j < 2; ++j)
          f(place(x, {picked[static_cast<std::size_t>(k)], 1 + j}), value(in[1], k, j));
    });
  };
  const Shapes values{{{3, 3}, {3, 2}}, {{4, 3}, {2}}, {{3, 4}, Shape{}}};
  return {
      {"index",
       on([](T x) {
         return xg::index(x, {xg::slice({}, {}, -1), picks(), xg::newaxis});
       }),
       {{{2, 3}}, {{0, 4}}},
       moved(
           [](const Shape& s) {
             return Shape{s[0], 3, 1};
           },
           [](const Index& i, const Shape& s) {
             return Index{s[0] - 1 - i[0], picked[static_cast<std::size_t>(i[1])]};
           }),
       {{}},
       refuses(
           [] {
             xg::index(some({2, 2}), {0, 0, 0});
           },
           {"index", "[2, 2]"})},
      {"index",
       on([](T x) { return x[1]; }),
       {{{2, 3}}, {{2}}, {{2, 0}}},
       selected(0, 1),
       {{}},
       refuses(
           [] {
             some({2, 3})[2];
           },
           {"2"})},
      {"index",
       on([](T x) { return xg::index(x, {truths()}); }),
       {{{3, 2}}, {{3}}},
       moved(sized(0, 2),
             [](Index i, const Shape&) {
               i[0] *= 2;
               return i;
             }),
       {{}},
       refuses([] { xg::index(some({2}), {truths()}); }, {"index", "[3]", "[2]"})},
      {"index_put",
       put(true),
       values,
       each([](double& to, double v) { to += v; }),
       {{}},
       refuses(
           [] {
             xg::index_put(some({2, 3}), {picks()}, some({3}));
           },
           {"index_put", "2"})},
      {"index_put", put(false), values, each([](double& to, double v) { to = v; })},
  };
}

std::vector<Row> masks() {
  const auto mask = [] { return truths().unsqueeze(1); };
  return {
      {"masked_fill",
       on([=](T x) { return xg::masked_fill(x, mask(), 0.5); }),
       {{{3, 2}}, {{2}}, {{3, 1}}},
       indexed(
           [](const Arrays& in) {
             return in[0].shape.size() == 1 ? Shape{3, 2} : in[0].shape;
           },
           [](const Arrays& in, const Index& i) {
             return i[0] != 1 ? 0.5 : in[0].shape.size() == 1 ? at(in[0], {i[1]}) : at(in[0], i);
           }),
       {{}},
       refuses([] { xg::masked_fill(some({2}), truths(), 0); }, {"masked_fill", "[2]", "[3]"})},
      {"masked_fill",
       on([=](T x, T value) { return xg::masked_fill(x, mask(), value); }),
       {{{3, 2}, {}}, {{3, 0}, {}}},
       indexed([](const Arrays& in) { return in[0].shape; },
               [](const Arrays& in, const Index& i) { return i[0] != 1 ? in[1].values[0] : at(in[0], i); }),
       {{}},
       refuses([] { xg::masked_fill(some({2}), truths(), some({1})); }, {"masked_fill", "0-d", "[1]"})},
      {"masked_select",
       on([](T x) { return xg::masked_select(x, truths()); }),
       {{{2, 3}}, {{3}}, {{0, 3}}},
       moved([](const Shape& s) { return Shape{2 * xg::numel(s) / 3}; },
             [](const Index& i, const Shape& s) {
               return s.size() == 1 ? Index{2 * i[0]} : Index{i[0] / 2, 2 * (i[0] % 2)};
             }),
       {{}},
       refuses([] { xg::masked_select(some({2}), truths()); }, {"masked_select", "[2]", "[3]"})},
      {"masked_scatter",
       on([](T x, T s) { return xg::masked_scatter(x, truths(), s); }),
       {{{2, 3}, {5}}, {{3}, {2}}},
       changed([](Array& x, const Arrays& in) {
         std::size_t next = 0;
         for (std::size_t i = 0; i < x.values.size(); ++i)
           if (i % 3 != 1) x.values[i] = in[1].values[next++];
       }),
       {{}},
       refuses([] { xg::masked_scatter(some({3}), truths(), some({1})); }, {"masked_scatter", "2", "1"})},
      {"nonzero",
       on([](T x) { return xg::nonzero(xg::gt(x, 0)); }),
       {{{2, 3}}, {{4}}},
       [](const Arrays& in) {
         Array out{{0, static_cast<std::int64_t>(in[0].shape.size())}, {}};
         for (std::size_t i = 0; i < in[0].values.size(); ++i) {
           if (!(in[0].values[i] > 0)) continue;
           ++out.shape[0];
           const auto n = static_cast<std::size_t>(in[0].shape.back());
           if (in[0].shape.size() == 2) out.values.push_back(static_cast<double>(i / n));
           out.values.push_back(static_cast<double>(i % n));
         }
         return Arrays{out};
       },
       {{}},
       refuses([] { xg::nonzero(Tensor()); }, {"undefined"}),
       false},
  };
}

}  // namespace

TEST_CASE("gathers") {
  for (const Row& row : gathers()) run(row);
}
TEST_CASE("scatters") {
  for (const Row& row : scatters()) run(row);
}
TEST_CASE("indices") {
  for (const Row& row : indices()) run(row);
}
TEST_CASE("masks") {
  for (const Row& row : masks()) run(row);
}
