// Schedules of learning rate and momentum together, for one step() per batch.
//
// cycle_momentum moves the momentum (SGD, RMSprop) or the first beta (Adam and its kin) the other way round; ValueError
// for an optimizer that has neither. Rates and momenta are one for all groups or one for each (ValueError for another
// number). The state is that of every schedule: momenta are set anew when it is loaded.
#pragma once
#include <xgrad/optim/lr_scheduler.hpp>

#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

namespace xgrad::optim {

// A number for all groups, or one for each.
class PerGroup {
 public:
  PerGroup(double value) : values_{value} {}
  PerGroup(std::initializer_list<double> values) : values_(values) {}
  PerGroup(std::vector<double> values) : values_(std::move(values)) {}
  // As many as there are groups. ValueError for another number of them.
  std::vector<double> spread(const char* schedule, const char* name, std::size_t groups, Here here) const;

 private:
  std::vector<double> values_;
};

// mode: "triangular" (every cycle as high), "triangular2" (half as high as the one before), "exp_range" (gamma^n as
// high in step n), or scale_fn, of the cycle's number from 1 on, or of the step's with scale_mode "iterations".
struct CyclicLROptions {
  std::int64_t step_size_up = 2000;
  std::optional<std::int64_t> step_size_down{};
  std::string mode = "triangular";
  double gamma = 1;
  std::function<double(double)> scale_fn{};
  std::string scale_mode = "cycle";
  bool cycle_momentum = true;
  PerGroup base_momentum = 0.8;
  PerGroup max_momentum = 0.9;
};
// Up from base_lr to max_lr in step_size_up steps and down again in step_size_down (as many, where left out), over and
// over: lr = base_lr + (max_lr - base_lr) height scale; momentum = max_momentum - (max_momentum - base_momentum) height
// scale, with height from 0 to 1 and back.
// Smith, Cyclical learning rates for training neural networks (2017). ValueError: another mode, a length below 1.
class CyclicLR : public LRScheduler {
 public:
  CyclicLR(Optimizer& optimizer, const PerGroup& base_lr, const PerGroup& max_lr, const CyclicLROptions& options = {},
           Here here = {});

 protected:
  double next(double lr, std::int64_t epoch, std::size_t group) const override;
  double first(double lr, std::size_t group) const override;
  void entered(std::int64_t epoch) override;

 private:
  double height(std::int64_t epoch) const;
  CyclicLROptions options_;
  std::vector<double> low_, high_, low_momentum_, high_momentum_;
};

// total_steps, or epochs and steps_per_epoch. pct_start: the share of the steps in which the rate rises.
// anneal_strategy: "cos" or "linear". three_phase: fall to the first rate as fast as it rose, then to the last one.
struct OneCycleLROptions {
  std::optional<std::int64_t> total_steps{};
  std::optional<std::int64_t> epochs{};
  std::optional<std::int64_t> steps_per_epoch{};
  double pct_start = 0.3;
  std::string anneal_strategy = "cos";
  bool cycle_momentum = true;
  PerGroup base_momentum = 0.85;
  PerGroup max_momentum = 0.95;
  double div_factor = 25;
  double final_div_factor = 1e4;
  bool three_phase = false;
};
// One cycle: from max_lr / div_factor up to max_lr and down to the first rate / final_div_factor.
// Smith, Topin, Super-convergence: very fast training of neural networks using large learning rates (2018).
// The rate after total_steps calls of step(), for which no batch is left, goes on along the curve, but not below 0.
// ValueError: no or a wrong number of steps, pct_start outside [0, 1], another strategy; step(): more steps than
// total_steps, when nothing is changed.
class OneCycleLR : public LRScheduler {
 public:
  OneCycleLR(Optimizer& optimizer, const PerGroup& max_lr, const OneCycleLROptions& options, Here here = {});

 protected:
  double next(double lr, std::int64_t epoch, std::size_t group) const override;
  double first(double lr, std::size_t group) const override;
  void entered(std::int64_t epoch) override;

 private:
  // Until step `end` from one rate and momentum to another: 0 the first rate, 1 the largest, 2 the last.
  struct Phase {
    double end;
    int from, to;
    bool falls, rises;  // the momentum
  };
  double rate(int which, std::size_t group) const;
  double anneal(double from, double to, double share) const;
  template <class F>
  double in_phase(std::int64_t epoch, const F& f) const;

  OneCycleLROptions options_;
  std::int64_t total_ = 0;
  std::vector<Phase> phases_;
  std::vector<double> high_, low_momentum_, high_momentum_;
};

}  // namespace xgrad::optim
