// What waits for a metric: lower learning rates, or the end.
#pragma once
#include <xgrad/optim/lr_cyclic.hpp>

#include <cstdint>
#include <string>

namespace xgrad::optim {

// mode: "min" or "max", what is better. A metric counts as better by more than threshold, a share of the best one so
// far
// ("rel") or a difference ("abs"). cooldown: epochs after a change in which bad ones do not count. eps: a smaller
// change is not made.
struct ReduceLROnPlateauOptions {
  std::string mode = "min";
  double factor = 0.1;
  std::int64_t patience = 10;
  double threshold = 1e-4;
  std::string threshold_mode = "rel";
  std::int64_t cooldown = 0;
  PerGroup min_lr = 0;
  double eps = 1e-8;
};
// lr = max(lr factor, min_lr) when the metric was not better for more than patience epochs. NaN is not better.
// ValueError: factor not in [0, 1), a negative patience, cooldown or eps, another mode.
class ReduceLROnPlateau {
 public:
  explicit ReduceLROnPlateau(Optimizer& optimizer, const ReduceLROnPlateauOptions& options = {}, Here here = {});
  // Ends an epoch.
  void step(double metric, Here here = {});
  double best() const noexcept { return best_; }
  std::int64_t last_epoch() const noexcept { return epoch_; }
  // last_epoch, best, num_bad_epochs, cooldown_counter.
  StateDict state_dict() const;
  // ValueError: an entry is missing or is not what it should be. Nothing is changed then.
  void load_state_dict(const StateDict& state, Here here = {});

 private:
  bool better(double metric) const;
  Optimizer& optimizer_;
  ReduceLROnPlateauOptions options_;
  std::vector<double> min_lr_;
  double best_;
  std::int64_t epoch_ = 0, bad_ = 0, cooling_ = 0;
};

struct EarlyStoppingOptions {
  std::int64_t patience = 10;
  double min_delta = 0;
  std::string mode = "min";
};
// Says when to stop: after patience epochs in a row whose metric was not better than the best one by more than
// min_delta. NaN is not better. ValueError: a negative patience or min_delta, another mode.
//   if (stopping.step(validation_loss)) break;
class EarlyStopping {
 public:
  explicit EarlyStopping(const EarlyStoppingOptions& options = {}, Here here = {});
  // Ends an epoch: whether to stop.
  bool step(double metric);
  // Whether the last metric was the best so far: the time to save the model.
  bool improved() const noexcept { return epoch_ > 0 && bad_ == 0; }
  double best() const noexcept { return best_; }
  // The number, from 0, of the epoch with the best metric; -1 where there was none.
  std::int64_t best_epoch() const noexcept { return best_epoch_; }
  StateDict state_dict() const;
  void load_state_dict(const StateDict& state, Here here = {});

 private:
  EarlyStoppingOptions options_;
  double best_;
  std::int64_t epoch_ = 0, bad_ = 0, best_epoch_ = -1;
};

}  // namespace xgrad::optim
