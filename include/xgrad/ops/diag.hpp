// Diagonals of matrices, and matrices made of them. Any dtype; linear, each gradient is another of them.
#pragma once
#include <xgrad/tensor.hpp>

#include <cstdint>

namespace xgrad {

// The sum of the diagonal of a matrix, []. Integers sum to int64. ShapeError unless it has two dimensions.
Tensor trace(const Arg& x);
// Of a vector [n]: the matrix that has it on the given diagonal, above the main one where positive, and 0 elsewhere,
// [n + |diagonal|] twice. Of a matrix: that diagonal, a copy (diagonal gives a view). ShapeError for other dimensions.
Tensor diag(const Arg& x, std::int64_t diagonal = 0);
// The last dimension on a diagonal of dimensions dim1 and dim2 of the result, which are those of the result:
// [..., n] to [..., n + |offset|, n + |offset|].
Tensor diag_embed(const Arg& x, std::int64_t offset = 0, std::int64_t dim1 = -2, std::int64_t dim2 = -1);
// The matrices along the diagonal of one, 0 elsewhere. Vectors count as rows, 0-d tensors as 1 by 1.
Tensor block_diag(const TensorList& tensors, Here here = {});

}  // namespace xgrad
