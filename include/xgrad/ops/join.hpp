// Several tensors into one, and one into several.
//
// Errors: ShapeError where sizes differ that must agree, DtypeError for float32 beside float64 (other mixtures meet as
// in arithmetic), ValueError for an empty list, IndexError for a dimension out of range.
#pragma once
#include <xgrad/tensor.hpp>

#include <cstdint>
#include <string>

namespace xgrad {

// One behind the other along dimension dim; all other sizes agree. Empty tensors of shape [0] are passed over.
// The gradient of each is its part.
Tensor cat(const TensorList& tensors, std::int64_t dim = 0, Here here = {});
Tensor concatenate(const TensorList& tensors, std::int64_t dim = 0, Here here = {});
// Tensors of one shape side by side along a new dimension: result.select(dim, k) is tensors[k].
Tensor stack(const TensorList& tensors, std::int64_t dim = 0, Here here = {});
// cat along dimension 1 (0 for one-dimensional tensors), each at least [1].
Tensor hstack(const TensorList& tensors, Here here = {});
// cat along dimension 0, each at least [1, n].
Tensor vstack(const TensorList& tensors, Here here = {});

// The parts of size `size` along dimension dim, the last one smaller where it does not divide. Views. ValueError unless
// size is positive (0 is allowed for a dimension of size 0).
TensorList split(const Arg& x, std::int64_t size, std::int64_t dim = 0);
// Parts of the given sizes, which add up to the size of dimension dim. Views.
TensorList split(const Arg& x, const Shape& sizes, std::int64_t dim = 0);
// At most `chunks` parts of size ceil(n / chunks) along dimension dim. Views.
TensorList chunk(const Arg& x, std::int64_t chunks, std::int64_t dim = 0);
// `sections` parts along dimension dim, the first n mod sections of them one larger than the others. Views.
TensorList tensor_split(const Arg& x, std::int64_t sections, std::int64_t dim = 0);
// The parts that begin at 0 and at each index and end before the next index, as slices: slice(dim, 0, i), slice(dim, i,
// j), ..., slice(dim, j). Views.
TensorList tensor_split(const Arg& x, const Shape& indices, std::int64_t dim = 0);
// tensor_split along dimension 1 (0 for one-dimensional tensors), along dimension 0 of at least two, along dimension 2
// of at least three. ValueError for a number of sections that does not divide the size.
TensorList hsplit(const Arg& x, std::int64_t sections);
TensorList hsplit(const Arg& x, const Shape& indices);
TensorList vsplit(const Arg& x, std::int64_t sections);
TensorList vsplit(const Arg& x, const Shape& indices);
TensorList dsplit(const Arg& x, std::int64_t sections);
TensorList dsplit(const Arg& x, const Shape& indices);
// select(dim, k) for every k. Views.
TensorList unbind(const Arg& x, std::int64_t dim = 0);

// One-dimensional (or 0-d) tensors [n_0], [n_1], ... as coordinates of a grid: k views of shape [n_0, n_1, ...], the
// k-th constant along all dimensions but k. indexing "xy" exchanges the first two dimensions. ValueError for any other.
TensorList meshgrid(const TensorList& tensors, const std::string& indexing = "ij", Here here = {});

// Every choice of one element from each of k one-dimensional tensors, [n_0 n_1 ..., k], the last one varying fastest. A
// single tensor is returned itself.
Tensor cartesian_prod(const TensorList& tensors, Here here = {});
// Every choice of r elements of x [n] in their order, without or with repetition, in lexicographic order of their
// indices: [C, r]; [0] for r = 0.
Tensor combinations(const Arg& x, std::int64_t r = 2, bool with_replacement = false);

}  // namespace xgrad
