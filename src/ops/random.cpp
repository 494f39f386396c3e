#include <xgrad/lanes.hpp>
#include <xgrad/random.hpp>

#include <numeric>
#include <utility>
#include <vector>

#include "core/dispatch.hpp"
#include "core/tensor_impl.hpp"
#include "ops/random_fill.hpp"
#include "tape/checkpoint.hpp"
#include "tape/node.hpp"

namespace xgrad {

using namespace detail;

// ---- the generator

Generator::State Generator::reserve(std::uint64_t blocks) noexcept {
  const auto fresh = [&] {
    while (busy_.test_and_set(std::memory_order_acquire)) {
    }
    const State begin = state_;
    state_.offset += blocks;
    busy_.clear(std::memory_order_release);
    return begin;
  };
  return checkpoint_run && blocks > 0 ? checkpoint_run->draw(fresh) : fresh();
}
Generator::State Generator::get_state() const noexcept { return const_cast<Generator*>(this)->reserve(0); }
void Generator::set_state(const State& state) noexcept {
  // The second run of a checkpointed function draws what the first drew, wherever generators stand.
  if (checkpoint_run && checkpoint_run->repeats_draws()) return;
  while (busy_.test_and_set(std::memory_order_acquire)) {
  }
  state_ = state;
  busy_.clear(std::memory_order_release);
}
std::uint64_t Generator::next() noexcept {
  const auto [seed, offset] = reserve(1);
  PhiloxWords words;
  philox_group(seed, offset, words);
  return std::uint64_t{words.word[0][0]} << 32 | words.word[1][0];
}

namespace {
constinit thread_local Generator* generator_of_thread = nullptr;
}  // namespace

Generator& default_generator() noexcept {
  static Generator generator;
  return generator_of_thread != nullptr ? *generator_of_thread : generator;
}
GeneratorGuard::GeneratorGuard(Generator& generator) noexcept
    : previous_(std::exchange(generator_of_thread, &generator)) {}
GeneratorGuard::~GeneratorGuard() { generator_of_thread = previous_; }
void manual_seed(std::uint64_t seed) noexcept { default_generator().manual_seed(seed); }

// ---- new tensors

namespace {

// Normal numbers by pairs: the first half of a group's words are radii, the second half angles.
template <class T>
void random_normal(Generator& generator, T* out, std::int64_t count, double mean, double std) {
  const T center = static_cast<T>(mean), scale = static_cast<T>(std);
  constexpr int half = random_per_group<T> / 2;
  static_assert(half % Lanes<T>::size == 0);
  random_fill<T>(generator, out, count, 8, [=](const PhiloxWords& words, T* values) {
    T units[2 * half];
    for (int i = 0; i < half; ++i) units[i] = random_unit_above_zero<T>(words, i);
    for (int i = half; i < 2 * half; ++i) units[i] = random_unit<T>(words, i);
    for (int i = 0; i < half; i += static_cast<int>(Lanes<T>::size)) {
      const auto radius = scale * sqrt(-2 * log(Lanes<T>::load(units + i)));
      const auto angle = T(6.283185307179586476925) * Lanes<T>::load(units + i + half);
      (center + radius * cos(angle)).store(values + i);
      (center + radius * sin(angle)).store(values + i + half);
    }
  });
}

Tensor finish(const Tensor& tensor, const TensorOptions& options, Here here) {
  return options.requires_grad ? tensor.requires_grad_(true, here) : tensor;
}

void check_shape(const char* op, const Shape& shape, Here here) {
  for (std::int64_t size : shape)
    check<ShapeError>(size >= 0, here, "{}: sizes must not be negative, shape is {}", op, shape);
}

Tensor make_floating(const char* op, const Shape& shape, const TensorOptions& options, Here here) {
  const Dtype dtype = options.dtype.value_or(get_default_dtype());
  check<DtypeError>(is_floating_point(dtype), here, "{}: dtype must be float32 or float64, got {}", op, dtype);
  check_shape(op, shape, here);
  return make_tensor(shape, dtype);
}

void fill_uniform(const Tensor& tensor, double from, double to, Generator& generator) {
  dispatch_floating(tensor.dtype(),
                    [&]<class T>() { random_uniform(generator, data<T>(tensor), tensor.numel(), from, to); });
}
void fill_normal(const Tensor& tensor, double mean, double std, Generator& generator) {
  dispatch_floating(tensor.dtype(),
                    [&]<class T>() { random_normal(generator, data<T>(tensor), tensor.numel(), mean, std); });
}
void fill_bernoulli(const Tensor& tensor, double p, Generator& generator) {
  dispatch_all(tensor.dtype(),
               [&]<class T>() { random_bernoulli<double>(generator, data<T>(tensor), tensor.numel(), p); });
}

TensorOptions like(const Tensor& x, const TensorOptions& options) {
  return {.dtype = options.dtype.value_or(x.dtype()), .requires_grad = options.requires_grad};
}

}  // namespace

Tensor rand(const Shape& shape, const TensorOptions& options, Generator& generator, Here here) {
  Tensor result = make_floating("rand", shape, options, here);
  fill_uniform(result, 0, 1, generator);
  return finish(result, options, here);
}
Tensor randn(const Shape& shape, const TensorOptions& options, Generator& generator, Here here) {
  Tensor result = make_floating("randn", shape, options, here);
  fill_normal(result, 0, 1, generator);
  return finish(result, options, here);
}
Tensor rand_like(const Arg& x, const TensorOptions& options, Generator& generator) {
  return rand(x->sizes(), like(x.tensor(), options), generator, x.here());
}
Tensor randn_like(const Arg& x, const TensorOptions& options, Generator& generator) {
  return randn(x->sizes(), like(x.tensor(), options), generator, x.here());
}
Tensor normal(double mean, double std, const Shape& shape, const TensorOptions& options, Generator& generator,
              Here here) {
  check<ValueError>(std >= 0, here, "normal: std must not be negative, got {}", std);
  Tensor result = make_floating("normal", shape, options, here);
  fill_normal(result, mean, std, generator);
  return finish(result, options, here);
}

Tensor randint(std::int64_t low, std::int64_t high, const Shape& shape, const TensorOptions& options,
               Generator& generator, Here here) {
  check<ValueError>(low < high, here, "randint: low must be below high, got low {} and high {}", low, high);
  check_shape("randint", shape, here);
  Tensor result = make_tensor(shape, Dtype::int64);
  const std::uint64_t range = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
  random_fill<std::int64_t>(
      generator, data<std::int64_t>(result), result.numel(), 4, [=](const PhiloxWords& words, std::int64_t* values) {
        for (int i = 0; i < random_per_group<std::int64_t>; ++i)
          values[i] =
              static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + random_below(random_word64(words, i), range));
      });
  return finish(result.to(options.dtype.value_or(Dtype::int64), here), options, here);
}
Tensor randint(std::int64_t high, const Shape& shape, const TensorOptions& options, Generator& generator, Here here) {
  return randint(0, high, shape, options, generator, here);
}

