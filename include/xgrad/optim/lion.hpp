// Lion.
#pragma once
#include <xgrad/optim/optimizer.hpp>

#include <utility>

namespace xgrad::optim {

struct LionOptions {
  double lr = 1e-4;
  std::pair<double, double> betas{0.9, 0.99};
  double weight_decay = 0;
  bool maximize = false;
};
void validate(const char* optimizer, const LionOptions& options, Here here);

// Steps of one length, by the sign of a mean of gradients: half of Adam's memory. For a parameter p with gradient g (-g
// where maximize):
//   p = (1 - lr weight_decay) p - lr sign(beta1 m + (1 - beta1) g)
//   m = beta2 m + (1 - beta2) g
// Chen et al., Symbolic discovery of optimization algorithms (2023). A tenth to a third of AdamW's lr and ten to three
// times its weight_decay are where to start.
// State: exp_avg (m). ValueError: a negative option, a beta outside [0, 1); parameters as Optimizer says.
class Lion : public OptimizerOf<LionOptions> {
 public:
  explicit Lion(const TensorList& parameters, const LionOptions& options = {}, Here here = {})
      : OptimizerOf("Lion", parameters, options, here) {}
  explicit Lion(const std::vector<ParameterGroup<LionOptions>>& groups, Here here = {})
      : OptimizerOf("Lion", groups, here) {}

 protected:
  std::vector<std::pair<std::string, Tensor>> make_state(const Tensor& parameter, std::size_t group) const override;
  void update(const Tensor& parameter, const Tensor& gradient, ParameterState& state, std::size_t group) override;
  bool update_rows(const Tensor& parameter, const detail::RowGradient& gradient, ParameterState& state,
                   std::size_t group) override;
};

}  // namespace xgrad::optim
