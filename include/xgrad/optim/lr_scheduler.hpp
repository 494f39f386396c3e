// Learning rates that change from epoch to epoch. A schedule changes its optimizer's lr() each time step() is called,
// once per epoch, after the optimizer's steps; it starts from what it finds, so that schedules can be combined.
#pragma once
#include <xgrad/optim/optimizer.hpp>
#include <xgrad/state_dict.hpp>

#include <cstdint>

namespace xgrad::optim {

// Keeps a reference to the optimizer, which must outlive it. One's own schedule derives from it and gives next().
class LRScheduler {
 public:
  virtual ~LRScheduler() = default;
  // Ends an epoch: sets the learning rate of every group for the next one.
  void step(Here here = {});
  // How often step() was called.
  std::int64_t last_epoch() const noexcept { return epoch_; }
  // {last_epoch}. The learning rates themselves are in the optimizer's state.
  StateDict state_dict() const;
  // ValueError: last_epoch is missing or is not one int64. Nothing is changed then.
  void load_state_dict(const StateDict& state, Here here = {});

 protected:
  explicit LRScheduler(Optimizer& optimizer) noexcept : optimizer_(optimizer) {}
  // The learning rate of a group in epoch `epoch`, from the one before.
  virtual double next(double lr, std::int64_t epoch, std::size_t group) const = 0;

 private:
  Optimizer& optimizer_;
  std::int64_t epoch_ = 0;
};

// lr times gamma after every step_size epochs: lr_n = lr_0 gamma^floor(n / step_size).
// ValueError: step_size < 1, gamma negative or NaN.
class StepLR : public LRScheduler {
 public:
  StepLR(Optimizer& optimizer, std::int64_t step_size, double gamma = 0.1, Here here = {});

 protected:
  double next(double lr, std::int64_t epoch, std::size_t group) const override;

 private:
  std::int64_t step_size_;
  double gamma_;
};

// lr times gamma after every epoch: lr_n = lr_0 gamma^n. ValueError: gamma negative or NaN.
class ExponentialLR : public LRScheduler {
 public:
  ExponentialLR(Optimizer& optimizer, double gamma, Here here = {});

 protected:
  double next(double lr, std::int64_t epoch, std::size_t group) const override;

 private:
  double gamma_;
};

}  // namespace xgrad::optim
