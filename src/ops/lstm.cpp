#include "kernels/lstm.hpp"

#include <xgrad/ops/join.hpp>
#include <xgrad/ops/linalg.hpp>
#include <xgrad/ops/lstm.hpp>

#include <algorithm>

#include "core/dispatch.hpp"
#include "ops/product.hpp"
#include "ops/recurrent_twin.hpp"

namespace xgrad {

using namespace detail;

namespace {

// What backward needs of the forward pass, of all times: the gates [4H], the cells [H], and o tanh(c) [H] where it is
// projected.
struct Trace {
  Tensor gates, cells, hidden;
};

Tensor run_forward(const RecurrentInputs& in, const RecurrentShape& s, bool keep, Trace& trace) {
  const Dtype dtype = in[in_x].dtype();
  const Tensor w_hh = dense(in[in_w_hh]), w_hr = dense_if(in[in_w_hr]), h0 = dense_if(in[in_h0]),
               c0 = dense_if(in[in_c0]);
  const Shape state = keep ? sequence_shape(s, s.hidden) : Shape{s.batch, s.hidden};
  Tensor output = make_tensor(sequence_shape(s, s.projected), dtype);
  trace.gates = make_tensor(sequence_shape(s, 4 * s.hidden), dtype);
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
  const RecurrentTwin r{in, s, bw.here()};
  const bool projects = in[in_w_hr].defined();
  struct Step {
    Tensor i, f, g, o, tanh_c, c_before;
  };
  std::vector<Step> steps;
  TensorList hidden, before;
  const Tensor shares = r.shares_of_x();
  const Tensor first_h = r.first_h(), first_c = in[in_c0].defined() ? in[in_c0] : r.zeros_of({s.batch, s.hidden});
  Tensor h, c;
  for (std::int64_t step = 0; step < s.steps; ++step) {
    h = r.enter(h, first_h, step), c = r.enter(c, first_c, step);
    const TensorList parts = r.at(shares, step).add({r.share_of(h), r.here}).chunk(4, 1, r.here);
    const Tensor i = parts[0].sigmoid(r.here), f = parts[1].sigmoid(r.here), g = parts[2].tanh(r.here),
                 o = parts[3].sigmoid(r.here), c_before = c;
    c = r.mul(f, c).add({r.mul(i, g), r.here});
    steps.push_back({i, f, g, o, c.tanh(r.here), c_before});
    before.push_back(h);
    hidden.push_back(r.mul(o, steps.back().tanh_c));
    h = projects ? linear({hidden.back(), r.here}, {in[in_w_hr], r.here}) : hidden.back();
  }
  // Slopes by the values.
  const auto of_sigmoid = [&](const Tensor& a) { return r.mul(a, r.rest(a)); };
  const auto of_tanh = [&](const Tensor& a) { return r.rest(a.square(r.here)); };
  Tensor d_h, d_c;
  TensorList d_gates(steps.size()), d_projected(steps.size()), d_first_h, d_first_c;
  for (std::int64_t step = s.steps - 1; step >= 0; --step) {
    const auto at = static_cast<std::size_t>(step);
    const auto& [i, f, g, o, tanh_c, c_before] = steps[at];
    d_c = r.leave(d_c, bw.grad(2), d_first_c, step);
    d_projected[at] = r.gradient_of_h(bw, r.leave(d_h, bw.grad(1), d_first_h, step), step);
    const Tensor m = projects ? r.times(d_projected[at], in[in_w_hr]) : d_projected[at];
    const Tensor k = r.sum(d_c, r.mul(r.mul(m, o), of_tanh(tanh_c)));
    d_gates[at] = cat({r.mul(r.mul(k, g), of_sigmoid(i)), r.mul(r.mul(k, c_before), of_sigmoid(f)),
                       r.mul(r.mul(k, i), of_tanh(g)), r.mul(r.mul(m, tanh_c), of_sigmoid(o))},
                      1, r.here);
    d_c = r.mul(k, f);
    d_h = r.times(d_gates[at], in[in_w_hh]);
  }
  const Tensor d = r.together(d_gates);
  r.give(bw, d, d, r.together(before), r.first_gradient(d_h, d_first_h));
  if (bw.needs(in_c0)) bw.give(in_c0, r.first_gradient(d_c, d_first_c));
  if (bw.needs(in_w_hr)) bw.give(in_w_hr, r.of_weight(r.together(d_projected), r.together(hidden)));
}

}  // namespace

TensorList lstm_layer(const Arg& x, const RecurrentWeights& weights, const Tensor& h0, const Tensor& c0, bool reverse,
                      const Tensor& batch_sizes) {
  const Here here = x.here();
  const RecurrentInputs in{x.tensor(), h0, c0, weights.w_ih, weights.w_hh, weights.b_ih, weights.b_hh, weights.w_hr};
  const RecurrentShape s = check_recurrent("lstm_layer", 4, in, reverse, batch_sizes, here);
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
