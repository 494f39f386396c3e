// Views that other rooms and the tape build on. A region is a set of places inside a row-major tensor; reading one and
// writing into one are each other's adjoint, so that they differentiate to any order.
#pragma once
#include <xgrad/tensor.hpp>

#include <utility>

#include "tape/node.hpp"

namespace xgrad::detail {

// Shape, strides and the first element's place of something inside a row of memory, in elements.
struct Geometry {
  Shape shape, strides;
  std::int64_t offset = 0;
};
// Where a tensor lies in its storage.
Geometry geometry(const Tensor& tensor);
// Where the elements of a contiguous tensor of this shape lie, counted from its first.
Geometry row_major(const Shape& shape);
// False only when no two elements of the geometry share a place.
bool may_overlap(const Geometry& geometry);
// The lowest and the highest place of a geometry that is not empty.
std::pair<std::int64_t, std::int64_t> extent(const Geometry& geometry);
// The geometry, counted from the tensor's first element, as a tensor over the same memory, without history.
Tensor part_of(const Tensor& tensor, const Geometry& region);

// A fresh contiguous tensor of zeros.
Tensor make_zeros(const Shape& shape, Dtype dtype);

// A view of the base's storage, recorded. `offset` counts elements from the storage's begin. The gradient reaches those
// elements of the base that the view shows.
Tensor as_strided(const Tensor& base, const Shape& shape, const Shape& strides, std::int64_t offset, Here here);
// A copy of the base in which that part holds src, recorded. Gradients: the base's with the part zeroed, src's the
// part.
Tensor as_strided_scatter(const Tensor& base, const Tensor& src, const Shape& shape, const Shape& strides,
                          std::int64_t offset, Here here);

// Zeros of `shape` with `values` added at a region of it; recorded.
Tensor region_scatter(const Tensor& values, const Shape& shape, const Geometry& region, Here here);
// The elements of x at a region of its row-major order: a view where x is contiguous; recorded.
Tensor region_gather(const Tensor& x, const Geometry& region, Here here);
// A copy of x that holds `values` at the region; recorded. `values` has the region's shape; no place occurs twice.
Tensor region_put(const Tensor& x, const Tensor& values, const Geometry& region, Here here);

// Gives the gradient of an input of which the operation showed a region; grows what is there already where it may.
void give_region(Backward& bw, const Geometry& region);
// The same for a first-order gradient in any strides, where `region` is the one in `sum`: what pending() gave or, where
// that is fresh, a tensor still to be set to zeros and given.
void grow_region(Backward& bw, const Tensor& sum, bool fresh, const Geometry& region);
// Where a gradient is gathered that lies in memory in the order of its tensor, and whether it is new.
std::pair<Tensor, bool> gathered_in_order(Backward& bw, const Shape& strides);

// The view that `transform` makes of a geometry, recorded: transform(geometry of x) says where the view lies, and
// transform(geometry of the gradient) which region of that it is. The first-order gradient keeps the order in which x's
// dimensions lie in memory, so that what was permuted before it was cut is put together without a copy.
template <class Transform>
Tensor view_region(const char* name, const Tensor& x, Here here, Transform transform) {
  Geometry view = transform(geometry(x));
  return record(name, here, make_view(x, std::move(view.shape), std::move(view.strides), view.offset), {&x}, [&] {
    return [transform = std::move(transform), strides = impl(x).contiguous ? Shape() : impl(x).strides](Backward& bw) {
      const Shape& shape = bw.input_shape(0);
      if (strides.empty() || bw.create_graph()) return give_region(bw, transform(row_major(shape)));
      const auto [sum, fresh] = gathered_in_order(bw, strides);
      grow_region(bw, sum, fresh, transform({shape, impl(sum).strides, 0}));
    };
  });
}

// Geometry of x.slice(dim, ...) and x.select(dim, index): arguments checked and normalised.
struct Range {
  std::int64_t start, length, step;
};
Range slice_range(const char* op, const Slice& slice, std::int64_t size, Here here);
Geometry sliced(Geometry geometry, std::size_t dim, const Range& range);
// A dimension of x; IndexError where there is none, as in a 0-d tensor.
std::size_t existing_dim(const char* op, const Arg& x, std::int64_t dim);
// An index from -size..size-1 to 0..size-1; IndexError otherwise.
std::int64_t wrap_index(const char* op, std::int64_t index, std::int64_t dim, std::int64_t size, Here here);
Geometry selected(Geometry geometry, std::size_t dim, std::int64_t index);

}  // namespace xgrad::detail
