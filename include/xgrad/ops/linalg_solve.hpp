// Inverses, linear systems and determinants.
//
// All take matrices [..., n, n], one problem for each index of the leading dimensions, float32 or float64, views as
// they are and n = 0, and are differentiable to any order. xgrad::linalg has the names of torch.linalg. Errors:
// ShapeError for sizes that do not fit, DtypeError unless floating and of one dtype, ValueError for a matrix that
// cannot be inverted or factored; it names the matrix of the batch. Gradients: M. B. Giles, Collected matrix derivative
// results for forward and reverse mode algorithmic differentiation (2008), sections 2.2 and 2.3, in the form for given
// factors.
#pragma once
#include <xgrad/tensor.hpp>

#include <utility>

namespace xgrad {

// det A, [...]: the product of the pivots. The gradient is the matrix of cofactors, also where A is singular.
Tensor det(const Arg& A);
// (sign, logabsdet), [...] each: det A = sign exp(logabsdet). Of a singular matrix (0, -inf); its gradient, infinite
// there, comes out as large as the precision allows, and 0 where the incoming gradient is 0. That of the sign is 0.
std::pair<Tensor, Tensor> slogdet(const Arg& A);
// log det A, [...]: -inf where it is 0, NaN where it is negative.
Tensor logdet(const Arg& A);
// linalg::inv.
Tensor inverse(const Arg& A);
// X with A X = B for A = L L^T, or U^T U where upper, given by its factor L or U, [..., n, n]; B is [..., n, k].
// Leading dimensions broadcast.
Tensor cholesky_solve(const Arg& B, const Arg& L, bool upper = false);

namespace linalg {

using xgrad::det;
using xgrad::slogdet;

// A^-1, [..., n, n]. ValueError where A is singular.
Tensor inv(const Arg& A);

// left: A X = B, else X A = B.
struct SolveOptions {
  bool left = true;
};
// X with A X = B. B is [..., n, k] (unless left: [..., k, n]) or a vector: [n], or [..., n] in exactly the leading
// dimensions of A. Leading dimensions broadcast. ValueError where A is singular.
Tensor solve(const Arg& A, const Arg& B, const SolveOptions& options = {});

// upper: which triangle of A counts; the other one is not looked at and gets gradient 0. unitriangular: the diagonal
// counts as 1, whatever it holds.
struct SolveTriangularOptions {
  bool upper = false;
  bool left = true;
  bool unitriangular = false;
};
// X with A X = B (unless left: X A = B) for a triangular A; B is [..., n, k] ([..., k, n]). Leading dimensions
// broadcast. A 0 on the diagonal gives infinities.
Tensor solve_triangular(const Arg& A, const Arg& B, const SolveTriangularOptions& options = {});

// upper: A = U^T U with an upper triangular factor.
struct CholeskyOptions {
  bool upper = false;
};
// L with A = L L^T, lower triangular, of a symmetric positive definite A, of which one triangle is looked at: the lower
// one, or the upper one for U. ValueError that names the order of a leading minor that is not positive. Gradient:
// Giles (2008), made symmetric.
Tensor cholesky(const Arg& A, const CholeskyOptions& options = {});

}  // namespace linalg
}  // namespace xgrad
