#include <xgrad/ops/arithmetic.hpp>
#include <xgrad/ops/compare.hpp>
#include <xgrad/ops/dropout.hpp>
#include <xgrad/ops/pointwise.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "core/dispatch.hpp"
#include "kernels/pointwise.hpp"
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

void check_dropout(const char* op, const Arg& x, double p) {
  check_floating(op, x.tensor(), x.here());
  check<ValueError>(p >= 0 && p <= 1, x.here(), "{}: p must be in [0, 1], got {}", op, p);
}

// y = scale x + shift where the mask is 1, else dropped. The mask broadcasts to x and takes no gradient.
auto masked_op(double scale, double shift, double dropped) {
  return binary<real>(
      "dropout", [scale, shift, dropped](auto v, auto mask) { return where(mask == 0, dropped, scale * v + shift); },
      of<b>([scale](auto g, auto mask) { return where(mask == 0, 0, scale * g); }), flat);
}

// With one number of the mask for each element, or for each channel, which are the dimensions up to and with
// `channels`.
Tensor masked(const char* op, const Arg& x, double p, std::size_t channels, double scale, double shift,
              double dropped) {
  Shape shape = x->sizes();
  for (std::size_t d = channels + 1; d < shape.size(); ++d) shape[d] = 1;
  const Tensor mask = make_tensor(shape, x->dtype());
  dispatch_floating(x->dtype(),
                    [&]<class T>() { random_bernoulli<T>(default_generator(), data<T>(mask), mask.numel(), 1 - p); });
  return apply(masked_op(scale, shift, dropped).call(op), {x.tensor(), x.here()}, {mask, x.here()});
}

// Of channels in an x of `batched` dimensions, or of `single` ones, which has its channels first.
Tensor channel_dropout(const char* op, const Arg& x, double p, bool training, std::int64_t batched, std::int64_t single,
                       std::size_t single_channels, const char* shapes) {
  check_dropout(op, x, p);
  check<ShapeError>(x->dim() == batched || x->dim() == single, x.here(), "{}: expected x to be {}, got {}", op, shapes,
                    x->sizes());
  if (!training || p == 0) return x.tensor();
  return masked(op, x, p, x->dim() == batched ? 1 : single_channels, p < 1 ? 1 / (1 - p) : 0, 0, 0);
}

Tensor keeping_moments(const char* op, const Arg& x, double p, bool training, std::size_t channels) {
  if (!training || p == 0) return x.tensor();
  constexpr double limit = 1.7580993408473768;
  const double a = p < 1 ? 1 / std::sqrt((1 - p) * (1 + p * limit * limit)) : 0;
  return masked(op, x, p, channels, a, a * p * limit, a * (p - 1) * limit);
}

}  // namespace

Tensor dropout1d(const Arg& x, double p, bool training) {
  return channel_dropout("dropout1d", x, p, training, 3, 2, 0, "[N, C, L] or [C, L]");
}
Tensor dropout2d(const Arg& x, double p, bool training) {
  return channel_dropout("dropout2d", x, p, training, 4, 3, 1, "[N, C, H, W] or [N, C, L]");
}
Tensor dropout3d(const Arg& x, double p, bool training) {
  return channel_dropout("dropout3d", x, p, training, 5, 4, 0, "[N, C, D, H, W] or [C, D, H, W]");
}

Tensor alpha_dropout(const Arg& x, double p, bool training) {
  check_dropout("alpha_dropout", x, p);
  return keeping_moments("alpha_dropout", x, p, training, static_cast<std::size_t>(x->dim()));
}
Tensor feature_alpha_dropout(const Arg& x, double p, bool training) {
  check_dropout("feature_alpha_dropout", x, p);
  check<ShapeError>(x->dim() >= 2, x.here(), "feature_alpha_dropout: expected x to be [N, C, ...], got {}", x->sizes());
  return keeping_moments("feature_alpha_dropout", x, p, training, 1);
}

Tensor dropout(const Arg& x, double p, bool training) {
  const Here here = x.here();
  check_dropout("dropout", x, p);
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
