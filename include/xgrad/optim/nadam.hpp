// NAdam.
#pragma once
#include <xgrad/optim/optimizer.hpp>

#include <utility>

namespace xgrad::optim {

struct NAdamOptions {
  double lr = 2e-3;
  std::pair<double, double> betas{0.9, 0.999};
  double eps = 1e-8;
  double weight_decay = 0;
  double momentum_decay = 4e-3;
  bool decoupled_weight_decay = false;
  bool maximize = false;
};
void validate(const char* optimizer, const NAdamOptions& options, Here here);

// Adam with Nesterov's momentum. For a parameter p with gradient g, at its step t:
//   g = g + weight_decay p            (-g in place of g where maximize); decoupled: p = (1 - lr weight_decay) p
//   mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2),  M = mu_1 ... mu_t
//   m = beta1 m + (1 - beta1) g
//   v = beta2 v + (1 - beta2) g^2
//   p = p - lr ((1 - mu_t) / (1 - M) g + mu_(t+1) / (1 - M mu_t mu_(t+1)) m) / (sqrt(v / (1 - beta2^t)) + eps)
// The last product has mu_t once more than the paper, as in PyTorch.
// Dozat, Incorporating Nesterov momentum into Adam (2016).
// State: exp_avg (m), exp_avg_sq (v), mu_product (M). ValueError: a negative option, a beta outside [0, 1); parameters
// as Optimizer says.
class NAdam : public OptimizerOf<NAdamOptions> {
 public:
  explicit NAdam(const TensorList& parameters, const NAdamOptions& options = {}, Here here = {})
      : OptimizerOf("NAdam", parameters, options, here) {}
  explicit NAdam(const std::vector<ParameterGroup<NAdamOptions>>& groups, Here here = {})
      : OptimizerOf("NAdam", groups, here) {}

 protected:
  std::vector<std::pair<std::string, Tensor>> make_state(const Tensor& parameter, std::size_t group) const override;
  std::vector<std::pair<std::string, double>> make_numbers(std::size_t group) const override;
  void update(const Tensor& parameter, const Tensor& gradient, ParameterState& state, std::size_t group) override;
  bool update_rows(const Tensor& parameter, const detail::RowGradient& gradient, ParameterState& state,
                   std::size_t group) override;
};

}  // namespace xgrad::optim
