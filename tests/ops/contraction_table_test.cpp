// The table's rows of sums of products, and of diagonals.
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/diag.hpp>
#include <xgrad/ops/einsum.hpp>
#include <xgrad/ops/linalg.hpp>

#include <algorithm>
#include <cstdlib>
#include <doctest/doctest.h>
#include <functional>
#include <vector>

#include "support/op_table.hpp"

namespace xg = xgrad;
using namespace table;
using xg::Shape;
using xg::Tensor;
using xg::TensorList;

namespace {

using T = const Tensor&;

// f(0) + f(1) + ... + f(n - 1)
double sum(std::int64_t n, const std::function<double(std::int64_t)>& f) {
  double total = 0;
  for (std::int64_t i = 0; i < n; ++i) total += f(i);
  return total;
}
// An element of an operand that broadcasts to the result's index.
double spread(const Array& x, const Index& index) {
  Index own;
  const std::size_t added = index.size() - x.shape.size();
  for (std::size_t d = 0; d < x.shape.size(); ++d) own.push_back(x.shape[d] == 1 ? 0 : index[d + added]);
  return at(x, own);
}
Oracle element(std::function<Shape(const Arrays&)> shape, std::function<double(const Arrays&, const Index&)> f) {
  return indexed(std::move(shape), std::move(f));
}

std::vector<Row> added_products() {
  return {
      {"addmv",
       on([](T x, T a, T b) { return xg::addmv(x, a, b, {.beta = 0.5, .alpha = -2}); }),
       {{{3}, {3, 4}, {4}}, {{}, {3, 2}, {2}}, {{1}, {2, 0}, {0}}},
       element([](const Arrays& in) { return Shape{in[1].shape[0]}; },
               [](const Arrays& in, const Index& i) {
                 return 0.5 * spread(in[0], i) - 2 * sum(in[2].shape[0], [&](auto k) {
                                                   return at(in[1], {i[0], k}) * at(in[2], {k});
                                                 });
               }),
       {{}},
       refuses(
           [] {
             xg::addmv(some({2}), some({3, 4}), some({4}));
           },
           {"addmv", "[2]", "[3]"})},
      {"baddbmm",
       on([](T x, T a, T b) { return xg::baddbmm(x, a, b, {.beta = 0.5, .alpha = -2}); }),
       {{{2, 3, 2}, {2, 3, 4}, {2, 4, 2}}, {{2}, {2, 3, 1}, {2, 1, 2}}, {{1}, {0, 3, 1}, {0, 1, 2}}},
       element(
           [](const Arrays& in) {
             return Shape{in[1].shape[0], in[1].shape[1], in[2].shape[2]};
           },
           [](const Arrays& in, const Index& i) {
             return 0.5 * spread(in[0], i) - 2 * sum(in[2].shape[1], [&](auto k) {
                                               return at(in[1], {i[0], i[1], k}) * at(in[2], {i[0], k, i[2]});
                                             });
           }),
       {{}},
       refuses(
           [] {
             xg::baddbmm(some({1}), some({2, 3, 4}), some({3, 4, 2}));
           },
           {"baddbmm", "[2, 3, 4]", "[3, 4, 2]"})},
      {"addbmm",
       on([](T x, T a, T b) { return xg::addbmm(x, a, b, {.beta = 0.5, .alpha = -2}); }),
       {{{3, 2}, {2, 3, 4}, {2, 4, 2}}, {{}, {2, 3, 1}, {2, 1, 2}}, {{2}, {0, 3, 1}, {0, 1, 2}}},
       element(
           [](const Arrays& in) {
             return Shape{in[1].shape[1], in[2].shape[2]};
           },
           [](const Arrays& in, const Index& i) {
             return 0.5 * spread(in[0], i) - 2 * sum(in[1].shape[0], [&](auto b) {
                                               return sum(in[2].shape[1], [&](auto k) {
                                                 return at(in[1], {b, i[0], k}) * at(in[2], {b, k, i[1]});
                                               });
                                             });
           }),
       {{}},
       refuses(
           [] {
             xg::addbmm(some({1}), some({2, 3, 4}), some({2, 3, 2}));
           },
           {"addbmm", "[2, 3, 4]", "[2, 3, 2]"})},
  };
}

std::vector<Row> products() {
  return {
      {"inner",
       on([](T a, T b) { return xg::inner(a, b); }),
       {{{2, 3}, {4, 3}}, {{1, 2}, {3, 2}}, {{0, 2}, {3, 2}}},
       element(
           [](const Arrays& in) {
             return Shape{in[0].shape[0], in[1].shape[0]};
           },
           [](const Arrays& in, const Index& i) {
             return sum(in[0].shape[1], [&](auto k) { return at(in[0], {i[0], k}) * at(in[1], {i[1], k}); });
           }),
       {{}},
       refuses(
           [] {
             xg::inner(some({2, 3}), some({2}));
           },
           {"inner", "[2, 3]", "[2]"})},
      {"kron",
       on([](T a, T b) { return xg::kron(a, b); }),
       {{{2, 3}, {3, 2}}, {{1, 1}, {2, 2}}, {{0, 2}, {2, 2}}},
       element(
           [](const Arrays& in) {
             return Shape{in[0].shape[0] * in[1].shape[0], in[0].shape[1] * in[1].shape[1]};
           },
           [](const Arrays& in, const Index& i) {
             const std::int64_t p = in[1].shape[0], q = in[1].shape[1];
             return at(in[0], {i[0] / p, i[1] / q}) * at(in[1], {i[0] % p, i[1] % q});
           }),
       {{}},
       refuses([] { xg::kron(some({2}), xg::ones({2}, {.dtype = xg::float64})); }, {"kron", "float32", "float64"})},
      {"kron",
       on([](T a, T b) { return xg::kron(a, b); }),
       {{{3}, {2, 2}}, {{}, {2, 2}}},
       element(
           [](const Arrays& in) {
             return Shape{2, 2 * (in[0].shape.empty() ? 1 : in[0].shape[0])};
           },
           [](const Arrays& in, const Index& i) {
             return in[0].values[static_cast<std::size_t>(i[1] / 2)] * at(in[1], {i[0], i[1] % 2});
           })},
      {"cross",
       on([](T a, T b) { return xg::cross(a, b, -1); }),
       {{{2, 3}, {2, 3}}, {{3}, {3}}, {{0, 3}, {1, 3}}, {{2, 1, 3}, {1, 2, 3}}},
       [](const Arrays& in) {
         const auto part = [&](std::size_t operand, Index i, std::int64_t by) {
           i.back() = (i.back() + by) % 3;
           return spread(in[operand], i);
         };
         return indexed(
             [](const Arrays& both) {
               Shape shape = both[0].shape;
               for (std::size_t d = 0; d < shape.size(); ++d)
                 if (shape[d] == 1) shape[d] = both[1].shape[d];
               return shape;
             },
             [&](const Arrays&, const Index& i) {
               return part(0, i, 1) * part(1, i, 2) - part(0, i, 2) * part(1, i, 1);
             })(in);
       },
       {{}},
       refuses(
           [] {
             xg::cross(some({2, 3}), some({2, 3}), 0);
           },
           {"cross", "3", "[2, 3]"})},
      {"multi_dot",
       on([](T a, T b, T c) {
         return xg::linalg::multi_dot({a, b, c});
       }),
       {{{2, 3}, {3, 1}, {1, 4}}, {{1, 2}, {2, 5}, {5, 2}}, {{2, 0}, {0, 3}, {3, 2}}},
       element(
           [](const Arrays& in) {
             return Shape{in[0].shape[0], in[2].shape[1]};
           },
           [](const Arrays& in, const Index& i) {
             return sum(in[0].shape[1], [&](auto k) {
               return at(in[0], {i[0], k}) * sum(in[1].shape[1], [&](auto l) {
                        return at(in[1], {k, l}) * at(in[2], {l, i[1]});
                      });
             });
           }),
       {{}},
       refuses(
           [] {
             xg::linalg::multi_dot({some({2, 3}), some({2, 3})});
           },
           {"multi_dot", "[2, 3]"})},
      {"tensordot",
       on([](T a, T b) { return xg::tensordot(a, b, 1); }),
       {{{2, 3}, {3, 4}}, {{2, 1}, {1, 2}}, {{2, 0}, {0, 3}}},
       element(
           [](const Arrays& in) {
             return Shape{in[0].shape[0], in[1].shape[1]};
           },
           [](const Arrays& in, const Index& i) {
             return sum(in[0].shape[1], [&](auto k) { return at(in[0], {i[0], k}) * at(in[1], {k, i[1]}); });
           }),
       {{}},
       refuses(
           [] {
             xg::tensordot(some({2, 3}), some({2, 3}), 1);
           },
           {"tensordot", "[2, 3]"})},
      {"tensordot",
       on([](T a, T b) {
         return xg::tensordot(a, b, {0, -1}, {1, 0});
       }),
       {{{2, 4, 3}, {3, 2}}},
       element([](const Arrays& in) { return Shape{in[0].shape[1]}; },
               [](const Arrays& in, const Index& i) {
                 return sum(2, [&](auto k) {
                   return sum(3, [&](auto l) { return at(in[0], {k, i[0], l}) * at(in[1], {l, k}); });
                 });
               })},
  };
}

std::vector<Row> equations() {
  const auto equation = [](const char* text) {
    return [text](const TensorList& in) { return TensorList{xg::einsum(text, in)}; };
  };
  return {
      {"einsum",
       equation("b i k, b j k -> i b j"),
       {{{2, 3, 4}, {2, 2, 4}}, {{1, 1, 1}, {3, 2, 1}}, {{0, 2, 3}, {0, 1, 3}}},
       element(
           [](const Arrays& in) {
             return Shape{in[0].shape[1], in[1].shape[0], in[1].shape[1]};
           },
           [](const Arrays& in, const Index& i) {
             return sum(in[0].shape[2], [&](auto k) {
               return at(in[0], {in[0].shape[0] == 1 ? 0 : i[1], i[0], k}) * at(in[1], {i[1], i[2], k});
             });
           }),
       {{}},
       {{[] {
           xg::einsum("ij,jk->ik", {some({2, 3}), some({2, 3})});
         },
         {"einsum", "3", "2"}},
        {[] {
           xg::einsum("ij->ijk", {some({2, 3})});
         },
         {"einsum", "k"}},
        {[] {
           xg::einsum("ij,j", {some({2, 3})});
         },
         {"einsum"}}}},
      {"einsum",
       equation("...ii,i->..."),
       {{{2, 3, 3}, {3}}, {{2, 2}, {2}}},
       element([](const Arrays& in) { return Shape(in[0].shape.data(), in[0].shape.size() - 2); },
               [](const Arrays& in, const Index& i) {
                 return sum(in[1].shape[0], [&](auto k) {
                   Index own = i;
                   own.insert(own.end(), {k, k});
                   return at(in[0], own) * at(in[1], {k});
                 });
               })},
      {"einsum",
       equation("ba,cb,c"),
       {{{2, 3}, {4, 2}, {4}}},
       element([](const Arrays& in) { return Shape{in[0].shape[1]}; },
               [](const Arrays& in, const Index& i) {
                 return sum(2, [&](auto b) {
                   return sum(4, [&](auto c) { return at(in[0], {b, i[0]}) * at(in[1], {c, b}) * at(in[2], {c}); });
                 });
               })},
  };
}

std::vector<Row> diagonals() {
  return {
      {"trace",
       on([](T x) { return xg::trace(x); }),
       {{{3, 3}}, {{2, 4}}, {{4, 2}}, {{0, 2}}, {{1, 1}}},
       element([](const Arrays&) { return Shape{}; },
               [](const Arrays& in, const Index&) {
                 return sum(std::min(in[0].shape[0], in[0].shape[1]), [&](auto k) { return at(in[0], {k, k}); });
               }),
       {{}},
       refuses([] { xg::trace(some({2})); }, {"trace", "[2]"})},
      {"diag",
       on([](T x) { return xg::diag(x, -1); }),
       {{{3}}, {{1}}, {{0}}},
       element(
           [](const Arrays& in) {
             return Shape{in[0].shape[0] + 1, in[0].shape[0] + 1};
           },
           [](const Arrays& in, const Index& i) { return i[0] == i[1] + 1 ? at(in[0], {i[1]}) : 0.0; }),
       {{}},
       refuses(
           [] {
             xg::diag(some({2, 2, 2}));
           },
           {"diag", "[2, 2, 2]"})},
      {"diag",
       on([](T x) { return xg::diag(x, 1); }),
       {{{2, 4}}, {{3, 3}}},
       element([](const Arrays& in) { return Shape{std::min(in[0].shape[0], in[0].shape[1] - 1)}; },
               [](const Arrays& in, const Index& i) {
                 return at(in[0], {i[0], i[0] + 1});
               })},
      {"diag_embed",
       on([](T x) { return xg::diag_embed(x, 1, 0, -1); }),
       {{{2, 3}}, {{2}}, {{0, 2}}},
       element(
           [](const Arrays& in) {
             Shape shape = in[0].shape;
             const std::int64_t n = shape.back() + 1;
             shape[shape.size() - 1] = n;
             shape.insert(0, n);
             return shape;
           },
           [](const Arrays& in, const Index& i) {
             if (i.back() != i.front() + 1) return 0.0;
             Index own(i.begin() + 1, i.end() - 1);
             own.push_back(i.front());
             return at(in[0], own);
           }),
       {{}},
       refuses(
           [] {
             xg::diag_embed(some({2, 2}), 0, 1, 1);
           },
           {"diag_embed", "1"})},
      {"block_diag",
       on([](T a, T b) {
         return xg::block_diag({a, b});
       }),
       {{{2, 3}, {1, 2}}, {{3}, {2, 2}}, {{}, {1, 1}}, {{0, 2}, {2, 1}}},
       [](const Arrays& in) {
         const auto matrix = [](Array x) {
           while (x.shape.size() < 2) x.shape.insert(0, 1);
           return x;
         };
         const Array a = matrix(in[0]), b = matrix(in[1]);
         const std::int64_t m = a.shape[0], n = a.shape[1];
         return indexed(
             [&](const Arrays&) {
               return Shape{m + b.shape[0], n + b.shape[1]};
             },
             [&](const Arrays&, const Index& i) {
               if (i[0] < m && i[1] < n) return at(a, i);
               return i[0] >= m && i[1] >= n ? at(b, {i[0] - m, i[1] - n}) : 0.0;
             })(in);
       },
       {{}},
       refuses(
           [] {
             xg::block_diag({some({2, 2, 2})});
           },
           {"block_diag", "[2, 2, 2]"})},
  };
}

}  // namespace

TEST_CASE("sums with products") {
  for (const Row& row : added_products()) run(row);
}
TEST_CASE("products") {
  for (const Row& row : products()) run(row);
}
TEST_CASE("equations") {
  for (const Row& row : equations()) run(row);
}
TEST_CASE("diagonals") {
  for (const Row& row : diagonals()) run(row);
}
