// Variance, standard deviation and norms.
#include <xgrad/ops/creation.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/reduce_common.hpp"

namespace xgrad {
namespace {

using namespace detail;

// ---- magnitudes whose powers a double does not hold

// A power of two near the largest |x| per output, 1 where that is 0 or not finite.
Tensor magnitudes(const Tensor& x, const Shape& dims, Here here) {
  const Tensor largest = x.abs(here).amax({.dim = {dims.begin(), dims.end()}, .keepdim = true}, here);
  dispatch_floating(impl(x).dtype, [&]<class T>() {
    for (std::int64_t i = 0; i < impl(largest).numel; ++i) {
      T& value = data<T>(largest)[i];
      value = value > 0 && std::isfinite(value) ? std::exp2(static_cast<T>(std::ilogb(value))) : T(1);
    }
  });
  return largest;
}

// Computes anew, from x in units of its magnitude, those y (of the reduced shape) of degree 1 in x whose p-th power is
// beyond what a double holds with all its digits.
template <class F>
void rescue(const Tensor& x, const Shape& dims, double p, const Tensor& y, Here here, const F& compute) {
  const auto [low, high] = std::minmax({std::pow(1e-280, 1 / p), std::pow(1e280, 1 / p)});
  const auto lost = [low = low, high = high](double value) { return value < low || value > high; };
  const NoGradGuard no_grad;
  dispatch_floating(impl(x).dtype, [&]<class T>() {
    T* values = data<T>(y);
    const std::int64_t count = impl(y).numel;
    if (impl(x).numel == 0 || std::none_of(values, values + count, lost)) return;
    const Tensor units = magnitudes(x, dims, here);
    const Tensor anew = make_tensor(impl(y).shape, impl(y).dtype);
    compute(x.div({units, here}), anew);
    for (std::int64_t i = 0; i < count; ++i)
      if (lost(values[i])) values[i] = data<T>(anew)[i] * data<T>(units)[i];
  });
}

// ---- var: y = sum (x - m)^2 / d with d = max(0, n - correction); dx = dy 2 (x - m) / d

struct DoubleSum : Additive<double, double> {};

template <class T>
struct DoubleMeanOp : DoubleSum {
  using In = T;
  using Out = double;
  double count;
  double step(double a, T x, NoParam) const { return a + static_cast<double>(x); }
  double finish(double sum) const { return sum / count; }
};

template <class T, bool Root>
struct VarianceOp : DoubleSum {
  using In = T;
  using Out = T;
  using Param = double;
  const double* means;
  double divisor;
  double param(std::int64_t output) const { return means[output]; }
  double step(double a, T x, double mean) const {
    const double d = static_cast<double>(x) - mean;
    return a + d * d;
  }
  T finish(double sum) const { return static_cast<T>(Root ? std::sqrt(sum / divisor) : sum / divisor); }
};

template <bool Root>
Tensor spread_of(const char* name, const Tensor& x, const std::vector<std::int64_t>& dim, std::int64_t correction,
                 bool keepdim, Here here) {
  check_floating(name, x, here);
  const Reduction r = reduction(name, x, dim, here);
  const Tensor y = make_tensor(r.shape(keepdim), impl(x).dtype), means = make_tensor(r.out, float64);
  const auto count = static_cast<double>(r.count);
  const double divisor = std::max(0.0, count - static_cast<double>(correction));
  dispatch_floating(impl(x).dtype, [&]<class T>() {
    const auto from = [&](const Tensor& values, const Tensor& result) {
      reduce(DoubleMeanOp<T>{{}, count}, values, r.dims, means);
      reduce(VarianceOp<T, Root>{{}, data<double>(means), divisor}, values, r.dims, result);
    };
    from(x, y);
    if (Root) rescue(x, r.dims, 2, y, here, from);
  });
  return record(name, here, y, {&x}, [&] {
    return [x = Saved(x), y = Root ? Saved::output(y) : Saved(), dims = r.dims, divisor](Backward& bw) {
      const Here here = bw.here();
      const Tensor input = bw.load(x);
      const Shape kept = kept_shape(impl(input).shape, dims);
      Tensor slope;
      if (Root) {
        const Tensor root = bw.load(y), flat = root.eq({0, here});
        slope = bw.grad().div({root.masked_fill(flat, 1, here).mul({divisor, here}), here}).masked_fill(flat, 0, here);
      } else {
        slope = bw.grad().mul({2 / divisor, here});
      }
      const Tensor mean = input.mean({.dim = {dims.begin(), dims.end()}, .keepdim = true}, here);
      bw.give(0, input.sub({mean, here}).mul({slope.reshape(kept, here), here}));
    };
  });
}

// ---- norm: y = (sum |x|^p)^(1/p); dx = dy sign(x) (|x| / y)^(p-1)

template <class T>
struct SquareSumOp : DoubleSum {
  using In = T;
  using Out = T;
  double step(double a, T x, NoParam) const { return a + static_cast<double>(x) * static_cast<double>(x); }
  T finish(double sum) const { return static_cast<T>(std::sqrt(sum)); }
};
template <class T>
struct AbsoluteSumOp : Additive<T, double> {
  using In = T;
  using Out = T;
  T step(T a, T x, NoParam) const { return a + std::abs(x); }
  T finish(double sum) const { return static_cast<T>(sum); }
};
template <class T>
struct PowerSumOp : DoubleSum {
  using In = T;
  using Out = T;
  double p;
  double step(double a, T x, NoParam) const { return a + std::pow(std::abs(static_cast<double>(x)), p); }
  T finish(double sum) const { return static_cast<T>(std::pow(sum, 1 / p)); }
};
template <class T>
struct NonzeroOp : CountOp<T> {
  using Out = T;
  T finish(std::int64_t count) const { return static_cast<T>(count); }
};
template <class T, bool Largest>
struct AbsoluteExtremeOp : ExtremeOp<T, Largest> {
  T step(T a, T x, NoParam) const { return this->merge(a, std::abs(x)); }
};

template <class T>
void norm_kernel(double p, const Tensor& x, const Shape& dims, const Tensor& y) {
  if (p == 2)
    reduce(SquareSumOp<T>{}, x, dims, y);
  else if (p == 1)
    reduce(AbsoluteSumOp<T>{}, x, dims, y);
  else if (p == 0)
    reduce(NonzeroOp<T>{}, x, dims, y);
  else if (p == std::numeric_limits<double>::infinity())
    reduce(AbsoluteExtremeOp<T, true>{}, x, dims, y);
  else if (p == -std::numeric_limits<double>::infinity())
    reduce(AbsoluteExtremeOp<T, false>{}, x, dims, y);
  else
    reduce(PowerSumOp<T>{{}, p}, x, dims, y);
}

Tensor norm_gradient(Backward& bw, double p, const Tensor& x, const Tensor& y, const Shape& dims) {
  const Here here = bw.here();
  const Shape kept = kept_shape(impl(x).shape, dims);
  const Tensor grad = bw.grad().reshape(kept, here);
  if (p == 1) return x.sign(here).mul({grad, here});
  const Tensor norm = y.reshape(kept, here);
  if (std::isinf(p)) {
    const auto signed_weights = [&] {
      NoGradGuard no_grad;
      return tie_weights(x.abs(here), norm, dims, here).mul({x.sign(here), here});
    };
    return signed_weights().mul({grad, here});
  }
  // Masks keep 0 / 0 and 0^-q out of the higher orders as well.
  const Tensor none = norm.eq({0, here});
  const Tensor safe = norm.masked_fill(none, 1, here);
  if (p == 2) return x.mul({grad.div({safe, here}).masked_fill(none, 0, here), here});
  const Tensor zero = x.eq({0, here});
  const Tensor ratio = x.abs(here).masked_fill(zero, 1, here).div({safe, here});
  const Tensor slope = x.sign(here).mul({ratio.pow({p - 1, here}), here});
  return slope.mul({grad.masked_fill(none, 0, here), here});
}

}  // namespace

Tensor detail::norm_of(const char* name, const Tensor& x, double p, const std::vector<std::int64_t>& dim, bool keepdim,
                       Here here) {
  check_floating(name, x, here);
  check<ValueError>(!std::isnan(p), here, "{}: expected a number for the power, got NaN", name);
  const Reduction r = reduction(name, x, dim, here);
  check<ShapeError>(!std::isinf(p) || r.count > 0 || numel(r.out) == 0, here,
                    "{}: expected elements to take the {} of, x is {}", name, p > 0 ? "maximum" : "minimum", x.sizes());
  const Tensor y = make_tensor(r.shape(keepdim), impl(x).dtype);
  dispatch_floating(impl(x).dtype, [&]<class T>() {
    const auto from = [&](const Tensor& values, const Tensor& result) { norm_kernel<T>(p, values, r.dims, result); };
    from(x, y);
    if (p != 0 && p != 1 && !std::isinf(p)) rescue(x, r.dims, p, y, here, from);
  });
  return record(name, here, y, {&x}, [&] {
    return [x = Saved::input_if(p != 0, x), y = p == 0 || p == 1 ? Saved() : Saved::output(y), dims = r.dims,
            p](Backward& bw) {
      if (p == 0)
        bw.give(0, zeros(bw.input_shape(0), {.dtype = bw.grad().dtype()}, bw.here()));
      else
        bw.give(0, norm_gradient(bw, p, bw.load(x), y.defined() ? bw.load(y) : Tensor(), dims));
    };
  });
}

Tensor var(const Arg& x, const VarOptions& o) {
  return spread_of<false>("var", x.tensor(), o.dim, o.correction, o.keepdim, x.here());
}
Tensor std(const Arg& x, const VarOptions& o) {
  return spread_of<true>("std", x.tensor(), o.dim, o.correction, o.keepdim, x.here());
}
std::pair<Tensor, Tensor> var_mean(const Arg& x, const VarOptions& o) {
  return {spread_of<false>("var_mean", x.tensor(), o.dim, o.correction, o.keepdim, x.here()),
          mean(x, {.dim = o.dim, .keepdim = o.keepdim})};
}

Tensor norm(const Arg& x, Scalar p, const ReduceOptions& o) {
  return norm_of("norm", x.tensor(), p.to<double>(), o.dim, o.keepdim, x.here());
}

Tensor Tensor::var(const VarOptions& options, Here here) const { return xgrad::var({*this, here}, options); }
Tensor Tensor::std(const VarOptions& options, Here here) const { return xgrad::std({*this, here}, options); }
Tensor Tensor::norm(Scalar p, const ReduceOptions& options, Here here) const {
  return xgrad::norm({*this, here}, p, options);
}

}  // namespace xgrad
