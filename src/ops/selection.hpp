// Recorded reading and writing of listed places. The family is closed: the gradient of each is written with the others.
#pragma once
#include <xgrad/tensor.hpp>

#include <utility>
#include <vector>

#include "kernels/selection.hpp"
#include "ops/shape.hpp"

namespace xgrad::detail {

// y = x[selection]. build(geometry) makes the selection for a layout of x, counted from its first element.
Tensor read_recorded(const char* name, const Tensor& x, const Selection& strided, const Selection& row_major,
                     Here here);
// The same for rows of a table by number (a negative one trains nothing), whose gradient is given by rows.
Tensor read_rows(const char* name, const Tensor& table, const Selection& strided, const Tensor& index,
                 const Selection& row_major, Here here);
template <class Build>
Tensor read_selection(const char* name, const Tensor& x, Here here, Build&& build) {
  Geometry layout = geometry(x);
  layout.offset = 0;
  const Selection strided = build(std::move(layout));
  if (impl(x).contiguous || !records({&x})) return read_recorded(name, x, strided, strided, here);
  return read_recorded(name, x, strided, build(row_major(impl(x).shape)), here);
}

// The following take selections from row-major tensors.

// y = 0 but y[selection] += values.
Tensor scatter_selection(const char* name, const Tensor& values, const Shape& shape, const Selection& selection,
                         Here here);
// y = x but y[selection] = values, which broadcast to selection.shape; of several for one place the last one stays.
Tensor put_selection(const char* name, const Tensor& x, const Tensor& values, const Selection& selection, Here here);
// y = x but y[selection] += values.
Tensor add_selection(const char* name, const Tensor& x, const Tensor& values, const Selection& selection, Here here);

// All elements at the positions of one dimension that are listed (0..size-1).
Selection select_along(const Geometry& layout, std::size_t dim, const Tensor& index);

// The gradient of values that were put or added at a selection: those at their places.
Tensor read_dense(const Tensor& x, const Selection& selection, Here here);

// Where gather reads and scatter writes along a dimension of x, in its row-major order: a place for every element of an
// index. Checks their shapes and the index.
Selection element_places(const char* op, const Arg& x, std::int64_t dim, const Arg& index);
// The part of a source that an index reaches. DtypeError, ShapeError.
Tensor source_part(const char* op, const Arg& x, const Arg& index, const Arg& source);
// DtypeError for storage types.
void check_sums(const char* op, const Arg& x);

// Row-major values of a dtype, broadcast to a shape; unrecorded.
Tensor broadcast_values(const Tensor& values, const Shape& shape, Dtype dtype);

// An int64 index tensor's values as a fresh contiguous tensor of its shape, negative ones counted from the end.
// DtypeError, and IndexError for those outside a dimension of this size.
Tensor wrapped_indices(const char* op, const Tensor& index, std::int64_t dim, std::int64_t size, Here here);
// places[k] = index[k] * stride, as a fresh list; `base` receives what must be added (negative strides count from the
// other end, as places may not be negative).
Tensor scaled_places(const Tensor& index, std::int64_t size, std::int64_t stride, std::int64_t& base);

// 1 / (how often it occurs in the list) for each index below `rows`: float64, in the list's shape.
Tensor shares_by_frequency(const Tensor& index, std::int64_t rows);

// DtypeError unless bool or uint8.
void check_mask(const char* op, const Tensor& mask, Here here);
// The coordinates of the elements of a tensor that are not zero: one int64 list for each dimension (one for 0-d).
std::vector<Tensor> nonzero_lists(const Tensor& x);

}  // namespace xgrad::detail
