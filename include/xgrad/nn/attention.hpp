// Attention with several heads as a layer.
#pragma once
#include <xgrad/nn/linear.hpp>

#include <cstdint>
#include <optional>
#include <utility>

namespace xgrad::nn {

// dropout: of the probabilities, in training. add_bias_kv appends a learned key and value to the sequence,
// add_zero_attn one of zeros. kdim and vdim are embed_dim where left out. batch_first: [N, L, E] instead of [L, N, E].
struct MultiheadAttentionOptions {
  double dropout = 0;
  bool bias = true;
  bool add_bias_kv = false;
  bool add_zero_attn = false;
  std::optional<std::int64_t> kdim{};
  std::optional<std::int64_t> vdim{};
  bool batch_first = false;
};

// key_padding_mask [N, S] ([S] without a batch) and attn_mask [L, S] or [N * num_heads, L, S]: a bool one says which
// keys are LEFT OUT (true: left out), as in PyTorch the opposite of scaled_dot_product_attention's; a floating one is
// added to the scores. is_causal: query i sees the keys j <= i only; attn_mask may stand beside it but need not.
// need_weights: also return the probabilities, which makes the whole matrix of scores; averaged over the heads unless
// average_attn_weights is off.
struct MultiheadAttentionForwardOptions {
  Tensor key_padding_mask{};
  bool need_weights = true;
  Tensor attn_mask{};
  bool average_attn_weights = true;
  bool is_causal = false;
};

// out_proj(join(attention of each head)), where head h attends with its D = embed_dim / num_heads columns of
//   q = query Wq^T + bq, k = key Wk^T + bk, v = value Wv^T + bv.
// query [L, N, E], key [S, N, kdim], value [S, N, vdim] (batch first: [N, L, E]...; without a batch [L, E]...) give the
// output in query's shape, and the weights [N, L, S] or [N, num_heads, L, S], undefined without need_weights. A query
// that sees no key attends to nothing: 0 before out_proj.
// Parameters: in_proj_weight [3E, E], which is Wq, Wk and Wv (q_proj_weight [E, E], k_proj_weight [E, kdim],
// v_proj_weight [E, vdim] where kdim or vdim differ), uniform by Xavier at first; in_proj_bias [3E], 0; bias_k and
// bias_v [1, 1, E], normal by Xavier; out_proj, a Linear whose bias is 0.
// ValueError: embed_dim is not a multiple of num_heads, a size below 1, dropout outside [0, 1]; ShapeError: inputs or
// masks of other shapes; DtypeError: a mask that is neither bool nor of query's dtype.
class MultiheadAttention : public Module {
 public:
  using ForwardOptions = MultiheadAttentionForwardOptions;

  MultiheadAttention(std::int64_t embed_dim, std::int64_t num_heads, const MultiheadAttentionOptions& options = {},
                     Here here = {});
  std::pair<Tensor, Tensor> forward(const Arg& query, const Arg& key, const Arg& value,
                                    const ForwardOptions& options = {}) const;
  std::pair<Tensor, Tensor> operator()(const Arg& query, const Arg& key, const Arg& value,
                                       const ForwardOptions& options = {}) const;

  Tensor in_proj_weight, q_proj_weight, k_proj_weight, v_proj_weight, in_proj_bias, bias_k, bias_v;
  Linear out_proj;

 private:
  struct Heads {
    Tensor query, key, value;
  };
  Heads project(const Tensor& query, const Tensor& key, const Tensor& value, Here here) const;
  Tensor split(const Tensor& projected, std::int64_t parts, Here here) const;

  std::int64_t embed_dim_, num_heads_;
  MultiheadAttentionOptions options_;
};

}  // namespace xgrad::nn
