#include "kernels/rnn.hpp"

#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/join.hpp>
#include <xgrad/ops/masked.hpp>

#include "core/check.hpp"
#include "core/dispatch.hpp"
#include "ops/product.hpp"
#include "ops/recurrent_twin.hpp"

namespace xgrad {

using namespace detail;

namespace {

// ---- rnn_layer: h' = f(x W_ih^T + b_ih + h W_hh^T + b_hh); dz = dh' f'(z), dh = dz W_hh

void recorded_rnn_backward(Backward& bw, const RecurrentInputs& in, const RecurrentShape& s, Nonlinearity f) {
  const RecurrentTwin r{in, s, bw.here()};
  const Tensor shares = r.shares_of_x();
  const Tensor first_h = r.first_h();
  TensorList before, after;
  for (std::int64_t step = 0; step < s.steps; ++step) {
    before.push_back(r.enter(step == 0 ? Tensor() : after.back(), first_h, step));
    const Tensor z = r.at(shares, step).add({r.share_of(before.back()), r.here});
    after.push_back(f == Nonlinearity::tanh ? z.tanh(r.here) : z.relu(r.here));
  }
  Tensor d_h;
  TensorList d(before.size()), d_first_h;
  for (std::int64_t step = s.steps - 1; step >= 0; --step) {
    const auto k = static_cast<std::size_t>(step);
    const Tensor grad = r.gradient_of_h(bw, r.leave(d_h, bw.grad(1), d_first_h, step), step), &h = after[k];
    d[k] = f == Nonlinearity::tanh ? r.mul(grad, r.rest(h.square(r.here)))
                                   : grad.masked_fill(h.detach(r.here).le({0, r.here}), 0, r.here);
    d_h = r.times(d[k], in[in_w_hh]);
  }
  const Tensor all = r.together(d);
  r.give(bw, all, all, r.together(before), r.first_gradient(d_h, d_first_h));
}

void fused_rnn_backward(Backward& bw, const RecurrentInputs& in, const Tensor& output, const RecurrentShape& s,
                        Nonlinearity f) {
  const Tensor w_hh = dense(in[in_w_hh]), g_output = dense_if(bw.grad(0)), g_h = dense_if(bw.grad(1));
  const Tensor d = make_tensor(output.sizes(), output.dtype());
  const Tensor d_h0 = bw.needs(in_h0) ? make_tensor({s.batch, s.hidden}, output.dtype()) : Tensor();
  dispatch_floating(output.dtype(), [&]<class T>() {
    rnn_backward(RnnBackward<T>{.shape = s,
                                .f = f,
                                .w_hh = data<T>(w_hh),
                                .output = data<T>(output),
                                .d_output = values_if<T>(g_output),
                                .d_h = values_if<T>(g_h),
                                .d_arguments = data<T>(d),
                                .d_h0 = d_h0.defined() ? data<T>(d_h0) : nullptr});
  });
  if (d_h0.defined()) bw.give(in_h0, d_h0);
  give_parameters(bw, "rnn_layer", in, output, d, d, s);
}

// ---- gru_layer: r, z = sigmoid(...), q = h W_hn^T + b_hn, n = tanh(x W_in^T + b_in + r q), h' = n + z (h - n);
// dn = dh' (1 - z) (1 - n^2), dz = dh' (h - n) z (1 - z), dr = dn q r (1 - r), dq = dn r, dh = dh' z + (dr, dz, dq)
// W_hh

void recorded_gru_backward(Backward& bw, const RecurrentInputs& in, const RecurrentShape& s) {
  const RecurrentTwin r{in, s, bw.here()};
  struct Step {
    Tensor reset, update, next, q;
  };
  std::vector<Step> steps;
  TensorList before;
  const Tensor shares = r.shares_of_x(), first_h = r.first_h();
  Tensor h;
  for (std::int64_t step = 0; step < s.steps; ++step) {
    h = r.enter(h, first_h, step);
    const TensorList own = r.at(shares, step).chunk(3, 1, r.here), its = r.share_of(h).chunk(3, 1, r.here);
    const Tensor reset = own[0].add({its[0], r.here}).sigmoid(r.here);
    const Tensor update = own[1].add({its[1], r.here}).sigmoid(r.here);
    const Tensor next = own[2].add({r.mul(reset, its[2]), r.here}).tanh(r.here);
    steps.push_back({reset, update, next, its[2]});
    before.push_back(h);
    h = next.add({r.mul(update, h.sub({next, r.here})), r.here});
  }
  Tensor d_h;
  TensorList d_inputs(steps.size()), d_hiddens(steps.size()), d_first_h;
  for (std::int64_t step = s.steps - 1; step >= 0; --step) {
    const auto k = static_cast<std::size_t>(step);
    const auto& [reset, update, next, q] = steps[k];
    const Tensor grad = r.gradient_of_h(bw, r.leave(d_h, bw.grad(1), d_first_h, step), step);
    const Tensor d_next = r.mul(r.mul(grad, r.rest(update)), r.rest(next.square(r.here)));
    const Tensor d_reset = r.mul(r.mul(d_next, q), r.mul(reset, r.rest(reset)));
    const Tensor d_update = r.mul(r.mul(grad, before[k].sub({next, r.here})), r.mul(update, r.rest(update)));
    d_inputs[k] = cat({d_reset, d_update, d_next}, 1, r.here);
    d_hiddens[k] = cat({d_reset, d_update, r.mul(d_next, reset)}, 1, r.here);
    d_h = r.mul(grad, update).add({r.times(d_hiddens[k], in[in_w_hh]), r.here});
  }
  r.give(bw, r.together(d_inputs), r.together(d_hiddens), r.together(before), r.first_gradient(d_h, d_first_h));
}

// What backward needs of the forward pass, of all times: the gates [3H], and q [H].
struct GruTrace {
  Tensor gates, shares;
};

void fused_gru_backward(Backward& bw, const RecurrentInputs& in, const Tensor& output, const GruTrace& trace,
                        const RecurrentShape& s) {
  const Tensor w_hh = dense(in[in_w_hh]), h0 = dense_if(in[in_h0]), g_output = dense_if(bw.grad(0));
  const Tensor d_inputs = bw.retain_graph() ? make_tensor(trace.gates.sizes(), output.dtype()) : trace.gates;
  const Tensor d_hiddens = make_tensor(trace.gates.sizes(), output.dtype());
  const Tensor d_h = bw.grad(1).defined() ? bw.grad(1).clone() : zeros({s.batch, s.hidden}, {.dtype = output.dtype()});
  dispatch_floating(output.dtype(), [&]<class T>() {
    gru_backward(GruBackward<T>{.shape = s,
                                .w_hh = data<T>(w_hh),
                                .h0 = values_if<T>(h0),
                                .gates = data<T>(trace.gates),
                                .shares = data<T>(trace.shares),
                                .output = data<T>(output),
                                .d_output = values_if<T>(g_output),
                                .d_inputs = data<T>(d_inputs),
                                .d_hiddens = data<T>(d_hiddens),
                                .d_h = data<T>(d_h),
                                .wants_first = bw.needs(in_h0)});
  });
  if (bw.needs(in_h0)) bw.give(in_h0, d_h);
  give_parameters(bw, "gru_layer", in, output, d_inputs, d_hiddens, s);
}

// b_ih + b_hh, the last third of which is left to the reset gate.
Tensor gru_biases(const RecurrentInputs& in, std::int64_t hidden) {
  const NoGradGuard no_grad;
  if (!in[in_b_hh].defined()) return in[in_b_ih];
  const Tensor sum = in[in_b_ih].defined() ? in[in_b_ih].clone() : zeros({3 * hidden}, {.dtype = in[in_x].dtype()});
  sum.narrow(0, 0, 2 * hidden).add_(in[in_b_hh].narrow(0, 0, 2 * hidden));
  return sum;
}

}  // namespace

std::pair<Tensor, Tensor> rnn_layer(const Arg& x, const RecurrentWeights& weights, const Tensor& h0,
                                    const std::string& nonlinearity, bool reverse, const Tensor& batch_sizes) {
  const Here here = x.here();
  check<ValueError>(nonlinearity == "tanh" || nonlinearity == "relu", here,
                    "rnn_layer: nonlinearity must be tanh or relu, got {}", nonlinearity);
  check<ValueError>(!weights.w_hr.defined(), here, "rnn_layer: has no projection, got a w_hr");
  const Nonlinearity f = nonlinearity == "tanh" ? Nonlinearity::tanh : Nonlinearity::relu;
  const RecurrentInputs in{x.tensor(), h0, Tensor(), weights.w_ih, weights.w_hh, weights.b_ih, weights.b_hh, Tensor()};
  const RecurrentShape s = check_recurrent("rnn_layer", 1, in, reverse, batch_sizes, here);
  const Tensor w_hh = dense(weights.w_hh), first = dense_if(h0);
  const Tensor output = make_tensor(sequence_shape(s, s.hidden), x->dtype());
  multiply_into(output, in[in_x], in[in_w_ih], false, true, false, sum_of_biases(in));
  dispatch_floating(x->dtype(), [&]<class T>() {
    rnn_forward(
        RnnForward<T>{.shape = s, .f = f, .w_hh = data<T>(w_hh), .h0 = values_if<T>(first), .output = data<T>(output)});
  });
  const TensorList outputs{output, last_of(output, s)};
  record_recurrent("rnn_layer", here, outputs, in,
                   [output = Saved::output(output), s, f](Backward& bw, const RecurrentInputs& in) {
                     if (bw.create_graph())
                       recorded_rnn_backward(bw, in, s, f);
                     else
                       fused_rnn_backward(bw, in, bw.load(output), s, f);
                   });
  return {outputs[0], outputs[1]};
}

std::pair<Tensor, Tensor> gru_layer(const Arg& x, const RecurrentWeights& weights, const Tensor& h0, bool reverse,
                                    const Tensor& batch_sizes) {
  const Here here = x.here();
  check<ValueError>(!weights.w_hr.defined(), here, "gru_layer: has no projection, got a w_hr");
  const RecurrentInputs in{x.tensor(), h0, Tensor(), weights.w_ih, weights.w_hh, weights.b_ih, weights.b_hh, Tensor()};
  const RecurrentShape s = check_recurrent("gru_layer", 3, in, reverse, batch_sizes, here);
  const bool keep = records(in);
  const Tensor w_hh = dense(weights.w_hh), b_hh = dense_if(weights.b_hh), first = dense_if(h0);
  const Tensor output = make_tensor(sequence_shape(s, s.hidden), x->dtype());
  const GruTrace trace{make_tensor(sequence_shape(s, 3 * s.hidden), x->dtype()),
                       make_tensor(keep ? sequence_shape(s, s.hidden) : Shape{s.batch, s.hidden}, x->dtype())};
  multiply_into(trace.gates, in[in_x], in[in_w_ih], false, true, false, gru_biases(in, s.hidden));
  dispatch_floating(x->dtype(), [&]<class T>() {
    gru_forward(GruForward<T>{.shape = s,
                              .w_hh = data<T>(w_hh),
                              .b_hn = b_hh.defined() ? data<T>(b_hh) + 2 * s.hidden : nullptr,
                              .h0 = values_if<T>(first),
                              .gates = data<T>(trace.gates),
                              .shares = data<T>(trace.shares),
                              .keep = keep,
                              .output = data<T>(output)});
  });
  const TensorList outputs{output, last_of(output, s)};
  record_recurrent("gru_layer", here, outputs, in,
                   [output = Saved::output(output), trace, s](Backward& bw, const RecurrentInputs& in) {
                     if (bw.create_graph())
                       recorded_gru_backward(bw, in, s);
                     else
                       fused_gru_backward(bw, in, bw.load(output), trace, s);
                   });
  return {outputs[0], outputs[1]};
}

}  // namespace xgrad
