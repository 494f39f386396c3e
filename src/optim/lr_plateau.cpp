#include <xgrad/optim/lr_plateau.hpp>

#include <algorithm>
#include <limits>

#include "core/check.hpp"
#include "state_reader.hpp"

namespace xgrad::optim {

using detail::check;
using detail::state_number;
using detail::StateReader;

namespace {

void check_mode(const char* name, const std::string& mode, Here here) {
  check<ValueError>(mode == "min" || mode == "max", here, "{}: mode must be min or max, it is {}", name, mode);
}
// What anything is better than.
double worst(const std::string& mode) {
  const double infinity = std::numeric_limits<double>::infinity();
  return mode == "min" ? infinity : -infinity;
}

}  // namespace

ReduceLROnPlateau::ReduceLROnPlateau(Optimizer& optimizer, const ReduceLROnPlateauOptions& options, Here here)
    : optimizer_(optimizer), options_(options), best_(worst(options.mode)) {
  constexpr const char* name = "ReduceLROnPlateau";
  check_mode(name, options.mode, here);
  check<ValueError>(options.threshold_mode == "rel" || options.threshold_mode == "abs", here,
                    "{}: threshold_mode must be rel or abs, it is {}", name, options.threshold_mode);
  check<ValueError>(options.factor >= 0 && options.factor < 1, here, "{}: factor must lie in [0, 1), it is {}", name,
                    options.factor);
  check<ValueError>(options.patience >= 0 && options.cooldown >= 0 && options.eps >= 0, here,
                    "{}: patience, cooldown and eps must not be negative, they are {}, {} and {}", name,
                    options.patience, options.cooldown, options.eps);
  min_lr_ = options.min_lr.spread(name, "min_lr", optimizer.group_count(), here);
}

bool ReduceLROnPlateau::better(double metric) const {
  const bool relative = options_.threshold_mode == "rel";
  if (options_.mode == "min")
    return metric < (relative ? best_ * (1 - options_.threshold) : best_ - options_.threshold);
  return metric > (relative ? best_ * (1 + options_.threshold) : best_ + options_.threshold);
}

void ReduceLROnPlateau::step(double metric, Here here) {
  ++epoch_;
  if (better(metric)) {
    best_ = metric;
    bad_ = 0;
  } else {
    ++bad_;
  }
  if (cooling_ > 0) {
    --cooling_;
    bad_ = 0;
  }
  if (bad_ <= options_.patience) return;
  for (std::size_t g = 0; g < min_lr_.size(); ++g) {
    const double old = optimizer_.lr(g, here), lower = std::max(old * options_.factor, min_lr_[g]);
    if (old - lower > options_.eps) optimizer_.set_group_lr(g, lower, here);
  }
  cooling_ = options_.cooldown;
  bad_ = 0;
}

StateDict ReduceLROnPlateau::state_dict() const {
  return {{"last_epoch", state_number(epoch_)},
          {"best", state_number(best_)},
          {"num_bad_epochs", state_number(bad_)},
          {"cooldown_counter", state_number(cooling_)}};
}
void ReduceLROnPlateau::load_state_dict(const StateDict& state, Here here) {
  StateReader read(state, here);
  const auto epoch = read.number<std::int64_t>("last_epoch"), bad = read.number<std::int64_t>("num_bad_epochs"),
             cooling = read.number<std::int64_t>("cooldown_counter");
  const double best = read.number<double>("best");
  read.nothing_else();
  epoch_ = epoch, bad_ = bad, cooling_ = cooling, best_ = best;
}

EarlyStopping::EarlyStopping(const EarlyStoppingOptions& options, Here here)
    : options_(options), best_(worst(options.mode)) {
  check_mode("EarlyStopping", options.mode, here);
  check<ValueError>(options.patience >= 0 && options.min_delta >= 0, here,
                    "EarlyStopping: patience and min_delta must not be negative, they are {} and {}", options.patience,
                    options.min_delta);
}

bool EarlyStopping::step(double metric) {
  const bool better =
      options_.mode == "min" ? metric < best_ - options_.min_delta : metric > best_ + options_.min_delta;
  if (better) {
    best_ = metric;
    best_epoch_ = epoch_;
    bad_ = 0;
  } else {
    ++bad_;
  }
  ++epoch_;
  return bad_ >= options_.patience && bad_ > 0;
}

StateDict EarlyStopping::state_dict() const {
  return {{"epoch", state_number(epoch_)},
          {"best", state_number(best_)},
          {"num_bad_epochs", state_number(bad_)},
          {"best_epoch", state_number(best_epoch_)}};
}
void EarlyStopping::load_state_dict(const StateDict& state, Here here) {
  StateReader read(state, here);
  const auto epoch = read.number<std::int64_t>("epoch"), bad = read.number<std::int64_t>("num_bad_epochs"),
             best_epoch = read.number<std::int64_t>("best_epoch");
  const double best = read.number<double>("best");
  read.nothing_else();
  epoch_ = epoch, bad_ = bad, best_epoch_ = best_epoch, best_ = best;
}

}  // namespace xgrad::optim
