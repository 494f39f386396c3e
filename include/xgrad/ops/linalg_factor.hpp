// Eigenvalues, singular values, orthogonal factors, and what is computed from them.
//
// All take matrices [..., m, n], one problem for each index of the leading dimensions, float32 or float64, views as
// they are and sizes of 0, and are differentiable to any order where their results are. xgrad::linalg has the names of
// torch.linalg. Errors: ShapeError for sizes that do not fit, DtypeError unless floating and of one dtype, ValueError
// for numbers that are not finite and where an iteration did not converge.
//
// Vectors are determined up to a sign, or up to a rotation where values coincide; only of a function that does not
// depend on that choice the gradient means anything. Values that coincide divide by 0 in the gradient of the vectors:
// it is infinite or NaN unless the incoming one vanishes there.
#pragma once
#include <xgrad/tensor.hpp>

#include <cstdint>
#include <optional>
#include <tuple>
#include <utility>

namespace xgrad::linalg {

// (w, V) of symmetric matrices [..., n, n]: A = V diag(w) V^T, w [..., n] ascending, V orthogonal, in its columns the
// eigenvectors. uplo says which triangle of A is looked at, 'L' or 'U'. Gradient, with E_ij = w_j - w_i: M. B. Giles
// (2008), section 3.1; symmetric.
std::pair<Tensor, Tensor> eigh(const Arg& A, char uplo = 'L');
// w alone. Its gradient is finite where eigenvalues coincide.
Tensor eigvalsh(const Arg& A, char uplo = 'L');

// reduced: Q [..., m, k] and R [..., k, n] with k = min(m, n). complete: Q [..., m, m] and R [..., m, n]. r: R as of
// reduced, and nothing, [0], for Q.
enum class QrMode : std::uint8_t { reduced, complete, r };
// (Q, R) with A = Q R, Q with orthonormal columns, R upper triangular, signs as LAPACK gives them. Gradient: S. F.
// Walter and L. Lehmann, Algorithmic differentiation of linear algebra functions (2012), for m < n by the first m
// columns. AutogradError in the backward pass for complete with m > n, where columns of Q are arbitrary.
std::pair<Tensor, Tensor> qr(const Arg& A, QrMode mode = QrMode::reduced);

// (U, S, Vh) with A = U diag(S) Vh: S [..., k] descending, k = min(m, n); U [..., m, m], Vh [..., n, n], both
// orthogonal, or, without full_matrices, [..., m, k] and [..., k, n]. Gradient: J. Townsend, Differentiating the
// singular value decomposition (2016); of U and Vh through their first k columns and rows.
std::tuple<Tensor, Tensor, Tensor> svd(const Arg& A, bool full_matrices = true);
// S alone. Its gradient is finite where singular values coincide.
Tensor svdvals(const Arg& A);

// Singular values count as 0 up to max(atol, rtol times the largest). rtol: max(m, n) times the rounding unit, or 0
// where atol is given. hermitian: A is symmetric; eigenvalues of its lower triangle serve instead, by their size.
struct RankOptions {
  std::optional<double> atol{};
  std::optional<double> rtol{};
  bool hermitian = false;
};
// The Moore-Penrose inverse, [..., n, m]. Gradient, for a rank that does not change: G. H. Golub and V. Pereyra, The
// differentiation of pseudo-inverses and nonlinear least squares problems (1973).
Tensor pinv(const Arg& A, const RankOptions& options = {});
// How many singular values are not 0: int64 [...].
Tensor matrix_rank(const Arg& A, const RankOptions& options = {});

// rcond: rtol of RankOptions.
struct LstsqOptions {
  std::optional<double> rcond{};
};
// (solution, residuals, rank, singular_values): the X of least norm among those that minimise |A X - B|, for B
// [..., m, k], or vectors as in solve; the sums of squares of the columns of A X - B where m > n and all matrices have
// rank n, else nothing, [0]; the rank of A, int64; its singular values. Leading dimensions broadcast. rank and
// singular_values have no gradient.
std::tuple<Tensor, Tensor, Tensor, Tensor> lstsq(const Arg& A, const Arg& B, const LstsqOptions& options = {});

}  // namespace xgrad::linalg
