// The product of (stacks of) matrices with transpose flags: a family closed under differentiation.
#pragma once
#include "tape/node.hpp"

namespace xgrad::detail {

// op(A) op(B) with the leading dimensions broadcast, where op transposes the last two dimensions where its flag says
// so. Both have two dimensions or more, one dtype and a common inner size. Recorded under `name`.
Tensor product(const char* name, Here here, const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b);

// The values alone, into a contiguous tensor of the product's shape; a vector counts as one row where b is a matrix.
// A defined bias of one row is added to every row.
void multiply_into(const Tensor& out, const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b,
                   bool accumulate, const Tensor& bias = {});

// Gives the product as the gradient of an input; added straight into what is already there where that is allowed.
void give_product(Backward& bw, std::size_t input, const char* name, const Tensor& a, const Tensor& b, bool transpose_a,
                  bool transpose_b);

// All but the last dimension as one: [..., k] -> [rows, k].
Tensor fold_rows(const Tensor& x, Here here, bool recorded);

// Where, from an operand's first element, its matrix begins that meets matrix number `index` of a stack of shape `out`, to
// which the operand's leading dimensions broadcast.
std::int64_t stack_offset(const Tensor& operand, const Shape& out, std::int64_t index);

// The tensor itself where its matrices can go to the BLAS as they lie, else a row-major copy.
Tensor blas_ready(const Tensor& x);

}  // namespace xgrad::detail
