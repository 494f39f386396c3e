// Parts of a tensor as views: no element is copied, changes in place show in both. Any dtype. The gradient of the part
// arrives at its place in the gradient of the whole, which is zero elsewhere.
//
// Errors: IndexError for a dimension or an index out of range. Dimensions and indices may be negative.
#pragma once
#include <xgrad/tensor.hpp>

#include <cstdint>
#include <optional>

namespace xgrad {

// length elements of dimension dim from start on. IndexError unless all of them exist.
Tensor narrow(const Arg& x, std::int64_t dim, std::int64_t start, std::int64_t length);
// Elements start, start + step, ... before end along dimension dim, as in Python: ends left out reach to the border,
// ends beyond it are cut, a negative step goes backward from start (default: the last) down to end (not included).
// ValueError for step 0.
Tensor slice(const Arg& x, std::int64_t dim = 0, std::optional<std::int64_t> start = {},
             std::optional<std::int64_t> end = {}, std::int64_t step = 1);
// Element `index` along dimension dim, which disappears.
Tensor select(const Arg& x, std::int64_t dim, std::int64_t index);
// Elements [i, i + offset] of dimensions dim1 and dim2, which disappear; the diagonal is the last dimension of the
// result: [n, m] to [min(n, m)] for offset 0. Beyond the corners it is empty.
Tensor diagonal(const Arg& x, std::int64_t offset = 0, std::int64_t dim1 = 0, std::int64_t dim2 = 1);

// Any geometry over the storage of x: element [i, j, ...] lies at storage_offset + i stride[0] + j stride[1] + ...
// storage_offset is that of x where left out. Places may coincide; the gradient of x sums over them. IndexError when
// the storage does not reach as far, ShapeError unless size and stride have as many entries.
Tensor as_strided(const Arg& x, const Shape& size, const Shape& stride,
                  std::optional<std::int64_t> storage_offset = {});

}  // namespace xgrad
