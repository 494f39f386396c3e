#include <xgrad/ops/arithmetic.hpp>
#include <xgrad/ops/compare.hpp>
#include <xgrad/ops/pointwise.hpp>
#include <xgrad/ops/segmentation_loss.hpp>

#include <algorithm>
#include <vector>

#include "core/dispatch.hpp"
#include "kernels/parallel.hpp"
#include "kernels/rows.hpp"
#include "ops/focal.hpp"
#include "ops/loss_common.hpp"
#include "tape/node.hpp"

namespace xgrad {

using namespace detail;

namespace {

// ---- sigmoid_focal_loss

// With s = sigmoid(x), q = t (1 - s) + (1 - t) s, b = log(1 + e^x) - x t: a q^gamma b. Slopes:
// by x, a q^gamma (gamma (1 - 2 t) s (1 - s) / q b + s - t); by t, q^gamma (a' b + a (gamma (1 - 2 s) / q b - x)).
struct SigmoidFocal {
  double alpha, gamma;

  template <class V>
  auto weight(const V& t) const {
    return alpha < 0 ? V(t * 0 + 1) : V((2 * alpha - 1) * t + (1 - alpha));
  }
  template <class V>
  static auto wrong(const V& s, const V& r, const V& t) {
    return t * r + (1 - t) * s;
  }
  template <class V>
  static auto entropy(const V& x, const V& t) {
    return maximum(x, 0) - x * t + log1p(exp(-abs(x)));
  }
  template <class V>
  auto value(const V& x, const V& t) const {
    return weight(t) * power(V(wrong(V(sigmoid(x)), V(sigmoid(-x)), t)), gamma) * entropy(x, t);
  }
  template <class V>
  auto by_input(const V& g, const V& x, const V& t) const {
    const V s = sigmoid(x), r = sigmoid(-x), q = wrong(s, r, t);
    const V share = s * r / where(q < impossible, 1, q);
    return g * (weight(t) * power(q, gamma) * (gamma * (1 - 2 * t) * share * entropy(x, t) + (s - t)));
  }
  template <class V>
  auto by_target(const V& g, const V& x, const V& t) const {
    const V s = sigmoid(x), r = sigmoid(-x), q = wrong(s, r, t);
    const V b = entropy(x, t), change = (r - s) / where(q < impossible, 1, q);
    const double slope = alpha < 0 ? 0 : 2 * alpha - 1;
    return g * (power(q, gamma) * (slope * b + weight(t) * (gamma * change * b - x)));
  }
};
auto sigmoid_focal_op(const SigmoidFocal& f) {
  return binary<real>(
      "sigmoid_focal_loss", [f](auto v, auto t) { return f.value(v, t); },
      of<a, b>([f](auto g, auto v, auto t) { return f.by_input(g, v, t); }),
      of<a, b>([f](auto g, auto v, auto t) { return f.by_target(g, v, t); }));
}

// ---- dice

struct Overlap {
  double smooth, eps;
  bool squared;
};

constexpr std::int64_t grain = 8192;

// Per row of p and t [N, D]: 2 sum(p t) + smooth, and max(sum(p) + sum(t) + smooth, eps) or that of squares, with 0 for
// the latter's slope below eps.
struct RowOverlaps {
  std::vector<double> above, below, slope;
};
template <class T>
RowOverlaps overlaps(const T* p, const T* t, std::int64_t rows, std::int64_t width, const Overlap& o) {
  const std::int64_t blocks = (width + grain - 1) / grain;
  std::vector<double> common(static_cast<std::size_t>(rows * blocks)), whole(common.size());
  parallel_for(rows * blocks, 1, rows * width * 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t k = begin; k < end; ++k) {
      const std::int64_t first = k % blocks * grain, at = k / blocks * width + first;
      Lanes<T> both = 0, all = 0;
      for_lanes<T>(std::min(grain, width - first), [&](std::int64_t i, std::int64_t n) {
        const Lanes<T> a = load_part(p + at + i, n), b = load_part(t + at + i, n);
        both += keep_part(a * b, n);
        all += keep_part(o.squared ? a * a + b * b : a + b, n);
      });
      common[static_cast<std::size_t>(k)] = static_cast<double>(sum_lanes(both));
      whole[static_cast<std::size_t>(k)] = static_cast<double>(sum_lanes(all));
    }
  });
  RowOverlaps result;
  for (std::int64_t n = 0; n < rows; ++n) {
    double both = 0, all = 0;
    for (std::int64_t k = n * blocks; k < (n + 1) * blocks; ++k) {
      both += common[static_cast<std::size_t>(k)];
      all += whole[static_cast<std::size_t>(k)];
    }
    const double below = all + o.smooth;
    result.above.push_back(2 * both + o.smooth);
    result.below.push_back(below < o.eps ? o.eps : below);
    result.slope.push_back(below < o.eps ? 0 : 1);
  }
  return result;
}

