// Attention as one operation.
#pragma once
#include <xgrad/tensor.hpp>

#include <optional>

namespace xgrad {

// attn_mask [..., L, S] broadcasts to the scores: a bool one says which keys take part (true: takes part), a floating
// one is added to the scores and may require grad. dropout_p: the probability of leaving out an element of the
// probabilities, drawn from the default generator; there is no training flag here, pass 0 in evaluation. is_causal:
// query i sees the keys j <= i. scale is 1 / sqrt(E) where left out.
struct AttentionOptions {
  Tensor attn_mask{};
  double dropout_p = 0;
  bool is_causal = false;
  std::optional<double> scale{};
};

// softmax(query key^T scale + attn_mask) value along the keys: query [..., L, E], key [..., S, E], value [..., S, Ev]
// give [..., L, Ev]; the leading dimensions broadcast. A query that sees no key gives 0, and no gradient comes from it.
//
// The scores exist in blocks only: memory grows with L and S, not with L S (but for the gradient of a floating mask,
// and for gradients of gradients). Inputs whose last dimension is adjacent in memory are read where they lie, and the
// result's dimensions lie in the order of query's, so that heads cut out of one projection are never copied:
//
//   Tensor qkv = linear(x, w).reshape({B, T, 3, H, D}).permute({2, 0, 3, 1, 4});
//   Tensor y = scaled_dot_product_attention(qkv[0], qkv[1], qkv[2]).transpose(1, 2).reshape({B, T, H * D});
//
// ShapeError: fewer than 2 dimensions, different E or S, leading dimensions or a mask that do not broadcast.
// DtypeError: inputs not of one floating dtype, a mask that is neither bool nor of that dtype. ValueError: dropout_p
// outside [0, 1], attn_mask together with is_causal.
Tensor scaled_dot_product_attention(const Arg& query, const Arg& key, const Arg& value,
                                    const AttentionOptions& options = {});

}  // namespace xgrad
