#include <xgrad/optim/sparse_adam.hpp>

#include <algorithm>

#include "optim/fused.hpp"

namespace xgrad::optim {
namespace {

template <class T>
void sparse_adam_row(T* __restrict p, const T* __restrict g, T* __restrict m, T* __restrict v, std::int64_t n,
                     double step_size, const SparseAdamOptions& options) {
  if (n > 0 && g[0] == 0) {
    int used = 0;
    for (std::int64_t i = 1; i < n; ++i) used |= g[i] != 0 ? 1 : 0;
    if (used == 0) return;
  }
  const T rest1 = static_cast<T>(1 - options.betas.first), rest2 = static_cast<T>(1 - options.betas.second),
          eps = static_cast<T>(options.eps), rate = static_cast<T>(step_size), sign = options.maximize ? T(-1) : T(1);
  for (std::int64_t i = 0; i < n; ++i) {
    const T d = sign * g[i];
    m[i] += rest1 * (d - m[i]);
    v[i] += rest2 * (d * d - v[i]);
    p[i] -= rate * (m[i] / (std::sqrt(v[i]) + eps));
  }
}

double step_size(std::int64_t step, const SparseAdamOptions& o) {
  const double t = static_cast<double>(step);
  return o.lr * std::sqrt(1 - std::pow(o.betas.second, t)) / (1 - std::pow(o.betas.first, t));
}

}  // namespace

void validate(const char* optimizer, const SparseAdamOptions& options, Here here) {
  check_not_negative(optimizer, "lr", options.lr, here);
  detail::check<ValueError>(options.eps > 0, here, "{}: eps must be positive, it is {}", optimizer, options.eps);
  check_betas(optimizer, options.betas, here);
}

std::vector<std::pair<std::string, Tensor>> SparseAdam::make_state(const Tensor& parameter, std::size_t) const {
  return {{"exp_avg", zeros_for(parameter)}, {"exp_avg_sq", zeros_for(parameter)}};
}

void SparseAdam::update(const Tensor& parameter, const Tensor& gradient, ParameterState& state, std::size_t group) {
  const SparseAdamOptions& o = options(group);
  const double rate = step_size(state.step, o);
  const std::int64_t rows = parameter.dim() == 0 ? 1 : parameter.sizes()[0],
                     columns = std::max<std::int64_t>(parameter.numel() / std::max<std::int64_t>(rows, 1), 1);
  fused_update<2>(parameter, gradient, state, {.cost = 16, .grain = (32768 / columns + 1) * columns},
                  [&]<class T>(T* p, const T* g, std::array<T*, 2> s, std::int64_t n) {
                    for (std::int64_t at = 0; at < n; at += columns)
                      sparse_adam_row(p + at, g + at, s[0] + at, s[1] + at, columns, rate, o);
                  });
}

bool SparseAdam::update_rows(const Tensor& parameter, const detail::RowGradient& gradient, ParameterState& state,
                             std::size_t group) {
  const SparseAdamOptions& o = options(group);
  const double rate = step_size(state.step, o);
  fused_update_used<2>(parameter, gradient, state, {.cost = 16},
                       [&]<class T>(T* p, const T* g, std::array<T*, 2> s, std::int64_t n) {
                         sparse_adam_row(p, g, s[0], s[1], n, rate, o);
                       });
  return true;
}

}  // namespace xgrad::optim
