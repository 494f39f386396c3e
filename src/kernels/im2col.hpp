// Windows of an image as the columns of a matrix, and back.
#pragma once
#include <algorithm>
#include <cstdint>

#include "kernels/conv.hpp"

namespace xgrad::detail {

// The columns belong to the output rows top..bottom, counted through all depths; the matrix has kernel_d * kernel_h *
// kernel_w rows for each of `channels` channels and (bottom - top) * out_width adjacent columns.
struct Stripe {
  std::int64_t channels, top, bottom;
};

// Where along one output row an element of the window lies inside the image: x * stride + offset for begin <= x < end.
struct Span {
  std::int64_t begin, end;
};
inline Span inside(std::int64_t out, std::int64_t size, std::int64_t stride, std::int64_t offset) noexcept {
  const std::int64_t begin = offset < 0 ? (-offset + stride - 1) / stride : 0;
  const std::int64_t end = offset < size ? (size - 1 - offset) / stride + 1 : 0;
  const std::int64_t first = std::min(begin, out);
  return {first, std::clamp(end, first, out)};
}

// Rows of input and output advance together: then a shifted copy of whole rows is a copy of one range.
inline bool rows_advance_together(const ConvGeometry& g) noexcept {
  return g.stride_h == 1 && g.stride_w == 1 && g.out_width == g.width;
}

// Output rows of one depth.
struct RowRange {
  std::int64_t first, last;
};

// One row of the matrix: the elements (shift, offset) of the windows at `rows`, from a plane of the image.
template <class T>
void take_plane(const ConvGeometry& g, const RowRange& rows, std::int64_t shift, std::int64_t offset, const T* plane,
                T* row) noexcept {
  const Span all = inside(g.out_height, g.height, g.stride_h, shift);
  const std::int64_t first = std::clamp(all.begin, rows.first, rows.last);
  const std::int64_t last = std::clamp(all.end, first, rows.last);
  const Span x = inside(g.out_width, g.width, g.stride_w, offset);
  T* const end = row + (rows.last - rows.first) * g.out_width;
  if (first == last || x.begin == x.end) return std::fill(row, end, T(0));
  T* to = row + (first - rows.first) * g.out_width;
  std::fill(row, to, T(0));
  std::fill(row + (last - rows.first) * g.out_width, end, T(0));
  if (rows_advance_together(g)) {
    const T* from = plane + (first + shift) * g.width + offset;
    std::copy(from + x.begin, from + (last - first - 1) * g.width + x.end, to + x.begin);
    for (std::int64_t y = first; y < last; ++y, to += g.out_width) {
      for (std::int64_t i = 0; i < x.begin; ++i) to[i] = T(0);
      for (std::int64_t i = x.end; i < g.out_width; ++i) to[i] = T(0);
    }
    return;
  }
  for (std::int64_t y = first; y < last; ++y, to += g.out_width) {
    const T* from = plane + (y * g.stride_h + shift) * g.width + offset;
    for (std::int64_t i = 0; i < x.begin; ++i) to[i] = T(0);
    if (g.stride_w == 1)
      for (std::int64_t i = x.begin; i < x.end; ++i) to[i] = from[i];
    else
      for (std::int64_t i = x.begin; i < x.end; ++i) to[i] = from[i * g.stride_w];
    for (std::int64_t i = x.end; i < g.out_width; ++i) to[i] = T(0);
  }
}

// Adds it back to where it was taken from. May overwrite the row.
template <class T>
void add_plane(const ConvGeometry& g, const RowRange& rows, std::int64_t shift, std::int64_t offset, T* plane,
               T* row) noexcept {
  const Span all = inside(g.out_height, g.height, g.stride_h, shift);
  const std::int64_t first = std::clamp(all.begin, rows.first, rows.last);
  const std::int64_t last = std::clamp(all.end, first, rows.last);
  const Span x = inside(g.out_width, g.width, g.stride_w, offset);
  if (first == last || x.begin == x.end) return;
  T* from = row + (first - rows.first) * g.out_width;
  if (rows_advance_together(g)) {
    T* line = from;
    for (std::int64_t y = first; y < last; ++y, line += g.out_width) {
      for (std::int64_t i = 0; i < x.begin; ++i) line[i] = T(0);
      for (std::int64_t i = x.end; i < g.out_width; ++i) line[i] = T(0);
    }
    T* to = plane + (first + shift) * g.width + offset;
    const std::int64_t end = (last - first - 1) * g.width + x.end;
    for (std::int64_t i = x.begin; i < end; ++i) to[i] += from[i];
    return;
  }
  for (std::int64_t y = first; y < last; ++y, from += g.out_width) {
    T* to = plane + (y * g.stride_h + shift) * g.width + offset;
    if (g.stride_w == 1)
      for (std::int64_t i = x.begin; i < x.end; ++i) to[i] += from[i];
    else
      for (std::int64_t i = x.begin; i < x.end; ++i) to[i * g.stride_w] += from[i];
  }
}

// f(rows, the input's plane or -1 for padding, shift, offset, row of the matrix) for all parts of the matrix.
template <class T, class F>
void for_planes(const ConvGeometry& g, const Stripe& stripe, T* matrix, F&& f) noexcept {
  const std::int64_t columns = (stripe.bottom - stripe.top) * g.out_width;
  T* row = matrix;
  for (std::int64_t c = 0; c < stripe.channels; ++c)
    for (std::int64_t k = 0; k < g.kernel_d; ++k)
      for (std::int64_t p = 0; p < g.kernel_h; ++p)
        for (std::int64_t q = 0; q < g.kernel_w; ++q, row += columns)
          for (std::int64_t top = stripe.top; top < stripe.bottom;) {
            const std::int64_t slice = top / g.out_height, begin = slice * g.out_height;
            const std::int64_t bottom = std::min(stripe.bottom, begin + g.out_height);
            const std::int64_t z = slice * g.stride_d + k * g.dilation_d - g.padding_d;
            f(RowRange{top - begin, bottom - begin}, z >= 0 && z < g.depth ? c * g.depth + z : -1,
              p * g.dilation_h - g.padding_h, q * g.dilation_w - g.padding_w, row + (top - stripe.top) * g.out_width);
            top = bottom;
          }
}

template <class T>
void im2col(const ConvGeometry& g, const Stripe& stripe, const T* image, T* matrix) noexcept {
  for_planes(g, stripe, matrix, [&](const RowRange& rows, auto plane, auto shift, auto offset, T* row) {
    if (plane < 0)
      std::fill(row, row + (rows.last - rows.first) * g.out_width, T(0));
    else
      take_plane(g, rows, shift, offset, image + plane * g.height * g.width, row);
  });
}

// Adds each column back to where im2col took it from. May overwrite the matrix.
template <class T>
void col2im(const ConvGeometry& g, const Stripe& stripe, T* matrix, T* image) noexcept {
  for_planes(g, stripe, matrix, [&](const RowRange& rows, auto plane, auto shift, auto offset, T* row) {
    if (plane >= 0) add_plane(g, rows, shift, offset, image + plane * g.height * g.width, row);
  });
}

}  // namespace xgrad::detail
