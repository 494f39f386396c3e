// What formulas of several rooms are written with.
#pragma once
#include <xgrad/ops/arithmetic.hpp>
#include <xgrad/ops/compare.hpp>
#include <xgrad/ops/pointwise.hpp>

#include "kernels/pointwise.hpp"

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

inline constexpr auto square_op = unary<numeric>(
    "square", [](auto v) { return v * v; }, of<x>([](auto g, auto v) { return g * (2 * v); }));

}  // namespace xgrad::detail
