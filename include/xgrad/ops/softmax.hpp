// Softmax and its logarithm along one dimension.
//
// The result has the shape of x. Computed with the largest element taken off, so that nothing overflows; where all
// elements are -inf, or one is +inf or NaN, the slice is NaN. float32 and float64; DtypeError otherwise, IndexError for
// a dimension out of range.
#pragma once
#include <xgrad/tensor.hpp>

namespace xgrad {

// exp(x_i) / sum_j exp(x_j). Gradient: y (dy - sum(dy y)).
Tensor softmax(const Arg& x, std::int64_t dim);
// x_i - log(sum_j exp(x_j)). Gradient: dy - exp(y) sum(dy).
Tensor log_softmax(const Arg& x, std::int64_t dim);
// softmax(-x, dim).
Tensor softmin(const Arg& x, std::int64_t dim);

}  // namespace xgrad
