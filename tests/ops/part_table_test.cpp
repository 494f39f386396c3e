// The table's rows of operations that take parts of a tensor or pad it.
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/pad.hpp>
#include <xgrad/ops/slice.hpp>

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

std::vector<Row> parts() {
  return {
      {"narrow",
       on([](T x) { return xg::narrow(x, 0, 1, 2); }),
       {{{4, 3}}, {{3}}, {{3, 0}}},
       range(0, 1, 2),
       {{}},
       refuses([] { xg::narrow(some({3}), 0, 2, 2); }, {"narrow", "2", "3"})},
      {"slice",
       on([](T x) { return xg::slice(x, 0, 1, -1, 2); }),
       {{{6, 2}}, {{6}}, {{6, 0}}},
       moved(sized(0, 2),
             [](Index i, const Shape&) {
               i[0] = 1 + 2 * i[0];
               return i;
             }),
       {{}},
       refuses([] { xg::slice(some({3}), 0, 0, 3, 0); }, {"slice", "0"})},
      {"slice",
       on([](T x) { return xg::slice(x, -1, {}, {}, -2); }),
       {{{2, 5}}, {{5}}},
       moved([](const Shape& s) { return with(s, s.size() - 1, 3); },
             [](Index i, const Shape&) {
               i.back() = 4 - 2 * i.back();
               return i;
             })},
      {"slice", on([](T x) { return xg::slice(x, 0, 2, 1); }), {{{3, 2}}}, range(0, 0, 0)},
      {"select",
       on([](T x) { return xg::select(x, 1, -1); }),
       {{{2, 3}}, {{0, 3}}, {{2, 3, 2}}},
       selected(1, 2),
       {{}},
       refuses(
           [] {
             xg::select(some({2, 3}), 1, 3);
           },
           {"select", "3"})},
      {"diagonal",
       on([](T x) { return xg::diagonal(x, 1); }),
       {{{3, 4}}, {{2, 3}}},
       moved([](const Shape& s) { return Shape{s[0]}; },
             [](const Index& i, const Shape&) {
               return Index{i[0], i[0] + 1};
             }),
       {{}},
       refuses([] { xg::diagonal(some({3})); }, {"diagonal"})},
      {"diagonal",
       on([](T x) { return xg::diagonal(x, -1, 2, 0); }),
       {{{3, 2, 3}}},
       moved(
           [](const Shape&) {
             return Shape{2, 2};
           },
           [](const Index& i, const Shape&) {
             return Index{i[1], i[0], i[1] + 1};
           })},
      {"unfold",
       on([](T x) { return x.unfold(0, 3, 2); }),
       {{{6, 2}}, {{3}}, {{4, 0}}},
       moved(
           [](const Shape& s) {
             Shape r = with(s, 0, (s[0] - 3) / 2 + 1);
             r.push_back(3);
             return r;
           },
           [](Index i, const Shape&) {
             i[0] = 2 * i[0] + i.back();
             i.pop_back();
             return i;
           }),
       {{}},
       {{[] { some({2}).unfold(0, 3, 1); }, {"unfold", "3", "2"}},
        {[] { some({2}).unfold(0, 1, 0); }, {"unfold", "0"}}}},
      {"unfold",
       on([](T x) { return x.unfold(-1, 1, 1); }),
       {{{2, 3}}, {{0, 1}}},
       moved(
           [](Shape s) {
             s.push_back(1);
             return s;
           },
           [](Index i, const Shape&) {
             i.pop_back();
             return i;
           })},
      {"unfold", on([](T x) { return x.unfold(0, 1, 2); }), {{scalar}}, reshaped([](const Shape&) {
         return Shape{1};
       })},
      {"as_strided",
       on([](T x) {
         return xg::as_strided(x.contiguous(), {2, 3}, {1, 1}, 1);
       }),
       {{{5}}},
       moved(
           [](const Shape&) {
             return Shape{2, 3};
           },
           [](const Index& i, const Shape&) { return Index{1 + i[0] + i[1]}; }),
       {{}},
       refuses([] { xg::as_strided(some({3}), {4}, {1}); }, {"as_strided", "[4]"})},
  };
}

// x[from(i)] of a dimension that is `size` long then, along the last one.
Oracle along_last(std::int64_t more, std::function<std::int64_t(std::int64_t i, std::int64_t n)> from) {
  return moved([=](const Shape& s) { return with(s, s.size() - 1, s.back() + more); },
               [=](Index i, const Shape& s) {
                 i.back() = from(i.back(), s.back());
                 return i;
               });
}

std::vector<Row> borders() {
  const Shapes shapes{{{2, 3}}, {{1, 2, 4}}, {{0, 3}}};
  return {
      {"pad",
       on([](T x) {
         return xg::pad(x, {1, -1, 2, 0}, "constant", 7.0);
       }),
       {{{2, 3}}, {{2, 1, 1}}, {{0, 3}}},
       indexed(
           [](const Arrays& in) {
             const Shape& s = in[0].shape;
             return with(s, s.size() - 2, s[s.size() - 2] + 2);
           },
           [](const Arrays& in, Index i) {
             i.back() -= 1;
             i[i.size() - 2] -= 2;
             return i.back() < 0 || i[i.size() - 2] < 0 ? 7.0 : at(in[0], i);
           }),
       {{}},
       refuses([] { xg::pad(some({2}), {1}); }, {"pad", "[1]"})},
      {"pad", on([](T x) {
         return xg::pad(x, {1, 2}, "reflect");
       }),
       shapes,
       along_last(3,
                  [](std::int64_t i, std::int64_t n) {
                    const std::int64_t k = i < 1 ? 1 - i : i - 1;
                    return k < n ? k : 2 * n - 2 - k;
                  })},
      {"pad", on([](T x) {
         return xg::pad(x, {3, -1}, "replicate");
       }),
       shapes,
       along_last(2, [](std::int64_t i, std::int64_t n) { return std::min(std::max<std::int64_t>(i - 3, 0), n - 1); })},
      {"pad", on([](T x) {
         return xg::pad(x, {1, 2}, "circular");
       }),
       shapes, along_last(3, [](std::int64_t i, std::int64_t n) { return (i + n - 1) % n; })},
      {"pad",
       on([](T x) {
         return xg::pad(x, {-1, 2}, "circular");
       }),
       shapes,
       along_last(1, [](std::int64_t i, std::int64_t n) { return i < n - 1 ? i + 1 : i - n + 2; }),
       {{}},
       refuses(
           [] {
             xg::pad(some({2, 3}), {-1, 3}, "circular");
           },
           {"pad", "circular", "2", "[2, 3]"})},
      {"pad", on([](T x) {
         return xg::pad(x, {2, -1}, "circular");
       }),
       shapes, along_last(1, [](std::int64_t i, std::int64_t n) { return i < 2 ? i + n - 3 : i - 2; })},
  };
}

}  // namespace

TEST_CASE("borders") {
  for (const Row& row : borders()) run(row);
}
TEST_CASE("parts") {
  for (const Row& row : parts()) run(row);
}
