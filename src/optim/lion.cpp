#include <xgrad/optim/lion.hpp>

#include <bit>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "optim/fused.hpp"

namespace xgrad::optim {
namespace {

// lr with the sign of c, 0 where c is 0, and NaN where it is. By bits, as the compiler makes branches of comparisons in
// the tail of the loop and then rounds the product that this is subtracted from, which it does not in vectors: the same
// element would come out differently in another place.
template <class T>
T signed_rate(T lr, T c) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  constexpr Bits sign = Bits(1) << (8 * sizeof(T) - 1);
  const Bits used = Bits(0) - static_cast<Bits>(c != 0), nan = Bits(0) - static_cast<Bits>(c != c);
  return std::bit_cast<T>(((std::bit_cast<Bits>(lr) | (std::bit_cast<Bits>(c) & sign)) & used) | nan);
}

template <class T>
void lion_loop(T* __restrict p, const T* __restrict g, T* __restrict m, std::int64_t n, const LionOptions& options) {
  const T lr = static_cast<T>(options.lr), keep = static_cast<T>(1 - options.lr * options.weight_decay),
          beta1 = static_cast<T>(options.betas.first), rest1 = static_cast<T>(1 - options.betas.first),
          beta2 = static_cast<T>(options.betas.second), rest2 = static_cast<T>(1 - options.betas.second),
          sign = options.maximize ? T(-1) : T(1);
  for (std::int64_t i = 0; i < n; ++i) {
    const T d = sign * g[i], c = beta1 * m[i] + rest1 * d;
    p[i] = keep * p[i] - signed_rate(lr, c);
    m[i] = beta2 * m[i] + rest2 * d;
  }
}

// From a whole gradient or one by rows.
template <class Gradient>
void lion_update(const Tensor& parameter, const Gradient& gradient, ParameterState& state, const LionOptions& o) {
  const bool rests = o.weight_decay == 0 && std::isfinite(o.lr);
  fused_update<1>(parameter, gradient, state, {.cost = 8, .rests = rests},
                  [&]<class T>(T* p, const T* g, std::array<T*, 1> s, std::int64_t n) { lion_loop(p, g, s[0], n, o); });
}

}  // namespace

void validate(const char* optimizer, const LionOptions& options, Here here) {
  check_not_negative(optimizer, "lr", options.lr, here);
  check_betas(optimizer, options.betas, here);
  check_not_negative(optimizer, "weight_decay", options.weight_decay, here);
}

std::vector<std::pair<std::string, Tensor>> Lion::make_state(const Tensor& parameter, std::size_t) const {
  return {{"exp_avg", zeros_for(parameter)}};
}

void Lion::update(const Tensor& parameter, const Tensor& gradient, ParameterState& state, std::size_t group) {
  lion_update(parameter, gradient, state, options(group));
}
bool Lion::update_rows(const Tensor& parameter, const detail::RowGradient& gradient, ParameterState& state,
                       std::size_t group) {
  lion_update(parameter, gradient, state, options(group));
  return true;
}

}  // namespace xgrad::optim
