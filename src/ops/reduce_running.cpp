// Running extremes, and logarithms of running sums of exponentials.
#include <xgrad/ops/arithmetic.hpp>

#include <cmath>
#include <limits>

#include "ops/order.hpp"
#include "ops/reduce_common.hpp"

namespace xgrad {
namespace {

using namespace detail;

// ---- cummax, cummin: yi = x[p] for the last best p <= i; dx is dy at the places

template <class T, bool Largest>
void extreme_columns(const T* x, std::int64_t n, std::int64_t inner, std::int64_t columns, T* values,
                     std::int64_t* places) {
  std::copy(x, x + columns, values);
  std::fill(places, places + columns, 0);
  for (std::int64_t i = 1; i < n; ++i) {
    const T *row = x + i * inner, *before = values + (i - 1) * inner;
    T* best = values + i * inner;
    const std::int64_t* place = places + (i - 1) * inner;
    for (std::int64_t j = 0; j < columns; ++j) {
      const T a = before[j], b = row[j];
      const bool better = ((Largest ? b >= a : b <= a) & (a == a)) | (b != b);
      best[j] = better ? b : a;
      places[i * inner + j] = better ? i : place[j];
    }
  }
}

template <bool Largest>
std::pair<Tensor, Tensor> running_extreme(const char* name, const Arg& arg, std::int64_t dim) {
  const Tensor& x = arg.tensor();
  check_computing(name, x, arg.here());
  dim = wrap_dim(name, dim, x.dim(), arg.here());
  const Tensor values = make_tensor(x.sizes(), x.dtype()), places = make_tensor(x.sizes(), int64), packed = dense(x);
  dispatch_computing(x.dtype(), [&]<class T>() {
    for_columns(x.sizes(), dim, [&](std::int64_t at, std::int64_t columns, std::int64_t n, std::int64_t inner) {
      extreme_columns<T, Largest>(data<T>(packed) + at, n, inner, columns, data<T>(values) + at,
                                  data<std::int64_t>(places) + at);
    });
  });
  return record_picked(name, arg.here(), x, {values, places}, dim, true);
}

// ---- logcumsumexp: yi = log sum_{j<=i} exp(xj); dxj = sum_{i>=j} dyi exp(xj - yi)

// The sum is s exp(m) with the largest m so far.
template <class T>
void logsum_columns(const T* x, std::int64_t n, std::int64_t inner, std::int64_t columns, T* y) {
  double m[strip], s[strip];
  std::fill(m, m + columns, -std::numeric_limits<double>::infinity());
  std::fill(s, s + columns, 0.0);
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < columns; ++j) {
      const double v = static_cast<double>(x[i * inner + j]);
      if (v > m[j]) {
        s[j] = s[j] * std::exp(m[j] - v) + 1;
        m[j] = v;
      } else {
        s[j] += v == m[j] ? 1 : std::exp(v - m[j]);
      }
      y[i * inner + j] = static_cast<T>(m[j] + std::log(s[j]));
    }
}

// Sums of v with the weights exp(xj - yi), j <= i, which are products of factors of at most 1: over the y by i for each
// j (Backwards), or over the x by j for each i. The one is the other's adjoint, so that they differentiate to any
// order.
template <class T, bool Backwards>
void weighted_columns(const T* x, const T* y, const T* v, std::int64_t n, std::int64_t inner, std::int64_t columns,
                      T* out) {
  // 0 times a weight that is not a number is 0, and so is a weight where all before are -inf.
  const auto weighted = [](double value, double from, double to) {
    if (value == 0 || to == -std::numeric_limits<double>::infinity()) return 0.0;
    return value * std::exp(from - to);
  };
  double sum[strip];
  std::fill(sum, sum + columns, 0.0);
  for (std::int64_t step = 0; step < n; ++step) {
    const std::int64_t row = (Backwards ? n - 1 - step : step) * inner, before = row + (Backwards ? inner : -inner);
    for (std::int64_t j = 0; j < columns; ++j) {
      const double xi = static_cast<double>(x[row + j]), yi = static_cast<double>(y[row + j]),
                   vi = static_cast<double>(v[row + j]);
      if (step > 0 && y[before + j] != y[row + j]) {
        const double other = static_cast<double>(y[before + j]);
        sum[j] = Backwards ? weighted(sum[j], yi, other) : weighted(sum[j], other, yi);
      }
      sum[j] += Backwards ? vi : weighted(vi, xi, yi);
      out[row + j] = static_cast<T>(Backwards ? weighted(sum[j], xi, yi) : sum[j]);
    }
  }
}

// Backwards: rj = sum_i vi exp(xj - yi), and with dr: dxj = drj rj, dyi = -vi ri', dvi = ri' where r' = forwards(dr).
// Forwards:  ri = sum_j vj exp(xj - yi), and with dr: dxj = vj rj', dyi = -dri ri, dvj = rj' where r' = backwards(dr).
template <bool Backwards>
Tensor weighted_sums(const Tensor& x, const Tensor& y, const Tensor& v, std::int64_t dim, Here here) {
  const Tensor a = dense(x), b = dense(y), c = dense(v), result = make_tensor(x.sizes(), x.dtype());
  dispatch_floating(x.dtype(), [&]<class T>() {
    for_columns(x.sizes(), dim, [&](std::int64_t at, std::int64_t columns, std::int64_t n, std::int64_t inner) {
      weighted_columns<T, Backwards>(data<T>(a) + at, data<T>(b) + at, data<T>(c) + at, n, inner, columns,
                                     data<T>(result) + at);
    });
  });
  // Which input gets dr r, and which one v r'.
  constexpr std::size_t own = Backwards ? 0 : 1, passed = 1 - own;
  return record("logcumsumexp_sums", here, result, {&x, &y, &v}, [&] {
    return [x = Saved(x), y = Saved(y), v = Saved(v), r = Saved::output(result), dim](Backward& bw) {
      const Here here = bw.here();
      const Tensor &grad = bw.grad(), values = bw.load(v);
      Tensor adjoint;
      if (bw.needs(2) || bw.needs(passed)) adjoint = weighted_sums<!Backwards>(bw.load(x), bw.load(y), grad, dim, here);
      const Tensor by[] = {bw.needs(own) ? grad.mul({bw.load(r), here}) : Tensor(),
                           bw.needs(passed) ? values.mul({adjoint, here}) : Tensor()};
      if (bw.needs(0)) bw.give(0, by[passed == 0]);
      if (bw.needs(1)) bw.give(1, by[passed == 1].neg(here));
      if (bw.needs(2)) bw.give(2, adjoint);
    };
  });
}

}  // namespace

std::pair<Tensor, Tensor> cummax(const Arg& x, std::int64_t dim) { return running_extreme<true>("cummax", x, dim); }
std::pair<Tensor, Tensor> cummin(const Arg& x, std::int64_t dim) { return running_extreme<false>("cummin", x, dim); }

Tensor logcumsumexp(const Arg& arg, std::int64_t dim) {
  const Tensor& x = arg.tensor();
  check_floating("logcumsumexp", x, arg.here());
  dim = wrap_dim("logcumsumexp", dim, x.dim(), arg.here());
  const Tensor y = make_tensor(x.sizes(), x.dtype()), packed = dense(x);
  dispatch_floating(x.dtype(), [&]<class T>() {
    for_columns(x.sizes(), dim, [&](std::int64_t at, std::int64_t columns, std::int64_t n, std::int64_t inner) {
      logsum_columns(data<T>(packed) + at, n, inner, columns, data<T>(y) + at);
    });
  });
  return record("logcumsumexp", arg.here(), y, {&x}, [&] {
    return [x = Saved(x), y = Saved::output(y), dim](Backward& bw) {
      bw.give(0, weighted_sums<true>(bw.load(x), bw.load(y), bw.grad(), dim, bw.here()));
    };
  });
}

}  // namespace xgrad
