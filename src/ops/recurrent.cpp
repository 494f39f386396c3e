#include "ops/recurrent.hpp"

#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/dropout.hpp>
#include <xgrad/ops/join.hpp>
#include <xgrad/ops/shape.hpp>

#include <algorithm>

#include "core/check.hpp"
#include "core/dispatch.hpp"
#include "kernels/blas.hpp"
#include "ops/product.hpp"

namespace xgrad {
namespace detail {

// ---- one direction of one layer

std::vector<std::int64_t> packed_begins(const char* op, const Tensor& x, const Tensor& batch_sizes, Here here) {
  check<DtypeError>(batch_sizes.dtype() == int64, here, "{}: batch_sizes must be int64, got {}", op,
                    batch_sizes.dtype());
  check<ShapeError>(batch_sizes.dim() == 1 && batch_sizes.numel() > 0, here,
                    "{}: batch_sizes must be [T] with T above 0, got {}", op, batch_sizes.sizes());
  std::vector<std::int64_t> begins{0};
  std::int64_t before = 0;
  for (const std::int64_t size : batch_sizes.to_vector<std::int64_t>()) {
    check<ValueError>(size > 0 && (before == 0 || size <= before), here,
                      "{}: batch_sizes must be above 0 and not increase, got {} after {}", op, size, before);
    begins.push_back(begins.back() + size);
    before = size;
  }
  check<ValueError>(begins.back() == x.size(0), here, "{}: batch_sizes must add up to the rows of {}, got {}", op,
                    x.sizes(), begins.back());
  return begins;
}

RecurrentShape check_recurrent(const char* op, std::int64_t gates, const RecurrentInputs& in, bool reverse,
                               const Tensor& batch_sizes, Here here) {
  constexpr std::array<const char*, input_count> names{"x", "h0", "c0", "w_ih", "w_hh", "b_ih", "b_hh", "w_hr"};
  const Tensor& x = in[in_x];
  const std::string rows_text = gates == 1 ? "H" : std::to_string(gates) + " H";
  check_floating(op, x, here);
  const bool packed = batch_sizes.defined();
  check<ShapeError>(packed ? x.dim() == 2 : x.dim() == 3 && x.size(0) > 0, here, "{}: x must be {}, got {}", op,
                    packed ? "[S, I] with batch_sizes" : "[T, B, I] with T above 0", x.sizes());
  for (std::size_t i : {in_w_ih, in_w_hh})
    check<ValueError>(in[i].defined(), here, "{}: {} is undefined", op, names[i]);
  check<ShapeError>(in[in_w_ih].dim() == 2 && in[in_w_ih].size(0) % gates == 0, here,
                    "{}: w_ih must be [{}, I], got {}", op, rows_text, in[in_w_ih].sizes());
  check<ShapeError>(in[in_w_hh].dim() == 2, here, "{}: w_hh must be [{}, P], got {}", op, rows_text,
                    in[in_w_hh].sizes());
  const std::int64_t rows = in[in_w_ih].size(0), hidden = rows / gates;
  RecurrentShape s{x.size(0), x.size(1), hidden, in[in_w_hr].defined() ? in[in_w_hh].size(1) : hidden, reverse};
  if (packed) {
    s.begins = std::make_shared<const std::vector<std::int64_t>>(packed_begins(op, x, batch_sizes, here));
    s.steps = batch_sizes.numel();
    s.batch = s.rows(0);
  }
  const std::array<Shape, input_count> shapes{x.sizes(),
                                              Shape{s.batch, s.projected},
                                              Shape{s.batch, s.hidden},
                                              Shape{rows, x.size(-1)},
                                              Shape{rows, s.projected},
                                              Shape{rows},
                                              Shape{rows},
                                              Shape{s.projected, s.hidden}};
  for (std::size_t i = 1; i < input_count; ++i) {
    if (!in[i].defined()) continue;
    check<ShapeError>(in[i].sizes() == shapes[i], here, "{}: {} must be {}, got {}; x is {}, w_ih is {}", op, names[i],
                      shapes[i], in[i].sizes(), x.sizes(), in[in_w_ih].sizes());
    check<DtypeError>(in[i].dtype() == x.dtype(), here, "{}: {} must be {} as x, got {}", op, names[i], x.dtype(),
                      in[i].dtype());
  }
  return s;
}

Tensor rows_of(const Tensor& x, std::int64_t first, std::int64_t count) {
  const std::int64_t size = x.size(-1);
  return make_view(x, {count, size}, {size, 1}, impl(x).offset + first * size);
}

namespace {

void copy_rows(const Tensor& from, std::int64_t first, const Tensor& to, std::int64_t at, std::int64_t count) {
  const std::int64_t size = to.size(-1);
  dispatch_floating(
      to.dtype(), [&]<class T>() { std::copy_n(data<T>(from) + first * size, count * size, data<T>(to) + at * size); });
}

// h before each step, for all rows of a packed sequence [S, P].
Tensor h_before(const Tensor& output, const Tensor& h0, const RecurrentShape& s) {
  const Tensor before = zeros(output.sizes(), {.dtype = output.dtype()});
  for (std::int64_t step = 0; step < s.steps; ++step) {
    const std::int64_t at = s.begin(s.time(step)), now = s.rows_of_step(step);
    const std::int64_t old = std::min(now, s.rows_of_step(step - 1));
    if (old > 0) copy_rows(output, s.begin(s.time(step - 1)), before, at, old);
    if (h0.defined()) copy_rows(h0, old, before, at + old, now - old);
  }
  return before;
}

}  // namespace

Tensor last_of(const Tensor& all, const RecurrentShape& s) {
  const Tensor last = make_tensor({s.batch, all.size(-1)}, all.dtype());
  for (std::int64_t step = 0; step < s.steps; ++step) {
    const std::int64_t now = s.rows_of_step(step), later = s.rows_of_step(step + 1);
    if (later < now) copy_rows(all, s.begin(s.time(step)) + later, last, later, now - later);
  }
  return last;
}

Tensor sum_of_biases(const RecurrentInputs& in) {
  if (!in[in_b_ih].defined()) return in[in_b_hh];
  const NoGradGuard no_grad;
  return in[in_b_hh].defined() ? in[in_b_ih].add(in[in_b_hh]) : in[in_b_ih];
}

void give_weight(Backward& bw, RecurrentInput input, const Tensor& d, const Tensor& by, const Tensor& first_d,
                 const Tensor& first_by) {
  const Tensor pending = bw.pending(input);
  const bool add = pending.defined();
  const Tensor gradient = add ? pending : make_tensor(bw.input_shape(input), d.dtype());
  multiply_into(gradient, d, by, true, false, add);
  if (first_by.defined()) multiply_into(gradient, first_d, first_by, true, false, true);
  if (!add) bw.give(input, gradient);
}

void give_parameters(Backward& bw, const char* op, const RecurrentInputs& in, const Tensor& output,
                     const Tensor& d_inputs, const Tensor& d_hiddens, const RecurrentShape& s) {
  if (bw.needs(in_x)) give_product(bw, in_x, op, d_inputs, in[in_w_ih], false, false);
  if (bw.needs(in_w_ih)) give_weight(bw, in_w_ih, rows_of(d_inputs), rows_of(dense(in[in_x])));
  if (bw.needs(in_w_hh) && s.packed()) {
    give_weight(bw, in_w_hh, d_hiddens, h_before(output, dense_if(in[in_h0]), s));
  } else if (bw.needs(in_w_hh)) {
    // h of each time but the last one meets the arguments of the next.
    const std::int64_t later = s.reverse ? 0 : s.batch, earlier = s.batch - later, count = s.total() - s.batch;
    give_weight(bw, in_w_hh, rows_of(d_hiddens, later, count), rows_of(output, earlier, count),
                rows_of(d_hiddens, s.begin(s.time(0)), s.batch), dense_if(in[in_h0]));
  }
  Tensor sums[2];
  const auto sum = [&](const Tensor& d, Tensor& sum) {
    if (sum.defined()) return sum;
    const std::int64_t size = d.size(-1);
    sum = make_tensor({size}, d.dtype());
    dispatch_floating(d.dtype(), [&]<class T>() { sum_rows(s.total(), size, data<T>(d), size, data<T>(sum), false); });
    return sum;
  };
  if (bw.needs(in_b_ih)) bw.give(in_b_ih, sum(d_inputs, sums[0]));
  if (bw.needs(in_b_hh)) bw.give(in_b_hh, sum(d_hiddens, sums[d_hiddens.is_same(d_inputs) ? 0 : 1]));
}

// ---- layers and directions

namespace {

// A sequence without a batch.
bool is_alone(const RecurrentPlan& plan, const Arg& x) { return x->dim() == 2 && !plan.batch_sizes.defined(); }

// A state in parts of [B, size], undefined ones where it is undefined; and back.
TensorList split_state(const RecurrentPlan& plan, const RecurrentState& state, std::size_t count, const Arg& x) {
  TensorList parts(count);
  if (!state.value.defined()) return parts;
  const bool alone = is_alone(plan, x);
  Shape wanted{static_cast<std::int64_t>(count), state.size};
  if (!alone)
    wanted.insert(
        1, plan.batch_sizes.defined() ? plan.batch_sizes[0].item<std::int64_t>() : x->size(plan.batch_first ? 0 : 1));
  check<ShapeError>(state.value.sizes() == wanted, x.here(), "{}: {} must be {}, got {}; x is {}", plan.name,
                    state.name, wanted, state.value.sizes(), x->sizes());
  for (std::size_t i = 0; i < count; ++i) {
    const Tensor part = state.value.select(0, static_cast<std::int64_t>(i), x.here());
    parts[i] = alone ? part.unsqueeze(0, x.here()) : part;
  }
  return parts;
}
Tensor join_state(const RecurrentPlan& plan, const TensorList& parts, const Arg& x) {
  const Here here = x.here();
  if (is_alone(plan, x)) return cat(parts, 0, here);
  return parts.size() == 1 ? parts[0].unsqueeze(0, here) : stack(parts, 0, here);
}

}  // namespace

TensorList run_recurrent(const RecurrentPlan& plan, const Arg& x, const std::vector<RecurrentWeights>& weights,
                         const std::vector<RecurrentState>& states, const RecurrentLayer& layer) {
  const Here here = x.here();
  const bool packed = plan.batch_sizes.defined();
  check<ShapeError>(packed || x->dim() == 2 || x->dim() == 3, here, "{}: x must be {}, I] or [T, I], got {}", plan.name,
                    plan.batch_first ? "[B, T" : "[T, B", x->sizes());
  const bool alone = is_alone(plan, x), swap = plan.batch_first && !alone && !packed;
  check<ShapeError>(x->size(swap ? 1 : 0) > 0, here, "{}: the sequence of x {} has length 0", plan.name, x->sizes());
  check<ValueError>(plan.dropout >= 0 && plan.dropout <= 1, here, "{}: dropout must be in [0, 1], got {}", plan.name,
                    plan.dropout);
  std::vector<TensorList> parts;
  for (const RecurrentState& state : states) parts.push_back(split_state(plan, state, weights.size(), x));

  Tensor y = alone ? x->unsqueeze(1, here) : swap ? x->transpose(0, 1, here) : x.tensor();
  const auto direction = [&](std::size_t index, bool reverse) {
    TensorList now;
    for (const TensorList& part : parts) now.push_back(part[index]);
    const TensorList results = layer({y, here}, weights[index], now, reverse, plan.batch_sizes);
    for (std::size_t i = 0; i < parts.size(); ++i) parts[i][index] = results[i + 1];
    return results[0];
  };
  const std::size_t directions = plan.bidirectional ? 2 : 1;
  for (std::size_t first = 0; first < weights.size(); first += directions) {
    if (first > 0) y = dropout({y, here}, plan.dropout, plan.train);
    const Tensor forward = direction(first, false);
    y = plan.bidirectional ? cat({forward, direction(first + 1, true)}, -1, here) : forward;
  }
  TensorList results{alone ? y.squeeze(1, here) : swap ? y.transpose(0, 1, here) : y};
  for (const TensorList& part : parts) results.push_back(join_state(plan, part, x));
  return results;
}

}  // namespace detail

namespace {

using namespace detail;

// torch's flat list by layers and directions.
std::vector<RecurrentWeights> weights_of(const char* op, const TensorList& params, bool has_biases, bool may_project,
                                         std::int64_t num_layers, bool bidirectional, Here here) {
  check<ValueError>(num_layers > 0, here, "{}: num_layers must be above 0, got {}", op, num_layers);
  const std::size_t count = static_cast<std::size_t>(num_layers) * (bidirectional ? 2 : 1), each = has_biases ? 4 : 2;
  const bool projects = may_project && params.size() == count * (each + 1);
  check<ValueError>(projects || params.size() == count * each, here,
                    "{}: expected {} parameters for each of {} layers and directions, got {}", op, each, count,
                    params.size());
  std::vector<RecurrentWeights> weights;
  for (auto next = params.begin(); next != params.end();) {
    RecurrentWeights& w = weights.emplace_back();
    w.w_ih = *next++, w.w_hh = *next++;
    if (has_biases) w.b_ih = *next++, w.b_hh = *next++;
    if (projects) w.w_hr = *next++;
    check<ValueError>(w.w_ih.defined() && w.w_hh.defined() && (!projects || w.w_hr.defined()), here,
                      "{}: a weight is undefined", op);
    for (const Tensor* weight : {&w.w_hh, &w.w_hr})
      if (weight->defined())
        check<ShapeError>(weight->dim() == 2, here, "{}: expected weights of two dimensions, got {}", op,
                          weight->sizes());
  }
  return weights;
}

template <class Layer>
std::pair<Tensor, Tensor> one_state(const char* op, const Arg& x, const Tensor& hx, const TensorList& params,
                                    bool has_biases, std::int64_t num_layers, double dropout, bool train,
                                    bool bidirectional, bool batch_first, Layer layer) {
  const auto weights = weights_of(op, params, has_biases, false, num_layers, bidirectional, x.here());
  const TensorList results = run_recurrent(
      {op, batch_first, bidirectional, dropout, train}, x, weights, {{"hx", hx, weights[0].w_hh.size(1)}},
      [&](const Arg& y, const RecurrentWeights& w, const TensorList& states, bool reverse, const Tensor&) {
        auto [output, last] = layer(y, w, states[0], reverse);
        return TensorList{output, last};
      });
  return {results[0], results[1]};
}

auto rnn_of(const char* nonlinearity) {
  return [nonlinearity](const Arg& y, const RecurrentWeights& w, const Tensor& h, bool reverse) {
    return rnn_layer(y, w, h, nonlinearity, reverse);
  };
}

}  // namespace

std::pair<Tensor, Tensor> rnn_tanh(const Arg& x, const Tensor& hx, const TensorList& params, bool has_biases,
                                   std::int64_t num_layers, double dropout, bool train, bool bidirectional,
                                   bool batch_first) {
  return one_state("rnn_tanh", x, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first,
                   rnn_of("tanh"));
}
std::pair<Tensor, Tensor> rnn_relu(const Arg& x, const Tensor& hx, const TensorList& params, bool has_biases,
                                   std::int64_t num_layers, double dropout, bool train, bool bidirectional,
                                   bool batch_first) {
  return one_state("rnn_relu", x, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first,
                   rnn_of("relu"));
}
std::pair<Tensor, Tensor> gru(const Arg& x, const Tensor& hx, const TensorList& params, bool has_biases,
                              std::int64_t num_layers, double dropout, bool train, bool bidirectional,
                              bool batch_first) {
  return one_state("gru", x, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first,
                   [](const Arg& y, const RecurrentWeights& w, const Tensor& h, bool reverse) {
                     return gru_layer(y, w, h, reverse);
                   });
}

TensorList lstm(const Arg& x, const TensorList& hx, const TensorList& params, bool has_biases, std::int64_t num_layers,
                double dropout, bool train, bool bidirectional, bool batch_first) {
  check<ValueError>(hx.empty() || hx.size() == 2, x.here(), "lstm: expected hx of h and c, got {} tensors", hx.size());
  const auto weights = weights_of("lstm", params, has_biases, true, num_layers, bidirectional, x.here());
  const RecurrentWeights& first = weights[0];
  const std::int64_t projected = first.w_hh.size(1), hidden = first.w_hr.defined() ? first.w_hr.size(1) : projected;
  return run_recurrent(
      {"lstm", batch_first, bidirectional, dropout, train}, x, weights,
      {{"h_0", hx.empty() ? Tensor() : hx[0], projected}, {"c_0", hx.empty() ? Tensor() : hx[1], hidden}},
      [](const Arg& y, const RecurrentWeights& w, const TensorList& states, bool reverse, const Tensor&) {
        return lstm_layer(y, w, states[0], states[1], reverse);
      });
}

}  // namespace xgrad
