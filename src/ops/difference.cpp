// Differences and integrals along a dimension: linear, in views and arithmetic.
#include <xgrad/ops/difference.hpp>
#include <xgrad/ops/join.hpp>
#include <xgrad/ops/pointwise.hpp>
#include <xgrad/ops/reduce.hpp>

#include "core/check.hpp"

namespace xgrad {
namespace {

using namespace detail;

std::int64_t line_dim(const char* name, const Arg& x, std::int64_t dim) {
  check<ShapeError>(x->dim() > 0, x.here(), "{}: expected at least one dimension, got {}", name, x->sizes());
  return wrap_dim(name, dim, x->dim(), x.here());
}

// All but the last (first) `n` elements; none of fewer.
Tensor without_last(const Tensor& x, std::int64_t n, std::int64_t dim, Here here) {
  return x.narrow(dim, 0, std::max<std::int64_t>(x.size(dim) - n, 0), here);
}
Tensor without_first(const Tensor& x, std::int64_t n, std::int64_t dim, Here here) {
  const std::int64_t start = std::min(n, x.size(dim));
  return x.narrow(dim, start, x.size(dim) - start, here);
}

// ---- trapezoid

// (y[i] + y[i + 1]) d[i] / 2
Tensor areas(const Tensor& y, const Operand& distances, std::int64_t dim, Here here) {
  const Tensor sums = without_last(y, 1, dim, here).add({without_first(y, 1, dim, here), here});
  return sums.mul(distances).mul({0.5, here});
}

Tensor areas(const char* name, const Arg& y, const Arg& x, std::int64_t dim) {
  const Here here = y.here();
  const std::int64_t n = y->size(dim);
  Shape shape = x->sizes();
  if (shape.size() == 1) {
    shape = Shape(static_cast<std::size_t>(y->dim()), 1);
    shape[static_cast<std::size_t>(dim)] = x->numel();
  }
  while (shape.size() < static_cast<std::size_t>(y->dim())) shape.insert(0, 1);
  check<ShapeError>(shape.size() == static_cast<std::size_t>(y->dim()) && shape[static_cast<std::size_t>(dim)] == n,
                    here, "{}: expected an x of size {} along dimension {} of {}, got {}", name, n, dim, y->sizes(),
                    x->sizes());
  broadcast_shapes(name, y->sizes(), shape, here);
  const Tensor places = x->reshape(shape, here);
  const Tensor distances = without_first(places, 1, dim, here).sub({without_last(places, 1, dim, here), here});
  return areas(y.tensor(), {distances, here}, dim, here);
}

}  // namespace

Tensor diff(const Arg& x, std::int64_t n, std::int64_t dim, const Tensor& prepend, const Tensor& append) {
  const Here here = x.here();
  dim = line_dim("diff", x, dim);
  check<ValueError>(n >= 0, here, "diff: expected an n of at least 0, got {}", n);
  for (const Tensor* more : {&prepend, &append}) {
    if (!more->defined()) continue;
    bool fits = more->dim() == x->dim();
    for (std::int64_t d = 0; fits && d < x->dim(); ++d) fits = d == dim || more->size(d) == x->size(d);
    check<ShapeError>(fits, here, "diff: expected {} to append to along dimension {} only, got {}", x->sizes(), dim,
                      more->sizes());
  }
  if (n == 0) return x->clone(here);
  TensorList parts;
  for (const Tensor& part : {prepend, x.tensor(), append})
    if (part.defined()) parts.push_back(part);
  Tensor result = parts.size() == 1 ? x.tensor() : cat(parts, dim, here);
  const bool truths = result.dtype() == bool_;
  for (std::int64_t times = std::min(n, result.size(dim)); times > 0; --times) {
    const Tensor next = without_first(result, 1, dim, here), before = without_last(result, 1, dim, here);
    result = truths ? next.ne({before, here}) : next.sub({before, here});
  }
  return result;
}

Tensor trapezoid(const Arg& y, const TrapezoidOptions& options) {
  const std::int64_t dim = line_dim("trapezoid", y, options.dim);
  return areas(y.tensor(), {options.dx, y.here()}, dim, y.here()).sum(dim, false, y.here());
}
Tensor trapezoid(const Arg& y, const Arg& x, std::int64_t dim) {
  dim = line_dim("trapezoid", y, dim);
  return areas("trapezoid", y, x, dim).sum(dim, false, y.here());
}
Tensor cumulative_trapezoid(const Arg& y, const TrapezoidOptions& options) {
  const std::int64_t dim = line_dim("cumulative_trapezoid", y, options.dim);
  return areas(y.tensor(), {options.dx, y.here()}, dim, y.here()).cumsum(dim, y.here());
}
Tensor cumulative_trapezoid(const Arg& y, const Arg& x, std::int64_t dim) {
  dim = line_dim("cumulative_trapezoid", y, dim);
  return areas("cumulative_trapezoid", y, x, dim).cumsum(dim, y.here());
}

}  // namespace xgrad
