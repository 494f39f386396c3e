#include <xgrad/data/dataset.hpp>
#include <xgrad/data/sampler.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/check.hpp"
#include "data/splitmix.hpp"

namespace xgrad::data {

namespace {
using detail::check;
using detail::SplitMix;

std::int64_t checked_size(const char* op, std::int64_t size, Here here) {
  check<ValueError>(size >= 0, here, "{}: size must not be negative, got {}", op, size);
  return size;
}
std::int64_t checked_count(const char* op, std::int64_t count, Here here) {
  check<ValueError>(count > 0, here, "{}: num_samples must be positive, got {}", op, count);
  return count;
}

// Each draw is a place on the line of cumulative weights.
Indices draw_with_replacement(const std::vector<double>& weights, std::int64_t count, SplitMix& random) {
  std::vector<double> upto(weights.size());
  std::partial_sum(weights.begin(), weights.end(), upto.begin());
  // Rounding may put a draw on the total itself, which belongs to the last index with any weight.
  const auto last = std::lower_bound(upto.begin(), upto.end(), upto.back());
  Indices drawn(static_cast<std::size_t>(count));
  for (std::int64_t& index : drawn)
    index = std::min(std::upper_bound(upto.begin(), last, random.unit() * upto.back()), last) - upto.begin();
  return drawn;
}

// The smallest of exponential waiting times with the weights as rates come first (Efraimidis and Spirakis: "Weighted
// random sampling with a reservoir", 2006). Their logarithms order tiny and huge weights as well.
Indices draw_without_replacement(const std::vector<double>& weights, std::int64_t count, SplitMix& random) {
  std::vector<double> waiting(weights.size());
  std::transform(weights.begin(), weights.end(), waiting.begin(), [&](double weight) {
    const double time = std::log(-std::log1p(-random.unit()));
    return weight > 0 ? time - std::log(weight) : std::numeric_limits<double>::infinity();
  });
  Indices order(weights.size());
  std::iota(order.begin(), order.end(), std::int64_t{0});
  const auto end = order.begin() + static_cast<std::ptrdiff_t>(count);
  std::partial_sort(order.begin(), end, order.end(), [&](std::int64_t a, std::int64_t b) {
    const double x = waiting[static_cast<std::size_t>(a)], y = waiting[static_cast<std::size_t>(b)];
    return x != y ? x < y : a < b;
  });
  return {order.begin(), end};
}
}  // namespace

SequentialSampler::SequentialSampler(std::int64_t size, Here here)
    : size_(checked_size("SequentialSampler", size, here)) {}
Indices SequentialSampler::sample(std::uint64_t, std::int64_t) const {
  Indices order(static_cast<std::size_t>(size_));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  return order;
}

RandomSampler::RandomSampler(std::int64_t size, const RandomSamplerOptions& options, Here here)
    : size_(checked_size("RandomSampler", size, here)),
      count_(options.num_samples ? checked_count("RandomSampler", *options.num_samples, here) : size),
      replacement_(options.replacement) {
  check<ValueError>(size_ > 0 || count_ == 0, here, "RandomSampler: num_samples is {} of no samples", count_);
}
Indices RandomSampler::sample(std::uint64_t seed, std::int64_t epoch) const {
  SplitMix random(seed, static_cast<std::uint64_t>(epoch));
  Indices drawn;
  if (replacement_) {
    drawn.resize(static_cast<std::size_t>(count_));
    for (std::int64_t& index : drawn)
      index = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(size_)));
    return drawn;
  }
  drawn = shuffled_indices(size_, seed, static_cast<std::uint64_t>(epoch));
  // A stream of its own for each further order; the first is that of shuffled_indices.
  while (static_cast<std::int64_t>(drawn.size()) < count_) {
    const Indices next = shuffled_indices(size_, random.next());
    drawn.insert(drawn.end(), next.begin(), next.end());
  }
  drawn.resize(static_cast<std::size_t>(count_));
  return drawn;
}

Indices SubsetRandomSampler::sample(std::uint64_t seed, std::int64_t epoch) const {
  Indices drawn = shuffled_indices(size(), seed, static_cast<std::uint64_t>(epoch));
  for (std::int64_t& index : drawn) index = indices_[static_cast<std::size_t>(index)];
  return drawn;
}

WeightedRandomSampler::WeightedRandomSampler(std::vector<double> weights, std::int64_t num_samples, bool replacement,
                                             Here here)
    : weights_(std::move(weights)),
      count_(checked_count("WeightedRandomSampler", num_samples, here)),
      replacement_(replacement) {
  std::int64_t positive = 0;
  double sum = 0;
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    check<ValueError>(weights_[i] >= 0 && std::isfinite(weights_[i]), here,
                      "WeightedRandomSampler: weights must be finite and not negative, number {} is {}", i,
                      weights_[i]);
    positive += weights_[i] > 0;
    sum += weights_[i];
  }
  check<ValueError>(std::isfinite(sum), here, "WeightedRandomSampler: the weights' sum is not finite");
  check<ValueError>(positive >= (replacement ? 1 : count_), here,
                    "WeightedRandomSampler: {} positive weights are too few for {} samples {} replacement", positive,
                    count_, replacement ? "with" : "without");
}
Indices WeightedRandomSampler::sample(std::uint64_t seed, std::int64_t epoch) const {
  SplitMix random(seed, static_cast<std::uint64_t>(epoch));
  return replacement_ ? draw_with_replacement(weights_, count_, random)
                      : draw_without_replacement(weights_, count_, random);
}

BatchSampler::BatchSampler(AnySampler<> sampler, std::int64_t batch_size, bool drop_last, Here here)
    : sampler_(std::move(sampler)), batch_size_(batch_size), drop_last_(drop_last) {
  check<ValueError>(static_cast<bool>(sampler_), here, "BatchSampler: there is no sampler");
  check<ValueError>(batch_size > 0, here, "BatchSampler: batch_size must be positive, got {}", batch_size);
}
std::vector<Indices> BatchSampler::sample(std::uint64_t seed, std::int64_t epoch) const {
  const Indices samples = sampler_->sample(seed, epoch);
  std::vector<Indices> batches;
  const auto wanted = static_cast<std::size_t>(batch_size_);
  for (std::size_t begin = 0; begin < samples.size(); begin += wanted) {
    const std::size_t end = std::min(samples.size(), begin + wanted);
    if (end - begin < wanted && drop_last_) break;
    batches.emplace_back(samples.begin() + static_cast<std::ptrdiff_t>(begin),
                         samples.begin() + static_cast<std::ptrdiff_t>(end));
  }
  return batches;
}
std::int64_t BatchSampler::size() const {
  const std::int64_t samples = sampler_->size(), full = samples / batch_size_;
  return full + (!drop_last_ && samples % batch_size_ != 0);
}

}  // namespace xgrad::data
