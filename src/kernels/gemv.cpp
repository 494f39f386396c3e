#include "kernels/gemv.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include "kernels/rows.hpp"

namespace xgrad::detail {
namespace {

// y[i * y_step] += sum over l of matrix[i * row + l * col] x[l], for a few x at a time that lie side by side.
template <class T>
struct Part {
  std::int64_t rows, cols;
  const T* matrix;
  std::int64_t row, col;
  const T* x;
  T* y;
  std::int64_t y_step;
};

// Count rows that lie flat, each times x: their chains of sums do not wait for each other.
template <std::size_t Count, class T>
void multiply_rows(const Part<T>& p, std::int64_t first) noexcept {
  const T* row = p.matrix + first * p.row;
  std::array<Lanes<T>, Count> sums;
  sums.fill(Lanes<T>(0));
  for_lanes<T>(p.cols, [&](std::int64_t l, std::int64_t part) {
    const Lanes<T> x = load_part(p.x + l, part);
    for (std::size_t r = 0; r < Count; ++r)
      sums[r] = fused(load_part(row + static_cast<std::int64_t>(r) * p.row + l, part), x, sums[r]);
  });
  for (std::size_t r = 0; r < Count; ++r) p.y[(first + static_cast<std::int64_t>(r)) * p.y_step] += sum_lanes(sums[r]);
}

template <class T>
void flat_rows(const Part<T>& p) noexcept {
  std::int64_t i = 0;
  for (; i + 8 <= p.rows; i += 8) multiply_rows<8>(p, i);
  for (; i < p.rows; ++i) multiply_rows<1>(p, i);
}

// Count columns that lie flat, times one x each, are added to all of y, whose results lie side by side.
template <std::size_t Count, class T>
void add_columns(const Part<T>& p, std::int64_t first) noexcept {
  const T* column = p.matrix + first * p.col;
  std::array<Lanes<T>, Count> x;
  for (std::size_t c = 0; c < Count; ++c) x[c] = p.x[first + static_cast<std::int64_t>(c)];
  for_lanes<T>(p.rows, [&](std::int64_t i, std::int64_t part) {
    Lanes<T> sum = load_part(p.y + i, part);
    for (std::size_t c = 0; c < Count; ++c)
      sum = fused(load_part(column + static_cast<std::int64_t>(c) * p.col + i, part), x[c], sum);
    store_part(sum, p.y + i, part);
  });
}

template <class T>
void flat_columns(const Part<T>& p) noexcept {
  std::int64_t l = 0;
  for (; l + 8 <= p.cols; l += 8) add_columns<8>(p, l);
  for (; l < p.cols; ++l) add_columns<1>(p, l);
}

}  // namespace

template <class T>
void gemv(const Product<T>& p, bool accumulate) noexcept {
  constexpr std::int64_t most = 4096 / sizeof(T);
  const bool column = p.n == 1;
  const std::int64_t count = column ? p.m : p.n;
  const T* matrix = column ? p.a : p.b;
  const std::int64_t row = column ? p.a_row : p.b_col, col = column ? p.a_col : p.b_row;
  const T* x = column ? p.b : p.a;
  const std::int64_t x_step = column ? p.b_row : p.a_col, c_step = column ? p.c_row : 1;
  const bool by_rows = col == 1 || p.k == 1;
  // Rows give a result each, which may lie anywhere; columns are added to all of them, which must lie side by side.
  const bool gather = !by_rows && c_step != 1;
  alignas(64) T x_part[most];
  alignas(64) T y_part[most];
  if (!accumulate)
    for (std::int64_t i = 0; i < count; ++i) p.c[i * c_step] = T(0);
  const std::int64_t height = gather ? most : count;
  for (std::int64_t top = 0; top < count; top += height) {
    const std::int64_t rows = std::min(height, count - top);
    T* c = p.c + top * c_step;
    if (gather)
      for (std::int64_t i = 0; i < rows; ++i) y_part[i] = c[i * c_step];
    for (std::int64_t first = 0; first < p.k; first += most) {
      const std::int64_t cols = std::min(most, p.k - first);
      const T* from = x + first * x_step;
      if (x_step != 1)
        for (std::int64_t l = 0; l < cols; ++l) x_part[l] = from[l * x_step];
      const Part<T> part{rows,
                         cols,
                         matrix + top * row + first * col,
                         row,
                         col,
                         x_step == 1 ? from : x_part,
                         gather ? y_part : c,
                         gather ? 1 : c_step};
      by_rows ? flat_rows(part) : flat_columns(part);
    }
    if (gather)
      for (std::int64_t i = 0; i < rows; ++i) c[i * c_step] = y_part[i];
  }
}
template void gemv(const Product<float>&, bool) noexcept;
template void gemv(const Product<double>&, bool) noexcept;

}  // namespace xgrad::detail
