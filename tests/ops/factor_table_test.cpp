// The table's rows of eigenvalues, singular values, orthogonal factors and norms of matrices.
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/linalg.hpp>
#include <xgrad/ops/linalg_factor.hpp>
#include <xgrad/ops/linalg_norm.hpp>
#include <xgrad/ops/pointwise.hpp>
#include <xgrad/ops/shape.hpp>

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
const Shapes squares{{{3, 3}}, {{2, 2, 2}}, {{1, 1}}, {{0, 0}}, {{0, 2, 2}}};
const Shapes any{{{3, 3}}, {{3, 2}}, {{2, 3}}, {{2, 3, 2}}, {{2, 2, 4}}, {{1, 3}}, {{3, 1}}, {{0, 2, 3}}};
const Shapes any_or_empty{{{3, 3}}, {{3, 2}},    {{2, 3}}, {{2, 3, 2}}, {{1, 3}},
                          {{3, 1}}, {{0, 2, 3}}, {{3, 0}}, {{0, 2}}};
Tensor mT(T a) { return a.transpose(-2, -1); }

// A + A^T, with 1, 4, 9 ... on the diagonal besides: its eigenvalues lie apart.
Tensor symmetric(T a) {
  const std::int64_t n = a.size(-1);
  return a + mT(a) + xg::eye(n, {.dtype = a.dtype()}) * xg::arange(1, n + 1).square().to(a.dtype()) * 4;
}
Matrix symmetric(const Matrix& a) {
  Matrix s = a + oracle::transposed(a);
  for (std::int64_t i = 0; i < a.rows; ++i) s(i, i) += 4.0 * static_cast<double>((i + 1) * (i + 1));
  return s;
}
std::vector<Misuse> misuse(const std::string& name, std::function<void(T)> f) {
  return {{[f] { f(some({2})); }, {name, "matrices", "[2]"}},
          {[f] {
             f(xg::ones({2, 2}, {.dtype = xg::int64}));
           },
           {name, "int64"}},
          {[f] {
             f(xg::full({2, 2}, inf));
           },
           {name, "finite"}}};
}

std::vector<Row> eigenvalues() {
  return {
      {"eigh",
       [](const TensorList& in) {
         const auto [w, v] = xg::linalg::eigh(symmetric(in[0]));
         return TensorList{w, xg::matmul(v * xg::sqrt(w.square() + 1).unsqueeze(-2), mT(v))};
       },
       squares,
       oracle::stacks([](const Matrices& in) -> Arrays {
         const Matrix a = symmetric(in[0]);
         return {oracle::array(oracle::eigen(a).values),
                 oracle::array(oracle::map_symmetric(a, [](double w) { return std::sqrt(w * w + 1); }))};
       }),
       {{}},
       misuse("linalg::eigh", [](T a) { xg::linalg::eigh(a); })},
      {"eigh",
       on([](T a) { return xg::square(xg::linalg::eigh(symmetric(a), 'U').second); }),
       {{{3, 3}}},
       oracle::stacks([](const Matrices& in) -> Arrays {
         Matrix v = oracle::eigen(symmetric(in[0])).vectors;
         for (double& x : v.v) x *= x;
         return {oracle::array(v)};
       }),
       {{}},
       refuses(
           [] {
             xg::linalg::eigh(some({2, 2}), 'X');
           },
           {"linalg::eigh", "'L' or 'U'", "'X'"})},
      {"eigvalsh",
       on([](T a) { return xg::linalg::eigvalsh(symmetric(a)); }),
       squares,
       oracle::stacks(
           [](const Matrices& in) -> Arrays { return {oracle::array(oracle::eigen(symmetric(in[0])).values)}; }),
       {{}},
       misuse("linalg::eigvalsh", [](T a) { xg::linalg::eigvalsh(a); })},
  };
}

// Gram and Schmidt: Q with a positive diagonal of R, for as many columns as rows.
Matrix orthonormal(const Matrix& a) {
  const std::int64_t k = std::min(a.rows, a.cols);
  Matrix q(a.rows, k);
  for (std::int64_t j = 0; j < k; ++j) {
    for (std::int64_t i = 0; i < a.rows; ++i) q(i, j) = a(i, j);
    for (int twice = 0; twice < 2; ++twice)
      for (std::int64_t before = 0; before < j; ++before) {
        double dot = 0;
        for (std::int64_t i = 0; i < a.rows; ++i) dot += q(i, before) * q(i, j);
        for (std::int64_t i = 0; i < a.rows; ++i) q(i, j) -= dot * q(i, before);
      }
    double square = 0;
    for (std::int64_t i = 0; i < a.rows; ++i) square += q(i, j) * q(i, j);
    for (std::int64_t i = 0; i < a.rows; ++i) q(i, j) /= std::sqrt(square);
  }
  return q;
}