Tensor randperm(std::int64_t n, const TensorOptions& options, Generator& generator, Here here) {
  check<ValueError>(n >= 0, here, "randperm: n must not be negative, got {}", n);
  Tensor result = make_tensor({n}, Dtype::int64);
  std::int64_t* order = data<std::int64_t>(result);
  std::iota(order, order + n, 0);
  std::vector<std::uint64_t> words(static_cast<std::size_t>(n));
  random_fill<std::uint64_t>(generator, words.data(), n, 4, [](const PhiloxWords& group, std::uint64_t* values) {
    for (int i = 0; i < random_per_group<std::uint64_t>; ++i) values[i] = random_word64(group, i);
  });
  for (std::int64_t i = n - 1; i > 0; --i)
    std::swap(order[i], order[random_below(words[static_cast<std::size_t>(i)], static_cast<std::uint64_t>(i) + 1)]);
  return finish(result.to(options.dtype.value_or(Dtype::int64), here), options, here);
}

Tensor bernoulli(const Arg& p, Generator& generator) {
  check_floating("bernoulli", p.tensor(), p.here());
  const Tensor source = dense(p.tensor());
  Tensor result = make_tensor(p->sizes(), p->dtype());
  dispatch_floating(p->dtype(), [&]<class T>() {
    const T* probability = data<T>(source);
    T* out = data<T>(result);
    const std::int64_t count = result.numel();
    for (std::int64_t i = 0; i < count; ++i)
      check<ValueError>(probability[i] >= 0 && probability[i] <= 1, p.here(),
                        "bernoulli: probabilities must be in [0, 1], element {} is {}", i, probability[i]);
    random_uniform(generator, out, count, 0, 1);
    for (std::int64_t i = 0; i < count; ++i) out[i] = static_cast<T>(out[i] < probability[i]);
  });
  return result;
}

