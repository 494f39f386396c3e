#include <xgrad/optim/rprop.hpp>

#include <cmath>

#include "optim/fused.hpp"

namespace xgrad::optim {
namespace {

template <class T>
void rprop_loop(T* __restrict p, const T* __restrict g, T* __restrict before, T* __restrict size, std::int64_t n,
                const RpropOptions& options) {
  const T shrink = static_cast<T>(options.etas.first), grow = static_cast<T>(options.etas.second),
          least = static_cast<T>(options.step_sizes.first), most = static_cast<T>(options.step_sizes.second),
          sign = options.maximize ? T(-1) : T(1);
  for (std::int64_t i = 0; i < n; ++i) {
    const T d = sign * g[i], turn = d * before[i];
    const T factor = turn > 0 ? grow : turn < 0 ? shrink : T(1);
    T s = size[i] * factor;
    s = s < least ? least : s;
    s = s > most ? most : s;
    const T kept = turn < 0 ? T(0) : d;
    p[i] -= kept > 0 ? s : kept < 0 ? -s : T(0);
    size[i] = s;
    before[i] = kept;
  }
}

// From a whole gradient or one by rows.
template <class Gradient>
void rprop_update(const Tensor& parameter, const Gradient& gradient, ParameterState& state, const RpropOptions& o) {
  fused_update<2>(
      parameter, gradient, state, {.cost = 10},
      [&]<class T>(T* p, const T* g, std::array<T*, 2> s, std::int64_t n) { rprop_loop(p, g, s[0], s[1], n, o); });
}

}  // namespace

void validate(const char* optimizer, const RpropOptions& options, Here here) {
  check_not_negative(optimizer, "lr", options.lr, here);
  detail::check<ValueError>(options.etas.first > 0 && options.etas.first < 1 && options.etas.second > 1, here,
                            "{}: etas must lie in (0, 1) and above 1, they are {} and {}", optimizer,
                            options.etas.first, options.etas.second);
  detail::check<ValueError>(options.step_sizes.first >= 0 && options.step_sizes.first <= options.step_sizes.second,
                            here, "{}: step_sizes must be a range of lengths, they are {} and {}", optimizer,
                            options.step_sizes.first, options.step_sizes.second);
}

std::vector<std::pair<std::string, Tensor>> Rprop::make_state(const Tensor& parameter, std::size_t group) const {
  const Tensor size = zeros_for(parameter);
  size.fill_(options(group).lr);
  return {{"prev", zeros_for(parameter)}, {"step_size", size}};
}

void Rprop::update(const Tensor& parameter, const Tensor& gradient, ParameterState& state, std::size_t group) {
  rprop_update(parameter, gradient, state, options(group));
}
bool Rprop::update_rows(const Tensor& parameter, const detail::RowGradient& gradient, ParameterState& state,
                        std::size_t group) {
  rprop_update(parameter, gradient, state, options(group));
  return true;
}

}  // namespace xgrad::optim
