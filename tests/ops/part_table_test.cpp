// The table's rows of operations that take parts of a tensor or rearrange it.
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/pad.hpp>
#include <xgrad/ops/rearrange.hpp>
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

Tensor some(const Shape& shape) { return xg::ones(shape); }

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

// y[i] = x[at(i - before, n)] along the last two dimensions; -1 stands for `value`.
Oracle padded(std::vector<std::int64_t> pad, std::function<std::int64_t(std::int64_t, std::int64_t)> at_place,
              double value = 0) {
  const auto sizes = [pad](const Arrays& in) {
    Shape shape = in[0].shape;
    for (std::size_t k = 0; k < pad.size(); ++k) shape[shape.size() - 1 - k / 2] += pad[k];
    return shape;
  };
  return indexed(sizes, [=](const Arrays& in, Index i) {
    for (std::size_t k = 0; k < pad.size() / 2; ++k) {
      const std::size_t d = i.size() - 1 - k;
      i[d] = at_place(i[d] - pad[2 * k], in[0].shape[d]);
      if (i[d] < 0) return value;
    }
    return at(in[0], i);
  });
}

std::vector<Row> pads() {
  const auto refused = [](const Shape& counts, const char* mode, std::vector<std::string> words) {
    return Misuse{[=] { xg::pad(some({2, 3}), counts, mode); }, std::move(words)};
  };
  const auto outside = [](std::int64_t i, std::int64_t n) { return i < n ? i : -1; };
  return {
      {"pad",
       on([](T x) {
         return xg::pad(x, {1, 2}, "constant", 1.5);
       }),
       {{{2, 3}}, {{1}}, {{0, 2}}, {{2, 0}}},
       padded({1, 2}, outside, 1.5),
       {{}},
       {refused({1}, "constant", {"pad", "[1]"}),
        refused({1, 1, 1, 1, 1, 1}, "constant", {"pad", "[2, 3]"}),
        refused({-2, -2}, "constant", {"pad", "[-2, -2]", "[2, 3]"}),
        refused({1, 1}, "mirror", {"pad", "mirror"}),
        refused({3, 0}, "reflect", {"pad", "reflect", "3", "[2, 3]"}),
        refused({0, 4}, "circular", {"pad", "other end", "4", "[2, 3]"}),
        {[] {
           xg::pad(some({2, 0}), {1, 0}, "replicate");
         },
         {"pad", "[2, 0]"}},
        {[] {
           xg::pad(some({2}), {1, 0}, "replicate", 2);
         },
         {"pad", "replicate", "2"}},
        {[] {
           xg::pad(xg::tensor({1}), {1, 0}, "constant", 0.5);
         },
         {"pad", "int64"}}}},
      {"pad",
       on([](T x) {
         return xg::pad(x, {-1, 2, 1, -1});
       }),
       {{{2, 3}}, {{2, 2, 1}}},
       padded({-1, 2, 1, -1}, outside)},
      {"pad",
       on([](T x) {
         return xg::pad(x, {2, 1, 0, 1}, "reflect");
       }),
       {{{2, 3}}, {{2, 2, 4}}, {{0, 2, 3}}},
       padded({2, 1, 0, 1}, [](std::int64_t i, std::int64_t n) { return i < 0   ? -i
                                                                        : i < n ? i
                                                                                : 2 * n - 2 - i; })},
      {"pad",
       on([](T x) {
         return xg::pad(x, {4, -1, 0, 3}, "replicate");
       }),
       {{{2, 3}}, {{2, 1, 2}}},
       padded({4, -1, 0, 3}, [](std::int64_t i, std::int64_t n) { return i < 0   ? 0
                                                                         : i < n ? i
                                                                                 : n - 1; })},
      {"pad",
       on([](T x) {
         return xg::pad(x, {2, 1, 1, 0}, "circular");
       }),
       {{{2, 3}}, {{3, 1, 2}}},
       padded({2, 1, 1, 0}, [](std::int64_t i, std::int64_t n) { return (i + n) % n; })},
      {"pad",
       on([](T x) {
         return xg::pad(x, {-1, 2}, "circular");
       }),
       {{{2, 3}}, {{4}}},
       padded({-1, 2}, [](std::int64_t i, std::int64_t n) { return i < n ? i : i - n + 1; }),
       {{}},
       {refused({-1, 3}, "circular", {"pad", "2", "3", "[2, 3]"})}},
      {"pad",
       on([](T x) {
         return xg::pad(x, {2, -1}, "circular");
       }),
       {{{2, 3}}, {{4}}},
       padded({2, -1}, [](std::int64_t i, std::int64_t n) { return i < 0 ? i + n - 1 : i; })},
  };
}

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

}  // namespace

TEST_CASE("parts") {
  for (const Row& row : parts()) run(row);
}
TEST_CASE("rearrangements") {
  for (const Row& row : rearrangements()) run(row);
}
TEST_CASE("pads") {
  for (const Row& row : pads()) run(row);
}
