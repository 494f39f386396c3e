// The layers of Vaswani et al., "Attention is all you need" (2017).
#pragma once
#include <xgrad/nn/attention.hpp>
#include <xgrad/nn/dropout.hpp>
#include <xgrad/nn/normalization.hpp>

#include <cstdint>
#include <optional>
#include <vector>

namespace xgrad::nn {

// Between the two products of a layer's feed-forward part.
enum class TransformerActivation : std::uint8_t { relu, gelu };

// Options of an encoder or decoder layer. norm_first: normalise what goes into each part, not what comes out; bias off:
// none in any product or norm.
struct TransformerLayerOptions {
  std::int64_t dim_feedforward = 2048;
  double dropout = 0.1;
  TransformerActivation activation = TransformerActivation::relu;
  double layer_norm_eps = 1e-5;
  bool batch_first = false;
  bool norm_first = false;
  bool bias = true;
};

// Masks as MultiheadAttention takes them (a bool one: true is left out).
struct TransformerEncoderLayerForwardOptions {
  Tensor src_mask{};
  Tensor src_key_padding_mask{};
  bool is_causal = false;
};
struct TransformerEncoderForwardOptions {
  Tensor mask{};
  Tensor src_key_padding_mask{};
  bool is_causal = false;
};
struct TransformerDecoderForwardOptions {
  Tensor tgt_mask{};
  Tensor memory_mask{};
  Tensor tgt_key_padding_mask{};
  Tensor memory_key_padding_mask{};
  bool tgt_is_causal = false;
  bool memory_is_causal = false;
};

// x = norm1(x + attention(x)), then norm2(x + feed_forward(x)); with norm_first x + attention(norm1(x)), then
// x + feed_forward(norm2(x)), where feed_forward(x) = linear2(activation(linear1(x))) and dropout follows attention,
// activation and linear2. src is [L, N, d_model] (batch first [N, L, d_model], without a batch [L, d_model]).
// Children: self_attn, linear1, dropout, linear2, norm1, norm2, dropout1, dropout2. Errors as MultiheadAttention.
class TransformerEncoderLayer : public Module {
 public:
  using ForwardOptions = TransformerEncoderLayerForwardOptions;

  TransformerEncoderLayer(std::int64_t d_model, std::int64_t nhead, const TransformerLayerOptions& options = {},
                          Here here = {});
  Tensor forward(const Arg& src, const ForwardOptions& options = {}) const;
  Tensor operator()(const Arg& src, const ForwardOptions& options = {}) const;
  // Another layer of the same sizes, with a copy of the parameters.
  TransformerEncoderLayer twin(Here here = {}) const;

  MultiheadAttention self_attn;
  Linear linear1;
  Dropout dropout;
  Linear linear2;
  LayerNorm norm1, norm2;
  Dropout dropout1, dropout2;

 private:
  std::int64_t d_model_, nhead_;
  TransformerLayerOptions options_;
};

// num_layers twins of a layer, one after the other, then norm where there is one. Children: layers.0, layers.1, ...,
// norm. ValueError unless num_layers >= 0.
class TransformerEncoder : public Module {
 public:
  using ForwardOptions = TransformerEncoderForwardOptions;

  TransformerEncoder(const TransformerEncoderLayer& encoder_layer, std::int64_t num_layers,
                     std::optional<LayerNorm> norm = {}, Here here = {});
  Tensor forward(const Arg& src, const ForwardOptions& options = {}) const;
  Tensor operator()(const Arg& src, const ForwardOptions& options = {}) const;

  std::vector<TransformerEncoderLayer> layers;
  std::optional<LayerNorm> norm;
};

// As the encoder's layer, with attention to the encoder's output (memory) between attention to itself and feed_forward:
// self_attn and norm1, multihead_attn and norm2, feed_forward and norm3. tgt [L, N, d_model], memory [S, N, d_model].
// Children: self_attn, multihead_attn, linear1, dropout, linear2, norm1, norm2, norm3, dropout1, dropout2, dropout3.
class TransformerDecoderLayer : public Module {
 public:
  using ForwardOptions = TransformerDecoderForwardOptions;

  TransformerDecoderLayer(std::int64_t d_model, std::int64_t nhead, const TransformerLayerOptions& options = {},
                          Here here = {});
  Tensor forward(const Arg& tgt, const Arg& memory, const ForwardOptions& options = {}) const;
  Tensor operator()(const Arg& tgt, const Arg& memory, const ForwardOptions& options = {}) const;
  TransformerDecoderLayer twin(Here here = {}) const;

  MultiheadAttention self_attn, multihead_attn;
  Linear linear1;
  Dropout dropout;
  Linear linear2;
  LayerNorm norm1, norm2, norm3;
  Dropout dropout1, dropout2, dropout3;

 private:
  std::int64_t d_model_, nhead_;
  TransformerLayerOptions options_;
};

// num_layers twins of a layer, one after the other, then norm where there is one.
class TransformerDecoder : public Module {
 public:
  using ForwardOptions = TransformerDecoderForwardOptions;

  TransformerDecoder(const TransformerDecoderLayer& decoder_layer, std::int64_t num_layers,
                     std::optional<LayerNorm> norm = {}, Here here = {});
  Tensor forward(const Arg& tgt, const Arg& memory, const ForwardOptions& options = {}) const;
  Tensor operator()(const Arg& tgt, const Arg& memory, const ForwardOptions& options = {}) const;

  std::vector<TransformerDecoderLayer> layers;
  std::optional<LayerNorm> norm;
};

struct TransformerOptions {
  std::int64_t num_encoder_layers = 6;
  std::int64_t num_decoder_layers = 6;
  std::int64_t dim_feedforward = 2048;
  double dropout = 0.1;
  TransformerActivation activation = TransformerActivation::relu;
  double layer_norm_eps = 1e-5;
  bool batch_first = false;
  bool norm_first = false;
  bool bias = true;
};
struct TransformerForwardOptions {
  Tensor src_mask{};
  Tensor tgt_mask{};
  Tensor memory_mask{};
  Tensor src_key_padding_mask{};
  Tensor tgt_key_padding_mask{};
  Tensor memory_key_padding_mask{};
  bool src_is_causal = false;
  bool tgt_is_causal = false;
  bool memory_is_causal = false;
};

// decoder(tgt, encoder(src)), each with a norm at its end. src [S, N, d_model] and tgt [T, N, d_model] give
// [T, N, d_model]. All matrices are uniform by Xavier at first. Children: encoder, decoder.
class Transformer : public Module {
 public:
  using ForwardOptions = TransformerForwardOptions;

  explicit Transformer(std::int64_t d_model = 512, std::int64_t nhead = 8, const TransformerOptions& options = {},
                       Here here = {});
  Tensor forward(const Arg& src, const Arg& tgt, const ForwardOptions& options = {}) const;
  Tensor operator()(const Arg& src, const Arg& tgt, const ForwardOptions& options = {}) const;
  // [size, size] of the default dtype: 0 where the key is not later than the query, else -inf.
  static Tensor generate_square_subsequent_mask(std::int64_t size, Here here = {});

  TransformerEncoder encoder;
  TransformerDecoder decoder;
};

}  // namespace xgrad::nn
