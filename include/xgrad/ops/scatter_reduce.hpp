// Values gathered at listed places by a reduction.
#pragma once
#include <xgrad/tensor.hpp>

#include <cstdint>
#include <string_view>

namespace xgrad {

// A copy of x in which each place that the index names holds a reduction of the sources that go there: source[i, j] to
// y[index[i, j], j] for dim 0, as scatter. reduce is "sum", "prod", "mean", "amax" or "amin"; with include_self the
// element of x takes part. x and source of one dtype, floating or int64 ("mean" floating); index int64, with as many
// dimensions as both, nowhere larger than source and, but along dim, than x. Differentiable to any order; "prod" where
// factors are 0 too. Of equal largest (smallest) ones, x among them only where it takes part, all share the gradient
// evenly. NaN takes over. ShapeError, DtypeError; IndexError for an index out of range, ValueError for another reduce.
Tensor scatter_reduce(const Arg& x, std::int64_t dim, const Arg& index, const Arg& source, std::string_view reduce,
                      bool include_self = true);

}  // namespace xgrad
