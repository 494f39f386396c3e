#include <xgrad/optim/adam.hpp>

#include <algorithm>

#include "optim/fused.hpp"

namespace xgrad::optim {
namespace {

// What the loop needs of the options, at one step.
struct AdamStep {
  double beta1, beta2, eps, step_size, root_scale, l2, keep, sign;
};

template <bool l2, bool amsgrad, class T>
void adam_loop(T* __restrict p, const T* __restrict g, T* __restrict m, T* __restrict v, T* __restrict largest,
               std::int64_t n, const AdamStep& s) {
  const T beta1 = static_cast<T>(s.beta1), beta2 = static_cast<T>(s.beta2), rest1 = static_cast<T>(1 - s.beta1),
          rest2 = static_cast<T>(1 - s.beta2), eps = static_cast<T>(s.eps), step_size = static_cast<T>(s.step_size),
          root_scale = static_cast<T>(s.root_scale), weight_decay = static_cast<T>(s.l2), keep = static_cast<T>(s.keep),
          sign = static_cast<T>(s.sign);
  for (std::int64_t i = 0; i < n; ++i) {
    T d = sign * g[i];
    if constexpr (l2) d += weight_decay * p[i];
    m[i] = beta1 * m[i] + rest1 * d;
    v[i] = beta2 * v[i] + rest2 * d * d;
    T second = v[i];
    if constexpr (amsgrad) {
      largest[i] = largest[i] < second ? second : largest[i];
      second = largest[i];
    }
    p[i] = keep * p[i] - step_size * m[i] / (std::sqrt(second) * root_scale + eps);
  }
}

// From a whole gradient or one by rows.
template <class Gradient, class Options>
void adam_update(const Tensor& parameter, const Gradient& gradient, ParameterState& state, const Options& o,
                 bool decoupled) {
  if (o.amsgrad && state.tensors.size() == 2)  // switched on between two steps
    state.tensors.emplace_back("max_exp_avg_sq", state.tensors[1].second.clone());
  const double t = static_cast<double>(state.step);
  const AdamStep step{.beta1 = o.betas.first,
                      .beta2 = o.betas.second,
                      .eps = o.eps,
                      .step_size = o.lr / (1 - std::pow(o.betas.first, t)),
                      .root_scale = 1 / std::sqrt(1 - std::pow(o.betas.second, t)),
                      .l2 = decoupled ? 0 : o.weight_decay,
                      .keep = decoupled ? 1 - o.lr * o.weight_decay : 1,
                      .sign = o.maximize ? -1.0 : 1.0};
  const Pass pass{
      .cost = 16,
      .rests = step.l2 == 0 && step.keep == 1 && static_cast<float>(o.eps) > 0 && std::isfinite(step.step_size)};
  with_flag(step.l2 != 0, [&](auto l2) {
    if (o.amsgrad)
      fused_update<3>(parameter, gradient, state, pass,
                      [&]<class T>(T* p, const T* g, std::array<T*, 3> s, std::int64_t n) {
                        adam_loop<l2.value, true>(p, g, s[0], s[1], s[2], n, step);
                      });
    else
      fused_update<2>(parameter, gradient, state, pass,
                      [&]<class T>(T* p, const T* g, std::array<T*, 2> s, std::int64_t n) {
                        adam_loop<l2.value, false>(p, g, s[0], s[1], static_cast<T*>(nullptr), n, step);
                      });
  });
}

template <class Options>
void validate_adam(const char* optimizer, const Options& options, Here here) {
  check_not_negative(optimizer, "lr", options.lr, here);
  check_not_negative(optimizer, "eps", options.eps, here);
  check_not_negative(optimizer, "weight_decay", options.weight_decay, here);
  check_betas(optimizer, options.betas, here);
}

std::vector<std::pair<std::string, Tensor>> adam_state(const Tensor& parameter, bool amsgrad) {
  std::vector<std::pair<std::string, Tensor>> state;
  state.emplace_back("exp_avg", zeros_for(parameter));
  state.emplace_back("exp_avg_sq", zeros_for(parameter));
  if (amsgrad) state.emplace_back("max_exp_avg_sq", zeros_for(parameter));
  return state;
}

}  // namespace

void validate(const char* optimizer, const AdamOptions& options, Here here) { validate_adam(optimizer, options, here); }
void validate(const char* optimizer, const AdamWOptions& options, Here here) {
  validate_adam(optimizer, options, here);
}

std::vector<std::pair<std::string, Tensor>> Adam::make_state(const Tensor& parameter, std::size_t group) const {
  return adam_state(parameter, options(group).amsgrad);
}
void Adam::update(const Tensor& parameter, const Tensor& gradient, ParameterState& state, std::size_t group) {
  adam_update(parameter, gradient, state, options(group), false);
}
bool Adam::update_rows(const Tensor& parameter, const detail::RowGradient& gradient, ParameterState& state,
                       std::size_t group) {
  adam_update(parameter, gradient, state, options(group), false);
  return true;
}

std::vector<std::pair<std::string, Tensor>> AdamW::make_state(const Tensor& parameter, std::size_t group) const {
  return adam_state(parameter, options(group).amsgrad);
}
void AdamW::update(const Tensor& parameter, const Tensor& gradient, ParameterState& state, std::size_t group) {
  adam_update(parameter, gradient, state, options(group), true);
}
bool AdamW::update_rows(const Tensor& parameter, const detail::RowGradient& gradient, ParameterState& state,
                        std::size_t group) {
  adam_update(parameter, gradient, state, options(group), true);
  return true;
}

}  // namespace xgrad::optim
