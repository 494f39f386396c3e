// The table's rows of operations that give the same elements another shape.
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/shape.hpp>

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

std::vector<Row> shapes() {
  const auto exchanged = moved(
      [](Shape s) {
        if (!s.empty()) std::swap(s[0], s[s.size() - 1]);
        return s;
      },
      [](Index i, const Shape&) {
        if (!i.empty()) std::swap(i.front(), i.back());
        return i;
      });
  return {
      {"reshape",
       on([](T x) {
         return xg::reshape(x, {3, -1});
       }),
       {{{2, 3, 4}}, {{3}}, {{6, 1}}},
       reshaped([](const Shape& s) {
         return Shape{3, xg::numel(s) / 3};
       }),
       {{}},
       refuses(
           [] {
             xg::reshape(some({2, 3}), {4, 2});
           },
           {"reshape", "[2, 3]", "[4, 2]"})},
      {"reshape",
       on([](T x) {
         return xg::reshape(x, {3, 0});
       }),
       {{{0}}, {{2, 0}}},
       reshaped([](const Shape&) {
         return Shape{3, 0};
       })},
      {"view",
       on([](T x) {
         return xg::view(x, {2, 3});
       }),
       {{{6}}},
       reshaped([](const Shape&) {
         return Shape{2, 3};
       }),
       {{}},
       refuses(
           [] {
             xg::view(some({2, 3}).transpose(0, 1), {6});
           },
           {"view", "[3, 2]", "[6]"})},
      {"flatten",
       on([](T x) { return xg::flatten(x, 1); }),
       {{{2, 3, 4}}, {{2, 3}}, {{0, 3, 2}}},
       reshaped([](const Shape& s) {
         return s.size() == 2 ? s : Shape{s[0], s[1] * s[2]};
       }),
       {{}},
       refuses(
           [] {
             xg::flatten(some({2, 3}), 2);
           },
           {"flatten", "2"})},
      {"flatten", on([](T x) { return xg::flatten(x); }), unary,
       reshaped([](const Shape& s) { return Shape{xg::numel(s)}; })},
      {"unflatten",
       on([](T x) {
         return xg::unflatten(x, 0, {2, -1});
       }),
       {{{6, 2}}, {{4}}, {{0, 3}}},
       reshaped([](const Shape& s) {
         Shape r{2, s[0] / 2};
         for (std::size_t d = 1; d < s.size(); ++d) r.push_back(s[d]);
         return r;
       }),
       {{}},
       refuses(
           [] {
             xg::unflatten(some({5}), 0, {2, -1});
           },
           {"unflatten", "5"})},
      {"squeeze",
       on([](T x) { return xg::squeeze(x); }),
       {{{2, 1, 3, 1}}, {{1}}, {scalar}, {{0, 1}}},
       reshaped([](const Shape& s) {
         Shape r;
         for (std::int64_t n : s)
           if (n != 1) r.push_back(n);
         return r;
       })},
      {"squeeze",
       on([](T x) { return xg::squeeze(x, 1); }),
       {{{2, 1, 3}}, {{2, 3}}},
       reshaped([](const Shape& s) { return s[1] == 1 ? without(s, 1) : s; }),
       {{}},
       refuses([] { xg::squeeze(some({2}), 1); }, {"squeeze", "1"})},
      {"unsqueeze",
       on([](T x) { return xg::unsqueeze(x, -1); }),
       unary,
       reshaped([](Shape s) {
         s.push_back(1);
         return s;
       }),
       {{}},
       refuses([] { xg::unsqueeze(some({2}), 2); }, {"unsqueeze", "2"})},
      {"transpose",
       on([](T x) { return xg::transpose(x, 0, -1); }),
       unary,
       exchanged,
       {{}},
       refuses([] { xg::transpose(some({2}), 0, 1); }, {"transpose", "1"})},
      {"swapaxes",
       on([](T x) { return xg::swapaxes(x, 0, -1); }),
       unary,
       exchanged,
       {{}},
       refuses([] { xg::swapaxes(some({2}), 0, 1); }, {"swapaxes", "1"})},
      {"swapdims",
       on([](T x) { return xg::swapdims(x, 0, -1); }),
       unary,
       exchanged,
       {{}},
       refuses([] { xg::swapdims(some({2}), 0, 1); }, {"swapdims", "1"})},
      {"t",
       on([](T x) { return xg::t(x); }),
       {{{2, 3}}, {{3}}, {scalar}, {{0, 3}}},
       moved(
           [](const Shape& s) {
             return s.size() == 2 ? Shape{s[1], s[0]} : s;
           },
           [](Index i, const Shape&) {
             std::reverse(i.begin(), i.end());
             return i;
           }),
       {{}},
       refuses(
           [] {
             xg::t(some({2, 3, 4}));
           },
           {"t:", "[2, 3, 4]"})},
      {"permute",
       on([](T x) {
         return xg::permute(x, {2, 0, -2});
       }),
       {{{2, 3, 4}}, {{0, 3, 1}}},
       moved(
           [](const Shape& s) {
             return Shape{s[2], s[0], s[1]};
           },
           [](const Index& i, const Shape&) {
             return Index{i[1], i[2], i[0]};
           }),
       {{}},
       refuses(
           [] {
             xg::permute(some({2, 3}), {0, 0});
           },
           {"permute", "0"})},
      {"movedim",
       on([](T x) { return xg::movedim(x, 0, -1); }),
       {{{2, 3, 4}}, {{0, 3, 1}}},
       moved(
           [](const Shape& s) {
             return Shape{s[1], s[2], s[0]};
           },
           [](const Index& i, const Shape&) {
             return Index{i[2], i[0], i[1]};
           }),
       {{}},
       refuses(
           [] {
             xg::movedim(some({2, 3}), 2, 0);
           },
           {"movedim", "2"})},
      {"expand",
       on([](T x) {
         return xg::expand(x, {4, 2, 3});
       }),
       {{{2, 3}}, {{1, 3}}, {{4, 2, 1}}, {{3}}, {{1}}, {scalar}},
       expanded({4, 2, 3}),
       {{}},
       refuses(
           [] {
             xg::expand(some({2, 3}), {4, 3});
           },
           {"expand", "[2, 3]", "[4, 3]"})},
      {"expand_as",
       on([](T x) {
         return xg::expand_as(x, some({2, 3}));
       }),
       {{{2, 3}}, {{2, 1}}, {scalar}},
       expanded({2, 3}),
       {{}},
       refuses([] { xg::expand_as(some({2}), some({3})); }, {"expand", "[2]", "[3]"})},
      {"broadcast_to",
       on([](T x) {
         return xg::broadcast_to(x, {0, 3});
       }),
       {{{1, 3}}, {{3}}, {{0, 1}}, {scalar}},
       expanded({0, 3}),
       {{}},
       refuses([] { xg::broadcast_to(some({2}), {3}); }, {"broadcast_to", "[2]", "[3]"})},
      {"broadcast_tensors",
       [](const TensorList& in) { return xg::broadcast_tensors(in); },
       {{{2, 1}, {3}}, {{}, {2}}, {{0}, {1, 1}}},
       [](const Arrays& in) {
         Arrays out;
         for (std::size_t k = 0; k < 2; ++k)
           out.push_back(pairs([k](double a, double b) { return k == 0 ? a : b; })(in)[0]);
         return out;
       },
       {{}},
       refuses(
           [] {
             xg::broadcast_tensors({some({2}), some({3})});
           },
           {"broadcast_tensors", "[2]", "[3]"})},
      {"atleast_1d", on(xg::atleast_1d), unary, reshaped([](const Shape& s) { return s.empty() ? Shape{1} : s; })},
      {"atleast_2d", on(xg::atleast_2d), {{{2, 3}}, {{3}}, {scalar}, {{0}}}, reshaped([](const Shape& s) {
         return s.size() == 2 ? s : s.empty() ? Shape{1, 1} : Shape{1, s[0]};
       })},
      {"atleast_3d", on(xg::atleast_3d), {{{2, 3}}, {{3}}, {scalar}, {{2, 3, 4}}}, reshaped([](const Shape& s) {
         return s.size() == 3   ? s
                : s.size() == 2 ? Shape{s[0], s[1], 1}
                : s.empty()     ? Shape{1, 1, 1}
                                : Shape{1, s[0], 1};
       })},
  };
}

}  // namespace

TEST_CASE("shapes") {
  for (const Row& row : shapes()) run(row);
}
