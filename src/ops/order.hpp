// What operations by rank share: elements of a line under keys that compare as they do, and the gradient of elements
// that were picked.
#pragma once
#include <xgrad/tensor.hpp>

#include <algorithm>
#include <bit>
#include <type_traits>
#include <utility>

#include "core/dispatch.hpp"
#include "kernels/parallel.hpp"
#include "kernels/workspace.hpp"
#include "tape/node.hpp"

namespace xgrad::detail {

template <class T>
bool is_nan(T value) noexcept {
  return value != value;
}

// Unsigned integers in the order of the values: a NaN is the largest, and both zeros are one.
template <class T>
auto order_key(T value) noexcept {
  using Key = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;
  constexpr Key sign = Key(1) << (8 * sizeof(Key) - 1);
  if constexpr (std::is_floating_point_v<T>) {
    if (is_nan(value)) return static_cast<Key>(-1);
    const auto bits = std::bit_cast<Key>(value + T(0));
    return static_cast<Key>(bits & sign ? ~bits : bits | sign);
  } else {
    return static_cast<Key>(static_cast<Key>(value) ^ (std::is_signed_v<T> ? sign : Key(0)));
  }
}

// An element of a line and where it is. Entries compare by the element alone.
template <class T>
struct Entry {
  using Key = decltype(order_key(T()));
  Key key;
  std::int64_t place;
  friend bool operator<(const Entry& a, const Entry& b) noexcept { return a.key < b.key; }
};
// Equal ones in the order of the line.
struct InOrder {
  template <class T>
  bool operator()(const Entry<T>& a, const Entry<T>& b) const noexcept {
    return a.key < b.key || (a.key == b.key && a.place < b.place);
  }
};
// Descending keys fall where the values rise.
template <class T>
void fill_entries(const T* line, std::int64_t n, bool descending, Entry<T>* entries) noexcept {
  using Key = typename Entry<T>::Key;
  const Key flip = descending ? static_cast<Key>(-1) : Key(0);
  for (std::int64_t i = 0; i < n; ++i) entries[i] = {static_cast<Key>(order_key(line[i]) ^ flip), i};
}

// The size of a dimension; 1 where there is none.
inline std::int64_t line_size(const Tensor& x, std::int64_t dim) {
  return impl(x).shape.empty() ? 1 : impl(x).shape[static_cast<std::size_t>(dim)];
}
// The elements with dimension dim last, contiguous; unrecorded.
Tensor lines_along(const Tensor& x, std::int64_t dim);
// A contiguous tensor with its last dimension at dim, contiguous again; unrecorded.
Tensor lines_back(const Tensor& rows, std::int64_t dim);

// k elements of each line along dim, as {values, places}; the dimension gets size k. pick(line, n, entries, chosen)
// writes k places; the entries are room for n. A 0-d tensor is one line of one.
template <class Pick>
std::pair<Tensor, Tensor> pick_along(const Tensor& x, std::int64_t dim, std::int64_t k, const Pick& pick) {
  const Tensor rows = lines_along(x, dim);
  const std::int64_t n = line_size(x, dim);
  Shape shape = impl(rows).shape;
  if (!shape.empty()) shape[shape.size() - 1] = k;
  const Tensor values = make_tensor(shape, impl(x).dtype), places = make_tensor(shape, Dtype::int64);
  if (impl(values).numel > 0)
    dispatch_all(impl(x).dtype, [&]<class T>() {
      constexpr std::int64_t words = sizeof(Entry<T>) / sizeof(std::int64_t);
      const std::int64_t count = impl(rows).numel / n, grain = 4096 / n + 1;
      const Workspace<std::int64_t> workspace(words * n, (count + grain - 1) / grain);
      parallel_for(count, grain, 16 * count * n, [&](std::int64_t begin, std::int64_t end) {
        auto* entries = reinterpret_cast<Entry<T>*>(workspace.mine());
        for (std::int64_t r = begin; r < end; ++r) {
          const T* line = data<T>(rows) + r * n;
          T* value = data<T>(values) + r * k;
          std::int64_t* chosen = data<std::int64_t>(places) + r * k;
          pick(line, n, entries, chosen);
          for (std::int64_t i = 0; i < k; ++i) value[i] = line[chosen[i]];
        }
      });
    });
  return {lines_back(values, dim), lines_back(places, dim)};
}

// {values, places} where the values are x at places along dim, recorded: dx is dy at the places. kept: the dimension is
// still there.
std::pair<Tensor, Tensor> record_picked(const char* name, Here here, const Tensor& x, Tensor values, Tensor places,
                                        std::int64_t dim, bool kept);

}  // namespace xgrad::detail
