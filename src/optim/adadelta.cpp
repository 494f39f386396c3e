#include <xgrad/optim/adadelta.hpp>

#include <cmath>

#include "optim/fused.hpp"

namespace xgrad::optim {
namespace {

template <bool decay, class T>
void adadelta_loop(T* __restrict p, const T* __restrict g, T* __restrict square, T* __restrict delta, std::int64_t n,
                   const AdadeltaOptions& options) {
  const T lr = static_cast<T>(options.lr), rho = static_cast<T>(options.rho), rest = static_cast<T>(1 - options.rho),
          eps = static_cast<T>(options.eps), weight_decay = static_cast<T>(options.weight_decay),
          sign = options.maximize ? T(-1) : T(1);
  for (std::int64_t i = 0; i < n; ++i) {
    T d = sign * g[i];
    if constexpr (decay) d += weight_decay * p[i];
    square[i] = rho * square[i] + rest * d * d;
    d *= std::sqrt(delta[i] + eps) / std::sqrt(square[i] + eps);
    delta[i] = rho * delta[i] + rest * d * d;
    p[i] -= lr * d;
  }
}

// From a whole gradient or one by rows.
template <class Gradient>
void adadelta_update(const Tensor& parameter, const Gradient& gradient, ParameterState& state,
                     const AdadeltaOptions& o) {
  const bool rests = o.weight_decay == 0 && static_cast<float>(o.eps) > 0 && std::isfinite(o.lr * o.eps);
  with_flag(o.weight_decay != 0, [&](auto decay) {
    fused_update<2>(parameter, gradient, state, {.cost = 20, .rests = rests},
                    [&]<class T>(T* p, const T* g, std::array<T*, 2> s, std::int64_t n) {
                      adadelta_loop<decay.value>(p, g, s[0], s[1], n, o);
                    });
  });
}

}  // namespace

void validate(const char* optimizer, const AdadeltaOptions& options, Here here) {
  check_not_negative(optimizer, "lr", options.lr, here);
  detail::check<ValueError>(options.rho >= 0 && options.rho <= 1, here, "{}: rho must lie in [0, 1], it is {}",
                            optimizer, options.rho);
  check_not_negative(optimizer, "eps", options.eps, here);
  check_not_negative(optimizer, "weight_decay", options.weight_decay, here);
}

std::vector<std::pair<std::string, Tensor>> Adadelta::make_state(const Tensor& parameter, std::size_t) const {
  return {{"square_avg", zeros_for(parameter)}, {"acc_delta", zeros_for(parameter)}};
}

void Adadelta::update(const Tensor& parameter, const Tensor& gradient, ParameterState& state, std::size_t group) {
  adadelta_update(parameter, gradient, state, options(group));
}
bool Adadelta::update_rows(const Tensor& parameter, const detail::RowGradient& gradient, ParameterState& state,
                           std::size_t group) {
  adadelta_update(parameter, gradient, state, options(group));
  return true;
}

}  // namespace xgrad::optim
