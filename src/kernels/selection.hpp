// Elements at listed places: the loops behind index tensors, gather, scatter and embedding.
#pragma once
#include <xgrad/tensor.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace xgrad::detail {

// The elements [o..., n, i...] of a tensor at offset + o * outer_strides + places[n] + i * inner_strides, counted from
// its first element. A negative place stands for nothing: it reads as zero and takes no value.
struct Selection {
  Shape shape;  // of what is selected; as many elements as outer, places and inner together, in that order
  Shape outer, outer_strides;
  Tensor places;  // int64, contiguous
  Shape inner, inner_strides;
  std::int64_t offset = 0;
};

// Where the elements of a loop nest lie, in row-major order.
std::vector<std::int64_t> unrolled(std::span<const std::int64_t> shape, std::span<const std::int64_t> strides);

// In all of them `values` is contiguous and has as many elements as the selection; unrecorded. Threads divide the
// target, so that every sum has the order of the list.

// values = source at the selection.
void read_places(const Tensor& values, const Tensor& source, const Selection& selection);
// target at the selection = values; of several for one place the last one stays.
void write_places(const Tensor& target, const Tensor& values, const Selection& selection);
// target at the selection = the larger (smaller) of it and values; NaN where one is. The dtype computes, but not bool.
void raise_places(const Tensor& target, const Tensor& values, const Selection& selection);
void lower_places(const Tensor& target, const Tensor& values, const Selection& selection);
// target at the selection += values; the dtype computes (bool: or).
void add_places(const Tensor& target, const Tensor& values, const Selection& selection);

}  // namespace xgrad::detail
