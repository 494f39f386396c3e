// Long short-term memory over a sequence.
#pragma once
#include <xgrad/tensor.hpp>

namespace xgrad {

// The weights of one direction of a recurrent layer with G gates of size H, their rows gate by gate:
//   w_ih [G H, I], w_hh [G H, P]; b_ih and b_hh [G H], each may be undefined; w_hr [P, H] where h is projected to the
//   size P, undefined where P is H.
struct RecurrentWeights {
  Tensor w_ih, w_hh;
  Tensor b_ih{}, b_hh{}, w_hr{};
};

// One direction of an LSTM layer over a whole sequence: for each time, with h and c of the time before,
//   i, f, o = sigmoid(x W_ih^T + b_ih + h W_hh^T + b_hh)  (the first, second and fourth H rows of the weights)
//   g       = tanh(the same, of the third H rows)
//   c       = f c + i g
//   h       = o tanh(c), times W_hr^T where there is one
// x [T, B, I] -> {h of all times [T, B, P], h [B, P] and c [B, H] of the last time}. h0 [B, P] and c0 [B, H] are zeros
// where left undefined. reverse: from the last time to the first; the last h and c are then those of time 0.
// One product for the input of all times; the steps of the recurrence are fused.
// batch_sizes, int64 [T]: x is [S, I], sequences of several lengths without padding, the longest first: the rows of all
// times one after the other, of time t those of the first batch_sizes[t] sequences (nn::utils::rnn::PackedSequence). h
// of all times is [S, P] then, and the last h and c are those at each sequence's own end. ShapeError: sizes that do not
// fit, or T is 0; DtypeError: x is not floating, or another tensor has another dtype; ValueError: batch_sizes below 1,
// increasing, or of another sum than S.
TensorList lstm_layer(const Arg& x, const RecurrentWeights& weights, const Tensor& h0 = {}, const Tensor& c0 = {},
                      bool reverse = false, const Tensor& batch_sizes = {});

}  // namespace xgrad
