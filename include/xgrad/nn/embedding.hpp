// A table of vectors, looked up by number.
#pragma once
#include <xgrad/nn/module.hpp>

#include <cstdint>
#include <optional>

namespace xgrad::nn {

// padding_idx: a row that is zero at first and never gets a gradient; negative counts from the end. scale_grad_by_freq:
// the gradient of a row is divided by how often its index occurs.
struct EmbeddingOptions {
  std::optional<std::int64_t> padding_idx{};
  bool scale_grad_by_freq = false;
};
// Rows of weight by int64 indices: [...] -> [..., embedding_dim].
// Parameter: weight [num_embeddings, embedding_dim], normal with mean 0 and variance 1 at first. IndexError for an
// index outside 0..num_embeddings-1, DtypeError unless int64; of the constructor: ValueError for a size below 0,
// IndexError for a padding_idx out of range.
class Embedding : public Module {
 public:
  Embedding(std::int64_t num_embeddings, std::int64_t embedding_dim, const EmbeddingOptions& options = {},
            Here here = {});
  Tensor forward(const Arg& indices) const;
  Tensor operator()(const Arg& indices) const { return forward(indices); }

  Tensor weight;

 private:
  EmbeddingOptions options_;
};

}  // namespace xgrad::nn
