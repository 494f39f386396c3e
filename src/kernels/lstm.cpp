#include "kernels/lstm.hpp"

#include <optional>

#include "kernels/recurrent.hpp"

namespace xgrad::detail {
namespace {

// Asks for the gates of some units of a row, which are far away when their product is done.
template <class T>
void expect_gates(const T* gates, std::int64_t hidden) noexcept {
  for (std::int64_t gate = 0; gate < 4; ++gate) __builtin_prefetch(gates + gate * hidden);
}

std::int64_t work_of_step(const RecurrentShape& s, bool projects) noexcept {
  return s.batch * s.hidden * (4 * s.projected + 64 + (projects ? s.projected : 0));
}

}  // namespace

// i, f, o = sigmoid(z), g = tanh(z), c' = f c + i g, h = o tanh(c'), where z is the input's share + h W_hh^T.
template <class T>
void lstm_forward(const LstmForward<T>& f) {
  using L = Lanes<T>;
  const RecurrentShape& s = f.shape;
  const std::int64_t hidden = s.hidden, size = s.projected, state = f.keep ? s.batch * hidden : 0;
  const Panels<T> recurrent({.b = f.w_hh, .row = 1, .col = size, .k = size, .groups = 4, .size = hidden});
  std::optional<Panels<T>> projection;
  if (f.w_hr) projection.emplace(PanelSource<T>{f.w_hr, 1, hidden, hidden, 1, size});
  const Blocks blocks(s.batch);

  const auto gates = [&](std::int64_t step, std::int64_t panel, std::int64_t block) {
    const std::int64_t t = s.time(step), before = step > 0 ? s.time(step - 1) : 0, top = blocks.begin(block);
    const T* h = step > 0 ? f.output + before * s.batch * size : f.h0;
    const T* c_before = step > 0 ? f.cells + before * state : f.c0;
    T* m = f.w_hr ? f.hidden + t * state : f.output + t * s.batch * size;
    const std::int64_t unit = recurrent.column(panel, 0), n = recurrent.columns(panel, 0);
    T* share = f.gates + (t * s.batch + top) * 4 * hidden + unit;
    for (std::int64_t r = 0; r < blocks.size(block); ++r) expect_gates(share + r * 4 * hidden, hidden);
    multiply_panel(blocks.size(block), h ? size : 0, h ? h + top * size : h, size, recurrent.panel(panel),
                   [&](std::int64_t r, const PanelSums<T>& sums) {
                     const std::int64_t row = top + r, at = row * hidden + unit;
                     T* z = share + r * 4 * hidden;
                     const L i = sigmoid(load_part(z, n) + sums[0]);
                     const L forget = sigmoid(load_part(z + hidden, n) + sums[1]);
                     const L g = tanh(load_part(z + 2 * hidden, n) + sums[2]);
                     const L o = sigmoid(load_part(z + 3 * hidden, n) + sums[3]);
                     const L old = c_before ? load_part(c_before + at, n) : L(0);
                     const L c = forget * old + i * g;
                     store_part(i, z, n);
                     store_part(forget, z + hidden, n);
                     store_part(g, z + 2 * hidden, n);
                     store_part(o, z + 3 * hidden, n);
                     store_part(c, f.cells + t * state + at, n);
                     store_part(o * tanh(c), m + at, n);
                   });
  };
  const auto project = [&](std::int64_t step, std::int64_t panel, std::int64_t block) {
    const std::int64_t t = s.time(step);
    multiply_block(blocks, block, f.hidden + t * state, *projection, panel,
                   [&](std::int64_t row, std::int64_t column, std::int64_t n, L h) {
                     store_part(h, f.output + (t * s.batch + row) * size + column, n);
                   });
  };
  walk(s.steps, blocks, work_of_step(s, f.w_hr), recurrent.count(), gates, projection ? projection->count() : 0,
       project);
}
template void lstm_forward(const LstmForward<float>&);
template void lstm_forward(const LstmForward<double>&);

// With m the gradient of o tanh(c) and k = dc + m o (1 - tanh(c)^2): di = k g, df = k c_before, dg = k i,
// do = m tanh(c), each times its gate's slope, and dc_before = k f, dh_before = dz W_hh.
template <class T>
void lstm_backward(const LstmBackward<T>& b) {
  using L = Lanes<T>;
  const RecurrentShape& s = b.shape;
  const std::int64_t hidden = s.hidden, size = s.projected, state = s.batch * hidden;
  const Panels<T> recurrent({.b = b.w_hh, .row = size, .col = 1, .k = 4 * hidden, .groups = 1, .size = size});
  std::optional<Panels<T>> projection;
  if (b.w_hr) projection.emplace(PanelSource<T>{b.w_hr, hidden, 1, size, 1, hidden});
  const Blocks blocks(s.batch);
  const auto time = [&](std::int64_t step) { return s.time(s.steps - 1 - step); };

  const auto gate_gradients = [&](std::int64_t step, std::int64_t row, std::int64_t unit, std::int64_t n, L m) {
    const std::int64_t t = time(step), at = row * hidden + unit;
    const T* c_before = step + 1 < s.steps ? b.cells + time(step + 1) * state : b.c0;
    const std::int64_t place = (t * s.batch + row) * 4 * hidden + unit;
    const T* gates = b.gates + place;
    T* d = b.d_gates + place;
    const L i = load_part(gates, n), f = load_part(gates + hidden, n);
    const L g = load_part(gates + 2 * hidden, n), o = load_part(gates + 3 * hidden, n);
    const L c = tanh(load_part(b.cells + t * state + at, n));
    const L old = c_before ? load_part(c_before + at, n) : L(0);
    const L k = load_part(b.d_c + at, n) + m * o * (1 - c * c);
    store_part(k * g * i * (1 - i), d, n);
    store_part(k * old * f * (1 - f), d + hidden, n);
    store_part(k * i * (1 - g * g), d + 2 * hidden, n);
    store_part(m * c * o * (1 - o), d + 3 * hidden, n);
    store_part(k * f, b.d_c + at, n);
  };
  // f(row, column, n, sum) for the vectors of dz W_hh, where dz is that of the time that comes after this step's.
  const auto h_gradients = [&](std::int64_t step, std::int64_t panel, std::int64_t block, auto&& f) {
    multiply_block(blocks, block, step > 0 ? b.d_gates + time(step - 1) * s.batch * 4 * hidden : nullptr, recurrent,
                   panel, f);
  };
  const auto output_gradients = [&](std::int64_t step, std::int64_t panel, std::int64_t block) {
    const std::int64_t t = time(step);
    if (!b.w_hr)
      for (std::int64_t r = 0; r < blocks.size(block); ++r)
        for (std::int64_t v = 0; v < panel_vectors; ++v) {
          const std::int64_t place = (t * s.batch + blocks.begin(block) + r) * hidden,
                             unit = recurrent.column(panel, v);
          if (unit >= hidden) break;
          expect_gates(b.gates + 4 * place + unit, hidden);
          __builtin_prefetch(b.cells + place + unit);
        }
    h_gradients(step, panel, block, [&](std::int64_t row, std::int64_t column, std::int64_t n, L sum) {
      const std::int64_t place = (t * s.batch + row) * size + column;
      if (b.d_output) sum += load_part(b.d_output + place, n);
      if (step == 0 && b.d_h) sum += load_part(b.d_h + row * size + column, n);
      if (b.w_hr)
        store_part(sum, b.d_projected + place, n);
      else
        gate_gradients(step, row, column, n, sum);
    });
  };
  const auto unproject = [&](std::int64_t step, std::int64_t panel, std::int64_t block) {
    multiply_block(blocks, block, b.d_projected + time(step) * s.batch * size, *projection, panel,
                   [&](std::int64_t row, std::int64_t column, std::int64_t n, L sum) {
                     gate_gradients(step, row, column, n, sum);
                   });
  };
  const std::int64_t work = work_of_step(s, b.w_hr);
  walk(s.steps, blocks, work, recurrent.count(), output_gradients, projection ? projection->count() : 0, unproject);
  if (!b.d_h0) return;
  const auto first_h = [&](std::int64_t, std::int64_t panel, std::int64_t block) {
    h_gradients(s.steps, panel, block, [&](std::int64_t row, std::int64_t column, std::int64_t n, L sum) {
      store_part(sum, b.d_h0 + row * size + column, n);
    });
  };
  walk(1, blocks, work, recurrent.count(), first_h, 0, first_h);
}
template void lstm_backward(const LstmBackward<float>&);
template void lstm_backward(const LstmBackward<double>&);

}  // namespace xgrad::detail
