#include <xgrad/ops/cross_entropy.hpp>

#include <algorithm>
#include <cmath>

#include "core/dispatch.hpp"
#include "kernels/parallel.hpp"
#include "kernels/rows.hpp"
#include "kernels/softmax.hpp"
#include "ops/focal.hpp"
#include "ops/loss_common.hpp"
#include "tape/node.hpp"

namespace xgrad {

using namespace detail;

namespace {

// ---- kernels over a row of classes

// log(sum_c exp(x_c))
template <class T>
T row_logsumexp(const T* x, std::int64_t classes) {
  const T top = row_max(x, classes);
  if (top == softmax_lowest<T>) return top;
  return top + std::log(row_exp_sum(x, classes, top));
}

// out_c = scale * exp(x_c - lse) - shift * (w_c or 1)
template <class T>
void row_gradient(const T* x, const T* w, std::int64_t classes, T lse, T scale, T shift, T* out) {
  using L = Lanes<T>;
  for_lanes<T>(classes, [&](std::int64_t c, std::int64_t n) {
    const L weights = w ? load_part(w + c, n) : L(1);
    store_part(scale * exp(load_part(x + c, n) - lse) - shift * weights, out + c, n);
  });
}

// ---- what both losses know of a call, as rows [N, C] with N classes

struct Rows {
  std::int64_t count, classes, ignore_index;
  Tensor weight;          // [C], or undefined
  double smoothing = 0;   // s
  double weight_sum = 0;  // of all classes
  double divisor = 1;     // of the reduction
  Reduction reduction = Reduction::mean;

  template <class T>
  const T* weights() const {
    return weight.defined() ? data<T>(weight) : nullptr;
  }
  // The factor of the target's class, (1 - s) weight_t, and 0 for rows that do not count.
  template <class T>
  T target_factor(std::int64_t t) const {
    if (t == ignore_index) return 0;
    return static_cast<T>(1 - smoothing) * (weight.defined() ? data<T>(weight)[t] : T(1));
  }
  // The factor of every class: s / C.
  template <class T>
  T smooth_factor(std::int64_t t) const {
    return t == ignore_index ? T(0) : static_cast<T>(smoothing / static_cast<double>(classes));
  }
};

// Gradient of one row: the whole's over the divisor, or the row's own.
template <class T>
struct RowGradients {
  explicit RowGradients(const Tensor& gradient, const Rows& rows)
      : dense_(dense(gradient)),
        values_(data<T>(dense_)),
        one_(rows.reduction != Reduction::none),
        factor_(static_cast<T>(1 / rows.divisor)) {}
  T operator[](std::int64_t n) const { return one_ ? values_[0] * factor_ : values_[n]; }

