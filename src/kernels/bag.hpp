// Weighted sums of rows, and products of rows, by lists of their numbers.
#pragma once
#include <cstdint>
#include <vector>

namespace xgrad::detail {

// Pair k connects row from[k] of one table with row to[k] of another.
struct RowPairs {
  std::vector<std::int64_t> from, to;
  std::int64_t count() const noexcept { return static_cast<std::int64_t>(from.size()); }
};

// out[r] = sum over k with to[k] = r, in order, of factors[k] table[from[k]] (factor 1 without factors), for all `rows`
// of out; rows have `width` elements.
template <class T>
void sum_row_pairs(const RowPairs& pairs, const T* table, const T* factors, std::int64_t rows, std::int64_t width,
                   T* out);

// out[k] = a[from[k]] . b[to[k]]
template <class T>
void dot_row_pairs(const RowPairs& pairs, const T* a, const T* b, std::int64_t width, T* out);

// out[r, d] = which k, among those with to[k] = r, has the largest table[from[k], d]: the first of equal ones, and of
// NaNs; -1 where there is none.
template <class T>
void largest_of_row_pairs(const RowPairs& pairs, const T* table, std::int64_t rows, std::int64_t width,
                          std::int64_t* out);

}  // namespace xgrad::detail
