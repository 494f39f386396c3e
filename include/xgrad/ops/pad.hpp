// Borders around a tensor.
#pragma once
#include <xgrad/tensor.hpp>

#include <string>

namespace xgrad {

// x with more elements before and after those of its last dimensions: pad is {before, after} of the last dimension,
// then of the one before it, and so on; a negative count cuts elements off. With n the size of a dimension and p what
// comes before it, y[i] is
//   "constant"   x[i - p], and `value` where there is none
//   "reflect"    x[|i - p|], mirrored likewise at the last element; both counts below n
//   "replicate"  x of the nearest place
//   "circular"   x[(i - p) mod n]; both counts at most n, which is what is left where one is negative
// "constant" takes any number of dimensions. The others take one to three, where x has one or two dimensions more (the
// channels, and the batch, if any), and no value. Any dtype. The gradient is cut back likewise, and what comes from one
// element adds up. ShapeError: a list of odd length or too long, counts beyond those above, a size below 0 (below 1 for
// the modes that are not constant); ValueError: another mode, or a value that is not used; DtypeError: a floating value
// for integers.
Tensor pad(const Arg& x, const Shape& pad, const std::string& mode = "constant", Scalar value = 0);

}  // namespace xgrad
