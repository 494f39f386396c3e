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
  return s.total() / s.steps * s.hidden * (4 * s.projected + 64 + (projects ? s.projected : 0));
}

}  // namespace

// i, f, o = sigmoid(z), g = tanh(z), c' = f c + i g, h = o tanh(c'), where z is the input's share + h W_hh^T.
template <class T>
void lstm_forward(const LstmForward<T>& f) {
  using L = Lanes<T>;
  const RecurrentShape& s = f.shape;
  const std::int64_t hidden = s.hidden, size = s.projected;
  const Panels<T> recurrent({.b = f.w_hh, .row = 1, .col = size, .k = size, .groups = 4, .size = hidden});
  std::optional<Panels<T>> projection;
  if (f.w_hr) projection.emplace(PanelSource<T>{f.w_hr, 1, hidden, hidden, 1, size});
  const Blocks blocks(s.batch);
  // Where the cells, and the unprojected h, of a time are.
  const auto state = [&](std::int64_t t) { return f.keep ? s.begin(t) * hidden : 0; };

  const auto gates = [&](std::int64_t step, std::int64_t panel, std::int64_t block) {
    const std::int64_t t = s.time(step), before = step > 0 ? s.time(step - 1) : 0;
    const std::int64_t unit = recurrent.column(panel, 0), n = recurrent.columns(panel, 0);
    T* cells = f.cells + state(t);
    T* m = f.w_hr ? f.hidden + state(t) : f.output + s.begin(t) * size;
    for_rows(s, blocks, step, block, [&](std::int64_t top, std::int64_t count, bool begins) {
      const T* h = begins ? f.h0 : f.output + s.begin(before) * size;
      const T* c_before = begins ? f.c0 : f.cells + state(before);
      T* share = f.gates + (s.begin(t) + top) * 4 * hidden + unit;
      for (std::int64_t r = 0; r < count; ++r) expect_gates(share + r * 4 * hidden, hidden);
      multiply_panel(count, h ? size : 0, h ? h + top * size : h, size, recurrent.panel(panel),
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
                       store_part(c, cells + at, n);
                       store_part(o * tanh(c), m + at, n);
                     });
    });
  };
  const auto project = [&](std::int64_t step, std::int64_t panel, std::int64_t block) {
    const std::int64_t t = s.time(step);
    T* output = f.output + s.begin(t) * size;
    for_rows(s, blocks, step, block, [&](std::int64_t top, std::int64_t count, bool) {
      multiply_rows(top, count, f.hidden + state(t), *projection, panel,
                    [&](std::int64_t row, std::int64_t column, std::int64_t n, L h) {
                      store_part(h, output + row * size + column, n);
                    });
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
  const std::int64_t hidden = s.hidden, size = s.projected;
  const Panels<T> recurrent({.b = b.w_hh, .row = size, .col = 1, .k = 4 * hidden, .groups = 1, .size = size});
  std::optional<Panels<T>> projection;
  if (b.w_hr) projection.emplace(PanelSource<T>{b.w_hr, hidden, 1, size, 1, hidden});
  const Blocks blocks(s.batch);
  // The first row of a step, which is counted from the last one.
  const auto begin = [&](std::int64_t step) { return s.begin(s.time(s.steps - 1 - step)); };

  const auto gate_gradients = [&](std::int64_t step, std::int64_t row, std::int64_t unit, std::int64_t n, L m) {
    const std::int64_t place = begin(step) + row, at = row * hidden + unit;
    const bool first = row >= s.rows_of_step(s.steps - 2 - step);
    const T* c_before = first ? b.c0 : b.cells + begin(step + 1) * hidden;
    const T* gates = b.gates + place * 4 * hidden + unit;
    T* d = b.d_gates + place * 4 * hidden + unit;
    const L i = load_part(gates, n), f = load_part(gates + hidden, n);
    const L g = load_part(gates + 2 * hidden, n), o = load_part(gates + 3 * hidden, n);
    const L c = tanh(load_part(b.cells + place * hidden + unit, n));
    const L old = c_before ? load_part(c_before + at, n) : L(0);
    const L k = load_part(b.d_c + at, n) + m * o * (1 - c * c);
    store_part(k * g * i * (1 - i), d, n);
    store_part(k * old * f * (1 - f), d + hidden, n);
    store_part(k * i * (1 - g * g), d + 2 * hidden, n);
    store_part(m * c * o * (1 - o), d + 3 * hidden, n);
    store_part(k * f, b.d_c + at, n);
  };
  const auto output_gradients = [&](std::int64_t step, std::int64_t panel, std::int64_t block) {
    const T* d_later = step > 0 ? b.d_gates + begin(step - 1) * 4 * hidden : nullptr;
    const std::int64_t now = step < s.steps ? begin(step) : 0;
    for_rows_back(s, blocks, step, block, [&](std::int64_t top, std::int64_t count, Way way) {
      if (way == Way::past && !b.d_h0) return;
      if (!b.w_hr && way != Way::past)
        for (std::int64_t r = 0; r < count; ++r)
          for (std::int64_t v = 0; v < panel_vectors; ++v) {
            const std::int64_t place = (now + top + r) * hidden, unit = recurrent.column(panel, v);
            if (unit >= hidden) break;
            expect_gates(b.gates + 4 * place + unit, hidden);
            __builtin_prefetch(b.cells + place + unit);
          }
      multiply_rows(top, count, way == Way::last ? nullptr : d_later, recurrent, panel,
                    [&](std::int64_t row, std::int64_t column, std::int64_t n, L sum) {
                      if (way == Way::past) return store_part(sum, b.d_h0 + row * size + column, n);
                      const std::int64_t place = (now + row) * size + column;
                      if (b.d_output) sum += load_part(b.d_output + place, n);
                      if (way == Way::last && b.d_h) sum += load_part(b.d_h + row * size + column, n);
                      if (b.w_hr)
                        store_part(sum, b.d_projected + place, n);
                      else
                        gate_gradients(step, row, column, n, sum);
                    });
    });
  };
  const auto unproject = [&](std::int64_t step, std::int64_t panel, std::int64_t block) {
    for_rows_back(s, blocks, step, block, [&](std::int64_t top, std::int64_t count, Way way) {
      if (way == Way::past) return;
      multiply_rows(top, count, b.d_projected + begin(step) * size, *projection, panel,
                    [&](std::int64_t row, std::int64_t column, std::int64_t n, L sum) {
                      gate_gradients(step, row, column, n, sum);
                    });
    });
  };
  walk(s.steps + (b.d_h0 ? 1 : 0), blocks, work_of_step(s, b.w_hr), recurrent.count(), output_gradients,
       projection ? projection->count() : 0, unproject);
}
template void lstm_backward(const LstmBackward<float>&);
template void lstm_backward(const LstmBackward<double>&);

}  // namespace xgrad::detail
