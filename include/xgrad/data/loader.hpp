// DataLoader: a data set as a range of mini-batches.
#pragma once
#include <xgrad/data/dataset.hpp>

#include <cstddef>
#include <iterator>
#include <utility>

namespace xgrad::data {

// A mini-batch: the tensors of its samples, stacked. Of two tensors: `for (auto [images, labels] : loader)`.
class Batch {
 public:
  Batch() = default;
  explicit Batch(TensorList tensors) : tensors_(std::move(tensors)) {}
  std::size_t size() const noexcept { return tensors_.size(); }
  // IndexError when there are fewer tensors.
  const Tensor& operator[](std::size_t index) const;
  const TensorList& tensors() const noexcept { return tensors_; }
  // For structured bindings of two. ValueError when there are not exactly two tensors.
  template <std::size_t I>
  Tensor get() const {
    check_pair();
    return tensors_[I];
  }

 private:
  void check_pair() const;
  TensorList tensors_;
};

// batch_size samples each; the last batch has what remains, or is left out with drop_last. shuffle: a new order in
// every epoch, which depends on the seed and the epoch's number alone.
struct DataLoaderOptions {
  std::int64_t batch_size = 1;
  bool shuffle = false;
  std::uint64_t seed = 0;
  bool drop_last = false;
};

class DataLoader {
 public:
  // ValueError unless batch_size is positive.
  template <DatasetLike D>
  explicit DataLoader(D dataset, const DataLoaderOptions& options = {}, Here here = {})
      : DataLoader(share_dataset(std::move(dataset)), options, here, 0) {}

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Batch;
    using difference_type = std::ptrdiff_t;
    using pointer = const Batch*;
    using reference = const Batch&;

    const Batch& operator*() const noexcept { return batch_; }
    const Batch* operator->() const noexcept { return &batch_; }
    Iterator& operator++();
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& iterator, std::default_sentinel_t) noexcept { return iterator.done_; }

   private:
    friend class DataLoader;
    DatasetPointer dataset_;
    DataLoaderOptions options_;
    std::vector<std::int64_t> order_;
    std::size_t next_ = 0;
    bool done_ = false;
    Batch batch_;
  };

  // Begins the next epoch. An iterator goes on by itself, whatever becomes of the loader.
  Iterator begin();
  std::default_sentinel_t end() const noexcept { return {}; }
  // Batches in an epoch.
  std::int64_t size() const;
  const Dataset& dataset() const noexcept { return *dataset_; }
  const DataLoaderOptions& options() const noexcept { return options_; }
  // The number, from 0, of the epoch that the next begin() starts. Set it to go on where another run stopped.
  std::int64_t epoch() const noexcept { return epoch_; }
  void set_epoch(std::int64_t epoch) noexcept { epoch_ = epoch; }

 private:
  DataLoader(DatasetPointer dataset, const DataLoaderOptions& options, Here here, int);
  DatasetPointer dataset_;
  DataLoaderOptions options_;
  std::int64_t epoch_ = 0;
};

}  // namespace xgrad::data

template <>
struct std::tuple_size<xgrad::data::Batch> : std::integral_constant<std::size_t, 2> {};
template <std::size_t I>
struct std::tuple_element<I, xgrad::data::Batch> {
  using type = xgrad::Tensor;
};
