// Comparisons and logic, element by element: bool tensors, without gradients. Shapes broadcast and dtypes meet as in
// arithmetic.hpp. The operators ==, !=, <, <=, >, >=, &&, ||, ! do the same.
#pragma once
#include <xgrad/tensor.hpp>

namespace xgrad {

// a = b, a != b, a < b, a <= b, a > b, a >= b. With NaN on a side only `ne` holds.
Tensor eq(const Operand& a, const Operand& b);
Tensor ne(const Operand& a, const Operand& b);
Tensor lt(const Operand& a, const Operand& b);
Tensor le(const Operand& a, const Operand& b);
Tensor gt(const Operand& a, const Operand& b);
Tensor ge(const Operand& a, const Operand& b);
// Of truth values; numbers other than 0 are true, NaN included.
Tensor logical_and(const Operand& a, const Operand& b);
Tensor logical_or(const Operand& a, const Operand& b);
Tensor logical_xor(const Operand& a, const Operand& b);
Tensor logical_not(const Arg& x);
Tensor isnan(const Arg& x);
Tensor isinf(const Arg& x);
Tensor isfinite(const Arg& x);

}  // namespace xgrad