namespace {

// One row of multinomial: cumulative sums in double, a uniform number each, and a search. Without replacement the
// largest of uniform^(1/weight) win (Efraimidis and Spirakis), which is the same as drawing one after the other.
void draw_row(const std::vector<double>& weights, bool replacement, std::int64_t samples, Generator& generator,
              std::int64_t* out) {
  const std::size_t n = weights.size();
  if (replacement) {
    std::vector<double> upto(n), draws(static_cast<std::size_t>(samples));
    std::partial_sum(weights.begin(), weights.end(), upto.begin());
    random_uniform(generator, draws.data(), samples, 0, 1);
    for (std::int64_t s = 0; s < samples; ++s) {
      const double at = draws[static_cast<std::size_t>(s)] * upto.back();
      auto found = std::upper_bound(upto.begin(), upto.end(), at);
      // Rounding may put `at` on the total itself: the last index with any weight.
      if (found == upto.end()) found = std::lower_bound(upto.begin(), upto.end(), upto.back());
      out[s] = found - upto.begin();
    }
    return;
  }
  std::vector<double> keys(n);
  random_uniform(generator, keys.data(), static_cast<std::int64_t>(n), 0, 1);
  for (std::size_t i = 0; i < n; ++i)
    keys[i] = weights[i] > 0 ? std::log1p(-keys[i]) / weights[i] : -std::numeric_limits<double>::infinity();
  std::vector<std::int64_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  std::partial_sort(order.begin(), order.begin() + samples, order.end(), [&](std::int64_t a, std::int64_t b) {
    const double x = keys[static_cast<std::size_t>(a)], y = keys[static_cast<std::size_t>(b)];
    return x != y ? x > y : a < b;
  });
  std::copy_n(order.begin(), samples, out);
}

}  // namespace

Tensor multinomial(const Arg& weights, std::int64_t num_samples, bool replacement, Generator& generator) {
  const Here here = weights.here();
  check_floating("multinomial", weights.tensor(), here);
  const Shape& shape = weights->sizes();
  check<ShapeError>((shape.size() == 1 || shape.size() == 2) && shape.back() > 0, here,
                    "multinomial: weights must be [n] or [m, n] with n > 0, got {}", shape);
  check<ValueError>(num_samples > 0, here, "multinomial: num_samples must be positive, got {}", num_samples);
  const std::int64_t rows = shape.size() == 2 ? shape[0] : 1, n = shape.back();
  const Tensor source = dense(weights->detach(here).to(Dtype::float64, here));
  const double* values = data<double>(source);
  for (std::int64_t r = 0; r < rows; ++r) {
    std::int64_t positive = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      const double w = values[r * n + i];
      check<ValueError>(w >= 0 && std::isfinite(w), here,
                        "multinomial: weights must be finite and not negative, element {} of row {} is {}", i, r, w);
      positive += w > 0;
    }
    check<ValueError>(positive >= (replacement ? 1 : num_samples), here,
                      "multinomial: row {} has {} positive weights, too few for {} samples {} replacement", r, positive,
                      num_samples, replacement ? "with" : "without");
  }
  Tensor result = make_tensor(shape.size() == 2 ? Shape{rows, num_samples} : Shape{num_samples}, Dtype::int64);
  for (std::int64_t r = 0; r < rows; ++r)
    draw_row({values + r * n, values + (r + 1) * n}, replacement, num_samples, generator,
             data<std::int64_t>(result) + r * num_samples);
  return result;
}

// ---- in place

namespace {

// Gives `target` what `fill` writes into contiguous memory of its shape and dtype.
template <class Fill>
Tensor replace_values(const char* op, const Tensor& target, Here here, Fill&& fill) {
  check_inplace(op, target, here);
  if (target.is_contiguous() && (!is_grad_enabled() || (!requires_grad(target) && !target.is_view()))) {
    fill(target);
    bump_version(target);
    return target;
  }
  return update_inplace(op, target, here, [&](const Tensor& old) {
    Tensor fresh = make_tensor(old.sizes(), old.dtype());
    fill(fresh);
    return fresh;
  });
}

void check_defined(const Tensor& tensor, Here here) {
  if (!tensor.defined()) raise_undefined(here);
}

}  // namespace

Tensor Tensor::uniform_(double from, double to, Here here) const {
  check_defined(*this, here);
  check_floating("uniform_", *this, here);
  check<ValueError>(from <= to, here, "uniform_: from must not be above to, got from {} and to {}", from, to);
  return replace_values("uniform_", *this, here,
                        [&](const Tensor& t) { fill_uniform(t, from, to, default_generator()); });
}
Tensor Tensor::normal_(double mean, double std, Here here) const {
  check_defined(*this, here);
  check_floating("normal_", *this, here);
  check<ValueError>(std >= 0, here, "normal_: std must not be negative, got {}", std);
  return replace_values("normal_", *this, here,
                        [&](const Tensor& t) { fill_normal(t, mean, std, default_generator()); });
}
Tensor Tensor::bernoulli_(double p, Here here) const {
  check_defined(*this, here);
  check<ValueError>(p >= 0 && p <= 1, here, "bernoulli_: p must be in [0, 1], got {}", p);
  return replace_values("bernoulli_", *this, here, [&](const Tensor& t) { fill_bernoulli(t, p, default_generator()); });
}

}  // namespace xgrad
