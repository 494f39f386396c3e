// Recurrent layers.
#pragma once
#include <xgrad/nn/module.hpp>
#include <xgrad/ops/lstm.hpp>

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace xgrad::nn {

// num_layers: layers on top of each other, each taking the output of the one below. batch_first: x and the output are
// [B, T, ...] instead of [T, B, ...]. dropout: the share of each layer's output but the last one's that is dropped in
// training. bidirectional: a second set of weights walks from the last time to the first; the outputs of the two lie
// beside each other. proj_size: the size to which h is projected, 0 for none.
struct LSTMOptions {
  std::int64_t num_layers = 1;
  bool bias = true;
  bool batch_first = false;
  double dropout = 0;
  bool bidirectional = false;
  std::int64_t proj_size = 0;
};

// What an LSTM hands on from one sequence to the next. Undefined tensors stand for zeros.
struct LSTMState {
  Tensor h_n, c_n;
  operator TensorList() const { return {h_n, c_n}; }
};

// What recurrent layers share: layers, directions, their weights, and how x and the states go through them.
class RecurrentBase : public Module {
 public:
  // The weights of one layer and direction.
  RecurrentWeights weights(std::int64_t layer = 0, bool reverse = false, Here here = {}) const;

 protected:
  RecurrentBase(const char* name, std::int64_t gates, std::int64_t input_size, std::int64_t hidden_size,
                const LSTMOptions& options, Here here);

  // One direction of one layer, number `index` in the order of the states: from x [T, B, I] to its output [T, B, P].
  using Direction =
      std::function<Tensor(const Tensor& x, std::size_t index, const RecurrentWeights& weights, bool reverse)>;
  // ShapeError for an x that run() cannot take.
  void check_input(const Arg& x) const;
  // x through all of them: [T, B, D P], laid out as x was.
  Tensor run(const Arg& x, const Direction& direction) const;
  // A state [L D, B, size] in a list of [B, size], undefined ones where it is undefined; and back.
  TensorList split_state(const char* argument, const Tensor& state, std::int64_t size, const Arg& x) const;
  Tensor join_state(const TensorList& parts, const Arg& x) const;
  std::int64_t output_size() const noexcept;

  LSTMOptions options_;
  std::int64_t input_size_, hidden_size_;

 private:
  const char* name_;
  std::vector<RecurrentWeights> weights_;
};

// Layers of long short-term memory over a sequence: xgrad::lstm_layer for each of L layers and D directions.
// x [T, B, input_size], or [T, input_size] without a batch; with batch_first [B, T, input_size].
// (output, {h_n, c_n}): output [T, B, D P] of the last layer, with x's layout; h_n [L D, B, P] and c_n [L D, B, H] of
// the last time of every layer and direction (without the B where x has none), the directions of a layer together. P is
// proj_size, or H = hidden_size without.
//   auto [output, state] = lstm(x);
//   auto [more, next] = lstm(x, {state.h_n.detach(), state.c_n.detach()});
// Parameters: weight_ih_l0 [4 H, I], weight_hh_l0 [4 H, P], bias_ih_l0, bias_hh_l0 [4 H], weight_hr_l0 [P, H], then
// those of weight_ih_l0_reverse, weight_ih_l1 and so on, all uniform in (-1/sqrt(H), 1/sqrt(H)) at first. ValueError: a
// size below 1, dropout outside [0, 1], or proj_size not between 0 and hidden_size; ShapeError, DtypeError: x or a
// state does not fit.
class LSTM : public RecurrentBase {
 public:
  LSTM(std::int64_t input_size, std::int64_t hidden_size, const LSTMOptions& options = {}, Here here = {});
  std::pair<Tensor, LSTMState> forward(const Arg& x, const LSTMState& state = {}) const;
  std::pair<Tensor, LSTMState> operator()(const Arg& x, const LSTMState& state = {}) const { return forward(x, state); }
};

struct LSTMCellOptions {
  bool bias = true;
};
// One step of an LSTM: x [B, input_size] and a state of h and c [B, hidden_size] to the next state; all without the B
// as well.
//   auto [h, c] = cell(x, {h, c});
// Parameters: weight_ih [4 H, I], weight_hh [4 H, H], bias_ih, bias_hh [4 H]; initialised as LSTM's. Errors: as LSTM's.
class LSTMCell : public Module {
 public:
  LSTMCell(std::int64_t input_size, std::int64_t hidden_size, const LSTMCellOptions& options = {}, Here here = {});
  LSTMState forward(const Arg& x, const LSTMState& state = {}) const;
  LSTMState operator()(const Arg& x, const LSTMState& state = {}) const { return forward(x, state); }

  Tensor weight_ih, weight_hh, bias_ih, bias_hh;

 private:
  std::int64_t input_size_, hidden_size_;
};

}  // namespace xgrad::nn
