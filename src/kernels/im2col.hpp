// Windows of an image as the columns of a matrix, and back.
#pragma once
#include <algorithm>
#include <cstdint>

#include "kernels/conv.hpp"

namespace xgrad::detail {

// The columns belong to the output rows top..bottom; the matrix has kernel_h * kernel_w rows for each of `channels`
// channels and (bottom - top) * out_width adjacent columns.
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

template <class T>
void im2col(const ConvGeometry& g, const Stripe& stripe, const T* image, T* matrix) noexcept {
  const std::int64_t columns = (stripe.bottom - stripe.top) * g.out_width;
  const bool together = rows_advance_together(g);
  T* row = matrix;
  for (std::int64_t c = 0; c < stripe.channels; ++c) {
    const T* plane = image + c * g.height * g.width;
    for (std::int64_t p = 0; p < g.kernel_h; ++p) {
      const std::int64_t shift = p * g.dilation_h - g.padding_h;
      const Span all = inside(g.out_height, g.height, g.stride_h, shift);
      const std::int64_t first = std::clamp(all.begin, stripe.top, stripe.bottom);
      const std::int64_t last = std::clamp(all.end, first, stripe.bottom);
      for (std::int64_t q = 0; q < g.kernel_w; ++q, row += columns) {
        const std::int64_t offset = q * g.dilation_w - g.padding_w;
        const Span x = inside(g.out_width, g.width, g.stride_w, offset);
        if (first == last || x.begin == x.end) {
          std::fill(row, row + columns, T(0));
          continue;
        }
        T* to = row + (first - stripe.top) * g.out_width;
        std::fill(row, to, T(0));
        std::fill(row + (last - stripe.top) * g.out_width, row + columns, T(0));
        if (together) {
          const T* from = plane + (first + shift) * g.width + offset;
          std::copy(from + x.begin, from + (last - first - 1) * g.width + x.end, to + x.begin);
          for (std::int64_t y = first; y < last; ++y, to += g.out_width) {
            for (std::int64_t i = 0; i < x.begin; ++i) to[i] = T(0);
            for (std::int64_t i = x.end; i < g.out_width; ++i) to[i] = T(0);
          }
          continue;
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
    }
  }
}

// Adds each column back to where im2col took it from. May overwrite the matrix.
template <class T>
void col2im(const ConvGeometry& g, const Stripe& stripe, T* matrix, T* image) noexcept {
  const std::int64_t columns = (stripe.bottom - stripe.top) * g.out_width;
  const bool together = rows_advance_together(g);
  T* row = matrix;
  for (std::int64_t c = 0; c < stripe.channels; ++c) {
    T* plane = image + c * g.height * g.width;
    for (std::int64_t p = 0; p < g.kernel_h; ++p) {
      const std::int64_t shift = p * g.dilation_h - g.padding_h;
      const Span all = inside(g.out_height, g.height, g.stride_h, shift);
      const std::int64_t first = std::clamp(all.begin, stripe.top, stripe.bottom);
      const std::int64_t last = std::clamp(all.end, first, stripe.bottom);
      for (std::int64_t q = 0; q < g.kernel_w; ++q, row += columns) {
        const std::int64_t offset = q * g.dilation_w - g.padding_w;
        const Span x = inside(g.out_width, g.width, g.stride_w, offset);
        if (first == last || x.begin == x.end) continue;
        T* from = row + (first - stripe.top) * g.out_width;
        if (together) {
          T* line = from;
          for (std::int64_t y = first; y < last; ++y, line += g.out_width) {
            for (std::int64_t i = 0; i < x.begin; ++i) line[i] = T(0);
            for (std::int64_t i = x.end; i < g.out_width; ++i) line[i] = T(0);
          }
          T* to = plane + (first + shift) * g.width + offset;
          const std::int64_t end = (last - first - 1) * g.width + x.end;
          for (std::int64_t i = x.begin; i < end; ++i) to[i] += from[i];
          continue;
        }
        for (std::int64_t y = first; y < last; ++y, from += g.out_width) {
          T* to = plane + (y * g.stride_h + shift) * g.width + offset;
          if (g.stride_w == 1)
            for (std::int64_t i = x.begin; i < x.end; ++i) to[i] += from[i];
          else
            for (std::int64_t i = x.begin; i < x.end; ++i) to[i * g.stride_w] += from[i];
        }
      }
    }
  }
}

}  // namespace xgrad::detail
