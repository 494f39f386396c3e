// What the twins of recurrent layers, their rules in tensor operations, are written with.
#pragma once
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/join.hpp>
#include <xgrad/ops/linalg.hpp>
#include <xgrad/ops/shape.hpp>

#include <algorithm>

#include "ops/recurrent.hpp"

namespace xgrad::detail {

struct RecurrentTwin {
  const RecurrentInputs& in;
  const RecurrentShape& s;
  Here here;

  Tensor zeros_of(const Shape& shape) const { return zeros(shape, {.dtype = in[in_x].dtype()}, here); }
  Tensor first_h() const { return in[in_h0].defined() ? in[in_h0] : zeros_of({s.batch, s.projected}); }
  // a + b, an undefined one of which is 0.
  Tensor sum(const Tensor& a, const Tensor& b) const { return !a.defined() ? b : !b.defined() ? a : a.add({b, here}); }
  Tensor mul(const Tensor& a, const Tensor& b) const { return a.mul({b, here}); }
  Tensor rest(const Tensor& a) const { return a.neg(here).add({1, here}); }
  Tensor times(const Tensor& a, const Tensor& b) const { return matmul({a, here}, {b, here}); }
  // The shares of x of all times, one under the other [S, G H], and that of h.
  Tensor shares_of_x() const { return linear({all_rows(in[in_x]), here}, {in[in_w_ih], here}, in[in_b_ih]); }
  Tensor share_of(const Tensor& h) const { return linear({h, here}, {in[in_w_hh], here}, in[in_b_hh]); }
  Tensor all_rows(const Tensor& a) const { return a.reshape({s.total(), a.size(-1)}, here); }
  Tensor part(const Tensor& a, std::int64_t first, std::int64_t count) const {
    return first == 0 && count == a.size(0) ? a : a.narrow(0, first, count, here);
  }
  Tensor at(const Tensor& all, std::int64_t step) const {
    return part(all, s.begin(s.time(step)), s.rows_of_step(step));
  }
  // A state as a step takes it: the rows that go on from the one before, and those that begin with it.
  Tensor enter(const Tensor& before, const Tensor& first, std::int64_t step) const {
    const std::int64_t now = s.rows_of_step(step), old = s.rows_of_step(step - 1);
    if (old == 0) return part(first, 0, now);
    return now <= old ? part(before, 0, now) : cat({before, part(first, old, now - old)}, 0, here);
  }
  // The gradient of a state after a step, `later` being that of the state as the next step took it; undefined for
  // zeros. Rows that end with the step have that of the last state; those that began with the next one are put aside,
  // and are the first state's in the end.
  Tensor leave(const Tensor& later, const Tensor& last, TensorList& firsts, std::int64_t step) const {
    const std::int64_t now = s.rows_of_step(step), next = s.rows_of_step(step + 1);
    const Tensor ends = last.defined() && now > next ? part(last, next, now - next) : Tensor();
    if (!later.defined()) return ends;  // the last step
    if (next > now) firsts.insert(firsts.begin(), part(later, now, next - now));
    if (next >= now) return part(later, 0, now);
    return cat({later, ends.defined() ? ends : zeros_of({now - next, later.size(1)})}, 0, here);
  }
  Tensor first_gradient(const Tensor& later, TensorList& firsts) const {
    firsts.insert(firsts.begin(), later);
    return firsts.size() == 1 ? later : cat(firsts, 0, here);
  }
  // The gradient of h after a step, from the outputs and from what comes after.
  Tensor gradient_of_h(const Backward& bw, const Tensor& later, std::int64_t step) const {
    const Tensor own = bw.grad(0).defined() ? at(all_rows(bw.grad(0)), step) : Tensor();
    const Tensor d = sum(later, own);
    return d.defined() ? d : zeros_of({s.rows_of_step(step), s.projected});
  }
  // One [B, n] of each step as [S, n] in the order of the times.
  Tensor together(TensorList list) const {
    if (s.reverse) std::reverse(list.begin(), list.end());
    return cat(list, 0, here);
  }
  // The gradient of a weight: that of a product [S, n] by what was multiplied.
  Tensor of_weight(const Tensor& d, const Tensor& by) const { return times(d.t(here), by); }
  void give(Backward& bw, const Tensor& d_inputs, const Tensor& d_hiddens, const Tensor& h_before,
            const Tensor& d_h0) const {
    if (bw.needs(in_x)) bw.give(in_x, times(d_inputs, in[in_w_ih]).reshape(in[in_x].sizes(), here));
    if (bw.needs(in_h0)) bw.give(in_h0, d_h0);
    if (bw.needs(in_w_ih)) bw.give(in_w_ih, of_weight(d_inputs, all_rows(in[in_x])));
    if (bw.needs(in_w_hh)) bw.give(in_w_hh, of_weight(d_hiddens, h_before));
    if (bw.needs(in_b_ih)) bw.give(in_b_ih, d_inputs);
    if (bw.needs(in_b_hh)) bw.give(in_b_hh, d_hiddens);
  }
};

}  // namespace xgrad::detail
