// Adagrad.
#pragma once
#include <xgrad/optim/optimizer.hpp>

namespace xgrad::optim {

struct AdagradOptions {
  double lr = 1e-2;
  double lr_decay = 0;
  double weight_decay = 0;
  double initial_accumulator_value = 0;
  double eps = 1e-10;
  bool maximize = false;
};
void validate(const char* optimizer, const AdagradOptions& options, Here here);

// Gradients divided by the root of the sum of all their squares so far: what has rarely had a gradient makes longer
// steps. For a parameter p with gradient g, at its step t:
//   g = g + weight_decay p            (-g in place of g where maximize)
//   s = s + g^2                       from s = initial_accumulator_value, of the group
//   p = p - lr / (1 + (t - 1) lr_decay) * g / (sqrt(s) + eps)
// Duchi, Hazan, Singer, Adaptive subgradient methods for online learning and stochastic optimization (2011).
// Without weight decay and with eps above 0, a table that was looked up by embedding() costs its used rows only: where
// there is no gradient, p and s stay as they are.
// State: sum (s). ValueError: a negative option; parameters as Optimizer says.
class Adagrad : public OptimizerOf<AdagradOptions> {
 public:
  explicit Adagrad(const TensorList& parameters, const AdagradOptions& options = {}, Here here = {})
      : OptimizerOf("Adagrad", parameters, options, here) {}
  explicit Adagrad(const std::vector<ParameterGroup<AdagradOptions>>& groups, Here here = {})
      : OptimizerOf("Adagrad", groups, here) {}

 protected:
  std::vector<std::pair<std::string, Tensor>> make_state(const Tensor& parameter, std::size_t group) const override;
  void update(const Tensor& parameter, const Tensor& gradient, ParameterState& state, std::size_t group) override;
  bool update_rows(const Tensor& parameter, const detail::RowGradient& gradient, ParameterState& state,
                   std::size_t group) override;
};

}  // namespace xgrad::optim
