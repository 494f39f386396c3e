#include <xgrad/autograd.hpp>
#include <xgrad/optim/averaged.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include "core/check.hpp"
#include "core/dispatch.hpp"
#include "core/tensor_impl.hpp"
#include "kernels/parallel.hpp"

namespace xgrad::optim {

using detail::check;

namespace {

constexpr std::int64_t grain = 32768;

template <class T>
void average_loop(T* __restrict average, const T* __restrict value, std::int64_t n, T keep, T share) {
  for (std::int64_t i = 0; i < n; ++i) average[i] = keep * average[i] + share * value[i];
}

// The average moves towards the tensor by a share of the way.
void move_towards(const Tensor& average, const Tensor& tensor, double share) {
  const Tensor value = detail::dense(tensor);
  detail::dispatch_floating(average.dtype(), [&]<class T>() {
    T* a = detail::data<T>(average);
    const T* v = detail::data<T>(value);
    detail::parallel_for(average.numel(), grain, 3 * average.numel(), [&](std::int64_t begin, std::int64_t end) {
      average_loop(a + begin, v + begin, end - begin, static_cast<T>(1 - share), static_cast<T>(share));
    });
  });
  detail::bump_version(average);
}

Tensor copy_of(const Tensor& tensor) { return tensor.detach().contiguous().clone(); }

void exchange_values(const Tensor& tensor, Tensor& average) {
  if (!tensor.is_contiguous() || tensor.dtype() != average.dtype()) {
    const Tensor kept = copy_of(tensor);
    tensor.detach().copy_(average.to(tensor.dtype()));
    average = kept;
    return;
  }
  const std::int64_t size = tensor.numel() * element_size(tensor.dtype());
  if (size == 0) return;
  auto* t = static_cast<std::byte*>(detail::impl(tensor).raw());
  auto* a = static_cast<std::byte*>(detail::impl(average).raw());
  detail::parallel_for(size, 4 * grain, size / 4,
                       [&](std::int64_t begin, std::int64_t end) { std::swap_ranges(t + begin, t + end, a + begin); });
  detail::bump_version(tensor);
  detail::bump_version(average);
}

TensorList buffers_of(const nn::Module& module, bool use_buffers) {
  return use_buffers ? module.buffers() : TensorList{};
}

void check_decay(double decay, Here here) {
  check<ValueError>(decay >= 0 && decay <= 1, here, "ExponentialMovingAverage: decay must lie in [0, 1], it is {}",
                    decay);
}
void check_no_buffers(const char* name, bool use_buffers, Here here) {
  check<ValueError>(!use_buffers, here, "{}: use_buffers needs a module, got a list of parameters", name);
}

}  // namespace

WeightAverage::WeightAverage(const char* name, const TensorList& parameters, const TensorList& buffers, Here here)
    : name_(name) {
  check<ValueError>(!parameters.empty(), here, "{}: expected parameters, there are none", name);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    check<ValueError>(parameters[i].defined(), here, "{}: parameter {} is undefined", name, i);
    check<DtypeError>(parameters[i].is_floating_point(), here, "{}: parameter {} is {}, expected a floating dtype",
                      name, i, parameters[i].dtype());
    for (std::size_t k = 0; k < i; ++k)
      check<ValueError>(!parameters[k].is_same(parameters[i]), here, "{}: parameter {} is there twice", name, i);
  }
  tensors_ = parameters;
  tensors_.insert(tensors_.end(), buffers.begin(), buffers.end());
  for (const Tensor& tensor : tensors_) averages_.push_back(copy_of(tensor));
}

void WeightAverage::check_in_place(const char* op, Here here) const {
  check<Error>(!swapped_, here, "{}: {}() while the averages are in the tensors' place; let the guard of swap() die",
               name_, op);
}

void WeightAverage::update(Here here) {
  check_in_place("update", here);
  const NoGradGuard no_grad;
  const double part = count_ == 0 ? 1 : share(count_);
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    const Tensor& tensor = tensors_[i];
    Tensor& average = averages_[i];
    if (average.dtype() != tensor.dtype()) average = average.to(tensor.dtype());
    if (count_ == 0 || !tensor.is_floating_point())
      average.copy_(tensor.detach());
    else
      move_towards(average, tensor, part);
  }
  ++count_;
}

