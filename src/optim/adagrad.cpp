#include <xgrad/optim/adagrad.hpp>

#include "optim/fused.hpp"

namespace xgrad::optim {
namespace {

template <bool decay, class T>
void adagrad_loop(T* __restrict p, const T* __restrict g, T* __restrict sum, std::int64_t n, double rate,
                  const AdagradOptions& options) {
  const T lr = static_cast<T>(rate), eps = static_cast<T>(options.eps),
          weight_decay = static_cast<T>(options.weight_decay), sign = options.maximize ? T(-1) : T(1);
  for (std::int64_t i = 0; i < n; ++i) {
    T d = sign * g[i];
    if constexpr (decay) d += weight_decay * p[i];
    sum[i] += d * d;
    p[i] -= lr * (d / (std::sqrt(sum[i]) + eps));
  }
}

double rate_at(std::int64_t step, const AdagradOptions& o) {
  return o.lr / (1 + static_cast<double>(step - 1) * o.lr_decay);
}

// From a whole gradient or one by rows.
template <class Gradient>
void adagrad_update(const Tensor& parameter, const Gradient& gradient, ParameterState& state, const AdagradOptions& o) {
  const double rate = rate_at(state.step, o);
  with_flag(o.weight_decay != 0, [&](auto decay) {
    fused_update<1>(parameter, gradient, state, {.cost = 10},
                    [&]<class T>(T* p, const T* g, std::array<T*, 1> s, std::int64_t n) {
                      adagrad_loop<decay.value>(p, g, s[0], n, rate, o);
                    });
  });
}

}  // namespace

void validate(const char* optimizer, const AdagradOptions& options, Here here) {
  check_not_negative(optimizer, "lr", options.lr, here);
  check_not_negative(optimizer, "lr_decay", options.lr_decay, here);
  check_not_negative(optimizer, "weight_decay", options.weight_decay, here);
  check_not_negative(optimizer, "initial_accumulator_value", options.initial_accumulator_value, here);
  check_not_negative(optimizer, "eps", options.eps, here);
}

std::vector<std::pair<std::string, Tensor>> Adagrad::make_state(const Tensor& parameter, std::size_t group) const {
  const Tensor sum = zeros_for(parameter);
  if (options(group).initial_accumulator_value != 0) sum.fill_(options(group).initial_accumulator_value);
  return {{"sum", sum}};
}

void Adagrad::update(const Tensor& parameter, const Tensor& gradient, ParameterState& state, std::size_t group) {
  adagrad_update(parameter, gradient, state, options(group));
}

bool Adagrad::update_rows(const Tensor& parameter, const detail::RowGradient& gradient, ParameterState& state,
                          std::size_t group) {
  const AdagradOptions& o = options(group);
  const double rate = rate_at(state.step, o);
  // Otherwise a row without a gradient moves, if only to nan.
  if (o.weight_decay == 0 && static_cast<float>(o.eps) > 0 && std::isfinite(rate))
    fused_update_used<1>(parameter, gradient, state, {.cost = 10},
                         [&]<class T>(T* p, const T* g, std::array<T*, 1> s, std::int64_t n) {
                           adagrad_loop<false>(p, g, s[0], n, rate, o);
                         });
  else
    adagrad_update(parameter, gradient, state, o);
  return true;
}

}  // namespace xgrad::optim
