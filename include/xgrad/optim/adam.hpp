// Adam and AdamW.
#pragma once
#include <xgrad/optim/optimizer.hpp>

#include <utility>

namespace xgrad::optim {

struct AdamOptions {
  double lr = 1e-3;
  std::pair<double, double> betas{0.9, 0.999};
  double eps = 1e-8;
  double weight_decay = 0;
  bool amsgrad = false;
  bool maximize = false;
};
void validate(const char* optimizer, const AdamOptions& options, Here here);

struct AdamWOptions {
  double lr = 1e-3;
  std::pair<double, double> betas{0.9, 0.999};
  double eps = 1e-8;
  double weight_decay = 1e-2;
  bool amsgrad = false;
  bool maximize = false;
};
void validate(const char* optimizer, const AdamWOptions& options, Here here);

// Adaptive moment estimation. For a parameter p with gradient g, at its step t:
//   g = g + weight_decay p            (-g in place of g where maximize)
//   m = beta1 m + (1 - beta1) g
//   v = beta2 v + (1 - beta2) g^2
//   p = p - lr / (1 - beta1^t) * m / (sqrt(v / (1 - beta2^t)) + eps)
// With amsgrad the largest v so far takes v's place in the last line. eps stands outside the root.
// Kingma, Ba, Adam: a method for stochastic optimization (2015). Amsgrad: Reddi, Kale, Kumar, On the convergence of
// Adam and beyond (2018).
// State: exp_avg (m), exp_avg_sq (v), max_exp_avg_sq with amsgrad. ValueError: a negative option, a beta outside
// [0, 1); parameters as Optimizer says.
class Adam : public OptimizerOf<AdamOptions> {
 public:
  explicit Adam(const TensorList& parameters, const AdamOptions& options = {}, Here here = {})
      : OptimizerOf("Adam", parameters, options, here) {}
  explicit Adam(const std::vector<ParameterGroup<AdamOptions>>& groups, Here here = {})
      : OptimizerOf("Adam", groups, here) {}

 protected:
  std::vector<std::pair<std::string, Tensor>> make_state(const Tensor& parameter, std::size_t group) const override;
  void update(const Tensor& parameter, const Tensor& gradient, ParameterState& state, std::size_t group) override;
  bool update_rows(const Tensor& parameter, const detail::RowGradient& gradient, ParameterState& state,
                   std::size_t group) override;
};

// Adam with the weights' decay apart from the gradient: p = (1 - lr weight_decay) p first, then Adam's step from g
// alone. Loshchilov, Hutter, Decoupled weight decay regularization (2019). State and errors as Adam.
class AdamW : public OptimizerOf<AdamWOptions> {
 public:
  explicit AdamW(const TensorList& parameters, const AdamWOptions& options = {}, Here here = {})
      : OptimizerOf("AdamW", parameters, options, here) {}
  explicit AdamW(const std::vector<ParameterGroup<AdamWOptions>>& groups, Here here = {})
      : OptimizerOf("AdamW", groups, here) {}

 protected:
  std::vector<std::pair<std::string, Tensor>> make_state(const Tensor& parameter, std::size_t group) const override;
  void update(const Tensor& parameter, const Tensor& gradient, ParameterState& state, std::size_t group) override;
  bool update_rows(const Tensor& parameter, const detail::RowGradient& gradient, ParameterState& state,
                   std::size_t group) override;
};

}  // namespace xgrad::optim
