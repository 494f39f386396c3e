// The table's rows of operations that rearrange a tensor's elements.
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/rearrange.hpp>

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

namespace {

using T = const Tensor&;
const Shape scalar{};

std::vector<Row> rearrangements() {
  return {
      {"flip",
       on([](T x) {
         return xg::flip(x, {0, -1});
       }),
       {{{2, 3}}, {{2, 3, 2}}, {{0, 3}}},
       moved(same,
             [](Index i, const Shape& s) {
               i.front() = s[0] - 1 - i.front();
               i.back() = s[s.size() - 1] - 1 - i.back();
               return i;
             }),
       {{}},
       refuses([] { xg::flip(some({2}), 1); }, {"flip", "1"})},
      {"roll",
       on([](T x) {
         return xg::roll(x, {1, -2}, {0, 1});
       }),
       {{{2, 3}}, {{3, 4, 2}}, {{1, 1}}, {{0, 3}}},
       moved(same,
             [](Index i, const Shape& s) {
               i[0] = (i[0] + s[0] - 1) % s[0];
               i[1] = (i[1] + 2) % s[1];
               return i;
             }),
       {{}},
       refuses(
           [] {
             xg::roll(some({2}), {1, 2}, 0);
           },
           {"roll"})},
      {"roll",
       on([](T x) { return xg::roll(x, 2); }),
       {{{2, 3}}, {{5}}},
       [](const Arrays& in) {
         Array x = in[0];
         std::rotate(x.values.begin(), x.values.end() - 2, x.values.end());
         return Arrays{x};
       }},
      {"repeat",
       on([](T x) {
         return xg::repeat(x, {2, 1, 3});
       }),
       {{{2, 3}}, {{1}}, {scalar}, {{0, 3}}, {{2, 1, 2}}},
       moved(
           [](const Shape& s) {
             Shape r{2, 1, 3};
             for (std::size_t d = 0; d < s.size(); ++d) r[3 - s.size() + d] *= s[d];
             return r;
           },
           [](Index i, const Shape& s) {
             i.erase(i.begin(), i.end() - static_cast<std::ptrdiff_t>(s.size()));
             for (std::size_t d = 0; d < s.size(); ++d) i[d] %= s[d];
             return i;
           }),
       {{}},
       refuses(
           [] {
             xg::repeat(some({2, 3}), {2});
           },
           {"repeat", "[2, 3]"})},
      {"tile",
       on([](T x) { return xg::tile(x, {2}); }),
       {{{2, 3}}, {{3}}, {{2, 0}}},
       moved([](const Shape& s) { return with(s, s.size() - 1, 2 * s[s.size() - 1]); },
             [](Index i, const Shape& s) {
               i.back() %= s[s.size() - 1];
               return i;
             }),
       {{}},
       refuses([] { xg::tile(some({2}), {-1}); }, {"-1"})},
      {"tril",
       on([](T x) { return xg::tril(x, 1); }),
       {{{3, 4}}, {{2, 3, 3}}, {{0, 3}}, {{1, 1}}},
       indexed([](const Arrays& in) { return in[0].shape; },
               [](const Arrays& in, const Index& i) { return i.back() - i[i.size() - 2] <= 1 ? at(in[0], i) : 0.0; }),
       {{}},
       refuses([] { xg::tril(some({3})); }, {"tril", "[3]"})},
      {"triu",
       on([](T x) { return xg::triu(x, -1); }),
       {{{3, 4}}, {{2, 3, 3}}, {{0, 3}}, {{1, 1}}},
       indexed([](const Arrays& in) { return in[0].shape; },
               [](const Arrays& in, const Index& i) { return i.back() - i[i.size() - 2] >= -1 ? at(in[0], i) : 0.0; }),
       {{}},
       refuses([] { xg::triu(some({3})); }, {"triu", "[3]"})},
  };
}

// The first two dimensions exchanged.
Shape turned(Shape s) {
  std::swap(s[0], s[1]);
  return s;
}

std::vector<Row> turns() {
  const Shapes planes{{{2, 3}}, {{3, 2, 2}}, {{0, 2}}, {{1, 1}}};
  const auto mirrored = [](std::size_t d) {
    return moved(same, [d](Index i, const Shape& s) {
      i[d] = s[d] - 1 - i[d];
      return i;
    });
  };
  return {
      {"fliplr",
       on([](T x) { return xg::fliplr(x); }),
       planes,
       mirrored(1),
       {{}},
       refuses([] { xg::fliplr(some({2})); }, {"fliplr", "[2]"})},
      {"flipud",
       on([](T x) { return xg::flipud(x); }),
       {{{2, 3}}, {{3}}, {{0}}},
       mirrored(0),
       {{}},
       refuses([] { xg::flipud(some({})); }, {"flipud", "[]"})},
      {"rot90",
       on([](T x) { return xg::rot90(x); }),
       planes,
       moved(turned,
             [](Index i, const Shape& s) {
               std::swap(i[0], i[1]);
               i[1] = s[1] - 1 - i[1];
               return i;
             }),
       {{}},
       {{[] { xg::rot90(some({3})); }, {"rot90", "[3]"}},
        {[] {
           xg::rot90(some({2, 3}), 1, {0, -2});
         },
         {"rot90", "[0, -2]"}},
        {[] {
           xg::rot90(some({2, 3}), 1, 0);
         },
         {"rot90", "[0]"}}}},
      {"rot90", on([](T x) {
         return xg::rot90(x, -5, {0, 1});
       }),
       planes,
       moved(turned,
             [](Index i, const Shape& s) {
               std::swap(i[0], i[1]);
               i[0] = s[0] - 1 - i[0];
               return i;
             })},
      {"rot90", on([](T x) {
         return xg::rot90(x, 6, {1, 0});
       }),
       planes,
       moved(same,
             [](Index i, const Shape& s) {
               for (const std::size_t d : {0UL, 1UL}) i[d] = s[d] - 1 - i[d];
               return i;
             })},
      {"rot90", on([](T x) {
         return xg::rot90(x, 4, {1, 0});
       }),
       planes, moved(same, [](const Index& i, const Shape&) { return i; })},
      {"repeat_interleave",
       on([](T x) { return xg::repeat_interleave(x, 3, -1); }),
       {{{2, 3}}, {{2}}, {{0, 2}}, {{2, 0}}},
       moved([](const Shape& s) { return with(s, s.size() - 1, 3 * s[s.size() - 1]); },
             [](Index i, const Shape&) {
               i.back() /= 3;
               return i;
             }),
       {{}},
       {{[] { xg::repeat_interleave(some({2}), -1); }, {"repeat_interleave", "-1"}},
        {[] { xg::repeat_interleave(some({}), 2, 0); }, {"repeat_interleave", "0-d"}},
        {[] {
           xg::repeat_interleave(some({2, 2}), xg::tensor({1, 2, 3}), 0);
         },
         {"repeat_interleave", "[2]", "[3]"}},
        {[] {
           xg::repeat_interleave(some({2}), xg::tensor({1, -2}));
         },
         {"repeat_interleave", "-2"}},
        {[] {
           xg::repeat_interleave(some({2}), xg::tensor({1.0, 2.0}));
         },
         {"repeat_interleave", "float"}}}},
      {"repeat_interleave",
       on([](T x) { return xg::repeat_interleave(x, 2); }),
       {{{2, 3}}, {scalar}, {{0}}},
       [](const Arrays& in) {
         Array y{{2 * xg::numel(in[0].shape)}, {}};
         for (const double v : in[0].values) y.values.insert(y.values.end(), 2, v);
         return Arrays{y};
       }},
      {"repeat_interleave",
       on([](T x) {
         return xg::repeat_interleave(x, xg::tensor({2, 0, 1}), 0);
       }),
       {{{3, 2}}, {{3}}},
       moved([](const Shape& s) { return with(s, 0, 3); },
             [](Index i, const Shape&) {
               i[0] = i[0] == 2 ? 2 : 0;
               return i;
             })},
      {"repeat_interleave",
       on([](T x) { return xg::repeat_interleave(x, xg::tensor({0}), 0); }),
       {{{3, 2}}},
       moved([](const Shape& s) { return with(s, 0, 0); }, [](const Index& i, const Shape&) { return i; })},
  };
}

}  // namespace

TEST_CASE("rearrangements") {
  for (const Row& row : rearrangements()) run(row);
}
TEST_CASE("turns and copies in place") {
  for (const Row& row : turns()) run(row);
}
