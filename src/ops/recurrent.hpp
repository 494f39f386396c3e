// What recurrent layers share: their inputs, the gradients of their parameters, and the way of a sequence through
// layers and directions.
#pragma once
#include <xgrad/ops/recurrent.hpp>

#include <array>
#include <functional>

#include "core/work.hpp"
#include "kernels/recurrent_shape.hpp"
#include "tape/node.hpp"

namespace xgrad::detail {

// The inputs of one direction of a layer in the order in which they are recorded. Only an LSTM has c0 and w_hr.
enum RecurrentInput : std::size_t { in_x, in_h0, in_c0, in_w_ih, in_w_hh, in_b_ih, in_b_hh, in_w_hr, input_count };
using RecurrentInputs = std::array<Tensor, input_count>;

// Where each time of a packed x [S, ...] begins, and the number of its rows at the end. Errors: as lstm_layer.
std::vector<std::int64_t> packed_begins(const char* op, const Tensor& x, const Tensor& batch_sizes, Here here);
// Checks them for a layer of so many gates, with x [T, B, I], or [S, I] where batch_sizes are defined.
RecurrentShape check_recurrent(const char* op, std::int64_t gates, const RecurrentInputs& in, bool reverse,
                               const Tensor& batch_sizes, Here here);

// The shape of something of n numbers at all times, as x has it.
inline Shape sequence_shape(const RecurrentShape& s, std::int64_t n) {
  return s.packed() ? Shape{s.total(), n} : Shape{s.steps, s.batch, n};
}
// How many rows it has; some of them, or all, as [count, n], where it is dense.
inline std::int64_t row_count(const Tensor& x) { return x.dim() == 2 ? x.size(0) : x.size(0) * x.size(1); }
Tensor rows_of(const Tensor& x, std::int64_t first, std::int64_t count);
inline Tensor rows_of(const Tensor& x) { return rows_of(x, 0, row_count(x)); }
// A copy [B, n] of the times at which the walks of the batch's rows end.
Tensor last_of(const Tensor& all, const RecurrentShape& s);

// b_ih + b_hh, unrecorded; undefined where there is none.
Tensor sum_of_biases(const RecurrentInputs& in);

template <class T>
const T* values_if(const Tensor& tensor) {
  return tensor.defined() ? data<T>(tensor) : nullptr;
}
inline Tensor dense_if(const Tensor& tensor) { return tensor.defined() ? dense(tensor) : tensor; }

// Gives the product of a sequence of gradients with what it was multiplied by, and adds that of the first step where it
// was there.
void give_weight(Backward& bw, RecurrentInput input, const Tensor& d, const Tensor& by, const Tensor& first_d = {},
                 const Tensor& first_by = {});
// Those of the weights and of x from the gradients of the arguments at all times [G H]: d_inputs of what x adds to
// them, d_hiddens of what h adds. The biases' are theirs summed.
void give_parameters(Backward& bw, const char* op, const RecurrentInputs& in, const Tensor& output,
                     const Tensor& d_inputs, const Tensor& d_hiddens, const RecurrentShape& s);

// Runs `make_rule(in, bw)` with the inputs loaded.
template <class Rule>
void record_recurrent(const char* op, Here here, const TensorList& outputs, const RecurrentInputs& in, Rule rule) {
  std::vector<const Tensor*> inputs;
  for (const Tensor& input : in) inputs.push_back(&input);
  // Those of h; the product with x counts itself.
  for (const Tensor& weight : {in[in_w_hh], in[in_w_hr]})
    if (weight.defined()) multiply_adds += row_count(in[in_x]) * weight.numel();
  record(op, here, outputs, inputs, [&] {
    std::array<Saved, input_count> saved;
    for (std::size_t i = 0; i < input_count; ++i) saved[i] = Saved::input_if(in[i].defined(), in[i]);
    return [saved, rule = std::move(rule)](Backward& bw) {
      RecurrentInputs in;
      for (std::size_t i = 0; i < input_count; ++i)
        if (saved[i].defined()) in[i] = bw.load(saved[i]);
      rule(bw, in);
    };
  });
}
inline bool records(const RecurrentInputs& in) noexcept {
  for (const Tensor& input : in)
    if (is_grad_enabled() && requires_grad(input)) return true;
  return false;
}

// ---- layers on top of each other

// Of whose errors are spoken, and how x goes through the layers.
struct RecurrentPlan {
  const char* name;
  bool batch_first, bidirectional;
  double dropout;
  bool train;
  Tensor batch_sizes{};  // of a packed x
};
// A state of all layers and directions, [L D, B, size], under the name that errors give it; may be undefined.
struct RecurrentState {
  const char* name;
  Tensor value;
  std::int64_t size;
};
// One direction of one layer: {output, the last states...}.
using RecurrentLayer = std::function<TensorList(const Arg& x, const RecurrentWeights& weights, const TensorList& states,
                                                bool reverse, const Tensor& batch_sizes)>;
// {output, the last states...}, laid out as x and the states are. weights: L layers of D directions.
TensorList run_recurrent(const RecurrentPlan& plan, const Arg& x, const std::vector<RecurrentWeights>& weights,
                         const std::vector<RecurrentState>& states, const RecurrentLayer& layer);

}  // namespace xgrad::detail
