#include <xgrad/data/loader.hpp>

#include <algorithm>
#include <numeric>

#include "core/check.hpp"

namespace xgrad::data {

using detail::check;

const Tensor& Batch::operator[](std::size_t index) const {
  check<IndexError>(index < tensors_.size(), Here{nullptr, 0}, "Batch: index {} is out of range for {} tensors", index,
                    tensors_.size());
  return tensors_[index];
}
void Batch::check_pair() const {
  check<ValueError>(tensors_.size() == 2, Here{nullptr, 0},
                    "Batch: two tensors were to be bound, it has {}; reach them as batch[0], batch[1], ...",
                    tensors_.size());
}

DataLoader::DataLoader(DatasetPointer dataset, const DataLoaderOptions& options, Here here, int)
    : dataset_(std::move(dataset)), options_(options) {
  check<ValueError>(dataset_ != nullptr, here, "DataLoader: there is no data set");
  check<ValueError>(options.batch_size > 0, here, "DataLoader: batch_size must be positive, {} came",
                    options.batch_size);
}

DataLoader::Iterator DataLoader::begin() {
  Iterator iterator;
  iterator.dataset_ = dataset_;
  iterator.options_ = options_;
  const std::int64_t count = dataset_->size();
  if (options_.shuffle) {
    iterator.order_ = shuffled_indices(count, options_.seed, static_cast<std::uint64_t>(epoch_));
  } else {
    iterator.order_.resize(static_cast<std::size_t>(count));
    std::iota(iterator.order_.begin(), iterator.order_.end(), std::int64_t{0});
  }
  ++epoch_;
  ++iterator;
  return iterator;
}

std::int64_t DataLoader::size() const {
  const std::int64_t full = dataset_->size() / options_.batch_size;
  return full + (!options_.drop_last && dataset_->size() % options_.batch_size != 0);
}

DataLoader::Iterator& DataLoader::Iterator::operator++() {
  const std::size_t wanted = static_cast<std::size_t>(options_.batch_size);
  const std::size_t count = std::min(wanted, order_.size() - next_);
  done_ = count == 0 || (count < wanted && options_.drop_last);
  batch_ = {};
  if (done_) return *this;
  const auto first = order_.begin() + static_cast<std::ptrdiff_t>(next_);
  batch_ = Batch(dataset_->get_batch({first, first + static_cast<std::ptrdiff_t>(count)}));
  next_ += count;
  return *this;
}

}  // namespace xgrad::data
