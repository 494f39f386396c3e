#include <xgrad/optim/lr_combined.hpp>

#include <algorithm>
#include <utility>

#include "core/check.hpp"
#include "state_reader.hpp"

namespace xgrad::optim {

using detail::check;
using detail::StateReader;

namespace {

Optimizer& common_optimizer(const char* schedule, const std::vector<LRScheduler*>& parts, Here here) {
  check<ValueError>(!parts.empty(), here, "{}: expected schedules, the list is empty", schedule);
  for (const LRScheduler* part : parts) {
    check<ValueError>(part != nullptr, here, "{}: a schedule is null", schedule);
    check<ValueError>(&part->optimizer() == &parts[0]->optimizer(), here,
                      "{}: the schedules work on different optimizers", schedule);
  }
  return parts[0]->optimizer();
}

StateDict joined(StateDict own, const std::vector<LRScheduler*>& parts) {
  for (std::size_t i = 0; i < parts.size(); ++i)
    for (const auto& [key, value] : parts[i]->state_dict()) own.insert(fmt::format("{}.{}", i, key), value);
  return own;
}

using Parts = std::vector<LRScheduler*>;

std::vector<StateDict> states_of(const Parts& parts) {
  std::vector<StateDict> states;
  for (const LRScheduler* part : parts) states.push_back(part->state_dict());
  return states;
}

// A state's own entries, and those of each part.
struct Split {
  StateDict own;
  std::vector<StateDict> theirs;

  Split(const StateDict& state, std::size_t parts, Here here) : theirs(parts) {
    for (const auto& [key, value] : state) {
      const std::size_t dot = key.find('.');
      if (dot == std::string::npos) {
        own.insert(key, value);
        continue;
      }
      std::size_t part = 0;
      while (part < parts && std::to_string(part) != key.substr(0, dot)) ++part;
      check<ValueError>(part < parts, here, "load_state_dict: a schedule has no place for {}", key);
      theirs[part].insert(key.substr(dot + 1), value);
    }
  }
};

// Those that have not begun come first, `working` is the last one: its momentum is the one that stays.
void load_parts(const Parts& parts, const std::vector<StateDict>& states, std::size_t working, Here here) {
  for (std::size_t i = working + 1; i < parts.size(); ++i) parts[i]->load_state_dict(states[i], here);
  for (std::size_t i = 0; i <= working; ++i) parts[i]->load_state_dict(states[i], here);
}

// Calls f; where it throws, the parts and the rates are again what they were.
template <class F>
void all_or_nothing(Optimizer& optimizer, const Parts& parts, std::size_t working, Here here, F&& f) {
  const std::vector<StateDict> states = states_of(parts);
  std::vector<double> rates;
  for (std::size_t g = 0; g < optimizer.group_count(); ++g) rates.push_back(optimizer.lr(g, here));
  try {
    f();
  } catch (...) {
    load_parts(parts, states, working, here);
    for (std::size_t g = 0; g < rates.size(); ++g) optimizer.set_group_lr(g, rates[g], here);
    throw;
  }
}

}  // namespace

ChainedScheduler::ChainedScheduler(std::vector<LRScheduler*> schedulers, Here here)
    : LRScheduler(common_optimizer("ChainedScheduler", schedulers, here), here), parts_(std::move(schedulers)) {}
void ChainedScheduler::step(Here here) {
  all_or_nothing(optimizer(), parts_, parts_.size() - 1, here, [&] {
    for (LRScheduler* part : parts_) part->step(here);
  });
  LRScheduler::step(here);
}
void ChainedScheduler::start(Here here) {
  for (LRScheduler* part : parts_) part->start(here);
  LRScheduler::start(here);
}
void ChainedScheduler::restart(Here here) {
  all_or_nothing(optimizer(), parts_, parts_.size() - 1, here, [&] {
    for (std::size_t g = 0; g < optimizer().group_count(); ++g) optimizer().set_group_lr(g, base_lr(g), here);
    start(here);
  });
}
double ChainedScheduler::next(double lr, std::int64_t, std::size_t) const { return lr; }
StateDict ChainedScheduler::state_dict() const { return joined(LRScheduler::state_dict(), parts_); }
void ChainedScheduler::load_state_dict(const StateDict& state, Here here) {
  const Split split(state, parts_.size(), here);
  all_or_nothing(optimizer(), parts_, parts_.size() - 1, here, [&] {
    load_parts(parts_, split.theirs, parts_.size() - 1, here);
    LRScheduler::load_state_dict(split.own, here);
  });
}

SequentialLR::SequentialLR(Optimizer& optimizer, std::vector<LRScheduler*> schedulers,
                           std::vector<std::int64_t> milestones, Here here)
    : LRScheduler(optimizer, here), parts_(std::move(schedulers)), milestones_(std::move(milestones)) {
  check<ValueError>(&common_optimizer("SequentialLR", parts_, here) == &optimizer, here,
                    "SequentialLR: the schedules work on another optimizer");
  check<ValueError>(milestones_.size() + 1 == parts_.size(), here,
                    "SequentialLR: expected one milestone fewer than schedules, got {} for {}", milestones_.size(),
                    parts_.size());
  for (std::size_t i = 0; i < milestones_.size(); ++i)
    check<ValueError>(milestones_[i] > (i == 0 ? 0 : milestones_[i - 1]), here,
                      "SequentialLR: milestones must rise from above 0, {} does not", milestones_[i]);
  SequentialLR::restart(here);
}
std::size_t SequentialLR::part_of(std::int64_t epoch) const {
  return static_cast<std::size_t>(std::upper_bound(milestones_.begin(), milestones_.end(), epoch) -
                                  milestones_.begin());
}
void SequentialLR::step(Here here) {
  const std::int64_t epoch = last_epoch() + 1;
  const std::size_t before = part_of(last_epoch()), now = part_of(epoch);
  all_or_nothing(optimizer(), parts_, before, here, [&] {
    if (now == before)
      parts_[now]->step(here);
    else
      parts_[now]->restart(here);
  });
  LRScheduler::step(here);
}
void SequentialLR::start(Here here) {
  parts_[0]->start(here);
  LRScheduler::start(here);
}
// The parts that were made after the first one have changed the rates since.
void SequentialLR::restart(Here here) {
  all_or_nothing(optimizer(), parts_, part_of(last_epoch()), here, [&] {
    for (std::size_t g = 0; g < optimizer().group_count(); ++g) optimizer().set_group_lr(g, base_lr(g), here);
    SequentialLR::start(here);
  });
}
double SequentialLR::next(double lr, std::int64_t, std::size_t) const { return lr; }
StateDict SequentialLR::state_dict() const { return joined(LRScheduler::state_dict(), parts_); }
void SequentialLR::load_state_dict(const StateDict& state, Here here) {
  const Split split(state, parts_.size(), here);
  const auto epoch = StateReader(split.own, here).number<std::int64_t>("last_epoch");
  all_or_nothing(optimizer(), parts_, part_of(last_epoch()), here, [&] {
    load_parts(parts_, split.theirs, part_of(epoch), here);
    LRScheduler::load_state_dict(split.own, here);
  });
}

}  // namespace xgrad::optim
