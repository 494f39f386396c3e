// Recurrent layers.
#pragma once
#include <xgrad/nn/module.hpp>
#include <xgrad/nn/rnn_utils.hpp>
#include <xgrad/ops/recurrent.hpp>

#include <cstdint>
#include <functional>
#include <string>
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
  static LSTMState from_list(const TensorList& list, std::size_t& next) {
    next += 2;
    return {list[next - 2], list[next - 1]};
  }
};

// The same without a projection.
struct GRUOptions {
  std::int64_t num_layers = 1;
  bool bias = true;
  bool batch_first = false;
  double dropout = 0;
  bool bidirectional = false;
};
// nonlinearity: "tanh" or "relu".
struct RNNOptions {
  std::int64_t num_layers = 1;
  std::string nonlinearity = "tanh";
  bool bias = true;
  bool batch_first = false;
  double dropout = 0;
  bool bidirectional = false;
};

// What recurrent layers share: layers, directions, and their weights.
class RecurrentBase : public Module {
 public:
  // The weights of one layer and direction.
  RecurrentWeights weights(std::int64_t layer = 0, bool reverse = false, Here here = {}) const;

 protected:
  RecurrentBase(const char* name, std::int64_t gates, std::int64_t input_size, std::int64_t hidden_size,
                const LSTMOptions& options, Here here);

  using PackedSequence = utils::rnn::PackedSequence;
  // One direction of a layer, from its x and states to {output, the last states...}. batch_sizes: of a packed x.
  using Layer = std::function<TensorList(const Arg& x, const RecurrentWeights& weights, const TensorList& states,
                                         bool reverse, const Tensor& batch_sizes)>;
  // x and its states (h, or h and c) through all of them: {output, the last states...}.
  TensorList run(const Arg& x, const TensorList& states, const Layer& layer) const;
  // The same for a packed x; the output is its data, and the states are those of the sequences as they were given.
  TensorList run(const PackedSequence& x, const TensorList& states, const Layer& layer, Here here) const;
  // operator() of a packed x: forward(x, states...) with the hooks.
  template <class F, class... States>
  auto call_packed(Here here, const F& forward, const PackedSequence& x, const States&... states) const {
    return call(
        here,
        [&](const Tensor& data, const Tensor& sizes, const Tensor& sorted, const Tensor& unsorted,
            const States&... now) { return forward(PackedSequence(data, sizes, sorted, unsorted, here), now...); },
        x.data, x.batch_sizes, x.sorted_indices, x.unsorted_indices, states...);
  }

 private:
  TensorList run_all(const Arg& x, const TensorList& states, const Layer& layer, const Tensor& batch_sizes) const;

  LSTMOptions options_;
  std::int64_t input_size_, hidden_size_;
  const char* name_;
  std::vector<RecurrentWeights> weights_;
};

// Plain recurrent layers: xgrad::rnn_layer for each of L layers and D directions.
// x [T, B, input_size], or [T, input_size] without a batch; with batch_first [B, T, input_size].
// (output, h_n): output [T, B, D H] of the last layer, with x's layout; h_n [L D, B, H] of the last time of every layer
// and direction (without the B where x has none), the directions of a layer together. h_0 has h_n's shape; zeros where
// it is left out.
//   auto [output, h_n] = rnn(x);
// A packed x (nn/rnn_utils.hpp), whose data is [S, input_size], gives a packed output, and h_n of each sequence at its
// own end; no work is done on padding. States keep the order in which the sequences were given; batch_first says
// nothing there. Parameters: weight_ih_l0 [H, I], weight_hh_l0 [H, H], bias_ih_l0, bias_hh_l0 [H], then
// weight_ih_l0_reverse, weight_ih_l1 and so on, all uniform in (-1/sqrt(H), 1/sqrt(H)) at first. ValueError: a size
// below 1, dropout outside [0, 1], another nonlinearity; ShapeError, DtypeError: x or the state does not fit.
class RNN : public RecurrentBase {
 public:
  RNN(std::int64_t input_size, std::int64_t hidden_size, const RNNOptions& options = {}, Here here = {});
  std::pair<Tensor, Tensor> forward(const Arg& x, const Tensor& h_0 = {}) const;
  std::pair<Tensor, Tensor> operator()(const Arg& x, const Tensor& h_0 = {}) const;
  std::pair<PackedSequence, Tensor> forward(const PackedSequence& x, const Tensor& h_0 = {}, Here here = {}) const;
  std::pair<PackedSequence, Tensor> operator()(const PackedSequence& x, const Tensor& h_0 = {}, Here here = {}) const;

