#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/ctc_loss.hpp>
#include <xgrad/ops/gather.hpp>
#include <xgrad/ops/join.hpp>
#include <xgrad/ops/pointwise.hpp>
#include <xgrad/ops/reduce.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/dispatch.hpp"
#include "kernels/parallel.hpp"
#include "ops/loss_common.hpp"
#include "tape/node.hpp"

namespace xgrad {

namespace detail {
namespace {

// A target z of L labels is written as the states blank, z_1, blank, ..., z_L, blank. A path begins in state 0 or 1,
// ends in one of the last two, and moves by 0 or 1 states at each step, or by 2 between different labels. With e the
// logarithmic probability of a state's label,
//   alpha_t(s) = e_t(s) + log sum_{r -> s} exp alpha_{t-1}(r)
//   beta_t(s)  = log sum_{s -> r} exp(e_{t+1}(r) + beta_{t+1}(r)),  0 at the end
// the loss is l = -log Z, log Z = log sum_s exp(alpha_t(s) + beta_t(s)) at any t, and the states' probabilities
//   dl/de_t(s) = -exp(alpha_t(s) + beta_t(s) - log Z).

constexpr double impossible = -std::numeric_limits<double>::infinity();

double log_add(double a, double b) {
  const double high = a > b ? a : b, low = a > b ? b : a;
  return low == impossible ? high : high + std::log1p(std::exp(low - high));
}

// One sequence of a batch.
struct Path {
  std::vector<std::int64_t> labels;  // of the states
  std::int64_t steps;

  std::int64_t states() const { return static_cast<std::int64_t>(labels.size()); }
  std::int64_t label(std::int64_t state) const { return labels[static_cast<std::size_t>(state)]; }
  // Whether a path may come to this state from the one before the last.
  bool skips(std::int64_t state) const { return state >= 3 && state % 2 == 1 && label(state) != label(state - 2); }
  bool is_last(std::int64_t state) const { return state >= states() - 2; }
};

// What a rule knows of a call.
struct Batch {
  std::vector<Path> paths;
  std::int64_t steps, classes, most_states;
  bool zero_infinity;

