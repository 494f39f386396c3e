#include "kernels/rnn.hpp"

#include "kernels/recurrent.hpp"

namespace xgrad::detail {
namespace {

std::int64_t work_of_step(const RecurrentShape& s, std::int64_t gates) noexcept {
  return s.batch * s.hidden * gates * (s.hidden + 16);
}

}  // namespace

// h = f(z), where z is the input's share + h W_hh^T.
template <class T>
void rnn_forward(const RnnForward<T>& f) {
  using L = Lanes<T>;
  const RecurrentShape& s = f.shape;
  const std::int64_t hidden = s.hidden, state = s.batch * hidden;
  const Panels<T> recurrent({.b = f.w_hh, .row = 1, .col = hidden, .k = hidden, .groups = 1, .size = hidden});
  const Blocks blocks(s.batch);
  const auto units = [&](std::int64_t step, std::int64_t panel, std::int64_t block) {
    const T* h = step > 0 ? f.output + s.time(step - 1) * state : f.h0;
    T* now = f.output + s.time(step) * state;
    multiply_block(blocks, block, h, recurrent, panel,
                   [&](std::int64_t row, std::int64_t column, std::int64_t n, L sum) {
                     T* place = now + row * hidden + column;
                     const L z = load_part(place, n) + sum;
                     store_part(f.f == Nonlinearity::tanh ? tanh(z) : relu(z), place, n);
                   });
  };
  walk(s.steps, blocks, work_of_step(s, 1), recurrent.count(), units, 0, units);
}
template void rnn_forward(const RnnForward<float>&);
template void rnn_forward(const RnnForward<double>&);

// dz = dh f'(z), and dh_before = dz W_hh.
template <class T>
void rnn_backward(const RnnBackward<T>& b) {
  using L = Lanes<T>;
  const RecurrentShape& s = b.shape;
  const std::int64_t hidden = s.hidden, state = s.batch * hidden;
  const Panels<T> recurrent({.b = b.w_hh, .row = hidden, .col = 1, .k = hidden, .groups = 1, .size = hidden});
  const Blocks blocks(s.batch);
  const auto h_gradients = [&](std::int64_t step, std::int64_t panel, std::int64_t block, auto&& f) {
    multiply_block(blocks, block, step > 0 ? b.d_arguments + s.time(s.steps - step) * state : nullptr, recurrent, panel,
                   f);
  };
  const auto units = [&](std::int64_t step, std::int64_t panel, std::int64_t block) {
    const std::int64_t t = s.time(s.steps - 1 - step);
    h_gradients(step, panel, block, [&](std::int64_t row, std::int64_t column, std::int64_t n, L sum) {
      const std::int64_t at = row * hidden + column, place = t * state + at;
      if (b.d_output) sum += load_part(b.d_output + place, n);
      if (step == 0 && b.d_h) sum += load_part(b.d_h + at, n);
      const L h = load_part(b.output + place, n);
      store_part(b.f == Nonlinearity::tanh ? sum * (1 - h * h) : where(h <= 0, L(0), sum), b.d_arguments + place, n);
    });
  };
  walk(s.steps, blocks, work_of_step(s, 1), recurrent.count(), units, 0, units);
  if (!b.d_h0) return;
  const auto first_h = [&](std::int64_t, std::int64_t panel, std::int64_t block) {
    h_gradients(s.steps, panel, block, [&](std::int64_t row, std::int64_t column, std::int64_t n, L sum) {
      store_part(sum, b.d_h0 + row * hidden + column, n);
    });
  };
  walk(1, blocks, work_of_step(s, 1), recurrent.count(), first_h, 0, first_h);
}
template void rnn_backward(const RnnBackward<float>&);
template void rnn_backward(const RnnBackward<double>&);

// r, z = sigmoid(input's share + h's), n = tanh(input's share + r q) with q = h W_hn^T + b_hn, h' = n + z (h - n).
template <class T>
void gru_forward(const GruForward<T>& f) {
  using L = Lanes<T>;
  const RecurrentShape& s = f.shape;
  const std::int64_t hidden = s.hidden, state = s.batch * hidden;
  const Panels<T> recurrent({.b = f.w_hh, .row = 1, .col = hidden, .k = hidden, .groups = 3, .size = hidden});
  const Blocks blocks(s.batch);
  const auto units = [&](std::int64_t step, std::int64_t panel, std::int64_t block) {
    const std::int64_t t = s.time(step), top = blocks.begin(block);
    const T* h = step > 0 ? f.output + s.time(step - 1) * state : f.h0;
    const std::int64_t unit = recurrent.column(panel, 0), n = recurrent.columns(panel, 0);
    T* shares = f.shares + (f.keep ? t * state : 0);
    multiply_panel<T, 3>(blocks.size(block), h ? hidden : 0, h ? h + top * hidden : h, hidden, recurrent.panel(panel),
                         [&](std::int64_t row, const PanelSums<T, 3>& sums) {
                           const std::int64_t at = (top + row) * hidden + unit;
                           T* gates = f.gates + (t * s.batch + top + row) * 3 * hidden + unit;
                           const L old = h ? load_part(h + at, n) : L(0);
                           const L q = f.b_hn ? sums[2] + load_part(f.b_hn + unit, n) : sums[2];
                           const L r = sigmoid(load_part(gates, n) + sums[0]);
                           const L z = sigmoid(load_part(gates + hidden, n) + sums[1]);
                           const L next = tanh(load_part(gates + 2 * hidden, n) + r * q);
                           store_part(r, gates, n);
                           store_part(z, gates + hidden, n);
                           store_part(next, gates + 2 * hidden, n);
                           store_part(q, shares + at, n);
                           store_part(next + z * (old - next), f.output + t * state + at, n);
                         });
  };
  walk(s.steps, blocks, work_of_step(s, 3), recurrent.count(), units, 0, units);
}
template void gru_forward(const GruForward<float>&);
template void gru_forward(const GruForward<double>&);

// With dh the gradient of h': dn = dh (1 - z), dz = dh (h - n), each times its gate's slope; dr = dn q times its own,
// dq = dn r, and dh_before = dh z + (dr, dz, dq) W_hh.
template <class T>
void gru_backward(const GruBackward<T>& b) {
  using L = Lanes<T>;
  const RecurrentShape& s = b.shape;
  const std::int64_t hidden = s.hidden, state = s.batch * hidden;
  const Panels<T> recurrent({.b = b.w_hh, .row = hidden, .col = 1, .k = 3 * hidden, .groups = 1, .size = hidden});
  const Blocks blocks(s.batch);
  // What h passes on without a product stays in d_h.
  const auto h_gradients = [&](std::int64_t step, std::int64_t panel, std::int64_t block, auto&& f) {
    multiply_block(blocks, block, step > 0 ? b.d_hiddens + s.time(s.steps - step) * 3 * state : nullptr, recurrent,
                   panel, [&](std::int64_t row, std::int64_t column, std::int64_t n, L sum) {
                     f(row, column, n, sum + load_part(b.d_h + row * hidden + column, n));
                   });
  };
  const auto units = [&](std::int64_t step, std::int64_t panel, std::int64_t block) {
    const std::int64_t t = s.time(s.steps - 1 - step);
    const T* before = step + 1 < s.steps ? b.output + s.time(s.steps - 2 - step) * state : b.h0;
    h_gradients(step, panel, block, [&](std::int64_t row, std::int64_t column, std::int64_t n, L dh) {
      const std::int64_t at = row * hidden + column, place = (t * s.batch + row) * 3 * hidden + column;
      if (b.d_output) dh += load_part(b.d_output + t * state + at, n);
      const L r = load_part(b.gates + place, n), z = load_part(b.gates + place + hidden, n);
      const L next = load_part(b.gates + place + 2 * hidden, n), q = load_part(b.shares + t * state + at, n);
      const L old = before ? load_part(before + at, n) : L(0);
      const L d_next = dh * (1 - z) * (1 - next * next);
      const L d_reset = d_next * q * r * (1 - r), d_update = dh * (old - next) * z * (1 - z);
      for (T* d : {b.d_inputs + place, b.d_hiddens + place}) {
        store_part(d_reset, d, n);
        store_part(d_update, d + hidden, n);
      }
      store_part(d_next, b.d_inputs + place + 2 * hidden, n);
      store_part(d_next * r, b.d_hiddens + place + 2 * hidden, n);
      store_part(dh * z, b.d_h + at, n);
    });
  };
  walk(s.steps, blocks, work_of_step(s, 3), recurrent.count(), units, 0, units);
  if (!b.wants_first) return;
  const auto first_h = [&](std::int64_t, std::int64_t panel, std::int64_t block) {
    h_gradients(s.steps, panel, block, [&](std::int64_t row, std::int64_t column, std::int64_t n, L sum) {
      store_part(sum, b.d_h + row * hidden + column, n);
    });
  };
  walk(1, blocks, work_of_step(s, 3), recurrent.count(), first_h, 0, first_h);
}
template void gru_backward(const GruBackward<float>&);
template void gru_backward(const GruBackward<double>&);

}  // namespace xgrad::detail
