// Arithmetic of two tensors, or a tensor and a number, element by element.
//
// Shapes broadcast by NumPy's rule; ShapeError where they do not. Equal dtypes stay. A number adopts a floating
// tensor's dtype; a floating number with an integer or bool tensor gives the default dtype; int64 or bool with a
// floating tensor gives the float, bool with int64 gives int64. DtypeError for float32 with float64, and for int32 and
// uint8. Integers wrap around on overflow. Each function is also an operator or a method of Tensor, and add_, sub_,
// mul_, div_, pow_ work in place: there the result must have the tensor's own shape and dtype.
#pragma once
#include <xgrad/tensor.hpp>

namespace xgrad {

// a + alpha b. Of bool tensors: a or b.
Tensor add(const Operand& a, const Operand& b, Scalar alpha = 1);
// a - alpha b. DtypeError for bool tensors.
Tensor sub(const Operand& a, const Operand& b, Scalar alpha = 1);
// a b. Of bool tensors: a and b.
Tensor mul(const Operand& a, const Operand& b);
// a / b. Integers and bools are divided as the default dtype.
Tensor div(const Operand& a, const Operand& b);
// a^b. Gradients: b a^(b - 1), 0 where b is 0, and a^b log a, 0 where a is 0 and b >= 0. Integers: ValueError for a
// negative exponent. Bools count as integers.
Tensor pow(const Operand& a, const Operand& b);
// The remainder of a / b with the sign of a. Gradients: 1 and -trunc(a / b). Integers: ValueError for a divisor of 0.
Tensor fmod(const Operand& a, const Operand& b);
// The remainder of a / b with the sign of b, as Python's %. Gradients: 1 and -floor(a / b). Integers: ValueError for a
// divisor of 0.
Tensor remainder(const Operand& a, const Operand& b);
// The larger (smaller) one, NaN if either is NaN. Where both are equal, each gets half of the gradient.
Tensor maximum(const Operand& a, const Operand& b);
Tensor minimum(const Operand& a, const Operand& b);
// The angle of the point (x, y), in (-pi, pi]. Gradients x / r^2 and -y / r^2; NaN at the origin, which has no angle.
// Integers are converted to the default dtype.
Tensor atan2(const Operand& y, const Operand& x);
// sqrt(a^2 + b^2) without overflow. At the origin the gradient is 0.
Tensor hypot(const Operand& a, const Operand& b);

}  // namespace xgrad
