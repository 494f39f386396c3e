// Tiles of images and what Winograd's algorithm does to them: F(4x4, 3x3) and, for a weight's gradient, F(3x3, 4x4).
//
// Y = A^T [(G g G^T) * (B^T d B)] A: a window g of 3x3 and a tile d of 6x6 become 36 numbers each, whose products
// become 4x4 results. Both are polynomials that are multiplied by their values at 0, 1, -1, 2, -2 and infinity. Lavin,
// Gray, Fast algorithms for convolutional neural networks (2016).
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>

#include "kernels/copy.hpp"
#include "kernels/rows.hpp"

namespace xgrad::detail::winograd {

using Vector = Lanes<float>;
inline constexpr std::int64_t lanes = lane_count<float>;
// Rows of a tile, and the numbers it becomes; rows of its results; rows and elements of a window.
inline constexpr std::int64_t side = 6, spots = side * side, step = 4, window = 3, elements = window * window;

// The points' places: with these, numbers are of like size and errors a third of those of 1 and 2.
inline constexpr float p = 0.625F, q = 1.5F, pp = p * p, qq = q * q;

// B^T d: the coefficients of the polynomial that is zero at all points but one.
template <class V>
XGRAD_LANES_INLINE std::array<V, 6> tile_values(const std::array<V, 6>& d) {
  const V near = d[4] - qq * d[2], near_odd = p * (d[3] - qq * d[1]);
  const V far = d[4] - pp * d[2], far_odd = q * (d[3] - pp * d[1]);
  return {(pp * qq) * d[0] - (pp + qq) * d[2] + d[4], near + near_odd, near - near_odd, far + far_odd, far - far_odd,
          (pp * qq) * d[1] - (pp + qq) * d[3] + d[5]};
}
// G g, for windows of N: the polynomial's values, by what the others' coefficients are at the point.
template <class V, std::size_t N>
XGRAD_LANES_INLINE std::array<V, 6> window_values(const std::array<V, N>& g) {
  constexpr float zero = 1 / (pp * qq), near = 1 / (2 * pp * (pp - qq)), far = 1 / (2 * qq * (qq - pp));
  V near_odd = g[1] * (near * p), far_odd = g[1] * (far * q);
  if constexpr (N == 4) {
    near_odd = near_odd + g[3] * (near * p * pp);
    far_odd = far_odd + g[3] * (far * q * qq);
  }
  const V near_even = g[0] * near + g[2] * (near * pp), far_even = g[0] * far + g[2] * (far * qq);
  return {g[0] * zero, near_even + near_odd, near_even - near_odd, far_even + far_odd, far_even - far_odd, g[N - 1]};
}
// A^T m, for N results
template <std::size_t N, class V>
XGRAD_LANES_INLINE std::array<V, N> results(const std::array<V, 6>& m) {
  const V near = m[1] + m[2], near_odd = m[1] - m[2], far = m[3] + m[4], far_odd = m[3] - m[4];
  std::array<V, N> y;
  y[0] = m[0] + near + far;
  y[1] = p * near_odd + q * far_odd;
  y[2] = pp * near + qq * far;
  if constexpr (N == 4) y[3] = (p * pp) * near_odd + (q * qq) * far_odd;
  y[N - 1] = y[N - 1] + m[5];
  return y;
}

// A transform of columns, then of rows: load(i, j) gives the numbers, store(i, j, value) takes the results.
template <std::size_t In, std::size_t Out, class V, class Load, class Transform, class Store>
XGRAD_LANES_INLINE void both_ways(const Load& load, const Transform& transform, const Store& store) {
  std::array<V, In> half[Out];
  for (std::size_t j = 0; j < In; ++j) {
    std::array<V, In> column;
    for (std::size_t i = 0; i < In; ++i) column[i] = load(i, j);
    const std::array<V, Out> values = transform(column);
    for (std::size_t i = 0; i < Out; ++i) half[i][j] = values[i];
  }
  for (std::size_t i = 0; i < Out; ++i) {
    const std::array<V, Out> values = transform(half[i]);
    for (std::size_t j = 0; j < Out; ++j) store(i, j, values[j]);
  }
}

// Images of one size.
struct Images {
  std::int64_t count, channels, height, width;
  std::int64_t plane() const noexcept { return height * width; }
};

// A rectangle of an image, which may reach past its edges.
struct Area {
  std::int64_t top, left, height, width;
  // What of it lies in the image.
  Area inside(const Images& images) const noexcept {
    const std::int64_t first = std::max<std::int64_t>(0, top), start = std::max<std::int64_t>(0, left);
    return {first, start, std::max<std::int64_t>(0, std::min(images.height, top + height) - first),
            std::max<std::int64_t>(0, std::min(images.width, left + width) - start)};
  }
};

// An area of an image with its channels side by side, as whole vectors.
class Places {
 public:
  Places(const Images& images, const float* image, const Area& area, std::int64_t channels, float* memory) noexcept
      : area_(area.inside(images)), pitch_((channels + lanes - 1) / lanes * lanes), memory_(memory) {
    const bool whole = area_.width == images.width;
    const std::int64_t rows = whole ? 1 : area_.height, length = whole ? area_.height * area_.width : area_.width;
    for (std::int64_t i = 0; i < rows; ++i)
      transpose_matrix(channels, length, image + (area_.top + i) * images.width + area_.left, images.plane(),
                       memory + i * length * pitch_, pitch_);
  }
  // The numbers of a place of the image; null outside of the area.
  const float* at(std::int64_t row, std::int64_t column) const noexcept {
    row -= area_.top;
    column -= area_.left;
    const bool inside = row >= 0 && row < area_.height && column >= 0 && column < area_.width;
    return inside ? memory_ + (row * area_.width + column) * pitch_ : nullptr;
  }