  std::int64_t size() const { return static_cast<std::int64_t>(paths.size()); }
  // Where the classes of a step lie.
  std::int64_t row(std::int64_t step, std::int64_t n) const { return (step * size() + n) * classes; }
  template <class F>
  void for_paths(F&& f) const {
    parallel_for(size(), 1, size() * steps * most_states * 20, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t n = begin; n < end; ++n) f(n, paths[static_cast<std::size_t>(n)]);
    });
  }
};

// Writes the alphas [steps, states] and gives log Z.
template <class T>
double forward_path(const Batch& batch, std::int64_t n, const Path& path, const T* x, double* alpha) {
  const std::int64_t states = path.states();
  if (path.steps == 0) return states == 1 ? 0 : impossible;
  for (std::int64_t s = 0; s < states; ++s)
    alpha[s] = s < 2 ? static_cast<double>(x[batch.row(0, n) + path.label(s)]) : impossible;
  for (std::int64_t t = 1; t < path.steps; ++t, alpha += states)
    for (std::int64_t s = 0; s < states; ++s) {
      double before = alpha[s];
      if (s >= 1) before = log_add(before, alpha[s - 1]);
      if (path.skips(s)) before = log_add(before, alpha[s - 2]);
      alpha[states + s] = before + static_cast<double>(x[batch.row(t, n) + path.label(s)]);
    }
  return states == 1 ? alpha[0] : log_add(alpha[states - 1], alpha[states - 2]);
}

// Adds the states' probabilities, times -g, to their labels.
template <class T>
void backward_path(const Batch& batch, std::int64_t n, const Path& path, const T* x, const double* alpha, double total,
                   double g, T* out) {
  if (total == impossible) return;
  const std::int64_t states = path.states();
  std::vector<double> beta(static_cast<std::size_t>(states)), later(beta);
  for (std::int64_t t = path.steps - 1; t >= 0; --t) {
    const auto from = [&](std::int64_t s) {
      return later[static_cast<std::size_t>(s)] + static_cast<double>(x[batch.row(t + 1, n) + path.label(s)]);
    };
    for (std::int64_t s = 0; s < states; ++s) {
      double sum = path.is_last(s) ? 0 : impossible;
      if (t + 1 < path.steps) {
        sum = from(s);
        if (s + 1 < states) sum = log_add(sum, from(s + 1));
        if (s + 2 < states && path.skips(s + 2)) sum = log_add(sum, from(s + 2));
      }
      beta[static_cast<std::size_t>(s)] = sum;
      out[batch.row(t, n) + path.label(s)] -= static_cast<T>(g * std::exp(alpha[t * states + s] + sum - total));
    }
    beta.swap(later);
  }
}

// The same in recorded operations, for all sequences at once with the states of the longest; log Z is made anew.
Tensor recorded_gradient(Backward& bw, const Tensor& x, const Batch& batch) {
  const Here here = bw.here();
  const std::int64_t count = batch.size(), states = batch.most_states, steps = batch.steps;
  const TensorOptions real{.dtype = x.dtype()};
  if (x.numel() == 0) return zeros(x.sizes(), real, here);
  // Constants, 0 where possible: where paths begin and end, moves from state to state; and the states' labels.
  const Tensor begin = full({count, states}, impossible, real, here), end = begin.clone(here);
  const Tensor move = full({count, states, states}, impossible, real, here);  // [n, to, from]
  const Tensor labels = zeros({count, states}, {.dtype = Dtype::int64}, here);
  dispatch_floating(x.dtype(), [&]<class T>() {
    for (std::int64_t n = 0; n < count; ++n) {
      const Path& path = batch.paths[static_cast<std::size_t>(n)];
      for (std::int64_t s = 0; s < path.states(); ++s) {
        const std::int64_t at = n * states + s;
        data<std::int64_t>(labels)[at] = path.label(s);
        if (s < 2) data<T>(begin)[at] = 0;
        if (path.is_last(s)) data<T>(end)[at] = 0;
        T* from = data<T>(move) + at * states + s;
        from[0] = 0;
        if (s >= 1) from[-1] = 0;
        if (path.skips(s)) from[-2] = 0;
      }
    }
  });
  const Tensor back = move.transpose(1, 2, here);
  const Tensor index = labels.expand({steps, count, states}, here);
  const TensorList e = x.gather(2, index, here).unbind(0, here);
  const auto reach = [&](const Tensor& from, const Tensor& moves) {
    return moves.add({from.unsqueeze(1, here), here}).logsumexp(Dims{2}, false, here);
  };
  const auto at = [](const TensorList& list, std::int64_t t) { return list[static_cast<std::size_t>(t)]; };
  TensorList alpha{at(e, 0).add({begin, here})}, beta(e.size());
  for (std::int64_t t = 1; t < steps; ++t) alpha.push_back(reach(alpha.back(), move).add({at(e, t), here}));
  for (std::int64_t t = steps - 1; t >= 0; --t) {
    const Tensor ends = zeros({count, 1}, {.dtype = Dtype::boolean}, here);
    for (std::int64_t n = 0; n < count; ++n)
      data<bool>(ends)[n] = batch.paths[static_cast<std::size_t>(n)].steps == t + 1;
    const Tensor nowhere = full({count, states}, impossible, real, here);
    const Tensor later = t + 1 < steps ? reach(at(beta, t + 1).add({at(e, t + 1), here}), back) : nowhere;
    beta[static_cast<std::size_t>(t)] = where({ends, here}, {end, here}, {later, here});
  }
  const Tensor both = stack(alpha, 0, here).add({stack(beta, 0, here), here});
  const Tensor total = both.select(0, 0, here).logsumexp(Dims{1}, true, here);
  const Tensor lost = total.eq({impossible, here});
  const Tensor probability = both.sub({total.masked_fill(lost, 0, here), here}).exp(here);
  const Tensor shares = probability.mul({bw.grad().unsqueeze(-1, here).neg(here), here});
  return zeros(x.sizes(), real, here).scatter_add(2, index, shares, here);
}

// The losses [N] of x [T, N, C].
Tensor path_losses(const Tensor& x, Batch batch, Here here) {
  const Tensor values = dense(x), losses = make_tensor({batch.size()}, x.dtype());
  const Tensor alphas = make_tensor({batch.size(), batch.steps * batch.most_states}, Dtype::float64);
  const Tensor totals = make_tensor({batch.size()}, Dtype::float64);
  dispatch_floating(x.dtype(), [&]<class T>() {
    batch.for_paths([&](std::int64_t n, const Path& path) {
      double* alpha = data<double>(alphas) + n * batch.steps * batch.most_states;
      const double total = forward_path(batch, n, path, data<T>(values), alpha);
      data<double>(totals)[n] = total;
      data<T>(losses)[n] = total == impossible && batch.zero_infinity ? T(0) : static_cast<T>(-total);
    });
  });
  return record("ctc_loss", here, losses, {&x}, [&] {
    return [x = Saved(x), alphas, totals, batch = std::move(batch)](Backward& bw) {
      const Tensor input = bw.load(x);
      if (bw.create_graph()) return bw.give(0, recorded_gradient(bw, input, batch));
      const Tensor values = dense(input), g = dense(bw.grad()), out = make_tensor(input.sizes(), input.dtype());
      out.zero_(bw.here());
      dispatch_floating(out.dtype(), [&]<class T>() {
        batch.for_paths([&](std::int64_t n, const Path& path) {
          backward_path(batch, n, path, data<T>(values), data<double>(alphas) + n * batch.steps * batch.most_states,
                        data<double>(totals)[n], static_cast<double>(data<T>(g)[n]), data<T>(out));
        });
      });
      bw.give(0, out);
    };
  });
}

void check_lengths(const char* what, const std::vector<std::int64_t>& lengths, std::int64_t count, std::int64_t most,
                   Here here) {
  check<ShapeError>(static_cast<std::int64_t>(lengths.size()) == count, here,
                    "ctc_loss: expected {} of {} sequences, got {} numbers", what, count, lengths.size());
  for (const std::int64_t length : lengths)
    check<ValueError>(length >= 0 && length <= most, here, "ctc_loss: expected {} in 0..{}, got {}", what, most,
                      length);
}

// The sequences of x [T, N, C].
Batch checked_batch(const Tensor& x, const Arg& targets, bool alone, const std::vector<std::int64_t>& input_lengths,
                    const std::vector<std::int64_t>& target_lengths, const CtcLossOptions& options, Here here) {
  const std::int64_t steps = x.size(0), count = x.size(1), classes = x.size(2);
  check<ValueError>(options.blank >= 0 && options.blank < classes, here, "ctc_loss: expected blank in 0..{}, got {}",
                    classes - 1, options.blank);
  check<DtypeError>(!targets->is_floating_point() && targets->dtype() != Dtype::boolean, here,
                    "ctc_loss: expected targets of an integer dtype, got {}", targets->dtype());
  const bool padded = targets->dim() == 2;
  check<ShapeError>(targets->dim() == 1 || (padded && targets->size(0) == count), here,
                    "ctc_loss: expected targets of {} for log_probs of {} sequences, got {}",
                    alone ? "[S]" : "[N, S] or [sum of target_lengths]", count, targets->sizes());
  check_lengths("input_lengths", input_lengths, count, steps, here);
  check_lengths("target_lengths", target_lengths, count, targets->size(-1), here);
  const std::int64_t sum = std::accumulate(target_lengths.begin(), target_lengths.end(), std::int64_t{0});
  check<ShapeError>(padded || alone || sum == targets->numel(), here,
                    "ctc_loss: expected as many targets as target_lengths sum up to, {}, got {}", sum,
                    targets->sizes());
  Batch batch{{}, steps, classes, 1, options.zero_infinity};
  const Tensor labels = dense(targets->detach(here).to(Dtype::int64, here));
  const std::int64_t* next = data<std::int64_t>(labels);
  for (std::size_t n = 0; n < target_lengths.size(); ++n) {
    Path path{{options.blank}, input_lengths[n]};
    for (std::int64_t l = 0; l < target_lengths[n]; ++l) {
      check<IndexError>(next[l] >= 0 && next[l] < classes, here, "ctc_loss: expected targets in 0..{}, got {}",
                        classes - 1, next[l]);
      path.labels.insert(path.labels.end(), {next[l], options.blank});
    }
    next += padded ? targets->size(1) : target_lengths[n];
    batch.most_states = std::max(batch.most_states, path.states());
    batch.paths.push_back(std::move(path));
  }
  return batch;
}

}  // namespace
}  // namespace detail

