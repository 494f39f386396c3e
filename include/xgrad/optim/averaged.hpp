// Averages of weights over training, which often generalise better than the last weights.
//
//   optim::ExponentialMovingAverage average(net, {.decay = 0.999});
//   for (...) {
//     ...
//     optimizer.step();
//     average.update();
//   }
//   {
//     const auto guard = average.swap();  // net has the averages
//     evaluate(net);
//   }                                     // and its own weights again
#pragma once
#include <xgrad/nn/module.hpp>
#include <xgrad/state_dict.hpp>
#include <xgrad/tensor.hpp>

#include <cstdint>

namespace xgrad::optim {

// What the averages below share. Holds handles of the parameters, and of the buffers where they take part: it goes on
// with a module that was moved, converted by to(), or loaded a state.
class WeightAverage {
 public:
  // While it lives, the tensors hold their averages, and the averages what the tensors held.
  class [[nodiscard]] Swapped {
   public:
    ~Swapped();
    Swapped(const Swapped&) = delete;
    Swapped& operator=(const Swapped&) = delete;

   private:
    friend class WeightAverage;
    explicit Swapped(WeightAverage& average) noexcept : average_(average) {}
    WeightAverage& average_;
  };

  virtual ~WeightAverage() = default;
  WeightAverage(const WeightAverage&) = delete;
  WeightAverage& operator=(const WeightAverage&) = delete;

  // Takes the present values into the averages; the first call copies them. One pass over each tensor, not recorded.
  // Buffers that are not floating are copied each time. Error: while swapped.
  void update(Here here = {});
  // How often update() was called.
  std::int64_t n_averaged() const noexcept { return count_; }
  // Puts the averages in the tensors' place until the guard dies, by exchanging values in place. A graph that was
  // recorded before can no longer run backward. Error: already swapped.
  Swapped swap(Here here = {});
  // Writes the averages into the tensors, for good. Error: while swapped.
  void copy_to(Here here = {}) const;
  // The averages: of the parameters in their order, then of the buffers. Before the first update() the values that the
  // tensors had when this was made.
  const TensorList& averages() const noexcept { return averages_; }

  // What is needed to go on with the same numbers: n_averaged, and averages.N, shared with this: clone() them to keep
  // them. Error: while swapped.
  StateDict state_dict(Here here = {}) const;
  // ValueError: an entry is missing, unknown or not what it should be; ShapeError, DtypeError: an average does not fit
  // its tensor. Error: while swapped. Nothing is changed then.
  void load_state_dict(const StateDict& state, Here here = {});

 protected:
  // ValueError: no tensors, one that is undefined or there twice. DtypeError: a parameter that is not floating.
  WeightAverage(const char* name, const TensorList& parameters, const TensorList& buffers, Here here);
  // The share of the present values in the next average, when `count` values are in it.
  virtual double share(std::int64_t count) const = 0;

 private:
  void check_in_place(const char* op, Here here) const;
  void exchange();

  const char* name_;
  TensorList tensors_, averages_;
  std::int64_t count_ = 0;
  bool swapped_ = false;
};

// use_buffers: floating buffers, such as running means, are averaged as well. Otherwise they stay the module's own.
struct ExponentialMovingAverageOptions {
  double decay = 0.999;
  bool use_buffers = false;
};
// average = decay average + (1 - decay) p, as torch.optim.swa_utils.AveragedModel does with get_ema_avg_fn(decay).
// Polyak, Juditsky, Acceleration of stochastic approximation by averaging (1992). ValueError unless 0 <= decay <= 1;
// use_buffers without a module; parameters as WeightAverage says.
class ExponentialMovingAverage : public WeightAverage {
 public:
  explicit ExponentialMovingAverage(const TensorList& parameters, const ExponentialMovingAverageOptions& options = {},
                                    Here here = {});
  explicit ExponentialMovingAverage(const nn::Module& module, const ExponentialMovingAverageOptions& options = {},
                                    Here here = {});

 protected:
  double share(std::int64_t count) const override;

 private:
  double decay_;
};

struct StochasticWeightAverageOptions {
  bool use_buffers = false;
};
// All values count the same: average = average + (p - average) / (n + 1) when n values are in it. It is updated once
// per epoch, near the end of training; torch.optim.swa_utils.AveragedModel as it is. Izmailov, Podoprikhin, Garipov,
// Vetrov, Wilson, Averaging weights leads to wider optima and better generalization (2018). ValueError: use_buffers
// without a module; parameters as WeightAverage says.
class StochasticWeightAverage : public WeightAverage {
 public:
  explicit StochasticWeightAverage(const TensorList& parameters, const StochasticWeightAverageOptions& options = {},
                                   Here here = {});
  explicit StochasticWeightAverage(const nn::Module& module, const StochasticWeightAverageOptions& options = {},
                                   Here here = {});

 protected:
  double share(std::int64_t count) const override;
};

}  // namespace xgrad::optim
