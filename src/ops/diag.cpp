#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/diag.hpp>
#include <xgrad/ops/join.hpp>
#include <xgrad/ops/shape.hpp>

#include <cstdlib>

#include "core/check.hpp"
#include "ops/matrices.hpp"

namespace xgrad {

using namespace detail;

Tensor trace(const Arg& x) {
  check<ShapeError>(x->dim() == 2, x.here(), "trace: expected a matrix, got {}", x->sizes());
  return x->diagonal(0, 0, 1, x.here()).sum({}, x.here());
}

Tensor diag(const Arg& x, std::int64_t diagonal) {
  check<ShapeError>(x->dim() == 1 || x->dim() == 2, x.here(), "diag: expected a vector or a matrix, got {}",
                    x->sizes());
  if (x->dim() == 1) return diagonal_matrix(x.tensor(), diagonal, x.here());
  return x->diagonal(diagonal, 0, 1, x.here()).clone(x.here());
}

Tensor diag_embed(const Arg& x, std::int64_t offset, std::int64_t dim1, std::int64_t dim2) {
  const Here here = x.here();
  check<ShapeError>(x->dim() >= 1, here, "diag_embed: expected at least one dimension, got {}", x->sizes());
  const std::int64_t rank = x->dim() + 1;
  const std::int64_t rows = wrap_dim("diag_embed", dim1, rank, here), cols = wrap_dim("diag_embed", dim2, rank, here);
  check<ValueError>(rows != cols, here, "diag_embed: dim1 and dim2 are the same dimension, {}", rows);
  const Tensor y = diagonal_matrix(x.tensor(), offset, here);
  Shape order;
  for (std::int64_t d = 0, next = 0; d < rank; ++d)
    order.push_back(d == rows ? rank - 2 : d == cols ? rank - 1 : next++);
  return y.permute(order, here);
}

Tensor block_diag(const TensorList& tensors, Here here) {
  check<ValueError>(!tensors.empty(), here, "block_diag: expected at least one tensor, got an empty list");
  TensorList blocks;
  std::int64_t width = 0;
  for (const Tensor& x : tensors) {
    if (!x.defined()) raise_undefined(here);
    check<ShapeError>(x.dim() <= 2, here, "block_diag: expected at most two dimensions, got {}", x.sizes());
    check_same_dtype("block_diag", tensors[0], x, here);
    blocks.push_back(atleast_2d({x, here}));
    width += blocks.back().size(1);
  }
  TensorList rows;
  std::int64_t before = 0;
  for (const Tensor& x : blocks) {
    const std::int64_t after = width - before - x.size(1);
    const TensorOptions options{.dtype = x.dtype()};
    rows.push_back(cat({zeros({x.size(0), before}, options), x, zeros({x.size(0), after}, options)}, 1, here));
    before += x.size(1);
  }
  return cat(rows, 0, here);
}

Tensor Tensor::trace(Here here) const { return xgrad::trace({*this, here}); }
Tensor Tensor::diag(std::int64_t diagonal, Here here) const { return xgrad::diag({*this, here}, diagonal); }

}  // namespace xgrad
