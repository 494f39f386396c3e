// Copies of a tensor with its elements elsewhere. Any dtype; linear, each gradient is another of them or a sum.
//
// Errors: IndexError for a dimension out of range, ShapeError for lists of the wrong length, ValueError for negative
// counts. Dimensions may be negative.
#pragma once
#include <xgrad/tensor.hpp>

#include <cstdint>
#include <optional>

namespace xgrad {

// The order along the given dimensions reversed. (slice with step -1 is the view.)
Tensor flip(const Arg& x, const Dims& dims);
// flip of dimension 1, of at least two; of dimension 0.
Tensor fliplr(const Arg& x);
Tensor flipud(const Arg& x);
// A quarter turn in the plane of two dimensions, k times, from the first towards the second: for k = 1 and {0, 1},
// y[i, j] = x[j, m - 1 - i] of [n, m]. A negative k turns back. ShapeError unless dims are two, ValueError where they
// are the same.
Tensor rot90(const Arg& x, std::int64_t k = 1, const Dims& dims = {0, 1});
// Elements moved by `shifts` along `dims`, those beyond the end coming in at the begin: y[i] = x[(i - shift) mod n].
// Without dims, over all elements in row-major order.
Tensor roll(const Arg& x, const Dims& shifts, const Dims& dims = {});
// The tensor repeats[d] times along dimension d; more repeats than dimensions put new ones in front.
// [n, m] repeated {2, 3} is [2 n, 3 m]. The gradient sums over the copies.
Tensor repeat(const Arg& x, const Shape& repeats);
// repeat, with fewer entries than dimensions meaning the last dimensions.
Tensor tile(const Arg& x, const Shape& repeats);
// Each element along dim as often as `repeats` says, one after the other: {1, 2} repeated 2 times is {1, 1, 2, 2}.
// Without dim over all elements in row-major order. repeats is one number, or int64 [n] with one for each of the n
// elements ([1] or 0-d: for all of them). The gradient sums over the copies.
Tensor repeat_interleave(const Arg& x, std::int64_t repeats, std::optional<std::int64_t> dim = {});
Tensor repeat_interleave(const Arg& x, const Tensor& repeats, std::optional<std::int64_t> dim = {});
// Zero above the given diagonal of the last two dimensions: y[i, j] = x[i, j] where j - i <= diagonal.
Tensor tril(const Arg& x, std::int64_t diagonal = 0);
// Zero below it: y[i, j] = x[i, j] where j - i >= diagonal.
Tensor triu(const Arg& x, std::int64_t diagonal = 0);

}  // namespace xgrad
