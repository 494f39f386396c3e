// Indexing as in x[...]: integers, slices, ellipsis, newaxis, index tensors and masks.
//
// An index is a list of positions, for the dimensions from the left:
//   an integer          element i along the dimension, which disappears (a 0-d int64 tensor counts as one)
//   slice(b, e, step)   a range of it, as in Python; negative steps too
//   ellipsis            as many full slices as are missing (once)
//   newaxis             a new dimension of size 1
//   an int64 tensor     elements i[...] along the dimension; several broadcast together to one shape B
//   a bool or uint8     the elements where it is true; stands for as many dimensions as it has and gives one (it acts
//   as mask                its nonzero() coordinates, index tensors of shape [count])
// Without tensors the result is a view. With tensors it is a copy, in which B stands where the indexed dimensions were
// if they are neighbours after integers were taken out, else in front. Negative indices count from the end.
//
// Errors: IndexError for an index out of range (names the index, the dimension and its size), too many positions, a
// mask whose shape is not that of its dimensions; ShapeError where index tensors do not broadcast; DtypeError for
// tensors of any other dtype. Nothing is changed by a call that throws.
#pragma once
#include <xgrad/ops/gather.hpp>
#include <xgrad/ops/masked.hpp>
#include <xgrad/tensor.hpp>

#include <vector>

namespace xgrad {

// The elements at `indices`; any dtype. The gradient is added at its places; places met several times gather all.
Tensor index(const Arg& x, const std::vector<TensorIndex>& indices);
// A copy of x that holds `value` (which broadcasts) at `indices`, or, with accumulate, in which value is added there as
// often as a place occurs. Without accumulate, of several values for one place the last one stays, and only that one
// gets a gradient. DtypeError unless value has the dtype of x (a number takes it).
Tensor index_put(const Arg& x, const std::vector<TensorIndex>& indices, const Operand& value, bool accumulate = false);

}  // namespace xgrad
