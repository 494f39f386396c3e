#include "kernels/lstm.hpp"

#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/linalg.hpp>
#include <xgrad/ops/lstm.hpp>
#include <xgrad/ops/shape.hpp>

#include <algorithm>
#include <array>

#include "core/dispatch.hpp"
#include "kernels/blas.hpp"
#include "ops/product.hpp"
#include "tape/node.hpp"

namespace xgrad {

using namespace detail;

namespace {

// The inputs in the order in which they are recorded.
enum Input : std::size_t { in_x, in_h0, in_c0, in_w_ih, in_w_hh, in_b_ih, in_b_hh, in_w_hr, input_count };
using Inputs = std::array<Tensor, input_count>;
constexpr std::array<const char*, input_count> names{"x", "h0", "c0", "w_ih", "w_hh", "b_ih", "b_hh", "w_hr"};

// What backward needs of the forward pass: the gates [T, B, 4H], the cells [T, B, H], and o tanh(c) [T, B, H] where it
// is projected.
struct Trace {
  Tensor gates, cells, hidden;
};

template <class T>
const T* values(const Tensor& tensor) {
  return tensor.defined() ? data<T>(tensor) : nullptr;
}
Tensor dense_if(const Tensor& tensor) { return tensor.defined() ? dense(tensor) : tensor; }

LstmShape check_inputs(const Inputs& in, bool reverse, Here here) {
  const Tensor& x = in[in_x];
  check_floating("lstm_layer", x, here);
  check<ShapeError>(x.dim() == 3 && x.size(0) > 0, here, "lstm_layer: x must be [T, B, I] with T above 0, got {}",
                    x.sizes());
  for (std::size_t i : {in_w_ih, in_w_hh})
    check<ValueError>(in[i].defined(), here, "lstm_layer: {} is undefined", names[i]);
  check<ShapeError>(in[in_w_ih].dim() == 2 && in[in_w_ih].size(0) % 4 == 0, here,
                    "lstm_layer: w_ih must be [4 H, I], got {}", in[in_w_ih].sizes());
  check<ShapeError>(in[in_w_hh].dim() == 2, here, "lstm_layer: w_hh must be [4 H, P], got {}", in[in_w_hh].sizes());
  const std::int64_t rows = in[in_w_ih].size(0);
  const LstmShape s{x.size(0), x.size(1), rows / 4, in[in_w_hr].defined() ? in[in_w_hh].size(1) : rows / 4, reverse};
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
    check<ShapeError>(in[i].sizes() == shapes[i], here, "lstm_layer: {} must be {}, got {}; x is {}, w_ih is {}",
                      names[i], shapes[i], in[i].sizes(), x.sizes(), in[in_w_ih].sizes());
    check<DtypeError>(in[i].dtype() == x.dtype(), here, "lstm_layer: {} must be {} as x, got {}", names[i], x.dtype(),
                      in[i].dtype());
  }
  return s;
}

// [count, B, n] of the times from `first` as rows [count B, n].
Tensor rows_of(const Tensor& x, std::int64_t first, std::int64_t count) {
  const std::int64_t batch = x.size(1), size = x.size(2);
  return make_view(x, {count * batch, size}, {size, 1}, impl(x).offset + first * batch * size);
}
Tensor rows_of(const Tensor& x) { return rows_of(x, 0, x.size(0)); }

Tensor sum_of_biases(const Inputs& in) {
  if (!in[in_b_ih].defined()) return in[in_b_hh];
  const NoGradGuard no_grad;
  return in[in_b_hh].defined() ? in[in_b_ih].add(in[in_b_hh]) : in[in_b_ih];
}

Tensor run_forward(const Inputs& in, const LstmShape& s, bool keep, Trace& trace) {
  const Dtype dtype = in[in_x].dtype();
  const Tensor w_hh = dense(in[in_w_hh]), w_hr = dense_if(in[in_w_hr]), h0 = dense_if(in[in_h0]),
               c0 = dense_if(in[in_c0]);
  const Shape state = keep ? Shape{s.steps, s.batch, s.hidden} : Shape{s.batch, s.hidden};
  Tensor output = make_tensor({s.steps, s.batch, s.projected}, dtype);
  trace.gates = make_tensor({s.steps, s.batch, 4 * s.hidden}, dtype);
  trace.cells = make_tensor(state, dtype);
  if (w_hr.defined()) trace.hidden = make_tensor(state, dtype);
  multiply_into(trace.gates, in[in_x], in[in_w_ih], false, true, false, sum_of_biases(in));
  dispatch_floating(dtype, [&]<class T>() {
    lstm_forward(LstmForward<T>{.shape = s,
                                .w_hh = data<T>(w_hh),
                                .w_hr = values<T>(w_hr),
                                .h0 = values<T>(h0),
                                .c0 = values<T>(c0),
                                .gates = data<T>(trace.gates),
                                .cells = data<T>(trace.cells),
                                .hidden = w_hr.defined() ? data<T>(trace.hidden) : nullptr,
                                .keep = keep,
                                .output = data<T>(output)});
  });
  return output;
}

// Gives the product of a sequence of gradients with what it was multiplied by, and adds that of the first step where it
// was there.
void give_weight(Backward& bw, Input input, const Tensor& d, const Tensor& by, const Tensor& first_d = {},
                 const Tensor& first_by = {}) {
  const Tensor pending = bw.pending(input);
  const bool add = pending.defined();
  const Tensor gradient = add ? pending : make_tensor(bw.input_shape(input), d.dtype());
  multiply_into(gradient, d, by, true, false, add);
  if (first_by.defined()) multiply_into(gradient, first_d, first_by, true, false, true);
  if (!add) bw.give(input, gradient);
}

void fused_backward(Backward& bw, const Inputs& in, const Tensor& output, const Trace& trace, const LstmShape& s) {
  const Dtype dtype = output.dtype();
  const Tensor w_hh = dense(in[in_w_hh]), w_hr = dense_if(in[in_w_hr]), h0 = dense_if(in[in_h0]),
               c0 = dense_if(in[in_c0]);
  const Tensor g_output = dense_if(bw.grad(0)), g_h = dense_if(bw.grad(1)), g_c = dense_if(bw.grad(2));
  const Shape h_shape{s.batch, s.projected}, c_shape{s.batch, s.hidden};
  const Tensor d_gates = bw.retain_graph() ? make_tensor(trace.gates.sizes(), dtype) : trace.gates;
  const Tensor d_projected = w_hr.defined() ? make_tensor(output.sizes(), dtype) : Tensor();
  const Tensor d_h0 = bw.needs(in_h0) ? make_tensor(h_shape, dtype) : Tensor(), d_c = make_tensor(c_shape, dtype);
  dispatch_floating(dtype, [&]<class T>() {
    if (g_c.defined())
      std::copy_n(data<T>(g_c), d_c.numel(), data<T>(d_c));
    else
      std::fill_n(data<T>(d_c), d_c.numel(), T(0));
    lstm_backward(LstmBackward<T>{.shape = s,
                                  .w_hh = data<T>(w_hh),
                                  .w_hr = values<T>(w_hr),
                                  .c0 = values<T>(c0),
                                  .gates = data<T>(trace.gates),
                                  .cells = data<T>(trace.cells),
                                  .d_output = values<T>(g_output),
                                  .d_h = values<T>(g_h),
                                  .d_gates = data<T>(d_gates),
                                  .d_projected = w_hr.defined() ? data<T>(d_projected) : nullptr,
                                  .d_h0 = d_h0.defined() ? data<T>(d_h0) : nullptr,
                                  .d_c = data<T>(d_c)});
  });
  if (bw.needs(in_x)) give_product(bw, in_x, "lstm_layer", d_gates, in[in_w_ih], false, false);
  if (d_h0.defined()) bw.give(in_h0, d_h0);
  if (bw.needs(in_c0)) bw.give(in_c0, d_c);
  const Tensor d_rows = rows_of(d_gates);
  if (bw.needs(in_w_ih)) give_weight(bw, in_w_ih, d_rows, rows_of(dense(in[in_x])));
  if (bw.needs(in_w_hh)) {
    // h of each time but the last one meets the gates of the next.
    const std::int64_t later = s.reverse ? 0 : 1, earlier = 1 - later, first = s.reverse ? s.steps - 1 : 0;
    give_weight(bw, in_w_hh, rows_of(d_gates, later, s.steps - 1), rows_of(output, earlier, s.steps - 1),
                rows_of(d_gates, first, 1), h0);
  }
  if (bw.needs(in_b_ih) || bw.needs(in_b_hh)) {
    const Tensor sum = make_tensor({4 * s.hidden}, dtype);
    dispatch_floating(dtype, [&]<class T>() {
      sum_rows(s.steps * s.batch, 4 * s.hidden, data<T>(d_gates), 4 * s.hidden, data<T>(sum), false);
    });
    for (const Input bias : {in_b_ih, in_b_hh})
      if (bw.needs(bias)) bw.give(bias, sum);
  }
  if (bw.needs(in_w_hr)) give_weight(bw, in_w_hr, rows_of(d_projected), rows_of(trace.hidden));
}

// The same in tensor operations.
void recorded_backward(Backward& bw, const Inputs& in, const LstmShape& s) {
  const Here here = bw.here();
  const auto mul = [&](const Tensor& a, const Tensor& b) { return a.mul({b, here}); };
  const auto add = [&](const Tensor& a, const Tensor& b) { return a.defined() ? a.add({b, here}) : b; };
  const auto rest = [&](const Tensor& a) { return a.neg(here).add({1, here}); };
  const auto times = [&](const Tensor& a, const Tensor& b) { return matmul({a, here}, {b, here}); };
  const auto shared = [&](const Tensor& a, const Tensor& w) { return linear({a, here}, {w, here}); };
  const auto rows = [&](const Tensor& a) { return a.reshape({s.steps * s.batch, a.size(2)}, here); };
  const TensorOptions like{.dtype = in[in_x].dtype()};

  struct Step {
    Tensor i, f, g, o, c, tanh_c, hidden, h_before, c_before;
  };
  std::vector<Step> steps(static_cast<std::size_t>(s.steps));
  const auto at = [&](std::int64_t step) { return static_cast<std::size_t>(s.reverse ? s.steps - 1 - step : step); };
  Tensor biases;
  for (const Input bias : {in_b_ih, in_b_hh})
    if (in[bias].defined()) biases = add(biases, in[bias]);
  const Tensor share = linear({in[in_x], here}, {in[in_w_ih], here}, biases);
  Tensor h = in[in_h0].defined() ? in[in_h0] : zeros({s.batch, s.projected}, like, here);
  Tensor c = in[in_c0].defined() ? in[in_c0] : zeros({s.batch, s.hidden}, like, here);
  for (std::int64_t step = 0; step < s.steps; ++step) {
    Step& now = steps[at(step)];
    now.h_before = h;
    now.c_before = c;
    const Tensor z = share.select(0, static_cast<std::int64_t>(at(step)), here).add({shared(h, in[in_w_hh]), here});
    const TensorList parts = chunk({z, here}, 4, 1);
    now.i = parts[0].sigmoid(here), now.f = parts[1].sigmoid(here);
    now.g = parts[2].tanh(here), now.o = parts[3].sigmoid(here);
    now.c = c = mul(now.f, c).add({mul(now.i, now.g), here});
    now.tanh_c = c.tanh(here);
    now.hidden = h = mul(now.o, now.tanh_c);
    if (in[in_w_hr].defined()) h = shared(h, in[in_w_hr]);
  }

  Tensor d_h = bw.grad(1), d_c = bw.grad(2);
  TensorList d_gates(steps.size()), d_projected(steps.size()), hidden, h_before;
  for (std::int64_t step = s.steps - 1; step >= 0; --step) {
    const std::size_t t = at(step);
    const Step& now = steps[t];
    if (bw.grad(0).defined()) d_h = add(d_h, bw.grad(0).select(0, static_cast<std::int64_t>(t), here));
    if (!d_h.defined()) d_h = zeros({s.batch, s.projected}, like, here);
    d_projected[t] = d_h;
    const Tensor m = in[in_w_hr].defined() ? times(d_h, in[in_w_hr]) : d_h;
    const Tensor k = add(d_c, mul(mul(m, now.o), rest(now.tanh_c.square(here))));
    d_gates[t] = cat({mul(mul(k, now.g), mul(now.i, rest(now.i))), mul(mul(k, now.c_before), mul(now.f, rest(now.f))),
                      mul(mul(k, now.i), rest(now.g.square(here))), mul(mul(m, now.tanh_c), mul(now.o, rest(now.o)))},
                     1, here);
    d_c = mul(k, now.f);
    d_h = times(d_gates[t], in[in_w_hh]);
  }
  for (const Step& now : steps) {
    hidden.push_back(now.hidden);
    h_before.push_back(now.h_before);
  }
  const Tensor d = stack(d_gates, 0, here), d_rows = rows(d);
  if (bw.needs(in_x)) bw.give(in_x, times(d, in[in_w_ih]));
  if (bw.needs(in_h0)) bw.give(in_h0, d_h);
  if (bw.needs(in_c0)) bw.give(in_c0, d_c);
  if (bw.needs(in_w_ih)) bw.give(in_w_ih, times(d_rows.t(here), rows(in[in_x])));
  if (bw.needs(in_w_hh)) bw.give(in_w_hh, times(d_rows.t(here), rows(stack(h_before, 0, here))));
  for (const Input bias : {in_b_ih, in_b_hh})
    if (bw.needs(bias)) bw.give(bias, d_rows);
  if (bw.needs(in_w_hr))
    bw.give(in_w_hr, times(rows(stack(d_projected, 0, here)).t(here), rows(stack(hidden, 0, here))));
}

}  // namespace

