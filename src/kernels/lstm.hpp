// The time loops of one direction of an LSTM layer.
#pragma once
#include "kernels/recurrent_shape.hpp"

namespace xgrad::detail {

// In what follows [T, B, n] are the rows of all times, of a packed sequence those that there are.

// `gates` [T, B, 4H] holds the input's share of the gates' arguments (i, f, g, o), and is left with the gates.
template <class T>
struct LstmForward {
  RecurrentShape shape;
  const T *w_hh, *w_hr;  // [4H, P]; [P, H] or null
  const T *h0, *c0;      // [B, P], [B, H]; null for zeros
  T* gates;
  T *cells, *hidden;  // [T, B, H] of all times, or [B, H] of the last one; hidden, the unprojected h, with w_hr only
  bool keep;          // all times
  T* output;          // [T, B, P]
};
template <class T>
void lstm_forward(const LstmForward<T>& f);

// What a layer's parameters need is a product of d_gates; d_gates may be where the gates are.
template <class T>
struct LstmBackward {
  RecurrentShape shape;
  const T *w_hh, *w_hr;
  const T *c0, *gates, *cells;
  const T *d_output, *d_h;  // [T, B, P], [B, P]; null for zeros
  T* d_gates;               // [T, B, 4H]
  T* d_projected;           // [T, B, P], with w_hr only
  T* d_h0;                  // [B, P], or null where it is not wanted
  T* d_c;                   // [B, H]: the last c's gradient, left with the first one's
};
template <class T>
void lstm_backward(const LstmBackward<T>& b);

}  // namespace xgrad::detail
