// log(sum(exp(x))).
#include <cmath>

#include "kernels/softmax.hpp"
#include "ops/reduce_common.hpp"

namespace xgrad {
namespace {

using namespace detail;

// y = m + log sum exp(x - m) with m = max x; dx = dy exp(x - y)

template <class T>
struct ExpSumOp : Additive<T, double> {
  using In = T;
  using Out = T;
  using Param = T;
  const T* maxima;
  T param(std::int64_t output) const { return std::isfinite(maxima[output]) ? maxima[output] : T(0); }
  T step(T a, T x, T shift) const { return a + std::exp(x - shift); }
  T finish(double sum) const { return static_cast<T>(std::log(sum)); }
};

template <class T>
void logsumexp_strided(const Tensor& x, const Reduction& r, const Tensor& y) {
  const Tensor maxima = make_tensor(r.out, impl(x).dtype);
  reduce(ExtremeOp<T, true>{}, x, r.dims, maxima);
  const ExpSumOp<T> op{{}, data<T>(maxima)};
  reduce(op, x, r.dims, y);
  T* out = data<T>(y);
  for (std::int64_t i = 0; i < y.numel(); ++i) out[i] += r.count > 0 ? op.param(i) : T(0);
}

// Whether the reduced dimensions are the last ones.
bool reduces_rows(const Reduction& r, std::int64_t rank) {
  return r.dims.empty() || r.dims.front() + static_cast<std::int64_t>(r.dims.size()) == rank;
}

Tensor logsumexp_of(const Tensor& x, const std::vector<std::int64_t>& dim, bool keepdim, Here here) {
  check_floating("logsumexp", x, here);
  const Reduction r = reduction("logsumexp", x, dim, here);
  const Tensor y = make_tensor(r.shape(keepdim), impl(x).dtype);
  dispatch_floating(impl(x).dtype, [&]<class T>() {
    if (r.count > 0 && impl(x).contiguous && reduces_rows(r, x.dim()))
      logsumexp_rows(data<T>(x), y.numel(), r.count, data<T>(y));
    else
      logsumexp_strided<T>(x, r, y);
  });
  return record("logsumexp", here, y, {&x}, [&] {
    return [x = Saved(x), y = Saved::output(y), dims = r.dims](Backward& bw) {
      const Here here = bw.here();
      const Tensor input = bw.load(x);
      const Shape kept = kept_shape(impl(input).shape, dims);
      const Tensor result = bw.load(y).reshape(kept, here);
      // Where all elements are -inf so is the result, and -inf - -inf would be NaN.
      const Tensor none = result.eq({-std::numeric_limits<double>::infinity(), here});
      const Tensor share = input.sub({result.masked_fill(none, 0, here), here}).exp(here);
      bw.give(0, share.mul({bw.grad().reshape(kept, here), here}));
    };
  });
}

}  // namespace

Tensor logsumexp(const Arg& x, const ReduceOptions& o) { return logsumexp_of(x.tensor(), o.dim, o.keepdim, x.here()); }

Tensor Tensor::logsumexp(const ReduceOptions& options, Here here) const {
  return xgrad::logsumexp({*this, here}, options);
}

}  // namespace xgrad
