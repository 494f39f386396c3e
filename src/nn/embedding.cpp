#include <xgrad/nn/embedding.hpp>
#include <xgrad/ops/gather.hpp>

#include "core/check.hpp"
#include "core/tensor_impl.hpp"

namespace xgrad::nn {

using namespace xgrad::detail;

Embedding::Embedding(std::int64_t num_embeddings, std::int64_t embedding_dim, const EmbeddingOptions& options,
                     Here here)
    : padding_idx_(options.padding_idx) {
  check<ValueError>(num_embeddings >= 0 && embedding_dim >= 0, here,
                    "Embedding: sizes must not be negative, got num_embeddings {} and embedding_dim {}", num_embeddings,
                    embedding_dim);
  std::string description = fmt::format("{}, {}", num_embeddings, embedding_dim);
  if (padding_idx_) {
    check<IndexError>(*padding_idx_ >= -num_embeddings && *padding_idx_ < num_embeddings, here,
                      "Embedding: padding_idx {} is out of range for {} rows", *padding_idx_, num_embeddings);
    if (*padding_idx_ < 0) *padding_idx_ += num_embeddings;
    description += fmt::format(", padding_idx={}", *padding_idx_);
  }
  weight = make_tensor({num_embeddings, embedding_dim}, get_default_dtype()).normal_(0, 1, here);
  if (padding_idx_) weight.select(0, *padding_idx_, here).zero_(here);
  register_parameter("weight", weight, true, here);
  set_description(std::move(description));
}

Tensor Embedding::forward(const Arg& indices) const {
  check_alive(indices.here());
  return embedding({weight, indices.here()}, indices, padding_idx_);
}

}  // namespace xgrad::nn
