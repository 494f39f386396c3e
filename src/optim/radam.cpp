#include <xgrad/optim/radam.hpp>

#include <cmath>

#include "optim/fused.hpp"

namespace xgrad::optim {
namespace {

// What the loop needs of the options, at one step. eps counts where the second moment does.
struct RAdamStep {
  double rate, l2, keep;
  bool adaptive;
};

template <bool l2, bool adaptive, class T>
void radam_loop(T* __restrict p, const T* __restrict g, T* __restrict m, T* __restrict v, std::int64_t n,
                const RAdamStep& s, const RAdamOptions& options) {
  const T beta1 = static_cast<T>(options.betas.first), rest1 = static_cast<T>(1 - options.betas.first),
          beta2 = static_cast<T>(options.betas.second), rest2 = static_cast<T>(1 - options.betas.second),
          eps = static_cast<T>(options.eps), rate = static_cast<T>(s.rate), weight_decay = static_cast<T>(s.l2),
          keep = static_cast<T>(s.keep), sign = options.maximize ? T(-1) : T(1);
  for (std::int64_t i = 0; i < n; ++i) {
    T d = sign * g[i];
    if constexpr (l2) d += weight_decay * p[i];
    m[i] = beta1 * m[i] + rest1 * d;
    v[i] = beta2 * v[i] + rest2 * d * d;
    T step = rate * m[i];
    if constexpr (adaptive) step /= std::sqrt(v[i]) + eps;
    p[i] = keep * p[i] - step;
  }
}

RAdamStep step_of(std::int64_t number, const RAdamOptions& o) {
  const double t = static_cast<double>(number), power = std::pow(o.betas.second, t);
  const double most = 2 / (1 - o.betas.second) - 1, rho = most - 2 * t * power / (1 - power);
  RAdamStep step{.rate = o.lr / (1 - std::pow(o.betas.first, t)),
                 .l2 = o.decoupled_weight_decay ? 0 : o.weight_decay,
                 .keep = o.decoupled_weight_decay ? 1 - o.lr * o.weight_decay : 1,
                 .adaptive = rho > 5};
  if (step.adaptive)
    step.rate *= std::sqrt((rho - 4) * (rho - 2) * most / ((most - 4) * (most - 2) * rho)) * std::sqrt(1 - power);
  return step;
}

// From a whole gradient or one by rows.
template <class Gradient>
void radam_update(const Tensor& parameter, const Gradient& gradient, ParameterState& state, const RAdamOptions& o) {
  const RAdamStep step = step_of(state.step, o);
  const bool rests = o.weight_decay == 0 && static_cast<float>(o.eps) > 0 && std::isfinite(step.rate);
  with_flag(step.l2 != 0, [&](auto decay) {
    with_flag(step.adaptive, [&](auto adaptive) {
      fused_update<2>(parameter, gradient, state, {.cost = 16, .rests = rests},
                      [&]<class T>(T* p, const T* g, std::array<T*, 2> s, std::int64_t n) {
                        radam_loop<decay.value, adaptive.value>(p, g, s[0], s[1], n, step, o);
                      });
    });
  });
}

}  // namespace

void validate(const char* optimizer, const RAdamOptions& options, Here here) {
  check_not_negative(optimizer, "lr", options.lr, here);
  check_betas(optimizer, options.betas, here);
  check_not_negative(optimizer, "eps", options.eps, here);
  check_not_negative(optimizer, "weight_decay", options.weight_decay, here);
}

std::vector<std::pair<std::string, Tensor>> RAdam::make_state(const Tensor& parameter, std::size_t) const {
  return {{"exp_avg", zeros_for(parameter)}, {"exp_avg_sq", zeros_for(parameter)}};
}

void RAdam::update(const Tensor& parameter, const Tensor& gradient, ParameterState& state, std::size_t group) {
  radam_update(parameter, gradient, state, options(group));
}
bool RAdam::update_rows(const Tensor& parameter, const detail::RowGradient& gradient, ParameterState& state,
                        std::size_t group) {
  radam_update(parameter, gradient, state, options(group));
  return true;
}

}  // namespace xgrad::optim
