#include <xgrad/optim/nadam.hpp>

#include <cmath>

#include "optim/fused.hpp"

namespace xgrad::optim {
namespace {

// What the loop needs of the options, at one step.
struct NAdamStep {
  double gradient_rate, momentum_rate, root_scale, l2, keep;
};

template <bool l2, class T>
void nadam_loop(T* __restrict p, const T* __restrict g, T* __restrict m, T* __restrict v, std::int64_t n,
                const NAdamStep& s, const NAdamOptions& options) {
  const T beta1 = static_cast<T>(options.betas.first), rest1 = static_cast<T>(1 - options.betas.first),
          beta2 = static_cast<T>(options.betas.second), rest2 = static_cast<T>(1 - options.betas.second),
          eps = static_cast<T>(options.eps), root_scale = static_cast<T>(s.root_scale),
          of_gradient = static_cast<T>(s.gradient_rate), of_momentum = static_cast<T>(s.momentum_rate),
          weight_decay = static_cast<T>(s.l2), keep = static_cast<T>(s.keep), sign = options.maximize ? T(-1) : T(1);
  for (std::int64_t i = 0; i < n; ++i) {
    T d = sign * g[i];
    if constexpr (l2) d += weight_decay * p[i];
    m[i] = beta1 * m[i] + rest1 * d;
    v[i] = beta2 * v[i] + rest2 * d * d;
    p[i] = keep * p[i] - (of_gradient * d + of_momentum * m[i]) / (std::sqrt(v[i]) * root_scale + eps);
  }
}

// From a whole gradient or one by rows.
template <class Gradient>
void nadam_update(const Tensor& parameter, const Gradient& gradient, ParameterState& state, const NAdamOptions& o) {
  const double t = static_cast<double>(state.step);
  const auto mu = [&](double step) { return o.betas.first * (1 - 0.5 * std::pow(0.96, step * o.momentum_decay)); };
  double& product = state.numbers.at(0).second;
  product *= mu(t);
  const bool l2 = o.weight_decay != 0 && !o.decoupled_weight_decay;
  const NAdamStep step{.gradient_rate = o.lr * (1 - mu(t)) / (1 - product),
                       .momentum_rate = o.lr * mu(t + 1) / (1 - product * mu(t) * mu(t + 1)),
                       .root_scale = 1 / std::sqrt(1 - std::pow(o.betas.second, t)),
                       .l2 = l2 ? o.weight_decay : 0,
                       .keep = o.decoupled_weight_decay ? 1 - o.lr * o.weight_decay : 1};
  const bool rests =
      o.weight_decay == 0 && static_cast<float>(o.eps) > 0 && std::isfinite(step.gradient_rate + step.momentum_rate);
  with_flag(l2, [&](auto decay) {
    fused_update<2>(parameter, gradient, state, {.cost = 18, .rests = rests},
                    [&]<class T>(T* p, const T* g, std::array<T*, 2> s, std::int64_t n) {
                      nadam_loop<decay.value>(p, g, s[0], s[1], n, step, o);
                    });
  });
}

}  // namespace

void validate(const char* optimizer, const NAdamOptions& options, Here here) {
  check_not_negative(optimizer, "lr", options.lr, here);
  check_betas(optimizer, options.betas, here);
  check_not_negative(optimizer, "eps", options.eps, here);
  check_not_negative(optimizer, "weight_decay", options.weight_decay, here);
  check_not_negative(optimizer, "momentum_decay", options.momentum_decay, here);
}

std::vector<std::pair<std::string, Tensor>> NAdam::make_state(const Tensor& parameter, std::size_t) const {
  return {{"exp_avg", zeros_for(parameter)}, {"exp_avg_sq", zeros_for(parameter)}};
}
std::vector<std::pair<std::string, double>> NAdam::make_numbers(std::size_t) const { return {{"mu_product", 1}}; }

void NAdam::update(const Tensor& parameter, const Tensor& gradient, ParameterState& state, std::size_t group) {
  nadam_update(parameter, gradient, state, options(group));
}
bool NAdam::update_rows(const Tensor& parameter, const detail::RowGradient& gradient, ParameterState& state,
                        std::size_t group) {
  nadam_update(parameter, gradient, state, options(group));
  return true;
}

}  // namespace xgrad::optim
