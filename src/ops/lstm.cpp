#include "kernels/lstm.hpp"

#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/linalg.hpp>
#include <xgrad/ops/lstm.hpp>
#include <xgrad/ops/shape.hpp>

#include <algorithm>

#include "core/dispatch.hpp"
#include "ops/product.hpp"
#include "ops/recurrent.hpp"

namespace xgrad {

using namespace detail;

namespace {

// What backward needs of the forward pass: the gates [T, B, 4H], the cells [T, B, H], and o tanh(c) [T, B, H] where it
// is projected.
struct Trace {
  Tensor gates, cells, hidden;
};

Tensor run_forward(const RecurrentInputs& in, const RecurrentShape& s, bool keep, Trace& trace) {
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
                                .w_hr = values_if<T>(w_hr),
                                .h0 = values_if<T>(h0),
                                .c0 = values_if<T>(c0),
                                .gates = data<T>(trace.gates),
                                .cells = data<T>(trace.cells),
                                .hidden = w_hr.defined() ? data<T>(trace.hidden) : nullptr,
                                .keep = keep,
                                .output = data<T>(output)});
  });
  return output;
}

void fused_backward(Backward& bw, const RecurrentInputs& in, const Tensor& output, const Trace& trace,
                    const RecurrentShape& s) {
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
                                  .w_hr = values_if<T>(w_hr),
                                  .c0 = values_if<T>(c0),
                                  .gates = data<T>(trace.gates),
                                  .cells = data<T>(trace.cells),
                                  .d_output = values_if<T>(g_output),
                                  .d_h = values_if<T>(g_h),
                                  .d_gates = data<T>(d_gates),
                                  .d_projected = w_hr.defined() ? data<T>(d_projected) : nullptr,
                                  .d_h0 = d_h0.defined() ? data<T>(d_h0) : nullptr,
                                  .d_c = data<T>(d_c)});
  });
  if (d_h0.defined()) bw.give(in_h0, d_h0);
  if (bw.needs(in_c0)) bw.give(in_c0, d_c);
  give_parameters(bw, "lstm_layer", in, output, d_gates, d_gates, s);
  if (bw.needs(in_w_hr)) give_weight(bw, in_w_hr, rows_of(d_projected), rows_of(trace.hidden));
}

// The same in tensor operations.
void recorded_backward(Backward& bw, const RecurrentInputs& in, const RecurrentShape& s) {
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
  for (const RecurrentInput bias : {in_b_ih, in_b_hh})
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
  for (const RecurrentInput bias : {in_b_ih, in_b_hh})
    if (bw.needs(bias)) bw.give(bias, d_rows);
  if (bw.needs(in_w_hr))
    bw.give(in_w_hr, times(rows(stack(d_projected, 0, here)).t(here), rows(stack(hidden, 0, here))));
}

}  // namespace

TensorList lstm_layer(const Arg& x, const RecurrentWeights& weights, const Tensor& h0, const Tensor& c0, bool reverse) {
  const Here here = x.here();
  const RecurrentInputs in{x.tensor(), h0, c0, weights.w_ih, weights.w_hh, weights.b_ih, weights.b_hh, weights.w_hr};
  const RecurrentShape s = check_recurrent("lstm_layer", 4, in, reverse, here);
  const bool keep = records(in);
  Trace trace;
  const Tensor output = run_forward(in, s, keep, trace);
  const TensorList outputs{output, last_of(output, s), keep ? last_of(trace.cells, s) : trace.cells};
  record_recurrent("lstm_layer", here, outputs, in,
                   [output = Saved::output(output), trace, s](Backward& bw, const RecurrentInputs& in) {
                     if (bw.create_graph())
                       recorded_backward(bw, in, s);
                     else
                       fused_backward(bw, in, bw.load(output), trace, s);
                   });
  return outputs;
}

}  // namespace xgrad
