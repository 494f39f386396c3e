// Attention and the Transformer's layers.
#include <xgrad/nn/attention.hpp>
#include <xgrad/nn/functional.hpp>
#include <xgrad/nn/transformer.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/join.hpp>

#include <limits>
#include <stdexcept>

#include "reference/calls.hpp"

namespace reference {
namespace {

namespace nn = xgrad::nn;

// A mask together with is_causal, which the function itself refuses.
Tensor without_later_keys(const Tensor& mask, const Tensor& query, const Tensor& key) {
  const Tensor seen = xgrad::ones({query.size(-2), key.size(-2)}, {.dtype = xgrad::bool_}).tril();
  if (mask.dtype() == xgrad::bool_) return mask.logical_and(seen);
  return mask.masked_fill(seen.logical_not(), -std::numeric_limits<double>::infinity());
}

TensorList dot_product_attention(const Inputs& in) {
  const Tensor query = in["query"], key = in["key"], mask = in["attn_mask"];
  const bool causal = in.attr("is_causal", false), both = causal && mask.defined();
  return {nn::functional::scaled_dot_product_attention(query, key, in["value"],
                                                       {.attn_mask = both ? without_later_keys(mask, query, key) : mask,
                                                        .is_causal = causal && !both,
                                                        .scale = in.optional<double>("scale")})};
}

TensorList attention(const Inputs& in) {
  const std::int64_t embed = in["query"].size(-1), kdim = in["key"].size(-1), vdim = in["value"].size(-1);
  nn::MultiheadAttention m(embed, in.attr<std::int64_t>("num_heads"),
                           {.bias = in["in_proj_bias"].defined(),
                            .add_bias_kv = in["bias_k"].defined(),
                            .add_zero_attn = in.attr("add_zero_attn", false),
                            .kdim = kdim,
                            .vdim = vdim,
                            .batch_first = in.attr("batch_first", false)});
  m.in_proj_weight = in["in_proj_weight"];
  const TensorList apart{in["q_proj_weight"], in["k_proj_weight"], in["v_proj_weight"]};
  if (apart[0].defined() && kdim == embed && vdim == embed)
    m.in_proj_weight = xgrad::cat(apart);
  else
    m.q_proj_weight = apart[0], m.k_proj_weight = apart[1], m.v_proj_weight = apart[2];
  m.in_proj_bias = in["in_proj_bias"];
  m.bias_k = in["bias_k"];
  m.bias_v = in["bias_v"];
  m.out_proj.weight = in["out_proj.weight"];
  m.out_proj.bias = in["out_proj.bias"];
  const bool need_weights = in.attr("need_weights", false);
  const auto [output, weights] = m(in["query"], in["key"], in["value"],
                                   {.key_padding_mask = in["key_padding_mask"],
                                    .need_weights = need_weights,
                                    .attn_mask = in["attn_mask"],
                                    .average_attn_weights = in.attr("average_attn_weights", true)});
  if (weights.defined() != need_weights) throw std::runtime_error("weights are given where nobody asked, or not");
  return need_weights ? TensorList{output, weights} : TensorList{output};
}

TensorList encoder_layer(const Inputs& in) {
  const bool gelu = in.attr<std::string>("activation", "relu") == "gelu";
  nn::TransformerEncoderLayer layer(
      in.attr<std::int64_t>("d_model"), in.attr<std::int64_t>("nhead"),
      {.dim_feedforward = in.attr<std::int64_t>("dim_feedforward", 2048),
       .dropout = 0,
       .activation = gelu ? nn::TransformerActivation::gelu : nn::TransformerActivation::relu,
       .layer_norm_eps = in.attr("layer_norm_eps", 1e-5),
       .batch_first = in.attr("batch_first", false),
       .norm_first = in.attr("norm_first", false)});
  const std::vector<std::pair<std::string, Tensor*>> members{
      {"self_attn.in_proj_weight", &layer.self_attn.in_proj_weight},
      {"self_attn.in_proj_bias", &layer.self_attn.in_proj_bias},
      {"self_attn.out_proj.weight", &layer.self_attn.out_proj.weight},
      {"self_attn.out_proj.bias", &layer.self_attn.out_proj.bias},
      {"linear1.weight", &layer.linear1.weight},
      {"linear1.bias", &layer.linear1.bias},
      {"linear2.weight", &layer.linear2.weight},
      {"linear2.bias", &layer.linear2.bias},
      {"norm1.weight", &layer.norm1.weight},
      {"norm1.bias", &layer.norm1.bias},
      {"norm2.weight", &layer.norm2.weight},
      {"norm2.bias", &layer.norm2.bias}};
  if (layer.state_dict().keys().size() != members.size()) throw std::runtime_error("the layer has other parameters");
  for (const auto& [name, tensor] : members) {
    if (!layer.state_dict().contains(name)) throw std::runtime_error("the layer has no " + name);
    *tensor = in[name];
  }
  return {layer(in["src"], {.src_mask = in["src_mask"], .src_key_padding_mask = in["src_key_padding_mask"]})};
}

}  // namespace

void layer(Calls& calls) {
  calls.add("scaled_dot_product_attention", dot_product_attention);
  calls.add("multi_head_attention_forward", attention);
  calls.add("transformer_encoder_layer", encoder_layer);
}

}  // namespace reference
