#include <xgrad/autograd.hpp>
#include <xgrad/ops/arithmetic.hpp>
#include <xgrad/ops/reduce.hpp>
#include <xgrad/optim/lbfgs.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "core/check.hpp"
#include "core/dispatch.hpp"
#include "core/tensor_impl.hpp"
#include "kernels/parallel.hpp"
#include "optim/fused.hpp"
#include "state_reader.hpp"

namespace xgrad::optim {

using detail::check;
using detail::state_list;
using detail::state_number;
using detail::StateReader;

namespace {

// In double, in ranges of a fixed size: the same bits for any number of threads.
double inner_product(const Tensor& a, const Tensor& b) {
  constexpr std::int64_t grain = 16384, lanes = 16;
  const std::int64_t count = a.numel();
  std::vector<double> parts(static_cast<std::size_t>((count + grain - 1) / grain));
  detail::dispatch_floating(a.dtype(), [&]<class T>() {
    const T *x = detail::data<T>(a), *y = detail::data<T>(b);
    detail::parallel_for(count, grain, count, [&](std::int64_t begin, std::int64_t end) {
      std::array<double, lanes> sums{};
      std::int64_t i = begin;
      for (; i + lanes <= end; i += lanes)
        for (std::int64_t k = 0; k < lanes; ++k)
          sums[static_cast<std::size_t>(k)] += static_cast<double>(x[i + k]) * static_cast<double>(y[i + k]);
      double sum = 0;
      for (const double part : sums) sum += part;
      for (; i < end; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(y[i]);
      parts[static_cast<std::size_t>(begin / grain)] = sum;
    });
  });
  double sum = 0;
  for (const double part : parts) sum += part;
  return sum;
}

double largest(const Tensor& x) { return norm(x, std::numeric_limits<double>::infinity()).item<double>(); }

// A place on the line: how far, the loss, the gradient, and the loss's slope along the line.
struct Point {
  double t = 0, loss = 0;
  Tensor gradient{};
  double slope = 0;
};

// Where the cubic through two points with their slopes is least, within the bounds; their middle where it has no
// minimum.
double cubic_minimum(const Point& a, const Point& b, double low, double high) {
  const double d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t);
  const double square = d1 * d1 - a.slope * b.slope;
  if (!(square >= 0)) return (low + high) / 2;
  const double d2 = std::sqrt(square);
  const double least = a.t <= b.t ? b.t - (b.t - a.t) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2))
                                  : a.t - (a.t - b.t) * ((a.slope + d2 - d1) / (a.slope - b.slope + 2 * d2));
  return std::min(std::max(least, low), high);
}

// A bracket that is shorter is not narrowed; PyTorch does not use tolerance_change here.
constexpr double sufficient_decrease = 1e-4, curvature = 0.9, shortest_bracket = 1e-9;
constexpr int most_searches = 25;

