// What formulas of several rooms are written with.
#pragma once
#include <xgrad/ops/arithmetic.hpp>
#include <xgrad/ops/compare.hpp>
#include <xgrad/ops/pointwise.hpp>

#include <limits>

#include "core/dispatch.hpp"
#include "core/tensor_impl.hpp"
#include "kernels/pointwise.hpp"
#include "kernels/rows.hpp"

namespace xgrad::detail {

// A constant for a formula over V, exact for integers.
template <class V>
auto number(Scalar value) {
  if constexpr (std::is_same_v<V, Integer>)
    return Integer(value.to<std::int64_t>());
  else if constexpr (std::is_same_v<V, Boolean>)
    return Boolean(value.to<bool>());
  else
    return value.to<double>();
}

// Whether `usable` holds for all lanes of a tensor.
template <class Usable>
bool all_usable(const Tensor& at, const Usable& usable) {
  const Tensor values = dense(at);
  bool all = true;
  dispatch_floating(impl(values).dtype, [&]<class T>() {
    for_lanes<T>(impl(values).numel, [&](std::int64_t i, std::int64_t n) {
      all = all && usable(load_part(data<T>(values) + i, n, T(1))).all();
    });
  });
  return all;
}

// Gradients with a slope that is not finite everywhere. Where it is not and the incoming gradient is 0, the gradient is
// 0, at every order: what nobody asked for must not spoil the rest. Everywhere else the slope counts as it is.
//
// times(slope) is the gradient g slope(v...), over(divisor) is g / divisor(v...).
template <class Factor, class Usable, class Combine>
constexpr auto quiet(Factor factor, Usable usable, Combine combine, double neutral) {
  return [=]<class V, class... Values>(const V& g, const Values&... v) {
    if constexpr (std::is_same_v<V, Tensor>) {
      const Tensor at = factor(v...);
      if (all_usable(at, usable)) return combine(g, at);
      const Tensor counts = g != 0 || usable(at.detach());
      // Other values take part where nothing counts, since a zero that is handed back to an infinity gives no number.
      return combine(g, where(counts, factor(where(counts, v, 1)...), neutral));
    } else {
      const V at = factor(v...);
      return combine(g, where(g != 0 || usable(at), at, neutral));
    }
  };
}
template <class Slope>
constexpr auto times(Slope slope) {
  return quiet(
      slope, [](const auto& at) { return isfinite(at); }, [](const auto& g, const auto& at) { return g * at; }, 0);
}
template <class Divisor>
constexpr auto over(Divisor divisor) {
  return quiet(
      divisor, [](const auto& at) { return abs(at) > 0; }, [](const auto& g, const auto& at) { return g / at; },
      std::numeric_limits<double>::infinity());
}

inline constexpr auto square_op = unary<numeric>(
    "square", [](auto v) { return v * v; }, of<x>([](auto g, auto v) { return g * (2 * v); }));

}  // namespace xgrad::detail
