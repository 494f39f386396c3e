// Distances and similarities of vectors.
//
// float32 and float64; DtypeError for others and for float32 with float64, ShapeError for shapes that do not fit.
#pragma once
#include <xgrad/tensor.hpp>

#include <cstdint>

namespace xgrad {

// sum((x1 / n1) (x2 / n2)) along dim with n = max(norm(x), eps). x1 and x2 broadcast; dim is one of the common shape
// and goes. Where the norm is below eps the gradient is computed with eps in its place. IndexError for a dim out of
// range.
Tensor cosine_similarity(const Arg& x1, const Arg& x2, std::int64_t dim = 1, double eps = 1e-8);
// norm(x1 - x2 + eps, p) along the last dimension, which goes or with keepdim has size 1. x1 and x2 broadcast. Any p,
// conventions as norm's.
Tensor pairwise_distance(const Arg& x1, const Arg& x2, double p = 2, double eps = 1e-6, bool keepdim = false);
// The p-norm of x1_i - x2_j for all rows: [..., P, M] and [..., R, M] give [..., P, R]; the dimensions before
// broadcast. p = 0 counts the elements that differ, infinity is the largest difference. Gradient
// sign(d) (|d| / y)^(p - 1) for the difference d and the distance y, 0 where rows coincide; for infinity sign(d) at
// every largest difference. Never by way of a product of matrices, which loses digits of close rows. ValueError for a
// negative p.
Tensor cdist(const Arg& x1, const Arg& x2, double p = 2);
// The p-norm of x_i - x_j for all rows i < j of x [N, M], in the order of i, then j: [N (N - 1) / 2]. As cdist.
Tensor pdist(const Arg& x, double p = 2);
// x / max(norm(x, p) along dim, eps). IndexError for a dim out of range.
Tensor normalize(const Arg& x, double p = 2, const Dims& dim = 1, double eps = 1e-12);
// y_o = sum_ij x1_i weight_oij x2_j + bias_o: input1 [..., I], input2 [..., J], weight [O, I, J], bias [O] or undefined
// give [..., O]. The dimensions before are the same in both inputs.
Tensor bilinear(const Arg& input1, const Arg& input2, const Arg& weight, const Tensor& bias = {});

}  // namespace xgrad
