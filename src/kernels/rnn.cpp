#include "kernels/rnn.hpp"

#include "kernels/recurrent.hpp"

namespace xgrad::detail {
namespace {

std::int64_t work_of_step(const RecurrentShape& s, std::int64_t gates) noexcept {
  return s.total() / s.steps * s.hidden * gates * (s.hidden + 16);
}

}  // namespace

// h = f(z), where z is the input's share + h W_hh^T.
template <class T>
void rnn_forward(const RnnForward<T>& f) {
  using L = Lanes<T>;
  const RecurrentShape& s = f.shape;
  const std::int64_t hidden = s.hidden;
  const Panels<T> recurrent({.b = f.w_hh, .row = 1, .col = hidden, .k = hidden, .groups = 1, .size = hidden});
  const Blocks blocks(s.batch);
  const auto units = [&](std::int64_t step, std::int64_t panel, std::int64_t block) {
    T* now = f.output + s.begin(s.time(step)) * hidden;
    for_rows(s, blocks, step, block, [&](std::int64_t top, std::int64_t count, bool begins) {
      const T* h = begins ? f.h0 : f.output + s.begin(s.time(step - 1)) * hidden;
      multiply_rows(top, count, h, recurrent, panel, [&](std::int64_t row, std::int64_t column, std::int64_t n, L sum) {
        T* place = now + row * hidden + column;
        const L z = load_part(place, n) + sum;
        store_part(f.f == Nonlinearity::tanh ? tanh(z) : relu(z), place, n);
      });
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
  const std::int64_t hidden = s.hidden;
  const Panels<T> recurrent({.b = b.w_hh, .row = hidden, .col = 1, .k = hidden, .groups = 1, .size = hidden});
  const Blocks blocks(s.batch);
  const auto begin = [&](std::int64_t step) { return s.begin(s.time(s.steps - 1 - step)); };
  const auto units = [&](std::int64_t step, std::int64_t panel, std::int64_t block) {
    const T* d_later = step > 0 ? b.d_arguments + begin(step - 1) * hidden : nullptr;
    const std::int64_t now = step < s.steps ? begin(step) : 0;
    for_rows_back(s, blocks, step, block, [&](std::int64_t top, std::int64_t count, Way way) {
      if (way == Way::past && !b.d_h0) return;
      multiply_rows(top, count, way == Way::last ? nullptr : d_later, recurrent, panel,
                    [&](std::int64_t row, std::int64_t column, std::int64_t n, L sum) {
                      const std::int64_t at = row * hidden + column, place = now * hidden + at;
                      if (way == Way::past) return store_part(sum, b.d_h0 + at, n);
                      if (b.d_output) sum += load_part(b.d_output + place, n);
                      if (way == Way::last && b.d_h) sum += load_part(b.d_h + at, n);
                      const L h = load_part(b.output + place, n);
                      store_part(b.f == Nonlinearity::tanh ? sum * (1 - h * h) : where(h <= 0, L(0), sum),
                                 b.d_arguments + place, n);
                    });
    });
  };
  walk(s.steps + (b.d_h0 ? 1 : 0), blocks, work_of_step(s, 1), recurrent.count(), units, 0, units);
}
template void rnn_backward(const RnnBackward<float>&);
template void rnn_backward(const RnnBackward<double>&);

// r, z = sigmoid(input's share + h's), n = tanh(input's share + r q) with q = h W_hn^T + b_hn, h' = n + z (h - n).
template <class T>
void gru_forward(const GruForward<T>& f) {
  using L = Lanes<T>;
  const RecurrentShape& s = f.shape;
  const std::int64_t hidden = s.hidden;
  const Panels<T> recurrent({.b = f.w_hh, .row = 1, .col = hidden, .k = hidden, .groups = 3, .size = hidden});
  const Blocks blocks(s.batch);
  const auto units = [&](std::int64_t step, std::int64_t panel, std::int64_t block) {
    const std::int64_t now = s.begin(s.time(step));
    const std::int64_t unit = recurrent.column(panel, 0), n = recurrent.columns(panel, 0);
    T* shares = f.shares + (f.keep ? now * hidden : 0);
    for_rows(s, blocks, step, block, [&](std::int64_t top, std::int64_t count, bool begins) {
      const T* h = begins ? f.h0 : f.output + s.begin(s.time(step - 1)) * hidden;
      multiply_panel<T, 3>(count, h ? hidden : 0, h ? h + top * hidden : h, hidden, recurrent.panel(panel),
                           [&](std::int64_t row, const PanelSums<T, 3>& sums) {
                             const std::int64_t at = (top + row) * hidden + unit;
                             T* gates = f.gates + (now + top + row) * 3 * hidden + unit;
                             const L old = h ? load_part(h + at, n) : L(0);
                             const L q = f.b_hn ? sums[2] + load_part(f.b_hn + unit, n) : sums[2];
                             const L r = sigmoid(load_part(gates, n) + sums[0]);
                             const L z = sigmoid(load_part(gates + hidden, n) + sums[1]);
                             const L next = tanh(load_part(gates + 2 * hidden, n) + r * q);
                             store_part(r, gates, n);
                             store_part(z, gates + hidden, n);
                             store_part(next, gates + 2 * hidden, n);
                             store_part(q, shares + at, n);
                             store_part(next + z * (old - next), f.output + now * hidden + at, n);
                           });
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
  const std::int64_t hidden = s.hidden;
  const Panels<T> recurrent({.b = b.w_hh, .row = hidden, .col = 1, .k = 3 * hidden, .groups = 1, .size = hidden});
  const Blocks blocks(s.batch);
  const auto begin = [&](std::int64_t step) { return s.begin(s.time(s.steps - 1 - step)); };
  const auto units = [&](std::int64_t step, std::int64_t panel, std::int64_t block) {
    const T* d_later = step > 0 ? b.d_hiddens + begin(step - 1) * 3 * hidden : nullptr;
    const std::int64_t now = step < s.steps ? begin(step) : 0, old_rows = s.rows_of_step(s.steps - 2 - step);
    for_rows_back(s, blocks, step, block, [&](std::int64_t top, std::int64_t count, Way way) {
      if (way == Way::past && !b.wants_first) return;
      multiply_rows(top, count, way == Way::last ? nullptr : d_later, recurrent, panel,
                    [&](std::int64_t row, std::int64_t column, std::int64_t n, L dh) {
                      const std::int64_t at = row * hidden + column, place = (now + row) * 3 * hidden + column;
                      // What h passed on without a product.
                      dh += load_part(b.d_h + at, n);
                      if (way == Way::past) return store_part(dh, b.d_h + at, n);
                      const T* before = row >= old_rows ? b.h0 : b.output + begin(step + 1) * hidden;
                      if (b.d_output) dh += load_part(b.d_output + now * hidden + at, n);
                      const L r = load_part(b.gates + place, n), z = load_part(b.gates + place + hidden, n);
                      const L next = load_part(b.gates + place + 2 * hidden, n),
                              q = load_part(b.shares + now * hidden + at, n);
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
    });
  };
  walk(s.steps + (b.wants_first ? 1 : 0), blocks, work_of_step(s, 3), recurrent.count(), units, 0, units);
}
template void gru_backward(const GruBackward<float>&);
template void gru_backward(const GruBackward<double>&);

}  // namespace xgrad::detail