TensorList signed_factors(T a, xg::linalg::QrMode mode) {
  const auto [q, r] = xg::linalg::qr(heavy(a), mode);
  const Tensor sign = xg::sign(r.diagonal(0, -2, -1)).detach();
  if (mode == xg::linalg::QrMode::r) return {r * sign.unsqueeze(-1)};
  return {q * sign.unsqueeze(-2), r * sign.unsqueeze(-1)};
}

std::vector<Row> orthogonal_factors() {
  using xg::linalg::QrMode;
  const auto oracle_of = [](bool with_q) {
    return oracle::stacks([=](const Matrices& in) -> Arrays {
      const Matrix a = heavy(in[0]), q = orthonormal(a), r = oracle::transposed(q) * a;
      Matrix upper = r;
      for (std::int64_t i = 0; i < r.rows; ++i)
        for (std::int64_t j = 0; j < std::min(i, r.cols); ++j) upper(i, j) = 0;
      if (!with_q) return {oracle::array(upper)};
      return {oracle::array(q), oracle::array(upper)};
    });
  };
  std::vector<Misuse> wrong = misuse("linalg::qr", [](T a) { xg::linalg::qr(a); });
  wrong.pop_back();
  return {
      {"qr",
       [](const TensorList& in) { return signed_factors(in[0], QrMode::reduced); },
       any_or_empty,
       oracle_of(true),
       {{}},
       wrong},
      {"qr",
       [](const TensorList& in) { return signed_factors(in[0], QrMode::complete); },
       {{{3, 3}}, {{2, 3}}},
       oracle_of(true)},
      {"qr",
       [](const TensorList& in) { return signed_factors(in[0], QrMode::r); },
       {{{3, 3}}, {{2, 3}}, {{3, 2}}},
       oracle_of(false)},
  };
}

Matrix polar(const Matrix& a) {
  const auto root = [](double w) { return 1 / std::sqrt(w); };
  if (a.rows < a.cols) return oracle::map_symmetric(a * oracle::transposed(a), root) * a;
  return a * oracle::map_symmetric(oracle::transposed(a) * a, root);
}
Matrix pseudo_inverse(const Matrix& a) {
  const Matrix t = oracle::transposed(a);
  return a.rows < a.cols ? t * oracle::inverse(a * t) : oracle::inverse(t * a) * t;
}

