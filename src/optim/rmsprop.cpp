#include <xgrad/optim/rmsprop.hpp>

#include "optim/fused.hpp"

namespace xgrad::optim {
namespace {

template <bool momentum, bool centered, class T>
void rmsprop_loop(T* __restrict p, const T* __restrict g, T* __restrict square, T* __restrict b, T* __restrict mean,
                  std::int64_t n, const RMSpropOptions& options) {
  const T lr = static_cast<T>(options.lr), alpha = static_cast<T>(options.alpha),
          rest = static_cast<T>(1 - options.alpha), eps = static_cast<T>(options.eps),
          weight_decay = static_cast<T>(options.weight_decay), mu = static_cast<T>(options.momentum),
          sign = options.maximize ? T(-1) : T(1);
  const bool decay = options.weight_decay != 0;
  for (std::int64_t i = 0; i < n; ++i) {
    T d = sign * g[i];
    if (decay) d += weight_decay * p[i];
    square[i] = alpha * square[i] + rest * d * d;
    T second = square[i];
    if constexpr (centered) {
      mean[i] = alpha * mean[i] + rest * d;
      second -= mean[i] * mean[i];
      second = second < 0 ? T(0) : second;  // by rounding
    }
    d /= std::sqrt(second) + eps;
    if constexpr (momentum) {
      b[i] = mu * b[i] + d;
      d = b[i];
    }
    p[i] -= lr * d;
  }
}

std::vector<std::pair<std::string, Tensor>> rmsprop_state(const Tensor& parameter, const RMSpropOptions& options) {
  std::vector<std::pair<std::string, Tensor>> state;
  state.emplace_back("square_avg", zeros_for(parameter));
  if (options.momentum != 0) state.emplace_back("momentum_buffer", zeros_for(parameter));
  if (options.centered) state.emplace_back("grad_avg", zeros_for(parameter));
  return state;
}

// From a whole gradient or one by rows.
template <class Gradient>
void rmsprop_update(const Tensor& parameter, const Gradient& gradient, ParameterState& state, const RMSpropOptions& o) {
  const bool momentum = o.momentum != 0;
  const std::size_t expected = 1u + momentum + o.centered;
  if (state.tensors.size() != expected) {  // options changed between two steps: keep the squares, start the rest
    auto fresh = rmsprop_state(parameter, o);
    fresh[0].second = state.tensors[0].second;
    state.tensors = std::move(fresh);
  }
  const bool finite = std::isfinite(o.lr * o.alpha * o.momentum);  // infinity times zero is nan
  const Pass pass{.cost = 12, .rests = o.weight_decay == 0 && static_cast<float>(o.eps) > 0 && finite};
  with_flag(momentum, [&](auto with_momentum) {
    with_flag(o.centered, [&](auto centered) {
      constexpr std::size_t count = 1 + with_momentum.value + centered.value;
      fused_update<count>(parameter, gradient, state, pass,
                          [&]<class T>(T* p, const T* g, std::array<T*, count> s, std::int64_t n) {
                            T* b = with_momentum.value ? s[1 % count] : nullptr;
                            T* mean = centered.value ? s[count - 1] : nullptr;
                            rmsprop_loop<with_momentum.value, centered.value>(p, g, s[0], b, mean, n, o);
                          });
    });
  });
}

}  // namespace

void validate(const char* optimizer, const RMSpropOptions& options, Here here) {
  check_not_negative(optimizer, "lr", options.lr, here);
  check_not_negative(optimizer, "alpha", options.alpha, here);
  check_not_negative(optimizer, "eps", options.eps, here);
  check_not_negative(optimizer, "weight_decay", options.weight_decay, here);
  check_not_negative(optimizer, "momentum", options.momentum, here);
}

std::vector<std::pair<std::string, Tensor>> RMSprop::make_state(const Tensor& parameter, std::size_t group) const {
  return rmsprop_state(parameter, options(group));
}
void RMSprop::update(const Tensor& parameter, const Tensor& gradient, ParameterState& state, std::size_t group) {
  rmsprop_update(parameter, gradient, state, options(group));
}
bool RMSprop::update_rows(const Tensor& parameter, const detail::RowGradient& gradient, ParameterState& state,
                          std::size_t group) {
  rmsprop_update(parameter, gradient, state, options(group));
  return true;
}

}  // namespace xgrad::optim
