// Loaders: data sets as ranges of mini-batches, which worker threads may fetch ahead.
#pragma once
#include <xgrad/data/dataset.hpp>
#include <xgrad/data/sampler.hpp>
#include <xgrad/state_dict.hpp>

#include <concepts>
#include <cstddef>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <type_traits>
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
// every epoch, which depends on the seed and the epoch's number alone. sampler: which samples in which order, instead
// of shuffle. batch_sampler: the batches themselves, instead of all these.
// num_workers: threads that fetch batches ahead, prefetch_factor for each of them; 0: the caller's thread fetches a
// batch when it is its turn. Batches are the same in any case, and come in the same order: while a batch is fetched,
// the default generator of the thread is one whose seed depends on the seed, the epoch and the batch's place in it, so
// that augmentation is repeatable too, and leaves the program's own random numbers alone. Whether operations are
// recorded is as it was at begin(). A worker computes on its own thread only.
struct DataLoaderOptions {
  std::int64_t batch_size = 1;
  bool shuffle = false;
  AnySampler<> sampler{};
  AnySampler<Indices> batch_sampler{};
  std::int64_t num_workers = 0;
  std::uint64_t seed = 0;
  bool drop_last = false;
  std::int64_t prefetch_factor = 2;
};

// What loaders of all kinds of batches have in common.
class LoaderBase {
 public:
  // Batches in an epoch.
  std::int64_t size() const { return batches_->size(); }
  const DataLoaderOptions& options() const noexcept { return options_; }
  // The number, from 0, of the epoch that the next begin() starts. Set it to go on where another run stopped.
  std::int64_t epoch() const noexcept { return epoch_; }
  void set_epoch(std::int64_t epoch) noexcept;

  // Where the data stand: epoch, and batch, how many of its batches were taken. While an epoch is under way it is that
  // one, and the one of the next begin() otherwise; an epoch that was left early does not go on. Samplers need no state.
  StateDict state_dict() const;
  // The next begin() goes on there: with the next batch, as without the interruption, or with none behind the last one.
  // ValueError: an entry is missing or unknown, or an epoch has fewer batches. Nothing is changed then.
  void load_state_dict(const StateDict& state, Here here = {});

 protected:
  // Makes a batch of the samples of these numbers; called by several workers at once.
  using Fetch = std::function<std::shared_ptr<void>(const Indices&)>;
  // An epoch under way. next_batch() waits for the batch whose turn it is and gives none at the end; what fetching it
  // threw, it throws.
  class Epoch;
  static std::shared_ptr<void> next_batch(Epoch& epoch);

  // `count`: the samples of the data set; nothing where there is no data set. Errors as of DataLoader.
  LoaderBase(const char* op, std::optional<std::int64_t> count, Fetch fetch, const DataLoaderOptions& options,
             Here here);
  std::shared_ptr<Epoch> begin_epoch();
  // It has begun: the next one is another.
  void count_epoch() noexcept;

 private:
  const char* op_;
  std::int64_t count_;
  Fetch fetch_;
  DataLoaderOptions options_;
  AnySampler<Indices> batches_;
  // What the next begin() starts with, and the epoch under way, if any.
  std::int64_t epoch_ = 0, first_batch_ = 0;
  std::weak_ptr<const Epoch> current_;
};

// Where samples come from: anything with size() and either get(index) or operator[], such as a Dataset or a
// std::vector, by value or as a std::shared_ptr.
template <class D>
std::shared_ptr<const D> share_samples(D samples) {
  return std::make_shared<const D>(std::move(samples));
}
template <class D>
std::shared_ptr<const D> share_samples(std::shared_ptr<D> samples) {
  return samples;
}
template <class D>
decltype(auto) sample_at(const D& samples, std::int64_t index) {
  if constexpr (requires { samples.get(index); })
    return samples.get(index);
  else
    return samples[static_cast<std::size_t>(index)];
}
// The type of their samples, and of the batches that a function makes of them.
template <class D>
using SampleOf =
    std::decay_t<decltype(sample_at(*std::declval<decltype(share_samples(std::declval<D>()))>(), std::int64_t{0}))>;
