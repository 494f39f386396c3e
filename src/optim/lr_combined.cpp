#include <xgrad/optim/lr_combined.hpp>

#include <algorithm>
#include <utility>

#include "core/check.hpp"

namespace xgrad::optim {

using detail::check;

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

// The own entries; those of the parts are loaded. A part that refuses puts back those before it.
StateDict load_parts(const StateDict& state, const std::vector<LRScheduler*>& parts, Here here) {
  StateDict own;
  std::vector<StateDict> theirs(parts.size()), before;
  for (const auto& [key, value] : state) {
    const std::size_t dot = key.find('.');
    if (dot == std::string::npos) {
      own.insert(key, value);
      continue;
    }
    std::size_t part = 0;
    while (part < parts.size() && std::to_string(part) != key.substr(0, dot)) ++part;
    check<ValueError>(part < parts.size(), here, "load_state_dict: a schedule has no place for {}", key);
    theirs[part].insert(key.substr(dot + 1), value);
  }
  for (const LRScheduler* part : parts) before.push_back(part->state_dict());
  for (std::size_t i = 0; i < parts.size(); ++i) try {
      parts[i]->load_state_dict(theirs[i], here);
    } catch (...) {
      for (std::size_t k = 0; k < i; ++k) parts[k]->load_state_dict(before[k], here);
      throw;
    }
  return own;
}

}  // namespace

ChainedScheduler::ChainedScheduler(std::vector<LRScheduler*> schedulers, Here here)
    : LRScheduler(common_optimizer("ChainedScheduler", schedulers, here), here), parts_(std::move(schedulers)) {}
void ChainedScheduler::step(Here here) {
  for (LRScheduler* part : parts_) part->step(here);
  LRScheduler::step(here);
}
void ChainedScheduler::restart(Here here) {
  LRScheduler::restart(here);
  for (LRScheduler* part : parts_) part->restart(here);
}
double ChainedScheduler::next(double lr, std::int64_t, std::size_t) const { return lr; }
StateDict ChainedScheduler::state_dict() const { return joined(LRScheduler::state_dict(), parts_); }
void ChainedScheduler::load_state_dict(const StateDict& state, Here here) {
  LRScheduler::load_state_dict(load_parts(state, parts_, here), here);
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
  parts_[0]->restart(here);
}
void SequentialLR::step(Here here) {
  const std::int64_t epoch = last_epoch() + 1;
  const auto after = std::upper_bound(milestones_.begin(), milestones_.end(), epoch);
  LRScheduler& part = *parts_[static_cast<std::size_t>(after - milestones_.begin())];
  if (after != milestones_.begin() && *(after - 1) == epoch)
    part.restart(here);
  else
    part.step(here);
  LRScheduler::step(here);
}
void SequentialLR::restart(Here here) {
  LRScheduler::restart(here);
  parts_[0]->restart(here);
}
double SequentialLR::next(double lr, std::int64_t, std::size_t) const { return lr; }
StateDict SequentialLR::state_dict() const { return joined(LRScheduler::state_dict(), parts_); }
void SequentialLR::load_state_dict(const StateDict& state, Here here) {
  LRScheduler::load_state_dict(load_parts(state, parts_, here), here);
}

}  // namespace xgrad::optim
