// Tensors under arithmetic signs that carry the place of a call: generic formulas run on them as they do on numbers,
// and what they record names the user's line.
#pragma once
#include <xgrad/tensor.hpp>

#include <cmath>
#include <concepts>

namespace xgrad::detail {

struct Placed {
  Tensor tensor;
  Here here;
  Operand operand() const { return {tensor, here}; }
};
inline Placed operator+(const Placed& a, const Placed& b) { return {a.tensor.add(b.operand()), a.here}; }
inline Placed operator-(const Placed& a, const Placed& b) { return {a.tensor.sub(b.operand()), a.here}; }
inline Placed operator*(const Placed& a, const Placed& b) { return {a.tensor.mul(b.operand()), a.here}; }
inline Placed operator/(const Placed& a, const Placed& b) { return {a.tensor.div(b.operand()), a.here}; }
inline Placed operator+(const Placed& a, double b) { return {a.tensor.add({b, a.here}), a.here}; }
inline Placed operator-(const Placed& a, double b) { return {a.tensor.sub({b, a.here}), a.here}; }
inline Placed operator*(const Placed& a, double b) { return {a.tensor.mul({b, a.here}), a.here}; }
inline Placed operator-(const Placed& a) { return {a.tensor.neg(a.here), a.here}; }

inline Placed clamp(const Placed& x, double low, double high) { return {x.tensor.clamp(low, high, x.here), x.here}; }
inline Placed at_least(const Placed& x, double low) { return {x.tensor.clamp(low, {}, x.here), x.here}; }
inline Placed sign(const Placed& x) { return {x.tensor.sign(x.here), x.here}; }
inline Placed log(const Placed& x) { return {x.tensor.log(x.here), x.here}; }
inline Placed exp(const Placed& x) { return {x.tensor.exp(x.here), x.here}; }
inline Placed sigmoid(const Placed& x) { return {x.tensor.sigmoid(x.here), x.here}; }

template <std::floating_point T>
T clamp(T x, double low, double high) {
  return x < T(low) ? T(low) : x > T(high) ? T(high) : x;
}
template <std::floating_point T>
T at_least(T x, double low) {
  return x < T(low) ? T(low) : x;
}
template <std::floating_point T>
T sign(T x) {
  return T(x > 0) - T(x < 0);
}
template <std::floating_point T>
T log(T x) {
  return std::log(x);
}
template <std::floating_point T>
T exp(T x) {
  return std::exp(x);
}
template <std::floating_point T>
T sigmoid(T x) {
  const T e = std::exp(-std::abs(x));
  return x < 0 ? e / (1 + e) : 1 / (1 + e);
}

}  // namespace xgrad::detail
