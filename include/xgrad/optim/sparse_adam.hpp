// SparseAdam, for embeddings.
#pragma once
#include <xgrad/optim/optimizer.hpp>

#include <utility>

namespace xgrad::optim {

struct SparseAdamOptions {
  double lr = 1e-3;
  std::pair<double, double> betas{0.9, 0.999};
  double eps = 1e-8;
  bool maximize = false;
};
void validate(const char* optimizer, const SparseAdamOptions& options, Here here);

// Adam for tables that are looked up by embedding(): a row without a gradient stays as it is, and so do its moments,
// where Adam lets the row move on by its momentum and the moments fade. For a row p with gradient g, at step t of the
// whole parameter:
//   m = m + (1 - beta1) (g - m)       (-g in place of g where maximize)
//   v = v + (1 - beta2) (g^2 - v)
//   p = p - lr sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + eps)
// A row is p[i] along the first dimension of the parameter, and has a gradient where that is not zero throughout. So a
// step depends on the numbers in grad() alone, not on where they come from: a gradient that was looked at, clipped,
// added up, or made by something else than embedding() does the same, only slower. (torch.optim.SparseAdam, whose
// formula this is, goes by what was looked up. It refuses any other gradient, and moves a row too whose looked-up
// gradient happens to be zero.) Kingma, Ba, Adam: a method for stochastic optimization (2015). State: exp_avg (m),
// exp_avg_sq (v). ValueError: a negative lr, an eps that is not positive, a beta outside [0, 1); parameters as
// Optimizer says.
class SparseAdam : public OptimizerOf<SparseAdamOptions> {
 public:
  explicit SparseAdam(const TensorList& parameters, const SparseAdamOptions& options = {}, Here here = {})
      : OptimizerOf("SparseAdam", parameters, options, here) {}
  explicit SparseAdam(const std::vector<ParameterGroup<SparseAdamOptions>>& groups, Here here = {})
      : OptimizerOf("SparseAdam", groups, here) {}

 protected:
  std::vector<std::pair<std::string, Tensor>> make_state(const Tensor& parameter, std::size_t group) const override;
  void update(const Tensor& parameter, const Tensor& gradient, ParameterState& state, std::size_t group) override;
  bool update_rows(const Tensor& parameter, const detail::RowGradient& gradient, ParameterState& state,
                   std::size_t group) override;
};

}  // namespace xgrad::optim
