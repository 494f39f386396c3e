// The table's rows of matrix products.
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/linalg.hpp>

#include <algorithm>
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "support/op_table.hpp"

namespace xg = xgrad;
using namespace table;
using xg::Shape;
using xg::Tensor;

namespace {

using T = const Tensor&;
const Shape scalar{};

// Vectors as matrices, the product for each index of the broadcast leading dimensions, and vectors again.
Arrays product(const Arrays& in) {
  Array a = in[0], b = in[1];
  const bool row = a.shape.size() == 1, column = b.shape.size() == 1;
  if (row) a.shape.insert(0, 1);
  if (column) b.shape.push_back(1);
  const std::size_t rank = std::max(a.shape.size(), b.shape.size());
  const std::int64_t inner = a.shape.back();
  Shape shape(rank, 1);
  for (const Array* x : {&a, &b})
    for (std::size_t d = 0; d + 2 < x->shape.size(); ++d)
      if (x->shape[d] != 1) shape[rank - x->shape.size() + d] = x->shape[d];
  shape[rank - 2] = a.shape[a.shape.size() - 2];
  shape[rank - 1] = b.shape.back();
  const auto own = [&](const Array& x, const Index& index, std::int64_t i, std::int64_t j) {
    Index at_x;
    for (std::size_t d = 0; d + 2 < x.shape.size(); ++d)
      at_x.push_back(x.shape[d] == 1 ? 0 : index[rank - x.shape.size() + d]);
    at_x.push_back(i);
    at_x.push_back(j);
    return at(x, at_x);
  };
  Array y = indexed([&](const Arrays&) { return shape; },
                    [&](const Arrays&, const Index& index) {
                      double sum = 0;
                      for (std::int64_t k = 0; k < inner; ++k)
                        sum += own(a, index, index[rank - 2], k) * own(b, index, k, index[rank - 1]);
                      return sum;
                    })(in)[0];
  if (column) y.shape.erase(y.shape.size() - 1);
  if (row) y.shape.erase(y.shape.size() - (column ? 1 : 2));
  return {y};
}

std::vector<Row> products() {
  const auto f64 = [](const Shape& s) { return xg::ones(s, {.dtype = xg::float64}); };
  return {
      {"matmul",
       on([](T a, T b) { return xg::matmul(a, b); }),
       {{{2, 3}, {3, 4}},
        {{3}, {3}},
        {{2, 3}, {3}},
        {{3}, {3, 2}},
        {{2, 2, 3}, {2, 3, 2}},
        {{2, 1, 2, 3}, {3, 3, 2}},
        {{2, 2, 3}, {3, 2}},
        {{2, 3}, {2, 3, 2}},
        {{3}, {2, 3, 2}},
        {{2, 2, 3}, {3}},
        {{2, 0}, {0, 3}},
        {{0, 3}, {3, 2}},
        {{1, 1}, {1, 1}},
        {{0, 2, 3}, {3, 2}}},
       product,
       {{}},
       {{[] {
           xg::matmul(some({2, 3}), some({4, 5}));
         },
         {"matmul", "[2, 3]", "[4, 5]"}},
        {[] { xg::matmul(some({}), some({2})); }, {"matmul", "[]"}},
        {[=] {
           xg::matmul(some({2, 2}), f64({2, 2}));
         },
         {"matmul", "float32", "float64"}}}},
      {"mm",
       on([](T a, T b) { return xg::mm(a, b); }),
       {{{2, 3}, {3, 4}}, {{2, 0}, {0, 3}}, {{1, 1}, {1, 1}}},
       product,
       {{}},
       refuses(
           [] {
             xg::mm(some({2}), some({2, 2}));
           },
           {"mm", "[2]"})},
      {"bmm",
       on([](T a, T b) { return xg::bmm(a, b); }),
       {{{2, 2, 3}, {2, 3, 2}}, {{0, 2, 3}, {0, 3, 2}}},
       product,
       {{}},
       refuses(
           [] {
             xg::bmm(some({1, 2, 3}), some({2, 3, 2}));
           },
           {"bmm", "[1, 2, 3]", "[2, 3, 2]"})},
      {"mv",
       on([](T a, T b) { return xg::mv(a, b); }),
       {{{2, 3}, {3}}, {{2, 0}, {0}}},
       product,
       {{}},
       refuses(
           [] {
             xg::mv(some({2, 3}), some({2}));
           },
           {"mv", "[2, 3]", "[2]"})},
      {"dot",
       on([](T a, T b) { return xg::dot(a, b); }),
       {{{3}, {3}}, {{0}, {0}}, {{1}, {1}}},
       product,
       {{}},
       refuses([] { xg::dot(some({2}), some({3})); }, {"dot", "[2]", "[3]"})},
      {"outer",
       on([](T a, T b) { return xg::outer(a, b); }),
       {{{3}, {2}}, {{0}, {2}}, {{1}, {1}}},
       indexed(
           [](const Arrays& in) {
             return Shape{in[0].shape[0], in[1].shape[0]};
           },
           [](const Arrays& in, const Index& i) { return at(in[0], {i[0]}) * at(in[1], {i[1]}); }),
       {{}},
       refuses(
           [] {
             xg::outer(some({2, 2}), some({3}));
           },
           {"outer", "[2, 2]"})},
      {"addmm",
       on([](T c, T a, T b) { return xg::addmm(c, a, b, {.beta = 0.5, .alpha = 2.0}); }),
       {{{2, 4}, {2, 3}, {3, 4}}, {{4}, {2, 3}, {3, 4}}, {scalar, {2, 0}, {0, 2}}},
       [](const Arrays& in) {
         Array y = product({in[1], in[2]})[0];
         const Arrays both{in[0], y};
         return pairs([](double c, double p) { return 0.5 * c + 2 * p; })(both);
       },
       {{}},
       refuses(
           [] {
             xg::addmm(some({3}), some({2, 3}), some({3, 4}));
           },
           {"addmm", "[3]", "[2, 4]"})},
      {"linear",
       on([](T x, T w, T b) { return xg::linear(x, w, b); }),
       {{{2, 3}, {4, 3}, {4}},
        {{3}, {2, 3}, {2}},
        {{2, 2, 3}, {2, 3}, {2}},
        {{0, 3}, {2, 3}, {2}},
        {{2, 0}, {2, 0}, {2}}},
       [](const Arrays& in) {
         const Array& w = in[1];
         Shape shape = in[0].shape;
         shape[shape.size() - 1] = w.shape[0];
         return indexed([=](const Arrays&) { return shape; },
                        [&](const Arrays& x, Index i) {
                          const std::int64_t o = i.back();
                          double sum = at(x[2], {o});
                          for (std::int64_t k = 0; k < w.shape[1]; ++k) {
                            i.back() = k;
                            sum += at(x[0], i) * at(w, {o, k});
                          }
                          return sum;
                        })(in);
       },
       {{}},
       refuses(
           [] {
             xg::linear(some({2, 3}), some({4, 5}));
           },
           {"linear", "[2, 3]", "[4, 5]"})},
      {"linear",
       on([](T x, T w) { return xg::linear(x, w); }),
       {{{2, 3}, {4, 3}}},
       [](const Arrays& in) {
         return indexed(
             [](const Arrays& x) {
               return Shape{x[0].shape[0], x[1].shape[0]};
             },
             [](const Arrays& x, const Index& i) {
               double sum = 0;
               for (std::int64_t k = 0; k < x[0].shape[1]; ++k) sum += at(x[0], {i[0], k}) * at(x[1], {i[1], k});
               return sum;
             })(in);
       }},
  };
}

}  // namespace

TEST_CASE("products") {
  for (const Row& row : products()) run(row);
}
