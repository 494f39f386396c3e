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

// next(next(next(start, 0, n), size, n), 2 size, n)..., by four chains that do not wait for each other and are joined
// at the end. `start` must not count however often it is joined.
template <class T, class Next, class Join>
XGRAD_LANES_INLINE Lanes<T> fold_lanes(std::int64_t count, Lanes<T> start, Next&& next, Join&& join) {
  constexpr std::int64_t size = lane_count<T>;
  Lanes<T> a = start, b = start, c = start, d = start;
  std::int64_t i = 0;
  for (; i + 4 * size <= count; i += 4 * size) {
    a = next(a, i, size);
    b = next(b, i + size, size);
    c = next(c, i + 2 * size, size);
    d = next(d, i + 3 * size, size);
  }
  for (; i < count; i += size) a = next(a, i, std::min(size, count - i));
  return join(join(a, b), join(c, d));
}
// The sum of f(0, n), f(size, n), ..., lane by lane.
template <class T, class F>
XGRAD_LANES_INLINE Lanes<T> sum_of_lanes(std::int64_t count, F&& f) {
  return fold_lanes<T>(
      count, Lanes<T>(0), [&](Lanes<T> sum, std::int64_t i, std::int64_t n) { return sum + f(i, n); },
      [](Lanes<T> a, Lanes<T> b) { return a + b; });
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