std::vector<Row> singular_values() {
  const auto first = [](T x, std::int64_t dim, std::int64_t k) { return x.narrow(dim, 0, k); };
  const Oracle factors = oracle::stacks([](const Matrices& in) -> Arrays {
    const Matrix a = heavy(in[0]);
    return {oracle::array(oracle::singular_values(a)), oracle::array(polar(a))};
  });
  return {
      {"svd",
       [](const TensorList& in) {
         const auto [u, s, vh] = xg::linalg::svd(heavy(in[0]), false);
         return TensorList{s, xg::matmul(u, vh)};
       },
       any,
       factors,
       {{}},
       misuse("linalg::svd", [](T a) { xg::linalg::svd(a); })},
      {"svd",
       [=](const TensorList& in) {
         const auto [u, s, vh] = xg::linalg::svd(heavy(in[0]));
         const std::int64_t k = s.size(-1);
         return TensorList{s, xg::matmul(first(u, -1, k), first(vh, -2, k))};
       },
       any, factors},
      {"svd",
       [](const TensorList& in) {
         const auto [u, s, vh] = xg::linalg::svd(heavy(in[0]), false);
         return TensorList{xg::matmul(u * s.square().unsqueeze(-2), mT(u)), xg::matmul(mT(vh), vh)};
       },
       {{{3, 3}}, {{3, 2}}, {{2, 3}}},
       oracle::stacks([](const Matrices& in) -> Arrays {
         const Matrix a = heavy(in[0]), t = oracle::transposed(a);
         return {oracle::array(a * t), oracle::array(pseudo_inverse(a) * a)};
       }),
       {{}},
       {},
       true,
       true,
       1e-11},
      {"svdvals",
       on([](T a) { return xg::linalg::svdvals(heavy(a)); }),
       any_or_empty,
       oracle::stacks(
           [](const Matrices& in) -> Arrays { return {oracle::array(oracle::singular_values(heavy(in[0])))}; }),
       {{}},
       misuse("linalg::svdvals", [](T a) { xg::linalg::svdvals(a); })},
      {"pinv",
       on([](T a) { return xg::linalg::pinv(heavy(a)); }),
       any_or_empty,
       oracle::stacks([](const Matrices& in) -> Arrays { return {oracle::array(pseudo_inverse(heavy(in[0])))}; }),
       {{}},
       misuse("linalg::pinv", [](T a) { xg::linalg::pinv(a); })},
      // Of rank 2: (B C)^+ = C^+ B^+ for B with independent columns and C with independent rows.
      {"pinv",
       on([](T b, T c) { return xg::linalg::pinv(xg::matmul(heavy(b), heavy(c))); }),
       {{{4, 2}, {2, 3}}},
       oracle::stacks([](const Matrices& in) -> Arrays {
         return {oracle::array(pseudo_inverse(heavy(in[1])) * pseudo_inverse(heavy(in[0])))};
       })},
      {"pinv",
       on([](T a) { return xg::linalg::pinv(symmetric(a), {.rtol = 1e-6, .hermitian = true}); }),
       {{{3, 3}}},
       oracle::stacks([](const Matrices& in) -> Arrays { return {oracle::array(oracle::inverse(symmetric(in[0])))}; }),
       {{}},
       refuses(
           [] {
             xg::linalg::pinv(some({2, 3}), {.hermitian = true});
           },
           {"linalg::pinv", "square"})},
      {"matrix_rank",
       on([](T b, T c) { return xg::linalg::matrix_rank(xg::matmul(heavy(b), heavy(c)), {.rtol = 1e-5}); }),
       {{{4, 2}, {2, 3}}, {{2, 4, 1}, {2, 1, 3}}},
       [](const Arrays& in) {
         Shape batch(in[0].shape.data(), in[0].shape.size() - 2);
         return Arrays{{batch, std::vector<double>(static_cast<std::size_t>(xg::numel(batch)),
                                                   static_cast<double>(in[0].shape.back()))}};
       },
       {{}},
       misuse("linalg::matrix_rank", [](T a) { xg::linalg::matrix_rank(a); }),
       false},
      {"lstsq",
       [](const TensorList& in) {
         const auto [x, residuals, rank, s] = xg::linalg::lstsq(heavy(in[0]), in[1]);
         return TensorList{x, residuals};
       },
       {{{3, 2}, {3, 2}}, {{2, 3, 2}, {3, 1}}, {{2, 3, 1}, {2, 3, 2}}},
       oracle::stacks([](const Matrices& in) -> Arrays {
         const Matrix a = heavy(in[0]), x = pseudo_inverse(a) * in[1], left = a * x + -1.0 * in[1];
         std::vector<double> squares(static_cast<std::size_t>(left.cols), 0.0);
         for (std::int64_t i = 0; i < left.rows; ++i)
           for (std::int64_t j = 0; j < left.cols; ++j) squares[static_cast<std::size_t>(j)] += left(i, j) * left(i, j);
         return {oracle::array(x), oracle::array(squares)};
       }),
       {{}},
       {{[] {
           xg::linalg::lstsq(some({3, 2}), some({2, 2}));
         },
         {"linalg::lstsq", "[3, 2]", "[2, 2]"}},
        {[] {
           xg::linalg::lstsq(some({3, 2}), xg::ones({3}, {.dtype = xg::float64}));
         },
         {"float32", "float64"}}}},
      {"lstsq",
       on([](T a, T b) { return std::get<0>(xg::linalg::lstsq(heavy(a), b)); }),
       {{{2, 3}, {2, 2}}, {{3, 3}, {3, 1}}},
       oracle::stacks(
           [](const Matrices& in) -> Arrays { return {oracle::array(pseudo_inverse(heavy(in[0])) * in[1])}; })},
  };
}

}  // namespace

TEST_CASE("eigenvalues") {
  for (const Row& row : eigenvalues()) run(row);
}
TEST_CASE("orthogonal factors") {
  for (const Row& row : orthogonal_factors()) run(row);
}
TEST_CASE("singular values") {
  for (const Row& row : singular_values()) run(row);
}
