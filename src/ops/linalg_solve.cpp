// Inverses, systems and determinants by factors P A = L U.
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/join.hpp>
#include <xgrad/ops/linalg_solve.hpp>
#include <xgrad/ops/masked.hpp>
#include <xgrad/ops/pointwise.hpp>

#include <cmath>
#include <cstdlib>
#include <limits>

#include "kernels/copy.hpp"
#include "kernels/lapack.hpp"
#include "ops/cofactors.hpp"
#include "ops/matrices.hpp"
#include "ops/product.hpp"

namespace xgrad {
namespace detail {
namespace {

Lu factored(const Tensor& a, const Stack& stack) {
  const std::int64_t n = stack.rows;
  Lu lu{column_copy(a), make_tensor({stack.count, n}, int32), make_tensor({stack.count}, int32)};
  fill_elements(lu.zero_pivots, 0);
  if (n == 0) return lu;
  dispatch_floating(impl(a).dtype, [&]<class T>() {
    for_matrices(stack.count, n * n * n, [&](std::int64_t i) {
      data<std::int32_t>(lu.zero_pivots)[i] =
          lapack::getrf(n, data<T>(lu.factors) + i * n * n, data<std::int32_t>(lu.pivots) + i * n);
    });
  });
  return lu;
}

void check_invertible(const char* op, const Lu& lu, const Stack& stack, Here here) {
  for (std::int64_t i = 0; i < stack.count; ++i) {
    const std::int32_t pivot = data<std::int32_t>(lu.zero_pivots)[i];
    check<ValueError>(pivot == 0, here, "{}: expected an invertible matrix, got a singular one{}: pivot {} is 0", op,
                      matrix_number(stack, i), pivot);
  }
}

// X = op(A)^-1 B by the factors:  dB = op(A)^-T dX, d op(A) = -dB X^T
Tensor solved(const char* name, Here here, const Tensor& a, const Lu& lu, const Tensor& b, bool transpose) {
  const Shape &left = impl(a).shape, &right = impl(b).shape;
  const std::int64_t n = left.back(), columns = right.back();
  Shape shape =
      broadcast_shapes(name, Shape(left.data(), left.size() - 2), Shape(right.data(), right.size() - 2), here);
  shape.push_back(n);
  shape.push_back(columns);
  Tensor x = make_columns(shape, impl(a).dtype);
  copy_elements(x, b);
  if (impl(x).numel > 0) {
    dispatch_floating(impl(a).dtype, [&]<class T>() {
      for_matrices(impl(x).numel / (n * columns), n * n * columns, [&](std::int64_t i) {
        const std::int64_t matrix = stack_offset(lu.factors, shape, i) / (n * n);
        lapack::getrs(transpose, n, columns, data<T>(lu.factors) + matrix * n * n,
                      data<std::int32_t>(lu.pivots) + matrix * n, data<T>(x) + i * n * columns);
      });
    });
  }
  x = dense(x);
  return record(name, here, x, {&a, &b}, [&] {
    return [name, a = Saved(a), x = Saved::output(x), lu, transpose](Backward& bw) {
      const Tensor gb = solved(name, bw.here(), bw.load(a), lu, bw.grad(), !transpose);
      if (bw.needs(0)) {
        const Tensor y = bw.load(x);
        bw.give(
            0,
            (transpose ? times(bw.here(), y, gb, false, true) : times(bw.here(), gb, y, false, true)).neg(bw.here()));
      }
      if (bw.needs(1)) bw.give(1, gb);
    };
  });
}

Tensor inverted(const char* name, const Tensor& a, Here here) {
  const Stack stack = square_stack_of(name, a, here);
  const Lu lu = factored(a, stack);
  check_invertible(name, lu, stack, here);
  return solved(name, here, a, lu, identity(stack.rows, impl(a).dtype), false);
}

// A pivot that is 0 becomes as small as rounding could have left it.
template <class T>
void lift_zero_pivots(const Lu& lu, const Stack& stack) {
  const std::int64_t n = stack.rows;
  for (std::int64_t i = 0; i < stack.count; ++i) {
    if (data<std::int32_t>(lu.zero_pivots)[i] == 0) continue;
    T* from = data<T>(lu.factors) + i * n * n;
    T largest = 0;
    for (std::int64_t k = 0; k < n; ++k) largest = std::max(largest, std::abs(from[k * (n + 1)]));
    for (std::int64_t k = 0; k < n; ++k)
      if (T& pivot = from[k * (n + 1)]; pivot == 0)
        pivot = std::numeric_limits<T>::epsilon() * (largest > 0 ? largest : T(1));
  }
}

// sign and pivots of each matrix: f(index, sign of the permutation, pointer to the first pivot, step).
template <class T, class F>
void each_diagonal(const Lu& lu, const Stack& stack, F f) {
  const std::int64_t n = stack.rows;
  for (std::int64_t i = 0; i < stack.count; ++i) {
    const std::int32_t* pivots = data<std::int32_t>(lu.pivots) + i * n;
    double sign = 1;
    for (std::int64_t k = 0; k < n; ++k)
      if (pivots[k] != k + 1) sign = -sign;
    f(i, sign, data<T>(lu.factors) + i * n * n, n + 1);
  }
}

// Whether det A inv(A)^T is precise, at second order too.
template <class T>
bool is_regular(const Lu& lu, const Stack& stack) {
  bool regular = true;
  const T least = std::cbrt(std::numeric_limits<T>::epsilon());
  each_diagonal<T>(lu, stack, [&](std::int64_t, double, const T* pivot, std::int64_t step) {
    T low = std::numeric_limits<T>::infinity(), high = 0;
    for (std::int64_t k = 0; k < stack.rows; ++k) {
      low = std::min(low, std::abs(pivot[k * step]));
      high = std::max(high, std::abs(pivot[k * step]));
    }
    if (stack.rows > 0 && low <= least * high) regular = false;
  });
  return regular;
}

}  // namespace

Tensor cofactors_by_inverse(const Tensor& a, Here here) {
  const Stack stack = square_stack_of("det", a, here);
  const Lu lu = factored(a, stack);
  const Tensor d = determinant(a, here);
  return solved("det", here, a, lu, d.mul({identity(stack.rows, impl(a).dtype), here}), true);
}

bool has_regular_factors(const Tensor& a) {
  const Stack stack = square_stack_of("det", a, {});
  const Lu lu = factored(a, stack);
  return dispatch_floating(impl(a).dtype, [&]<class T>() { return is_regular<T>(lu, stack); });
}

// d = det A = +-prod u_kk; dA = dd C with the cofactors C, which are d A^-T where A is regular. Of one and two rows it
// is the polynomial.
Tensor determinant(const Tensor& a, Here here) {
  const Stack stack = square_stack_of("det", a, here);
  if (stack.rows == 1 || stack.rows == 2) {
    const auto element = [&](std::int64_t i, std::int64_t j) { return a.select(-2, i, here).select(-1, j, here); };
    if (stack.rows == 1) return element(0, 0).clone(here);
    return element(0, 0).mul({element(1, 1), here}).sub({element(0, 1).mul({element(1, 0), here}), here});
  }
  const Lu lu = factored(a, stack);
  Tensor d = make_tensor(stack.batch, impl(a).dtype);
  const bool regular = dispatch_floating(impl(a).dtype, [&]<class T>() {
    each_diagonal<T>(lu, stack, [&](std::int64_t i, double product, const T* pivot, std::int64_t step) {
      for (std::int64_t k = 0; k < stack.rows; ++k) product *= static_cast<double>(pivot[k * step]);
      data<T>(d)[i] = static_cast<T>(product);
    });
    return is_regular<T>(lu, stack);
  });
  return record("det", here, d, {&a}, [&] {
    return [a = Saved(a), d = Saved::output(d), lu, n = stack.rows, regular](Backward& bw) {
      const Here here = bw.here();
      const Tensor matrix = bw.load(a), g = bw.grad().unsqueeze(-1, here).unsqueeze(-1, here);
      if (!regular) return bw.give(0, cofactors(matrix, here).mul({g, here}));
      const Tensor scale = bw.load(d).unsqueeze(-1, here).unsqueeze(-1, here).mul({g, here});
      bw.give(0, solved("det", here, matrix, lu, identity(n, matrix.dtype()).mul({scale, here}), true));
    };
  });
}

std::pair<Tensor, Tensor> inverse_where_possible(const Tensor& a, Here here) {
  const Stack stack = square_stack_of("inv", a, here);
  const Lu lu = factored(a, stack);
  const Tensor singular = lu.zero_pivots.to(bool_).reshape(stack.batch);
  dispatch_floating(impl(a).dtype, [&]<class T>() { lift_zero_pivots<T>(lu, stack); });
  return {solved("inv", here, a, lu, identity(stack.rows, impl(a).dtype), false), singular};
}

}  // namespace detail

using namespace detail;

Tensor det(const Arg& A) { return determinant(A.tensor(), A.here()); }

// l = log |det A| = sum log |u_kk|: dA = dl A^-T; the sign is constant.
std::pair<Tensor, Tensor> slogdet(const Arg& A) {
  const Tensor& a = A.tensor();
  const Here here = A.here();
  const Stack stack = square_stack_of("slogdet", a, here);
  const Lu lu = factored(a, stack);
  const Tensor sign = make_tensor(stack.batch, impl(a).dtype), l = make_tensor(stack.batch, impl(a).dtype);
  dispatch_floating(impl(a).dtype, [&]<class T>() {
    each_diagonal<T>(lu, stack, [&](std::int64_t i, double s, const T* pivot, std::int64_t step) {
      double sum = 0;
      for (std::int64_t k = 0; k < stack.rows; ++k) {
        const auto u = static_cast<double>(pivot[k * step]);
        s *= std::isnan(u) ? u : static_cast<double>((u > 0) - (u < 0));
        sum += std::log(std::abs(u));
      }
      data<T>(sign)[i] = static_cast<T>(s == 0 ? 0 : s);
      data<T>(l)[i] = static_cast<T>(sum);
    });
  });
  record("slogdet", here, TensorList{sign, l}, {&a}, [&] {
    dispatch_floating(impl(a).dtype, [&]<class T>() { lift_zero_pivots<T>(lu, stack); });
    return [a = Saved(a), lu, n = stack.rows](Backward& bw) {
      const Here here = bw.here();
      const Tensor matrix = bw.load(a);
      if (!bw.grad(1).defined()) return bw.give(0, zeros_like(matrix));
      const Tensor g = bw.grad(1).unsqueeze(-1, here).unsqueeze(-1, here);
      bw.give(0, solved("slogdet", here, matrix, lu, identity(n, matrix.dtype()).mul({g, here}), true));
    };
  });
  return {sign, l};
}

Tensor logdet(const Arg& A) {
  square_stack_of("logdet", A.tensor(), A.here());
  const auto [sign, l] = slogdet(A);
  return l.masked_fill(sign.lt({0, A.here()}), std::numeric_limits<double>::quiet_NaN(), A.here());
}

Tensor inverse(const Arg& A) { return inverted("inverse", A.tensor(), A.here()); }

namespace linalg {

Tensor inv(const Arg& A) { return inverted("linalg::inv", A.tensor(), A.here()); }

Tensor solve(const Arg& A, const Arg& B, const SolveOptions& options) {
  constexpr const char* name = "linalg::solve";
  const Here here = A.here();
  const Tensor &a = A.tensor(), &b = B.tensor();
  const Stack stack = square_stack_of(name, a, here);
  check_same_dtype(name, a, b, here);
  const bool vector = is_vector_side(a, b);
  check<ShapeError>(vector || b.dim() >= 2, here, "{}: expected a right-hand side of vectors or matrices, got {}", name,
                    b.sizes());
  const Tensor matrix = vector ? b.unsqueeze(-1, here) : options.left ? b : transposed(b, here);
  check<ShapeError>(matrix.size(-2) == stack.rows, here, "{}: sizes differ: A is {}, B is {}", name, a.sizes(),
                    b.sizes());
  broadcast_shapes(name, stack.batch, Shape(impl(matrix).shape.data(), impl(matrix).shape.size() - 2), here);
  const Lu lu = factored(a, stack);
  check_invertible(name, lu, stack, here);
  const Tensor x = solved(name, here, a, lu, matrix, !options.left && !vector);
  return vector ? x.squeeze(-1, here) : options.left ? x : transposed(x, here);
}

}  // namespace linalg
Tensor Tensor::det(Here here) const { return xgrad::det({*this, here}); }
Tensor Tensor::inverse(Here here) const { return xgrad::inverse({*this, here}); }

}  // namespace xgrad
