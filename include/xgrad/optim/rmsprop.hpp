// RMSprop.
#pragma once
#include <xgrad/optim/optimizer.hpp>

namespace xgrad::optim {

struct RMSpropOptions {
  double lr = 1e-2;
  double alpha = 0.99;
  double eps = 1e-8;
  double weight_decay = 0;
  double momentum = 0;
  bool centered = false;
  bool maximize = false;
};
void validate(const char* optimizer, const RMSpropOptions& options, Here here);

// Gradients divided by a running root of their mean square. For a parameter p with gradient g:
//   g = g + weight_decay p            (-g in place of g where maximize)
//   s = alpha s + (1 - alpha) g^2
//   d = g / (sqrt(s) + eps)           centered: a = alpha a + (1 - alpha) g,  d = g / (sqrt(s - a^2) + eps)
//   p = p - lr d                      with momentum: b = momentum b + d,  p = p - lr b
// Tieleman, Hinton, Lecture 6.5: RMSprop, Neural networks for machine learning (2012); centered: Graves, Generating
// sequences with recurrent neural networks (2013).
// State: square_avg (s), momentum_buffer (b), grad_avg (a). ValueError: a negative option; parameters as Optimizer
// says.
class RMSprop : public OptimizerOf<RMSpropOptions> {
 public:
  explicit RMSprop(const TensorList& parameters, const RMSpropOptions& options = {}, Here here = {})
      : OptimizerOf("RMSprop", parameters, options, here) {}
  explicit RMSprop(const std::vector<ParameterGroup<RMSpropOptions>>& groups, Here here = {})
      : OptimizerOf("RMSprop", groups, here) {}

 protected:
  std::vector<std::pair<std::string, Tensor>> make_state(const Tensor& parameter, std::size_t group) const override;
  void update(const Tensor& parameter, const Tensor& gradient, ParameterState& state, std::size_t group) override;
  bool update_rows(const Tensor& parameter, const detail::RowGradient& gradient, ParameterState& state,
                   std::size_t group) override;
};

}  // namespace xgrad::optim
