// Elements chosen by a mask: bool (or uint8, not 0 meaning true); DtypeError for any other. Mask and tensor broadcast
// to each other (ShapeError). Any dtype.
#pragma once
#include <xgrad/tensor.hpp>

namespace xgrad {

// A copy of x that holds `value` where the mask is true; no gradient there. DtypeError for a floating value into an
// integer or bool tensor.
Tensor masked_fill(const Arg& x, const Arg& mask, Scalar value);
// The same with a 0-d tensor of the dtype of x, which gets the sum of the gradient there. ShapeError, DtypeError.
Tensor masked_fill(const Arg& x, const Arg& mask, const Tensor& value);
// The elements where the mask is true, in row-major order: [count].
Tensor masked_select(const Arg& x, const Arg& mask);
// A copy of x whose elements where the mask is true are the first ones of source, in row-major order. ShapeError when
// source has fewer; DtypeError unless of the same dtype.
Tensor masked_scatter(const Arg& x, const Arg& mask, const Arg& source);
// The coordinates of all elements that are not 0, in row-major order: int64 [count, dim].
Tensor nonzero(const Arg& x);

}  // namespace xgrad