 private:
  Tensor dense_;
  const T* values_;
  bool one_;
  T factor_;
};

constexpr std::int64_t row_grain(std::int64_t classes) { return std::max<std::int64_t>(1, 4096 / (classes + 1)); }

// losses [N] reduced.
Tensor reduce(const Tensor& losses, const Rows& rows) {
  if (rows.reduction == Reduction::none) return losses;
  Tensor result = make_tensor({}, losses.dtype());
  dispatch_floating(losses.dtype(), [&]<class T>() {
    double sum = 0;
    for (std::int64_t n = 0; n < rows.count; ++n) sum += static_cast<double>(data<T>(losses)[n]);
    data<T>(result)[0] = static_cast<T>(sum / rows.divisor);
  });
  return result;
}

// Under create_graph: the incoming gradient as [N, 1] or a scalar, over the divisor.
Tensor row_gradient_column(Backward& bw, const Rows& rows) {
  if (rows.reduction == Reduction::none) return bw.grad().unsqueeze(-1, bw.here());
  return bw.grad().mul({1 / rows.divisor, bw.here()});
}

// Constants [N, C]: target_factor at the target, and smooth_factor times the weight everywhere.
Tensor target_matrix(const Rows& rows, const Tensor& target, Dtype dtype) {
  Tensor result = make_tensor({rows.count, rows.classes}, dtype);
  dispatch_floating(dtype, [&]<class T>() {
    const std::int64_t* t = data<std::int64_t>(target);
    for (std::int64_t n = 0; n < rows.count; ++n) {
      T* row = data<T>(result) + n * rows.classes;
      for (std::int64_t c = 0; c < rows.classes; ++c)
        row[c] = rows.smooth_factor<T>(t[n]) * (rows.weight.defined() ? rows.weights<T>()[c] : T(1));
      if (t[n] != rows.ignore_index) row[t[n]] += rows.target_factor<T>(t[n]);
    }
  });
  return result;
}

// l_n = (1 - s) w_t (lse - x_t) + s/C sum_c w_c (lse - x_c), lse = logsumexp(x)
// dl_n/dx_c = ((1 - s) w_t + s/C sum w) softmax(x)_c - (1 - s) w_t [c = t] - s/C w_c
Tensor class_cross_entropy(const Tensor& input, const Tensor& target, const Rows& rows, Here here) {
  const Tensor x = dense(input);
  const Tensor lse = make_tensor({rows.count}, x.dtype()), losses = make_tensor({rows.count}, x.dtype());
  const std::int64_t* t = data<std::int64_t>(target);
  dispatch_floating(x.dtype(), [&]<class T>() {
    T *normaliser = data<T>(lse), *out = data<T>(losses);
    const T *values = data<T>(x), *w = rows.weights<T>();
    parallel_for(rows.count, row_grain(rows.classes), x.numel() * 10, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t n = begin; n < end; ++n) {
        const T* row = values + n * rows.classes;
        normaliser[n] = row_logsumexp(row, rows.classes);
        out[n] = t[n] == rows.ignore_index ? T(0) : rows.target_factor<T>(t[n]) * (normaliser[n] - row[t[n]]);
        if (rows.smoothing == 0 || t[n] == rows.ignore_index) continue;
        T smooth = 0;
        for (std::int64_t c = 0; c < rows.classes; ++c) smooth += (w ? w[c] : T(1)) * (normaliser[n] - row[c]);
        out[n] += rows.smooth_factor<T>(t[n]) * smooth;
      }
    });
  });
  return record("cross_entropy", here, reduce(losses, rows), {&input}, [&] {
    return [saved_input = Saved(input), saved_target = Saved(target), lse, rows](Backward& bw) {
      const Tensor input = bw.load(saved_input), target = bw.load(saved_target);
      const std::int64_t* t = data<std::int64_t>(target);
      if (bw.create_graph()) {
        const Here here = bw.here();
        const Tensor factors = target_matrix(rows, target, input.dtype());
        const Tensor both = input.softmax(1, here).mul({factors.sum(Dims{1}, true, here), here});
        bw.give(0, both.sub({factors, here}).mul({row_gradient_column(bw, rows), here}));
        return;
      }
      const Tensor values = dense(input);
      Tensor result = make_tensor(values.sizes(), values.dtype());
      dispatch_floating(values.dtype(), [&]<class T>() {
        const RowGradients<T> g(bw.grad(), rows);
        const T *x = data<T>(values), *normaliser = data<T>(lse), *w = rows.weights<T>();
        T* out = data<T>(result);
        parallel_for(rows.count, row_grain(rows.classes), values.numel() * 8,
                     [&](std::int64_t begin, std::int64_t end) {
                       for (std::int64_t n = begin; n < end; ++n) {
                         T* row = out + n * rows.classes;
                         if (t[n] == rows.ignore_index) {
                           std::fill(row, row + rows.classes, T(0));
                           continue;
                         }
                         const T one = rows.target_factor<T>(t[n]), each = rows.smooth_factor<T>(t[n]);
                         row_gradient(x + n * rows.classes, w, rows.classes, normaliser[n],
                                      g[n] * (one + each * static_cast<T>(rows.weight_sum)), g[n] * each, row);
                         row[t[n]] -= g[n] * one;
                       }
                     });
      });
      bw.give(0, result);
    };
  });
}

// l_n = -w_t x_t
Tensor class_nll(const Tensor& input, const Tensor& target, const Rows& rows, Here here) {
  const Tensor x = dense(input);
  const Tensor losses = make_tensor({rows.count}, x.dtype());
  const std::int64_t* t = data<std::int64_t>(target);
  dispatch_floating(x.dtype(), [&]<class T>() {
    for (std::int64_t n = 0; n < rows.count; ++n)
      data<T>(losses)[n] =
          t[n] == rows.ignore_index ? T(0) : -rows.target_factor<T>(t[n]) * data<T>(x)[n * rows.classes + t[n]];
  });
  return record("nll_loss", here, reduce(losses, rows), {&input}, [&] {
    return [saved_target = Saved(target), rows, dtype = input.dtype()](Backward& bw) {
      const Tensor target = bw.load(saved_target);
      if (bw.create_graph()) {
        const Tensor factors = target_matrix(rows, target, dtype);
        bw.give(0, factors.mul({row_gradient_column(bw, rows).neg(bw.here()), bw.here()}));
        return;
      }
      Tensor result = make_tensor({rows.count, rows.classes}, dtype).zero_(bw.here());
      dispatch_floating(dtype, [&]<class T>() {
        const RowGradients<T> g(bw.grad(), rows);
        const std::int64_t* t = data<std::int64_t>(target);
        for (std::int64_t n = 0; n < rows.count; ++n)
          if (t[n] != rows.ignore_index) data<T>(result)[n * rows.classes + t[n]] = -g[n] * rows.target_factor<T>(t[n]);
      });
      bw.give(0, result);
    };
  });
}

