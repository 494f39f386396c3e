// Norms of vectors and matrices, and condition numbers, as torch.linalg has them. Of floating tensors; differentiable
// to any order. `dim` and keepdim are those of reductions (reduce.hpp).
//
// Errors: IndexError for a dimension out of range, ValueError for one named twice and for an unknown ord, ShapeError
// for an extremum of nothing, DtypeError unless floating.
#pragma once
#include <xgrad/tensor.hpp>

#include <string_view>
#include <type_traits>

namespace xgrad::linalg {

// (sum |x|^ord)^(1/ord) along dim, all dimensions where it is left out. ord inf: max |x|; -inf: min |x|; 0: how many
// are not 0. This is norm (reduce.hpp), with its gradients: 0 where the result is 0, split evenly among the largest.
Tensor vector_norm(const Arg& x, Scalar ord = 2, const Dims& dim = {}, bool keepdim = false);

// Which norm of a matrix: "fro", "nuc", or a number.
class MatrixOrd {
 public:
  MatrixOrd(const char* name) noexcept : name_(name) {}
  template <class T>
  requires std::is_arithmetic_v<T> MatrixOrd(T number)
  noexcept : number_(static_cast<double>(number)) {}
  // Empty for a number.
  std::string_view name() const noexcept { return name_; }
  double number() const noexcept { return number_; }

 private:
  std::string_view name_{};
  double number_ = 0;
};
// The norm of the matrices in the two dimensions dim. "fro": the root of the sum of squares (gradient 0 at 0). "nuc":
// the sum of the singular values (gradient U V^T). inf, -inf: the largest, smallest sum of |x| along a row; 1, -1:
// along a column; 2, -2: the largest, smallest singular value. Among equal ones the gradient is split evenly.
Tensor matrix_norm(const Arg& A, const MatrixOrd& ord = "fro", const Dims& dim = {-2, -1}, bool keepdim = false);

// The condition number of [..., m, n]: the largest singular value over the smallest for p = 2, the inverse of that for
// -2; for the other norms of matrix_norm, of square matrices, |A| |A^-1|, infinite where A is singular.
Tensor cond(const Arg& A, const MatrixOrd& p = 2);

}  // namespace xgrad::linalg