// A point with the strong Wolfe conditions, from `start` (t = 0), looking at t first. evaluate(t) gives the point at t;
// length is max |d|.
template <class Evaluate>
Point strong_wolfe(const Point& start, double t, double length, Evaluate&& evaluate) {
  const auto too_high = [&](const Point& p) { return p.loss > start.loss + sufficient_decrease * p.t * start.slope; };
  const auto is_flat = [&](const Point& p) { return std::abs(p.slope) <= -curvature * start.slope; };

  // Go on until there is a point behind which, or between which and the one before, a good one must lie.
  Point before = start, now = evaluate(t);
  int searches = 0;
  for (; searches < most_searches; ++searches) {
    if (too_high(now) || (searches > 1 && now.loss >= before.loss)) break;
    if (is_flat(now)) return now;
    if (now.slope >= 0) break;
    const double next = cubic_minimum(before, now, now.t + 0.01 * (now.t - before.t), now.t * 10);
    before = std::exchange(now, evaluate(next));
  }
  if (searches == most_searches) before = start;

  // Narrow the bracket down.
  std::array<Point, 2> bracket{before, now};
  std::size_t low = bracket[0].loss <= bracket[1].loss ? 0 : 1;
  bool was_near = false;
  for (; searches < most_searches; ++searches) {
    const double left = std::min(bracket[0].t, bracket[1].t), right = std::max(bracket[0].t, bracket[1].t);
    if ((right - left) * length < shortest_bracket) break;
    double trial = cubic_minimum(bracket[0], bracket[1], left, right);
    // A point too near an end twice in a row, or at it, is moved away: it would not narrow anything.
    const double margin = 0.1 * (right - left);
    bool near = std::min(right - trial, trial - left) < margin;
    if (near && (was_near || trial >= right || trial <= left)) {
      trial = std::abs(trial - right) < std::abs(trial - left) ? right - margin : left + margin;
      near = false;
    }
    was_near = near;
    Point point = evaluate(trial);
    const std::size_t high = 1 - low;
    if (too_high(point) || point.loss >= bracket[low].loss) {
      bracket[high] = std::move(point);
      low = bracket[0].loss <= bracket[1].loss ? 0 : 1;
      continue;
    }
    if (is_flat(point)) return point;
    if (point.slope * (bracket[high].t - bracket[low].t) >= 0) bracket[high] = bracket[low];
    bracket[low] = std::move(point);
  }
  return bracket[low];
}

}  // namespace

void validate(const char* optimizer, const LBFGSOptions& o, Here here) {
  const auto count = [&](const char* option, std::int64_t value, std::int64_t least) {
    check<ValueError>(value >= least, here, "{}: {} must be at least {}, it is {}", optimizer, option, least, value);
  };
  check_not_negative(optimizer, "lr", o.lr, here);
  count("max_iter", o.max_iter, 0);
  if (o.max_eval) count("max_eval", *o.max_eval, 0);
  check_not_negative(optimizer, "tolerance_grad", o.tolerance_grad, here);
  check_not_negative(optimizer, "tolerance_change", o.tolerance_change, here);
  count("history_size", o.history_size, 1);
  check<ValueError>(!o.line_search_fn || *o.line_search_fn == "strong_wolfe", here,
                    "{}: line_search_fn must be \"strong_wolfe\" or none, it is \"{}\"", optimizer,
                    o.line_search_fn.value_or(""));
}

LBFGS::LBFGS(const TensorList& parameters, const LBFGSOptions& options, Here here)
    : Optimizer("LBFGS"), options_(options) {
  validate(name(), options, here);
  add_parameters(parameters, here);
}

// One call of step(), on a copy of the memory.
class LBFGS::Run {
 public:
  Run(const LBFGS& owner, const Closure& closure, Here here)
      : parameters_(owner.parameters()),
        options_(owner.options_),
        closure_(closure),
        here_(here),
        memory(owner.memory_) {
    for (const Tensor& p : parameters_) count_ += p.numel();
    for (Tensor* vector : {&memory.d, &memory.prev_flat_grad})
      if (vector->defined()) *vector = vector->to(dtype());
    for (TensorList* list : {&memory.old_dirs, &memory.old_stps})
      for (Tensor& vector : *list) vector = vector.to(dtype());
    start_ = origin_ = flat([](const Tensor& p) { return p; });
  }

  // The loss of the first evaluation.
  Tensor go() {
    const Tensor loss = evaluate();
    int evaluations = 1;
    ++memory.func_evals;
    if (count_ == 0 || largest(gradient_) <= options_.tolerance_grad) return loss;
    const std::int64_t most = options_.max_eval.value_or(options_.max_iter * 5 / 4);
    for (std::int64_t iteration = 1; iteration <= options_.max_iter; ++iteration) {
      ++memory.n_iter;
      aim();
      memory.prev_flat_grad = gradient_;
      const double loss_before = loss_, slope = inner_product(gradient_, memory.d);
      memory.t = memory.n_iter == 1 ? std::min(1.0, 1 / norm(gradient_, 1).item<double>()) * options_.lr : options_.lr;
      if (slope > -options_.tolerance_change) break;
      const double length = largest(memory.d);
      const std::int64_t evaluated = advance(slope, length, iteration == options_.max_iter);
      evaluations += static_cast<int>(evaluated);
      memory.func_evals += evaluated;
      if (evaluations >= most || largest(gradient_) <= options_.tolerance_grad ||
          std::abs(memory.t) * length <= options_.tolerance_change ||
          std::abs(loss_ - loss_before) < options_.tolerance_change)
        break;
    }
    return loss;
  }

