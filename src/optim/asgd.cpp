#include <xgrad/optim/asgd.hpp>

#include <cmath>

#include "optim/fused.hpp"

namespace xgrad::optim {
namespace {

template <bool decay, class T>
void asgd_loop(T* __restrict p, const T* __restrict g, T* __restrict mean, std::int64_t n, double rate, double share,
               const ASGDOptions& options) {
  const T eta = static_cast<T>(rate), keep = static_cast<T>(1 - options.lambd * rate), mu = static_cast<T>(share),
          weight_decay = static_cast<T>(options.weight_decay), sign = options.maximize ? T(-1) : T(1);
  const bool all = share == 1;
  for (std::int64_t i = 0; i < n; ++i) {
    T d = sign * g[i];
    if constexpr (decay) d += weight_decay * p[i];
    p[i] = keep * p[i] - eta * d;
    mean[i] = all ? p[i] : mean[i] + mu * (p[i] - mean[i]);
  }
}

// From a whole gradient or one by rows.
template <class Gradient>
void asgd_update(const Tensor& parameter, const Gradient& gradient, ParameterState& state, const ASGDOptions& o) {
  double &eta = state.numbers.at(0).second, &mu = state.numbers.at(1).second;
  with_flag(o.weight_decay != 0, [&](auto decay) {
    fused_update<1>(parameter, gradient, state, {.cost = 8},
                    [&]<class T>(T* p, const T* g, std::array<T*, 1> s, std::int64_t n) {
                      asgd_loop<decay.value>(p, g, s[0], n, eta, mu, o);
                    });
  });
  const double t = static_cast<double>(state.step);
  eta = o.lr / std::pow(1 + o.lambd * o.lr * t, o.alpha);
  mu = 1 / std::max(1.0, t - o.t0);
}

}  // namespace

void validate(const char* optimizer, const ASGDOptions& options, Here here) {
  check_not_negative(optimizer, "lr", options.lr, here);
  check_not_negative(optimizer, "lambd", options.lambd, here);
  check_not_negative(optimizer, "alpha", options.alpha, here);
  check_not_negative(optimizer, "t0", options.t0, here);
  check_not_negative(optimizer, "weight_decay", options.weight_decay, here);
}

std::vector<std::pair<std::string, Tensor>> ASGD::make_state(const Tensor& parameter, std::size_t) const {
  return {{"ax", zeros_for(parameter)}};
}
std::vector<std::pair<std::string, double>> ASGD::make_numbers(std::size_t group) const {
  return {{"eta", options(group).lr}, {"mu", 1}};
}

void ASGD::update(const Tensor& parameter, const Tensor& gradient, ParameterState& state, std::size_t group) {
  asgd_update(parameter, gradient, state, options(group));
}
bool ASGD::update_rows(const Tensor& parameter, const detail::RowGradient& gradient, ParameterState& state,
                       std::size_t group) {
  asgd_update(parameter, gradient, state, options(group));
  return true;
}

}  // namespace xgrad::optim