void WeightAverage::exchange() {
  const NoGradGuard no_grad;
  for (std::size_t i = 0; i < tensors_.size(); ++i) exchange_values(tensors_[i], averages_[i]);
  swapped_ = !swapped_;
}

WeightAverage::Swapped WeightAverage::swap(Here here) {
  check_in_place("swap", here);
  exchange();
  return Swapped(*this);
}
WeightAverage::Swapped::~Swapped() { average_.exchange(); }

void WeightAverage::copy_to(Here here) const {
  check_in_place("copy_to", here);
  const NoGradGuard no_grad;
  for (std::size_t i = 0; i < tensors_.size(); ++i) tensors_[i].detach().copy_(averages_[i]);
}

StateDict WeightAverage::state_dict(Here here) const {
  check_in_place("state_dict", here);
  const Tensor count = detail::make_tensor({}, int64);
  *detail::data<std::int64_t>(count) = count_;
  StateDict state{{"n_averaged", count}};
  for (std::size_t i = 0; i < averages_.size(); ++i) state.insert(fmt::format("averages.{}", i), averages_[i]);
  return state;
}

void WeightAverage::load_state_dict(const StateDict& state, Here here) {
  check_in_place("load_state_dict", here);
  const Tensor count = state.at("n_averaged", here);
  check<ValueError>(count.numel() == 1 && count.dtype() == int64, here,
                    "load_state_dict: n_averaged must be one int64, it is {} {}", count.sizes(), count.dtype());
  const std::int64_t number = *detail::data<std::int64_t>(detail::dense(count));
  check<ValueError>(number >= 0, here, "load_state_dict: n_averaged must not be negative, it is {}", number);
  TensorList loaded;
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    const std::string key = fmt::format("averages.{}", i);
    const Tensor value = state.at(key, here), &tensor = tensors_[i];
    check<ShapeError>(value.sizes() == tensor.sizes(), here, "load_state_dict: {} is {}, its tensor is {}", key,
                      value.sizes(), tensor.sizes());
    check<DtypeError>(value.dtype() == tensor.dtype() || (value.is_floating_point() && tensor.is_floating_point()),
                      here, "load_state_dict: {} is {}, its tensor is {}", key, value.dtype(), tensor.dtype());
    loaded.push_back(copy_of(value.to(tensor.dtype())));
  }
  check<ValueError>(state.size() == loaded.size() + 1, here, "load_state_dict: {} expects {} entries, the state has {}",
                    name_, loaded.size() + 1, state.size());
  averages_ = std::move(loaded);
  count_ = number;
}

ExponentialMovingAverage::ExponentialMovingAverage(const TensorList& parameters,
                                                   const ExponentialMovingAverageOptions& options, Here here)
    : WeightAverage("ExponentialMovingAverage", parameters, {}, here), decay_(options.decay) {
  check_decay(decay_, here);
  check_no_buffers("ExponentialMovingAverage", options.use_buffers, here);
}
ExponentialMovingAverage::ExponentialMovingAverage(const nn::Module& module,
                                                   const ExponentialMovingAverageOptions& options, Here here)
    : WeightAverage("ExponentialMovingAverage", module.parameters(), buffers_of(module, options.use_buffers), here),
      decay_(options.decay) {
  check_decay(decay_, here);
}
double ExponentialMovingAverage::share(std::int64_t) const { return 1 - decay_; }

StochasticWeightAverage::StochasticWeightAverage(const TensorList& parameters,
                                                 const StochasticWeightAverageOptions& options, Here here)
    : WeightAverage("StochasticWeightAverage", parameters, {}, here) {
  check_no_buffers("StochasticWeightAverage", options.use_buffers, here);
}
StochasticWeightAverage::StochasticWeightAverage(const nn::Module& module,
                                                 const StochasticWeightAverageOptions& options, Here here)
    : WeightAverage("StochasticWeightAverage", module.parameters(), buffers_of(module, options.use_buffers), here) {}
double StochasticWeightAverage::share(std::int64_t count) const { return 1 / (static_cast<double>(count) + 1); }

}  // namespace xgrad::optim