  // Puts the parameters back to where the run began.
  void undo() const { place(start_); }

 private:
  Dtype dtype() const { return parameters_[0].dtype(); }

  // One vector of something of each parameter; 0 where it is undefined.
  template <class F>
  Tensor flat(F&& of) const {
    const Tensor all = detail::make_tensor({count_}, dtype());
    std::int64_t at = 0;
    for (const Tensor& p : parameters_) {
      const Tensor part = all.narrow(0, at, p.numel()), values = of(p);
      if (values.defined())
        part.view(p.sizes()).copy_(values);
      else
        part.zero_();
      at += p.numel();
    }
    return all;
  }
  void place(const Tensor& all) const {
    std::int64_t at = 0;
    for (const Tensor& p : parameters_) {
      p.copy_(all.narrow(0, at, p.numel()).view(p.sizes()));
      at += p.numel();
    }
  }
  Tensor at(double t) const { return origin_.add(memory.d, t); }

  Tensor evaluate() {
    Tensor loss;
    {
      const EnableGradGuard recording;
      loss = closure_();
    }
    check<ValueError>(loss.defined() && loss.numel() == 1, here_, "LBFGS: the closure must return one number, it is {}",
                      loss.defined() ? fmt::format("{}", loss.sizes()) : "undefined");
    loss_ = loss.item<double>();
    gradient_ = flat([](const Tensor& p) { return p.grad(); });
    return loss;
  }

  // The direction, after the last step has gone into the history.
  void aim() {
    Memory& m = memory;
    if (m.n_iter == 1) {
      m.d = gradient_.neg();
      return;
    }
    const Tensor y = gradient_.sub(m.prev_flat_grad), s = m.d.mul(m.t);
    const double ys = inner_product(y, s);
    if (ys > 1e-10) {
      while (static_cast<std::int64_t>(m.ro.size()) >= options_.history_size) {
        m.old_dirs.erase(m.old_dirs.begin());
        m.old_stps.erase(m.old_stps.begin());
        m.ro.erase(m.ro.begin());
      }
      m.old_dirs.push_back(y);
      m.old_stps.push_back(s);
      m.ro.push_back(1 / ys);
      m.h_diag = ys / inner_product(y, y);
    }
    std::vector<double> shares(m.ro.size());
    const Tensor d = gradient_.neg();
    for (std::size_t i = m.ro.size(); i-- > 0;) {
      shares[i] = inner_product(m.old_stps[i], d) * m.ro[i];
      d.add_(m.old_dirs[i], -shares[i]);
    }
    d.mul_(m.h_diag);
    for (std::size_t i = 0; i < m.ro.size(); ++i)
      d.add_(m.old_stps[i], shares[i] - inner_product(m.old_dirs[i], d) * m.ro[i]);
    m.d = d;
  }

  // Moves along the direction. How often the loss was evaluated; without a search the last point of a run is not.
  std::int64_t advance(double slope, double length, bool last) {
    if (!options_.line_search_fn) {
      origin_ = at(memory.t);
      place(origin_);
      if (last) return 0;
      evaluate();
      return 1;
    }
    std::int64_t evaluated = 0;
    const Point found = strong_wolfe({0, loss_, gradient_, slope}, memory.t, length, [&](double t) -> Point {
      place(at(t));
      evaluate();
      ++evaluated;
      return {t, loss_, gradient_, inner_product(gradient_, memory.d)};
    });
    memory.t = found.t, loss_ = found.loss, gradient_ = found.gradient;
    origin_ = at(found.t);
    place(origin_);
    return evaluated;
  }

