// What all optimizers have: groups of parameters, a state for each parameter, a step over all of them.
//
//   optim::Adam optimizer(net.parameters(), {.lr = 1e-3});
//   for (...) {
//     optimizer.zero_grad();
//     loss(net.forward(x), y).backward();
//     optimizer.step();
//   }
//
// One's own optimizer derives from OptimizerOf<Options> and gives two functions: make_state and update.
#pragma once
#include <xgrad/state_dict.hpp>
#include <xgrad/tensor.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace xgrad::detail {
struct RowGradient;
}

namespace xgrad::optim {

// What an optimizer remembers of one parameter: the number of updates, the present one included, and named tensors and
// numbers.
struct ParameterState {
  std::int64_t step = 0;
  std::vector<std::pair<std::string, Tensor>> tensors{};
  std::vector<std::pair<std::string, double>> numbers{};
};

// Computes the loss and its gradients anew: zero_grad(), forward, backward().
using Closure = std::function<Tensor()>;

// Parameters with options of their own: Adam({{net.body(), {.lr = 1e-4}}, {net.head(), {.lr = 1e-3}}}).
template <class Options>
struct ParameterGroup {
  TensorList parameters{};
  Options options{};
};

// Holds handles of the parameters: it goes on with a module that moved, was converted by to(), or loaded a state.
// Neither copied nor moved itself, because schedules refer to it.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  // Updates every parameter that has a gradient, from its grad(); not recorded. The others, and their state, stay.
  virtual void step(Here here = {});
  // Calls the closure, recording, then makes the step. The loss that the closure returned.
  virtual Tensor step(const Closure& closure, Here here = {});
  // Drops the gradients of all parameters.
  void zero_grad();

  std::size_t group_count() const noexcept { return groups_.size(); }
  // The parameters of one group. IndexError: no such group.
  const TensorList& parameters(std::size_t group = 0, Here here = {}) const;
  // The learning rate of one group. IndexError: no such group.
  double lr(std::size_t group = 0, Here here = {}) const;
  // Sets the learning rate of all groups. ValueError: negative or NaN.
  void set_lr(double lr, Here here = {});
  // Sets that of one group. IndexError, ValueError.
  void set_group_lr(std::size_t group, double lr, Here here = {});

  // The learning rate that schedules start from: that of the moment when this is first asked for.
  double initial_lr(std::size_t group, Here here = {});
  // What schedules of momentum change: the option momentum, or the first of betas. Null where there is neither.
  virtual double* momentum(std::size_t group = 0);

  // What is needed to go on from here with the same numbers: groups.N.lr, and for each parameter (numbered across the
  // groups) state.N.step, its tensors and its numbers, shared with the optimizer: clone() them to keep them. Other
  // options belong to the constructor.
  virtual StateDict state_dict() const;
  // Takes the state of an optimizer over parameters of the same shapes, in the same order. ValueError: an entry is
  // missing or unknown; ShapeError: one has another shape. Nothing is changed then.
  virtual void load_state_dict(const StateDict& state, Here here = {});

 protected:
  explicit Optimizer(const char* name) : name_(name) {}
  // For messages.
  const char* name() const noexcept { return name_; }
  // ValueError: no parameters; one that is undefined, the result of an operation, or here already. DtypeError: one that
  // is not floating.
  void add_parameters(const TensorList& parameters, Here here);

  // The state before a parameter's first update: tensors by name, usually zeros like the parameter.
  virtual std::vector<std::pair<std::string, Tensor>> make_state(const Tensor& parameter, std::size_t group) const = 0;
  // Numbers that belong to it, in the state as float64. None by default.
  virtual std::vector<std::pair<std::string, double>> make_numbers(std::size_t group) const;
  // One step of one parameter, in place; nothing is recorded.
  virtual void update(const Tensor& parameter, const Tensor& gradient, ParameterState& state, std::size_t group) = 0;
  // The same step of a contiguous table of which only few rows have a gradient, as embeddings leave it: true where it
  // was made, and false, the default, where update() is to be called with the whole gradient.
  virtual bool update_rows(const Tensor& parameter, const detail::RowGradient& gradient, ParameterState& state,
                           std::size_t group);
  virtual double& learning_rate(std::size_t group) = 0;

 private:
  struct Group {
    TensorList parameters;
    std::vector<ParameterState> states;
    std::optional<double> initial_lr{};
  };
  void check_group(std::size_t group, const char* what, Here here) const;

  const char* name_;
  std::vector<Group> groups_;
};

// An optimizer with options of this type for each group. `Options` has a member lr and a function
// validate(const char* optimizer, const Options&, Here), found in its namespace, that throws ValueError.
template <class Options>
class OptimizerOf : public Optimizer {
 public:
  // The options of one group, to read or change between steps. IndexError: no such group.
  Options& options(std::size_t group = 0, Here here = {}) {
    parameters(group, here);
    return options_[group];
  }
  const Options& options(std::size_t group = 0, Here here = {}) const {
    parameters(group, here);
    return options_[group];
  }
  double* momentum(std::size_t group = 0) override {
    Options& o = options_.at(group);
    if constexpr (requires { o.momentum; })
      return &o.momentum;
    else if constexpr (requires { o.betas.first; })
      return &o.betas.first;
    else
      return nullptr;
  }
  // Adds a group, for instance of layers that are trained from now on. Errors as the constructor.
  void add_param_group(const ParameterGroup<Options>& group, Here here = {}) {
    validate(name(), group.options, here);
    add_parameters(group.parameters, here);
    options_.push_back(group.options);
  }

 protected:
  OptimizerOf(const char* name, const TensorList& parameters, const Options& options, Here here) : Optimizer(name) {
    add_param_group({parameters, options}, here);
  }
  OptimizerOf(const char* name, const std::vector<ParameterGroup<Options>>& groups, Here here) : Optimizer(name) {
    for (const auto& group : groups) add_param_group(group, here);
  }
  double& learning_rate(std::size_t group) override { return options_[group].lr; }

 private:
  std::vector<Options> options_;
};

}  // namespace xgrad::optim