using namespace detail;

SequenceLengths::SequenceLengths(const Tensor& lengths, Here here) {
  if (!lengths.defined()) raise_undefined(here);
  check<DtypeError>(!lengths.is_floating_point() && lengths.dtype() != Dtype::boolean, here,
                    "ctc_loss: expected lengths of an integer dtype, got {}", lengths.dtype());
  list_ = lengths.to_vector<std::int64_t>();
}

Tensor ctc_loss(const Arg& log_probs, const Arg& targets, const SequenceLengths& input_lengths,
                const SequenceLengths& target_lengths, const CtcLossOptions& options) {
  const Here here = log_probs.here();
  check_floating("ctc_loss", log_probs.tensor(), here);
  check_reduction("ctc_loss", options.reduction, here);
  check<ShapeError>(log_probs->dim() == 2 || log_probs->dim() == 3, here,
                    "ctc_loss: expected log_probs to be [T, N, C] or [T, C], got {}", log_probs->sizes());
  const bool alone = log_probs->dim() == 2;
  const Tensor x = alone ? log_probs->unsqueeze(1, here) : log_probs.tensor();
  const std::vector<std::int64_t>& lengths = target_lengths.list();
  Tensor losses = path_losses(x, checked_batch(x, targets, alone, input_lengths.list(), lengths, options, here), here);
  if (options.reduction == Reduction::mean) {
    std::vector<double> shares;
    for (const std::int64_t length : lengths)
      shares.push_back(1.0 / static_cast<double>(std::max<std::int64_t>(length, 1)));
    losses = losses.mul({tensor(shares, {}, here).to(x.dtype(), here), here});
  }
  if (alone) losses = losses.select(0, 0, here);
  return reduced(losses, options.reduction, here);
}

}  // namespace xgrad
