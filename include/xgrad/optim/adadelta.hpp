// Adadelta.
#pragma once
#include <xgrad/optim/optimizer.hpp>

namespace xgrad::optim {

struct AdadeltaOptions {
  double lr = 1;
  double rho = 0.9;
  double eps = 1e-6;
  double weight_decay = 0;
  bool maximize = false;
};
void validate(const char* optimizer, const AdadeltaOptions& options, Here here);

// Steps as long as the steps before, measured by the gradients' size. For a parameter p with gradient g:
//   g = g + weight_decay p            (-g in place of g where maximize)
//   s = rho s + (1 - rho) g^2
//   d = sqrt(a + eps) / sqrt(s + eps) g
//   a = rho a + (1 - rho) d^2
//   p = p - lr d
// Zeiler, ADADELTA: an adaptive learning rate method (2012).
// State: square_avg (s), acc_delta (a). ValueError: a negative option, rho above 1; parameters as Optimizer says.
class Adadelta : public OptimizerOf<AdadeltaOptions> {
 public:
  explicit Adadelta(const TensorList& parameters, const AdadeltaOptions& options = {}, Here here = {})
      : OptimizerOf("Adadelta", parameters, options, here) {}
  explicit Adadelta(const std::vector<ParameterGroup<AdadeltaOptions>>& groups, Here here = {})
      : OptimizerOf("Adadelta", groups, here) {}

 protected:
  std::vector<std::pair<std::string, Tensor>> make_state(const Tensor& parameter, std::size_t group) const override;
  void update(const Tensor& parameter, const Tensor& gradient, ParameterState& state, std::size_t group) override;
  bool update_rows(const Tensor& parameter, const detail::RowGradient& gradient, ParameterState& state,
                   std::size_t group) override;
};

}  // namespace xgrad::optim
