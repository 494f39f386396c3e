// Transposed copies of small blocks, by registers of 16 bytes.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>

namespace xgrad::detail {

template <class T>
inline constexpr std::int64_t tile_side = 16 / sizeof(T);

// to[c * to_row + r] = from[r * from_row + c] for a square of tile_side<T>.
template <class T>
inline void transpose_tile(const T* from, std::int64_t from_row, T* to, std::int64_t to_row) noexcept {
  typedef T Vector __attribute__((vector_size(16)));
  const auto load = [&](std::int64_t r) {
    Vector v;
    std::memcpy(&v, from + r * from_row, sizeof v);
    return v;
  };
  const auto store = [&](std::int64_t c, const Vector& v) { std::memcpy(to + c * to_row, &v, sizeof v); };
  const Vector a = load(0), b = load(1);
  if constexpr (tile_side<T> == 2) {
    store(0, __builtin_shufflevector(a, b, 0, 2));
    store(1, __builtin_shufflevector(a, b, 1, 3));
  } else {
    const Vector c = load(2), d = load(3);
    const Vector ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    store(0, __builtin_shufflevector(ab, cd, 0, 1, 4, 5));
    store(1, __builtin_shufflevector(ab, cd, 2, 3, 6, 7));
    const Vector high = __builtin_shufflevector(a, b, 2, 6, 3, 7), more = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    store(2, __builtin_shufflevector(high, more, 0, 1, 4, 5));
    store(3, __builtin_shufflevector(high, more, 2, 3, 6, 7));
  }
}

// The same for any rows and columns.
template <class T>
void transpose(std::int64_t rows, std::int64_t cols, const T* from, std::int64_t from_row, T* to,
               std::int64_t to_row) noexcept {
  constexpr std::int64_t side = tile_side<T>, block = 64 / sizeof(T);
  const std::int64_t whole_rows = rows / side * side, whole_cols = cols / side * side;
  for (std::int64_t left = 0; left < whole_cols; left += block)
    for (std::int64_t r = 0; r < whole_rows; r += side)
      for (std::int64_t c = left; c < std::min(whole_cols, left + block); c += side)
        transpose_tile(from + r * from_row + c, from_row, to + c * to_row + r, to_row);
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = r < whole_rows ? whole_cols : 0; c < cols; ++c) to[c * to_row + r] = from[r * from_row + c];
}

}  // namespace xgrad::detail
