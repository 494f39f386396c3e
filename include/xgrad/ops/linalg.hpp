// Matrix products.
//
// All take float32, float64 and int64 operands of one dtype (DtypeError otherwise), transposed views without a copy,
// and are differentiable to any order. An inner dimension of size 0 gives zeros. Sizes that do not fit are a
// ShapeError.
#pragma once
#include <xgrad/tensor.hpp>

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

// Factors of addmm: beta for the input, alpha for the product.
struct AddmmOptions {
  Scalar beta = 1;
  Scalar alpha = 1;
};
// beta input + alpha (a b), where input broadcasts to [m, n]; with beta 0 the input is not read, whatever it holds.
Tensor addmm(const Arg& input, const Arg& a, const Arg& b, const AddmmOptions& options = {});

// input weight^T + bias: [..., in] x [out, in] -> [..., out], floating dtypes only. bias [out] may be left undefined.
// A weight [in], with a bias [], gives [...].
Tensor linear(const Arg& input, const Arg& weight, const Tensor& bias = {});

}  // namespace xgrad
