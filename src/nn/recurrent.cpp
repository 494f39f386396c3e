#include "ops/recurrent.hpp"

#include <xgrad/nn/recurrent.hpp>
#include <xgrad/ops/shape.hpp>

#include <cmath>
#include <string>

#include "core/check.hpp"
#include "core/tensor_impl.hpp"

namespace xgrad::nn {

using namespace xgrad::detail;

namespace {

void check_sizes(const char* name, std::int64_t input_size, std::int64_t hidden_size, Here here) {
  check<ValueError>(input_size > 0 && hidden_size > 0, here,
                    "{}: sizes must be above 0, got input_size {} and hidden_size {}", name, input_size, hidden_size);
}

Tensor uniform(const Shape& shape, std::int64_t hidden_size, Here here) {
  const double bound = 1 / std::sqrt(static_cast<double>(hidden_size));
  return make_tensor(shape, get_default_dtype()).uniform_(-bound, bound, here);
}

// The name, once the nonlinearity is checked: before weights take random numbers.
const char* named(const char* name, const std::string& nonlinearity, Here here) {
  check<ValueError>(nonlinearity == "tanh" || nonlinearity == "relu", here,
                    "{}: nonlinearity must be tanh or relu, got {}", name, nonlinearity);
  return name;
}

TensorList listed(const std::pair<Tensor, Tensor>& pair) { return {pair.first, pair.second}; }

}  // namespace

RecurrentBase::RecurrentBase(const char* name, std::int64_t gates, std::int64_t input_size, std::int64_t hidden_size,
                             const LSTMOptions& options, Here here)
    : options_(options), input_size_(input_size), hidden_size_(hidden_size), name_(name) {
  check_sizes(name, input_size, hidden_size, here);
  check<ValueError>(options.num_layers > 0, here, "{}: num_layers must be above 0, got {}", name, options.num_layers);
  check<ValueError>(options.dropout >= 0 && options.dropout <= 1, here, "{}: dropout must be in [0, 1], got {}", name,
                    options.dropout);
  check<ValueError>(options.proj_size >= 0 && options.proj_size < hidden_size, here,
                    "{}: proj_size must be 0 or less than hidden_size {}, got {}", name, hidden_size,
                    options.proj_size);
  const std::int64_t rows = gates * hidden_size, directions = options.bidirectional ? 2 : 1;
  const std::int64_t output_size = options.proj_size > 0 ? options.proj_size : hidden_size;
  for (std::int64_t layer = 0; layer < options.num_layers; ++layer)
    for (std::int64_t direction = 0; direction < directions; ++direction) {
      const std::string end = "_l" + std::to_string(layer) + (direction == 1 ? "_reverse" : "");
      const auto add = [&](const char* kind, const Shape& shape) {
        return register_parameter(kind + end, uniform(shape, hidden_size, here), true, here);
      };
      RecurrentWeights w;
      w.w_ih = add("weight_ih", {rows, layer == 0 ? input_size : directions * output_size});
      w.w_hh = add("weight_hh", {rows, output_size});
      if (options.bias) {
        w.b_ih = add("bias_ih", {rows});
        w.b_hh = add("bias_hh", {rows});
      }
      if (options.proj_size > 0) w.w_hr = add("weight_hr", {options.proj_size, hidden_size});
      weights_.push_back(w);
    }
  std::string text = fmt::format("{}, {}", input_size, hidden_size);
  if (options.proj_size != 0) text += fmt::format(", proj_size={}", options.proj_size);
  if (options.num_layers != 1) text += fmt::format(", num_layers={}", options.num_layers);
  if (!options.bias) text += ", bias=False";
  if (options.batch_first) text += ", batch_first=True";
  if (options.dropout != 0) text += fmt::format(", dropout={}", options.dropout);
  if (options.bidirectional) text += ", bidirectional=True";
  set_description(text);
}

RecurrentWeights RecurrentBase::weights(std::int64_t layer, bool reverse, Here here) const {
  check<IndexError>(layer >= 0 && layer < options_.num_layers && (!reverse || options_.bidirectional), here,
                    "{}: no weights of layer {}{}; it has {} layers{}", name_, layer, reverse ? " in reverse" : "",
                    options_.num_layers, options_.bidirectional ? "" : " in one direction");
  return weights_[static_cast<std::size_t>(options_.bidirectional ? 2 * layer + (reverse ? 1 : 0) : layer)];
}

TensorList RecurrentBase::run_all(const Arg& x, const TensorList& states, const Layer& layer,
                                  const Tensor& batch_sizes) const {
  const std::int64_t size = options_.proj_size > 0 ? options_.proj_size : hidden_size_;
  std::vector<RecurrentState> all{{"h_0", states[0], size}};
  if (states.size() > 1) all.push_back({"c_0", states[1], hidden_size_});
  return run_recurrent(
      {name_, options_.batch_first, options_.bidirectional, options_.dropout, is_training(), batch_sizes}, x, weights_,
      all, layer);
}

TensorList RecurrentBase::run(const Arg& x, const TensorList& states, const Layer& layer) const {
  check_alive(x.here());
  check<ShapeError>((x->dim() == 2 || x->dim() == 3) && x->size(-1) == input_size_, x.here(),
                    "{}: x must be {}, {}] or [T, {}], got {}", name_, options_.batch_first ? "[B, T" : "[T, B",
                    input_size_, input_size_, x->sizes());
  return run_all(x, states, layer, {});
}

TensorList RecurrentBase::run(const PackedSequence& x, const TensorList& states, const Layer& layer, Here here) const {
  check_alive(here);
  check<ValueError>(x.data.defined() && x.batch_sizes.defined(), here, "{}: the packed x has no {}", name_,
                    x.data.defined() ? "batch_sizes" : "data");
  check<ShapeError>(x.data.dim() == 2 && x.data.size(1) == input_size_, here,
                    "{}: the data of x must be [S, {}], got {}", name_, input_size_, x.data.sizes());
  packed_begins(name_, x.data, x.batch_sizes, here);
  const auto ordered = [&](const Tensor& state, const Tensor& order) {
    return state.defined() && state.dim() > 1 && order.defined() ? state.index_select(1, order, here) : state;
  };
  TensorList sorted;
  for (const Tensor& state : states) sorted.push_back(ordered(state, x.sorted_indices));
  TensorList results = run_all({x.data, here}, sorted, layer, x.batch_sizes);
  for (std::size_t i = 1; i < results.size(); ++i) results[i] = ordered(results[i], x.unsorted_indices);
  return results;
}

// ---- one direction of each kind of layer

namespace {

TensorList lstm_direction(const Arg& x, const RecurrentWeights& weights, const TensorList& states, bool reverse,
                          const Tensor& batch_sizes) {
  return lstm_layer(x, weights, states[0], states[1], reverse, batch_sizes);
}
TensorList gru_direction(const Arg& x, const RecurrentWeights& weights, const TensorList& states, bool reverse,
                         const Tensor& batch_sizes) {
  return listed(gru_layer(x, weights, states[0], reverse, batch_sizes));
}
auto rnn_direction(const std::string& nonlinearity) {
  return [&nonlinearity](const Arg& x, const RecurrentWeights& weights, const TensorList& states, bool reverse,
                         const Tensor& batch_sizes) {
    return listed(rnn_layer(x, weights, states[0], nonlinearity, reverse, batch_sizes));
  };
}

// A packed output like x.
utils::rnn::PackedSequence like(const utils::rnn::PackedSequence& x, const Tensor& data) {
  return {data, x.batch_sizes, x.sorted_indices, x.unsorted_indices};
}

}  // namespace

LSTM::LSTM(std::int64_t input_size, std::int64_t hidden_size, const LSTMOptions& options, Here here)
    : RecurrentBase("LSTM", 4, input_size, hidden_size, options, here) {}

std::pair<Tensor, LSTMState> LSTM::forward(const Arg& x, const LSTMState& state) const {
  const TensorList results = run(x, {state.h_n, state.c_n}, lstm_direction);
  return {results[0], {results[1], results[2]}};
}
std::pair<Tensor, LSTMState> LSTM::operator()(const Arg& x, const LSTMState& state) const {
  return call(
      x.here(),
      [&](const Tensor& input, const Tensor& h, const Tensor& c) {
        return forward({input, x.here()}, {h, c});
      },
      x.tensor(), state.h_n, state.c_n);
}
auto LSTM::forward(const PackedSequence& x, const LSTMState& state, Here here) const
    -> std::pair<PackedSequence, LSTMState> {
  const TensorList results = run(x, {state.h_n, state.c_n}, lstm_direction, here);
  return {like(x, results[0]), {results[1], results[2]}};
}
auto LSTM::operator()(const PackedSequence& x, const LSTMState& state, Here here) const
    -> std::pair<PackedSequence, LSTMState> {
  return call_packed(
      here,
      [&](const PackedSequence& input, const Tensor& h, const Tensor& c) {
        return forward(input, {h, c}, here);
      },
      x, state.h_n, state.c_n);
}

RNN::RNN(std::int64_t input_size, std::int64_t hidden_size, const RNNOptions& o, Here here)
    : RecurrentBase(named("RNN", o.nonlinearity, here), 1, input_size, hidden_size,
                    {.num_layers = o.num_layers,
                     .bias = o.bias,
                     .batch_first = o.batch_first,
                     .dropout = o.dropout,
                     .bidirectional = o.bidirectional},
                    here),
      nonlinearity_(o.nonlinearity) {}

std::pair<Tensor, Tensor> RNN::forward(const Arg& x, const Tensor& h_0) const {
  const TensorList results = run(x, {h_0}, rnn_direction(nonlinearity_));
  return {results[0], results[1]};
}
std::pair<Tensor, Tensor> RNN::operator()(const Arg& x, const Tensor& h_0) const {
  return call(
      x.here(),
      [&](const Tensor& input, const Tensor& state) {
        return forward({input, x.here()}, state);
      },
      x.tensor(), h_0);
}
auto RNN::forward(const PackedSequence& x, const Tensor& h_0, Here here) const -> std::pair<PackedSequence, Tensor> {
  const TensorList results = run(x, {h_0}, rnn_direction(nonlinearity_), here);
  return {like(x, results[0]), results[1]};
}
auto RNN::operator()(const PackedSequence& x, const Tensor& h_0, Here here) const -> std::pair<PackedSequence, Tensor> {
  return call_packed(
      here, [&](const PackedSequence& input, const Tensor& state) { return forward(input, state, here); }, x, h_0);
}

GRU::GRU(std::int64_t input_size, std::int64_t hidden_size, const GRUOptions& o, Here here)
    : RecurrentBase("GRU", 3, input_size, hidden_size,
                    {.num_layers = o.num_layers,
                     .bias = o.bias,
                     .batch_first = o.batch_first,
                     .dropout = o.dropout,
                     .bidirectional = o.bidirectional},
                    here) {}

std::pair<Tensor, Tensor> GRU::forward(const Arg& x, const Tensor& h_0) const {
  const TensorList results = run(x, {h_0}, gru_direction);
  return {results[0], results[1]};
}
std::pair<Tensor, Tensor> GRU::operator()(const Arg& x, const Tensor& h_0) const {
  return call(
      x.here(),
      [&](const Tensor& input, const Tensor& state) {
        return forward({input, x.here()}, state);
      },
      x.tensor(), h_0);
}
auto GRU::forward(const PackedSequence& x, const Tensor& h_0, Here here) const -> std::pair<PackedSequence, Tensor> {
  const TensorList results = run(x, {h_0}, gru_direction, here);
  return {like(x, results[0]), results[1]};
}
auto GRU::operator()(const PackedSequence& x, const Tensor& h_0, Here here) const -> std::pair<PackedSequence, Tensor> {
  return call_packed(
      here, [&](const PackedSequence& input, const Tensor& state) { return forward(input, state, here); }, x, h_0);
}

RecurrentCellBase::RecurrentCellBase(const char* name, std::int64_t gates, std::int64_t input_size,
                                     std::int64_t hidden_size, bool bias, Here here)
    : input_size_(input_size), hidden_size_(hidden_size), name_(name) {
  check_sizes(name, input_size, hidden_size, here);
  const auto add = [&](const char* parameter, const Shape& shape) {
    return register_parameter(parameter, uniform(shape, hidden_size, here), true, here);
  };
  weight_ih = add("weight_ih", {gates * hidden_size, input_size});
  weight_hh = add("weight_hh", {gates * hidden_size, hidden_size});
  if (bias) {
    bias_ih = add("bias_ih", {gates * hidden_size});
    bias_hh = add("bias_hh", {gates * hidden_size});
  }
  set_description(fmt::format("{}, {}{}", input_size, hidden_size, bias ? "" : ", bias=False"));
}

TensorList RecurrentCellBase::step(const Arg& x, const TensorList& states, const Layer& layer) const {
  const Here here = x.here();
  check_alive(here);
  const bool alone = x->dim() == 1;
  check<ShapeError>((alone || x->dim() == 2) && x->size(-1) == input_size_, here,
                    "{}: x must be [B, {}] or [{}], got {}", name_, input_size_, input_size_, x->sizes());
  TensorList rows;
  for (const Tensor& state : states) {
    if (state.defined()) {
      const Shape wanted = alone ? Shape{hidden_size_} : Shape{x->size(0), hidden_size_};
      check<ShapeError>(state.sizes() == wanted, here, "{}: {} must be {}, got {}; x is {}", name_,
                        rows.empty() ? "h" : "c", wanted, state.sizes(), x->sizes());
    }
    rows.push_back(state.defined() && alone ? state.unsqueeze(0, here) : state);
  }
  const Tensor sequence = x->reshape({1, alone ? 1 : x->size(0), input_size_}, here);
  TensorList next = layer({sequence, here}, {weight_ih, weight_hh, bias_ih, bias_hh}, rows);
  next.erase(next.begin());
  if (alone)
    for (Tensor& state : next) state = state.squeeze(0, here);
  return next;
}

LSTMCell::LSTMCell(std::int64_t input_size, std::int64_t hidden_size, const LSTMCellOptions& options, Here here)
    : RecurrentCellBase("LSTMCell", 4, input_size, hidden_size, options.bias, here) {}

LSTMState LSTMCell::forward(const Arg& x, const LSTMState& state) const {
  const TensorList next =
      step(x, {state.h_n, state.c_n}, [](const Arg& y, const RecurrentWeights& weights, const TensorList& states) {
        return lstm_layer(y, weights, states[0], states[1]);
      });
  return {next[0], next[1]};
}
LSTMState LSTMCell::operator()(const Arg& x, const LSTMState& state) const {
  return call(
      x.here(),
      [&](const Tensor& input, const Tensor& h, const Tensor& c) {
        return forward({input, x.here()}, {h, c});
      },
      x.tensor(), state.h_n, state.c_n);
}

RNNCell::RNNCell(std::int64_t input_size, std::int64_t hidden_size, const RNNCellOptions& options, Here here)
    : RecurrentCellBase(named("RNNCell", options.nonlinearity, here), 1, input_size, hidden_size, options.bias, here),
      nonlinearity_(options.nonlinearity) {
  if (nonlinearity_ != "tanh")
    set_description(fmt::format("{}, {}{}, nonlinearity={}", input_size, hidden_size,
                                options.bias ? "" : ", bias=False", nonlinearity_));
}

Tensor RNNCell::forward(const Arg& x, const Tensor& h) const {
  return step(x, {h}, [&](const Arg& y, const RecurrentWeights& weights, const TensorList& states) {
    return listed(rnn_layer(y, weights, states[0], nonlinearity_));
  })[0];
}
Tensor RNNCell::operator()(const Arg& x, const Tensor& h) const {
  return call(
      x.here(),
      [&](const Tensor& input, const Tensor& state) {
        return forward({input, x.here()}, state);
      },
      x.tensor(), h);
}

GRUCell::GRUCell(std::int64_t input_size, std::int64_t hidden_size, const GRUCellOptions& options, Here here)
    : RecurrentCellBase("GRUCell", 3, input_size, hidden_size, options.bias, here) {}

Tensor GRUCell::forward(const Arg& x, const Tensor& h) const {
  return step(x, {h}, [](const Arg& y, const RecurrentWeights& weights, const TensorList& states) {
    return listed(gru_layer(y, weights, states[0]));
  })[0];
}
Tensor GRUCell::operator()(const Arg& x, const Tensor& h) const {
  return call(
      x.here(),
      [&](const Tensor& input, const Tensor& state) {
        return forward({input, x.here()}, state);
      },
      x.tensor(), h);
}

}  // namespace xgrad::nn
