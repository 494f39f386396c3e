#include <xgrad/nn/embedding.hpp>
#include <xgrad/ops/gather.hpp>

#include "core/check.hpp"
#include "core/tensor_impl.hpp"

namespace xgrad::nn {

using namespace xgrad::detail;

Embedding::Embedding(std::int64_t num_embeddings, std::int64_t embedding_dim, const EmbeddingOptions& options,
                     Here here)
    : options_(options) {
  check<ValueError>(num_embeddings >= 0 && embedding_dim >= 0, here,
                    "Embedding: sizes must not be negative, got num_embeddings {} and embedding_dim {}", num_embeddings,
                    embedding_dim);
  std::string description = fmt::format("{}, {}", num_embeddings, embedding_dim);
  std::optional<std::int64_t>& padding = options_.padding_idx;
  if (padding) {
    check<IndexError>(*padding >= -num_embeddings && *padding < num_embeddings, here,
                      "Embedding: padding_idx {} is out of range for {} rows", *padding, num_embeddings);
    if (*padding < 0) *padding += num_embeddings;
    description += fmt::format(", padding_idx={}", *padding);
  }
  if (options.scale_grad_by_freq) description += ", scale_grad_by_freq=true";
  weight = make_tensor({num_embeddings, embedding_dim}, get_default_dtype()).normal_(0, 1, here);
  if (padding) weight.select(0, *padding, here).zero_(here);
  register_parameter("weight", weight, true, here);
  set_description(std::move(description));
}

Tensor Embedding::forward(const Arg& indices) const {
  check_alive(indices.here());
  return embedding({weight, indices.here()}, indices, options_.padding_idx, options_.scale_grad_by_freq);
}

}  // namespace xgrad::nn
