#include "kernels/gemm_few.hpp"

#include <algorithm>

#include "kernels/copy.hpp"
#include "kernels/panel.hpp"

namespace xgrad::detail {
namespace {

constexpr std::int64_t depth = 256;

// The rows of A are the lanes of a panel and stay in the nearest cache; B is read once, as it lies, and C comes out
// transposed.
template <class T, std::int64_t V>
void multiply(const Product<T>& p, bool accumulate) noexcept {
  constexpr std::int64_t width = V * lane_count<T>, rows = panel_rows<V>;
  alignas(64) T panel[depth * width];
  alignas(64) T tile[rows * width];
  for (std::int64_t first = 0; first < p.k; first += depth) {
    const std::int64_t k = std::min(depth, p.k - first);
    const T* a = p.a + first * p.a_col;
    if (p.m < width) std::fill(panel, panel + k * width, T(0));
    if (p.a_col == 1)
      transpose_matrix(p.m, k, a, p.a_row, panel, width);
    else
      for (std::int64_t l = 0; l < k; ++l)
        for (std::int64_t i = 0; i < p.m; ++i) panel[l * width + i] = a[i * p.a_row + l * p.a_col];
    const bool add = accumulate || first > 0;
    for (std::int64_t j = 0; j < p.n; j += rows) {
      const std::int64_t count = std::min(rows, p.n - j);
      multiply_panel<T, V>(count, k, p.b + j * p.b_col + first, p.b_col, panel,
                           [&](std::int64_t r, const PanelSums<T, V>& sums) {
                             for (std::size_t v = 0; v < V; ++v) sums[v].store(tile + r * width + v * Lanes<T>::size);
                           });
      for (std::int64_t i = 0; i < p.m; ++i) {
        T* c = p.c + i * p.c_row + j;
        for (std::int64_t r = 0; r < count; ++r) c[r] = tile[r * width + i] + (add ? c[r] : T(0));
      }
    }
  }
}

}  // namespace

template <class T>
std::int64_t most_few_rows() noexcept {
  return panel_width<T>;
}
template std::int64_t most_few_rows<float>() noexcept;
template std::int64_t most_few_rows<double>() noexcept;

template <class T>
bool few_rows_pay(const Product<T>& p) noexcept {
  constexpr std::int64_t lanes = lane_count<T>, least = 64;
  const std::int64_t padded = (p.m + lanes - 1) / lanes * lanes;
  return p.b_row == 1 && p.m <= most_few_rows<T>() && 3 * padded <= 4 * p.m && p.n >= least && p.k >= least;
}
template bool few_rows_pay(const Product<float>&) noexcept;
template bool few_rows_pay(const Product<double>&) noexcept;

template <class T>
void gemm_few(const Product<T>& p, bool accumulate) noexcept {
  const std::int64_t vectors = (p.m + lane_count<T> - 1) / lane_count<T>;
  vectors == 1   ? multiply<T, 1>(p, accumulate)
  : vectors == 2 ? multiply<T, 2>(p, accumulate)
  : vectors == 3 ? multiply<T, 3>(p, accumulate)
                 : multiply<T, 4>(p, accumulate);
}
template void gemm_few(const Product<float>&, bool) noexcept;
template void gemm_few(const Product<double>&, bool) noexcept;

}  // namespace xgrad::detail
