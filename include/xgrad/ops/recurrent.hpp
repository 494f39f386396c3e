// Recurrent layers over a sequence.
//
// One direction of a layer takes x [T, B, I] and a state [B, H] (zeros where left undefined) to the outputs of all
// times [T, B, H] and the state of the last time; reverse: from the last time to the first, so that the last state is
// that of time 0. One product serves the input of all times; the steps of the recurrence are fused. With batch_sizes,
// int64 [T], x is [S, I] and the outputs [S, H]: sequences of several lengths without padding, as lstm_layer takes
// them. ShapeError: sizes that do not fit, or T is 0; DtypeError: x is not floating, or another tensor has another
// dtype; ValueError: batch_sizes below 1, increasing, or of another sum than S.
#pragma once
#include <xgrad/ops/lstm.hpp>
#include <xgrad/tensor.hpp>

#include <cstdint>
#include <string>
#include <utility>

namespace xgrad {

// h' = f(x W_ih^T + b_ih + h W_hh^T + b_hh) with f "tanh" or "relu" (ValueError otherwise). {output, h of the last
// time}.
std::pair<Tensor, Tensor> rnn_layer(const Arg& x, const RecurrentWeights& weights, const Tensor& h0 = {},
                                    const std::string& nonlinearity = "tanh", bool reverse = false,
                                    const Tensor& batch_sizes = {});

// r  = sigmoid(x W_ir^T + b_ir + h W_hr^T + b_hr)      (the first H rows of the weights)
// z  = sigmoid(x W_iz^T + b_iz + h W_hz^T + b_hz)      (the second)
// n  = tanh(x W_in^T + b_in + r (h W_hn^T + b_hn))     (the third)
// h' = (1 - z) n + z h
// {output, h of the last time}. Cho et al. 2014, with the reset gate after the product, as PyTorch and cuDNN have it.
std::pair<Tensor, Tensor> gru_layer(const Arg& x, const RecurrentWeights& weights, const Tensor& h0 = {},
                                    bool reverse = false, const Tensor& batch_sizes = {});

// Layers on top of each other, each taking the output of the one below, with torch's arguments.
// x [T, B, I], or [B, T, I] with batch_first, or [T, I] without a batch; hx [L D, B, H] (without the B where x has
// none) or undefined for zeros; L layers of D = 2 directions if bidirectional, whose outputs lie beside each other,
// else 1. params: w_ih, w_hh and, with has_biases, b_ih, b_hh of every layer and direction, the directions of a layer
// together. dropout: the share of each layer's output but the last one's that is dropped if train. {output [T, B, D H]
// in x's layout, the last states h_n [L D, B, H]}. ValueError: a list of another length,
// dropout outside [0, 1].
std::pair<Tensor, Tensor> rnn_tanh(const Arg& x, const Tensor& hx, const TensorList& params, bool has_biases,
                                   std::int64_t num_layers, double dropout, bool train, bool bidirectional,
                                   bool batch_first);
std::pair<Tensor, Tensor> rnn_relu(const Arg& x, const Tensor& hx, const TensorList& params, bool has_biases,
                                   std::int64_t num_layers, double dropout, bool train, bool bidirectional,
                                   bool batch_first);
std::pair<Tensor, Tensor> gru(const Arg& x, const Tensor& hx, const TensorList& params, bool has_biases,
                              std::int64_t num_layers, double dropout, bool train, bool bidirectional,
                              bool batch_first);
// hx: {h [L D, B, P], c [L D, B, H]}, either undefined for zeros, or empty. params may have w_hr [P, H] at the end of
// each layer and direction. {output, h_n, c_n}.
TensorList lstm(const Arg& x, const TensorList& hx, const TensorList& params, bool has_biases, std::int64_t num_layers,
                double dropout, bool train, bool bidirectional, bool batch_first);

}  // namespace xgrad
