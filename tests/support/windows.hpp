// Windows over lines, images and volumes for the table's oracles: any number of dimensions, plain loops.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "support/op_table.hpp"

namespace table {

// A list that has a value for each dimension.
struct Window {
  Index size, stride, padding, dilation;
  // Windows of one size, moved by as much; the rest as given.
  static Window side_by_side(const Index& size) { return {size, size, Index(size.size(), 0), Index(size.size(), 1)}; }
  static Window dense(const Index& size) {
    return {size, Index(size.size(), 1), Index(size.size(), 0), Index(size.size(), 1)};
  }
  std::size_t rank() const { return size.size(); }
  std::int64_t count(std::size_t d, std::int64_t n) const {
    return (n + 2 * padding[d] - dilation[d] * (size[d] - 1) - 1) / stride[d] + 1;
  }
};

// All indices below `sizes`, in row-major order.
inline void each_index(const Index& sizes, const std::function<void(const Index&)>& f) {
  std::int64_t total = 1;
  for (std::int64_t n : sizes) total *= n;
  for (std::int64_t i = 0; i < total; ++i) {
    Index index(sizes.size());
    std::int64_t rest = i;
    for (std::size_t d = sizes.size(); d-- > 0; rest /= sizes[d]) index[d] = rest % sizes[d];
    f(index);
  }
}
// f(place in the input, place in the window) for the elements of window `at` that lie inside the input.
inline void visit(const Window& w, const Index& at, const Index& sizes,
                  const std::function<void(const Index&, const Index&)>& f) {
  each_index(w.size, [&](const Index& k) {
    Index place;
    for (std::size_t d = 0; d < at.size(); ++d) {
      place.push_back(at[d] * w.stride[d] + k[d] * w.dilation[d] - w.padding[d]);
      if (place[d] < 0 || place[d] >= sizes[d]) return;
    }
    f(place, k);
  });
}

inline Index joined(Index a, const Index& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}
inline Index last(const Index& index, std::size_t count) {
  return {index.end() - static_cast<std::ptrdiff_t>(count), index.end()};
}
inline Index last(const Shape& shape, std::size_t count) { return {shape.end() - count, shape.end()}; }

// An oracle of [N, C, ...] as one that takes [C, ...], a batch of one, as well.
inline Oracle batched(std::size_t rank, Oracle oracle) {
  return [=](Arrays in) {
    const bool single = in[0].shape.size() == rank + 1;
    if (single) in[0].shape.insert(0, 1);
    Arrays out = oracle(in);
    if (single)
      for (Array& y : out) y.shape.erase(0);
    return out;
  };
}

}  // namespace table
