// Products of few rows with a matrix that stays the same for many of them, as the steps of a recurrent layer are: the
// matrix is copied once into panels of a few vectors' width, and what becomes of a result is done while it is in
// registers.
#pragma once
#include <xgrad/lanes.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "core/tensor_impl.hpp"
#include "kernels/copy.hpp"
#include "kernels/parallel.hpp"
#include "kernels/rows.hpp"

namespace xgrad::detail {

// Vectors of a panel, and rows that one pass over one of V vectors serves: as many as the registers hold.
inline constexpr std::int64_t panel_vectors = 4;
#if defined(__AVX512F__) || defined(__aarch64__)
inline constexpr std::int64_t panel_sums = 24;
#else
inline constexpr std::int64_t panel_sums = 12;
#endif
template <std::int64_t V = panel_vectors>
inline constexpr std::int64_t panel_rows = std::min<std::int64_t>(6, panel_sums / V);
template <class T>
inline constexpr std::int64_t panel_width = panel_vectors* lane_count<T>;

// B[k, n], element (l, j) at b[l * row + j * col], with its columns in `groups` of `size` = n / groups. With one group
// a panel is panel_vectors neighbouring vectors of columns; with more, up to panel_vectors, it is one vector of each
// group, the same place in all of them.
template <class T>
struct PanelSource {
  const T* b;
  std::int64_t row, col;
  std::int64_t k, groups, size;

  std::int64_t vectors() const noexcept { return groups == 1 ? panel_vectors : groups; }
  std::int64_t panels() const noexcept {
    const std::int64_t width = groups == 1 ? panel_width<T> : lane_count<T>;
    return (size + width - 1) / width;
  }
  // The first column of a vector within its group.
  std::int64_t begin(std::int64_t panel, std::int64_t vector) const noexcept {
    return groups == 1 ? (panel * panel_vectors + vector) * lane_count<T> : panel * lane_count<T>;
  }
};

// A matrix as panels, with zeros where a vector is not full.
template <class T>
class Panels {
 public:
  explicit Panels(const PanelSource<T>& source)
      : source_(source),
        width_(source.vectors() * lane_count<T>),
        memory_(make_tensor({source.panels() * source.k * width_}, dtype_of<T>)) {
    parallel_for(count(), 1, impl(memory_).numel, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t panel = first; panel < last; ++panel) fill(panel);
    });
  }
  std::int64_t count() const noexcept { return source_.panels(); }
  std::int64_t k() const noexcept { return source_.k; }
  const T* panel(std::int64_t index) const noexcept { return data<T>(memory_) + index * source_.k * width_; }
  // The first column of a vector within its group, and how many columns it has: none, where it lies past the end.
  std::int64_t column(std::int64_t panel, std::int64_t vector) const noexcept { return source_.begin(panel, vector); }
  std::int64_t columns(std::int64_t panel, std::int64_t vector) const noexcept {
    return std::clamp<std::int64_t>(source_.size - column(panel, vector), 0, lane_count<T>);
  }

 private:
  void fill(std::int64_t panel) noexcept {
    const std::int64_t k = source_.k, col = source_.col;
    T* to = data<T>(memory_) + panel * k * width_;
    for (std::int64_t v = 0; v < source_.vectors(); ++v, to += lane_count<T>) {
      const std::int64_t group = source_.groups == 1 ? 0 : v, count = columns(panel, v);
      const T* from = source_.b + (group * source_.size + column(panel, v)) * col;
      if (count < lane_count<T>)
        for (std::int64_t l = 0; l < k; ++l) std::fill_n(to + l * width_, lane_count<T>, T(0));
      if (source_.row == 1)
        transpose_matrix(count, k, from, col, to, width_);
      else
        for (std::int64_t l = 0; l < k; ++l)
          for (std::int64_t j = 0; j < count; ++j) to[l * width_ + j] = from[l * source_.row + j * col];
    }
  }

  PanelSource<T> source_;
  std::int64_t width_;
  Tensor memory_;
};

template <class T, std::int64_t V = panel_vectors>
using PanelSums = std::array<Lanes<T>, V>;

// R rows of A, element (r, l) at a[r * row + l * col], times a panel of V vectors: done(r, sums) for each.
template <class T, std::int64_t R, std::int64_t V, class Done>
XGRAD_LANES_INLINE void multiply_panel_rows(std::int64_t k, const T* a, std::int64_t row, std::int64_t col,
                                            const T* panel, Done&& done) {
  PanelSums<T, V> sums[R];
  for (std::int64_t r = 0; r < R; ++r)
    for (std::int64_t v = 0; v < V; ++v) sums[r][v] = T(0);
  for (std::int64_t l = 0; l < k; ++l) {
    PanelSums<T, V> b;
    for (std::int64_t v = 0; v < V; ++v) b[v] = Lanes<T>::load(panel + (l * V + v) * lane_count<T>);
    for (std::int64_t r = 0; r < R; ++r) {
      const Lanes<T> factor(a[r * row + l * col]);
      for (std::int64_t v = 0; v < V; ++v) sums[r][v] = fused(factor, b[v], sums[r][v]);
    }
  }
  for (std::int64_t r = 0; r < R; ++r) {
    // A copy, so that nobody sees where the sums are and they stay in registers throughout.
    const PanelSums<T, V> result = sums[r];
    done(r, result);
  }
}

// The same for up to panel_rows<V> rows. Each result is one sum in the order of k, whatever the number of rows.
template <class T, std::int64_t V = panel_vectors, class Done>
void multiply_panel(std::int64_t rows, std::int64_t k, const T* a, std::int64_t row, std::int64_t col, const T* panel,
                    Done&& done) {
  const auto run = [&]<std::int64_t... R>(std::integer_sequence<std::int64_t, R...>) {
    (void)((rows == R + 1 && (multiply_panel_rows<T, R + 1, V>(k, a, row, col, panel, done), true)) || ...);
  };
  run(std::make_integer_sequence<std::int64_t, panel_rows<V>>());
}
template <class T, std::int64_t V = panel_vectors, class Done>
void multiply_panel(std::int64_t rows, std::int64_t k, const T* a, std::int64_t row, const T* panel, Done&& done) {
  multiply_panel<T, V>(rows, k, a, row, 1, panel, std::forward<Done>(done));
}

}  // namespace xgrad::detail
