// Tiles of images and what Winograd's algorithm does to them: F(4x4, 3x3) and, for a weight's gradient, F(3x3, 4x4).
//
// Y = A^T [(G g G^T) * (B^T d B)] A: a window g of 3x3 and a tile d of 6x6 become 36 numbers each, whose products
// become 4x4 results. Both are polynomials that are multiplied by their values at 0, 1, -1, 2, -2 and infinity. Lavin,
// Gray, Fast algorithms for convolutional neural networks (2016).
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "kernels/copy.hpp"
#include "kernels/rows.hpp"

namespace xgrad::detail::winograd {

using Vector = Lanes<float>;
inline constexpr std::int64_t lanes = lane_count<float>;
// Rows of a tile, numbers it becomes, and from one tile to the next: what it gives of results.
inline constexpr std::int64_t side = 6, spots = side * side, step = 4, window = 3;

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

// Images of one size, and the tiles of their results: numbered image by image and row by row.
struct Images {
  std::int64_t count, channels, height, width;
  std::int64_t plane() const noexcept { return height * width; }
};
struct Place {
  std::int64_t image, top, left;
};
class Grid {
 public:
  explicit Grid(const Images& results)
      : rows_((results.height + step - 1) / step), columns_((results.width + step - 1) / step), count_(results.count) {}
  std::int64_t tiles() const noexcept { return count_ * rows_ * columns_; }
  // Where the results of a tile begin.
  Place place(std::int64_t tile) const noexcept {
    const std::int64_t row = tile / columns_;
    return {row / rows_, row % rows_ * step, tile % columns_ * step};
  }

 private:
  std::int64_t rows_, columns_, count_;
};

// Size x Size numbers of a plane from (top, left) on, row by row; zeros outside.
template <std::int64_t Size>
inline void load_tile(const Images& images, const float* plane, std::int64_t top, std::int64_t left,
                      float* to) noexcept {
  if (top >= 0 && left >= 0 && top + Size <= images.height && left + Size <= images.width) {
    const float* from = plane + top * images.width + left;
    for (std::int64_t i = 0; i < Size; ++i) std::memcpy(to + i * Size, from + i * images.width, Size * sizeof(float));
    return;
  }
  for (std::int64_t i = 0; i < Size; ++i)
    for (std::int64_t j = 0; j < Size; ++j) {
      const bool inside = top + i >= 0 && top + i < images.height && left + j >= 0 && left + j < images.width;
      to[i * Size + j] = inside ? plane[(top + i) * images.width + left + j] : 0.0F;
    }
}

// What is gathered for the lanes of a vector, and turned round: number s of lane t at [s * lanes + t].
template <std::int64_t Size>
class Gathered {
 public:
  static constexpr std::int64_t numbers = Size * Size;
  float* lane(std::int64_t t) noexcept { return rows_ + t * numbers; }
  void clear(std::int64_t t) noexcept { std::fill_n(lane(t), numbers, 0.0F); }
  void turn() noexcept { transpose_matrix<float>(lanes, numbers, rows_, numbers, turned_, lanes); }
  Vector operator()(std::size_t i, std::size_t j) const noexcept {
    return Vector::load(turned_ + (static_cast<std::int64_t>(i) * Size + static_cast<std::int64_t>(j)) * lanes);
  }

 private:
  alignas(64) float rows_[lanes * numbers];
  alignas(64) float turned_[lanes * numbers];
};

}  // namespace xgrad::detail::winograd
