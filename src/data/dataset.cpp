#include <xgrad/data/dataset.hpp>
#include <xgrad/ops/join.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/check.hpp"
#include "core/tensor_impl.hpp"
#include "data/splitmix.hpp"

namespace xgrad::data {

namespace {
using detail::check;

Tensor index_tensor(const std::vector<std::int64_t>& indices) {
  const Tensor result = detail::make_tensor(Shape{static_cast<std::int64_t>(indices.size())}, int64);
  std::copy(indices.begin(), indices.end(), detail::data<std::int64_t>(result));
  return result;
}

TensorList rows(const TensorList& tensors, const std::vector<std::int64_t>& indices) {
  const Tensor index = index_tensor(indices);
  TensorList result;
  for (const Tensor& tensor : tensors) result.push_back(tensor.index_select(0, index));
  return result;
}

// The common first size.
std::int64_t row_count(const char* op, const TensorList& tensors, Here here) {
  check<ValueError>(!tensors.empty(), here, "{}: no tensor is given", op);
  for (const Tensor& tensor : tensors) {
    if (!tensor.defined()) detail::raise_undefined(here);
    check<ShapeError>(tensor.dim() > 0, here, "{}: a tensor of samples needs a first dimension, one is []", op);
    check<ShapeError>(tensor.size(0) == tensors[0].size(0), here,
                      "{}: the first sizes are the number of samples and must agree: {} and {} came", op,
                      tensors[0].sizes(), tensor.sizes());
  }
  return tensors[0].size(0);
}
}  // namespace

TensorList default_collate(const std::vector<TensorList>& samples, Here here) {
  std::vector<TensorList> columns(samples.empty() ? 0 : samples[0].size());
  for (std::size_t s = 0; s < samples.size(); ++s) {
    check<ValueError>(samples[s].size() == columns.size(), here,
                      "default_collate: sample 0 of the batch has {} tensors, sample {} has {}", columns.size(), s,
                      samples[s].size());
    for (std::size_t i = 0; i < columns.size(); ++i) columns[i].push_back(samples[s][i]);
  }
  TensorList batch;
  for (const TensorList& column : columns) batch.push_back(stack(column, 0, here));
  return batch;
}

TensorList Dataset::get_batch(const std::vector<std::int64_t>& indices) const {
  std::vector<TensorList> samples;
  samples.reserve(indices.size());
  for (const std::int64_t index : indices) samples.push_back(get(index));
  return default_collate(samples, Here{nullptr, 0});
}

TensorDataset::TensorDataset(TensorList tensors, Here here)
    : tensors_(std::move(tensors)), size_(row_count("TensorDataset", tensors_, here)) {
  for (Tensor& tensor : tensors_) tensor = tensor.detach();
}
TensorList TensorDataset::get(std::int64_t index) const {
  TensorList sample;
  for (const Tensor& tensor : tensors_) sample.push_back(tensor.select(0, index));
  return sample;
}
TensorList TensorDataset::get_batch(const std::vector<std::int64_t>& indices) const { return rows(tensors_, indices); }

Subset::Subset(DatasetPointer dataset, std::vector<std::int64_t> indices, Here here, int)
    : dataset_(std::move(dataset)), indices_(std::move(indices)) {
  check<ValueError>(dataset_ != nullptr, here, "Subset: there is no data set");
  for (const std::int64_t index : indices_)
    check<IndexError>(index >= 0 && index < dataset_->size(), here,
                      "Subset: index {} is out of range for a data set of {} samples", index, dataset_->size());
}
TensorList Subset::get(std::int64_t index) const {
  check<IndexError>(index >= 0 && index < size(), Here{nullptr, 0},
                    "Subset.get: index {} is out of range for {} samples", index, size());
  return dataset_->get(indices_[static_cast<std::size_t>(index)]);
}
TensorList Subset::get_batch(const std::vector<std::int64_t>& indices) const {
  std::vector<std::int64_t> inner;
  inner.reserve(indices.size());
  for (const std::int64_t index : indices) {
    check<IndexError>(index >= 0 && index < size(), Here{nullptr, 0},
                      "Subset.get_batch: index {} is out of range for {} samples", index, size());
    inner.push_back(indices_[static_cast<std::size_t>(index)]);
  }
  return dataset_->get_batch(inner);
}

std::vector<std::int64_t> shuffled_indices(std::int64_t count, std::uint64_t seed, std::uint64_t stream) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  detail::SplitMix random(seed, stream);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  return order;
}

SplitIndices split_indices(std::int64_t count, const SplitOptions& options, Here here) {
  check<ValueError>(options.test_size > 0 && options.test_size < 1, here,
                    "train_test_split: test_size is a fraction between 0 and 1, {} came", options.test_size);
  const std::int64_t test = std::llround(options.test_size * static_cast<double>(count));
  check<ValueError>(test > 0 && test < count, here,
                    "train_test_split: with test_size {} of {} samples one part has none", options.test_size, count);
  std::vector<std::int64_t> order;
  if (options.shuffle) {
    order = shuffled_indices(count, options.seed);
  } else {
    order.resize(static_cast<std::size_t>(count));
    std::iota(order.begin(), order.end(), std::int64_t{0});
  }
  const auto border = order.begin() + static_cast<std::ptrdiff_t>(count - test);
  return {{order.begin(), border}, {border, order.end()}};
}

std::pair<TensorList, TensorList> train_test_split(const TensorList& tensors, const SplitOptions& options, Here here) {
  const SplitIndices parts = split_indices(row_count("train_test_split", tensors, here), options, here);
  return {rows(tensors, parts.train), rows(tensors, parts.test)};
}

}  // namespace xgrad::data
