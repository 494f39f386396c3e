// A tensor with elements added or taken away at the borders of its last dimensions.
#pragma once
#include <xgrad/tensor.hpp>

#include <string_view>

namespace xgrad {

// pad = {left, right, top, bottom, front, back, ...} counts elements before and after, the last dimension first: with
// n elements along a dimension, y[i] = x[i - before] for i - before in 0..n-1, and elsewhere by mode
//   "constant"   value
//   "reflect"    mirrored at the first and the last element, which are not repeated; fewer elements than n on each side
//   "replicate"  the first or last element
//   "circular"   from the other end of what is left; at most as many elements on each side
// Negative counts take elements away. Any dtype for "constant", floating ones for the others; the gradient sums over
// the copies. ShapeError: more pairs than dimensions, a result of negative size, too many elements for the mode.
// ValueError: an odd number of counts, an unknown mode, a value without "constant". DtypeError: a floating value into
// integers.
Tensor pad(const Arg& x, const Shape& pad, std::string_view mode = "constant", Scalar value = 0);

}  // namespace xgrad
