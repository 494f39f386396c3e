// Windows over lines, images and volumes as one thing: a line is a volume of depth and height 1.
#pragma once
#include <xgrad/ops/window.hpp>
#include <xgrad/shape.hpp>

#include <array>
#include <cstdint>

#include "core/check.hpp"

namespace xgrad::detail {

// Depth, height, width.
using Sizes = std::array<std::int64_t, 3>;

inline Sizes sizes_of(std::int64_t width, std::int64_t rest) noexcept { return {rest, rest, width}; }
inline Sizes sizes_of(IntPair pair, std::int64_t rest) noexcept { return {rest, pair.h, pair.w}; }
inline Sizes sizes_of(IntTriple triple, std::int64_t) noexcept { return {triple.d, triple.h, triple.w}; }

// A window and the number of dimensions in which it moves, the last ones; in the others it is one element.
struct Window {
  std::size_t rank;
  Sizes kernel, stride, padding, dilation;

  // As the user wrote them.
  Shape shown(const Sizes& sizes) const { return {sizes.data() + 3 - rank, rank}; }
};
template <class Numbers>
Window window_of(std::size_t rank, Numbers kernel, Numbers stride, Numbers padding, Numbers dilation) noexcept {
  return {rank, sizes_of(kernel, 1), sizes_of(stride, 1), sizes_of(padding, 0), sizes_of(dilation, 1)};
}

// The last `rank` sizes.
inline Sizes spatial_sizes(const Shape& shape, std::size_t rank) noexcept {
  Sizes sizes{1, 1, 1};
  std::copy(shape.end() - rank, shape.end(), sizes.end() - static_cast<std::ptrdiff_t>(rank));
  return sizes;
}
inline Shape with_spatial_sizes(Shape shape, std::size_t rank, const Sizes& sizes) {
  std::copy(sizes.end() - static_cast<std::ptrdiff_t>(rank), sizes.end(), shape.end() - rank);
  return shape;
}
inline std::int64_t volume(const Sizes& sizes) noexcept { return sizes[0] * sizes[1] * sizes[2]; }
// The product of all sizes but the last `rank`.
inline std::int64_t planes_of(const Shape& shape, std::size_t rank) noexcept {
  std::int64_t planes = 1;
  for (std::size_t i = 0; i + rank < shape.size(); ++i) planes *= shape[i];
  return planes;
}

// What an input may look like, for messages.
inline const char* batched_layout(std::size_t rank) noexcept {
  return rank == 1   ? "[N, C, L] or [C, L]"
         : rank == 2 ? "[N, C, H, W] or [C, H, W]"
                     : "[N, C, D, H, W] or [C, D, H, W]";
}
// [N, C, ...] or [C, ...] of a floating dtype: ShapeError, DtypeError.
inline void check_batched(const char* op, const Tensor& x, std::size_t rank, Here here) {
  const Shape& shape = x.sizes();
  check<ShapeError>(shape.size() == rank + 1 || shape.size() == rank + 2, here,
                    "{}: expected input of shape {}, got {}", op, batched_layout(rank), shape);
  check_floating(op, x, here);
}

// ValueError for a stride or dilation below 1 or a negative padding.
inline void check_window(const char* op, const Window& window, Here here) {
  for (std::size_t i = 3 - window.rank; i < 3; ++i) {
    check<ValueError>(window.stride[i] > 0, here, "{}: expected a positive stride, got {}", op,
                      window.shown(window.stride));
    check<ValueError>(window.padding[i] >= 0, here, "{}: expected no negative padding, got {}", op,
                      window.shown(window.padding));
    check<ValueError>(window.dilation[i] > 0, here, "{}: expected a positive dilation, got {}", op,
                      window.shown(window.dilation));
  }
}

// How many windows fit, with `padding` elements added in all.
inline std::int64_t window_count(std::int64_t size, std::int64_t kernel, std::int64_t stride, std::int64_t padding,
                                 std::int64_t dilation) noexcept {
  const std::int64_t room = size + padding - dilation * (kernel - 1) - 1;
  return room < 0 ? 0 : room / stride + 1;
}

}  // namespace xgrad::detail
