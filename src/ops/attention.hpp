// Attention's probabilities in tensor operations: for gradients of gradients, and for those who want to see them.
#pragma once
#include <xgrad/ops/attention.hpp>

namespace xgrad::detail {

// softmax(query key^T scale + attn_mask), recorded; rows in which no key takes part are 0. Arguments as checked by
// scaled_dot_product_attention; dropout is not applied, and a mask may stand beside is_causal.
Tensor attention_probabilities(const Tensor& query, const Tensor& key, const AttentionOptions& options, Here here);

}  // namespace xgrad::detail
