#include <xgrad/ops/compare.hpp>
#include <xgrad/ops/linalg_factor.hpp>
#include <xgrad/ops/linalg_norm.hpp>
#include <xgrad/ops/pointwise.hpp>
#include <xgrad/ops/shape.hpp>

#include <cmath>
#include <limits>

#include "ops/cofactors.hpp"
#include "ops/matrices.hpp"
#include "ops/reduce_common.hpp"

namespace xgrad::linalg {
namespace {

using namespace detail;

void check_ord(const char* op, const MatrixOrd& ord, Here here) {
  const double size = std::abs(ord.number());
  if (!ord.name().empty())
    check<ValueError>(ord.name() == "fro" || ord.name() == "nuc", here,
                      "{}: expected \"fro\", \"nuc\" or a number, got \"{}\"", op, ord.name());
  else
    check<ValueError>(size == 1 || size == 2 || std::isinf(size), here,
                      "{}: expected 1, -1, 2, -2, inf or -inf, got {}", op, ord.number());
}

// The largest of the last dimension, or the smallest.
Tensor extreme(const char* op, const Tensor& values, bool largest, Here here) {
  Shape outer = values.sizes();
  outer.erase(outer.size() - 1);
  check<ShapeError>(values.size(-1) > 0 || numel(outer) == 0, here, "{}: expected elements to take the {} of, got none",
                    op, largest ? "maximum" : "minimum");
  return largest ? values.amax(-1, false, here) : values.amin(-1, false, here);
}

// Of matrices in the last two dimensions.
Tensor norm_of_matrices(const char* op, const Tensor& a, const MatrixOrd& ord, Here here) {
  if (ord.name() == "fro") return a.norm(2, {-2, -1}, false, here);
  if (ord.name() == "nuc") return svdvals({a, here}).sum(-1, false, here);
  if (std::abs(ord.number()) == 2) return extreme(op, svdvals({a, here}), ord.number() > 0, here);
  const std::int64_t summed = std::isinf(ord.number()) ? -1 : -2;
  return extreme(op, a.norm(1, summed, false, here), ord.number() > 0, here);
}

}  // namespace

Tensor vector_norm(const Arg& x, Scalar ord, const Dims& dim, bool keepdim) {
  return norm_of("linalg::vector_norm", x.tensor(), ord.to<double>(), dim.list(), keepdim, x.here());
}

Tensor matrix_norm(const Arg& A, const MatrixOrd& ord, const Dims& dim, bool keepdim) {
  constexpr const char* name = "linalg::matrix_norm";
  const Tensor& a = A.tensor();
  const Here here = A.here();
  stack_of(name, a, here);
  check<ValueError>(dim.list().size() == 2, here, "{}: expected dim to name two dimensions, got {}", name,
                    Shape(dim.list()));
  const std::int64_t rows = wrap_dim(name, dim.list()[0], a.dim(), here);
  const std::int64_t cols = wrap_dim(name, dim.list()[1], a.dim(), here);
  check<ValueError>(rows != cols, here, "{}: both of dim are dimension {}", name, rows);
  check_ord(name, ord, here);
  Shape order;
  for (std::int64_t d = 0; d < a.dim(); ++d)
    if (d != rows && d != cols) order.push_back(d);
  order.push_back(rows);
  order.push_back(cols);
  const Tensor y = norm_of_matrices(name, a.permute(order, here), ord, here);
  return keepdim ? y.unsqueeze(std::min(rows, cols), here).unsqueeze(std::max(rows, cols), here) : y;
}

Tensor cond(const Arg& A, const MatrixOrd& p) {
  constexpr const char* name = "linalg::cond";
  const Tensor& a = A.tensor();
  const Here here = A.here();
  check_ord(name, p, here);
  const bool by_values = p.name().empty() && std::abs(p.number()) == 2;
  by_values ? stack_of(name, a, here) : square_stack_of(name, a, here);
  if (by_values) {
    const Tensor s = svdvals({a, here}), high = extreme(name, s, true, here), low = extreme(name, s, false, here);
    return p.number() > 0 ? high.div({low, here}) : low.div({high, here});
  }
  const auto [inverse, singular] = inverse_where_possible(a, here);
  return norm_of_matrices(name, a, p, here)
      .mul({norm_of_matrices(name, inverse, p, here), here})
      .masked_fill(singular, std::numeric_limits<double>::infinity(), here);
}

}  // namespace xgrad::linalg
