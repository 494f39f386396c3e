// RAdam.
#pragma once
#include <xgrad/optim/optimizer.hpp>

#include <utility>

namespace xgrad::optim {

struct RAdamOptions {
  double lr = 1e-3;
  std::pair<double, double> betas{0.9, 0.999};
  double eps = 1e-8;
  double weight_decay = 0;
  bool decoupled_weight_decay = false;
  bool maximize = false;
};
void validate(const char* optimizer, const RAdamOptions& options, Here here);

// Adam that trusts its second moment only when enough steps have gone into it. For a parameter p with gradient g, at
// its step t:
//   g = g + weight_decay p            (-g in place of g where maximize); decoupled: p = (1 - lr weight_decay) p
//   m = beta1 m + (1 - beta1) g
//   v = beta2 v + (1 - beta2) g^2
//   rho = R - 2 t beta2^t / (1 - beta2^t),  R = 2 / (1 - beta2) - 1
//   d = m / (1 - beta1^t)
//   p = p - lr d                      where rho <= 5, else
//   p = p - lr d r sqrt(1 - beta2^t) / (sqrt(v) + eps),
//     r = sqrt((rho - 4) (rho - 2) R / ((R - 4) (R - 2) rho))
// Liu et al., On the variance of the adaptive learning rate and beyond (2020).
// State: exp_avg (m), exp_avg_sq (v). ValueError: a negative option, a beta outside [0, 1); parameters as Optimizer
// says.
class RAdam : public OptimizerOf<RAdamOptions> {
 public:
  explicit RAdam(const TensorList& parameters, const RAdamOptions& options = {}, Here here = {})
      : OptimizerOf("RAdam", parameters, options, here) {}
  explicit RAdam(const std::vector<ParameterGroup<RAdamOptions>>& groups, Here here = {})
      : OptimizerOf("RAdam", groups, here) {}

 protected:
  std::vector<std::pair<std::string, Tensor>> make_state(const Tensor& parameter, std::size_t group) const override;
  void update(const Tensor& parameter, const Tensor& gradient, ParameterState& state, std::size_t group) override;
  bool update_rows(const Tensor& parameter, const detail::RowGradient& gradient, ParameterState& state,
                   std::size_t group) override;
};

}  // namespace xgrad::optim
