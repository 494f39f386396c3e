// What operations by rank share: lines along a dimension, elements that are compared by a key, and the gradient of what
// was picked.
#pragma once
#include <xgrad/tensor.hpp>

#include <algorithm>
#include <bit>
#include <type_traits>
#include <utility>

#include "core/check.hpp"
#include "core/dispatch.hpp"
#include "kernels/parallel.hpp"
#include "kernels/workspace.hpp"
#include "tape/node.hpp"

namespace xgrad::detail {

// A tensor's lines along a dimension, one behind the other: `rows` has that dimension last. A 0-d tensor is [1].
struct Lines {
  Tensor rows;
  std::int64_t dim, size, count;
};
Lines lines_along(const Tensor& x, std::int64_t dim);
// Results of lines, [..., k], with that dimension where it was; unrecorded.
Tensor from_lines(const Tensor& rows, std::int64_t dim);

// Unsigned numbers in the order of the values: NaN highest, both zeros equal.
template <class T>
auto order_key(T value) noexcept {
  if constexpr (std::is_floating_point_v<T>) {
    using Key = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
    if (value != value) return static_cast<Key>(~Key(0));
    const Key bits = std::bit_cast<Key>(value + T(0)), sign = Key(1) << (8 * sizeof(T) - 1);
    return static_cast<Key>(bits & sign ? ~bits : bits | sign);
  } else {
    using Key = std::conditional_t<(sizeof(T) > 4), std::uint64_t, std::uint32_t>;
    const Key sign = std::is_signed_v<T> ? Key(1) << (8 * sizeof(Key) - 1) : Key(0);
    return static_cast<Key>(static_cast<Key>(value) ^ sign);
  }
}

// An element of a line: entries are equal where the values are.
template <class T>
struct Entry {
  decltype(order_key(T())) key;
  std::int64_t place;
  friend bool operator<(const Entry& a, const Entry& b) noexcept { return a.key < b.key; }
};
template <class T>
bool before(const Entry<T>& a, const Entry<T>& b) noexcept {
  return a.key != b.key ? a.key < b.key : a.place < b.place;
}
template <class T>
void fill_entries(const T* line, std::int64_t n, bool descending, Entry<T>* entries) noexcept {
  for (std::int64_t i = 0; i < n; ++i) {
    const auto key = order_key(line[i]);
    entries[i] = {descending ? static_cast<decltype(order_key(T()))>(~key) : key, i};
  }
}

// The smallest element along a dimension of x that has size `k` in `shape`, or is missing there where k is 1:
// pick(line, entries, chosen) leaves the places of k elements of a line; entries is room for one line.
template <class Pick>
std::pair<Tensor, Tensor> pick_along(const Tensor& x, std::int64_t dim, std::int64_t k, const Shape& shape,
                                     Pick&& pick) {
  const Lines lines = lines_along(x, dim);
  Shape rows = impl(lines.rows).shape;
  rows[rows.size() - 1] = k;
  const Dtype dtype = impl(x).dtype;
  const Tensor values = make_tensor(rows, dtype), places = make_tensor(rows, Dtype::int64);
  if (impl(values).numel > 0)
    dispatch_all(dtype, [&]<class T>() {
      static_assert(std::is_trivially_copyable_v<Entry<T>> && sizeof(Entry<T>) == 16);
      const T* from = data<T>(lines.rows);
      const std::int64_t n = lines.size, grain = 4096 / std::max<std::int64_t>(n, 1) + 1;
      const Workspace<std::int64_t> workspace(2 * n, (lines.count + grain - 1) / grain);
      parallel_for(lines.count, grain, 16 * lines.count * n, [&](std::int64_t begin, std::int64_t end) {
        auto* entries = reinterpret_cast<Entry<T>*>(workspace.mine());
        for (std::int64_t r = begin; r < end; ++r) {
          const T* line = from + r * n;
          std::int64_t* chosen = data<std::int64_t>(places) + r * k;
          pick(line, entries, chosen);
          for (std::int64_t i = 0; i < k; ++i) data<T>(values)[r * k + i] = line[chosen[i]];
        }
      });
    });
  const auto finish = [&](const Tensor& t) {
    const Tensor moved = from_lines(t, lines.dim);
    return make_view(moved, shape, contiguous_strides(shape), impl(moved).offset);
  };
  return {make_alias(finish(values)), make_alias(finish(places))};
}

// Gives a gradient that belongs to elements at places along a dimension of input 0; kept: the dimension is still there.
void give_at(Backward& bw, Tensor places, std::int64_t dim, bool kept);
// Records values that were picked from x so, under a name.
std::pair<Tensor, Tensor> record_picked(const char* name, Here here, const Tensor& x, std::pair<Tensor, Tensor> picked,
                                        std::int64_t dim, bool kept);

}  // namespace xgrad::detail
