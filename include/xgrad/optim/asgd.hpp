// Averaged stochastic gradient descent.
#pragma once
#include <xgrad/optim/optimizer.hpp>

namespace xgrad::optim {

struct ASGDOptions {
  double lr = 1e-2;
  double lambd = 1e-4;
  double alpha = 0.75;
  double t0 = 1e6;
  double weight_decay = 0;
  bool maximize = false;
};
void validate(const char* optimizer, const ASGDOptions& options, Here here);

// Gradient descent whose steps get shorter, with the mean of the parameter's values from step t0 on. For a parameter p
// with gradient g, at its step t:
//   g = g + weight_decay p            (-g in place of g where maximize)
//   p = (1 - lambd eta) p - eta g
//   ax = ax + mu (p - ax)
// and then eta = lr / (1 + lambd lr t)^alpha, mu = 1 / max(1, t - t0); eta = lr and mu = 1 at first. The average is
// read from the state, state_dict()["state.N.ax"]. Polyak, Juditsky, Acceleration of stochastic approximation by
// averaging (1992). State: ax, eta, mu. ValueError: a negative option; parameters as Optimizer says.
class ASGD : public OptimizerOf<ASGDOptions> {
 public:
  explicit ASGD(const TensorList& parameters, const ASGDOptions& options = {}, Here here = {})
      : OptimizerOf("ASGD", parameters, options, here) {}
  explicit ASGD(const std::vector<ParameterGroup<ASGDOptions>>& groups, Here here = {})
      : OptimizerOf("ASGD", groups, here) {}

 protected:
  std::vector<std::pair<std::string, Tensor>> make_state(const Tensor& parameter, std::size_t group) const override;
  std::vector<std::pair<std::string, double>> make_numbers(std::size_t group) const override;
  void update(const Tensor& parameter, const Tensor& gradient, ParameterState& state, std::size_t group) override;
  bool update_rows(const Tensor& parameter, const detail::RowGradient& gradient, ParameterState& state,
                   std::size_t group) override;
};

}  // namespace xgrad::optim
