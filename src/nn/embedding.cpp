#include <xgrad/autograd.hpp>
#include <xgrad/nn/embedding.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/embedding_bag.hpp>
#include <xgrad/ops/gather.hpp>

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "core/check.hpp"
#include "core/dispatch.hpp"
#include "core/tensor_impl.hpp"
#include "nn/description.hpp"
#include "ops/embedding_bag.hpp"

namespace xgrad::nn {

using namespace xgrad::detail;

namespace {

// From the end or the begin to the begin.
void wrap_padding(const char* layer, std::int64_t rows, std::optional<std::int64_t>& padding, Here here) {
  if (!padding) return;
  check<IndexError>(*padding >= -rows && *padding < rows, here, "{}: padding_idx {} is out of range for {} rows", layer,
                    *padding, rows);
  if (*padding < 0) *padding += rows;
}

// Rows from the normal distribution. padding counts from the begin afterwards; its row is zero.
Tensor new_table(const char* layer, std::int64_t rows, std::int64_t columns, std::optional<std::int64_t>& padding,
                 Here here) {
  check<ValueError>(rows >= 0 && columns >= 0, here,
                    "{}: sizes must not be negative, got num_embeddings {} and embedding_dim {}", layer, rows, columns);
  wrap_padding(layer, rows, padding, here);
  Tensor table = make_tensor({rows, columns}, get_default_dtype()).normal_(0, 1, here);
  if (padding) table.select(0, *padding, here).zero_(here);
  return table;
}

// A table that is there already, apart from its history.
Tensor given_table(const char* layer, const Tensor& embeddings, Here here) {
  check<ShapeError>(embeddings.dim() == 2, here, "{}: expected embeddings [num_embeddings, embedding_dim], got {}",
                    layer, embeddings.sizes());
  check_floating(layer, embeddings, here);
  return embeddings.detach(here);
}

// ", max_norm=1.0, norm_type=3.0, scale_grad_by_freq=True": what both layers print of their options.
template <class Options>
std::string options_text(const Options& options) {
  std::string text;
  if (options.max_norm) text += ", max_norm=" + float_text(*options.max_norm);
  if (options.norm_type != 2) text += ", norm_type=" + float_text(options.norm_type);
  if (options.scale_grad_by_freq) text += ", scale_grad_by_freq=True";
  return text;
}

// Scales rows that are looked up and longer than max_norm down to it, as PyTorch does: by max_norm / (norm + 1e-7).
// Indices that the lookup refuses change nothing.
template <class Options>
void limit_rows(const Tensor& weight, const Arg& indices, const Options& options) {
  if (!options.max_norm || indices->dtype() != Dtype::int64) return;
  const Here here = indices.here();
  const Tensor list = dense(indices.tensor());
  const std::int64_t* first = data<std::int64_t>(list);
  std::vector<std::int64_t> rows(first, first + list.numel());
  std::sort(rows.begin(), rows.end());
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  if (rows.empty() || rows.front() < 0 || rows.back() >= weight.size(0)) return;
  const NoGradGuard no_grad;
  const Tensor numbers = tensor(std::span<const std::int64_t>(rows));
  const std::vector<double> norms =
      weight.index_select(0, numbers, here).norm(options.norm_type, Dims(1), false, here).template to_vector<double>();
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (norms[i] > *options.max_norm)
      weight.detach(here).select(0, rows[i], here).mul_({*options.max_norm / (norms[i] + 1e-7), here});
}

}  // namespace

Embedding::Embedding(std::int64_t num_embeddings, std::int64_t embedding_dim, const EmbeddingOptions& options,
                     Here here)
    : options_(options) {
  weight = new_table("Embedding", num_embeddings, embedding_dim, options_.padding_idx, here);
  describe_and_register(true, here);
}

Embedding::Embedding(Tensor table, const EmbeddingOptions& options, bool trained, Here here)
    : weight(std::move(table)), options_(options) {
  wrap_padding("Embedding", weight.size(0), options_.padding_idx, here);
  describe_and_register(trained, here);
}

void Embedding::describe_and_register(bool trained, Here here) {
  std::string description = fmt::format("{}, {}", weight.size(0), weight.size(1));
  if (options_.padding_idx) description += fmt::format(", padding_idx={}", *options_.padding_idx);
  register_parameter("weight", weight, trained, here);
  set_description(description + options_text(options_));
}

Embedding Embedding::from_pretrained(const Tensor& embeddings, const PretrainedEmbeddingOptions& options, Here here) {
  return Embedding(given_table("Embedding", embeddings, here),
                   {.padding_idx = options.padding_idx,
                    .max_norm = options.max_norm,
                    .norm_type = options.norm_type,
                    .scale_grad_by_freq = options.scale_grad_by_freq},
                   !options.freeze, here);
}

Tensor Embedding::forward(const Arg& indices) const {
  check_alive(indices.here());
  limit_rows(weight, indices, options_);
  return embedding({weight, indices.here()}, indices, options_.padding_idx, options_.scale_grad_by_freq);
}

EmbeddingBag::EmbeddingBag(std::int64_t num_embeddings, std::int64_t embedding_dim, const EmbeddingBagOptions& options,
                           Here here)
    : options_(options) {
  weight = new_table("EmbeddingBag", num_embeddings, embedding_dim, options_.padding_idx, here);
  describe_and_register(true, here);
}

EmbeddingBag::EmbeddingBag(Tensor table, const EmbeddingBagOptions& options, bool trained, Here here)
    : weight(std::move(table)), options_(options) {
  wrap_padding("EmbeddingBag", weight.size(0), options_.padding_idx, here);
  describe_and_register(trained, here);
}

void EmbeddingBag::describe_and_register(bool trained, Here here) {
  const std::string& mode = options_.mode;
  check<ValueError>(mode == "sum" || mode == "mean" || mode == "max", here,
                    "EmbeddingBag: expected mode sum, mean or max, got \"{}\"", mode);
  std::string description =
      fmt::format("{}, {}{}, mode={}", weight.size(0), weight.size(1), options_text(options_), mode);
  if (options_.padding_idx) description += fmt::format(", padding_idx={}", *options_.padding_idx);
  register_parameter("weight", weight, trained, here);
  set_description(std::move(description));
}

EmbeddingBag EmbeddingBag::from_pretrained(const Tensor& embeddings, const PretrainedEmbeddingBagOptions& options,
                                           Here here) {
  return EmbeddingBag(given_table("EmbeddingBag", embeddings, here),
                      {.max_norm = options.max_norm,
                       .norm_type = options.norm_type,
                       .scale_grad_by_freq = options.scale_grad_by_freq,
                       .mode = options.mode,
                       .include_last_offset = options.include_last_offset,
                       .padding_idx = options.padding_idx},
                      !options.freeze, here);
}

Tensor EmbeddingBag::forward(const Arg& input, const Tensor& offsets, const Tensor& per_sample_weights) const {
  check_alive(input.here());
  const Arg table(weight, input.here());
  const xgrad::EmbeddingBagOptions options{.scale_grad_by_freq = options_.scale_grad_by_freq,
                                           .mode = options_.mode,
                                           .per_sample_weights = per_sample_weights,
                                           .include_last_offset = options_.include_last_offset,
                                           .padding_idx = options_.padding_idx};
  if (options_.max_norm) {
    check_embedding_bag(input, table, offsets, options);
    limit_rows(weight, input, options_);
  }
  return embedding_bag(input, table, offsets, options);
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
