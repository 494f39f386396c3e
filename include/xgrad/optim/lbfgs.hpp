// L-BFGS.
#pragma once
#include <xgrad/optim/optimizer.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace xgrad::optim {

// max_eval: by default max_iter * 5 / 4. line_search_fn: "strong_wolfe", or none.
struct LBFGSOptions {
  double lr = 1;
  std::int64_t max_iter = 20;
  std::optional<std::int64_t> max_eval{};
  double tolerance_grad = 1e-7;
  double tolerance_change = 1e-9;
  std::int64_t history_size = 100;
  std::optional<std::string> line_search_fn{};
};
void validate(const char* optimizer, const LBFGSOptions& options, Here here);

// Steps along the gradient times an estimate of the inverse Hessian, made of the last history_size steps s and the
// changes y of the gradient over them: for whole batches, as the gradient must not be another one each time.
//
//   optim::LBFGS lbfgs(net.parameters(), {.line_search_fn = "strong_wolfe"});
//   lbfgs.step([&] {
//     lbfgs.zero_grad();
//     const Tensor loss = loss_of(net.forward(x), y);
//     loss.backward();
//     return loss;
//   });
//
// For all parameters as one vector p with gradient g, max_iter times in each step():
//   d = -H g                          H = s.y / y.y at first, then by a rank two correction from each pair with
//                                     s.y > 1e-10, the oldest first (d = -g where there is none)
//   p = p + t d                       t = lr; min(1, 1 / sum |g|) lr the very first time
// With "strong_wolfe" t is where the search begins, which ends where
//   f(p + t d) <= f(p) + 1e-4 t g.d  and  |g(p + t d).d| <= 0.9 |g.d|
// or after 25 evaluations. A step ends before max_iter after max_eval evaluations, and where max |g| <= tolerance_grad,
// g.d > -tolerance_change, max |t d| <= tolerance_change or the loss changed by less than tolerance_change.
// Nocedal, Updating quasi-Newton matrices with limited storage (1980); Liu, Nocedal, On the limited memory BFGS method
// for large scale optimization (1989); the search: Nocedal, Wright, Numerical optimization, section 3.5.
//
// It holds 2 history_size + 2 vectors as large as all parameters, and during a step those that the step replaces as
// well. There is one group, and no add_param_group(). State: state.0.func_evals and n_iter; from the first iteration on
// d, t, H_diag, prev_flat_grad, ro, and old_dirs.K (y) and old_stps.K (s), the oldest first. ValueError: a negative
// option, history_size below 1, another line_search_fn; parameters as Optimizer says.
class LBFGS : public Optimizer {
 public:
  explicit LBFGS(const TensorList& parameters, const LBFGSOptions& options = {}, Here here = {});

  // The options, to read or change between steps.
  LBFGSOptions& options() noexcept { return options_; }
  const LBFGSOptions& options() const noexcept { return options_; }

  // Calls the closure once or more often, each time with recording on, and moves the parameters. The loss of the first
  // call. A parameter without a gradient has a gradient of 0. ValueError: no closure, a loss that is not one number, an
  // option out of range; DtypeError: parameters of several dtypes. If this or the closure throws, parameters and state
  // are as they were.
  Tensor step(const Closure& closure, Here here = {}) override;
  // ValueError: a step needs a closure.
  void step(Here here = {}) override;

  StateDict state_dict() const override;
  void load_state_dict(const StateDict& state, Here here = {}) override;

 protected:
  double& learning_rate(std::size_t) override { return options_.lr; }
  // All parameters move together: nothing is done for one of them.
  std::vector<std::pair<std::string, Tensor>> make_state(const Tensor&, std::size_t) const override { return {}; }
  void update(const Tensor&, const Tensor&, ParameterState&, std::size_t) override {}

 private:
  // What outlasts a step. Its tensors are replaced, never changed.
  struct Memory {
    std::int64_t func_evals = 0, n_iter = 0;
    Tensor d{}, prev_flat_grad{};
    double t = 0, h_diag = 1;
    std::vector<double> ro{};
    TensorList old_dirs{}, old_stps{};
  };
  class Run;

  LBFGSOptions options_;
  Memory memory_;
};

}  // namespace xgrad::optim
