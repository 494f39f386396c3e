// Stochastic gradient descent.
#pragma once
#include <xgrad/optim/optimizer.hpp>

namespace xgrad::optim {

struct SGDOptions {
  double lr = 1e-3;
  double momentum = 0;
  double dampening = 0;
  double weight_decay = 0;
  bool nesterov = false;
  bool maximize = false;
};
void validate(const char* optimizer, const SGDOptions& options, Here here);

// Gradient descent with momentum, for a parameter p with gradient g:
//   d = g + weight_decay p            (-g in place of g where maximize)
//   b = momentum b + (1 - dampening) d,  b = d at the first step
//   p = p - lr (d + momentum b)       with nesterov
//   p = p - lr b                      else;  p - lr d without momentum
// Momentum: Polyak, Some methods of speeding up the convergence of iteration methods (1964). Nesterov's in the form of
// Sutskever, Martens, Dahl, Hinton, On the importance of initialization and momentum in deep learning (2013).
// Without momentum and weight decay, a table that was looked up by embedding() costs its used rows only.
// State: momentum_buffer. ValueError: a negative option; nesterov without momentum or with dampening; parameters as
// Optimizer says.
class SGD : public OptimizerOf<SGDOptions> {
 public:
  explicit SGD(const TensorList& parameters, const SGDOptions& options = {}, Here here = {})
      : OptimizerOf("SGD", parameters, options, here) {}
  explicit SGD(const std::vector<ParameterGroup<SGDOptions>>& groups, Here here = {})
      : OptimizerOf("SGD", groups, here) {}

 protected:
  std::vector<std::pair<std::string, Tensor>> make_state(const Tensor& parameter, std::size_t group) const override;
  void update(const Tensor& parameter, const Tensor& gradient, ParameterState& state, std::size_t group) override;
  bool update_rows(const Tensor& parameter, const detail::RowGradient& gradient, ParameterState& state,
                   std::size_t group) override;
};

}  // namespace xgrad::optim
