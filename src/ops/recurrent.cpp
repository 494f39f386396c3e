#include "ops/recurrent.hpp"

#include <xgrad/ops/dropout.hpp>
#include <xgrad/ops/join.hpp>
#include <xgrad/ops/shape.hpp>

#include "core/check.hpp"
#include "core/dispatch.hpp"
#include "kernels/blas.hpp"
#include "ops/product.hpp"

namespace xgrad {
namespace detail {

// ---- one direction of one layer

RecurrentShape check_recurrent(const char* op, std::int64_t gates, const RecurrentInputs& in, bool reverse, Here here) {
  constexpr std::array<const char*, input_count> names{"x", "h0", "c0", "w_ih", "w_hh", "b_ih", "b_hh", "w_hr"};
  const Tensor& x = in[in_x];
  const std::string rows_text = gates == 1 ? "H" : std::to_string(gates) + " H";
  check_floating(op, x, here);
  check<ShapeError>(x.dim() == 3 && x.size(0) > 0, here, "{}: x must be [T, B, I] with T above 0, got {}", op,
                    x.sizes());
  for (std::size_t i : {in_w_ih, in_w_hh})
    check<ValueError>(in[i].defined(), here, "{}: {} is undefined", op, names[i]);
  check<ShapeError>(in[in_w_ih].dim() == 2 && in[in_w_ih].size(0) % gates == 0, here,
                    "{}: w_ih must be [{}, I], got {}", op, rows_text, in[in_w_ih].sizes());
  check<ShapeError>(in[in_w_hh].dim() == 2, here, "{}: w_hh must be [{}, P], got {}", op, rows_text,
                    in[in_w_hh].sizes());
  const std::int64_t rows = in[in_w_ih].size(0), hidden = rows / gates;
  const RecurrentShape s{x.size(0), x.size(1), hidden, in[in_w_hr].defined() ? in[in_w_hh].size(1) : hidden, reverse};
  const std::array<Shape, input_count> shapes{Shape{s.steps, s.batch, x.size(2)},
                                              Shape{s.batch, s.projected},
                                              Shape{s.batch, s.hidden},
                                              Shape{rows, x.size(2)},
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
  const std::int64_t batch = x.size(1), size = x.size(2);
  return make_view(x, {count * batch, size}, {size, 1}, impl(x).offset + first * batch * size);
}

Tensor sum_of_biases(const RecurrentInputs& in) {
  if (!in[in_b_ih].defined()) return in[in_b_hh];
  const NoGradGuard no_grad;
  return in[in_b_hh].defined() ? in[in_b_ih].add(in[in_b_hh]) : in[in_b_ih];
}

Tensor last_of(const Tensor& all, const RecurrentShape& s) { return rows_of(all, s.time(s.steps - 1), 1).clone(); }

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
  if (bw.needs(in_w_hh)) {
    // h of each time but the last one meets the arguments of the next.
    const std::int64_t later = s.reverse ? 0 : 1, earlier = 1 - later;
    give_weight(bw, in_w_hh, rows_of(d_hiddens, later, s.steps - 1), rows_of(output, earlier, s.steps - 1),
                rows_of(d_hiddens, s.time(0), 1), dense_if(in[in_h0]));
  }
  Tensor sums[2];
  const auto sum = [&](const Tensor& d, Tensor& sum) {
    if (sum.defined()) return sum;
    sum = make_tensor({d.size(2)}, d.dtype());
    dispatch_floating(d.dtype(), [&]<class T>() {
      sum_rows(s.steps * s.batch, d.size(2), data<T>(d), d.size(2), data<T>(sum), false);
    });
    return sum;
  };
  if (bw.needs(in_b_ih)) bw.give(in_b_ih, sum(d_inputs, sums[0]));
  if (bw.needs(in_b_hh)) bw.give(in_b_hh, sum(d_hiddens, sums[d_hiddens.is_same(d_inputs) ? 0 : 1]));
}

// ---- layers and directions

namespace {

// A state in parts of [B, size], undefined ones where it is undefined; and back.
TensorList split_state(const RecurrentPlan& plan, const RecurrentState& state, std::size_t count, const Arg& x) {
  TensorList parts(count);
  if (!state.value.defined()) return parts;
  const bool alone = x->dim() == 2;
  Shape wanted{static_cast<std::int64_t>(count), state.size};
  if (!alone) wanted.insert(1, x->size(plan.batch_first ? 0 : 1));
  check<ShapeError>(state.value.sizes() == wanted, x.here(), "{}: {} must be {}, got {}; x is {}", plan.name,
                    state.name, wanted, state.value.sizes(), x->sizes());
  for (std::size_t i = 0; i < count; ++i) {
    const Tensor part = state.value.select(0, static_cast<std::int64_t>(i), x.here());
    parts[i] = alone ? part.unsqueeze(0, x.here()) : part;
  }
  return parts;
}
Tensor join_state(const TensorList& parts, const Arg& x) {
  const Here here = x.here();
  if (x->dim() == 2) return cat(parts, 0, here);
  return parts.size() == 1 ? parts[0].unsqueeze(0, here) : stack(parts, 0, here);
}

}  // namespace

TensorList run_recurrent(const RecurrentPlan& plan, const Arg& x, const std::vector<RecurrentWeights>& weights,
                         const std::vector<RecurrentState>& states, const RecurrentLayer& layer) {
  const Here here = x.here();
  check<ShapeError>(x->dim() == 2 || x->dim() == 3, here, "{}: x must be {}, I] or [T, I], got {}", plan.name,
                    plan.batch_first ? "[B, T" : "[T, B", x->sizes());
  const bool alone = x->dim() == 2, swap = plan.batch_first && !alone;
  check<ShapeError>(x->size(swap ? 1 : 0) > 0, here, "{}: the sequence of x {} has length 0", plan.name, x->sizes());
  check<ValueError>(plan.dropout >= 0 && plan.dropout <= 1, here, "{}: dropout must be in [0, 1], got {}", plan.name,
                    plan.dropout);
  std::vector<TensorList> parts;
  for (const RecurrentState& state : states) parts.push_back(split_state(plan, state, weights.size(), x));

  Tensor y = alone ? x->unsqueeze(1, here) : swap ? x->transpose(0, 1, here) : x.tensor();
  const auto direction = [&](std::size_t index, bool reverse) {
    TensorList now;
    for (const TensorList& part : parts) now.push_back(part[index]);
    const TensorList results = layer({y, here}, weights[index], now, reverse);
    for (std::size_t i = 0; i < parts.size(); ++i) parts[i][index] = results[i + 1];
    return results[0];
  };
  const std::size_t directions = plan.bidirectional ? 2 : 1;
  for (std::size_t first = 0; first < weights.size(); first += directions) {
    if (first > 0) y = dropout({y, here}, plan.dropout, plan.train);
    const Tensor forward = direction(first, false);
    y = plan.bidirectional ? cat({forward, direction(first + 1, true)}, 2, here) : forward;
  }
  TensorList results{alone ? y.squeeze(1, here) : swap ? y.transpose(0, 1, here) : y};
  for (const TensorList& part : parts) results.push_back(join_state(part, x));
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
  const TensorList results =
      run_recurrent({op, batch_first, bidirectional, dropout, train}, x, weights, {{"hx", hx, weights[0].w_hh.size(1)}},
                    [&](const Arg& y, const RecurrentWeights& w, const TensorList& states, bool reverse) {
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
  return one_state("gru", x, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first, gru_layer);
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
      [](const Arg& y, const RecurrentWeights& w, const TensorList& states, bool reverse) {
        return lstm_layer(y, w, states[0], states[1], reverse);
      });
}

}  // namespace xgrad
