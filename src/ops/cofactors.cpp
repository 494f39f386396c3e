// Cofactors of matrices that have no inverse, or none to speak of.
#include "ops/cofactors.hpp"

#include <xgrad/autograd.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/join.hpp>
#include <xgrad/ops/linalg_factor.hpp>
#include <xgrad/ops/linalg_solve.hpp>
#include <xgrad/ops/shape.hpp>

#include <cmath>
#include <limits>
#include <vector>

#include "ops/matrices.hpp"

namespace xgrad::detail {
namespace {

// C[i, j] = (-1)^(i + j) times the determinant without row i and column j.
Tensor by_minors(const Tensor& a, Here here) {
  const std::int64_t n = a.size(0);
  if (n == 1) return ones({1, 1}, {.dtype = a.dtype()});
  std::vector<std::int64_t> others;
  std::vector<double> signs;
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < n; ++j) {
      signs.push_back((i + j) % 2 == 0 ? 1 : -1);
      if (i != j) others.push_back(j);
    }
  const Tensor kept = tensor(others);
  const Tensor minors = a.index_select(0, kept, here)
                            .index_select(1, kept, here)
                            .reshape({n, n - 1, n, n - 1}, here)
                            .permute({0, 2, 1, 3}, here);
  return determinant(minors, here).mul({tensor(signs).reshape({n, n}).to(a.dtype()), here});
}

// With orthogonal U, V kept as constants, det A = det U det V det B for B = U^T A V. At A, B is diagonal; cut where its
// elements become small, det B = det B11 det S with S = B22 - B21 B11^-1 B12. B11 has an inverse, S is small, and for
// rank n - 1 just a number.
Tensor single(const Tensor& a, Here here) {
  const std::int64_t n = a.size(0);
  if (has_regular_factors(a)) return cofactors_by_inverse(a, here);
  Tensor u, s, vh;
  {
    NoGradGuard no_grad;
    std::tie(u, s, vh) = linalg::svd({a.detach(), here});
  }
  const std::vector<double> values = s.to_vector<double>();
  if (values[0] == 0) return by_minors(a, here);
  const double least = std::cbrt(a.dtype() == float64 ? std::numeric_limits<double>::epsilon()
                                                      : static_cast<double>(std::numeric_limits<float>::epsilon()));
  std::int64_t k = 1;
  while (k < n && values[static_cast<std::size_t>(k)] > least * values[0]) ++k;
  if (k == n) return cofactors_by_inverse(a, here);

  const std::int64_t r = n - k;
  const Tensor sign = det(u).mul({det(vh), here});
  const Tensor b = times(here, times(here, u, a, true), vh, false, true);
  const auto block = [&](std::int64_t row, std::int64_t rows, std::int64_t col, std::int64_t cols) {
    return b.narrow(0, row, rows, here).narrow(1, col, cols, here);
  };
  const Tensor b11 = block(0, k, 0, k), b12 = block(0, k, k, r), b21 = block(k, r, 0, k), b22 = block(k, r, k, r);
  const Tensor x = inverse({b11, here}), d = determinant(b11, here).mul({sign, here});
  const Tensor left = times(here, b21, x), right = times(here, x, b12);
  const Tensor small = b22.sub({times(here, b21, right), here});
  // S may be nothing but rounding, whose inverse would spoil high orders: a polynomial does not.
  const bool few = r <= 3;
  const Tensor c = few ? by_minors(small, here) : single(small, here), c22 = c.mul({d, here});
  const Tensor d_small =
      few ? small.select(0, 0, here).mul({c.select(0, 0, here), here}).sum({}, here) : determinant(small, here);
  const Tensor c12 = times(here, left, c22, true).neg(here), c21 = times(here, c22, right, false, true).neg(here);
  const Tensor c11 = transposed(x, here)
                         .mul({d.mul({d_small, here}), here})
                         .add({times(here, times(here, left, c22, true), right, false, true), here});
  const Tensor all = cat({cat({c11, c12}, 1, here), cat({c21, c22}, 1, here)}, 0, here);
  return times(here, times(here, u, all), vh);
}

}  // namespace

Tensor cofactors(const Tensor& a, Here here) {
  const Shape& shape = impl(a).shape;
  if (shape.size() == 2) return single(a, here);
  TensorList each;
  const std::int64_t n = shape.back();
  for (const Tensor& matrix : a.reshape({-1, n, n}, here).unbind(0, here)) each.push_back(single(matrix, here));
  return stack(each, 0, here).reshape(shape, here);
}

}  // namespace xgrad::detail
