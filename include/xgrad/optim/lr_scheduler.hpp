// Learning rates that change from epoch to epoch. A schedule changes its optimizer's lr() each time step() is called,
// once per epoch (or per batch, where it says so), after the optimizer's steps.
//
// Below, lr_n is the rate of epoch n, the first being 0, and lr_0 the optimizer's when its first schedule was made.
// Schedules go on from the rate they find, as PyTorch's do, so that several can work on one optimizer; the closed forms
// hold for one alone. Each is a ValueError for a length below 1 and for a factor that is negative or NaN.
#pragma once
#include <xgrad/optim/optimizer.hpp>
#include <xgrad/state_dict.hpp>

#include <cstdint>
#include <functional>
#include <vector>

namespace xgrad::optim {

// Keeps a reference to the optimizer, which must outlive it. One's own schedule derives from it and gives next().
class LRScheduler {
 public:
  virtual ~LRScheduler() = default;
  LRScheduler(const LRScheduler&) = delete;
  LRScheduler& operator=(const LRScheduler&) = delete;

  // Ends an epoch: sets the learning rate of every group for the next one. ValueError: a rate that is negative or NaN;
  // nothing is changed then.
  virtual void step(Here here = {});
  // Begins again: epoch 0, from the first rate. What SequentialLR does when it comes to a schedule.
  virtual void restart(Here here = {});
  // How often step() was called since.
  std::int64_t last_epoch() const noexcept { return epoch_; }
  // last_epoch, and base_lr: lr_0 of each group. The learning rates themselves are in the optimizer's state.
  virtual StateDict state_dict() const;
  // ValueError: an entry is missing or is not what it should be. Nothing is changed then.
  virtual void load_state_dict(const StateDict& state, Here here = {});

  Optimizer& optimizer() const noexcept { return optimizer_; }

 protected:
  explicit LRScheduler(Optimizer& optimizer, Here here = {});
  double base_lr(std::size_t group) const { return base_lr_.at(group); }

  // The learning rate of a group in epoch `epoch` > 0, from the one before.
  virtual double next(double lr, std::int64_t epoch, std::size_t group) const = 0;
  // That of epoch 0, from the optimizer's.
  virtual double first(double lr, std::size_t group) const;
  // That of epoch 0 when it begins again at a rate of lr: first(base_lr(group), group).
  virtual double again(double lr, std::size_t group) const;
  // What else depends on the epoch: called when it has changed.
  virtual void entered(std::int64_t epoch);
  // Begins at the rates there are: for the constructors of schedules with a first() or entered() of their own.
  virtual void start(Here here);

 private:
  // They start and restart their parts.
  friend class ChainedScheduler;
  friend class SequentialLR;
  void enter(std::int64_t epoch, const std::vector<double>& rates, Here here);

  Optimizer& optimizer_;
  std::int64_t epoch_ = 0;
  std::vector<double> base_lr_;
};

// lr_n = lr_0 lr_lambda(n), with one function for all groups or one for each (ValueError for another number).
using LRFunction = std::function<double(std::int64_t epoch)>;
class LambdaLR : public LRScheduler {
 public:
  LambdaLR(Optimizer& optimizer, LRFunction lr_lambda, Here here = {});
  LambdaLR(Optimizer& optimizer, std::vector<LRFunction> lr_lambda, Here here = {});

 protected:
  double next(double lr, std::int64_t epoch, std::size_t group) const override;
  double first(double lr, std::size_t group) const override;

 private:
  std::vector<LRFunction> functions_;
};

// lr_n = lr_(n-1) lr_lambda(n).
class MultiplicativeLR : public LRScheduler {
 public:
  MultiplicativeLR(Optimizer& optimizer, LRFunction lr_lambda, Here here = {});
  MultiplicativeLR(Optimizer& optimizer, std::vector<LRFunction> lr_lambda, Here here = {});

 protected:
  double next(double lr, std::int64_t epoch, std::size_t group) const override;
  double again(double lr, std::size_t group) const override;

