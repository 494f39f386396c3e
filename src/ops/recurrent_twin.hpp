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
  // The shares of x of all times [T, B, G H], and that of h.
  Tensor shares_of_x() const { return linear({in[in_x], here}, {in[in_w_ih], here}, in[in_b_ih]); }
  Tensor share_of(const Tensor& h) const { return linear({h, here}, {in[in_w_hh], here}, in[in_b_hh]); }
  Tensor at(const Tensor& all, std::int64_t step) const { return all.select(0, s.time(step), here); }
  // The gradient of h after a step, from the outputs and from what comes after.
  Tensor gradient_of_h(const Backward& bw, const Tensor& later, std::int64_t step) const {
    const Tensor own = bw.grad(0).defined() ? at(bw.grad(0), step) : Tensor();
    const Tensor d = sum(later, own);
    return d.defined() ? d : zeros_of({s.batch, s.projected});
  }
  // One [B, n] of each step as [T, B, n] in the order of the times.
  Tensor together(TensorList list) const {
    if (s.reverse) std::reverse(list.begin(), list.end());
    return stack(list, 0, here);
  }
  // The gradient of a weight: that of a product [T, B, n] by what was multiplied.
  Tensor of_weight(const Tensor& d, const Tensor& by) const {
    const auto rows = [&](const Tensor& a) { return a.reshape({s.steps * s.batch, a.size(2)}, here); };
    return times(rows(d).t(here), rows(by));
  }
  void give(Backward& bw, const Tensor& d_inputs, const Tensor& d_hiddens, const Tensor& h_before,
            const Tensor& d_h0) const {
    if (bw.needs(in_x)) bw.give(in_x, times(d_inputs, in[in_w_ih]));
    if (bw.needs(in_h0)) bw.give(in_h0, d_h0);
    if (bw.needs(in_w_ih)) bw.give(in_w_ih, of_weight(d_inputs, in[in_x]));
    if (bw.needs(in_w_hh)) bw.give(in_w_hh, of_weight(d_hiddens, h_before));
    if (bw.needs(in_b_ih)) bw.give(in_b_ih, d_inputs);
    if (bw.needs(in_b_hh)) bw.give(in_b_hh, d_hiddens);
  }
};

}  // namespace xgrad::detail
