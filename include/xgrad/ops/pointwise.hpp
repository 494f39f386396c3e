// Functions of one tensor, element by element, and where and clamp.
//
// Results have the argument's shape. Floating dtypes stay. The functions marked "integers stay" give int64 for int64
// and a DtypeError for bool; all others take integers and bools as the default dtype. DtypeError for int32 and uint8.
// NaN gives NaN. Where a slope is not finite (log and sqrt at 0, exp where it overflows) the gradient is 0 if the
// incoming one is, so that `where` can leave such places out; otherwise it is not finite either. Methods of Tensor have
// the same names, and those ending in _ work in place.
#pragma once
#include <xgrad/tensor.hpp>

namespace xgrad {

// -x. Integers stay.
Tensor neg(const Arg& x);
// |x|. Gradient 0 at 0. Integers stay.
Tensor abs(const Arg& x);
// -1, 0 or 1; 0 for NaN. Gradient 0. Integers stay, also bools.
Tensor sign(const Arg& x);
// The nearest integer below, above; the integer part. Gradient 0. Integers stay.
Tensor floor(const Arg& x);
Tensor ceil(const Arg& x);
Tensor trunc(const Arg& x);
// The nearest multiple of 10^-decimals, halves to the even neighbour. Gradient 0. Integers stay; DtypeError for them
// with other decimals than 0.
Tensor round(const Arg& x);
Tensor round(const Arg& x, std::int64_t decimals);
// x^2. Integers stay.
Tensor square(const Arg& x);
// Gradient 1 / (2 sqrt x).
Tensor sqrt(const Arg& x);
// 1 / sqrt(x).
Tensor rsqrt(const Arg& x);
// 1 / x.
Tensor reciprocal(const Arg& x);
Tensor exp(const Arg& x);
// 2^x.
Tensor exp2(const Arg& x);
// e^x - 1, exact near 0.
Tensor expm1(const Arg& x);
Tensor log(const Arg& x);
Tensor log2(const Arg& x);
Tensor log10(const Arg& x);
// log(1 + x), exact near 0.
Tensor log1p(const Arg& x);
Tensor sin(const Arg& x);
Tensor cos(const Arg& x);
Tensor tan(const Arg& x);
Tensor asin(const Arg& x);
Tensor acos(const Arg& x);
Tensor atan(const Arg& x);
Tensor sinh(const Arg& x);
Tensor cosh(const Arg& x);
Tensor tanh(const Arg& x);
Tensor asinh(const Arg& x);
Tensor acosh(const Arg& x);
Tensor atanh(const Arg& x);
// The error function and 1 - erf(x), exact in the tail.
Tensor erf(const Arg& x);
Tensor erfc(const Arg& x);
// log |gamma(x)|; its derivative; the n-th derivative of that, n >= 0. ValueError for a negative n.
Tensor lgamma(const Arg& x);
Tensor digamma(const Arg& x);
Tensor polygamma(std::int64_t n, const Arg& x);
// 1 / (1 + e^-x).
Tensor sigmoid(const Arg& x);
// max(x, 0). Gradient 0 at 0. Integers stay.
Tensor relu(const Arg& x);

// x with NaN, +infinity and -infinity replaced, infinities by the dtype's largest and lowest number where nothing is
// given. Gradient 0 there. Integers stay.
Tensor nan_to_num(const Arg& x, double nan = 0, std::optional<double> posinf = {}, std::optional<double> neginf = {});

// min(max(x, min), max); a bound left out does not bind. The gradient passes at the bounds. Integers stay with integer
// bounds. ValueError where both are left out.
Tensor clamp(const Arg& x, std::optional<Scalar> min, std::optional<Scalar> max = {});
// The same with bounds for each element, which broadcast; an undefined one does not bind. Where min > max, the result
// is max. A bound gets the gradient where the result is it and x is not. NaN of any of the three gives NaN.
Tensor clamp(const Arg& x, const Tensor& min, const Tensor& max = {});

// a where the condition holds, b elsewhere; all three broadcast, a and b meet in one dtype. DtypeError unless the
// condition is bool.
Tensor where(const Arg& condition, const Operand& a, const Operand& b);

}  // namespace xgrad
