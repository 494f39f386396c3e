// The table's rows of operations that join and split.
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/join.hpp>

#include <algorithm>
#include <doctest/doctest.h>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "support/moving.hpp"
#include "support/op_table.hpp"

namespace xg = xgrad;
using namespace table;
using xg::Shape;
using xg::Tensor;
using xg::TensorList;

namespace {

using T = const Tensor&;
const Shape scalar{};

std::vector<Row> joins() {
  using L = const TensorList&;
  const Shapes rows{{{2, 3}, {1, 3}, {2, 3}}, {{0, 3}, {2, 3}}, {{1, 3}}};
  const auto split = together({range(0, 0, 2), range(0, 2, 2), range(0, 4, 1)});
  return {
      {"cat",
       on([](L in) { return xg::cat(in, 0); }),
       rows,
       joined(0),
       {{}},
       refuses(
           [] {
             xg::cat({some({2, 3}), some({2, 4})});
           },
           {"cat", "[2, 3]", "[2, 4]"})},
      {"cat",
       on([](L in) { return xg::cat(in, -1); }),
       {{{2, 3}, {2, 1}}, {{2, 0}, {2, 2}}, {{3}, {1}}},
       [](const Arrays& in) { return joined(in[0].shape.size() - 1)(in); }},
      {"concatenate",
       on([](L in) { return xg::concatenate(in, 0); }),
       rows,
       joined(0),
       {{}},
       refuses([] { xg::concatenate({}); }, {"empty"})},
      {"vstack",
       on([](L in) { return xg::vstack(in); }),
       rows,
       joined(0),
       {{}},
       refuses(
           [] {
             xg::vstack({some({2, 3}), some({2, 4})});
           },
           {"[2, 3]", "[2, 4]"})},
      {"hstack",
       on([](L in) { return xg::hstack(in); }),
       {{{2, 3}, {2, 1}}, {{2, 0}, {2, 2}}},
       joined(1),
       {{}},
       refuses(
           [] {
             xg::hstack({some({2, 3}), some({3, 3})});
           },
           {"[2, 3]", "[3, 3]"})},
      {"stack",
       on([](L in) { return xg::stack(in, 1); }),
       {{{2, 3}, {2, 3}}, {{0, 3}, {0, 3}}, {{1}}},
       indexed(
           [](const Arrays& in) {
             Shape s = in[0].shape;
             s.insert(1, static_cast<std::int64_t>(in.size()));
             return s;
           },
           [](const Arrays& in, Index i) {
             const auto k = static_cast<std::size_t>(i[1]);
             i.erase(i.begin() + 1);
             return at(in[k], i);
           }),
       {{}},
       refuses(
           [] {
             xg::stack({some({2}), some({3})});
           },
           {"stack", "[2]", "[3]"})},
      {"split",
       on([](T x) { return xg::split(x, 2); }),
       {{{5, 2}}, {{5}}, {{5, 0}}},
       split,
       {{}},
       refuses([] { xg::split(some({3}), 0); }, {"split", "0"})},
      {"split",
       on([](T x) {
         return xg::split(x, Shape{2, 0, 3}, 0);
       }),
       {{{5, 2}}},
       together({range(0, 0, 2), range(0, 2, 0), range(0, 2, 3)}),
       {{}},
       refuses(
           [] {
             xg::split(some({5}), Shape{2, 2});
           },
           {"split", "5"})},
      {"chunk",
       on([](T x) { return xg::chunk(x, 3); }),
       {{{5, 2}}, {{5}}},
       split,
       {{}},
       refuses([] { xg::chunk(some({3}), 0); }, {"chunk", "0"})},
      {"unbind",
       on([](T x) { return xg::unbind(x, 1); }),
       {{{3, 2}}, {{0, 2}}, {{1, 2, 2}}},
       together({selected(1, 0), selected(1, 1)}),
       {{}},
       refuses([] { xg::unbind(some({3}), 1); }, {"unbind", "1"})},
      {"meshgrid",
       on([](L in) { return xg::meshgrid(in); }),
       {{{2}, {3}}, {{1}, {0}}, {scalar, {2}}},
       [](const Arrays& in) {
         const Shape grid{xg::numel(in[0].shape), xg::numel(in[1].shape)};
         const auto along = [&](std::size_t k) {
           return indexed(
               [&](const Arrays&) { return grid; },
               [=](const Arrays& x, const Index& i) { return x[k].values[static_cast<std::size_t>(i[k])]; })(in)[0];
         };
         return Arrays{along(0), along(1)};
       },
       {{}},
       refuses([] { xg::meshgrid({some({2})}, "zz"); }, {"meshgrid", "zz"})},
  };
}

// Parts [begin, end) of dimension dim.
Oracle parts(std::size_t dim, std::vector<std::pair<std::int64_t, std::int64_t>> borders) {
  std::vector<Oracle> list;
  for (const auto& [begin, end] : borders) list.push_back(range(dim, begin, end - begin));
  return together(list);
}

std::vector<Row> cuts() {
  return {
      {"tensor_split",
       on([](T x) { return xg::tensor_split(x, 3, -1); }),
       {{{2, 5}}, {{0, 5}}},
       parts(1, {{0, 2}, {2, 4}, {4, 5}}),
       {{}},
       {{[] { xg::tensor_split(some({3}), 0); }, {"tensor_split", "0"}},
        {[] { xg::tensor_split(some({}), 1); }, {"tensor_split", "0-d"}}}},
      {"tensor_split",
       on([](T x) {
         return xg::tensor_split(x, Shape{3, 1, 9, -1});
       }),
       {{{5}}, {{5, 2}}},
       parts(0, {{0, 3}, {3, 3}, {1, 5}, {5, 5}, {4, 5}})},
      {"tensor_split", on([](T x) { return xg::tensor_split(x, 3); }), {{{2, 2}}}, parts(0, {{0, 1}, {1, 2}, {2, 2}})},
      {"hsplit",
       on([](T x) { return xg::hsplit(x, 2); }),
       {{{2, 4}}, {{1, 4, 2}}},
       parts(1, {{0, 2}, {2, 4}}),
       {{}},
       {{[] { xg::hsplit(some({5}), 2); }, {"hsplit", "[5]", "2"}},
        {[] { xg::hsplit(some({}), 1); }, {"hsplit", "1"}},
        {[] { xg::hsplit(some({4}), 0); }, {"hsplit", "0"}}}},
      {"hsplit", on([](T x) { return xg::hsplit(x, Shape{1}); }), {{{4}}}, parts(0, {{0, 1}, {1, 4}})},
      {"vsplit",
       on([](T x) { return xg::vsplit(x, 2); }),
       {{{4, 2}}, {{4, 0}}},
       parts(0, {{0, 2}, {2, 4}}),
       {{}},
       refuses([] { xg::vsplit(some({4}), 2); }, {"vsplit", "2", "[4]"})},
      {"vsplit", on([](T x) { return xg::vsplit(x, Shape{}); }), {{{4, 2}}}, parts(0, {{0, 4}})},
      {"dsplit",
       on([](T x) { return xg::dsplit(x, 2); }),
       {{{1, 2, 4}}},
       parts(2, {{0, 2}, {2, 4}}),
       {{}},
       refuses(
           [] {
             xg::dsplit(some({2, 4}), 2);
           },
           {"dsplit", "3", "[2, 4]"})},
      {"dsplit",
       on([](T x) {
         return xg::dsplit(x, Shape{1, 3});
       }),
       {{{1, 2, 4}}},
       parts(2, {{0, 1}, {1, 3}, {3, 4}})},
  };
}

std::vector<Row> choices() {
  using L = const TensorList&;
  // Rows of chosen elements of the first argument.
  const auto chosen = [](std::vector<Index> rows) {
    return [=](const Arrays& in) {
      Array y{{static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(rows[0].size())}, {}};
      for (const Index& row : rows)
        for (const std::int64_t i : row) y.values.push_back(in[0].values[static_cast<std::size_t>(i)]);
      return Arrays{y};
    };
  };
  const auto none = [](std::int64_t r) { return [r](const Arrays&) { return Arrays{{{0, r}, {}}}; }; };
  return {
      {"cartesian_prod",
       on([](L in) { return xg::cartesian_prod(in); }),
       {{{2}, {3}, {2}}, {{2}, {0}}, {{1}, {1}}},
       indexed(
           [](const Arrays& in) {
             std::int64_t rows = 1;
             for (const Array& x : in) rows *= x.shape[0];
             return Shape{rows, static_cast<std::int64_t>(in.size())};
           },
           [](const Arrays& in, const Index& i) {
             std::int64_t place = i[0];
             for (std::size_t k = in.size() - 1; k > static_cast<std::size_t>(i[1]); --k) place /= in[k].shape[0];
             const Array& x = in[static_cast<std::size_t>(i[1])];
             return x.values[static_cast<std::size_t>(place % x.shape[0])];
           }),
       {{}},
       {{[] { xg::cartesian_prod({}); }, {"cartesian_prod", "empty"}},
        {[] {
           xg::cartesian_prod({some({2}), some({2, 3})});
         },
         {"cartesian_prod", "[2, 3]"}}}},
      {"cartesian_prod", on([](L in) { return xg::cartesian_prod(in); }), {{{3}}, {{0}}}, reshaped([](const Shape& s) {
         return s;
       })},
      {"combinations",
       on([](T x) { return xg::combinations(x); }),
       {{{3}}},
       chosen({{0, 1}, {0, 2}, {1, 2}}),
       {{}},
       {{[] {
           xg::combinations(some({2, 2}));
         },
         {"combinations", "[2, 2]"}},
        {[] { xg::combinations(some({2}), -1); }, {"combinations", "-1"}}}},
      {"combinations",
       on([](T x) { return xg::combinations(x, 3); }),
       {{{4}}},
       chosen({{0, 1, 2}, {0, 1, 3}, {0, 2, 3}, {1, 2, 3}})},
      {"combinations",
       on([](T x) { return xg::combinations(x, 3, true); }),
       {{{2}}},
       chosen({{0, 0, 0}, {0, 0, 1}, {0, 1, 1}, {1, 1, 1}})},
      {"combinations", on([](T x) { return xg::combinations(x, 3); }), {{{2}}, {{0}}}, none(3)},
      {"combinations", on([](T x) { return xg::combinations(x, 1, true); }), {{{0}}}, none(1)},
  };
}

}  // namespace

TEST_CASE("cuts") {
  for (const Row& row : cuts()) run(row);
}
TEST_CASE("choices of elements") {
  for (const Row& row : choices()) run(row);
}
TEST_CASE("joins and splits") {
  for (const Row& row : joins()) run(row);
}
