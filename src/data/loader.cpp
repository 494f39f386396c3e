#include <xgrad/autograd.hpp>
#include <xgrad/data/loader.hpp>
#include <xgrad/random.hpp>

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "core/check.hpp"
#include "data/splitmix.hpp"
#include "kernels/parallel.hpp"
#include "state_reader.hpp"

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

// Workers take the numbers of batches in order and lay what they fetched into a ring; the caller takes it out in order.
// A worker waits before it would be a ring ahead of the caller. Without workers the caller fetches.
class LoaderBase::Epoch {
 public:
  Epoch(Fetch fetch, std::vector<Indices> batches, std::size_t first, std::uint64_t seed)
      : fetch_(std::move(fetch)),
        batches_(std::move(batches)),
        seed_(seed),
        recording_(is_grad_enabled()),
        taken_(first),
        begun_(first) {}
  Epoch(const Epoch&) = delete;
  Epoch& operator=(const Epoch&) = delete;
  ~Epoch() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    room_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  void start_workers(std::int64_t workers, std::int64_t prefetch_factor) {
    const std::size_t count = std::min(static_cast<std::size_t>(workers), batches_.size() - taken_);
    // At most all of them, so that the product cannot overflow.
    ring_.resize(count * std::min(batches_.size(), static_cast<std::size_t>(prefetch_factor)));
    workers_.reserve(count);
    for (std::size_t i = 0; i < count; ++i) workers_.emplace_back([this] { work(); });
  }

  std::shared_ptr<void> next() {
    ended_ = taken_ == batches_.size();
    if (ended_) return nullptr;
    if (workers_.empty()) return fetch(taken_++);
    Place place;
    {
      std::unique_lock lock(mutex_);
      Place& in_ring = ring_[taken_ % ring_.size()];
      ready_.wait(lock, [&] { return in_ring.is_full; });
      place = std::exchange(in_ring, {});
      ++taken_;
    }
    room_.notify_one();
    if (place.error) std::rethrow_exception(place.error);
    return std::move(place.batch);
  }

  // How many batches the caller took; none when it knows that there are no more.
  std::optional<std::int64_t> taken() const {
    return ended_ ? std::nullopt : std::optional(static_cast<std::int64_t>(taken_));
  }

 private:
  struct Place {
    bool is_full = false;
    std::shared_ptr<void> batch;
    std::exception_ptr error;
  };

  std::shared_ptr<void> fetch(std::size_t number) const {
    Generator generator(detail::SplitMix(seed_, number).next());
    const GeneratorGuard drawing(generator);
    const GradModeGuard recording(recording_);
    return fetch_(batches_[number]);
  }

  void work() noexcept {
    detail::stay_on_this_thread();
    for (;;) {
      std::size_t number = 0;
      {
        std::unique_lock lock(mutex_);
        room_.wait(lock, [&] { return stopped_ || begun_ == batches_.size() || begun_ < taken_ + ring_.size(); });
        if (stopped_ || begun_ == batches_.size()) return;
        number = begun_++;
      }
      Place place{.is_full = true, .batch = nullptr, .error = nullptr};
      try {
        place.batch = fetch(number);
      } catch (...) {
        place.error = std::current_exception();
      }
      {
        const std::lock_guard lock(mutex_);
        ring_[number % ring_.size()] = std::move(place);
      }
      ready_.notify_one();
    }
  }

  const Fetch fetch_;
  const std::vector<Indices> batches_;
  const std::uint64_t seed_;
  const bool recording_;

  std::mutex mutex_;
  std::condition_variable room_, ready_;
  // Batches that the caller took and that workers began.
  std::size_t taken_, begun_;
  bool ended_ = false;
  bool stopped_ = false;
  std::vector<Place> ring_;
  std::vector<std::thread> workers_;
};

std::shared_ptr<void> LoaderBase::next_batch(Epoch& epoch) { return epoch.next(); }

