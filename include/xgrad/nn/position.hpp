// Layers that tell a network where in a sequence an element stands.
#pragma once
#include <xgrad/nn/dropout.hpp>
#include <xgrad/nn/module.hpp>
#include <xgrad/ops/rotary.hpp>

#include <cstdint>

namespace xgrad::nn {

// Sine and cosine of each position in d_model / 2 wavelengths: [length, d_model], with sin((offset + p) / 10000^(2 i /
// d_model)) in column 2 i of row p and the cosine of the same in column 2 i + 1 (Vaswani et al., 2017,
// arXiv:1706.03762, section 3.5). Of an odd d_model the last column is a sine. dtype: the default one. ValueError:
// a negative length or offset, d_model below 1; DtypeError for a dtype that is not floating.
Tensor sinusoidal_encoding(std::int64_t length, std::int64_t d_model, std::int64_t offset = 0,
                           const TensorOptions& options = {}, Here here = {});

// What the layers below share: x alone begins at position 0; with an offset, which must not be negative, its first row
// is there, for a sequence that comes in parts.
class PositionLayer : public Layer {
 public:
  Tensor forward(const Arg& x) const override;
  virtual Tensor forward(const Arg& x, std::int64_t offset) const = 0;
  using Layer::operator();
  Tensor operator()(const Arg& x, std::int64_t offset) const;
};

// dropout: the share of elements of the sum that is dropped in training. max_len: the longest sequence. batch_first: x
// is [B, T, d_model] instead of [T, B, d_model].
struct PositionalEncodingOptions {
  double dropout = 0.1;
  std::int64_t max_len = 5000;
  bool batch_first = false;
};
// Adds sinusoidal_encoding to x and drops a part of the sum: x [T, B, d_model], with batch_first [B, T, d_model], or
// without a batch [T, d_model].
// Buffer: pe [max_len, 1, d_model], with batch_first [1, max_len, d_model], made in the default dtype. ShapeError: x
// has another shape, or goes past max_len; DtypeError: x has another dtype than pe; ValueError: d_model or max_len
// below 1, dropout outside [0, 1], a negative offset.
class PositionalEncoding : public PositionLayer {
 public:
  explicit PositionalEncoding(std::int64_t d_model, const PositionalEncodingOptions& options = {}, Here here = {});
  using PositionLayer::forward;
  Tensor forward(const Arg& x, std::int64_t offset) const override;

  Tensor pe;
  Dropout dropout;

 private:
  PositionalEncodingOptions options_;
};

// As RotaryOptions'.
struct RotaryEmbeddingOptions {
  double base = 10000;
  bool interleaved = true;
};
// xgrad::rotary_embedding of the first dim elements of each row, for queries and keys [..., T, head_dim]:
//   nn::RotaryEmbedding rotary(64);
//   const Tensor q = rotary(wq(x), seen), k = rotary(wk(x), seen);
// It has no parameters. ValueError: dim odd or negative, base not positive. Else errors as of the function.
class RotaryEmbedding : public PositionLayer {
 public:
  explicit RotaryEmbedding(std::int64_t dim, const RotaryEmbeddingOptions& options = {}, Here here = {});
  using PositionLayer::forward;
  Tensor forward(const Arg& x, std::int64_t offset) const override;

 private:
  std::int64_t dim_;
  RotaryEmbeddingOptions options_;
};

}  // namespace xgrad::nn
