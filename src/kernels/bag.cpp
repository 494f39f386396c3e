#include "kernels/bag.hpp"

#include <algorithm>

#include "kernels/parallel.hpp"
#include "kernels/rows.hpp"

namespace xgrad::detail {
namespace {

// The pairs by their target, in order.
struct Grouped {
  std::vector<std::int64_t> first, pair;
};
Grouped grouped(const RowPairs& pairs, std::int64_t rows) {
  Grouped result;
  result.first.assign(static_cast<std::size_t>(rows) + 1, 0);
  for (const std::int64_t row : pairs.to) ++result.first[static_cast<std::size_t>(row) + 1];
  for (std::size_t r = 0; r < static_cast<std::size_t>(rows); ++r) result.first[r + 1] += result.first[r];
  std::vector<std::int64_t> next(result.first.begin(), result.first.end() - 1);
  result.pair.resize(pairs.to.size());
  for (std::size_t k = 0; k < pairs.to.size(); ++k)
    result.pair[static_cast<std::size_t>(next[static_cast<std::size_t>(pairs.to[k])]++)] = static_cast<std::int64_t>(k);
  return result;
}

// f(row, the pairs of that row, how many) for all rows.
template <class F>
void for_rows(const RowPairs& pairs, std::int64_t rows, std::int64_t width, const F& f) {
  const Grouped groups = grouped(pairs, rows);
  const std::int64_t each = width * (pairs.count() / std::max<std::int64_t>(rows, 1) + 1);
  parallel_for(rows, std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(each, 1)), rows * each,
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t r = begin; r < end; ++r) {
                   const std::int64_t first = groups.first[static_cast<std::size_t>(r)];
                   f(r, groups.pair.data() + first, groups.first[static_cast<std::size_t>(r) + 1] - first);
                 }
               });
}

}  // namespace

template <class T>
void sum_row_pairs(const RowPairs& pairs, const T* table, const T* factors, std::int64_t rows, std::int64_t width,
                   T* out) {
  for_rows(pairs, rows, width, [&](std::int64_t r, const std::int64_t* list, std::int64_t count) {
    for_lanes<T>(width, [&](std::int64_t d, std::int64_t n) {
      Lanes<T> sum = 0;
      for (std::int64_t i = 0; i < count; ++i) {
        const Lanes<T> row = load_part(table + pairs.from[static_cast<std::size_t>(list[i])] * width + d, n);
        sum += factors ? row * Lanes<T>(factors[list[i]]) : row;
      }
      store_part(sum, out + r * width + d, n);
    });
  });
}

template <class T>
void dot_row_pairs(const RowPairs& pairs, const T* a, const T* b, std::int64_t width, T* out) {
  parallel_for(pairs.count(), std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(width, 1)),
               pairs.count() * width, [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t k = begin; k < end; ++k) {
                   const T *x = a + pairs.from[static_cast<std::size_t>(k)] * width,
                           *y = b + pairs.to[static_cast<std::size_t>(k)] * width;
                   Lanes<T> sum = 0;
                   for_lanes<T>(width, [&](std::int64_t d, std::int64_t n) {
                     sum += load_part(x + d, n) * load_part(y + d, n);
                   });
                   out[k] = sum_lanes(sum);
                 }
               });
}

template <class T>
void largest_of_row_pairs(const RowPairs& pairs, const T* table, std::int64_t rows, std::int64_t width,
                          std::int64_t* out) {
  for_rows(pairs, rows, width, [&](std::int64_t r, const std::int64_t* list, std::int64_t count) {
    for (std::int64_t d = 0; d < width; ++d) {
      std::int64_t best = -1;
      T top = 0;
      for (std::int64_t i = 0; i < count; ++i) {
        const T value = table[pairs.from[static_cast<std::size_t>(list[i])] * width + d];
        if (best >= 0 && !(value > top || (value != value && top == top))) continue;
        best = list[i];
        top = value;
      }
      out[r * width + d] = best;
    }
  });
}

template void sum_row_pairs(const RowPairs&, const float*, const float*, std::int64_t, std::int64_t, float*);
template void sum_row_pairs(const RowPairs&, const double*, const double*, std::int64_t, std::int64_t, double*);
template void dot_row_pairs(const RowPairs&, const float*, const float*, std::int64_t, float*);
template void dot_row_pairs(const RowPairs&, const double*, const double*, std::int64_t, double*);
template void largest_of_row_pairs(const RowPairs&, const float*, std::int64_t, std::int64_t, std::int64_t*);
template void largest_of_row_pairs(const RowPairs&, const double*, std::int64_t, std::int64_t, std::int64_t*);

}  // namespace xgrad::detail
