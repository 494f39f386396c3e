// Random numbers: counter-based, seeded, the same for any number of threads.
//
// Numbers come from Philox4x32-10. What element i of a call gets depends only on the generator's seed, on how much was
// drawn from it before, and on i: neither on the number of threads nor on the tensor's strides. A program that never
// seeds starts from default_seed, so that it gives the same numbers in every run.
#pragma once
#include <xgrad/tensor.hpp>

#include <atomic>
#include <cstdint>

namespace xgrad {

// The seed of a generator that was given none.
inline constexpr std::uint64_t default_seed = 0;

// A stream of random numbers. May be used by several threads at once; which of them gets which numbers is then up to
// their order.
class Generator {
 public:
  // All there is to know of a generator: a stream continues where set_state() is given what get_state() gave.
  struct State {
    std::uint64_t seed = default_seed;
    std::uint64_t offset = 0;  // blocks of 128 bits drawn so far
    friend bool operator==(const State&, const State&) = default;
  };

  explicit Generator(std::uint64_t seed = default_seed) noexcept : state_{seed, 0} {}
  Generator(const Generator&) = delete;
  Generator& operator=(const Generator&) = delete;

  // Starts the stream of a seed from its beginning.
  void manual_seed(std::uint64_t seed) noexcept { set_state({seed, 0}); }
  std::uint64_t seed() const noexcept { return get_state().seed; }
  State get_state() const noexcept;
  void set_state(const State& state) noexcept;

  // A number from the stream, all 64 bits of it.
  std::uint64_t next() noexcept;
  // Takes the next `blocks` blocks of the stream and returns where they begin.
  State reserve(std::uint64_t blocks) noexcept;

 private:
  mutable std::atomic_flag busy_{};
  State state_;
};

// The generator that functions use when given none: one per process, unless a GeneratorGuard gave this thread another.
Generator& default_generator() noexcept;
// Seeds it.
void manual_seed(std::uint64_t seed) noexcept;

// While it lives, `generator` is the default one of this thread. It must outlive the guard; guards end in the reverse
// order of their begin.
class GeneratorGuard {
 public:
  explicit GeneratorGuard(Generator& generator) noexcept;
  ~GeneratorGuard();
  GeneratorGuard(const GeneratorGuard&) = delete;
  GeneratorGuard& operator=(const GeneratorGuard&) = delete;

 private:
  Generator* previous_;
};

// Uniform in [0, 1), in steps of 2^-24 (float32) or 2^-53 (float64). DtypeError unless floating.
Tensor rand(const Shape& shape, const TensorOptions& options = {}, Generator& generator = default_generator(),
            Here here = {});
// Normal with mean 0 and variance 1, by Box and Muller. DtypeError unless floating.
Tensor randn(const Shape& shape, const TensorOptions& options = {}, Generator& generator = default_generator(),
             Here here = {});
// Of the shape of x, and of its dtype unless the options name another.
Tensor rand_like(const Arg& x, const TensorOptions& options = {}, Generator& generator = default_generator());
Tensor randn_like(const Arg& x, const TensorOptions& options = {}, Generator& generator = default_generator());
// Normal with the given mean and standard deviation. ValueError when std is negative.
Tensor normal(double mean, double std, const Shape& shape, const TensorOptions& options = {},
              Generator& generator = default_generator(), Here here = {});
// Integers low <= k < high, each as likely as the others; int64 unless the options say otherwise. ValueError unless
// low < high.
Tensor randint(std::int64_t low, std::int64_t high, const Shape& shape, const TensorOptions& options = {},
               Generator& generator = default_generator(), Here here = {});
// Integers 0 <= k < high.
Tensor randint(std::int64_t high, const Shape& shape, const TensorOptions& options = {},
               Generator& generator = default_generator(), Here here = {});
// The numbers 0..n-1 in random order, int64 [n]; every order is as likely as the others. ValueError when n is negative.
Tensor randperm(std::int64_t n, const TensorOptions& options = {}, Generator& generator = default_generator(),
                Here here = {});
// 1 with probability p, else 0, for every element p of a floating tensor; same shape and dtype, no gradient. ValueError
// unless 0 <= p <= 1.
Tensor bernoulli(const Arg& p, Generator& generator = default_generator());
// Indices drawn with the probabilities weights / sum(weights), for each row of weights [n] or [m, n]: int64
// [num_samples] or [m, num_samples]. Without replacement no index comes twice in a row. ValueError: negative or not
// finite weights, a row without a positive one, or without replacement with fewer positive ones than samples.
Tensor multinomial(const Arg& weights, std::int64_t num_samples, bool replacement = false,
                   Generator& generator = default_generator());

}  // namespace xgrad
