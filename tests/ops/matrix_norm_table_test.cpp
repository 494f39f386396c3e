// The table's rows of norms of vectors and matrices.
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/linalg_norm.hpp>

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <limits>
#include <string>
#include <vector>

#include "support/matrix_oracle.hpp"
#include "support/op_table.hpp"

namespace xg = xgrad;
using namespace table;
using oracle::heavy;
using oracle::Matrices;
using oracle::Matrix;

namespace {

using T = const Tensor&;
constexpr double inf = std::numeric_limits<double>::infinity();

double extreme(const std::vector<double>& values, bool largest) {
  return largest ? *std::max_element(values.begin(), values.end()) : *std::min_element(values.begin(), values.end());
}
std::vector<double> row_sums(const Matrix& a) {
  std::vector<double> sums(static_cast<std::size_t>(a.rows), 0.0);
  for (std::int64_t i = 0; i < a.rows; ++i)
    for (std::int64_t j = 0; j < a.cols; ++j) sums[static_cast<std::size_t>(i)] += std::abs(a(i, j));
  return sums;
}
double matrix_norm(const Matrix& a, const xg::linalg::MatrixOrd& ord) {
  const std::vector<double> s = oracle::singular_values(a);
  double sum = 0;
  if (ord.name() == "fro") {
    for (const double x : s) sum += x * x;
    return std::sqrt(sum);
  }
  if (ord.name() == "nuc") {
    for (const double x : s) sum += x;
    return sum;
  }
  const double p = ord.number();
  if (std::abs(p) == 2) return extreme(s, p > 0);
  return extreme(row_sums(std::isinf(p) ? a : oracle::transposed(a)), p > 0);
}

std::vector<Row> matrix_norms() {
  std::vector<Row> rows;
  const std::vector<Misuse> wrong{{[] { xg::linalg::matrix_norm(some({2})); }, {"linalg::matrix_norm", "[2]"}},
                                  {[] {
                                     xg::linalg::matrix_norm(some({2, 2}), "frobenius");
                                   },
                                   {"linalg::matrix_norm", "frobenius"}},
                                  {[] {
                                     xg::linalg::matrix_norm(some({2, 2}), 3);
                                   },
                                   {"linalg::matrix_norm", "3"}},
                                  {[] {
                                     xg::linalg::matrix_norm(some({2, 2}), 2, {0, 0});
                                   },
                                   {"linalg::matrix_norm", "dimension 0"}},
                                  {[] {
                                     xg::linalg::matrix_norm(some({2, 2}), 2, {0});
                                   },
                                   {"linalg::matrix_norm", "two", "[0]"}},
                                  {[] {
                                     xg::linalg::matrix_norm(some({2, 0}), 2);
                                   },
                                   {"linalg::matrix_norm", "maximum"}}};
  for (const xg::linalg::MatrixOrd ord : std::vector<xg::linalg::MatrixOrd>{"fro", "nuc", 1, -1, 2, -2, inf, -inf}) {
    const bool by_values = ord.name() == "nuc" || std::abs(ord.number()) == 2;
    rows.push_back(
        {"matrix_norm",
         on([=](T a) { return xg::linalg::matrix_norm(heavy(a), ord); }),
         {{{3, 3}}, {{3, 2}}, {{2, 2, 3}}, {{1, 1}}, {{0, 2, 3}}},
         oracle::stacks([=](const Matrices& in) -> Arrays { return {oracle::array(matrix_norm(heavy(in[0]), ord))}; }),
         {{}},
         wrong});
    rows.push_back({"matrix_norm",
                    on([=](T a) {
                      return xg::linalg::matrix_norm(a, ord, {2, 0}, true);
                    }),
                    {{{2, 2, 3}}},
                    [=](const Arrays& in) {
                      Array out{{1, 2, 1}, {}};
                      for (std::int64_t k = 0; k < 2; ++k) {
                        Matrix a(3, 2);
                        for (std::int64_t i = 0; i < 3; ++i)
                          for (std::int64_t j = 0; j < 2; ++j) a(i, j) = at(in[0], {j, k, i});
                        out.values.push_back(matrix_norm(a, ord));
                      }
                      return Arrays{out};
                    },
                    {{}},
                    {},
                    true,
                    true,
                    by_values ? 1e-11 : 1e-12});
    rows.push_back({"cond",
                    on([=](T a) { return xg::linalg::cond(heavy(a), ord); }),
                    {{{3, 3}}, {{2, 2, 2}}},
                    oracle::stacks([=](const Matrices& in) -> Arrays {
                      const Matrix a = heavy(in[0]);
                      const std::vector<double> s = oracle::singular_values(a);
                      if (ord.name().empty() && ord.number() == 2) return {oracle::array(s.front() / s.back())};
                      if (ord.name().empty() && ord.number() == -2) return {oracle::array(s.back() / s.front())};
                      return {oracle::array(matrix_norm(a, ord) * matrix_norm(oracle::inverse(a), ord))};
                    }),
                    {{}},
                    refuses(
                        [] {
                          xg::linalg::cond(some({2, 3}), 1);
                        },
                        {"linalg::cond", "square"}),
                    true,
                    true,
                    1e-11});
  }
  for (const double p : {2.0, 1.0, 3.0, 0.5, inf, -inf, 0.0, -1.0})
    rows.push_back({"vector_norm",
                    on([=](T x) {
                      return xg::linalg::vector_norm(x, p, {0, -1}, true);
                    }),
                    {{{2, 3}}, {{2, 2, 3}}},
                    reduced({0, -1}, true,
                            [p](const std::vector<double>& x) {
                              std::vector<double> sizes;
                              double sum = 0;
                              for (const double v : x) {
                                sizes.push_back(std::abs(v));
                                sum += p == 0 ? v != 0 : std::pow(std::abs(v), p);
                              }
                              return std::isinf(p) ? extreme(sizes, p > 0) : p == 0 ? sum : std::pow(sum, 1 / p);
                            }),
                    {{0.5, 3}},
                    refuses([] { xg::linalg::vector_norm(xg::ones({2}, {.dtype = xg::int64})); },
                            {"linalg::vector_norm", "int64"})});
  return rows;
}

}  // namespace

TEST_CASE("norms") {
  for (const Row& row : matrix_norms()) run(row);
}