 private:
  std::string nonlinearity_;
};

// Gated recurrent units: xgrad::gru_layer for each layer and direction. Everything else as RNN's, but that the weights
// have 3 H rows: those of the reset gate, the update gate and the new state.
class GRU : public RecurrentBase {
 public:
  GRU(std::int64_t input_size, std::int64_t hidden_size, const GRUOptions& options = {}, Here here = {});
  std::pair<Tensor, Tensor> forward(const Arg& x, const Tensor& h_0 = {}) const;
  std::pair<Tensor, Tensor> operator()(const Arg& x, const Tensor& h_0 = {}) const;
  std::pair<PackedSequence, Tensor> forward(const PackedSequence& x, const Tensor& h_0 = {}, Here here = {}) const;
  std::pair<PackedSequence, Tensor> operator()(const PackedSequence& x, const Tensor& h_0 = {}, Here here = {}) const;
};

// Layers of long short-term memory over a sequence: xgrad::lstm_layer for each of L layers and D directions.
// x [T, B, input_size], or [T, input_size] without a batch; with batch_first [B, T, input_size].
// (output, {h_n, c_n}): output [T, B, D P] of the last layer, with x's layout; h_n [L D, B, P] and c_n [L D, B, H] of
// the last time of every layer and direction (without the B where x has none), the directions of a layer together. P is
// proj_size, or H = hidden_size without.
// A packed x as RNN's.
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
  std::pair<Tensor, LSTMState> operator()(const Arg& x, const LSTMState& state = {}) const;
  std::pair<PackedSequence, LSTMState> forward(const PackedSequence& x, const LSTMState& state = {},
                                               Here here = {}) const;
  std::pair<PackedSequence, LSTMState> operator()(const PackedSequence& x, const LSTMState& state = {},
                                                  Here here = {}) const;
};

// What cells, single steps of a layer, share. Parameters: weight_ih [G H, I], weight_hh [G H, H], bias_ih, bias_hh [G
// H] for G gates; initialised as the layers'. Errors: as the layers'.
class RecurrentCellBase : public Module {
 public:
  Tensor weight_ih, weight_hh, bias_ih, bias_hh;

 protected:
  RecurrentCellBase(const char* name, std::int64_t gates, std::int64_t input_size, std::int64_t hidden_size, bool bias,
                    Here here);

  using Layer = std::function<TensorList(const Arg& x, const RecurrentWeights& weights, const TensorList& states)>;
  // x and its states as a sequence of one: the next states.
  TensorList step(const Arg& x, const TensorList& states, const Layer& layer) const;

 private:
  std::int64_t input_size_, hidden_size_;
  const char* name_;
};

struct LSTMCellOptions {
  bool bias = true;
};
// One step of an LSTM: x [B, input_size] and a state of h and c [B, hidden_size] to the next state; all without the B
// as well.
//   auto [h, c] = cell(x, {h, c});
class LSTMCell : public RecurrentCellBase {
 public:
  LSTMCell(std::int64_t input_size, std::int64_t hidden_size, const LSTMCellOptions& options = {}, Here here = {});
  LSTMState forward(const Arg& x, const LSTMState& state = {}) const;
  LSTMState operator()(const Arg& x, const LSTMState& state = {}) const;
};

struct RNNCellOptions {
  bool bias = true;
  std::string nonlinearity = "tanh";
};
// One step of a plain recurrent layer: x [B, input_size] and h [B, hidden_size] (zeros where left out) to the next h;
// all without the B as well.
class RNNCell : public RecurrentCellBase {
 public:
  RNNCell(std::int64_t input_size, std::int64_t hidden_size, const RNNCellOptions& options = {}, Here here = {});
  Tensor forward(const Arg& x, const Tensor& h = {}) const;
  Tensor operator()(const Arg& x, const Tensor& h = {}) const;

 private:
  std::string nonlinearity_;
};

struct GRUCellOptions {
  bool bias = true;
};
// The same of a gated recurrent unit.
class GRUCell : public RecurrentCellBase {
 public:
  GRUCell(std::int64_t input_size, std::int64_t hidden_size, const GRUCellOptions& options = {}, Here here = {});
  Tensor forward(const Arg& x, const Tensor& h = {}) const;
  Tensor operator()(const Arg& x, const Tensor& h = {}) const;
};

}  // namespace xgrad::nn
