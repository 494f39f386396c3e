#include <xgrad/optim/lr_cyclic.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/check.hpp"

namespace xgrad::optim {

using detail::check;

namespace {

void check_momentum(const char* schedule, Optimizer& optimizer, Here here) {
  for (std::size_t g = 0; g < optimizer.group_count(); ++g)
    check<ValueError>(optimizer.momentum(g) != nullptr, here,
                      "{}: cycle_momentum is on, the optimizer has neither momentum nor betas", schedule);
}

}  // namespace

std::vector<double> PerGroup::spread(const char* schedule, const char* name, std::size_t groups, Here here) const {
  if (values_.size() == 1) return std::vector<double>(groups, values_[0]);
  check<ValueError>(values_.size() == groups, here, "{}: expected one {} or one for each of {} groups, got {}",
                    schedule, name, groups, values_.size());
  return values_;
}

CyclicLR::CyclicLR(Optimizer& o, const PerGroup& base_lr, const PerGroup& max_lr, const CyclicLROptions& options,
                   Here here)
    : LRScheduler(o, here), options_(options) {
  const std::size_t groups = o.group_count();
  low_ = base_lr.spread("CyclicLR", "base_lr", groups, here);
  high_ = max_lr.spread("CyclicLR", "max_lr", groups, here);
  low_momentum_ = options.base_momentum.spread("CyclicLR", "base_momentum", groups, here);
  high_momentum_ = options.max_momentum.spread("CyclicLR", "max_momentum", groups, here);
  check<ValueError>(options.step_size_up >= 1 && options.step_size_down.value_or(1) >= 1, here,
                    "CyclicLR: lengths must be positive, they are {} and {}", options.step_size_up,
                    options.step_size_down.value_or(options.step_size_up));
  check<ValueError>(
      options.scale_fn || options.mode == "triangular" || options.mode == "triangular2" || options.mode == "exp_range",
      here, "CyclicLR: mode must be triangular, triangular2 or exp_range, it is {}", options.mode);
  check<ValueError>(options.scale_mode == "cycle" || options.scale_mode == "iterations", here,
                    "CyclicLR: scale_mode must be cycle or iterations, it is {}", options.scale_mode);
  if (options.cycle_momentum) check_momentum("CyclicLR", o, here);
  start(here);
}

double CyclicLR::height(std::int64_t epoch) const {
  const double up = static_cast<double>(options_.step_size_up),
               down = static_cast<double>(options_.step_size_down.value_or(options_.step_size_up)), total = up + down,
               n = static_cast<double>(epoch), cycle = std::floor(1 + n / total), x = 1 + n / total - cycle,
               ratio = up / total;
  const double height = x <= ratio ? x / ratio : (x - 1) / (ratio - 1);
  if (options_.scale_fn) return height * options_.scale_fn(options_.scale_mode == "cycle" ? cycle : n);
  if (options_.mode == "triangular2") return height / std::pow(2, cycle - 1);
  if (options_.mode == "exp_range") return height * std::pow(options_.gamma, n);
  return height;
}
double CyclicLR::next(double, std::int64_t epoch, std::size_t group) const {
  return low_[group] + (high_[group] - low_[group]) * height(epoch);
}
double CyclicLR::first(double, std::size_t group) const { return next(0, 0, group); }
void CyclicLR::entered(std::int64_t epoch) {
  if (!options_.cycle_momentum) return;
  for (std::size_t g = 0; g < high_momentum_.size(); ++g)
    *optimizer().momentum(g) = high_momentum_[g] - (high_momentum_[g] - low_momentum_[g]) * height(epoch);
}

OneCycleLR::OneCycleLR(Optimizer& o, const PerGroup& max_lr, const OneCycleLROptions& options, Here here)
    : LRScheduler(o, here), options_(options) {
  const std::size_t groups = o.group_count();
  high_ = max_lr.spread("OneCycleLR", "max_lr", groups, here);
  low_momentum_ = options.base_momentum.spread("OneCycleLR", "base_momentum", groups, here);
  high_momentum_ = options.max_momentum.spread("OneCycleLR", "max_momentum", groups, here);
  check<ValueError>(options.total_steps || (options.epochs && options.steps_per_epoch), here,
                    "OneCycleLR: expected total_steps, or epochs and steps_per_epoch");
  total_ = options.total_steps ? *options.total_steps : *options.epochs * *options.steps_per_epoch;
  check<ValueError>(total_ >= 1, here, "OneCycleLR: the number of steps must be positive, it is {}", total_);
  check<ValueError>(options.pct_start >= 0 && options.pct_start <= 1, here,
                    "OneCycleLR: pct_start must lie in [0, 1], it is {}", options.pct_start);
  check<ValueError>(options.anneal_strategy == "cos" || options.anneal_strategy == "linear", here,
                    "OneCycleLR: anneal_strategy must be cos or linear, it is {}", options.anneal_strategy);
  check<ValueError>(options.div_factor > 0 && options.final_div_factor > 0, here,
                    "OneCycleLR: div_factor and final_div_factor must be positive, they are {} and {}",
                    options.div_factor, options.final_div_factor);
  if (options.cycle_momentum) check_momentum("OneCycleLR", o, here);
  const double total = static_cast<double>(total_), top = options.pct_start * total - 1;
  if (options.three_phase)
    phases_ = {{top, 0, 1, true, false},
               {2 * options.pct_start * total - 2, 1, 0, false, true},
               {total - 1, 0, 2, false, false}};
  else
    phases_ = {{top, 0, 1, true, false}, {total - 1, 1, 2, false, true}};
  start(here);
}

double OneCycleLR::rate(int which, std::size_t group) const {
  const double low = high_[group] / options_.div_factor;
  return which == 0 ? low : which == 1 ? high_[group] : low / options_.final_div_factor;
}
double OneCycleLR::anneal(double from, double to, double share) const {
  if (options_.anneal_strategy == "linear") return (to - from) * share + from;
  return to + (from - to) / 2 * (1 + std::cos(std::numbers::pi * share));
}
// f(phase, share of it that is over).
template <class F>
double OneCycleLR::in_phase(std::int64_t epoch, const F& f) const {
  const double n = static_cast<double>(epoch);
  double begin = 0;
  std::size_t i = 0;
  for (; i + 1 < phases_.size() && n > phases_[i].end; ++i) begin = phases_[i].end;
  return f(phases_[i], (n - begin) / (phases_[i].end - begin));
}
double OneCycleLR::next(double, std::int64_t epoch, std::size_t group) const {
  check<ValueError>(epoch <= total_, Here{nullptr, 0}, "OneCycleLR: step {} is one too many, there are {}", epoch,
                    total_);
  const double lr = in_phase(epoch, [&](const Phase& phase, double share) {
    return anneal(rate(phase.from, group), rate(phase.to, group), share);
  });
  // A straight line goes below 0 in the epoch after the last, which a loop that ends with step() still enters.
  return epoch == total_ ? std::max(lr, 0.0) : lr;
}
double OneCycleLR::first(double, std::size_t group) const { return next(0, 0, group); }
void OneCycleLR::entered(std::int64_t epoch) {
  if (!options_.cycle_momentum) return;
  for (std::size_t g = 0; g < high_momentum_.size(); ++g)
    *optimizer().momentum(g) = in_phase(epoch, [&](const Phase& phase, double share) {
      const double low = low_momentum_[g], high = high_momentum_[g];
      return anneal(phase.rises ? low : high, phase.falls ? low : high, share);
    });
}

}  // namespace xgrad::optim
