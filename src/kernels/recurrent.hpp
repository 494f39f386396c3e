// What the time loops of recurrent layers share: blocks of the batch, the order of the steps, which rows take part in
// them, and their products.
#pragma once
#include <algorithm>
#include <cstdint>

#include "kernels/panel.hpp"
#include "kernels/recurrent_shape.hpp"

namespace xgrad::detail {

// Rows of the batch in blocks of up to panel_rows<>, as even as can be.
struct Blocks {
  std::int64_t rows, count;
  explicit Blocks(std::int64_t batch) : rows(batch), count((batch + panel_rows<> - 1) / panel_rows<>) {}
  std::int64_t begin(std::int64_t block) const noexcept { return rows * block / count; }
};

// f(top, count, begins) for the rows of a block that take part in a step: those that took part in the step before, then
// those that begin with this one.
template <class F>
void for_rows(const RecurrentShape& s, const Blocks& blocks, std::int64_t step, std::int64_t block, F&& f) {
  const std::int64_t now = s.rows_of_step(step), old = std::min(now, s.rows_of_step(step - 1));
  for (const bool begins : {false, true}) {
    const std::int64_t top = std::max<std::int64_t>(blocks.begin(block), begins ? old : 0);
    const std::int64_t end = std::min(blocks.begin(block + 1), begins ? now : old);
    if (top < end) f(top, end - top, begins);
  }
}

// What a step is to rows on the way back: one between others, their last one, or past their first one.
enum class Way { between, last, past };
// f(top, count, way) for the rows of a block in a step that is counted from the last one; past all of them is one more.
template <class F>
void for_rows_back(const RecurrentShape& s, const Blocks& blocks, std::int64_t step, std::int64_t block, F&& f) {
  const std::int64_t now = s.rows_of_step(s.steps - 1 - step), later = s.rows_of_step(s.steps - step);
  const std::int64_t both = std::min(now, later);
  for (const Way way : {Way::between, Way::last, Way::past}) {
    const std::int64_t top = std::max<std::int64_t>(blocks.begin(block), way == Way::between ? 0 : both);
    const std::int64_t all = way == Way::between ? both : way == Way::last ? now : later;
    const std::int64_t end = std::min(blocks.begin(block + 1), all);
    if (top < end) f(top, end - top, way);
  }
}

// Runs first(step, panel, block), then second, of every step. A row of the batch does not look at the others: where
// there are rows enough, each thread walks through all steps with its own, taken in turn, for the first ones of a
// packed sequence have more steps. Otherwise threads share the panels of a step.
template <class First, class Second>
void walk(std::int64_t steps, const Blocks& blocks, std::int64_t work, std::int64_t first_panels, First&& first,
          std::int64_t second_panels, Second&& second) {
  const std::int64_t threads = available_threads();
  if (blocks.count >= threads) {
    parallel_for(threads, 1, steps * work, [&](std::int64_t thread, std::int64_t) {
      for (std::int64_t step = 0; step < steps; ++step) {
        for (std::int64_t panel = 0; panel < first_panels; ++panel)
          for (std::int64_t block = thread; block < blocks.count; block += threads) first(step, panel, block);
        for (std::int64_t panel = 0; panel < second_panels; ++panel)
          for (std::int64_t block = thread; block < blocks.count; block += threads) second(step, panel, block);
      }
    });
    return;
  }
  const auto share = [&](std::int64_t step, std::int64_t panels, auto&& tile) {
    const std::int64_t tiles = panels * blocks.count;
    parallel_for(tiles, (tiles + threads - 1) / threads, work, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t index = begin; index < end; ++index) tile(step, index / blocks.count, index % blocks.count);
    });
  };
  for (std::int64_t step = 0; step < steps; ++step) {
    share(step, first_panels, first);
    share(step, second_panels, second);
  }
}

// f(row, column, n, sum) for every vector of a panel of the product of some rows, from `top` on, with a matrix in one
// group: sum holds n of its columns. `a` has the rows of the whole batch, or is null for zeros.
template <class T, class F>
void multiply_rows(std::int64_t top, std::int64_t count, const T* a, const Panels<T>& matrix, std::int64_t panel,
                   F&& f) {
  const std::int64_t k = matrix.k();
  multiply_panel(count, a ? k : 0, a ? a + top * k : a, k, matrix.panel(panel),
                 [&](std::int64_t r, const PanelSums<T>& sums) {
                   for (std::int64_t v = 0; v < panel_vectors; ++v)
                     if (const std::int64_t n = matrix.columns(panel, v); n > 0)
                       f(top + r, matrix.column(panel, v), n, sums[static_cast<std::size_t>(v)]);
                 });
}

}  // namespace xgrad::detail
