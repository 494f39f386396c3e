#include <xgrad/ops/slice.hpp>

#include <algorithm>
#include <limits>
#include <utility>

#include "core/check.hpp"
#include "ops/shape.hpp"

namespace xgrad {
namespace detail {

Range slice_range(const char* op, const Slice& slice, std::int64_t size, Here here) {
  check<ValueError>(slice.step != 0, here, "{}: the step of a slice must not be 0", op);
  const bool forward = slice.step > 0;
  // Where going backward starts at the earliest and ends at the latest, before the first element, is -1.
  const std::int64_t lowest = forward ? 0 : -1, highest = forward ? size : size - 1;
  const auto border = [&](std::optional<std::int64_t> given, std::int64_t otherwise) {
    if (!given) return otherwise;
    return std::clamp(*given < 0 ? *given + size : *given, lowest, highest);
  };
  const std::int64_t begin = border(slice.begin, forward ? 0 : size - 1), end = border(slice.end, forward ? size : -1);
  const std::int64_t way = forward ? end - begin : begin - end;
  if (way <= 0) return {0, 0, 1};
  const std::int64_t step = std::max(slice.step, -std::numeric_limits<std::int64_t>::max());
  const std::int64_t length = (way - 1) / std::abs(step) + 1;
  return {begin, length, length > 1 ? step : 1};
}

Geometry sliced(Geometry geometry, std::size_t dim, const Range& range) {
  geometry.offset += range.start * geometry.strides[dim];
  geometry.shape[dim] = range.length;
  geometry.strides[dim] *= range.step;
  return geometry;
}

std::int64_t wrap_index(const char* op, std::int64_t index, std::int64_t dim, std::int64_t size, Here here) {
  check<IndexError>(index >= -size && index < size, here, "{}: index {} is out of range for dimension {} of size {}",
                    op, index, dim, size);
  return index < 0 ? index + size : index;
}

std::size_t existing_dim(const char* op, const Arg& x, std::int64_t dim) {
  check<IndexError>(x->dim() > 0, x.here(), "{}: a 0-d tensor has no dimension {}", op, dim);
  return static_cast<std::size_t>(wrap_dim(op, dim, x->dim(), x.here()));
}

Geometry selected(Geometry geometry, std::size_t dim, std::int64_t index) {
  geometry.offset += index * geometry.strides[dim];
  geometry.shape.erase(dim);
  geometry.strides.erase(dim);
  return geometry;
}

}  // namespace detail

namespace {

using namespace detail;

// y[..., k, ...] = x[..., start + k step, ...]
Tensor ranged(const char* op, const Arg& x, std::size_t dim, const Range& range) {
  return view_region(op, x.tensor(), x.here(),
                     [dim, range](Geometry whole) { return sliced(std::move(whole), dim, range); });
}

}  // namespace

Tensor narrow(const Arg& x, std::int64_t dim, std::int64_t start, std::int64_t length) {
  const std::size_t at = existing_dim("narrow", x, dim);
  const std::int64_t size = x->sizes()[at];
  check<IndexError>(start >= -size && start <= size, x.here(),
                    "narrow: start {} is out of range for dimension {} of size {}", start, at, size);
  const std::int64_t first = start < 0 ? start + size : start;
  check<IndexError>(length >= 0 && length <= size - first, x.here(),
                    "narrow: start {} and length {} leave dimension {} of size {}", start, length, at, size);
  return ranged("narrow", x, at, {length > 0 ? first : 0, length, 1});
}
Tensor Tensor::narrow(std::int64_t dim, std::int64_t start, std::int64_t length, Here here) const {
  return xgrad::narrow({*this, here}, dim, start, length);
}

Tensor slice(const Arg& x, std::int64_t dim, std::optional<std::int64_t> start, std::optional<std::int64_t> end,
             std::int64_t step) {
  const std::size_t at = existing_dim("slice", x, dim);
  return ranged("slice", x, at, slice_range("slice", {start, end, step}, x->sizes()[at], x.here()));
}
Tensor Tensor::slice(std::int64_t dim, std::optional<std::int64_t> start, std::optional<std::int64_t> end,
                     std::int64_t step, Here here) const {
  return xgrad::slice({*this, here}, dim, start, end, step);
}

// y[...] = x[..., index, ...]
Tensor select(const Arg& x, std::int64_t dim, std::int64_t index) {
  const std::size_t at = existing_dim("select", x, dim);
  const std::int64_t place = wrap_index("select", index, static_cast<std::int64_t>(at), x->sizes()[at], x.here());
  return view_region("select", x.tensor(), x.here(),
                     [at, place](Geometry whole) { return selected(std::move(whole), at, place); });
}
Tensor Tensor::select(std::int64_t dim, std::int64_t index, Here here) const {
  return xgrad::select({*this, here}, dim, index);
}

// y[..., k] = x[..., k, ..., k + offset, ...]
Tensor diagonal(const Arg& x, std::int64_t offset, std::int64_t dim1, std::int64_t dim2) {
  const std::size_t rows = existing_dim("diagonal", x, dim1), columns = existing_dim("diagonal", x, dim2);
  check<ValueError>(rows != columns, x.here(), "diagonal: dim1 and dim2 are the same dimension, {}", rows);
  const std::int64_t n = x->sizes()[rows], m = x->sizes()[columns];
  const bool outside = offset >= m || offset <= -n;
  const std::int64_t row = outside || offset >= 0 ? 0 : -offset, column = outside || offset < 0 ? 0 : offset;
  const std::int64_t length = outside ? 0 : std::min(n - row, m - column);
  return view_region("diagonal", x.tensor(), x.here(), [=](Geometry whole) {
    const std::int64_t stride = whole.strides[rows] + whole.strides[columns];
    whole.offset += row * whole.strides[rows] + column * whole.strides[columns];
    for (const std::size_t dim : {std::max(rows, columns), std::min(rows, columns)}) {
      whole.shape.erase(dim);
      whole.strides.erase(dim);
    }
    whole.shape.push_back(length);
    whole.strides.push_back(stride);
    return whole;
  });
}
Tensor Tensor::diagonal(std::int64_t offset, std::int64_t dim1, std::int64_t dim2, Here here) const {
  return xgrad::diagonal({*this, here}, offset, dim1, dim2);
}

// y[..., k, ..., i] = x[..., k * step + i, ...]; the gradient sums where windows overlap.
Tensor Tensor::unfold(std::int64_t dimension, std::int64_t size, std::int64_t step, Here here) const {
  const auto at = static_cast<std::size_t>(wrap_dim("unfold", dimension, dim(), here));
  const std::int64_t total = dim() == 0 ? 1 : sizes()[at];
  check<ShapeError>(size >= 0 && size <= total, here,
                    "unfold: expected a size from 0 to the {} elements of dimension {}, got {}", total, at, size);
  check<ValueError>(step > 0, here, "unfold: expected a positive step, got {}", step);
  return view_region("unfold", *this, here, [=](Geometry whole) {
    if (whole.shape.empty()) return Geometry{{size}, {1}, whole.offset};
    whole.shape[at] = (total - size) / step + 1;
    whole.shape.push_back(size);
    whole.strides.push_back(whole.strides[at]);
    // A window that never moves may have any step.
    if (whole.shape[at] > 1) whole.strides[at] *= step;
    return whole;
  });
}

}  // namespace xgrad
