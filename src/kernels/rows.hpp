// Loops over a row by lanes, with its last, incomplete lanes.
#pragma once
#include <xgrad/lanes.hpp>

#include <algorithm>
#include <cstdint>

namespace xgrad::detail {

template <class T>
inline constexpr std::int64_t lane_count = static_cast<std::int64_t>(Lanes<T>::size);

// The first n of the lanes at `in`; the others hold `rest`.
template <class T>
XGRAD_LANES_INLINE Lanes<T> load_part(const T* in, std::int64_t n, T rest = 0) {
  if (n == lane_count<T>) return Lanes<T>::load(in);
  T values[Lanes<T>::size];
  std::fill(std::copy(in, in + n, values), values + Lanes<T>::size, rest);
  return Lanes<T>::load(values);
}
// Writes the first n lanes.
template <class T>
XGRAD_LANES_INLINE void store_part(Lanes<T> lanes, T* out, std::int64_t n) {
  if (n == lane_count<T>) return lanes.store(out);
  T values[Lanes<T>::size];
  lanes.store(values);
  std::copy(values, values + n, out);
}
// Lanes from the n-th on set to 0.
template <class T>
XGRAD_LANES_INLINE Lanes<T> keep_part(Lanes<T> lanes, std::int64_t n) {
  if (n == lane_count<T>) return lanes;
  T values[Lanes<T>::size];
  lanes.store(values);
  return load_part(values, n);
}

// f(i, n) for i = 0, size, 2 size, ...: n is the number of lanes there, less than size at the end only.
template <class T, class F>
XGRAD_LANES_INLINE void for_lanes(std::int64_t count, F&& f) {
  std::int64_t i = 0;
  for (; i + lane_count<T> <= count; i += lane_count<T>) f(i, lane_count<T>);
  if (i < count) f(i, count - i);
}

// Sum of all lanes, pairwise.
template <class T>
XGRAD_LANES_INLINE T sum_lanes(Lanes<T> lanes) {
  T values[Lanes<T>::size];
  lanes.store(values);
  for (std::size_t width = Lanes<T>::size / 2; width > 0; width /= 2)
    for (std::size_t l = 0; l < width; ++l) values[l] += values[l + width];
  return values[0];
}

}  // namespace xgrad::detail
