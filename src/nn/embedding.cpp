#include <xgrad/nn/embedding.hpp>
#include <xgrad/ops/embedding_bag.hpp>
#include <xgrad/ops/gather.hpp>

#include "core/check.hpp"
#include "core/tensor_impl.hpp"

namespace xgrad::nn {

using namespace xgrad::detail;

// Rows from the normal distribution. padding counts from the begin afterwards; its row is zero.
static Tensor new_table(const char* layer, std::int64_t rows, std::int64_t columns,
                        std::optional<std::int64_t>& padding, Here here) {
  check<ValueError>(rows >= 0 && columns >= 0, here,
                    "{}: sizes must not be negative, got num_embeddings {} and embedding_dim {}", layer, rows, columns);
  if (padding) {
    check<IndexError>(*padding >= -rows && *padding < rows, here, "{}: padding_idx {} is out of range for {} rows",
                      layer, *padding, rows);
    if (*padding < 0) *padding += rows;
  }
  Tensor table = make_tensor({rows, columns}, get_default_dtype()).normal_(0, 1, here);
  if (padding) table.select(0, *padding, here).zero_(here);
  return table;
}

Embedding::Embedding(std::int64_t num_embeddings, std::int64_t embedding_dim, const EmbeddingOptions& options,
                     Here here)
    : options_(options) {
  weight = new_table("Embedding", num_embeddings, embedding_dim, options_.padding_idx, here);
  std::string description = fmt::format("{}, {}", num_embeddings, embedding_dim);
  if (options_.padding_idx) description += fmt::format(", padding_idx={}", *options_.padding_idx);
  if (options.scale_grad_by_freq) description += ", scale_grad_by_freq=true";
  register_parameter("weight", weight, true, here);
  set_description(std::move(description));
}

Tensor Embedding::forward(const Arg& indices) const {
  check_alive(indices.here());
  return embedding({weight, indices.here()}, indices, options_.padding_idx, options_.scale_grad_by_freq);
}

EmbeddingBag::EmbeddingBag(std::int64_t num_embeddings, std::int64_t embedding_dim, const EmbeddingBagOptions& options,
                           Here here)
    : options_(options) {
  check<ValueError>(options.mode == "sum" || options.mode == "mean" || options.mode == "max", here,
                    "EmbeddingBag: expected mode sum, mean or max, got \"{}\"", options.mode);
  weight = new_table("EmbeddingBag", num_embeddings, embedding_dim, options_.padding_idx, here);
  std::string description = fmt::format("{}, {}", num_embeddings, embedding_dim);
  if (options.scale_grad_by_freq) description += ", scale_grad_by_freq=true";
  description += ", mode=" + options.mode;
  if (options_.padding_idx) description += fmt::format(", padding_idx={}", *options_.padding_idx);
  register_parameter("weight", weight, true, here);
  set_description(std::move(description));
}

Tensor EmbeddingBag::forward(const Arg& input, const Tensor& offsets, const Tensor& per_sample_weights) const {
  check_alive(input.here());
  return embedding_bag(input, {weight, input.here()}, offsets,
                       {.scale_grad_by_freq = options_.scale_grad_by_freq,
                        .mode = options_.mode,
                        .per_sample_weights = per_sample_weights,
                        .include_last_offset = options_.include_last_offset,
                        .padding_idx = options_.padding_idx});
}
Tensor EmbeddingBag::operator()(const Arg& input, const Tensor& offsets, const Tensor& per_sample_weights) const {
  return call(
      input.here(),
      [&](const Tensor& rows, const Tensor& o, const Tensor& w) {
        return forward({rows, input.here()}, o, w);
      },
      input.tensor(), offsets, per_sample_weights);
}

}  // namespace xgrad::nn
