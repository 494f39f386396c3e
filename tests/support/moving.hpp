// Oracles of operations that move elements.
#pragma once
#include <functional>
#include <vector>

#include "support/op_table.hpp"

namespace table {

using Sizes = std::function<Shape(const Shape&)>;

// The same numbers in the same order under another shape.
inline Oracle reshaped(Sizes shape) {
  return [=](const Arrays& in) { return Arrays{{shape(in[0].shape), in[0].values}}; };
}
// Element `index` of the result is element from(index, shape of the argument) of the argument.
inline Oracle moved(Sizes shape, std::function<Index(Index, const Shape&)> from) {
  return indexed([=](const Arrays& in) { return shape(in[0].shape); },
                 [=](const Arrays& in, const Index& index) { return at(in[0], from(index, in[0].shape)); });
}
inline Shape same(const Shape& shape) { return shape; }
inline Oracle expanded(Shape to) {
  return moved([=](const Shape&) { return to; },
               [](const Index& index, const Shape& shape) {
                 Index own;
                 for (std::size_t d = 0; d < shape.size(); ++d)
                   own.push_back(shape[d] == 1 ? 0 : index[index.size() - shape.size() + d]);
                 return own;
               });
}
// Several results, each with an oracle of its own.
inline Oracle together(std::vector<Oracle> parts) {
  return [=](const Arrays& in) {
    Arrays all;
    for (const Oracle& part : parts) all.push_back(part(in)[0]);
    return all;
  };
}
inline Shape without(Shape shape, std::size_t dim) {
  shape.erase(dim);
  return shape;
}
inline Shape with(Shape shape, std::size_t dim, std::int64_t size) {
  shape[dim] = size;
  return shape;
}
inline Sizes sized(std::size_t dim, std::int64_t size) {
  return [=](const Shape& shape) { return with(shape, dim, size); };
}
// Elements begin, begin + 1, ... of dimension dim.
inline Oracle range(std::size_t dim, std::int64_t begin, std::int64_t size) {
  return moved(sized(dim, size), [=](Index index, const Shape&) {
    index[dim] += begin;
    return index;
  });
}
inline Oracle selected(std::size_t dim, std::int64_t which) {
  return moved([=](const Shape& shape) { return without(shape, dim); },
               [=](Index index, const Shape&) {
                 index.insert(index.begin() + static_cast<std::ptrdiff_t>(dim), which);
                 return index;
               });
}
// One array behind the other along a dimension.
inline Oracle joined(std::size_t dim) {
  return indexed(
      [=](const Arrays& in) {
        std::int64_t size = 0;
        for (const Array& x : in) size += x.shape[dim];
        return with(in[0].shape, dim, size);
      },
      [=](const Arrays& in, Index index) {
        std::size_t k = 0;
        while (index[dim] >= in[k].shape[dim]) index[dim] -= in[k++].shape[dim];
        return at(in[k], index);
      });
}

}  // namespace table
