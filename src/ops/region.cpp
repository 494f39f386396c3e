// Reading and writing a region of a row-major tensor, and views of any geometry built on them.
#include <xgrad/ops/slice.hpp>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <vector>

#include "core/dispatch.hpp"
#include "kernels/accumulate.hpp"
#include "kernels/copy.hpp"
#include "ops/shape.hpp"

namespace xgrad::detail {

Geometry geometry(const Tensor& tensor) {
  const TensorImpl& t = impl(tensor);
  return {t.shape, t.strides, t.offset};
}

Geometry row_major(const Shape& shape) { return {shape, contiguous_strides(shape), 0}; }

bool may_overlap(const Geometry& geometry) {
  if (numel(geometry.shape) <= 1) return false;
  std::vector<std::pair<std::int64_t, std::int64_t>> dims;  // stride, size
  for (std::size_t d = 0; d < geometry.shape.size(); ++d)
    if (geometry.shape[d] > 1) dims.emplace_back(std::abs(geometry.strides[d]), geometry.shape[d]);
  std::sort(dims.begin(), dims.end());
  std::int64_t reach = 0;
  for (const auto& [stride, size] : dims) {
    if (stride <= reach) return true;
    reach += stride * (size - 1);
  }
  return false;
}

std::pair<std::int64_t, std::int64_t> extent(const Geometry& geometry) {
  std::int64_t low = geometry.offset, high = geometry.offset;
  for (std::size_t d = 0; d < geometry.shape.size(); ++d) {
    const std::int64_t reach = (geometry.shape[d] - 1) * geometry.strides[d];
    (reach < 0 ? low : high) += reach;
  }
  return {low, high};
}

Tensor part_of(const Tensor& tensor, const Geometry& region) {
  return make_view(tensor, region.shape, region.strides, impl(tensor).offset + region.offset);
}

Tensor make_zeros(const Shape& shape, Dtype dtype) {
  Tensor zeros = make_tensor(shape, dtype);
  fill_elements(zeros, 0);
  return zeros;
}

// y = 0 but y[region] += v; the gradient of v is that of y, read at the region.
Tensor region_scatter(const Tensor& values, const Shape& shape, const Geometry& region, Here here) {
  Tensor result = make_zeros(shape, impl(values).dtype);
  if (may_overlap(region))
    add_elements(part_of(result, region), values, true);
  else
    copy_elements(part_of(result, region), values);
  return record("region_scatter", here, result, {&values},
                [&] { return [region](Backward& bw) { bw.give(0, region_gather(bw.grad(), region, bw.here())); }; });
}

// y = x[region]; the gradient of x is that of y, scattered.
Tensor region_gather(const Tensor& x, const Geometry& region, Here here) {
  const Tensor from = x.contiguous(here);
  return record("region_gather", here, part_of(from, region), {&from},
                [&] { return [region](Backward& bw) { give_region(bw, region); }; });
}

// y = x but y[region] = v; the gradient of x is that of y with the region zeroed, that of v the region.
Tensor region_put(const Tensor& x, const Tensor& values, const Geometry& region, Here here) {
  Tensor result = make_tensor(impl(x).shape, impl(x).dtype);
  copy_elements(result, x);
  copy_elements(part_of(result, region), values);
  return record("region_put", here, result, {&x, &values}, [&] {
    return [region](Backward& bw) {
      if (bw.needs(1)) bw.give(1, region_gather(bw.grad(), region, bw.here()));
      if (bw.needs(0))
        bw.give(0, region_put(bw.grad(), make_zeros(region.shape, impl(bw.grad()).dtype), region, bw.here()));
    };
  });
}

void give_region(Backward& bw, const Geometry& region) {
  if (const Tensor gathered = bw.pending(0); gathered.defined())
    add_elements(part_of(gathered, region), bw.grad(), may_overlap(region));
  else
    bw.give(0, region_scatter(bw.grad(), bw.input_shape(0), region, bw.here()));
}

std::pair<Tensor, bool> gathered_in_order(Backward& bw, const Shape& strides) {
  if (Tensor gathered = bw.pending(0, true); gathered.defined() && !may_overlap(geometry(gathered)))
    return {std::move(gathered), false};
  const Shape& shape = bw.input_shape(0);
  return {make_tensor(shape, impl(bw.grad()).dtype, strides_in_order_of(shape, strides)), true};
}

void grow_region(Backward& bw, const Tensor& sum, bool fresh, const Geometry& region) {
  if (fresh) fill_elements(sum, 0);
  const Tensor part = part_of(sum, region);
  if (fresh && !may_overlap(region))
    copy_elements(part, bw.grad());
  else
    add_elements(part, bw.grad(), may_overlap(region));
  if (fresh) bw.give(0, sum);
}

namespace {

// A row of memory long enough for two geometries, and where they lie in it.
struct Frame {
  Shape shape;
  Geometry base, part;
};

Frame frame_of(Geometry base, Geometry part) {
  std::int64_t low = 0, high = -1;
  for (const Geometry* geometry : {&base, &part}) {
    if (numel(geometry->shape) == 0) continue;
    const auto [first, last] = extent(*geometry);
    low = high < low ? first : std::min(low, first);
    high = std::max(high, last);
  }
  base.offset = numel(base.shape) == 0 ? 0 : base.offset - low;
  part.offset = numel(part.shape) == 0 ? 0 : part.offset - low;
  return {{high - low + 1}, std::move(base), std::move(part)};
}

// Elements of the base that share a place share what arrives there.
Tensor shared_out(const Tensor& frame, const Frame& layout, Here here) {
  if (!may_overlap(layout.base)) return frame;
  Tensor ones = make_tensor(layout.base.shape, impl(frame).dtype);
  fill_elements(ones, 1);
  const Tensor counts = region_scatter(ones, layout.shape, layout.base, here);
  dispatch_floating(impl(counts).dtype, [&]<class T>() {
    for (T *count = data<T>(counts), *end = count + impl(counts).numel; count != end; ++count)
      *count = std::max(*count, T(1));
  });
  return frame.div({counts, here});
}

// Where a geometry over the storage lies in a contiguous base; nothing when it reaches outside.
std::optional<Geometry> inside(const Tensor& base, const Geometry& part) {
  const TensorImpl& b = impl(base);
  if (!b.contiguous) return std::nullopt;
  Geometry region = part;
  region.offset -= b.offset;
  if (numel(region.shape) == 0) {
    region.offset = 0;
    return region;
  }
  const auto [first, last] = extent(region);
  if (first < 0 || last >= b.numel) return std::nullopt;
  return region;
}

void check_inside_storage(const Tensor& base, const Geometry& part, Here here) {
  check<ShapeError>(part.shape.size() == part.strides.size(), here,
                    "as_strided: size {} and stride {} differ in their number of entries", part.shape, part.strides);
  for (const std::int64_t size : part.shape)
    check<ShapeError>(size >= 0, here, "as_strided: sizes must be at least 0, got {}", part.shape);
  const std::int64_t elements = impl(base).storage->bytes / element_size(impl(base).dtype);
  check<IndexError>(part.offset >= 0 && part.offset <= elements, here,
                    "as_strided: storage_offset {} lies outside a storage of {} elements", part.offset, elements);
  if (std::find(part.shape.begin(), part.shape.end(), 0) != part.shape.end()) return;
  std::int64_t first = part.offset, last = part.offset, count = 1;
  bool countable = true;
  for (std::size_t d = 0; d < part.shape.size(); ++d) {
    std::int64_t reach = 0;
    countable = countable && !__builtin_mul_overflow(part.shape[d] - 1, part.strides[d], &reach);
    std::int64_t& border = reach < 0 ? first : last;
    countable = countable && !__builtin_add_overflow(border, reach, &border) &&
                !__builtin_mul_overflow(count, part.shape[d], &count);
  }
  check<IndexError>(countable && first >= 0 && last < elements, here,
                    "as_strided: size {}, stride {} and storage_offset {} reach elements {} to {} of a storage of {}",
                    part.shape, part.strides, part.offset, first, last, elements);
}

}  // namespace

// y is a view of the base's storage. The gradient of the base is that of y laid into the storage's row and read where
// the base lies.
Tensor as_strided(const Tensor& base, const Shape& shape, const Shape& strides, std::int64_t offset, Here here) {
  const Geometry part{shape, strides, offset};
  check_inside_storage(base, part, here);
  return record("as_strided", here, make_view(base, shape, strides, offset), {&base}, [&] {
    std::optional<Geometry> region = inside(base, part);
    std::optional<Frame> frame;
    if (!region) frame = frame_of(geometry(base), part);
    return [region = std::move(region), frame = std::move(frame)](Backward& bw) {
      if (region) return give_region(bw, *region);
      const Tensor row = region_scatter(bw.grad(), frame->shape, frame->part, bw.here());
      bw.give(0, region_gather(shared_out(row, *frame, bw.here()), frame->base, bw.here()));
    };
  });
}

Tensor as_strided_scatter(const Tensor& base, const Tensor& src, const Shape& shape, const Shape& strides,
                          std::int64_t offset, Here here) {
  const Geometry part{shape, strides, offset};
  check_inside_storage(base, part, here);
  if (const std::optional<Geometry> region = inside(base, part)) return region_put(base, src, *region, here);
  const Frame frame = frame_of(geometry(base), part);
  const Tensor row = shared_out(region_scatter(base, frame.shape, frame.base, here), frame, here);
  return region_gather(region_put(row, src, frame.part, here), frame.base, here);
}

}  // namespace xgrad::detail

namespace xgrad {

Tensor as_strided(const Arg& x, const Shape& size, const Shape& stride, std::optional<std::int64_t> storage_offset) {
  return detail::as_strided(x.tensor(), size, stride, storage_offset.value_or(detail::impl(x.tensor()).offset),
                            x.here());
}

}  // namespace xgrad
