// The power of a probability by which focal losses turn to the elements that are not yet right.
#pragma once
#include <xgrad/ops/arithmetic.hpp>
#include <xgrad/ops/compare.hpp>
#include <xgrad/ops/pointwise.hpp>

#include "core/check.hpp"
#include "kernels/pointwise.hpp"

namespace xgrad::detail {

// What is less likely than this counts as impossible: its cross-entropy is as small. It keeps powers and quotients of a
// probability q finite, at every order.
inline constexpr double impossible = 1e-30;

// q^gamma
template <class V>
auto power(const V& q, double gamma) {
  const auto possible = where(q < impossible, 1, q);
  const auto raised = gamma == 2 ? V(possible * possible) : V(pow(possible, gamma));
  return where(q < impossible, gamma == 0 ? 1 : 0, raised);
}

inline void check_gamma(const char* op, double gamma, Here here) {
  check<ValueError>(gamma >= 0, here, "{}: gamma must not be negative, got {}", op, gamma);
}

}  // namespace xgrad::detail
