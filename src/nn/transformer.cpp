#include <xgrad/nn/init.hpp>
#include <xgrad/nn/transformer.hpp>
#include <xgrad/ops/activation.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/pointwise.hpp>

#include <limits>

#include "core/check.hpp"

namespace xgrad::nn {

using namespace xgrad::detail;

namespace {

MultiheadAttention attention(std::int64_t d_model, std::int64_t nhead, const TransformerLayerOptions& options,
                             Here here) {
  return MultiheadAttention(
      d_model, nhead, {.dropout = options.dropout, .bias = options.bias, .batch_first = options.batch_first}, here);
}
Linear affine(std::int64_t in, std::int64_t out, const TransformerLayerOptions& options, Here here) {
  return Linear(in, out, {.bias = options.bias}, here);
}
LayerNorm norm_of(std::int64_t d_model, const TransformerLayerOptions& options, Here here) {
  return LayerNorm({d_model}, {.eps = options.layer_norm_eps, .bias = options.bias}, here);
}

// The residual step around a part of a layer.
template <class Part>
Tensor step(const Tensor& x, const LayerNorm& norm, bool norm_first, Here here, const Part& part) {
  if (norm_first) return x.add({part(norm({x, here})), here});
  return norm({x.add({part(x), here}), here});
}

template <class Layer>
Tensor feed_forward(const Layer& layer, const Tensor& x, const Dropout& last, TransformerActivation activation,
                    Here here) {
  const Tensor wide = layer.linear1({x, here});
  const Tensor active = activation == TransformerActivation::relu ? relu({wide, here}) : gelu({wide, here});
  return last({layer.linear2({layer.dropout({active, here}), here}), here});
}

// The layers under their numbers: a child of its own, so that they are called layers.0, layers.1, ...
class ModuleList : public Module {};

template <class Layer>
std::vector<Layer> repeated(const char* name, const Layer& layer, std::int64_t count, ModuleList& list, Here here) {
  check<ValueError>(count >= 0, here, "{}: num_layers must not be negative, got {}", name, count);
  std::vector<Layer> layers;
  for (std::int64_t i = 0; i < count; ++i) layers.push_back(list.register_module(std::to_string(i), layer.twin(here)));
  return layers;
}

template <class Layer>
Layer loaded(Layer twin, const Layer& layer, Here here) {
  twin.to(layer.linear1.weight.dtype());
  twin.load_state_dict(layer.state_dict(), {}, here);
  twin.train(layer.is_training());
  return twin;
}

}  // namespace

TransformerEncoderLayer::TransformerEncoderLayer(std::int64_t d_model, std::int64_t nhead,
                                                 const TransformerLayerOptions& options, Here here)
    : self_attn(register_module("self_attn", attention(d_model, nhead, options, here))),
      linear1(register_module("linear1", affine(d_model, options.dim_feedforward, options, here))),
      dropout(register_module("dropout", Dropout(options.dropout, here))),
      linear2(register_module("linear2", affine(options.dim_feedforward, d_model, options, here))),
      norm1(register_module("norm1", norm_of(d_model, options, here))),
      norm2(register_module("norm2", norm_of(d_model, options, here))),
      dropout1(register_module("dropout1", Dropout(options.dropout, here))),
      dropout2(register_module("dropout2", Dropout(options.dropout, here))),
      d_model_(d_model),
      nhead_(nhead),
      options_(options) {}

Tensor TransformerEncoderLayer::forward(const Arg& src, const ForwardOptions& options) const {
  const Here here = src.here();
  check_alive(here);
  const Tensor x = step(src.tensor(), norm1, options_.norm_first, here, [&](const Tensor& t) {
    return dropout1({self_attn({t, here}, {t, here}, {t, here},
                               {.key_padding_mask = options.src_key_padding_mask,
                                .need_weights = false,
                                .attn_mask = options.src_mask,
                                .is_causal = options.is_causal})
                         .first,
                     here});
  });
  return step(x, norm2, options_.norm_first, here,
              [&](const Tensor& t) { return feed_forward(*this, t, dropout2, options_.activation, here); });
}
Tensor TransformerEncoderLayer::operator()(const Arg& src, const ForwardOptions& options) const {
  return call(
      src.here(),
      [&](const Tensor& a) {
        return forward({a, src.here()}, options);
      },
      src.tensor());
}

TransformerEncoderLayer TransformerEncoderLayer::twin(Here here) const {
  check_alive(here);
  return loaded(TransformerEncoderLayer(d_model_, nhead_, options_, here), *this, here);
}

TransformerEncoder::TransformerEncoder(const TransformerEncoderLayer& encoder_layer, std::int64_t num_layers,
                                       std::optional<LayerNorm> last, Here here) {
  ModuleList list;
  layers = repeated("TransformerEncoder", encoder_layer, num_layers, list, here);
  register_module("layers", std::move(list), here);
  if (last) norm = register_module("norm", std::move(*last), here);
}

Tensor TransformerEncoder::forward(const Arg& src, const ForwardOptions& options) const {
  const Here here = src.here();
  check_alive(here);
  Tensor x = src.tensor();
  for (const TransformerEncoderLayer& layer : layers)
    x = layer({x, here}, {.src_mask = options.mask,
                          .src_key_padding_mask = options.src_key_padding_mask,
                          .is_causal = options.is_causal});
  return norm ? (*norm)({x, here}) : x;
}
Tensor TransformerEncoder::operator()(const Arg& src, const ForwardOptions& options) const {
  return call(
      src.here(),
      [&](const Tensor& a) {
        return forward({a, src.here()}, options);
      },
      src.tensor());
}

TransformerDecoderLayer::TransformerDecoderLayer(std::int64_t d_model, std::int64_t nhead,
                                                 const TransformerLayerOptions& options, Here here)
    : self_attn(register_module("self_attn", attention(d_model, nhead, options, here))),
      multihead_attn(register_module("multihead_attn", attention(d_model, nhead, options, here))),
      linear1(register_module("linear1", affine(d_model, options.dim_feedforward, options, here))),
      dropout(register_module("dropout", Dropout(options.dropout, here))),
      linear2(register_module("linear2", affine(options.dim_feedforward, d_model, options, here))),
      norm1(register_module("norm1", norm_of(d_model, options, here))),
      norm2(register_module("norm2", norm_of(d_model, options, here))),
      norm3(register_module("norm3", norm_of(d_model, options, here))),
      dropout1(register_module("dropout1", Dropout(options.dropout, here))),
      dropout2(register_module("dropout2", Dropout(options.dropout, here))),
      dropout3(register_module("dropout3", Dropout(options.dropout, here))),
      d_model_(d_model),
      nhead_(nhead),
      options_(options) {}

Tensor TransformerDecoderLayer::forward(const Arg& tgt, const Arg& memory, const ForwardOptions& options) const {
  const Here here = tgt.here();
  check_alive(here);
  const bool first = options_.norm_first;
  Tensor x = step(tgt.tensor(), norm1, first, here, [&](const Tensor& t) {
    return dropout1({self_attn({t, here}, {t, here}, {t, here},
                               {.key_padding_mask = options.tgt_key_padding_mask,
                                .need_weights = false,
                                .attn_mask = options.tgt_mask,
                                .is_causal = options.tgt_is_causal})
                         .first,
                     here});
  });
  x = step(x, norm2, first, here, [&](const Tensor& t) {
    return dropout2({multihead_attn({t, here}, memory, memory,
                                    {.key_padding_mask = options.memory_key_padding_mask,
                                     .need_weights = false,
                                     .attn_mask = options.memory_mask,
                                     .is_causal = options.memory_is_causal})
                         .first,
                     here});
  });
  return step(x, norm3, first, here,
              [&](const Tensor& t) { return feed_forward(*this, t, dropout3, options_.activation, here); });
}
Tensor TransformerDecoderLayer::operator()(const Arg& tgt, const Arg& memory, const ForwardOptions& options) const {
  return call(
      tgt.here(),
      [&](const Tensor& a, const Tensor& b) {
        return forward({a, tgt.here()}, {b, tgt.here()}, options);
      },
      tgt.tensor(), memory.tensor());
}

TransformerDecoderLayer TransformerDecoderLayer::twin(Here here) const {
  check_alive(here);
  return loaded(TransformerDecoderLayer(d_model_, nhead_, options_, here), *this, here);
}

TransformerDecoder::TransformerDecoder(const TransformerDecoderLayer& decoder_layer, std::int64_t num_layers,
                                       std::optional<LayerNorm> last, Here here) {
  ModuleList list;
  layers = repeated("TransformerDecoder", decoder_layer, num_layers, list, here);
  register_module("layers", std::move(list), here);
  if (last) norm = register_module("norm", std::move(*last), here);
}

Tensor TransformerDecoder::forward(const Arg& tgt, const Arg& memory, const ForwardOptions& options) const {
  const Here here = tgt.here();
  check_alive(here);
  Tensor x = tgt.tensor();
  for (const TransformerDecoderLayer& layer : layers) x = layer({x, here}, memory, options);
  return norm ? (*norm)({x, here}) : x;
}
Tensor TransformerDecoder::operator()(const Arg& tgt, const Arg& memory, const ForwardOptions& options) const {
  return call(
      tgt.here(),
      [&](const Tensor& a, const Tensor& b) {
        return forward({a, tgt.here()}, {b, tgt.here()}, options);
      },
      tgt.tensor(), memory.tensor());
}

namespace {

TransformerLayerOptions layer_options(const TransformerOptions& options) {
  return {.dim_feedforward = options.dim_feedforward,
          .dropout = options.dropout,
          .activation = options.activation,
          .layer_norm_eps = options.layer_norm_eps,
          .batch_first = options.batch_first,
          .norm_first = options.norm_first,
          .bias = options.bias};
}
template <class Stack, class Layer>
Stack stack_of(std::int64_t d_model, std::int64_t nhead, std::int64_t count, const TransformerLayerOptions& options,
               Here here) {
  return Stack(Layer(d_model, nhead, options, here), count, norm_of(d_model, options, here), here);
}

}  // namespace

Transformer::Transformer(std::int64_t d_model, std::int64_t nhead, const TransformerOptions& options, Here here)
    : encoder(
          register_module("encoder", stack_of<TransformerEncoder, TransformerEncoderLayer>(
                                         d_model, nhead, options.num_encoder_layers, layer_options(options), here))),
      decoder(
          register_module("decoder", stack_of<TransformerDecoder, TransformerDecoderLayer>(
                                         d_model, nhead, options.num_decoder_layers, layer_options(options), here))) {
  for (const Tensor& parameter : parameters())
    if (parameter.dim() > 1) init::xavier_uniform_({parameter, here});
}

Tensor Transformer::forward(const Arg& src, const Arg& tgt, const ForwardOptions& options) const {
  check_alive(src.here());
  const Tensor memory = encoder(src, {.mask = options.src_mask,
                                      .src_key_padding_mask = options.src_key_padding_mask,
                                      .is_causal = options.src_is_causal});
  return decoder(tgt, {memory, src.here()},
                 {.tgt_mask = options.tgt_mask,
                  .memory_mask = options.memory_mask,
                  .tgt_key_padding_mask = options.tgt_key_padding_mask,
                  .memory_key_padding_mask = options.memory_key_padding_mask,
                  .tgt_is_causal = options.tgt_is_causal,
                  .memory_is_causal = options.memory_is_causal});
}
Tensor Transformer::operator()(const Arg& src, const Arg& tgt, const ForwardOptions& options) const {
  return call(
      src.here(),
      [&](const Tensor& a, const Tensor& b) {
        return forward({a, src.here()}, {b, src.here()}, options);
      },
      src.tensor(), tgt.tensor());
}

Tensor Transformer::generate_square_subsequent_mask(std::int64_t size, Here here) {
  return full({size, size}, -std::numeric_limits<double>::infinity(), {}, here).triu(1, here);
}

}  // namespace xgrad::nn
