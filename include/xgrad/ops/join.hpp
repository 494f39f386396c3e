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
// select(dim, k) for every k. Views.
TensorList unbind(const Arg& x, std::int64_t dim = 0);

// One-dimensional (or 0-d) tensors [n_0], [n_1], ... as coordinates of a grid: k views of shape [n_0, n_1, ...], the
// k-th constant along all dimensions but k. indexing "xy" exchanges the first two dimensions. ValueError for any other.
TensorList meshgrid(const TensorList& tensors, const std::string& indexing = "ij", Here here = {});

}  // namespace xgrad
