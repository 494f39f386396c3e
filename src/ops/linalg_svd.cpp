// Singular values, and the least-squares solutions that they give.
#include <xgrad/ops/compare.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/linalg_factor.hpp>
#include <xgrad/ops/masked.hpp>
#include <xgrad/ops/pointwise.hpp>
#include <xgrad/ops/reduce.hpp>
#include <xgrad/ops/shape.hpp>

#include <limits>

#include "kernels/copy.hpp"
#include "kernels/lapack.hpp"
#include "kernels/workspace.hpp"
#include "ops/matrices.hpp"
#include "ops/spectrum.hpp"

namespace xgrad {
namespace detail {
namespace {

using lapack::Vectors;

struct Singular {
  Tensor u, s, vh;
};

// Row by row, A is A^T = V diag(s) U^T to LAPACK, whose results lie row by row as U and V^T.
Singular singular(const char* op, const Tensor& a, const Stack& stack, Vectors vectors, Here here) {
  check_finite(op, a, here);
  const std::int64_t m = stack.rows, n = stack.cols, k = std::min(m, n);
  const Dtype dtype = impl(a).dtype;
  const std::int64_t u_cols = vectors == Vectors::all ? m : k, v_rows = vectors == Vectors::all ? n : k;
  Singular result{{}, make_tensor(stack.with(k), dtype), {}};
  if (vectors != Vectors::none) {
    result.u = make_tensor(stack.with(m, u_cols), dtype);
    result.vh = make_tensor(stack.with(v_rows, n), dtype);
  }
  if (k == 0) {
    if (vectors == Vectors::all) {
      copy_elements(result.u, identity(m, dtype));
      copy_elements(result.vh, identity(n, dtype));
    }
    return result;
  }
  const Tensor from = row_copy(a), infos = make_tensor({stack.count}, int32);
  dispatch_floating(dtype, [&]<class T>() {
    const lapack::Work size = lapack::gesdd_work<T>(vectors, n, m);
    const Workspace<T> reals(size.reals);
    const Workspace<std::int32_t> integers(size.integers);
    for_matrices(stack.count, 16 * m * n * k, [&](std::int64_t i) {
      T* u = vectors == Vectors::none ? nullptr : data<T>(result.u) + i * m * u_cols;
      T* vh = vectors == Vectors::none ? nullptr : data<T>(result.vh) + i * v_rows * n;
      data<std::int32_t>(infos)[i] = lapack::gesdd(vectors, n, m, data<T>(from) + i * m * n, data<T>(result.s) + i * k,
                                                   vh, u, reals.mine(), integers.mine(), size);
    });
  });
  for (std::int64_t i = 0; i < stack.count; ++i)
    check<ValueError>(data<std::int32_t>(infos)[i] == 0, here, "{}: the iteration did not converge{}", op,
                      matrix_number(stack, i));
  return result;
}

// (1 - Q Q^T) X
Tensor outside(const Tensor& q, const Tensor& x, Here here) {
  return x.sub({times(here, q, times(here, q, x, true)), here});
}

// A = U diag(s) V^T. With a = U^T dU - dU^T U and b = V^T dV - dV^T V,
//   dA = U (diag(ds) + K) V^T + (1 - U U^T) dU diag(1/s) V^T + U diag(1/s) dV^T (1 - V V^T),
//   K_ij = (s_j a_ij + s_i b_ij) / (s_j^2 - s_i^2) = (a + b)_ij / 2 (s_j - s_i) + (a - b)_ij / 2 (s_j + s_i)
// The second form of K loses no digits where singular values are close and a + b is 0, as for U V^T.
Tensor singular_gradient(const Tensor& u, const Tensor& s, const Tensor& vh, const Tensor& gu, const Tensor& gs,
                         const Tensor& gvh, Here here) {
  if (!gu.defined() && !gvh.defined()) return times(here, scale_columns(here, u, gs), vh);
  const Tensor a = gu.defined() ? skew(times(here, u, gu, true), here) : Tensor();
  const Tensor b = gvh.defined() ? skew(times(here, vh, gvh, false, true), here) : Tensor();
  const Tensor plus = a.defined() && b.defined() ? a.add({b, here}) : a.defined() ? a : b;
  const Tensor minus = a.defined() && b.defined() ? a.sub({b, here}) : a.defined() ? a : b.neg(here);
  const Tensor sums = s.unsqueeze(-2, here).add({s.unsqueeze(-1, here), here});
  Tensor inner = quotient(plus, differences(s, here), here).add({quotient(minus, sums, here), here}).mul({0.5, here});
  if (gs.defined()) inner = inner.add({diagonal_matrix(gs, 0, here), here});
  Tensor left = times(here, u, inner);
  if (gu.defined() && u.size(-2) > u.size(-1))
    left = left.add({quotient(outside(u, gu, here), s.unsqueeze(-2, here).expand_as(gu, here), here), here});
  Tensor result = times(here, left, vh);
  if (gvh.defined() && vh.size(-1) > vh.size(-2)) {
    const Tensor rest = transposed(outside(transposed(vh, here), transposed(gvh, here), here), here);
    const Tensor scaled = quotient(rest, s.unsqueeze(-1, here).expand_as(rest, here), here);
    result = result.add({times(here, u, scaled), here});
  }
  return result;
}

Singular singular_recorded(const char* name, const Tensor& a, bool full, Here here) {
  const Stack stack = stack_of(name, a, here);
  const Singular f = singular(name, a, stack, full ? Vectors::all : Vectors::thin, here);
  record(name, here, TensorList{f.u, f.s, f.vh}, {&a}, [&] {
    return [u = Saved::output(f.u, 0), s = Saved::output(f.s, 1), vh = Saved::output(f.vh, 2),
            k = std::min(stack.rows, stack.cols)](Backward& bw) {
      const Here here = bw.here();
      if (!bw.grad(0).defined() && !bw.grad(1).defined() && !bw.grad(2).defined()) return;
      const auto first = [&](const Tensor& x, std::int64_t dim) { return x.defined() ? x.narrow(dim, 0, k, here) : x; };
      bw.give(0, singular_gradient(first(bw.load(u), -1), bw.load(s), first(bw.load(vh), -2), first(bw.grad(0), -1),
                                   bw.grad(1), first(bw.grad(2), -2), here));
    };
  });
  return f;
}

// Which values count as more than 0: bool [..., k].
Tensor counted(const Tensor& sizes, const Stack& stack, const linalg::RankOptions& o) {
  const double epsilon = sizes.dtype() == float64 ? std::numeric_limits<double>::epsilon()
                                                  : static_cast<double>(std::numeric_limits<float>::epsilon());
  const double atol = o.atol.value_or(0);
  const double rtol = o.rtol.value_or(atol > 0 ? 0 : epsilon * static_cast<double>(std::max(stack.rows, stack.cols)));
  if (sizes.size(-1) == 0) return sizes.gt(0);
  return sizes.gt(sizes.amax(-1, true).mul(rtol).clamp(atol));
}

// U, s, V^T of a matrix, without history; of a symmetric one by its eigenvalues, in no order and with signs in V^T.
Singular spectrum(const char* name, const Tensor& a, const Stack& stack, bool hermitian, Here here) {
  NoGradGuard no_grad;
  if (!hermitian) return singular(name, a, stack, Vectors::thin, here);
  const auto [w, v] = linalg::eigh({a.detach(), here});
  return {v, w.abs(), transposed(scale_columns(here, v, w.sign()), here)};
}

Tensor inverse_sizes(const Tensor& sizes, const Tensor& used) {
  return sizes.masked_fill(used.logical_not(), 1).reciprocal().masked_fill(used.logical_not(), 0);
}

// P = A^+:  dA = -P^T dP P^T + (1 - A P) dP^T P P^T + P^T P dP^T (1 - P A)
Tensor pseudo_inverse_gradient(const Tensor& a, const Tensor& p, const Tensor& g, Here here) {
  const Tensor gt = transposed(g, here);
  const Tensor first = times(here, times(here, gt, p), p, false, true);
  const Tensor second = times(here, p, times(here, p, gt), true);
  return first.sub({times(here, a, times(here, p, first)), here})
      .add({second, here})
      .sub({times(here, times(here, second, p), a), here})
      .sub({times(here, times(here, p, g, true), p, false, true), here});
}

Tensor pseudo_inverse(const char* name, const Tensor& a, const linalg::RankOptions& o, Here here) {
  const Stack stack = o.hermitian ? square_stack_of(name, a, here) : stack_of(name, a, here);
  const Tensor p = [&] {
    NoGradGuard no_grad;
    const Singular f = spectrum(name, a, stack, o.hermitian, here);
    const Tensor v = scale_columns(here, transposed(f.vh, here), inverse_sizes(f.s, counted(f.s, stack, o)));
    return times(here, v, f.u, false, true);
  }();
  return record(name, here, p, {&a}, [&] {
    return [a = Saved(a), p = Saved::output(p), hermitian = o.hermitian](Backward& bw) {
      const Here here = bw.here();
      const Tensor g = pseudo_inverse_gradient(bw.load(a), bw.load(p), bw.grad(), here);
      bw.give(0, hermitian ? g.add({transposed(g, here), here}).mul({0.5, here}) : g);
    };
  });
}

}  // namespace
}  // namespace detail

using namespace detail;

namespace linalg {

std::tuple<Tensor, Tensor, Tensor> svd(const Arg& A, bool full_matrices) {
  const Singular f = singular_recorded("linalg::svd", A.tensor(), full_matrices, A.here());
  return {f.u, f.s, f.vh};
}

Tensor svdvals(const Arg& A) {
  constexpr const char* name = "linalg::svdvals";
  if (records({&A.tensor()})) return singular_recorded(name, A.tensor(), false, A.here()).s;
  return singular(name, A.tensor(), stack_of(name, A.tensor(), A.here()), Vectors::none, A.here()).s;
}

Tensor pinv(const Arg& A, const RankOptions& options) {
  return pseudo_inverse("linalg::pinv", A.tensor(), options, A.here());
}

Tensor matrix_rank(const Arg& A, const RankOptions& o) {
  constexpr const char* name = "linalg::matrix_rank";
  const NoGradGuard no_grad;
  const Tensor a = A->detach();
  const Stack stack = o.hermitian ? square_stack_of(name, a, A.here()) : stack_of(name, a, A.here());
  check_finite(name, a, A.here());
  const Tensor sizes = o.hermitian ? eigvalsh({a, A.here()}).abs() : svdvals({a, A.here()});
  return counted(sizes, stack, o).sum(-1);
}

// X = A^+ B:  dB = A^+^T dX, dA by that of A^+ for dX B^T
std::tuple<Tensor, Tensor, Tensor, Tensor> lstsq(const Arg& A, const Arg& B, const LstsqOptions& options) {
  constexpr const char* name = "linalg::lstsq";
  const Here here = A.here();
  const Tensor &a = A.tensor(), &given = B.tensor();
  const Stack stack = stack_of(name, a, here);
  check_same_dtype(name, a, given, here);
  const bool vector = is_vector_side(a, given);
  check<ShapeError>(vector || given.dim() >= 2, here, "{}: expected a right-hand side of vectors or matrices, got {}",
                    name, given.sizes());
  const Tensor b = vector ? given.unsqueeze(-1, here) : given;
  check<ShapeError>(b.size(-2) == stack.rows, here, "{}: sizes differ: A is {}, B is {}", name, a.sizes(),
                    given.sizes());
  broadcast_shapes(name, stack.batch, stack_of(name, b, here).batch, here);
  const RankOptions rank_options{.rtol = options.rcond};
  Singular f;
  Tensor x, rank;
  {
    NoGradGuard no_grad;
    f = spectrum(name, a, stack, false, here);
    const Tensor used = counted(f.s, stack, rank_options);
    rank = used.sum(-1);
    x = times(here, f.vh, scale_rows(here, times(here, f.u, b, true), inverse_sizes(f.s, used)), true);
  }
  x = record(name, here, x, {&a, &b}, [&] {
    return [a = Saved(a), b = Saved::input_if(requires_grad(a), b), rank_options](Backward& bw) {
      const Here here = bw.here();
      const Tensor matrix = bw.load(a), p = pseudo_inverse(name, matrix, rank_options, here);
      if (bw.needs(0))
        bw.give(0, pseudo_inverse_gradient(matrix, p, times(here, bw.grad(), bw.load(b), false, true), here));
      if (bw.needs(1)) bw.give(1, times(here, p, bw.grad(), true));
    };
  });
  const bool full = stack.rows > stack.cols && (rank.numel() == 0 || rank.amin().item<std::int64_t>() == stack.cols);
  Tensor residuals =
      full ? times(here, a, x).sub({b, here}).square(here).sum(-2, false, here) : zeros({0}, {.dtype = a.dtype()});
  return {vector ? x.squeeze(-1, here) : x, full && vector ? residuals.squeeze(-1, here) : residuals, rank, f.s};
}

}  // namespace linalg
}  // namespace xgrad
