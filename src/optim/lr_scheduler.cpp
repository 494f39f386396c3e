#include <xgrad/optim/lr_scheduler.hpp>

#include "core/check.hpp"
#include "core/tensor_impl.hpp"

namespace xgrad::optim {

using detail::check;

void LRScheduler::step(Here here) {
  ++epoch_;
  for (std::size_t g = 0; g < optimizer_.group_count(); ++g)
    optimizer_.set_group_lr(g, next(optimizer_.lr(g, here), epoch_, g), here);
}

StateDict LRScheduler::state_dict() const {
  const Tensor epoch = detail::make_tensor({}, int64);
  *detail::data<std::int64_t>(epoch) = epoch_;
  return {{"last_epoch", epoch}};
}

void LRScheduler::load_state_dict(const StateDict& state, Here here) {
  const auto entry = state.find("last_epoch");
  check<ValueError>(entry != state.end(), here, "load_state_dict: a schedule needs last_epoch, the state has none");
  check<ValueError>(entry->second.numel() == 1 && entry->second.dtype() == int64, here,
                    "load_state_dict: last_epoch must be one int64, it is {} {}", entry->second.sizes(),
                    entry->second.dtype());
  const std::int64_t epoch = *detail::data<std::int64_t>(detail::dense(entry->second));
  check<ValueError>(epoch >= 0, here, "load_state_dict: last_epoch must not be negative, it is {}", epoch);
  epoch_ = epoch;
}

StepLR::StepLR(Optimizer& optimizer, std::int64_t step_size, double gamma, Here here)
    : LRScheduler(optimizer), step_size_(step_size), gamma_(gamma) {
  check<ValueError>(step_size >= 1, here, "StepLR: step_size must be positive, it is {}", step_size);
  check<ValueError>(gamma >= 0, here, "StepLR: gamma must not be negative, it is {}", gamma);
}

double StepLR::next(double lr, std::int64_t epoch, std::size_t) const {
  return epoch % step_size_ == 0 ? lr * gamma_ : lr;
}

ExponentialLR::ExponentialLR(Optimizer& optimizer, double gamma, Here here) : LRScheduler(optimizer), gamma_(gamma) {
  check<ValueError>(gamma >= 0, here, "ExponentialLR: gamma must not be negative, it is {}", gamma);
}

double ExponentialLR::next(double lr, std::int64_t, std::size_t) const { return lr * gamma_; }

}  // namespace xgrad::optim