 private:
  Area area_;
  std::int64_t pitch_;
  float* memory_;
};

// The numbers of the Size x Size places from (top, left) on: `spots` vectors for every vector of channels, which
// store(spot, channel, value) takes. Zeros are read where there is no place.
template <std::size_t Size, class Transform, class Store>
void tile_numbers(const Places& places, std::int64_t top, std::int64_t left, std::int64_t channels, const float* zeros,
                  const Transform& transform, const Store& store) noexcept {
  const float* from[Size][Size];
  for (std::size_t i = 0; i < Size; ++i)
    for (std::size_t j = 0; j < Size; ++j) {
      const float* at = places.at(top + static_cast<std::int64_t>(i), left + static_cast<std::int64_t>(j));
      from[i][j] = at ? at : zeros;
    }
  for (std::int64_t c = 0; c < channels; c += lanes)
    both_ways<Size, side, Vector>(
        [&](auto i, auto j) { return Vector::load(from[i][j] + c); }, transform,
        [&](auto i, auto j, const Vector& value) { store(static_cast<std::int64_t>(i * side + j), c, value); });
}

// Tiles of the results, 4x4 each, that are worked on together: rectangles of one size in neighbouring images.
struct Band {
  std::int64_t image, images, top, left, rows, columns;  // the last four in tiles
  std::int64_t tiles_of_image() const noexcept { return rows * columns; }
  std::int64_t tiles() const noexcept { return images * tiles_of_image(); }
  // Where the results of a tile of an image begin.
  std::int64_t row(std::int64_t tile) const noexcept { return (top + tile / columns) * step; }
  std::int64_t column(std::int64_t tile) const noexcept { return (left + tile % columns) * step; }
  // The places of an image's results, and of what they are made of.
  Area results() const noexcept { return {top * step, left * step, rows * step, columns * step}; }
  Area operands(std::int64_t padding_h, std::int64_t padding_w) const noexcept {
    return {top * step - padding_h, left * step - padding_w, rows * step + 2, columns * step + 2};
  }
};
class Bands {
 public:
  explicit Bands(const Images& results)
      : images_(results.count),
        rows_((results.height + step - 1) / step),
        columns_((results.width + step - 1) / step),
        width_(std::min(most, columns_)),
        height_(std::clamp<std::int64_t>(most / width_, 1, rows_)),
        depth_(std::clamp<std::int64_t>(most / (width_ * height_), 1, images_)),
        across_((columns_ + width_ - 1) / width_),
        down_((rows_ + height_ - 1) / height_) {}
  std::int64_t count() const noexcept { return (images_ + depth_ - 1) / depth_ * across_ * down_; }
  std::int64_t most_tiles() const noexcept { return width_ * height_ * depth_; }
  // Of the operands and of the results of one image.
  std::int64_t most_places() const noexcept { return (width_ * step + 2) * (height_ * step + 2); }
  Band operator[](std::int64_t index) const noexcept {
    const std::int64_t left = index % across_ * width_, top = index / across_ % down_ * height_;
    const std::int64_t image = index / across_ / down_ * depth_;
    return {image, std::min(depth_, images_ - image), top,
            left,  std::min(height_, rows_ - top),    std::min(width_, columns_ - left)};
  }

 private:
  // Their numbers stay in the second-level cache, and a weight's are read once for all of them.
  static constexpr std::int64_t most = 32;
  std::int64_t images_, rows_, columns_, width_, height_, depth_, across_, down_;
};

}  // namespace xgrad::detail::winograd
