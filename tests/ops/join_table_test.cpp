// The table's rows of operations that join and split.
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/join.hpp>

#include <algorithm>
#include <doctest/doctest.h>
#include <functional>
#include <string>
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

Tensor some(const Shape& shape) { return xg::ones(shape); }

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

}  // namespace

TEST_CASE("joins and splits") {
  for (const Row& row : joins()) run(row);
}
