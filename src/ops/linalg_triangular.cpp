// Triangular systems and the Cholesky factor.
#include <xgrad/ops/linalg_solve.hpp>
#include <xgrad/ops/rearrange.hpp>

#include "kernels/copy.hpp"
#include "kernels/lapack.hpp"
#include "ops/matrices.hpp"
#include "ops/product.hpp"

namespace xgrad {
namespace detail {
namespace {

// The shape of op(A)^-1 B: ShapeError where sizes do not fit.
Shape triangle_shape(const char* name, Here here, const Tensor& a, const Tensor& b, bool left) {
  const Stack stack = square_stack_of(name, a, here);
  check_same_dtype(name, a, b, here);
  const Stack side = stack_of(name, b, here);
  check<ShapeError>((left ? side.rows : side.cols) == stack.rows, here, "{}: sizes differ: A is {}, B is {}", name,
                    a.sizes(), b.sizes());
  Shape shape = broadcast_shapes(name, stack.batch, side.batch, here);
  shape.push_back(side.rows);
  shape.push_back(side.cols);
  return shape;
}

}  // namespace

// X = op(A)^-1 B:  dB = op(A)^-T dX, d op(A) = -dB X^T, of which the triangle counts.
// X = B op(A)^-1:  dB = dX op(A)^-T, d op(A) = -X^T dB
Tensor solve_triangle(const char* name, Here here, const Tensor& a, const Tensor& b, TriangleFlags flags) {
  const Shape shape = triangle_shape(name, here, a, b, flags.left);
  const std::int64_t rows = shape[shape.size() - 2], cols = shape.back();
  const Tensor x = make_tensor(shape, impl(a).dtype), triangle = blas_ready(a);
  copy_elements(x, b);
  if (impl(x).numel > 0) {
    dispatch_floating(impl(a).dtype, [&]<class T>() {
      const Shape& strides = impl(triangle).strides;
      const std::int64_t row = strides[strides.size() - 2], col = strides.back();
      for_matrices(impl(x).numel / (rows * cols), rows * cols * impl(a).shape.back(), [&](std::int64_t i) {
        const lapack::Triangle<T> t{data<T>(triangle) + stack_offset(triangle, shape, i), row, col, flags.upper,
                                    flags.unit};
        lapack::trsm(t, flags.left, flags.transposed, rows, cols, data<T>(x) + i * rows * cols);
      });
    });
  }
  return record(name, here, x, {&a, &b}, [&] {
    return [name, a = Saved(a), x = Saved::output(x), flags](Backward& bw) {
      const Here here = bw.here();
      TriangleFlags adjoint = flags;
      adjoint.transposed = !flags.transposed;
      const Tensor gb = solve_triangle(name, here, bw.load(a), bw.grad(), adjoint);
      if (bw.needs(0)) {
        const Tensor y = bw.load(x);
        const bool swapped = flags.left == flags.transposed;
        const Tensor &first = swapped ? y : gb, &second = swapped ? gb : y;
        const Tensor full = times(here, first, second, !flags.left, flags.left).neg(here);
        const std::int64_t edge = flags.unit ? 1 : 0;
        bw.give(0, flags.upper ? full.triu(edge, here) : full.tril(-edge, here));
      }
      if (bw.needs(1)) bw.give(1, gb);
    };
  });
}

namespace {

// A = L L^T: with P the lower triangle of L^T dL, its diagonal halved, dA = L^-T (P + P^T) L^-1 / 2
Tensor lower_factor(const char* name, const Tensor& a, Here here) {
  const Stack stack = square_stack_of(name, a, here);
  const std::int64_t n = stack.rows;
  const Tensor l = row_copy(a), minors = make_tensor({stack.count}, int32);
  fill_elements(minors, 0);
  if (n > 0) {
    dispatch_floating(impl(a).dtype, [&]<class T>() {
      for_matrices(stack.count, n * n * n, [&](std::int64_t i) {
        T* matrix = data<T>(l) + i * n * n;
        // What lies row by row is the upper triangle to LAPACK.
        data<std::int32_t>(minors)[i] = lapack::potrf(true, n, matrix);
        for (std::int64_t r = 0; r < n; ++r) std::fill(matrix + r * n + r + 1, matrix + (r + 1) * n, T(0));
      });
    });
  }
  for (std::int64_t i = 0; i < stack.count; ++i) {
    const std::int32_t order = data<std::int32_t>(minors)[i];
    check<ValueError>(
        order == 0, here,
        "{}: expected a positive definite matrix, got one{} whose leading minor of order {} is not positive", name,
        matrix_number(stack, i), order);
  }
  return record(name, here, l, {&a}, [&] {
    return [l = Saved::output(l)](Backward& bw) {
      const Here here = bw.here();
      const Tensor factor = bw.load(l), p = times(here, factor, bw.grad(), true);
      const Tensor both = p.tril(0, here).add({transposed(p.tril(-1, here), here), here}).mul({0.5, here});
      const Tensor half = solve_triangle("linalg::cholesky", here, factor, both, {.transposed = true});
      bw.give(0, solve_triangle("linalg::cholesky", here, factor, half, {.left = false}));
    };
  });
}

}  // namespace
}  // namespace detail

using namespace detail;

Tensor cholesky_solve(const Arg& B, const Arg& L, bool upper) {
  constexpr const char* name = "cholesky_solve";
  const Tensor half = solve_triangle(name, B.here(), L.tensor(), B.tensor(), {.upper = upper, .transposed = upper});
  return solve_triangle(name, B.here(), L.tensor(), half, {.upper = upper, .transposed = !upper});
}

namespace linalg {

Tensor solve_triangular(const Arg& A, const Arg& B, const SolveTriangularOptions& o) {
  return solve_triangle("linalg::solve_triangular", A.here(), A.tensor(), B.tensor(),
                        {.upper = o.upper, .left = o.left, .transposed = false, .unit = o.unitriangular});
}

Tensor cholesky(const Arg& A, const CholeskyOptions& options) {
  constexpr const char* name = "linalg::cholesky";
  if (!options.upper) return lower_factor(name, A.tensor(), A.here());
  square_stack_of(name, A.tensor(), A.here());
  return transposed(lower_factor(name, transposed(A.tensor(), A.here()), A.here()), A.here());
}

}  // namespace linalg
}  // namespace xgrad
