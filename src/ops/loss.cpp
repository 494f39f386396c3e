#include <xgrad/ops/loss.hpp>

#include <vector>

#include "core/dispatch.hpp"
#include "kernels/parallel.hpp"
#include "kernels/rows.hpp"
#include "ops/loss_common.hpp"
#include "ops/placed.hpp"
#include "tape/node.hpp"

namespace xgrad {

using namespace detail;

namespace {

// ---- the losses: the value of an element and its slopes by input and target, for numbers and for tensors

struct Mse {
  static constexpr const char* name = "mse_loss";
  template <class V>
  V value(V x, V t) const {
    return (x - t) * (x - t);
  }
  template <class V>
  V dx(const V& x, const V& t) const {
    return (x - t) * 2;
  }
  template <class V>
  V dt(const V& x, const V& t) const {
    return (x - t) * -2;
  }
};

struct L1 {
  static constexpr const char* name = "l1_loss";
  template <class V>
  V value(V x, V t) const {
    return abs(x - t);
  }
  template <class V>
  V dx(const V& x, const V& t) const {
    return sign(x - t);
  }
  template <class V>
  V dt(const V& x, const V& t) const {
    return -sign(x - t);
  }
};

struct SmoothL1 {
  static constexpr const char* name = "smooth_l1_loss";
  double beta;
  template <class V>
  V value(V x, V t) const {
    const V d = abs(x - t);
    return where(d < beta, d * d * (0.5 / beta), d - 0.5 * beta);
  }
  template <class V>
  V dx(const V& x, const V& t) const {
    return clamp((x - t) * (1 / beta), -1, 1);
  }
  template <class V>
  V dt(const V& x, const V& t) const {
    return clamp((t - x) * (1 / beta), -1, 1);
  }
};

// |x - t|, with PyTorch's slope -1 where both are equal, by either of them.
struct SmoothL1OfNoWidth : L1 {
  static constexpr const char* name = "smooth_l1_loss";
  template <class V>
  V dx(const V& x, const V& t) const {
    return below_or_above(x - t);
  }
  template <class V>
  V dt(const V& x, const V& t) const {
    return below_or_above(t - x);
  }

