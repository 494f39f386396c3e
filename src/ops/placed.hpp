// Tensors under arithmetic signs that carry the place of a call: a generic formula runs on them as it does on Lanes,
// and what it records names the user's line.
#pragma once
#include <xgrad/tensor.hpp>

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
inline Placed maximum(const Placed& x, double low) { return {x.tensor.clamp(low, {}, x.here), x.here}; }
inline Placed sign(const Placed& x) { return {x.tensor.sign(x.here), x.here}; }
inline Placed log(const Placed& x) { return {x.tensor.log(x.here), x.here}; }
inline Placed exp(const Placed& x) { return {x.tensor.exp(x.here), x.here}; }
inline Placed sigmoid(const Placed& x) { return {x.tensor.sigmoid(x.here), x.here}; }

}  // namespace xgrad::detail
