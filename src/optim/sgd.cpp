#include <xgrad/optim/sgd.hpp>

#include <cmath>

#include "kernels/row_gradient.hpp"
#include "optim/fused.hpp"

namespace xgrad::optim {
namespace {

template <bool decay, bool momentum, bool nesterov, class T>
void sgd_loop(T* __restrict p, const T* __restrict g, T* __restrict b, std::int64_t n, bool first,
              const SGDOptions& options) {
  const T lr = static_cast<T>(options.lr), mu = static_cast<T>(options.momentum),
          gain = first ? T(1) : static_cast<T>(1 - options.dampening), keep = first ? T(0) : mu,
          weight_decay = static_cast<T>(options.weight_decay), sign = options.maximize ? T(-1) : T(1);
  for (std::int64_t i = 0; i < n; ++i) {
    T d = sign * g[i];
    if constexpr (decay) d += weight_decay * p[i];
    if constexpr (momentum) {
      b[i] = keep * b[i] + gain * d;
      d = nesterov ? d + mu * b[i] : b[i];
    }
    p[i] -= lr * d;
  }
}

std::vector<std::pair<std::string, Tensor>> momentum_state(const Tensor& parameter) {
  return {{"momentum_buffer", zeros_for(parameter)}};
}

// From a whole gradient or one by rows.
template <class Gradient>
void sgd_update(const Tensor& parameter, const Gradient& gradient, ParameterState& state, const SGDOptions& o) {
  const bool momentum = o.momentum != 0;
  bool first = state.step == 1;
  if (momentum && state.tensors.empty()) {  // switched on between two steps
    state.tensors = momentum_state(parameter);
    first = true;
  }
  const bool finite = std::isfinite(o.lr * o.momentum * o.dampening);  // infinity times zero is nan
  const Pass pass{.cost = 4, .rests = o.weight_decay == 0 && finite};
  with_flag(o.weight_decay != 0, [&](auto decay) {
    if (!momentum)
      fused_update<0>(parameter, gradient, state, {.cost = 2},
                      [&]<class T>(T* p, const T* g, std::array<T*, 0>, std::int64_t n) {
                        sgd_loop<decay.value, false, false>(p, g, static_cast<T*>(nullptr), n, first, o);
                      });
    else
      with_flag(o.nesterov, [&](auto nesterov) {
        fused_update<1>(parameter, gradient, state, pass,
                        [&]<class T>(T* p, const T* g, std::array<T*, 1> s, std::int64_t n) {
                          sgd_loop<decay.value, true, nesterov.value>(p, g, s[0], n, first, o);
                        });
      });
  });
}

}  // namespace

void validate(const char* optimizer, const SGDOptions& options, Here here) {
  check_not_negative(optimizer, "lr", options.lr, here);
  check_not_negative(optimizer, "momentum", options.momentum, here);
  check_not_negative(optimizer, "weight_decay", options.weight_decay, here);
  detail::check<ValueError>(!options.nesterov || (options.momentum > 0 && options.dampening == 0), here,
                            "{}: nesterov needs momentum and no dampening, they are {} and {}", optimizer,
                            options.momentum, options.dampening);
}

std::vector<std::pair<std::string, Tensor>> SGD::make_state(const Tensor& parameter, std::size_t group) const {
  if (options(group).momentum == 0) return {};
  return momentum_state(parameter);
}

void SGD::update(const Tensor& parameter, const Tensor& gradient, ParameterState& state, std::size_t group) {
  sgd_update(parameter, gradient, state, options(group));
}

bool SGD::update_rows(const Tensor& parameter, const detail::RowGradient& gradient, ParameterState& state,
                      std::size_t group) {
  const SGDOptions& o = options(group);
  if (o.momentum == 0 && o.weight_decay == 0 && std::isfinite(o.lr)) {  // a row without a gradient stays as it is
    detail::subtract_rows(parameter, gradient, o.maximize ? -o.lr : o.lr);
    detail::bump_version(parameter);
  } else {
    sgd_update(parameter, gradient, state, o);
  }
  return true;
}

}  // namespace xgrad::optim