 private:
  std::vector<LRFunction> functions_;
};

// lr times gamma after every step_size epochs: lr_n = lr_0 gamma^floor(n / step_size).
class StepLR : public LRScheduler {
 public:
  StepLR(Optimizer& optimizer, std::int64_t step_size, double gamma = 0.1, Here here = {});

 protected:
  double next(double lr, std::int64_t epoch, std::size_t group) const override;

 private:
  std::int64_t step_size_;
  double gamma_;
};

// lr times gamma at each of the milestones, in any order; one that is there twice counts twice.
class MultiStepLR : public LRScheduler {
 public:
  MultiStepLR(Optimizer& optimizer, std::vector<std::int64_t> milestones, double gamma = 0.1, Here here = {});

 protected:
  double next(double lr, std::int64_t epoch, std::size_t group) const override;

 private:
  std::vector<std::int64_t> milestones_;
  double gamma_;
};

// lr_0 factor for total_iters epochs, then lr_0. ValueError unless 0 < factor <= 1.
class ConstantLR : public LRScheduler {
 public:
  explicit ConstantLR(Optimizer& optimizer, double factor = 1.0 / 3, std::int64_t total_iters = 5, Here here = {});

 protected:
  double next(double lr, std::int64_t epoch, std::size_t group) const override;
  double first(double lr, std::size_t group) const override;

 private:
  double factor_;
  std::int64_t total_iters_;
};

// From lr_0 start_factor to lr_0 end_factor in total_iters epochs, evenly. ValueError unless 0 < start_factor <= 1 and
// 0 <= end_factor <= 1.
struct LinearLROptions {
  double start_factor = 1.0 / 3;
  double end_factor = 1;
  std::int64_t total_iters = 5;
};
class LinearLR : public LRScheduler {
 public:
  explicit LinearLR(Optimizer& optimizer, const LinearLROptions& options = {}, Here here = {});

 protected:
  double next(double lr, std::int64_t epoch, std::size_t group) const override;
  double first(double lr, std::size_t group) const override;

 private:
  LinearLROptions options_;
};

// lr times gamma after every epoch: lr_n = lr_0 gamma^n.
class ExponentialLR : public LRScheduler {
 public:
  ExponentialLR(Optimizer& optimizer, double gamma, Here here = {});

 protected:
  double next(double lr, std::int64_t epoch, std::size_t group) const override;

 private:
  double gamma_;
};

// To 0 in total_iters epochs: lr_n = lr_0 (1 - n / total_iters)^power.
class PolynomialLR : public LRScheduler {
 public:
  explicit PolynomialLR(Optimizer& optimizer, std::int64_t total_iters = 5, double power = 1, Here here = {});

 protected:
  double next(double lr, std::int64_t epoch, std::size_t group) const override;

 private:
  std::int64_t total_iters_;
  double power_;
};

// Half a cosine from lr_0 down to eta_min in T_max epochs, and up again in as many:
//   lr_n = eta_min + (lr_0 - eta_min) (1 + cos(pi n / T_max)) / 2
// Loshchilov, Hutter, SGDR: stochastic gradient descent with warm restarts (2017), without the restarts.
class CosineAnnealingLR : public LRScheduler {
 public:
  CosineAnnealingLR(Optimizer& optimizer, std::int64_t T_max, double eta_min = 0, Here here = {});

 protected:
  double next(double lr, std::int64_t epoch, std::size_t group) const override;

 private:
  std::int64_t T_max_;
  double eta_min_;
};

// The same with restarts: after T_0 epochs it begins again at lr_0, and each run is T_mult times as long as the one
// before it. Loshchilov, Hutter (2017), equation 5.
class CosineAnnealingWarmRestarts : public LRScheduler {
 public:
  CosineAnnealingWarmRestarts(Optimizer& optimizer, std::int64_t T_0, std::int64_t T_mult = 1, double eta_min = 0,
                              Here here = {});

 protected:
  double next(double lr, std::int64_t epoch, std::size_t group) const override;

 private:
  std::int64_t T_0_, T_mult_;
  double eta_min_;
};

}  // namespace xgrad::optim