TensorList lstm_layer(const Arg& x, const RecurrentWeights& weights, const Tensor& h0, const Tensor& c0, bool reverse) {
  const Here here = x.here();
  const Inputs in{x.tensor(), h0, c0, weights.w_ih, weights.w_hh, weights.b_ih, weights.b_hh, weights.w_hr};
  const LstmShape s = check_inputs(in, reverse, here);
  std::vector<const Tensor*> inputs;
  for (const Tensor& input : in) inputs.push_back(&input);
  const bool keep = records(inputs);
  Trace trace;
  const Tensor output = run_forward(in, s, keep, trace);
  const std::int64_t last = reverse ? 0 : s.steps - 1;
  const auto at_last = [&](const Tensor& all) { return rows_of(all, last, 1).clone(); };
  const TensorList outputs{output, at_last(output), keep ? at_last(trace.cells) : trace.cells};
  record("lstm_layer", here, outputs, inputs, [&] {
    std::array<Saved, input_count> saved;
    for (std::size_t i = 0; i < input_count; ++i) saved[i] = Saved::input_if(in[i].defined(), in[i]);
    return [saved, output = Saved::output(output), trace, s](Backward& bw) {
      Inputs in;
      for (std::size_t i = 0; i < input_count; ++i)
        if (saved[i].defined()) in[i] = bw.load(saved[i]);
      if (bw.create_graph())
        recorded_backward(bw, in, s);
      else
        fused_backward(bw, in, bw.load(output), trace, s);
    };
  });
  return outputs;
}

}  // namespace xgrad
