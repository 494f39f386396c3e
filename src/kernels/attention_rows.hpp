// Parts of the attention kernels: the matrices of one index of the batch, and what happens to a row of scores.
#pragma once
#include <algorithm>
#include <cstdint>
#include <limits>

#include "kernels/attention.hpp"
#include "kernels/blas.hpp"
#include "kernels/rows.hpp"
#include "ops/random_fill.hpp"

namespace xgrad::detail {

template <class T>
inline constexpr T attention_hidden = -std::numeric_limits<T>::infinity();

template <class T>
struct Matrix {
  T* data = nullptr;
  std::int64_t row = 0, col = 0;

  explicit operator bool() const noexcept { return data != nullptr; }
  T* at(std::int64_t i) const noexcept { return data + i * row; }
  Matrix from(std::int64_t i) const noexcept { return {at(i), row, col}; }
  Matrix transposed() const noexcept { return {data, col, row}; }
  operator Matrix<const T>() const noexcept { return {data, row, col}; }
};
template <class T, class Any>
Matrix<T> matrix(const MatrixStack<T>& stack, const Attention<Any>& a, std::int64_t n) {
  return stack ? Matrix<T>{stack.at(a.batch, n), stack.row, stack.col} : Matrix<T>{};
}

template <class T>
struct Operands {
  Matrix<const T> query, key, value, bias;
  Matrix<const bool> keep;

  Operands(const Attention<T>& a, std::int64_t n)
      : query(matrix(a.query, a, n)),
        key(matrix(a.key, a, n)),
        value(matrix(a.value, a, n)),
        bias(matrix(a.bias, a, n)),
        keep(matrix(a.keep, a, n)) {}
};

// C = A B or C += A B, with C[m, n] and k inner.
template <class T>
void multiply(std::int64_t m, std::int64_t n, std::int64_t k, const Matrix<const T>& a, const Matrix<const T>& b,
              const Matrix<T>& c, bool accumulate) {
  gemm(Product<T>{.m = m,
                  .n = n,
                  .k = k,
                  .a = a.data,
                  .a_row = a.row,
                  .a_col = a.col,
                  .b = b.data,
                  .b_row = b.row,
                  .b_col = b.col,
                  .c = c.data,
                  .c_row = c.row,
                  .accumulate = accumulate});
}

template <class T>
void fill_zero(const Matrix<T>& c, std::int64_t rows, std::int64_t cols) {
  for (std::int64_t i = 0; i < rows; ++i) std::fill(c.at(i), c.at(i) + cols, T(0));
}

// What is added to a row of scores from key `first` on; null for nothing.
template <class T>
const T* mask_row(const Operands<T>& of, std::int64_t i, std::int64_t first, std::int64_t count, T* buffer) {
  if (of.bias) {
    const T* from = of.bias.at(i) + first * of.bias.col;
    if (of.bias.col == 1) return from;
    for (std::int64_t j = 0; j < count; ++j) buffer[j] = from[j * of.bias.col];
    return buffer;
  }
  if (!of.keep) return nullptr;
  const bool* from = of.keep.at(i) + first * of.keep.col;
  for (std::int64_t j = 0; j < count; ++j) buffer[j] = from[j * of.keep.col] ? T(0) : attention_hidden<T>;
  return buffer;
}

template <class T>
T larger(T a, T b) {
  return b > a || b != b ? b : a;
}

// s = s scale + mask; returns the largest, NaN if any is.
template <class T>
T scale_row(T* s, std::int64_t count, T scale, const T* mask) {
  Lanes<T> largest = attention_hidden<T>;
  for_lanes<T>(count, [&](std::int64_t j, std::int64_t n) {
    Lanes<T> v = load_part(s + j, n) * scale;
    if (mask) v = v + load_part(mask + j, n);
    store_part(v, s + j, n);
    largest = maximum(largest, n == lane_count<T> ? v : load_part(s + j, n, attention_hidden<T>));
  });
  T values[Lanes<T>::size];
  largest.store(values);
  T top = values[0];
  for (const T value : values) top = larger(top, value);
  return top;
}

// s = exp(s - base); returns the sum.
template <class T>
T exp_row(T* s, std::int64_t count, T base) {
  Lanes<T> sum = 0;
  for_lanes<T>(count, [&](std::int64_t j, std::int64_t n) {
    const Lanes<T> e = exp(load_part(s + j, n, attention_hidden<T>) - base);
    sum += e;
    store_part(e, s + j, n);
  });
  return sum_lanes(sum);
}

// sum of x y, where y may be stepped.
template <class T>
T row_product(const T* x, const T* y, std::int64_t step, std::int64_t count) {
  if (step != 1) return dot(count, x, 1, y, step);
  Lanes<T> sum = 0;
  for_lanes<T>(count, [&](std::int64_t j, std::int64_t n) { sum += load_part(x + j, n) * load_part(y + j, n); });
  return sum_lanes(sum);
}

template <class T>
void multiply_row(T* x, std::int64_t count, T factor) {
  for (std::int64_t j = 0; j < count; ++j) x[j] *= factor;
}

// The probabilities p = exp(s scale + mask - top) inverse replace s; with their gradient g, where there is one,
// p (g factor - delta) scale replaces g, and without scale goes to bias. factor multiplies p itself at the end.
template <class T>
struct GradientRow {
  T *s, *g, *bias;
  const T *mask, *factor;
  T scale, top, inverse, delta;

  void operator()(std::int64_t count) const {
    for_lanes<T>(count, [&](std::int64_t j, std::int64_t n) {
      Lanes<T> v = load_part(s + j, n) * scale;
      if (mask) v = v + load_part(mask + j, n);
      const Lanes<T> p = exp(v - top) * inverse;
      if (g) {
        Lanes<T> d = load_part(g + j, n);
        if (factor) d = d * load_part(factor + j, n);
        d = p * (d - delta);
        if (bias) store_part(d, bias + j, n);
        store_part(d * scale, g + j, n);
      }
      store_part(factor ? p * load_part(factor + j, n) : p, s + j, n);
    });
  }
};

// ---- dropout

class DropoutRows {
 public:
  DropoutRows(const AttentionDropout& dropout, std::int64_t keys)
      : dropout_(dropout),
        groups_(AttentionDropout::groups(keys)),
        threshold_(static_cast<float>(1 - dropout.p)),
        scale_(dropout.p < 1 ? 1 / (1 - dropout.p) : 0) {}

  // The factors of a row from key `first`, which begins a group, on.
  template <class T>
  void operator()(std::int64_t row, std::int64_t first, std::int64_t count, T* out) const noexcept {
    constexpr std::int64_t per_group = AttentionDropout::per_group;
    const T scale = static_cast<T>(scale_);
    PhiloxWords words;
    for (std::int64_t j = 0; j < count; j += per_group) {
      const auto group = static_cast<std::uint64_t>(row * groups_ + (first + j) / per_group);
      philox_group(dropout_.stream.seed, dropout_.stream.offset + group * philox_lanes, words);
      const int last = static_cast<int>(std::min(per_group, count - j));
      for (int i = 0; i < last; ++i) out[j + i] = random_unit<float>(words, i) < threshold_ ? scale : T(0);
    }
  }

 private:
  const AttentionDropout& dropout_;
  std::int64_t groups_;
  float threshold_;
  double scale_;
};
static_assert(AttentionDropout::per_group == random_per_group<float>);
static_assert(AttentionDropout::blocks_per_group == philox_lanes);

}  // namespace xgrad::detail