// ---- checks and shapes

std::size_t class_dim(const Shape& input) { return input.size() == 1 ? 0 : 1; }

// The input's shape without its classes.
Shape shape_of_classes(const Shape& input) {
  Shape shape = input;
  shape.erase(class_dim(input));
  return shape;
}

void check_input(const char* op, const Arg& input, Reduction reduction) {
  check_floating(op, input.tensor(), input.here());
  check<ShapeError>(input->dim() >= 1, input.here(), "{}: input must be [C], [N, C] or [N, C, ...], got {}", op,
                    input->sizes());
  check_reduction(op, reduction, input.here());
}

// A copy of the weights: rules keep it, and nobody may change it meanwhile.
Tensor checked_weight(const char* op, const char* name, const Arg& input, const Tensor& weight) {
  if (!weight.defined()) return weight;
  const std::int64_t classes = input->sizes()[class_dim(input->sizes())];
  check<ShapeError>(weight.sizes() == Shape{classes}, input.here(), "{}: {} must be {}, one per class, got {}", op,
                    name, Shape{classes}, weight.sizes());
  check<DtypeError>(weight.dtype() == input->dtype(), input.here(), "{}: {} must be {} as the input, got {}", op, name,
                    input->dtype(), weight.dtype());
  return dense(weight.detach(input.here()).clone(input.here()));
}

// The classes as contiguous int64 [N].
Tensor checked_classes(const char* op, const Arg& input, const Arg& target, std::int64_t ignore_index) {
  const Here here = input.here();
  check<DtypeError>(!target->is_floating_point() && target->dtype() != Dtype::boolean, here,
                    "{}: classes must have an integer dtype, target is {}", op, target->dtype());
  check<ShapeError>(target->sizes() == shape_of_classes(input->sizes()), here,
                    "{}: target must be {} for an input of {}, got {}", op, shape_of_classes(input->sizes()),
                    input->sizes(), target->sizes());
  const Tensor classes = dense(target->detach(here).to(Dtype::int64, here)).reshape({target->numel()}, here);
  const std::int64_t* t = data<std::int64_t>(classes);
  const std::int64_t count = input->sizes()[class_dim(input->sizes())];
  for (std::int64_t n = 0; n < classes.numel(); ++n)
    check<IndexError>((t[n] >= 0 && t[n] < count) || t[n] == ignore_index, here,
                      "{}: target must be in 0..{}, element {} is {}; the input {} has {} classes", op, count - 1, n,
                      t[n], input->sizes(), count);
  return classes;
}

// The input as [N, C], recorded.
Tensor as_rows(const Arg& input, std::int64_t count) {
  const Here here = input.here();
  if (input->dim() == 2) return input.tensor();
  if (input->dim() == 1) return input->unsqueeze(0, here);
  return input->movedim(1, -1, here).reshape({count, input->sizes()[1]}, here);
}

Rows make_rows(const Tensor& rows, const Tensor& classes, const Tensor& weight, std::int64_t ignore_index,
               Reduction reduction, double smoothing) {
  Rows result{.count = rows.sizes()[0],
              .classes = rows.sizes()[1],
              .ignore_index = ignore_index,
              .weight = weight,
              .smoothing = smoothing,
              .reduction = reduction};
  dispatch_floating(rows.dtype(), [&]<class T>() {
    const T* w = result.weights<T>();
    const std::int64_t* t = data<std::int64_t>(classes);
    for (std::int64_t c = 0; c < result.classes; ++c) result.weight_sum += w ? static_cast<double>(w[c]) : 1;
    if (reduction != Reduction::mean) return;
    result.divisor = 0;
    for (std::int64_t n = 0; n < result.count; ++n)
      if (t[n] != ignore_index) result.divisor += w ? static_cast<double>(w[t[n]]) : 1;
  });
  return result;
}

// -sum_c p_c w_c log_softmax(x)_c for probabilities, in recorded operations.
Tensor probability_cross_entropy(const Arg& input, const Arg& target, const Tensor& weight,
                                 const CrossEntropyOptions& options) {
  const Here here = input.here();
  check<ShapeError>(target->sizes() == input->sizes(), here,
                    "cross_entropy: probabilities must have the input's shape, input is {}, target is {}",
                    input->sizes(), target->sizes());
  check<DtypeError>(target->dtype() == input->dtype(), here, "cross_entropy: input is {}, target is {}", input->dtype(),
                    target->dtype());
  const auto dim = static_cast<std::int64_t>(class_dim(input->sizes()));
  const auto classes = static_cast<double>(input->size(dim));
  Tensor p = target.tensor();
  if (options.label_smoothing > 0)
    p = p.mul({1 - options.label_smoothing, here}).add({options.label_smoothing / classes, here});
  Tensor logs = input->log_softmax(dim, here);
  if (weight.defined()) {
    Shape shape(static_cast<std::size_t>(input->dim()), 1);
    shape[static_cast<std::size_t>(dim)] = weight.numel();
    logs = logs.mul({weight.reshape(shape, here), here});
  }
  const Tensor losses = p.mul({logs, here}).sum(Dims{dim}, false, here).neg(here);
  return reduced(losses, options.reduction, here);
}

