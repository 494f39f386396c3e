// Factors P A = L U, and determinants with their cofactors.
#pragma once
#include <utility>

#include "tape/node.hpp"

namespace xgrad::detail {

// Factors of a stack of matrices, column by column; pivots [count, n] and the number, from 1, of the first pivot of
// each matrix that is 0.
struct Lu {
  Tensor factors, pivots, zero_pivots;
};

// det, recorded.
Tensor determinant(const Tensor& a, Here here);
// det A inv(A)^T, recorded.
Tensor cofactors_by_inverse(const Tensor& a, Here here);
// Whether that is precise, to judge by the pivots.
bool has_regular_factors(const Tensor& a);

// C[i, j] = d det A / d A[i, j], recorded: polynomials in A, precise whatever its rank.
Tensor cofactors(const Tensor& a, Here here);

// The inverses, and where there is none (bool [...]); there they are anything. Recorded.
std::pair<Tensor, Tensor> inverse_where_possible(const Tensor& a, Here here);

}  // namespace xgrad::detail
