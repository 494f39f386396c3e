// A table of vectors, looked up by number, one by one or in bags.
#pragma once
#include <xgrad/nn/module.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace xgrad::nn {

// padding_idx: a row that is zero at first and never gets a gradient; negative counts from the end. scale_grad_by_freq:
// the gradient of a row is divided by how often its index occurs. max_norm: rows that are looked up are scaled down in
// place first, unrecorded, where their norm of order norm_type is larger.
struct EmbeddingOptions {
  std::optional<std::int64_t> padding_idx{};
  std::optional<double> max_norm{};
  double norm_type = 2;
  bool scale_grad_by_freq = false;
};
// Options of Embedding::from_pretrained. freeze: the table is not trained.
struct PretrainedEmbeddingOptions {
  bool freeze = true;
  std::optional<std::int64_t> padding_idx{};
  std::optional<double> max_norm{};
  double norm_type = 2;
  bool scale_grad_by_freq = false;
};
// Rows of weight by int64 indices: [...] -> [..., embedding_dim].
// Parameter: weight [num_embeddings, embedding_dim], normal with mean 0 and variance 1 at first. IndexError for an
// index outside 0..num_embeddings-1, DtypeError unless int64; of the constructor: ValueError for a size below 0,
// IndexError for a padding_idx out of range.
class Embedding : public Layer {
 public:
  Embedding(std::int64_t num_embeddings, std::int64_t embedding_dim, const EmbeddingOptions& options = {},
            Here here = {});
  // A table that is there already, [num_embeddings, embedding_dim], whose memory is shared. ShapeError unless it has
  // two dimensions, DtypeError unless it is floating.
  static Embedding from_pretrained(const Tensor& embeddings, const PretrainedEmbeddingOptions& options = {},
                                   Here here = {});
  Tensor forward(const Arg& indices) const override;

  Tensor weight;

 private:
  Embedding(Tensor table, const EmbeddingOptions& options, bool trained, Here here);
  void describe_and_register(bool trained, Here here);

  EmbeddingOptions options_;
};

// padding_idx: a row that is zero at first, never gets a gradient and counts in no bag. max_norm and norm_type as
// Embedding's; the other members are those of xgrad::EmbeddingBagOptions.
struct EmbeddingBagOptions {
  std::optional<double> max_norm{};
  double norm_type = 2;
  bool scale_grad_by_freq = false;
  std::string mode = "mean";
  bool include_last_offset = false;
  std::optional<std::int64_t> padding_idx{};
};
// Options of EmbeddingBag::from_pretrained. freeze: the table is not trained.
struct PretrainedEmbeddingBagOptions {
  bool freeze = true;
  std::optional<double> max_norm{};
  double norm_type = 2;
  bool scale_grad_by_freq = false;
  std::string mode = "mean";
  bool include_last_offset = false;
  std::optional<std::int64_t> padding_idx{};
};
// The sum, mean or maximum of each bag of rows, as embedding_bag: input [B, n], or [N] with offsets [B], to
// [B, embedding_dim].
// Parameter: weight, as Embedding's. Errors of the constructor as there, and ValueError for another mode; errors of a
// call as embedding_bag's, found before any row is scaled.
class EmbeddingBag : public Module {
 public:
  EmbeddingBag(std::int64_t num_embeddings, std::int64_t embedding_dim, const EmbeddingBagOptions& options = {},
               Here here = {});
  // A table that is there already; memory and errors as Embedding's.
  static EmbeddingBag from_pretrained(const Tensor& embeddings, const PretrainedEmbeddingBagOptions& options = {},
                                      Here here = {});
  Tensor forward(const Arg& input, const Tensor& offsets = {}, const Tensor& per_sample_weights = {}) const;
  Tensor operator()(const Arg& input, const Tensor& offsets = {}, const Tensor& per_sample_weights = {}) const;

  Tensor weight;

 private:
  EmbeddingBag(Tensor table, const EmbeddingBagOptions& options, bool trained, Here here);
  void describe_and_register(bool trained, Here here);

  EmbeddingBagOptions options_;
};

}  // namespace xgrad::nn
