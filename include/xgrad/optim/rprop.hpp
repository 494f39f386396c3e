// Resilient backpropagation.
#pragma once
#include <xgrad/optim/optimizer.hpp>

#include <utility>

namespace xgrad::optim {

struct RpropOptions {
  double lr = 1e-2;
  std::pair<double, double> etas{0.5, 1.2};
  std::pair<double, double> step_sizes{1e-6, 50};
  bool maximize = false;
};
void validate(const char* optimizer, const RpropOptions& options, Here here);

// Steps of a length of their own for each element, which grows while the gradient keeps its sign: for whole batches, as
// only signs count. For a parameter p with gradient g (-g where maximize) and the one before, h:
//   s = s etas.second where g h > 0, s etas.first where g h < 0, clamped to step_sizes; s = lr at first
//   g = 0 where g h < 0
//   p = p - sign(g) s,  h = g
// Riedmiller, Braun, A direct adaptive method for faster backpropagation learning: the RPROP algorithm (1993).
// State: prev (h), step_size (s). ValueError: lr negative, unless 0 < etas.first < 1 < etas.second and
// 0 <= step_sizes.first <= step_sizes.second; parameters as Optimizer says.
class Rprop : public OptimizerOf<RpropOptions> {
 public:
  explicit Rprop(const TensorList& parameters, const RpropOptions& options = {}, Here here = {})
      : OptimizerOf("Rprop", parameters, options, here) {}
  explicit Rprop(const std::vector<ParameterGroup<RpropOptions>>& groups, Here here = {})
      : OptimizerOf("Rprop", groups, here) {}

 protected:
  std::vector<std::pair<std::string, Tensor>> make_state(const Tensor& parameter, std::size_t group) const override;
  void update(const Tensor& parameter, const Tensor& gradient, ParameterState& state, std::size_t group) override;
  bool update_rows(const Tensor& parameter, const detail::RowGradient& gradient, ParameterState& state,
                   std::size_t group) override;
};

}  // namespace xgrad::optim
