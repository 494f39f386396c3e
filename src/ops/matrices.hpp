// Stacks of matrices [..., rows, cols]: what the rooms of linear algebra share.
#pragma once
#include <algorithm>

#include "core/check.hpp"
#include "core/dispatch.hpp"
#include "kernels/blas.hpp"
#include "kernels/parallel.hpp"
#include "tape/node.hpp"

namespace xgrad::detail {

struct Stack {
  Shape batch;
  std::int64_t rows = 0, cols = 0, count = 1;

  // [..., a, b], and [..., a].
  Shape with(std::int64_t a, std::int64_t b) const;
  Shape with(std::int64_t a) const;
};
// Of a floating tensor of at least two dimensions: DtypeError, ShapeError.
Stack stack_of(const char* op, const Tensor& x, Here here);
// The same of square matrices.
Stack square_stack_of(const char* op, const Tensor& x, Here here);
// ValueError where a number is infinite or NaN: LAPACK's iterations do not end well on those.
void check_finite(const char* op, const Tensor& x, Here here);
// " (matrix 3 of the batch)", or nothing for a single one.
std::string matrix_number(const Stack& stack, std::int64_t index);

// Whether a right-hand side is a vector, or a stack of vectors, as torch.linalg.solve decides: it has one dimension, or
// exactly the shape of A without the last one.
bool is_vector_side(const Tensor& a, const Tensor& b);

// A copy whose matrices lie row by row, or column by column; unrecorded.
Tensor row_copy(const Tensor& x);
Tensor column_copy(const Tensor& x);
// A new tensor whose matrices lie column by column.
Tensor make_columns(const Shape& shape, Dtype dtype);
// The identity matrix [n, n].
Tensor identity(std::int64_t n, Dtype dtype);

// f(index) for each of `count` matrices, each of which costs `work` operations; f calls the BLAS or LAPACK and must not
// throw.
template <class F>
void for_matrices(std::int64_t count, std::int64_t work, F&& f) {
  parallel_for(count, std::max<std::int64_t>(1, 65536 / std::max<std::int64_t>(1, work)), count * work,
               [&](std::int64_t begin, std::int64_t end) {
                 const BlasCalls calls;
                 for (std::int64_t index = begin; index < end; ++index) f(index);
               });
}

// x^T.
inline Tensor transposed(const Tensor& x, Here here) { return x.transpose(-2, -1, here); }
// a b, op(a) op(b) with the flags: recorded products of stacks.
Tensor times(Here here, const Tensor& a, const Tensor& b, bool transpose_a = false, bool transpose_b = false);
// Each column of x, or each row, times its element of a vector.
Tensor scale_columns(Here here, const Tensor& x, const Tensor& factors);
Tensor scale_rows(Here here, const Tensor& x, const Tensor& factors);

// Matrices whose diagonal `offset` is x, whose last dimension it takes; 0 elsewhere. Recorded.
Tensor diagonal_matrix(const Tensor& x, std::int64_t offset, Here here);

// op(A)^-1 B, or B op(A)^-1 unless left, by the triangle of A. Recorded.
struct TriangleFlags {
  bool upper = false, left = true, transposed = false, unit = false;
};
Tensor solve_triangle(const char* name, Here here, const Tensor& a, const Tensor& b, TriangleFlags flags);

}  // namespace xgrad::detail
