// Sparse weighted sums along one dimension: resampling, and sums over neighbouring channels.
#pragma once
#include <cstdint>
#include <vector>

namespace xgrad::detail {

// y[i] = sum over k in first[i] .. first[i + 1] of weight[k] x[index[k]], for x of `size` elements.
struct Taps {
  explicit Taps(std::int64_t size) : size(size) {}
  void add(std::int64_t at, double w) {
    index.push_back(at);
    weight.push_back(w);
  }
  // Ends an element of y.
  void close() { first.push_back(static_cast<std::int64_t>(index.size())); }
  std::int64_t count() const noexcept { return static_cast<std::int64_t>(first.size()) - 1; }

  std::int64_t size;
  std::vector<std::int64_t> first{0}, index{};
  std::vector<double> weight{};
};
// The adjoint: x[j] = sum over i of y[i] times the weight of x[j] in it.
Taps transposed(const Taps& taps);

// Of input [outer, taps.size, inner] to output [outer, taps.count(), inner].
template <class T>
void apply_taps(const Taps& taps, std::int64_t outer, std::int64_t inner, const T* input, T* output) noexcept;

}  // namespace xgrad::detail