// dl/dp = (slope above / below^2) (1 or 2 p) - (2 / below) t, and the same by t.
Tensor fused_slopes(const Tensor& gradient, const Tensor& own, const Tensor& other, const RowOverlaps& rows,
                    bool squared) {
  const Tensor result = make_tensor(own.sizes(), own.dtype()), g = dense(gradient);
  const std::int64_t width = own.size(1);
  dispatch_floating(own.dtype(), [&]<class T>() {
    parallel_for(own.numel(), grain, own.numel() * 4, [&](std::int64_t begin, std::int64_t end) {
      while (begin < end) {
        const auto n = static_cast<std::size_t>(begin / width);
        const std::int64_t count = std::min(end, static_cast<std::int64_t>(n + 1) * width) - begin;
        const double each = static_cast<double>(data<T>(g)[n]) / rows.below[n];
        const T toward = static_cast<T>(-2 * each);
        const T away = static_cast<T>(each * rows.slope[n] * rows.above[n] / rows.below[n] * (squared ? 2 : 1));
        const T *a = data<T>(own) + begin, *b = data<T>(other) + begin;
        T* out = data<T>(result) + begin;
        for_lanes<T>(count, [&](std::int64_t i, std::int64_t k) {
          const Lanes<T> pull = squared ? away * load_part(a + i, k) : Lanes<T>(away);
          store_part(pull + toward * load_part(b + i, k), out + i, k);
        });
        begin += count;
      }
    });
  });
  return result;
}

void recorded_slopes(Backward& bw, const Tensor& p, const Tensor& t, const Overlap& o) {
  const Here here = bw.here();
  const auto total = [&](const Tensor& x) { return x.sum(Dims{1}, true, here); };
  const Tensor above = total(p.mul({t, here})).mul({2, here}).add({o.smooth, here});
  const Tensor whole = o.squared ? p.mul({p, here}).add({t.mul({t, here}), here}) : p.add({t, here});
  const Tensor below = total(whole).add({o.smooth, here}).clamp(o.eps, {}, here);
  const Tensor counts = total(whole.detach(here)).add({o.smooth, here}).ge({o.eps, here}).to(p.dtype(), here);
  const Tensor each = bw.grad().unsqueeze(1, here).div({below, here});
  const Tensor away = each.mul({above, here}).div({below, here}).mul({counts, here});
  const auto give = [&](std::size_t input, const Tensor& own, const Tensor& other) {
    if (!bw.needs(input)) return;
    const Tensor pull = o.squared ? away.mul({own, here}).mul({2, here}) : away;
    bw.give(input, pull.sub({each.mul({other, here}).mul({2, here}), here}));
  };
  give(0, p, t);
  give(1, t, p);
}

// l_n = 1 - above_n / below_n of rows [N, D].
Tensor row_dice(const Tensor& input, const Tensor& target, const Overlap& o, Here here) {
  const Tensor p = dense(input), t = dense(target), losses = make_tensor({p.size(0)}, p.dtype());
  RowOverlaps rows;
  dispatch_floating(p.dtype(), [&]<class T>() {
    rows = overlaps(data<T>(p), data<T>(t), p.size(0), p.size(1), o);
    for (std::size_t n = 0; n < rows.above.size(); ++n)
      data<T>(losses)[n] = static_cast<T>(1 - rows.above[n] / rows.below[n]);
  });
  return record("dice_loss", here, losses, {&input, &target}, [&] {
    return [p = Saved(input), t = Saved(target), rows = std::move(rows), o](Backward& bw) {
      const Tensor input = bw.load(p), target = bw.load(t);
      if (bw.create_graph()) return recorded_slopes(bw, input, target, o);
      const Tensor a = dense(input), b = dense(target);
      if (bw.needs(0)) bw.give(0, fused_slopes(bw.grad(), a, b, rows, o.squared));
      if (bw.needs(1)) bw.give(1, fused_slopes(bw.grad(), b, a, rows, o.squared));
    };
  });
}

}  // namespace

Tensor sigmoid_focal_loss(const Arg& input, const Arg& target, const SigmoidFocalLossOptions& options) {
  const char* op = "sigmoid_focal_loss";
  const Here here = input.here();
  check_reduction(op, options.reduction, here);
  check_gamma(op, options.gamma, here);
  const Tensor t = checked_target(op, input, target);
  const auto loss = sigmoid_focal_op({options.alpha, options.gamma});
  return reduced(loss({input.tensor(), here}, {t, here}), options.reduction, here);
}

Tensor dice_loss(const Arg& input, const Arg& target, const DiceLossOptions& options) {
  const char* op = "dice_loss";
  const Here here = input.here();
  check_reduction(op, options.reduction, here);
  check<ValueError>(options.smooth >= 0 && options.eps >= 0, here,
                    "{}: smooth and eps must not be negative, got {} and {}", op, options.smooth, options.eps);
  const Tensor t = checked_target(op, input, target);
  check<ShapeError>(input->dim() > 0, here, "{}: expected input to be [N, ...], got []", op);
  const std::int64_t rows = input->size(0), width = rows == 0 ? 0 : input->numel() / rows;
  const Tensor losses = row_dice(input->reshape({rows, width}, here), t.reshape({rows, width}, here),
                                 {options.smooth, options.eps, options.squared}, here);
  return reduced(losses, options.reduction, here);
}

}  // namespace xgrad
