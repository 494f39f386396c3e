// Copies of a tensor with its elements elsewhere. Any dtype; linear, each gradient is another of them or a sum.
//
// Errors: IndexError for a dimension out of range, ShapeError for lists of the wrong length, ValueError for negative
// counts. Dimensions may be negative.
#pragma once
#include <xgrad/tensor.hpp>

#include <cstdint>

namespace xgrad {

// The order along the given dimensions reversed. (slice with step -1 is the view.)
Tensor flip(const Arg& x, const Dims& dims);
// Elements moved by `shifts` along `dims`, those beyond the end coming in at the begin: y[i] = x[(i - shift) mod n].
// Without dims, over all elements in row-major order.
Tensor roll(const Arg& x, const Dims& shifts, const Dims& dims = {});
// The tensor repeats[d] times along dimension d; more repeats than dimensions put new ones in front.
// [n, m] repeated {2, 3} is [2 n, 3 m]. The gradient sums over the copies.
Tensor repeat(const Arg& x, const Shape& repeats);
// repeat, with fewer entries than dimensions meaning the last dimensions.
Tensor tile(const Arg& x, const Shape& repeats);
// Zero above the given diagonal of the last two dimensions: y[i, j] = x[i, j] where j - i <= diagonal.
Tensor tril(const Arg& x, std::int64_t diagonal = 0);
// Zero below it: y[i, j] = x[i, j] where j - i >= diagonal.
Tensor triu(const Arg& x, std::int64_t diagonal = 0);

}  // namespace xgrad
