// Adamax.
#pragma once
#include <xgrad/optim/optimizer.hpp>

#include <utility>

namespace xgrad::optim {

struct AdamaxOptions {
  double lr = 2e-3;
  std::pair<double, double> betas{0.9, 0.999};
  double eps = 1e-8;
  double weight_decay = 0;
  bool maximize = false;
};
void validate(const char* optimizer, const AdamaxOptions& options, Here here);

// Adam with the largest of the decaying gradients in place of their mean square. For a parameter p with gradient g, at
// its step t:
//   g = g + weight_decay p            (-g in place of g where maximize)
//   m = beta1 m + (1 - beta1) g
//   u = max(beta2 u, |g| + eps)
//   p = p - lr / (1 - beta1^t) * m / u
// Kingma, Ba, Adam: a method for stochastic optimization (2015), section 7.1.
// State: exp_avg (m), exp_inf (u). ValueError: a negative option, a beta outside [0, 1); parameters as Optimizer says.
class Adamax : public OptimizerOf<AdamaxOptions> {
 public:
  explicit Adamax(const TensorList& parameters, const AdamaxOptions& options = {}, Here here = {})
      : OptimizerOf("Adamax", parameters, options, here) {}
  explicit Adamax(const std::vector<ParameterGroup<AdamaxOptions>>& groups, Here here = {})
      : OptimizerOf("Adamax", groups, here) {}

 protected:
  std::vector<std::pair<std::string, Tensor>> make_state(const Tensor& parameter, std::size_t group) const override;
  void update(const Tensor& parameter, const Tensor& gradient, ParameterState& state, std::size_t group) override;
  bool update_rows(const Tensor& parameter, const detail::RowGradient& gradient, ParameterState& state,
                   std::size_t group) override;
};

}  // namespace xgrad::optim
