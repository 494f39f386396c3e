#include <xgrad/optim/adamax.hpp>

#include <cmath>

#include "optim/fused.hpp"

namespace xgrad::optim {
namespace {

template <bool decay, class T>
void adamax_loop(T* __restrict p, const T* __restrict g, T* __restrict m, T* __restrict largest, std::int64_t n,
                 double rate, const AdamaxOptions& options) {
  const T step = static_cast<T>(rate), beta1 = static_cast<T>(options.betas.first),
          rest1 = static_cast<T>(1 - options.betas.first), beta2 = static_cast<T>(options.betas.second),
          eps = static_cast<T>(options.eps), weight_decay = static_cast<T>(options.weight_decay),
          sign = options.maximize ? T(-1) : T(1);
  for (std::int64_t i = 0; i < n; ++i) {
    T d = sign * g[i];
    if constexpr (decay) d += weight_decay * p[i];
    m[i] = beta1 * m[i] + rest1 * d;
    const T faded = beta2 * largest[i], now = std::abs(d) + eps;
    largest[i] = faded < now ? now : faded;
    p[i] -= step * (m[i] / largest[i]);
  }
}

// From a whole gradient or one by rows.
template <class Gradient>
void adamax_update(const Tensor& parameter, const Gradient& gradient, ParameterState& state, const AdamaxOptions& o) {
  const double rate = o.lr / (1 - std::pow(o.betas.first, static_cast<double>(state.step)));
  with_flag(o.weight_decay != 0, [&](auto decay) {
    fused_update<2>(parameter, gradient, state, {.cost = 12},
                    [&]<class T>(T* p, const T* g, std::array<T*, 2> s, std::int64_t n) {
                      adamax_loop<decay.value>(p, g, s[0], s[1], n, rate, o);
                    });
  });
}

}  // namespace

void validate(const char* optimizer, const AdamaxOptions& options, Here here) {
  check_not_negative(optimizer, "lr", options.lr, here);
  check_betas(optimizer, options.betas, here);
  check_not_negative(optimizer, "eps", options.eps, here);
  check_not_negative(optimizer, "weight_decay", options.weight_decay, here);
}

std::vector<std::pair<std::string, Tensor>> Adamax::make_state(const Tensor& parameter, std::size_t) const {
  return {{"exp_avg", zeros_for(parameter)}, {"exp_inf", zeros_for(parameter)}};
}

void Adamax::update(const Tensor& parameter, const Tensor& gradient, ParameterState& state, std::size_t group) {
  adamax_update(parameter, gradient, state, options(group));
}
bool Adamax::update_rows(const Tensor& parameter, const detail::RowGradient& gradient, ParameterState& state,
                         std::size_t group) {
  adamax_update(parameter, gradient, state, options(group));
  return true;
}

}  // namespace xgrad::optim
