// What the time loops of recurrent layers share: blocks of the batch, the order of the steps, and the products of a
// step.
#pragma once
#include <cstdint>

#include "kernels/panel.hpp"
#include "kernels/recurrent_shape.hpp"

namespace xgrad::detail {

// Rows of the batch in blocks of up to panel_rows<>, as even as can be.
struct Blocks {
  std::int64_t rows, count;
  explicit Blocks(std::int64_t batch) : rows(batch), count((batch + panel_rows<> - 1) / panel_rows<>) {}
  std::int64_t begin(std::int64_t block) const noexcept { return rows * block / count; }
  std::int64_t size(std::int64_t block) const noexcept { return begin(block + 1) - begin(block); }
};

// Runs first(step, panel, block), then second, of every step. A row of the batch does not look at the others: where
// there are rows enough, each thread walks through all steps with its own. Otherwise threads share the panels of a
// step.
template <class First, class Second>
void walk(std::int64_t steps, const Blocks& blocks, std::int64_t work, std::int64_t first_panels, First&& first,
          std::int64_t second_panels, Second&& second) {
  const std::int64_t threads = available_threads();
  if (blocks.count >= threads) {
    parallel_for(blocks.count, (blocks.count + threads - 1) / threads, steps * work,
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t step = 0; step < steps; ++step) {
                     for (std::int64_t panel = 0; panel < first_panels; ++panel)
                       for (std::int64_t block = begin; block < end; ++block) first(step, panel, block);
                     for (std::int64_t panel = 0; panel < second_panels; ++panel)
                       for (std::int64_t block = begin; block < end; ++block) second(step, panel, block);
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

// f(row, column, n, sum) for every vector of a panel of the product of a block's rows with a matrix in one group: sum
// holds n of its columns. `a` has the rows of the whole batch, or is null for zeros.
template <class T, class F>
void multiply_block(const Blocks& blocks, std::int64_t block, const T* a, const Panels<T>& matrix, std::int64_t panel,
                    F&& f) {
  const std::int64_t top = blocks.begin(block), k = matrix.k();
  multiply_panel(blocks.size(block), a ? k : 0, a ? a + top * k : a, k, matrix.panel(panel),
                 [&](std::int64_t r, const PanelSums<T>& sums) {
                   for (std::int64_t v = 0; v < panel_vectors; ++v)
                     if (const std::int64_t n = matrix.columns(panel, v); n > 0)
                       f(top + r, matrix.column(panel, v), n, sums[static_cast<std::size_t>(v)]);
                 });
}

}  // namespace xgrad::detail
