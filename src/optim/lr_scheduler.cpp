#include <xgrad/optim/lr_scheduler.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "core/check.hpp"
#include "state_reader.hpp"

namespace xgrad::optim {

using detail::check;
using detail::state_list;
using detail::state_number;
using detail::StateReader;
using std::numbers::pi;

namespace {

void check_factor(const char* schedule, const char* name, double value, Here here) {
  check<ValueError>(value >= 0, here, "{}: {} must not be negative, it is {}", schedule, name, value);
}
void check_length(const char* schedule, const char* name, std::int64_t value, Here here) {
  check<ValueError>(value >= 1, here, "{}: {} must be positive, it is {}", schedule, name, value);
}
// In (0, 1], or [0, 1].
void check_share(const char* schedule, const char* name, double value, bool with_zero, Here here) {
  check<ValueError>((with_zero ? value >= 0 : value > 0) && value <= 1, here, "{}: {} must lie in {}0, 1], it is {}",
                    schedule, name, with_zero ? "[" : "(", value);
}

// One function for each group.
std::vector<LRFunction> for_each_group(const char* schedule, const Optimizer& optimizer,
                                       std::vector<LRFunction> functions, Here here) {
  check<ValueError>(functions.size() == optimizer.group_count(), here,
                    "{}: expected a function for each of {} groups, got {}", schedule, optimizer.group_count(),
                    functions.size());
  for (const LRFunction& function : functions)
    check<ValueError>(static_cast<bool>(function), here, "{}: there is no function", schedule);
  return functions;
}

}  // namespace

LRScheduler::LRScheduler(Optimizer& optimizer, Here here) : optimizer_(optimizer) {
  for (std::size_t g = 0; g < optimizer.group_count(); ++g) base_lr_.push_back(optimizer.initial_lr(g, here));
}

double LRScheduler::first(double lr, std::size_t) const { return lr; }
double LRScheduler::again(double, std::size_t group) const { return first(base_lr(group), group); }
void LRScheduler::entered(std::int64_t) {}

void LRScheduler::enter(std::int64_t epoch, const std::vector<double>& rates, Here here) {
  for (const double rate : rates)
    check<ValueError>(rate >= 0, here, "step: lr must not be negative, it is {} in epoch {}", rate, epoch);
  for (std::size_t g = 0; g < rates.size(); ++g) optimizer_.set_group_lr(g, rates[g], here);
  epoch_ = epoch;
  entered(epoch);
}

void LRScheduler::start(Here here) {
  std::vector<double> rates;
  for (std::size_t g = 0; g < base_lr_.size(); ++g) rates.push_back(first(optimizer_.lr(g, here), g));
  enter(0, rates, here);
}

void LRScheduler::step(Here here) {
  std::vector<double> rates;
  for (std::size_t g = 0; g < base_lr_.size(); ++g) rates.push_back(next(optimizer_.lr(g, here), epoch_ + 1, g));
  enter(epoch_ + 1, rates, here);
}

void LRScheduler::restart(Here here) {
  std::vector<double> rates;
  for (std::size_t g = 0; g < base_lr_.size(); ++g) rates.push_back(again(optimizer_.lr(g, here), g));
  enter(0, rates, here);
}

StateDict LRScheduler::state_dict() const {
  return {{"last_epoch", state_number(epoch_)}, {"base_lr", state_list(base_lr_)}};
}

void LRScheduler::load_state_dict(const StateDict& state, Here here) {
  StateReader read(state, here);
  const auto epoch = read.number<std::int64_t>("last_epoch");
  std::vector<double> rates = read.list("base_lr", static_cast<std::int64_t>(base_lr_.size()));
  check<ValueError>(epoch >= 0, here, "load_state_dict: last_epoch must not be negative, it is {}", epoch);
  read.nothing_else();
  epoch_ = epoch;
  base_lr_ = std::move(rates);
  entered(epoch_);
}

LambdaLR::LambdaLR(Optimizer& optimizer, LRFunction lr_lambda, Here here)
    : LambdaLR(optimizer, std::vector<LRFunction>(optimizer.group_count(), std::move(lr_lambda)), here) {}
LambdaLR::LambdaLR(Optimizer& optimizer, std::vector<LRFunction> lr_lambda, Here here)
    : LRScheduler(optimizer, here), functions_(for_each_group("LambdaLR", optimizer, std::move(lr_lambda), here)) {
  start(here);
}
double LambdaLR::next(double, std::int64_t epoch, std::size_t group) const {
  return base_lr(group) * functions_[group](epoch);
}
double LambdaLR::first(double, std::size_t group) const { return base_lr(group) * functions_[group](0); }

MultiplicativeLR::MultiplicativeLR(Optimizer& optimizer, LRFunction lr_lambda, Here here)
    : MultiplicativeLR(optimizer, std::vector<LRFunction>(optimizer.group_count(), std::move(lr_lambda)), here) {}
MultiplicativeLR::MultiplicativeLR(Optimizer& optimizer, std::vector<LRFunction> lr_lambda, Here here)
    : LRScheduler(optimizer, here),
      functions_(for_each_group("MultiplicativeLR", optimizer, std::move(lr_lambda), here)) {}
double MultiplicativeLR::next(double lr, std::int64_t epoch, std::size_t group) const {
  return lr * functions_[group](epoch);
}
double MultiplicativeLR::again(double lr, std::size_t) const { return lr; }

StepLR::StepLR(Optimizer& optimizer, std::int64_t step_size, double gamma, Here here)
    : LRScheduler(optimizer, here), step_size_(step_size), gamma_(gamma) {
  check_length("StepLR", "step_size", step_size, here);
  check_factor("StepLR", "gamma", gamma, here);
}
double StepLR::next(double lr, std::int64_t epoch, std::size_t) const {
  return epoch % step_size_ == 0 ? lr * gamma_ : lr;
}

MultiStepLR::MultiStepLR(Optimizer& optimizer, std::vector<std::int64_t> milestones, double gamma, Here here)
    : LRScheduler(optimizer, here), milestones_(std::move(milestones)), gamma_(gamma) {
  check_factor("MultiStepLR", "gamma", gamma, here);
}
double MultiStepLR::next(double lr, std::int64_t epoch, std::size_t) const {
  const auto count = std::count(milestones_.begin(), milestones_.end(), epoch);
  return count == 0 ? lr : lr * std::pow(gamma_, static_cast<double>(count));
}

ConstantLR::ConstantLR(Optimizer& optimizer, double factor, std::int64_t total_iters, Here here)
    : LRScheduler(optimizer, here), factor_(factor), total_iters_(total_iters) {
  check_share("ConstantLR", "factor", factor, false, here);
  check_length("ConstantLR", "total_iters", total_iters, here);
  start(here);
}
double ConstantLR::next(double lr, std::int64_t epoch, std::size_t) const {
  return epoch == total_iters_ ? lr * (1 / factor_) : lr;
}
double ConstantLR::first(double lr, std::size_t) const { return lr * factor_; }

LinearLR::LinearLR(Optimizer& optimizer, const LinearLROptions& options, Here here)
    : LRScheduler(optimizer, here), options_(options) {
  check_share("LinearLR", "start_factor", options.start_factor, false, here);
  check_share("LinearLR", "end_factor", options.end_factor, true, here);
  check_length("LinearLR", "total_iters", options.total_iters, here);
  start(here);
}
double LinearLR::next(double lr, std::int64_t epoch, std::size_t) const {
  if (epoch > options_.total_iters) return lr;
  const double change = options_.end_factor - options_.start_factor, total = static_cast<double>(options_.total_iters);
  return lr * (1 + change / (total * options_.start_factor + static_cast<double>(epoch - 1) * change));
}
double LinearLR::first(double lr, std::size_t) const { return lr * options_.start_factor; }

ExponentialLR::ExponentialLR(Optimizer& optimizer, double gamma, Here here)
    : LRScheduler(optimizer, here), gamma_(gamma) {
  check_factor("ExponentialLR", "gamma", gamma, here);
}
double ExponentialLR::next(double lr, std::int64_t, std::size_t) const { return lr * gamma_; }

PolynomialLR::PolynomialLR(Optimizer& optimizer, std::int64_t total_iters, double power, Here here)
    : LRScheduler(optimizer, here), total_iters_(total_iters), power_(power) {
  check_length("PolynomialLR", "total_iters", total_iters, here);
  check_factor("PolynomialLR", "power", power, here);
}
double PolynomialLR::next(double lr, std::int64_t epoch, std::size_t) const {
  if (epoch > total_iters_) return lr;
  const double n = static_cast<double>(epoch), total = static_cast<double>(total_iters_);
  return lr * std::pow((1 - n / total) / (1 - (n - 1) / total), power_);
}

CosineAnnealingLR::CosineAnnealingLR(Optimizer& optimizer, std::int64_t T_max, double eta_min, Here here)
    : LRScheduler(optimizer, here), T_max_(T_max), eta_min_(eta_min) {
  check_length("CosineAnnealingLR", "T_max", T_max, here);
  check_factor("CosineAnnealingLR", "eta_min", eta_min, here);
}
double CosineAnnealingLR::next(double lr, std::int64_t epoch, std::size_t group) const {
  const double n = static_cast<double>(epoch), length = static_cast<double>(T_max_);
  // At eta_min the quotient below has nothing left to multiply.
  if ((epoch - 1 - T_max_) % (2 * T_max_) == 0)
    return lr + (base_lr(group) - eta_min_) * (1 - std::cos(pi / length)) / 2;
  return (1 + std::cos(pi * n / length)) / (1 + std::cos(pi * (n - 1) / length)) * (lr - eta_min_) + eta_min_;
}

CosineAnnealingWarmRestarts::CosineAnnealingWarmRestarts(Optimizer& optimizer, std::int64_t T_0, std::int64_t T_mult,
                                                         double eta_min, Here here)
    : LRScheduler(optimizer, here), T_0_(T_0), T_mult_(T_mult), eta_min_(eta_min) {
  check_length("CosineAnnealingWarmRestarts", "T_0", T_0, here);
  check_length("CosineAnnealingWarmRestarts", "T_mult", T_mult, here);
  check_factor("CosineAnnealingWarmRestarts", "eta_min", eta_min, here);
}
double CosineAnnealingWarmRestarts::next(double, std::int64_t epoch, std::size_t group) const {
  std::int64_t length = T_0_;
  if (T_mult_ == 1) epoch %= length;
  for (; epoch >= length; length *= T_mult_) epoch -= length;
  const double angle = pi * static_cast<double>(epoch) / static_cast<double>(length);
  return eta_min_ + (base_lr(group) - eta_min_) * (1 + std::cos(angle)) / 2;
}

}  // namespace xgrad::optim