 private:
  // -1 up to 0, 1 beyond, exactly: 2 sign(d) - 1 is -3, -1 and 1.
  template <class V>
  static V below_or_above(const V& d) {
    return clamp(sign(d) * 2 - 1, -1, 1);
  }
};

struct Huber {
  static constexpr const char* name = "huber_loss";
  double delta;
  template <class V>
  V value(V x, V t) const {
    const V d = abs(x - t);
    return where(d <= delta, d * d * 0.5, (d - 0.5 * delta) * delta);
  }
  template <class V>
  V dx(const V& x, const V& t) const {
    return clamp(x - t, -delta, delta);
  }
  template <class V>
  V dt(const V& x, const V& t) const {
    return clamp(t - x, -delta, delta);
  }
};

struct BinaryCrossEntropy {
  static constexpr const char* name = "binary_cross_entropy";
  template <class V>
  V value(V x, V t) const {
    return -(t * maximum(log(x), -100) + (1 - t) * maximum(log1p(-x), -100));
  }
  // PyTorch has this bound as a float in float64 as well.
  static constexpr double least = 1e-12F;
  template <class V>
  V dx(const V& x, const V& t) const {
    return (x - t) / maximum(x * (-x + 1), least);
  }
  template <class V>
  V dt(const V& x, const V&) const {
    return maximum(log(-x + 1), -100) - maximum(log(x), -100);
  }
};

struct BinaryCrossEntropyWithLogits {
  static constexpr const char* name = "binary_cross_entropy_with_logits";
  template <class V>
  V value(V x, V t) const {
    return maximum(x, 0) - x * t + log1p(exp(-abs(x)));
  }
  template <class V>
  V dx(const V& x, const V& t) const {
    return sigmoid(x) - t;
  }
  template <class V>
  V dt(const V& x, const V&) const {
    return -x;
  }
};

struct KlDiv {
  static constexpr const char* name = "kl_div";
  template <class V>
  V value(V x, V t) const {
    return where(t == 0, V(0), t * (log(t) - x));
  }
  template <class V>
  V dx(const V&, const V& t) const {
    return -t;
  }
  template <class V>
  V dt(const V& x, const V& t) const {
    return log(t) - x + 1;
  }
};

struct KlDivLogTarget {
  static constexpr const char* name = "kl_div";
  template <class V>
  V value(V x, V t) const {
    return exp(t) * (t - x);
  }
  template <class V>
  V dx(const V&, const V& t) const {
    return -exp(t);
  }
  template <class V>
  V dt(const V& x, const V& t) const {
    return exp(t) * (t - x + 1);
  }
};

// ---- kernels

constexpr std::int64_t grain = 8192;

template <class T, class Loss>
T block_sum(const Loss& loss, const T* x, const T* t, std::int64_t count) {
  Lanes<T> sum = 0;
  for_lanes<T>(count, [&](std::int64_t i, std::int64_t n) {
    sum += keep_part(loss.value(load_part(x + i, n), load_part(t + i, n)), n);
  });
  return sum_lanes(sum);
}

template <class T, class Loss>
double total(const Loss& loss, const T* x, const T* t, std::int64_t count) {
  if (count <= grain) return static_cast<double>(block_sum(loss, x, t, count));
  std::vector<double> parts(static_cast<std::size_t>((count + grain - 1) / grain));
  parallel_for(count, grain, count * 4, [&](std::int64_t begin, std::int64_t end) {
    parts[static_cast<std::size_t>(begin / grain)] =
        static_cast<double>(block_sum(loss, x + begin, t + begin, end - begin));
  });
  double sum = 0;
  for (double part : parts) sum += part;
  return sum;
}

// out[i] = f(i-th lanes of x, of t, of g), with one g for all where `one`.
template <class T, class F>
void for_pairs(const T* x, const T* t, const T* g, bool one, T* out, std::int64_t count, const F& f) {
  parallel_for(count, grain, count * 4, [&](std::int64_t begin, std::int64_t end) {
    for_lanes<T>(end - begin, [&](std::int64_t i, std::int64_t n) {
      i += begin;
      const Lanes<T> each = one ? Lanes<T>(g[0]) : load_part(g + i, n);
      store_part(f(load_part(x + i, n), load_part(t + i, n), each), out + i, n);
    });
  });
}

// out[i] = g[i] * factor * slope(x[i], t[i]), or with one g for all.
template <class T, class Slope>
Tensor scaled_slopes(const Tensor& gradient, double factor, const Tensor& input, const Tensor& target,
                     const Slope& slope) {
  Tensor result = make_tensor(input.sizes(), input.dtype());
  const Tensor g = dense(gradient);
  const bool one = g.numel() == 1;
  const T scale = static_cast<T>(factor);
  for_pairs(data<T>(input), data<T>(target), data<T>(g), one, data<T>(result), result.numel(),
            [&](auto x, auto t, auto each) { return slope(x, t) * (each * scale); });
  return result;
}

// What the sum is multiplied with.
double reduction_factor(Reduction reduction, const Tensor& input) {
  if (reduction == Reduction::mean) return 1.0 / static_cast<double>(input.numel());
  if (reduction == Reduction::batchmean && input.dim() > 0) return 1.0 / static_cast<double>(input.size(0));
  return 1;
}

// l = reduce(loss(x_i, t_i)); dl/dx_i = factor * g_i * loss.dx(x_i, t_i), dl/dt_i likewise.
template <class Loss>
Tensor pair_loss(const Arg& input, const Tensor& target, const Loss& loss, Reduction reduction) {
  const Here here = input.here();
  const Tensor x = dense(input.tensor()), t = dense(target);
  const double factor = reduction_factor(reduction, x);
  Tensor output = make_tensor(reduction == Reduction::none ? x.sizes() : Shape{}, x.dtype());
  dispatch_floating(x.dtype(), [&]<class T>() {
    const T *a = data<T>(x), *b = data<T>(t);
    T* out = data<T>(output);
    if (reduction != Reduction::none) {
      out[0] = static_cast<T>(factor * total<T>(loss, a, b, x.numel()));
      return;
    }
    const T none = 0;
    for_pairs(a, b, &none, true, out, x.numel(), [&](auto v, auto w, auto) { return loss.value(v, w); });
  });
  return record(Loss::name, here, output, {&input.tensor(), &target}, [&] {
    return [x = Saved(input.tensor()), t = Saved(target), loss, factor](Backward& bw) {
      const Tensor input = bw.load(x), target = bw.load(t);
      if (bw.create_graph()) {
        const Placed a{input, bw.here()}, b{target, bw.here()}, g = Placed{bw.grad(), bw.here()} * factor;
        if (bw.needs(0)) bw.give(0, (loss.dx(a, b) * g).tensor);
        if (bw.needs(1)) bw.give(1, (loss.dt(a, b) * g).tensor);
        return;
      }
      const Tensor a = dense(input), b = dense(target);
      dispatch_floating(a.dtype(), [&]<class T>() {
        if (bw.needs(0))
          bw.give(0, scaled_slopes<T>(bw.grad(), factor, a, b, [&](auto v, auto w) { return loss.dx(v, w); }));
        if (bw.needs(1))
          bw.give(1, scaled_slopes<T>(bw.grad(), factor, a, b, [&](auto v, auto w) { return loss.dt(v, w); }));
      });
    };
  });
}

// weight * loss_i, reduced.
Tensor weighted(const char* op, const Tensor& losses, const Tensor& weight, Reduction reduction, Here here) {
  check<ShapeError>(broadcast_shapes(op, losses.sizes(), weight.sizes(), here) == losses.sizes(), here,
                    "{}: weight must broadcast to the input, weight is {}, input is {}", op, weight.sizes(),
                    losses.sizes());
  return reduced(losses.mul({weight.detach(here), here}), reduction, here);
}

}  // namespace

// ---- the functions

Tensor mse_loss(const Arg& input, const Arg& target, const LossOptions& options) {
  check_reduction("mse_loss", options.reduction, input.here());
  return pair_loss(input, checked_target("mse_loss", input, target), Mse{}, options.reduction);
}

Tensor l1_loss(const Arg& input, const Arg& target, const LossOptions& options) {
  check_reduction("l1_loss", options.reduction, input.here());
  return pair_loss(input, checked_target("l1_loss", input, target), L1{}, options.reduction);
}

Tensor smooth_l1_loss(const Arg& input, const Arg& target, const SmoothL1LossOptions& options) {
  check_reduction("smooth_l1_loss", options.reduction, input.here());
  check<ValueError>(options.beta >= 0, input.here(), "smooth_l1_loss: beta must not be negative, got {}", options.beta);
  const Tensor t = checked_target("smooth_l1_loss", input, target);
  if (options.beta == 0) return pair_loss(input, t, SmoothL1OfNoWidth{}, options.reduction);
  return pair_loss(input, t, SmoothL1{options.beta}, options.reduction);
}

Tensor huber_loss(const Arg& input, const Arg& target, const HuberLossOptions& options) {
  check_reduction("huber_loss", options.reduction, input.here());
  check<ValueError>(options.delta > 0, input.here(), "huber_loss: delta must be positive, got {}", options.delta);
  return pair_loss(input, checked_target("huber_loss", input, target), Huber{options.delta}, options.reduction);
}

Tensor binary_cross_entropy(const Arg& input, const Arg& target, const BinaryCrossEntropyOptions& options) {
  const char* op = BinaryCrossEntropy::name;
  const Here here = input.here();
  check_reduction(op, options.reduction, here);
  const Tensor t = checked_target(op, input, target);
  const Tensor x = dense(input.tensor());
  dispatch_floating(x.dtype(), [&]<class T>() {
    const T* value = data<T>(x);
    for (std::int64_t i = 0; i < x.numel(); ++i)
      check<ValueError>(value[i] >= 0 && value[i] <= 1, here, "{}: input must be in [0, 1], element {} is {}", op, i,
                        value[i]);
  });
  if (!options.weight.defined()) return pair_loss(input, t, BinaryCrossEntropy{}, options.reduction);
  return weighted(op, pair_loss(input, t, BinaryCrossEntropy{}, Reduction::none), options.weight, options.reduction,
                  here);
}

Tensor binary_cross_entropy_with_logits(const Arg& input, const Arg& target,
                                        const BinaryCrossEntropyWithLogitsOptions& options) {
  const char* op = BinaryCrossEntropyWithLogits::name;
  const Here here = input.here();
  check_reduction(op, options.reduction, here);
  const Tensor t = checked_target(op, input, target);
  const bool plain = !options.weight.defined() && !options.pos_weight.defined();
  Tensor losses = pair_loss(input, t, BinaryCrossEntropyWithLogits{}, plain ? options.reduction : Reduction::none);
  if (plain) return losses;
  if (options.pos_weight.defined()) {
    check<ShapeError>(broadcast_shapes(op, input->sizes(), options.pos_weight.sizes(), here) == input->sizes(), here,
                      "{}: pos_weight must broadcast to the input, pos_weight is {}, input is {}", op,
                      options.pos_weight.sizes(), input->sizes());
    // The plain loss with target 1 is log(1 + exp(-x)).
    const Tensor softplus = pair_loss(input, make_tensor(input->sizes(), input->dtype()).fill_(1, here),
                                      BinaryCrossEntropyWithLogits{}, Reduction::none);
    const Tensor positive = options.pos_weight.detach(here).sub({1, here}).mul({t, here});
    losses = losses.add({positive.mul({softplus, here}), here});
  }
  if (options.weight.defined()) return weighted(op, losses, options.weight, options.reduction, here);
  return reduced(losses, options.reduction, here);
}

Tensor multilabel_soft_margin_loss(const Arg& input, const Arg& target,
                                   const MultilabelSoftMarginLossOptions& options) {
  const char* op = "multilabel_soft_margin_loss";
  const Here here = input.here();
  check_reduction(op, options.reduction, here);
  const Tensor t = checked_target(op, input, target);
  check<ShapeError>(input->dim() > 0, here, "{}: expected input to be [..., C], got []", op);
  Tensor losses = pair_loss(input, t, BinaryCrossEntropyWithLogits{}, Reduction::none);
  if (options.weight.defined()) losses = weighted(op, losses, options.weight, Reduction::none, here);
  return reduced(losses.mean(Dims{-1}, false, here), options.reduction, here);
}

Tensor kl_div(const Arg& input, const Arg& target, const KlDivOptions& options) {
  const Tensor t = checked_target("kl_div", input, target);
  if (options.log_target) return pair_loss(input, t, KlDivLogTarget{}, options.reduction);
  return pair_loss(input, t, KlDiv{}, options.reduction);
}

}  // namespace xgrad
