// Samplers: which samples of a data set an epoch has, and in which order.
//
// What a sampler gives depends on the seed and the number of the epoch alone; a loader calls it with its own.
#pragma once
#include <xgrad/tensor.hpp>

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace xgrad::data {

// Numbers of samples.
using Indices = std::vector<std::int64_t>;

// The interface: Sampler<> gives an epoch's samples one by one, Sampler<Indices> batch by batch.
template <class T = std::int64_t>
class Sampler {
 public:
  virtual ~Sampler() = default;
  // What an epoch consists of, in order.
  virtual std::vector<T> sample(std::uint64_t seed, std::int64_t epoch) const = 0;
  // How many they are.
  virtual std::int64_t size() const = 0;

 protected:
  Sampler() = default;
  Sampler(const Sampler&) = default;
  Sampler(Sampler&&) = default;
  Sampler& operator=(const Sampler&) = default;
  Sampler& operator=(Sampler&&) = default;
};

// Any sampler, given by value (copied or moved) or as a shared pointer; or none.
template <class T = std::int64_t>
class AnySampler {
 public:
  AnySampler() noexcept = default;
  template <std::derived_from<Sampler<T>> S>
  AnySampler(S sampler) : sampler_(std::make_shared<const S>(std::move(sampler))) {}
  template <std::derived_from<Sampler<T>> S>
  AnySampler(std::shared_ptr<S> sampler) noexcept : sampler_(std::move(sampler)) {}
  explicit operator bool() const noexcept { return sampler_ != nullptr; }
  const Sampler<T>* operator->() const noexcept { return sampler_.get(); }

 private:
  std::shared_ptr<const Sampler<T>> sampler_{};
};

// 0 ... size - 1 in this order.
class SequentialSampler : public Sampler<> {
 public:
  // ValueError when size is negative.
  explicit SequentialSampler(std::int64_t size, Here here = {});
  Indices sample(std::uint64_t seed, std::int64_t epoch) const override;
  std::int64_t size() const override { return size_; }

 private:
  std::int64_t size_;
};

// replacement: every draw is from all samples. num_samples: how many an epoch has; as many as there are where left out.
struct RandomSamplerOptions {
  bool replacement = false;
  std::optional<std::int64_t> num_samples{};
};

// Samples 0 ... size - 1 in random order. Without replacement none comes again before all others came; num_samples may
// be smaller than size (the rest is left out) or larger (one order follows another).
class RandomSampler : public Sampler<> {
 public:
  // ValueError: a negative size, num_samples that is not positive, num_samples of nothing.
  explicit RandomSampler(std::int64_t size, const RandomSamplerOptions& options = {}, Here here = {});
  Indices sample(std::uint64_t seed, std::int64_t epoch) const override;
  std::int64_t size() const override { return count_; }

 private:
  std::int64_t size_, count_;
  bool replacement_;
};

// The given samples in random order.
class SubsetRandomSampler : public Sampler<> {
 public:
  explicit SubsetRandomSampler(Indices indices) : indices_(std::move(indices)) {}
  Indices sample(std::uint64_t seed, std::int64_t epoch) const override;
  std::int64_t size() const override { return static_cast<std::int64_t>(indices_.size()); }

 private:
  Indices indices_;
};

// num_samples draws from 0 ... n - 1 with the probabilities weights / sum(weights); without replacement each draw is
// from what was not drawn before.
class WeightedRandomSampler : public Sampler<> {
 public:
  // ValueError: weights that are negative, not finite or without a positive one, num_samples that is not positive, or
  // without replacement fewer positive weights than num_samples.
  WeightedRandomSampler(std::vector<double> weights, std::int64_t num_samples, bool replacement = true, Here here = {});
  Indices sample(std::uint64_t seed, std::int64_t epoch) const override;
  std::int64_t size() const override { return count_; }

 private:
  std::vector<double> weights_;
  std::int64_t count_;
  bool replacement_;
};

// A sampler's samples in batches of batch_size; the last one has what remains, or is left out with drop_last.
class BatchSampler : public Sampler<Indices> {
 public:
  // ValueError: no sampler, or batch_size that is not positive.
  BatchSampler(AnySampler<> sampler, std::int64_t batch_size, bool drop_last, Here here = {});
  std::vector<Indices> sample(std::uint64_t seed, std::int64_t epoch) const override;
  std::int64_t size() const override;

 private:
  AnySampler<> sampler_;
  std::int64_t batch_size_;
  bool drop_last_;
};

}  // namespace xgrad::data
