#include <xgrad/ops/arithmetic.hpp>
#include <xgrad/ops/compare.hpp>
#include <xgrad/ops/distance.hpp>
#include <xgrad/ops/margin_loss.hpp>
#include <xgrad/ops/pointwise.hpp>

#include <vector>

#include "core/dispatch.hpp"
#include "ops/loss_common.hpp"
#include "tape/node.hpp"

namespace xgrad {

namespace detail {
namespace {

// ---- pairs

// Slope by x: 1 where t is not -1, and -1 where t is not 1 and the margin is not met.
auto hinge_embedding_op(double margin) {
  return binary<real>(
      "hinge_embedding_loss",
      [margin](auto v, auto t) { return where(t == -1, 0, v) + where(t == 1, 0, maximum(margin - v, 0)); },
      of<a, b>([margin](auto g, auto v, auto t) {
        return where(t == -1, 0, g) - where(t == 1, 0, where(margin - v >= 0, g, 0));
      }),
      flat);
}
// Of the difference d: slopes -t and -d where the margin is not exceeded.
auto margin_ranking_op(double margin) {
  return binary<real>(
      "margin_ranking_loss", [margin](auto d, auto t) { return maximum(margin - t * d, 0); },
      of<a, b>([margin](auto g, auto d, auto t) { return where(margin - t * d >= 0, -g * t, 0); }),
      of<a, b>([margin](auto g, auto d, auto t) { return where(margin - t * d >= 0, -g * d, 0); }));
}
// -log(sigmoid(t x)).
constexpr auto soft_margin_op = binary<real>(
    "soft_margin_loss", [](auto v, auto t) { return -log_sigmoid(v * t); },
    of<a, b>([](auto g, auto v, auto t) { return -g * (t * sigmoid(-v * t)); }),
    of<a, b>([](auto g, auto v, auto t) { return -g * (v * sigmoid(-v * t)); }));
// Of a cosine.
auto cosine_embedding_op(double margin) {
  return binary<real>(
      "cosine_embedding_loss",
      [margin](auto v, auto t) { return where(t == 1, 1 - v, where(t == -1, maximum(v - margin, 0), 0)); },
      of<a, b>(
          [margin](auto g, auto v, auto t) { return where(t == 1, -g, where(t == -1, where(v >= margin, g, 0), 0)); }),
      flat);
}

// The target in the input's dtype where it is not floating.
Tensor signs(const char* op, const Arg& input, const Arg& target) {
  check_floating(op, input.tensor(), input.here());
  return target->is_floating_point() ? target.tensor() : target->to(input->dtype(), input.here());
}

// ---- triples

void check_triple(const char* op, const Arg& anchor, const Arg& positive, const Arg& negative, Reduction reduction) {
  const Here here = anchor.here();
  check_reduction(op, reduction, here);
  check_floating(op, anchor.tensor(), here);
  check_same_dtype(op, anchor.tensor(), positive.tensor(), here);
  check_same_dtype(op, anchor.tensor(), negative.tensor(), here);
  check<ShapeError>(anchor->dim() == positive->dim() && anchor->dim() == negative->dim(), here,
                    "{}: expected equally many dimensions, anchor is {}, positive is {}, negative is {}", op,
                    anchor->sizes(), positive->sizes(), negative->sizes());
}

// max(0, margin + d(a, p) - d(a, n)), with swap the smaller of d(a, n) and d(p, n) for d(a, n).
template <class Distance>
Tensor triplet_loss(const Arg& anchor, const Arg& positive, const Arg& negative, const Distance& distance,
                    double margin, bool swap, Reduction reduction) {
  const Here here = anchor.here();
  const Tensor near = distance(anchor.tensor(), positive.tensor());
  Tensor far = distance(anchor.tensor(), negative.tensor());
  if (swap) far = far.minimum({distance(positive.tensor(), negative.tensor()), here});
  return reduced(near.sub({far, here}).add({margin, here}).clamp(0, {}, here), reduction, here);
}

// ---- rows of classes

struct Classes {
  std::int64_t rows, count;
};

// [N, C], [C] or a single number.
Classes checked_classes(const char* op, const Arg& input) {
  check_floating(op, input.tensor(), input.here());
  const std::int64_t rows = input->dim() == 2 ? input->size(0) : 1;
  const std::int64_t count = input->dim() == 0 ? 1 : input->size(-1);
  check<ShapeError>(input->dim() <= 2 && count > 0, input.here(), "{}: expected input to be [N, C] or [C], got {}", op,
                    input->sizes());
  return {rows, count};
}

// The target's numbers as contiguous int64, a copy that nobody changes.
Tensor checked_labels(const char* op, const Arg& target, Here here) {
  check<DtypeError>(!target->is_floating_point() && target->dtype() != Dtype::boolean, here,
                    "{}: expected classes of an integer dtype, target is {}", op, target->dtype());
  return dense(target->detach(here).to(Dtype::int64, here).clone(here));
}

void check_class(const char* op, std::int64_t label, std::int64_t count, Here here) {
  check<IndexError>(label >= 0 && label < count, here, "{}: expected target in 0..{}, got {}", op, count - 1, label);
}

// Losses [N] of x [N, C], and what their gradients are made of [N, C].
struct LabelMargins {
  Tensor losses, slopes;
};

// For each label t and each class c that is none: the loss max(0, 1 - x_t + x_c), its slopes -1 and 1, all over C.
LabelMargins label_margins(const Tensor& x, const Tensor& labels, const Classes& classes) {
  LabelMargins result{make_tensor({classes.rows}, x.dtype()), make_tensor({classes.rows, classes.count}, x.dtype())};
  dispatch_floating(x.dtype(), [&]<class T>() {
    const auto count = static_cast<std::size_t>(classes.count);
    const T share = T(1) / static_cast<T>(classes.count);
    std::vector<bool> is_label(count);
    for (std::int64_t n = 0; n < classes.rows; ++n) {
      const T* row = data<T>(x) + n * classes.count;
      const std::int64_t* label = data<std::int64_t>(labels) + n * classes.count;
      T* slope = data<T>(result.slopes) + n * classes.count;
      std::fill(slope, slope + count, T(0));
      std::size_t named = 0;
      is_label.assign(count, false);
      for (; named < count && label[named] >= 0; ++named) is_label[static_cast<std::size_t>(label[named])] = true;
      double sum = 0;
      for (std::size_t k = 0; k < named; ++k)
        for (std::size_t c = 0; c < count; ++c) {
          const T short_of = 1 - row[label[k]] + row[c];
          if (is_label[c] || short_of <= 0) continue;
          sum += static_cast<double>(short_of);
          slope[c] += share;
          slope[label[k]] -= share;
        }
      data<T>(result.losses)[n] = static_cast<T>(sum / static_cast<double>(classes.count));
    }
  });
  return result;
}

}  // namespace
}  // namespace detail

using namespace detail;

Tensor hinge_embedding_loss(const Arg& input, const Arg& target, const HingeEmbeddingLossOptions& options) {
  const char* op = "hinge_embedding_loss";
  const Here here = input.here();
  check_reduction(op, options.reduction, here);
  const Tensor t = signs(op, input, target).detach(here);
  return reduced(hinge_embedding_op(options.margin)({input.tensor(), here}, {t, here}), options.reduction, here);
}

Tensor margin_ranking_loss(const Arg& input1, const Arg& input2, const Arg& target,
                           const MarginRankingLossOptions& options) {
  const char* op = "margin_ranking_loss";
  const Here here = input1.here();
  check_reduction(op, options.reduction, here);
  const Tensor t = signs(op, input1, target);
  check_same_dtype(op, input1.tensor(), input2.tensor(), here);
  check_same_dtype(op, input1.tensor(), t, here);
  check<ShapeError>(input1->dim() == input2->dim() && input1->dim() == t.dim(), here,
                    "{}: expected equally many dimensions, input1 is {}, input2 is {}, target is {}", op,
                    input1->sizes(), input2->sizes(), t.sizes());
  broadcast_shapes(op, broadcast_shapes(op, input1->sizes(), input2->sizes(), here), t.sizes(), here);
  const Tensor difference = input1->sub({input2.tensor(), here});
  return reduced(margin_ranking_op(options.margin)({difference, here}, {t, here}), options.reduction, here);
}

Tensor soft_margin_loss(const Arg& input, const Arg& target, const LossOptions& options) {
  const char* op = "soft_margin_loss";
  const Here here = input.here();
  check_reduction(op, options.reduction, here);
  const Tensor t = signs(op, input, target);
  check<ShapeError>(broadcast_shapes(op, input->sizes(), t.sizes(), here) == input->sizes(), here,
                    "{}: expected target to broadcast to the input, input is {}, target is {}", op, input->sizes(),
                    t.sizes());
  return reduced(soft_margin_op({input.tensor(), here}, {t, here}), options.reduction, here);
}

// With s_i = sum(x_i^2) + 1e-12: cos = sum(x1 x2) / (sqrt(s_1) sqrt(s_2)).
Tensor cosine_embedding_loss(const Arg& input1, const Arg& input2, const Arg& target,
                             const CosineEmbeddingLossOptions& options) {
  const char* op = "cosine_embedding_loss";
  const Here here = input1.here();
  check_reduction(op, options.reduction, here);
  const Tensor t = signs(op, input1, target).detach(here);
  check_same_dtype(op, input1.tensor(), input2.tensor(), here);
  check_same_dtype(op, input1.tensor(), t, here);
  check<ShapeError>(t.dim() <= 1 && input1->dim() == t.dim() + 1 && input2->dim() == t.dim() + 1, here,
                    "{}: expected inputs [N, D] and a target [N], or [D] and [], input1 is {}, input2 is {}, target "
                    "is {}",
                    op, input1->sizes(), input2->sizes(), t.sizes());
  const Shape rows = broadcast_shapes(op, input1->sizes(), input2->sizes(), here);
  if (t.dim() == 1) broadcast_shapes(op, {rows[0]}, t.sizes(), here);
  const Tensor &a = input1.tensor(), &b = input2.tensor();
  const auto root = [&](const Tensor& x) {
    return x.square(here).sum(Dims{-1}, false, here).add({1e-12, here}).sqrt(here);
  };
  const Tensor product = a.mul({b, here}).sum(Dims{-1}, false, here);
  const Tensor cosine = product.div({root(a).mul({root(b), here}), here});
  return reduced(cosine_embedding_op(options.margin)({cosine, here}, {t, here}), options.reduction, here);
}

Tensor triplet_margin_loss(const Arg& anchor, const Arg& positive, const Arg& negative,
                           const TripletMarginLossOptions& options) {
  const char* op = "triplet_margin_loss";
  const Here here = anchor.here();
  check_triple(op, anchor, positive, negative, options.reduction);
  broadcast_shapes(op, broadcast_shapes(op, anchor->sizes(), positive->sizes(), here), negative->sizes(), here);
  const auto distance = [&](const Tensor& x, const Tensor& y) {
    return pairwise_distance({x, here}, {y, here}, options.p, options.eps);
  };
  return triplet_loss(anchor, positive, negative, distance, options.margin, options.swap, options.reduction);
}

Tensor triplet_margin_with_distance_loss(const Arg& anchor, const Arg& positive, const Arg& negative,
                                         const TripletMarginWithDistanceLossOptions& options) {
  const Here here = anchor.here();
  check_triple("triplet_margin_with_distance_loss", anchor, positive, negative, options.reduction);
  if (options.distance_function)
    return triplet_loss(anchor, positive, negative, options.distance_function, options.margin, options.swap,
                        options.reduction);
  const auto distance = [&](const Tensor& x, const Tensor& y) { return pairwise_distance({x, here}, {y, here}); };
  return triplet_loss(anchor, positive, negative, distance, options.margin, options.swap, options.reduction);
}

Tensor multi_margin_loss(const Arg& input, const Arg& target, const MultiMarginLossOptions& options) {
  const char* op = "multi_margin_loss";
  const Here here = input.here();
  check_reduction(op, options.reduction, here);
  check<ValueError>(options.p == 1 || options.p == 2, here, "{}: expected p to be 1 or 2, got {}", op, options.p);
  const Classes classes = checked_classes(op, input);
  const Tensor labels = checked_labels(op, target, here);
  check<ShapeError>(labels.dim() <= 1 && labels.numel() == classes.rows && (input->dim() < 2 || labels.dim() == 1),
                    here, "{}: expected one class for each row of input {}, target is {}", op, input->sizes(),
                    labels.sizes());
  const std::int64_t* label = data<std::int64_t>(labels);
  for (std::int64_t n = 0; n < classes.rows; ++n) check_class(op, label[n], classes.count, here);
  const Tensor& weight = options.weight;
  if (weight.defined()) {
    check<ShapeError>(weight.sizes() == Shape{classes.count}, here, "{}: expected weight to be {}, got {}", op,
                      Shape{classes.count}, weight.sizes());
    check_same_dtype(op, input.tensor(), weight, here);
  }
  // weight_t / C, and 0 at the class itself.
  const Tensor factors = make_tensor({classes.rows, classes.count}, input->dtype());
  dispatch_floating(input->dtype(), [&]<class T>() {
    const Tensor weights = weight.defined() ? dense(weight) : weight;
    for (std::int64_t n = 0; n < classes.rows; ++n) {
      T* row = data<T>(factors) + n * classes.count;
      const T own = weights.defined() ? data<T>(weights)[label[n]] : T(1);
      std::fill(row, row + classes.count, own / static_cast<T>(classes.count));
      row[label[n]] = 0;
    }
  });
  const Tensor x = input->reshape({classes.rows, classes.count}, here);
  const Tensor own = x.gather(1, labels.reshape({classes.rows, 1}, here), here);
  const Tensor short_of = x.sub({own, here}).add({options.margin, here}).relu(here);
  const Tensor powers = options.p == 1 ? short_of : short_of.square(here);
  const Tensor losses = powers.mul({factors, here}).sum(Dims{1}, false, here);
  return reduced(losses.reshape(labels.sizes(), here), options.reduction, here);
}

Tensor multilabel_margin_loss(const Arg& input, const Arg& target, const LossOptions& options) {
  const char* op = "multilabel_margin_loss";
  const Here here = input.here();
  check_reduction(op, options.reduction, here);
  const Classes classes = checked_classes(op, input);
  const Tensor labels = checked_labels(op, target, here);
  check<ShapeError>(labels.sizes() == input->sizes(), here,
                    "{}: expected a target of the input's shape, input is {}, target is {}", op, input->sizes(),
                    labels.sizes());
  for (std::int64_t n = 0; n < classes.rows; ++n)
    for (const std::int64_t *label = data<std::int64_t>(labels) + n * classes.count, *end = label + classes.count;
         label != end && *label != -1; ++label)
      check_class(op, *label, classes.count, here);
  const LabelMargins margins = label_margins(dense(input.tensor()), labels, classes);
  const Tensor x = input->reshape({classes.rows, classes.count}, here);
  const Tensor losses = record(op, here, margins.losses, {&x}, [&] {
    return [slopes = margins.slopes](Backward& bw) {
      bw.give(0, slopes.mul({bw.grad().unsqueeze(-1, bw.here()), bw.here()}));
    };
  });
  return reduced(input->dim() == 2 ? losses : losses.reshape({}, here), options.reduction, here);
}

}  // namespace xgrad