// ---- focal loss

// Of a cross-entropy u, with q = 1 - e^-u: q^gamma u, whose slope is q^gamma (1 + gamma e^-u u / q). From a bound on
// that does not change e^-u u, u is not looked at.
auto focal_op(double gamma) {
  return unary<real>(
      "focal_loss", [gamma](auto u) { return power(decltype(u)(-expm1(-u)), gamma) * u; },
      of<x>([gamma](auto g, auto u) {
        using V = decltype(u);
        const V q = -expm1(-u);
        const V ratio = where(q < impossible, 1, minimum(u, 1e3) / where(q < impossible, 1, q));
        return g * (power(q, gamma) * (1 + gamma * exp(-u) * ratio));
      }));
}

// alpha of each class [N], and 0 for elements that do not count.
Tensor alpha_of(const Tensor& alpha, const Tensor& classes, std::int64_t ignore_index) {
  const Tensor result = make_tensor(classes.sizes(), alpha.dtype());
  dispatch_floating(alpha.dtype(), [&]<class T>() {
    const std::int64_t* t = data<std::int64_t>(classes);
    for (std::int64_t n = 0; n < classes.numel(); ++n)
      data<T>(result)[n] = t[n] == ignore_index ? T(0) : data<T>(alpha)[t[n]];
  });
  return result;
}

}  // namespace

Tensor cross_entropy(const Arg& input, const Arg& target, const CrossEntropyOptions& options) {
  const char* op = "cross_entropy";
  check_input(op, input, options.reduction);
  check<ValueError>(options.label_smoothing >= 0 && options.label_smoothing <= 1, input.here(),
                    "{}: label_smoothing must be in [0, 1], got {}", op, options.label_smoothing);
  const Tensor weight = checked_weight(op, "weight", input, options.weight);
  if (target->is_floating_point()) return probability_cross_entropy(input, target, weight, options);
  const Tensor classes = checked_classes(op, input, target, options.ignore_index);
  const Tensor rows = as_rows(input, classes.numel());
  const Tensor loss = class_cross_entropy(
      rows, classes, make_rows(rows, classes, weight, options.ignore_index, options.reduction, options.label_smoothing),
      input.here());
  return options.reduction == Reduction::none ? loss.reshape(target->sizes(), input.here()) : loss;
}

Tensor nll_loss(const Arg& input, const Arg& target, const NllLossOptions& options) {
  const char* op = "nll_loss";
  check_input(op, input, options.reduction);
  const Tensor weight = checked_weight(op, "weight", input, options.weight);
  const Tensor classes = checked_classes(op, input, target, options.ignore_index);
  const Tensor rows = as_rows(input, classes.numel());
  const Tensor loss = class_nll(
      rows, classes, make_rows(rows, classes, weight, options.ignore_index, options.reduction, 0), input.here());
  return options.reduction == Reduction::none ? loss.reshape(target->sizes(), input.here()) : loss;
}

Tensor focal_loss(const Arg& input, const Arg& target, const FocalLossOptions& options) {
  const char* op = "focal_loss";
  const Here here = input.here();
  check_input(op, input, options.reduction);
  check_gamma(op, options.gamma, here);
  const Tensor alpha = checked_weight(op, "alpha", input, options.alpha);
  const Tensor classes = checked_classes(op, input, target, options.ignore_index);
  const Tensor rows = as_rows(input, classes.numel());
  const Rows each = make_rows(rows, classes, {}, options.ignore_index, Reduction::none, 0);
  Tensor losses = focal_op(options.gamma)({class_cross_entropy(rows, classes, each, here), here});
  if (alpha.defined()) losses = losses.mul({alpha_of(alpha, classes, options.ignore_index), here});
  if (options.reduction == Reduction::none) return losses.reshape(target->sizes(), here);
  const Tensor sum = losses.sum(ReduceOptions{}, here);
  if (options.reduction == Reduction::sum) return sum;
  const std::int64_t* t = data<std::int64_t>(classes);
  const std::int64_t ignored = std::count(t, t + classes.numel(), options.ignore_index);
  return sum.div({static_cast<double>(classes.numel() - ignored), here});
}

}  // namespace xgrad
