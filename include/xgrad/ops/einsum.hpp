// Sums of products over named dimensions. float32, float64 and int64 operands of one dtype, differentiable to any
// order.
#pragma once
#include <xgrad/tensor.hpp>

#include <cstdint>
#include <string_view>

namespace xgrad {

// einsum("bij,bjk->bik", {a, b}): each operand's dimensions have names, letters, and the result is the sum over all
// names that it lacks of the products of the operands' elements. A name that occurs twice in an operand takes its
// diagonal; a size of 1 broadcasts to another operand's. "..." stands for dimensions without names, which broadcast
// from the right. Without "->" the result has the dimensions of "...", then the names that occur once, capitals first.
// Spaces do not count. Operands meet from left to right, two at a time, in matrix products. Errors: ValueError for an
// equation that cannot be read or does not fit the number of operands, ShapeError for operands that it does not fit.
Tensor einsum(std::string_view equation, const TensorList& operands, Here here = {});

// The sum over the last `dims` dimensions of a and the first of b, in order: matmul for 1, outer for 0.
Tensor tensordot(const Arg& a, const Arg& b, std::int64_t dims = 2);
// The sum over dimensions dims_a of a and dims_b of b, pairwise; the result has the others of a, then the others of b.
// A size of 1 broadcasts. ShapeError where sizes differ, ValueError for lists of different lengths.
Tensor tensordot(const Arg& a, const Arg& b, const Dims& dims_a, const Dims& dims_b);

}  // namespace xgrad