namespace {
AnySampler<Indices> choose_batches(const char* op, std::int64_t count, const DataLoaderOptions& options, Here here) {
  if (options.batch_sampler) {
    check<ValueError>(options.batch_size == 1 && !options.shuffle && !options.sampler && !options.drop_last, here,
                      "{}: batch_sampler leaves nothing for batch_size, shuffle, sampler and drop_last to say", op);
    return options.batch_sampler;
  }
  check<ValueError>(options.batch_size > 0, here, "{}: batch_size must be positive, {} came", op, options.batch_size);
  check<ValueError>(!options.sampler || !options.shuffle, here, "{}: sampler and shuffle exclude each other", op);
  AnySampler<> sampler = options.sampler;
  if (!sampler && options.shuffle) sampler = RandomSampler(count);
  if (!sampler) sampler = SequentialSampler(count);
  return BatchSampler(std::move(sampler), options.batch_size, options.drop_last);
}
}  // namespace

LoaderBase::LoaderBase(const char* op, std::optional<std::int64_t> count, Fetch fetch, const DataLoaderOptions& options,
                       Here here)
    : op_(op), count_(count.value_or(0)), fetch_(std::move(fetch)), options_(options) {
  check<ValueError>(count.has_value(), here, "{}: there is no data set", op);
  check<ValueError>(options.num_workers >= 0, here, "{}: num_workers must not be negative, {} came", op,
                    options.num_workers);
  check<ValueError>(options.prefetch_factor > 0, here, "{}: prefetch_factor must be positive, {} came", op,
                    options.prefetch_factor);
  batches_ = choose_batches(op, count_, options, here);
}

std::shared_ptr<LoaderBase::Epoch> LoaderBase::begin_epoch() {
  std::vector<Indices> batches = batches_->sample(options_.seed, epoch_);
  for (const Indices& batch : batches)
    for (const std::int64_t index : batch)
      check<IndexError>(index >= 0 && index < count_, Here{nullptr, 0},
                        "{}: the sampler gave the number {}; the data set has {} samples", op_, index, count_);
  const std::uint64_t seed = detail::SplitMix(options_.seed, static_cast<std::uint64_t>(epoch_)).next();
  const std::size_t first = std::min(static_cast<std::size_t>(first_batch_), batches.size());
  auto epoch = std::make_shared<Epoch>(fetch_, std::move(batches), first, seed);
  epoch->start_workers(options_.num_workers, options_.prefetch_factor);
  current_ = epoch;
  return epoch;
}
void LoaderBase::count_epoch() noexcept {
  ++epoch_;
  first_batch_ = 0;
}

void LoaderBase::set_epoch(std::int64_t epoch) noexcept {
  epoch_ = epoch;
  first_batch_ = 0;
  current_.reset();
}

StateDict LoaderBase::state_dict() const {
  const std::shared_ptr<const Epoch> current = current_.lock();
  const std::optional<std::int64_t> taken = current ? current->taken() : std::nullopt;
  return {{"epoch", detail::state_number(taken ? epoch_ - 1 : epoch_)},
          {"batch", detail::state_number(taken.value_or(first_batch_))}};
}

void LoaderBase::load_state_dict(const StateDict& state, Here here) {
  detail::StateReader read(state, here, op_);
  const auto epoch = read.number<std::int64_t>("epoch"), batch = read.number<std::int64_t>("batch");
  read.nothing_else();
  check<ValueError>(batch >= 0 && batch <= size(), here,
                    "load_state_dict: {} cannot go on behind {} batches, an epoch has {}", op_, batch, size());
  set_epoch(epoch);
  first_batch_ = batch;
}

DataLoader::DataLoader(DatasetPointer dataset, const DataLoaderOptions& options, Here here, int)
    : Loader(
          "DataLoader", dataset ? std::optional(dataset->size()) : std::nullopt,
          [dataset](const Indices& indices) { return std::make_shared<Batch>(dataset->get_batch(indices)); }, options,
          here),
      dataset_(dataset) {}

}  // namespace xgrad::data
