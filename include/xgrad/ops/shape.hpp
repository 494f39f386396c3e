// Other shapes of the same elements. All results are views (no element is copied; changes in place show in both), but
// for reshape and flatten of a tensor whose strides do not allow it. Any dtype; gradients flow back unchanged.
//
// Errors: ShapeError where the sizes do not fit, IndexError for a dimension out of range. Dimensions may be negative.
#pragma once
#include <xgrad/ops/join.hpp>
#include <xgrad/ops/rearrange.hpp>
#include <xgrad/ops/slice.hpp>
#include <xgrad/tensor.hpp>

namespace xgrad {

// The elements in row-major order under another shape; one size may be -1 and is found from the others. A view where
// the strides allow it, else a copy. ShapeError unless the numbers of elements agree.
Tensor reshape(const Arg& x, const Shape& shape);
// The same, always a view. ShapeError where only a copy could do it.
Tensor view(const Arg& x, const Shape& shape);
// Dimensions start_dim..end_dim (inclusive) as one. A 0-d tensor becomes [1].
Tensor flatten(const Arg& x, std::int64_t start_dim = 0, std::int64_t end_dim = -1);
// One dimension divided into several: [..., n, ...] to [..., sizes..., ...]; one size may be -1.
Tensor unflatten(const Arg& x, std::int64_t dim, const Shape& sizes);
// Without the dimensions of size 1.
Tensor squeeze(const Arg& x);
// Without dimension dim if its size is 1, else unchanged.
Tensor squeeze(const Arg& x, std::int64_t dim);
// With a new dimension of size 1 before dimension dim; -1 appends one.
Tensor unsqueeze(const Arg& x, std::int64_t dim);

// Two dimensions exchanged, under three names.
Tensor transpose(const Arg& x, std::int64_t dim0, std::int64_t dim1);
Tensor swapaxes(const Arg& x, std::int64_t axis0, std::int64_t axis1);
Tensor swapdims(const Arg& x, std::int64_t dim0, std::int64_t dim1);
// A matrix transposed; a tensor of fewer dimensions as it is. ShapeError for more than two dimensions.
Tensor t(const Arg& x);
// Dimension k of the result is dimension dims[k] of x. dims names every dimension once: ShapeError, ValueError.
Tensor permute(const Arg& x, const Shape& dims);
// One dimension moved to another position, the others in their order.
Tensor movedim(const Arg& x, std::int64_t source, std::int64_t destination);

// Dimensions of size 1 repeated, and new ones put in front, without a copy: y[i, j] = x[0, j]. -1 keeps a size. The
// gradient is summed over what was repeated. An expanded view cannot be changed in place.
Tensor expand(const Arg& x, const Shape& shape);
// expand to the shape of another tensor.
Tensor expand_as(const Arg& x, const Arg& other);
// The same as expand.
Tensor broadcast_to(const Arg& x, const Shape& shape);
// All expanded to the shape that they broadcast to together. ShapeError where they do not.
TensorList broadcast_tensors(const TensorList& tensors, Here here = {});

// At least one, two, three dimensions: [] to [1]; [n] to [1, n]; [n] to [1, n, 1], [n, m] to [n, m, 1]. A tensor that
// has enough is returned itself.
Tensor atleast_1d(const Arg& x);
Tensor atleast_2d(const Arg& x);
Tensor atleast_3d(const Arg& x);

}  // namespace xgrad
