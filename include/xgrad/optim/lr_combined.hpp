// Schedules made of others, which must outlive them. Their state has that of part N under "N.".
#pragma once
#include <xgrad/optim/lr_scheduler.hpp>

#include <vector>

namespace xgrad::optim {

// All at once: each step() is one of every part, so that their factors multiply.
// ValueError: no parts, or parts of different optimizers.
class ChainedScheduler : public LRScheduler {
 public:
  explicit ChainedScheduler(std::vector<LRScheduler*> schedulers, Here here = {});
  void step(Here here = {}) override;
  void restart(Here here = {}) override;
  StateDict state_dict() const override;
  void load_state_dict(const StateDict& state, Here here = {}) override;

 protected:
  double next(double lr, std::int64_t epoch, std::size_t group) const override;
  void start(Here here) override;

 private:
  std::vector<LRScheduler*> parts_;
};

// One after the other: part i + 1 begins at epoch milestones[i], from lr_0. A warm-up, then a cosine:
//   optim::LinearLR warm_up(optimizer, {.start_factor = 0.1, .total_iters = 5});
//   optim::CosineAnnealingLR cosine(optimizer, 95);
//   optim::SequentialLR schedule(optimizer, {&warm_up, &cosine}, {5});
// ValueError: no parts, parts of another optimizer, milestones that do not rise or are not one fewer than the parts.
class SequentialLR : public LRScheduler {
 public:
  SequentialLR(Optimizer& optimizer, std::vector<LRScheduler*> schedulers, std::vector<std::int64_t> milestones,
               Here here = {});
  void step(Here here = {}) override;
  void restart(Here here = {}) override;
  StateDict state_dict() const override;
  void load_state_dict(const StateDict& state, Here here = {}) override;

 protected:
  double next(double lr, std::int64_t epoch, std::size_t group) const override;
  void start(Here here) override;

 private:
  // The part that works in an epoch.
  std::size_t part_of(std::int64_t epoch) const;

  std::vector<LRScheduler*> parts_;
  std::vector<std::int64_t> milestones_;
};

}  // namespace xgrad::optim
