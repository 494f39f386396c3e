// Eigenvalues of symmetric matrices, and orthogonal factors.
#include <xgrad/ops/compare.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/join.hpp>
#include <xgrad/ops/linalg_factor.hpp>
#include <xgrad/ops/masked.hpp>
#include <xgrad/ops/pointwise.hpp>

#include "kernels/copy.hpp"
#include "kernels/lapack.hpp"
#include "kernels/workspace.hpp"
#include "ops/matrices.hpp"
#include "ops/spectrum.hpp"

namespace xgrad {
namespace detail {

// Both 0 where 0 / 0: derivatives of the quotient are 0 there as well.
Tensor quotient(const Tensor& a, const Tensor& b, Here here) {
  Tensor none;
  {
    NoGradGuard no_grad;
    none = a.eq({0, here}).logical_and({b.eq({0, here}), here});
  }
  return a.div({b.masked_fill(none, 1, here), here}).masked_fill(none, 0, here);
}

Tensor skew(const Tensor& x, Here here) { return x.sub({transposed(x, here), here}); }

Tensor differences(const Tensor& values, Here here) {
  return values.unsqueeze(-2, here).sub({values.unsqueeze(-1, here), here});
}

namespace {

void check_converged(const char* op, const Stack& stack, const Tensor& infos, Here here) {
  for (std::int64_t i = 0; i < stack.count; ++i)
    check<ValueError>(data<std::int32_t>(infos)[i] == 0, here, "{}: the iteration did not converge{}", op,
                      matrix_number(stack, i));
}

struct Eigen {
  Tensor values, vectors;
};
Eigen eigen(const char* op, const Tensor& a, const Stack& stack, bool upper, bool with_vectors, Here here) {
  const std::int64_t n = stack.rows;
  const Tensor v = row_copy(a), w = make_tensor(stack.with(n), impl(a).dtype),
               infos = make_tensor({stack.count}, int32);
  fill_elements(infos, 0);
  if (impl(w).numel > 0) {
    dispatch_floating(impl(a).dtype, [&]<class T>() {
      const lapack::Work size = lapack::syevd_work<T>(with_vectors, n);
      const Workspace<T> reals(size.reals);
      const Workspace<std::int32_t> integers(size.integers);
      for_matrices(stack.count, 8 * n * n * n, [&](std::int64_t i) {
        // What lies row by row is the other triangle to LAPACK.
        data<std::int32_t>(infos)[i] = lapack::syevd(with_vectors, !upper, n, data<T>(v) + i * n * n,
                                                     data<T>(w) + i * n, reals.mine(), integers.mine(), size);
      });
    });
    check_converged(op, stack, infos, here);
  }
  if (!with_vectors) return {w, {}};
  // LAPACK's columns are rows here.
  Shape strides = impl(v).strides;
  std::swap(strides[strides.size() - 1], strides[strides.size() - 2]);
  return {w, row_copy(make_view(v, impl(v).shape, strides, impl(v).offset))};
}

// A = V diag(w) V^T: dA = V (diag(dw) + K) V^T with K_ij = (V^T dV - dV^T V)_ij / 2 (w_j - w_i), 0 on the diagonal
std::pair<Tensor, Tensor> eigen_recorded(const char* name, const Tensor& a, char uplo, Here here) {
  const Stack stack = square_stack_of(name, a, here);
  check<ValueError>(uplo == 'L' || uplo == 'U', here, "{}: expected uplo 'L' or 'U', got '{}'", name, uplo);
  check_finite(name, a, here);
  const auto [w, v] = eigen(name, a, stack, uplo == 'U', true, here);
  record(name, here, TensorList{w, v}, {&a}, [&w = w, &v = v] {
    return [w = Saved::output(w, 0), v = Saved::output(v, 1)](Backward& bw) {
      const Here here = bw.here();
      const Tensor vectors = bw.load(v), &gw = bw.grad(0), &gv = bw.grad(1);
      if (!gw.defined() && !gv.defined()) return;
      Tensor right;
      if (gv.defined()) {
        const Tensor k = skew(times(here, vectors, gv, true), here).mul({0.5, here});
        Tensor inner = quotient(k, differences(bw.load(w), here), here);
        if (gw.defined()) inner = inner.add({diagonal_matrix(gw, 0, here), here});
        right = times(here, inner, vectors, false, true);
      } else {
        right = transposed(scale_columns(here, vectors, gw), here);
      }
      bw.give(0, times(here, vectors, right));
    };
  });
  return {w, v};
}

struct Orthogonal {
  Tensor q, r;
};
Orthogonal orthogonal(const Tensor& a, const Stack& stack, bool complete, bool with_q) {
  const std::int64_t m = stack.rows, n = stack.cols, k = std::min(m, n), columns = complete ? m : k;
  const Dtype dtype = impl(a).dtype;
  const Tensor factors = column_copy(a);
  Tensor scales = make_tensor({stack.count, k}, dtype), q = make_columns(stack.with(m, columns), dtype);
  Tensor r = make_tensor(stack.with(columns, n), dtype);
  fill_elements(r, 0);
  dispatch_floating(dtype, [&]<class T>() {
    if (k == 0 && columns > 0) copy_elements(q, identity(m, dtype));
    if (k == 0) return;
    const lapack::Work size = lapack::geqrf_work<T>(m, n), more = lapack::orgqr_work<T>(m, columns, k);
    const lapack::Work both{std::max(size.reals, more.reals)};
    const Workspace<T> reals(both.reals);
    for_matrices(stack.count, 4 * m * n * k, [&](std::int64_t i) {
      T *from = data<T>(factors) + i * m * n, *scale = data<T>(scales) + i * k;
      lapack::geqrf(m, n, from, scale, reals.mine(), both);
      T* upper = data<T>(r) + i * columns * n;
      for (std::int64_t row = 0; row < k; ++row)
        for (std::int64_t col = row; col < n; ++col) upper[row * n + col] = from[col * m + row];
      if (!with_q) return;
      T* to = data<T>(q) + i * m * columns;
      std::copy(from, from + m * k, to);
      lapack::orgqr(m, columns, k, to, scale, reals.mine(), both);
    });
  });
  return {with_q ? dense(q) : Tensor(), r};
}

// A = Q R with square R: with M = R dR^T - dQ^T Q, dA = (dQ + Q (tril(M) + tril(M, -1)^T)) R^-T
Tensor square_gradient(const Tensor& q, const Tensor& r, const Tensor& gq, const Tensor& gr, Here here) {
  Tensor m;
  if (gr.defined()) m = times(here, r, gr, false, true);
  if (gq.defined()) {
    const Tensor inner = times(here, gq, q, true);
    m = m.defined() ? m.sub({inner, here}) : inner.neg(here);
  }
  const Tensor both = m.tril(0, here).add({transposed(m.tril(-1, here), here), here});
  Tensor left = times(here, q, both);
  if (gq.defined()) left = left.add({gq, here});
  return solve_triangle("linalg::qr", here, r, left, {.upper = true, .left = false, .transposed = true});
}

// [A1, A2] = Q [R1, R2] with square R1: R2 = Q^T A2 gives dA2 = Q dR2 and A2 dR2^T to be added to dQ; then as square.
Tensor wide_gradient(const Tensor& a, const Tensor& q, const Tensor& r, const Tensor& gq, const Tensor& gr, Here here) {
  const std::int64_t m = a.size(-2), n = a.size(-1);
  const Tensor a2 = a.narrow(-1, m, n - m, here), r1 = r.narrow(-1, 0, m, here);
  if (!gr.defined()) return cat({square_gradient(q, r1, gq, {}, here), zeros_like(a2)}, -1, here);
  const Tensor gr1 = gr.narrow(-1, 0, m, here), gr2 = gr.narrow(-1, m, n - m, here);
  const Tensor more = times(here, a2, gr2, false, true);
  const Tensor gq1 = gq.defined() ? gq.add({more, here}) : more;
  return cat({square_gradient(q, r1, gq1, gr1, here), times(here, q, gr2)}, -1, here);
}

}  // namespace
}  // namespace detail

using namespace detail;

namespace linalg {

std::pair<Tensor, Tensor> eigh(const Arg& A, char uplo) {
  return eigen_recorded("linalg::eigh", A.tensor(), uplo, A.here());
}

Tensor eigvalsh(const Arg& A, char uplo) {
  constexpr const char* name = "linalg::eigvalsh";
  if (records({&A.tensor()})) return eigen_recorded(name, A.tensor(), uplo, A.here()).first;
  const Stack stack = square_stack_of(name, A.tensor(), A.here());
  check<ValueError>(uplo == 'L' || uplo == 'U', A.here(), "{}: expected uplo 'L' or 'U', got '{}'", name, uplo);
  check_finite(name, A.tensor(), A.here());
  return eigen(name, A.tensor(), stack, uplo == 'U', false, A.here()).values;
}

std::pair<Tensor, Tensor> qr(const Arg& A, QrMode mode) {
  const Tensor& a = A.tensor();
  const Here here = A.here();
  const Stack stack = stack_of("linalg::qr", a, here);
  const bool complete = mode == QrMode::complete, recorded = records({&a});
  const auto [q, r] = orthogonal(a, stack, complete, mode != QrMode::r || recorded);
  if (recorded) {
    record("linalg::qr", here, TensorList{q, r}, {&a}, [&, &q = q, &r = r] {
      return [a = Saved::input_if(stack.rows < stack.cols, a), q = Saved::output(q, 0), r = Saved::output(r, 1),
              arbitrary = complete && stack.rows > stack.cols](Backward& bw) {
        const Here here = bw.here();
        check<AutogradError>(
            !arbitrary, here,
            "linalg::qr: the complete factors of more rows than columns have no gradient; reduced ones "
            "have");
        if (!bw.grad(0).defined() && !bw.grad(1).defined()) return;
        const Tensor factor = bw.load(q), upper = bw.load(r);
        bw.give(0, a.defined() ? wide_gradient(bw.load(a), factor, upper, bw.grad(0), bw.grad(1), here)
                               : square_gradient(factor, upper, bw.grad(0), bw.grad(1), here));
      };
    });
  }
  return {mode == QrMode::r ? zeros({0}, {.dtype = a.dtype()}) : q, r};
}

}  // namespace linalg
}  // namespace xgrad
