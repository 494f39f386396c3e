// The time loops of one direction of a plain or a gated recurrent layer.
#pragma once
#include "kernels/recurrent_shape.hpp"

namespace xgrad::detail {

enum class Nonlinearity : bool { tanh, relu };

// In what follows [T, B, n] are the rows of all times, of a packed sequence those that there are.

// `output` [T, B, H] holds the input's share of the arguments, and is left with h.
template <class T>
struct RnnForward {
  RecurrentShape shape;
  Nonlinearity f;
  const T *w_hh, *h0;  // [H, H]; [B, H] or null for zeros
  T* output;
};
template <class T>
void rnn_forward(const RnnForward<T>& f);

template <class T>
struct RnnBackward {
  RecurrentShape shape;
  Nonlinearity f;
  const T *w_hh, *output;
  const T *d_output, *d_h;  // [T, B, H], [B, H]; null for zeros
  T* d_arguments;           // [T, B, H]
  T* d_h0;                  // [B, H], or null where it is not wanted
};
template <class T>
void rnn_backward(const RnnBackward<T>& b);

// `gates` [T, B, 3H] holds the input's share of the arguments (r, z, n), and is left with the gates.
template <class T>
struct GruForward {
  RecurrentShape shape;
  const T *w_hh, *b_hn;  // [3H, H]; [H] or null
  const T* h0;           // [B, H] or null for zeros
  T* gates;
  T* shares;  // h W_hn^T + b_hn: [T, B, H] of all times, or [B, H] where they are not kept
  bool keep;
  T* output;  // [T, B, H]
};
template <class T>
void gru_forward(const GruForward<T>& f);

// The gradients of the input's shares and of h's shares of the arguments.
template <class T>
struct GruBackward {
  RecurrentShape shape;
  const T* w_hh;
  const T *h0, *gates, *shares, *output;
  const T* d_output;        // [T, B, H], or null for zeros
  T *d_inputs, *d_hiddens;  // [T, B, 3H]; one of them may be where the gates are
  T* d_h;                   // [B, H]: the last h's gradient, left with the first one's where that is wanted
  bool wants_first;
};
template <class T>
void gru_backward(const GruBackward<T>& b);

}  // namespace xgrad::detail
