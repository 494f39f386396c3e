// Matrix products.
//
// All take float32, float64 and int64 operands of one dtype (DtypeError otherwise), transposed views without a copy,
// and are differentiable to any order. An inner dimension of size 0 gives zeros. Sizes that do not fit are a
// ShapeError.
#pragma once
#include <xgrad/tensor.hpp>

#include <cstdint>
#include <optional>

namespace xgrad {

// The product of PyTorch's and NumPy's matmul:
//   [k] x [k]             -> []             the scalar product
//   [m, k] x [k]          -> [m]            matrix times vector
//   [k] x [k, n]          -> [n]            vector times matrix
//   [m, k] x [k, n]       -> [m, n]         matrix times matrix
//   [..., m, k] x [..., k, n] -> [..., m, n]  one product for each index of the broadcast leading dimensions; a vector
//                                           takes part as the matrix [1, k] or [k, 1] whose extra dimension goes again
Tensor matmul(const Arg& a, const Arg& b);

// [m, k] x [k, n] -> [m, n], matrices only.
Tensor mm(const Arg& a, const Arg& b);

// [B, m, k] x [B, k, n] -> [B, m, n], without broadcasting.
Tensor bmm(const Arg& a, const Arg& b);

// [m, k] x [k] -> [m].
Tensor mv(const Arg& a, const Arg& b);

// [k] x [k] -> [], the sum of a_i b_i.
Tensor dot(const Arg& a, const Arg& b);

// [m] x [n] -> [m, n], a_i b_j.
Tensor outer(const Arg& a, const Arg& b);

// a b^T of vectors and stacks of them: [..., k] x [.., k] -> [..., ..], sums over the last dimension of both; with a
// 0-d operand the product with a number.
Tensor inner(const Arg& a, const Arg& b);

// Factors of the sums below: beta for the input, alpha for the product. With beta 0 the input is not looked at.
struct AddmmOptions {
  Scalar beta = 1;
  Scalar alpha = 1;
};
// beta input + alpha (a b), where input broadcasts to [m, n]; with beta 0 the input is not read, whatever it holds.
Tensor addmm(const Arg& input, const Arg& a, const Arg& b, const AddmmOptions& options = {});
// The same for mv: input broadcasts to [m].
Tensor addmv(const Arg& input, const Arg& a, const Arg& b, const AddmmOptions& options = {});
// The same for bmm: input broadcasts to [B, m, n].
Tensor baddbmm(const Arg& input, const Arg& a, const Arg& b, const AddmmOptions& options = {});
// The same for the sum of bmm over its batch: input broadcasts to [m, n].
Tensor addbmm(const Arg& input, const Arg& a, const Arg& b, const AddmmOptions& options = {});

// The Kronecker product: block [i, j] is a_ij b. [m, n] x [p, q] -> [m p, n q]; so in any number of dimensions, the
// operand with fewer getting ones in front. Any dtype of arithmetic.
Tensor kron(const Arg& a, const Arg& b);

// The vector product along dimension dim, of size 3: c_0 = a_1 b_2 - a_2 b_1, and so round. Operands of as many
// dimensions broadcast. dim: the first of size 3 where it is left out. Any dtype of arithmetic.
Tensor cross(const Arg& a, const Arg& b, std::optional<std::int64_t> dim = {});

// input weight^T + bias: [..., in] x [out, in] -> [..., out], floating dtypes only. bias [out] may be left undefined. A
// weight [in], with a 0-d bias, gives one number for each row, [...].
Tensor linear(const Arg& input, const Arg& weight, const Tensor& bias = {});

namespace linalg {

// xgrad::cross, along the last dimension where dim is left out.
Tensor cross(const Arg& a, const Arg& b, std::int64_t dim = -1);

// A to the n-th power by products of squares: the identity for 0, powers of the inverse for negative n (ValueError
// where it is singular). [..., n, n], floating.
Tensor matrix_power(const Arg& A, std::int64_t n);

// The product of two matrices or more, in the order that needs the fewest multiplications. The first may be a vector, a
// row, and the last one, a column; their dimensions are dropped from the result, as by matmul.
Tensor multi_dot(const TensorList& tensors, Here here = {});

}  // namespace linalg

using linalg::matrix_power;

}  // namespace xgrad
