// Elements by index along a dimension, and sums and copies into such places.
//
// Indices are int64 (DtypeError) and may be negative, counting from the end, but for embedding and one_hot. An index
// out of range is an IndexError that names it, the dimension and its size, before anything is done. Where several
// values meet in one place, sums add them in the order of the list for any number of threads, and of copies the last
// one stays and alone gets a gradient. Any dtype; sums not for the storage types. All results are copies.
#pragma once
#include <xgrad/tensor.hpp>

#include <cstdint>
#include <optional>

namespace xgrad {

// y[..., k, ...] = x[..., index[k], ...] along dim; index is [n] or 0-d (one element).
Tensor index_select(const Arg& x, std::int64_t dim, const Arg& index);
// A copy of x with y[..., index[k], ...] += alpha * source[..., k, ...]; source has the shape of x but n along dim.
Tensor index_add(const Arg& x, std::int64_t dim, const Arg& index, const Arg& source, Scalar alpha = 1);
// A copy of x with y[..., index[k], ...] = source[..., k, ...].
Tensor index_copy(const Arg& x, std::int64_t dim, const Arg& index, const Arg& source);
// A copy of x with y[..., index[k], ...] = value.
Tensor index_fill(const Arg& x, std::int64_t dim, const Arg& index, Scalar value);

// y[i, j] = x[index[i, j], j] for dim 0, x[i, index[i, j]] for dim 1, and so on. index has as many dimensions as x and
// is nowhere larger but along dim: ShapeError.
Tensor gather(const Arg& x, std::int64_t dim, const Arg& index);
// A copy of x with y[index[i, j], j] = source[i, j] for dim 0, and so on: gather's reverse. source, a number or a
// tensor that is nowhere smaller than index, is read where index has elements.
Tensor scatter(const Arg& x, std::int64_t dim, const Arg& index, const Operand& source);
// The same with += in place of =.
Tensor scatter_add(const Arg& x, std::int64_t dim, const Arg& index, const Arg& source);
// gather after broadcasting x and index to each other outside dim; without dim over the elements in row-major order.
Tensor take_along_dim(const Arg& x, const Arg& index, std::optional<std::int64_t> dim = {});
// Elements of x by their number in row-major order, in the shape of index.
Tensor take(const Arg& x, const Arg& index);

// Rows of a table: weight [rows, n], indices of any shape S to S + [n]. Row padding_idx gets no gradient;
// scale_grad_by_freq divides the gradient of a row by how often its index occurs. IndexError for a negative index or
// one beyond the rows.
Tensor embedding(const Arg& weight, const Arg& indices, std::optional<std::int64_t> padding_idx = {},
                 bool scale_grad_by_freq = false);
// int64 [..., num_classes] with 1 at the index and 0 elsewhere; num_classes is the largest index + 1 where left out.
// IndexError for an index outside 0..num_classes-1.
Tensor one_hot(const Arg& indices, std::int64_t num_classes = -1);
// How often 0, 1, 2, ... occur: int64 of the largest value + 1, at least minlength. x is int64, [n], not negative.
Tensor bincount(const Arg& x, std::int64_t minlength = 0);

}  // namespace xgrad