  const TensorList& parameters_;
  const LBFGSOptions options_;
  const Closure& closure_;
  Here here_;
  std::int64_t count_ = 0;
  Tensor start_, origin_, gradient_;
  double loss_ = 0;

 public:
  Memory memory;
};

Tensor LBFGS::step(const Closure& closure, Here here) {
  check<ValueError>(static_cast<bool>(closure), here, "{}: there is no closure", name());
  validate(name(), options_, here);
  const TensorList& all = parameters();
  for (std::size_t i = 1; i < all.size(); ++i)
    check<DtypeError>(all[i].dtype() == all[0].dtype(), here,
                      "{}: parameters must be of one dtype, the first is {}, parameter {} is {}", name(),
                      all[0].dtype(), i, all[i].dtype());
  const NoGradGuard no_grad;
  Run run(*this, closure, here);
  Tensor loss;
  try {
    loss = run.go();
  } catch (...) {
    run.undo();
    throw;
  }
  memory_ = std::move(run.memory);
  return loss;
}

void LBFGS::step(Here here) {
  check<ValueError>(false, here, "{}: a step evaluates the loss more than once; give step() a closure", name());
}

StateDict LBFGS::state_dict() const {
  StateDict dict{{"groups.0.lr", state_number(options_.lr)}};
  const Memory& m = memory_;
  if (m.func_evals == 0) return dict;
  dict.insert("state.0.func_evals", state_number(m.func_evals));
  dict.insert("state.0.n_iter", state_number(m.n_iter));
  if (m.n_iter == 0) return dict;
  dict.insert("state.0.d", m.d);
  dict.insert("state.0.t", state_number(m.t));
  dict.insert("state.0.H_diag", state_number(m.h_diag));
  dict.insert("state.0.prev_flat_grad", m.prev_flat_grad);
  dict.insert("state.0.ro", state_list(m.ro));
  for (std::size_t i = 0; i < m.ro.size(); ++i) {
    dict.insert(fmt::format("state.0.old_dirs.{}", i), m.old_dirs[i]);
    dict.insert(fmt::format("state.0.old_stps.{}", i), m.old_stps[i]);
  }
  return dict;
}

void LBFGS::load_state_dict(const StateDict& state, Here here) {
  StateReader read(state, here, name());
  const auto rate = read.number<double>("groups.0.lr");
  check_not_negative("load_state_dict", "lr", rate, here);
  Memory m;
  if (state.contains("state.0.func_evals")) {
    m.func_evals = read.number<std::int64_t>("state.0.func_evals");
    m.n_iter = read.number<std::int64_t>("state.0.n_iter");
    for (const auto& [key, value] : {std::pair{"func_evals", m.func_evals}, std::pair{"n_iter", m.n_iter}})
      check<ValueError>(value >= 0, here, "load_state_dict: {} must not be negative, it is {}", key, value);
  }
  if (m.n_iter > 0) {
    std::int64_t count = 0;
    for (const Tensor& p : parameters()) count += p.numel();
    const auto vector = [&](const std::string& key) { return read.floating(key, {count}, parameters()[0].dtype()); };
    m.d = vector("state.0.d");
    m.t = read.number<double>("state.0.t");
    m.h_diag = read.number<double>("state.0.H_diag");
    m.prev_flat_grad = vector("state.0.prev_flat_grad");
    m.ro = read.list("state.0.ro");
    for (std::size_t i = 0; i < m.ro.size(); ++i) {
      m.old_dirs.push_back(vector(fmt::format("state.0.old_dirs.{}", i)));
      m.old_stps.push_back(vector(fmt::format("state.0.old_stps.{}", i)));
    }
  }
  read.nothing_else();
  options_.lr = rate;
  memory_ = std::move(m);
}

}  // namespace xgrad::optim
