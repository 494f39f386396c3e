// Sums, means and maxima of rows of a table.
#pragma once
#include <xgrad/tensor.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace xgrad {

// scale_grad_by_freq: the gradient of a row is divided by how often its index occurs; not for "max". mode: "sum",
// "mean" or "max" of a bag's rows. per_sample_weights: a factor for each index, in input's shape, for "sum" only.
// include_last_offset: the last offset is where the last bag ends, not where another begins. padding_idx: a row that
// does not count, neither in the mean's divisor; negative counts from the end.
struct EmbeddingBagOptions {
  bool scale_grad_by_freq = false;
  std::string mode = "mean";
  Tensor per_sample_weights{};
  bool include_last_offset = false;
  std::optional<std::int64_t> padding_idx{};
};

// For each bag of indices one row: y[b] = sum over k in the bag of per_sample_weights[k] weight[input[k]], their mean,
// or the largest element of each column (among equal ones the first gets the gradient); 0 for an empty bag. The rows
// are never copied. input int64: [B, n], bags of n, or [N] in bags that begin at offsets [B] (int64; the first is 0,
// none is smaller than the one before); weight [rows, D] floating; y [B, D]. Differentiable to any order by weight and
// per_sample_weights; the gradient of a large table is kept by rows, as embedding's. As in torch.nn.functional the
// indices come first. ShapeError, DtypeError; IndexError: an index, offset or padding_idx out of range; ValueError: an
// unknown mode, per_sample_weights or scale_grad_by_freq with a mode that has none.
Tensor embedding_bag(const Arg& input, const Arg& weight, const Tensor& offsets = {},
                     const EmbeddingBagOptions& options = {});

}  // namespace xgrad