template <class D, class Collate>
using CollatedOf = std::decay_t<std::invoke_result_t<const Collate&, std::vector<SampleOf<D>>>>;

// Batches of any type, which a function makes of samples of any type:
//   data::Loader loader(sentences, [](std::vector<Sentence> samples) { return pad_together(samples); },
//                       {.batch_size = 32, .shuffle = true, .num_workers = 2});
//   for (PaddedText& text : loader) ...
// B is the function's result, a type that can be moved.
template <class B>
class Loader : public LoaderBase {
 public:
  // collate(std::vector<SampleOf<D>>) -> B is called by several workers at once, as is the data set. Errors as of
  // DataLoader.
  template <class D, class Collate>
  requires std::same_as<CollatedOf<D, Collate>, B> Loader(D samples, Collate collate,
                                                          const DataLoaderOptions& options = {}, Here here = {})
      : Loader(share_samples(std::move(samples)), std::move(collate), options, here, 0) {}

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = B;
    using difference_type = std::ptrdiff_t;
    using pointer = B*;
    using reference = B&;

    B& operator*() const noexcept { return *batch_; }
    B* operator->() const noexcept { return batch_.get(); }
    // Throws what fetching the batch threw; the iterator is at the end then, and another ++ goes on behind that batch.
    Iterator& operator++() {
      batch_.reset();
      batch_ = std::static_pointer_cast<B>(next_batch(*epoch_));
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& iterator, std::default_sentinel_t) noexcept {
      return iterator.batch_ == nullptr;
    }

   private:
    friend class Loader;
    explicit Iterator(std::shared_ptr<Epoch> epoch) : epoch_(std::move(epoch)) {}
    std::shared_ptr<Epoch> epoch_;
    std::shared_ptr<B> batch_;
  };

  // Begins the next epoch. An iterator goes on by itself, whatever becomes of the loader; its copies take turns. When
  // the last of them goes, the workers finish the batch they are at and end. IndexError: a sampler's number that is not
  // one of the data set.
  Iterator begin() {
    Iterator iterator(begin_epoch());
    ++iterator;
    count_epoch();
    return iterator;
  }
  std::default_sentinel_t end() const noexcept { return {}; }

 protected:
  Loader(const char* op, std::optional<std::int64_t> count, Fetch fetch, const DataLoaderOptions& options, Here here)
      : LoaderBase(op, count, std::move(fetch), options, here) {}

 private:
  template <class D, class Collate>
  Loader(std::shared_ptr<const D> samples, Collate collate, const DataLoaderOptions& options, Here here, int)
      : LoaderBase(
            "Loader", samples ? std::optional(static_cast<std::int64_t>(samples->size())) : std::nullopt,
            [samples, collate = std::move(collate)](const Indices& indices) -> std::shared_ptr<void> {
              std::vector<SampleOf<std::shared_ptr<const D>>> batch;
              batch.reserve(indices.size());
              for (const std::int64_t index : indices) batch.push_back(sample_at(*samples, index));
              return std::make_shared<B>(collate(std::move(batch)));
            },
            options, here) {}
};
template <class D, class Collate>
Loader(D, Collate, const DataLoaderOptions& = {}, Here = {}) -> Loader<CollatedOf<D, Collate>>;

// The batches of a Dataset, as its get_batch() makes them.
class DataLoader : public Loader<Batch> {
 public:
  // ValueError: batch_size or prefetch_factor that is not positive, a negative num_workers, sampler and shuffle
  // together, batch_sampler together with batch_size, shuffle, sampler or drop_last, or no data set.
  template <DatasetLike D>
  explicit DataLoader(D dataset, const DataLoaderOptions& options = {}, Here here = {})
      : DataLoader(share_dataset(std::move(dataset)), options, here, 0) {}
  const Dataset& dataset() const noexcept { return *dataset_; }

 private:
  DataLoader(DatasetPointer dataset, const DataLoaderOptions& options, Here here, int);
  DatasetPointer dataset_;
};

}  // namespace xgrad::data

template <>
struct std::tuple_size<xgrad::data::Batch> : std::integral_constant<std::size_t, 2> {};
template <std::size_t I>
struct std::tuple_element<I, xgrad::data::Batch> {
  using type = xgrad::Tensor;
};
