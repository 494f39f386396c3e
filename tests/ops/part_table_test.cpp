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

}  // namespace

TEST_CASE("parts") {
  for (const Row& row : parts()) run(row);
}
TEST_CASE("pads") {
  for (const Row& row : pads()) run(row);
}
