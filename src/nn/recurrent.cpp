#include <xgrad/nn/recurrent.hpp>
#include <xgrad/ops/dropout.hpp>
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
  for (std::int64_t layer = 0; layer < options.num_layers; ++layer)
    for (std::int64_t direction = 0; direction < directions; ++direction) {
      const std::string end = "_l" + std::to_string(layer) + (direction == 1 ? "_reverse" : "");
      const auto add = [&](const char* kind, const Shape& shape) {
        return register_parameter(kind + end, uniform(shape, hidden_size, here), true, here);
      };
      RecurrentWeights w;
      w.w_ih = add("weight_ih", {rows, layer == 0 ? input_size : directions * output_size()});
      w.w_hh = add("weight_hh", {rows, output_size()});
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

std::int64_t RecurrentBase::output_size() const noexcept {
  return options_.proj_size > 0 ? options_.proj_size : hidden_size_;
}

RecurrentWeights RecurrentBase::weights(std::int64_t layer, bool reverse, Here here) const {
  check<IndexError>(layer >= 0 && layer < options_.num_layers && (!reverse || options_.bidirectional), here,
                    "{}: no weights of layer {}{}; it has {} layers{}", name_, layer, reverse ? " in reverse" : "",
                    options_.num_layers, options_.bidirectional ? "" : " in one direction");
  return weights_[static_cast<std::size_t>(options_.bidirectional ? 2 * layer + (reverse ? 1 : 0) : layer)];
}

void RecurrentBase::check_input(const Arg& x) const {
  check_alive(x.here());
  check<ShapeError>((x->dim() == 2 || x->dim() == 3) && x->size(-1) == input_size_, x.here(),
                    "{}: x must be {}, {}] or [T, {}], got {}", name_, options_.batch_first ? "[B, T" : "[T, B",
                    input_size_, input_size_, x->sizes());
  check<ShapeError>(x->size(options_.batch_first && x->dim() == 3 ? 1 : 0) > 0, x.here(),
                    "{}: the sequence of x {} has length 0", name_, x->sizes());
}

Tensor RecurrentBase::run(const Arg& x, const Direction& direction) const {
  const Here here = x.here();
  const bool swap = options_.batch_first && x->dim() == 3, alone = x->dim() == 2;
  Tensor y = alone ? x->unsqueeze(1, here) : swap ? x->transpose(0, 1, here) : x.tensor();
  const std::size_t directions = options_.bidirectional ? 2 : 1;
  for (std::size_t first = 0; first < weights_.size(); first += directions) {
    if (first > 0) y = dropout({y, here}, options_.dropout, is_training());
    const Tensor forward = direction(y, first, weights_[first], false);
    y = options_.bidirectional ? cat({forward, direction(y, first + 1, weights_[first + 1], true)}, 2, here) : forward;
  }
  return alone ? y.squeeze(1, here) : swap ? y.transpose(0, 1, here) : y;
}

TensorList RecurrentBase::split_state(const char* argument, const Tensor& state, std::int64_t size,
                                      const Arg& x) const {
  const auto count = static_cast<std::int64_t>(weights_.size());
  TensorList parts(weights_.size());
  if (!state.defined()) return parts;
  Shape wanted{count, size};
  if (x->dim() == 3) wanted = {count, x->size(options_.batch_first ? 0 : 1), size};
  check<ShapeError>(state.sizes() == wanted, x.here(), "{}: {} must be {}, got {}; x is {}", name_, argument, wanted,
                    state.sizes(), x->sizes());
  for (std::int64_t i = 0; i < count; ++i) {
    const Tensor part = state.select(0, i, x.here());
    parts[static_cast<std::size_t>(i)] = x->dim() == 3 ? part : part.unsqueeze(0, x.here());
  }
  return parts;
}

Tensor RecurrentBase::join_state(const TensorList& parts, const Arg& x) const {
  const Here here = x.here();
  if (x->dim() == 2) return cat(parts, 0, here);
  return parts.size() == 1 ? parts[0].unsqueeze(0, here) : stack(parts, 0, here);
}

LSTM::LSTM(std::int64_t input_size, std::int64_t hidden_size, const LSTMOptions& options, Here here)
    : RecurrentBase("LSTM", 4, input_size, hidden_size, options, here) {}

std::pair<Tensor, LSTMState> LSTM::forward(const Arg& x, const LSTMState& state) const {
  check_input(x);
  TensorList h = split_state("h_0", state.h_n, output_size(), x), c = split_state("c_0", state.c_n, hidden_size_, x);
  const auto direction = [&](const Tensor& y, std::size_t index, const RecurrentWeights& weights, bool reverse) {
    const TensorList results = lstm_layer({y, x.here()}, weights, h[index], c[index], reverse);
    h[index] = results[1];
    c[index] = results[2];
    return results[0];
  };
  const Tensor output = run(x, direction);
  return {output, {join_state(h, x), join_state(c, x)}};
}

LSTMCell::LSTMCell(std::int64_t input_size, std::int64_t hidden_size, const LSTMCellOptions& options, Here here)
    : input_size_(input_size), hidden_size_(hidden_size) {
  check_sizes("LSTMCell", input_size, hidden_size, here);
  const auto add = [&](const char* name, const Shape& shape) {
    return register_parameter(name, uniform(shape, hidden_size, here), true, here);
  };
  weight_ih = add("weight_ih", {4 * hidden_size, input_size});
  weight_hh = add("weight_hh", {4 * hidden_size, hidden_size});
  if (options.bias) {
    bias_ih = add("bias_ih", {4 * hidden_size});
    bias_hh = add("bias_hh", {4 * hidden_size});
  }
  set_description(fmt::format("{}, {}{}", input_size, hidden_size, options.bias ? "" : ", bias=False"));
}

LSTMState LSTMCell::forward(const Arg& x, const LSTMState& state) const {
  const Here here = x.here();
  check_alive(here);
  const bool alone = x->dim() == 1;
  check<ShapeError>((alone || x->dim() == 2) && x->size(-1) == input_size_, here,
                    "LSTMCell: x must be [B, {}] or [{}], got {}", input_size_, input_size_, x->sizes());
  const auto rows = [&](const char* argument, const Tensor& t) {
    if (!t.defined()) return t;
    const Shape wanted = alone ? Shape{hidden_size_} : Shape{x->size(0), hidden_size_};
    check<ShapeError>(t.sizes() == wanted, here, "LSTMCell: {} must be {}, got {}; x is {}", argument, wanted,
                      t.sizes(), x->sizes());
    return alone ? t.unsqueeze(0, here) : t;
  };
  const Tensor sequence = x->reshape({1, alone ? 1 : x->size(0), input_size_}, here);
  const TensorList next = lstm_layer({sequence, here}, {weight_ih, weight_hh, bias_ih, bias_hh}, rows("h", state.h_n),
                                     rows("c", state.c_n));
  if (!alone) return {next[1], next[2]};
  return {next[1].squeeze(0, here), next[2].squeeze(0, here)};
}

}  // namespace xgrad::nn
