#include <xgrad/ops/dropout.hpp>

#include "core/dispatch.hpp"
#include "ops/random_fill.hpp"
#include "tape/node.hpp"

namespace xgrad {

using namespace detail;

namespace {

// y = x m s with m 0 or 1 and s = 1 / (1 - p); dx = g m s
Tensor apply_mask(const Tensor& x, const Tensor& mask, double scale) {
  const Tensor source = dense(x);
  Tensor result = make_tensor(x.sizes(), x.dtype());
  dispatch_floating(x.dtype(), [&]<class T>() {
    const T *in = data<T>(source), s = static_cast<T>(scale);
    const std::uint8_t* keep = data<std::uint8_t>(mask);
    T* out = data<T>(result);
    parallel_for(result.numel(), 16384, result.numel(), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) out[i] = keep[i] ? in[i] * s : T(0);
    });
  });
  return result;
}

}  // namespace

Tensor dropout(const Arg& x, double p, bool training) {
  const Here here = x.here();
  check_floating("dropout", x.tensor(), here);
  check<ValueError>(p >= 0 && p <= 1, here, "dropout: p must be in [0, 1], got {}", p);
  if (!training || p == 0) return x.tensor();
  const double scale = p < 1 ? 1 / (1 - p) : 0;
  const Tensor mask = make_tensor(x->sizes(), Dtype::uint8);
  random_bernoulli<float>(default_generator(), data<std::uint8_t>(mask), mask.numel(), 1 - p);
  return record("dropout", here, apply_mask(x.tensor(), mask, scale), {&x.tensor()}, [&] {
    return [mask, scale](Backward& bw) {
      if (!bw.create_graph()) return bw.give(0, apply_mask(bw.grad(), mask, scale));
      const Tensor factor = mask.to(bw.grad().dtype(), bw.here()).mul({scale, bw.here()});
      bw.give(0, bw.grad().mul({factor, bw.here()}));
    };
  });
}

}  // namespace xgrad
