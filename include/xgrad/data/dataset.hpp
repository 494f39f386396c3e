// Data sets: samples by number, each a list of tensors such as {image, label}.
#pragma once
#include <xgrad/tensor.hpp>

#include <concepts>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace xgrad::data {

// Tensor i of all samples, stacked along a new first dimension, for each i: what a batch is made of unless something
// else is asked for. ValueError: samples of different numbers of tensors; ShapeError, DtypeError: tensors that do not
// fit together.
TensorList default_collate(const std::vector<TensorList>& samples, Here here = {});

// The interface. A data set of one's own gives its size and its samples; get_batch is worth overriding where many
// samples can be fetched faster together, or are not all of one shape. A loader with worker threads calls both from
// several threads at once.
class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual std::int64_t size() const = 0;
  // Sample number `index`, 0 <= index < size().
  virtual TensorList get(std::int64_t index) const = 0;
  // Several samples: each of their tensors stacked along a new first dimension, by default_collate unless overridden.
  virtual TensorList get_batch(const std::vector<std::int64_t>& indices) const;

 protected:
  Dataset() = default;
  Dataset(const Dataset&) = default;
  Dataset(Dataset&&) = default;
  Dataset& operator=(const Dataset&) = default;
  Dataset& operator=(Dataset&&) = default;
};

using DatasetPointer = std::shared_ptr<const Dataset>;

// What takes a data set takes it by value (copied or moved) or as a shared pointer.
template <class D>
requires std::derived_from<D, Dataset> DatasetPointer share_dataset(D dataset) {
  return std::make_shared<const D>(std::move(dataset));
}
inline DatasetPointer share_dataset(DatasetPointer dataset) { return dataset; }
template <class D>
concept DatasetLike = requires(D dataset) {
  share_dataset(std::move(dataset));
};

// Rows of tensors that are in memory: sample i is the i-th slice of each along its first dimension.
class TensorDataset : public Dataset {
 public:
  // ShapeError unless all have the same first size; ValueError for an empty list.
  explicit TensorDataset(TensorList tensors, Here here = {});
  std::int64_t size() const override { return size_; }
  // Views of the rows.
  TensorList get(std::int64_t index) const override;
  // Copies of the rows.
  TensorList get_batch(const std::vector<std::int64_t>& indices) const override;
  const TensorList& tensors() const noexcept { return tensors_; }

 private:
  TensorList tensors_;
  std::int64_t size_ = 0;
};

// Some samples of another data set, in an order of its own.
class Subset : public Dataset {
 public:
  // IndexError for an index outside the data set.
  template <DatasetLike D>
  Subset(D dataset, std::vector<std::int64_t> indices, Here here = {})
      : Subset(share_dataset(std::move(dataset)), std::move(indices), here, 0) {}
  std::int64_t size() const override { return static_cast<std::int64_t>(indices_.size()); }
  TensorList get(std::int64_t index) const override;
  TensorList get_batch(const std::vector<std::int64_t>& indices) const override;
  const std::vector<std::int64_t>& indices() const noexcept { return indices_; }

 private:
  Subset(DatasetPointer dataset, std::vector<std::int64_t> indices, Here here, int);
  DatasetPointer dataset_;
  std::vector<std::int64_t> indices_;
};

// 0 ... count - 1 in an order that depends on the seed and the stream alone, the same on every machine.
std::vector<std::int64_t> shuffled_indices(std::int64_t count, std::uint64_t seed, std::uint64_t stream = 0);

// test_size: the fraction of the samples that goes to the test part, rounded to whole samples. shuffle: choose them at
// random, by the seed; otherwise they are the last.
struct SplitOptions {
  double test_size = 0.25;
  bool shuffle = true;
  std::uint64_t seed = 0;
};
struct SplitIndices {
  std::vector<std::int64_t> train, test;
};
// The numbers of the samples of both parts. ValueError unless 0 < test_size < 1 and both parts have a sample.
SplitIndices split_indices(std::int64_t count, const SplitOptions& options, Here here = {});

// A data set in two parts {train, test} without a common sample.
template <DatasetLike D>
std::pair<Subset, Subset> train_test_split(D dataset, const SplitOptions& options = {}, Here here = {}) {
  const DatasetPointer shared = share_dataset(std::move(dataset));
  SplitIndices parts = split_indices(shared->size(), options, here);
  return {Subset(shared, std::move(parts.train), here), Subset(shared, std::move(parts.test), here)};
}
// The same for the rows of tensors; the parts are copies.
std::pair<TensorList, TensorList> train_test_split(const TensorList& tensors, const SplitOptions& options = {},
                                                   Here here = {});

}  // namespace xgrad::data
