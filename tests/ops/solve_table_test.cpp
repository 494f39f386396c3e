// The table's rows of inverses, linear systems and determinants.
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/join.hpp>
#include <xgrad/ops/linalg.hpp>
#include <xgrad/ops/linalg_solve.hpp>
#include <xgrad/ops/pointwise.hpp>
#include <xgrad/ops/rearrange.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <limits>
#include <vector>

#include "support/matrix_oracle.hpp"
#include "support/op_table.hpp"

namespace xg = xgrad;
using namespace table;
using oracle::Matrices;
using oracle::Matrix;

namespace {

using T = const Tensor&;
const Shapes squares{{{3, 3}}, {{2, 2, 2}}, {{1, 1}}, {{0, 0}}, {{0, 2, 2}}, {{2, 0, 0}}};

// Far from singular: A + 4.
Tensor shifted(T a) { return a + xg::eye(a.size(-1), {.dtype = a.dtype()}) * 4; }
Matrix shifted(const Matrix& a) { return a + 4 * oracle::identity(a.rows); }
// A A^T + 1.
Tensor positive(T a) { return xg::matmul(a, a.transpose(-2, -1)) + xg::eye(a.size(-1), {.dtype = a.dtype()}); }
Matrix positive(const Matrix& a) { return a * oracle::transposed(a) + oracle::identity(a.rows); }

Matrix lower_factor(const Matrix& a) {
  Matrix l(a.rows, a.rows);
  for (std::int64_t j = 0; j < a.rows; ++j)
    for (std::int64_t i = j; i < a.rows; ++i) {
      double sum = a(i, j);
      for (std::int64_t k = 0; k < j; ++k) sum -= l(i, k) * l(j, k);
      l(i, j) = i == j ? std::sqrt(sum) : sum / l(j, j);
    }
  return l;
}
Matrix triangle(Matrix a, bool upper, bool unit) {
  for (std::int64_t i = 0; i < a.rows; ++i)
    for (std::int64_t j = 0; j < a.cols; ++j) {
      if (upper ? j < i : j > i) a(i, j) = 0;
      if (i == j && unit) a(i, j) = 1;
    }
  return a;
}

std::vector<Misuse> not_square(const std::string& name, std::function<void(T)> f) {
  return {{[f] {
             f(some({2, 3}));
           },
           {name, "square", "[2, 3]"}},
          {[f] { f(some({2})); }, {name, "matrices", "[2]"}},
          {[f] {
             f(xg::ones({2, 2}, {.dtype = xg::int64}));
           },
           {name, "int64"}}};
}

std::vector<Row> inverses() {
  const Tensor singular = xg::stack({xg::eye(2), some({2, 2})});
  std::vector<Misuse> no_inverse = not_square("linalg::inv", [](T a) { xg::linalg::inv(a); });
  no_inverse.push_back({[=] { xg::linalg::inv(singular); }, {"linalg::inv", "singular", "matrix 1", "pivot 2"}});
  const Oracle inverse =
      oracle::stacks([](const Matrices& in) -> Arrays { return {oracle::array(oracle::inverse(shifted(in[0])))}; });
  return {
      {"inv", on([](T a) { return xg::linalg::inv(shifted(a)); }), squares, inverse, {{}}, no_inverse},
      {"inverse",
       on([](T a) { return xg::inverse(shifted(a)); }),
       {{{2, 2}}},
       inverse,
       {{}},
       not_square("inverse", [](T a) { xg::inverse(a); })},
      {"matrix_power",
       on([](T a) { return xg::matrix_power(a, 5); }),
       squares,
       oracle::stacks([](const Matrices& in) -> Arrays {
         const Matrix& a = in[0];
         return {oracle::array(a * a * a * a * a)};
       }),
       {{-1, 1}},
       not_square("matrix_power", [](T a) { xg::matrix_power(a, 2); })},
      {"matrix_power",
       on([](T a) { return xg::linalg::matrix_power(shifted(a), -2); }),
       {{{2, 2}}},
       oracle::stacks([](const Matrices& in) -> Arrays {
         const Matrix a = oracle::inverse(shifted(in[0]));
         return {oracle::array(a * a)};
       })},
      {"matrix_power",
       on([](T a) { return xg::matrix_power(a, 0); }),
       {{{2, 2, 2}}},
       oracle::stacks([](const Matrices& in) -> Arrays { return {oracle::array(oracle::identity(in[0].rows))}; })},
      {"matrix_power",
       on([](T a) { return xg::matrix_power(a, 1); }),
       {{{2, 2}}},
       oracle::stacks([](const Matrices& in) -> Arrays { return {oracle::array(in[0])}; })},
  };
}

std::vector<Row> determinants() {
  return {
      {"det",
       on([](T a) { return xg::det(a); }),
       squares,
       oracle::stacks([](const Matrices& in) -> Arrays { return {oracle::array(oracle::det(in[0]))}; }),
       {{}},
       not_square("det", [](T a) { xg::det(a); })},
      // Rank 2, 1 and 0 of 3: products with fewer columns.
      {"det",
       on([](T a, T b) { return xg::det(xg::matmul(a, b)); }),
       {{{3, 2}, {2, 3}}, {{3, 1}, {1, 3}}, {{2, 3, 2}, {2, 3}}},
       oracle::stacks([](const Matrices&) -> Arrays { return {oracle::array(0.0)}; }),
       {{-1, 1}}},
      {"slogdet",
       [](const TensorList& in) {
         const auto [sign, l] = xg::slogdet(in[0]);
         return TensorList{sign, l};
       },
       squares,
       oracle::stacks([](const Matrices& in) -> Arrays {
         const double d = oracle::det(in[0]);
         return {oracle::array(d > 0 ? 1.0 : -1.0), oracle::array(std::log(std::abs(d)))};
       }),
       {{}},
       not_square("slogdet", [](T a) { xg::slogdet(a); })},
      {"logdet",
       on([](T a) { return xg::logdet(shifted(a)); }),
       squares,
       oracle::stacks(
           [](const Matrices& in) -> Arrays { return {oracle::array(std::log(oracle::det(shifted(in[0]))))}; }),
       {{}},
       not_square("logdet", [](T a) { xg::logdet(a); })},
  };
}

std::vector<Row> systems() {
  const Oracle solution = oracle::stacks(
      [](const Matrices& in) -> Arrays { return {oracle::array(oracle::solve(shifted(in[0]), in[1]))}; });
  const Shapes sides{{{3, 3}, {3, 2}},    {{2, 2, 2}, {2, 2, 3}}, {{2, 1, 2, 2}, {3, 2, 1}}, {{2, 2}, {3, 2, 2}},
                     {{2, 2, 2}, {2, 1}}, {{0, 0}, {0, 2}},       {{2, 2}, {2, 0}},          {{0, 2, 2}, {2, 3}}};
  return {
      {"solve",
       on([](T a, T b) { return xg::linalg::solve(shifted(a), b); }),
       sides,
       solution,
       {{}},
       {{[] {
           xg::linalg::solve(some({2, 3}), some({2, 1}));
         },
         {"linalg::solve", "square"}},
        {[] {
           xg::linalg::solve(some({2, 2}), some({3, 2}));
         },
         {"linalg::solve", "[2, 2]", "[3, 2]"}},
        {[] {
           xg::linalg::solve(some({2, 2, 2}), some({3, 2, 2}));
         },
         {"linalg::solve", "[2]", "[3]"}},
        {[] {
           xg::linalg::solve(some({2, 2}), some({2}));
         },
         {"linalg::solve", "singular"}},
        {[] {
           xg::linalg::solve(some({2, 2}), xg::ones({2}, {.dtype = xg::float64}));
         },
         {"float32", "float64"}}}},
      {"solve",
       on([](T a, T b) { return xg::linalg::solve(shifted(a), b).unsqueeze(-1); }),
       {{{3, 3}, {3}}, {{2, 2, 2}, {2, 2}}, {{2, 2, 2}, {2}}, {{1, 1}, {1}}},
       [=](const Arrays& in) {
         Arrays columns = in;
         columns[1].shape.push_back(1);
         return solution(columns);
       }},
      {"solve",
       on([](T a, T b) { return xg::linalg::solve(shifted(a), b, {.left = false}); }),
       {{{3, 3}, {2, 3}}, {{2, 2, 2}, {3, 2}}},
       oracle::stacks(
           [](const Matrices& in) -> Arrays { return {oracle::array(in[1] * oracle::inverse(shifted(in[0])))}; })},
      {"cholesky_solve",
       on([](T b, T a) { return xg::cholesky_solve(b, xg::tril(a) + xg::eye(a.size(-1), {.dtype = a.dtype()}) * 3); }),
       {{{3, 2}, {3, 3}}, {{2, 2, 1}, {2, 2}}, {{2, 2}, {2, 2, 2}}, {{0, 2}, {0, 0}}},
       oracle::stacks([](const Matrices& in) -> Arrays {
         const Matrix l = triangle(in[1], false, false) + 3 * oracle::identity(in[1].rows);
         return {oracle::array(oracle::solve(l * oracle::transposed(l), in[0]))};
       }),
       {{}},
       refuses(
           [] {
             xg::cholesky_solve(some({3, 1}), some({2, 2}));
           },
           {"cholesky_solve", "[3, 1]", "[2, 2]"})},
      {"cholesky_solve",
       on([](T b, T a) {
         return xg::cholesky_solve(b, xg::triu(a) + xg::eye(a.size(-1), {.dtype = a.dtype()}) * 3, true);
       }),
       {{{2, 2}, {2, 2}}},
       oracle::stacks([](const Matrices& in) -> Arrays {
         const Matrix u = triangle(in[1], true, false) + 3 * oracle::identity(in[1].rows);
         return {oracle::array(oracle::solve(oracle::transposed(u) * u, in[0]))};
       })},
      {"cholesky",
       on([](T a) { return xg::linalg::cholesky(positive(a)); }),
       squares,
       oracle::stacks([](const Matrices& in) -> Arrays { return {oracle::array(lower_factor(positive(in[0])))}; }),
       {{}},
       {{[] {
           xg::linalg::cholesky(some({2, 3}));
         },
         {"linalg::cholesky", "square"}},
        {[] {
           xg::linalg::cholesky(xg::stack({xg::eye(3), some({3, 3})}));
         },
         {"linalg::cholesky", "positive definite", "matrix 1", "order 2"}}}},
      {"cholesky",
       on([](T a) { return xg::linalg::cholesky(positive(a), {.upper = true}); }),
       {{{3, 3}}, {{2, 2, 2}}},
       oracle::stacks([](const Matrices& in) -> Arrays {
         return {oracle::array(oracle::transposed(lower_factor(positive(in[0]))))};
       })},
  };
}

std::vector<Row> triangles() {
  std::vector<Row> rows;
  for (const bool upper : {false, true})
    for (const bool left : {false, true})
      for (const bool unit : {false, true}) {
        const Shapes sides =
            left ? Shapes{{{3, 3}, {3, 2}}, {{2, 1, 2, 2}, {3, 2, 1}}, {{0, 0}, {0, 2}}, {{1, 1}, {1, 3}}}
                 : Shapes{{{3, 3}, {2, 3}}, {{2, 2, 2}, {1, 2}}, {{2, 2}, {0, 2}}};
        rows.push_back({"solve_triangular",
                        on([=](T a, T b) {
                          return xg::linalg::solve_triangular(shifted(a), b,
                                                              {.upper = upper, .left = left, .unitriangular = unit});
                        }),
                        sides,
                        oracle::stacks([=](const Matrices& in) -> Arrays {
                          const Matrix a = triangle(shifted(in[0]), upper, unit);
                          return {oracle::array(left ? oracle::solve(a, in[1]) : in[1] * oracle::inverse(a))};
                        }),
                        {{}},
                        {{[=] {
                            xg::linalg::solve_triangular(some({2, 2}), some({3, 3}), {.upper = upper, .left = left});
                          },
                          {"linalg::solve_triangular", "[2, 2]", "[3, 3]"}},
                         {[] {
                            xg::linalg::solve_triangular(some({2, 2}), some({2}));
                          },
                          {"linalg::solve_triangular", "[2]"}}}});
      }
  return rows;
}

}  // namespace

TEST_CASE("inverses") {
  for (const Row& row : inverses()) run(row);
}
TEST_CASE("determinants, of singular matrices too") {
  for (const Row& row : determinants()) run(row);
}
TEST_CASE("linear systems") {
  for (const Row& row : systems()) run(row);
}
TEST_CASE("triangular systems") {
  for (const Row& row : triangles()) run(row);
}
