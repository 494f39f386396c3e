// Softmax along the middle dimension of [outer, n, inner] data: by lanes along rows where inner is 1, by lanes of
// neighbouring columns otherwise.
#pragma once
#include <cmath>
#include <cstdint>
#include <limits>

#include "kernels/parallel.hpp"
#include "kernels/rows.hpp"

namespace xgrad::detail {

struct SoftmaxShape {
  std::int64_t outer, n, inner;
};

template <class T>
inline constexpr T softmax_lowest = -std::numeric_limits<T>::infinity();

// The largest element, NaN if any is.
template <class T>
T row_max(const T* x, std::int64_t n) {
  using L = Lanes<T>;
  const L largest = fold_lanes<T>(
      n, L(softmax_lowest<T>),
      [&](L top, std::int64_t i, std::int64_t part) { return maximum(top, load_part(x + i, part, softmax_lowest<T>)); },
      [](L a, L b) { return maximum(a, b); });
  T values[L::size];
  largest.store(values);
  T top = values[0];
  for (const T value : values) top = value > top || value != value ? value : top;
  return top;
}
// sum exp(x - top)
template <class T>
T row_exp_sum(const T* x, std::int64_t n, T top) {
  return sum_lanes(sum_of_lanes<T>(
      n, [&](std::int64_t i, std::int64_t part) { return exp(load_part(x + i, part, softmax_lowest<T>) - top); }));
}

// What a slice of the data (a row, or as many columns as there are lanes) goes through. Value is T along a row and
// Lanes<T> across columns.
struct SoftmaxRule {
  template <class T>
  static void row(const T* x, std::int64_t n, T* y) {
    using L = Lanes<T>;
    const T top = row_max(x, n);
    const L sum = sum_of_lanes<T>(n, [&](std::int64_t i, std::int64_t part) {
      const L e = exp(load_part(x + i, part, softmax_lowest<T>) - top);
      store_part(e, y + i, part);
      return e;
    });
    const T scale = 1 / sum_lanes(sum);
    for_lanes<T>(n,
                 [&](std::int64_t i, std::int64_t part) { store_part(load_part(y + i, part) * scale, y + i, part); });
  }
  template <class T>
  static void columns(const T* x, std::int64_t n, std::int64_t stride, std::int64_t part, Lanes<T> top, T* y) {
    using L = Lanes<T>;
    L sum = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      const L e = exp(load_part(x + i * stride, part) - top);
      sum += e;
      store_part(e, y + i * stride, part);
    }
    const L scale = 1 / sum;
    for (std::int64_t i = 0; i < n; ++i) store_part(load_part(y + i * stride, part) * scale, y + i * stride, part);
  }
};

struct LogSoftmaxRule {
  template <class T>
  static void row(const T* x, std::int64_t n, T* y) {
    const T top = row_max(x, n), rest = std::log(row_exp_sum(x, n, top));
    for_lanes<T>(
        n, [&](std::int64_t i, std::int64_t part) { store_part(load_part(x + i, part) - top - rest, y + i, part); });
  }
  template <class T>
  static void columns(const T* x, std::int64_t n, std::int64_t stride, std::int64_t part, Lanes<T> top, T* y) {
    Lanes<T> sum = 0;
    for (std::int64_t i = 0; i < n; ++i) sum += exp(load_part(x + i * stride, part) - top);
    const Lanes<T> rest = log(sum);
    for (std::int64_t i = 0; i < n; ++i) store_part(load_part(x + i * stride, part) - top - rest, y + i * stride, part);
  }
};

// dx = y (dy - sum(dy y)) and dx = dy - exp(y) sum(dy): a term that is summed, and what follows of the sum.
struct SoftmaxGradient {
  template <class L>
  static L term(L dy, L y) {
    return dy * y;
  }
  template <class L>
  static L slope(L dy, L y, L sum) {
    return y * (dy - sum);
  }
};
struct LogSoftmaxGradient {
  template <class L>
  static L term(L dy, L) {
    return dy;
  }
  template <class L>
  static L slope(L dy, L y, L sum) {
    return dy - exp(y) * sum;
  }
};

constexpr std::int64_t softmax_grain(std::int64_t work) { return std::max<std::int64_t>(1, 4096 / (work + 1)); }

// slice(offset, part) for every row (part 0) or every group of columns (of `part` columns).
template <class T, class F>
void for_slices(const SoftmaxShape& shape, F&& slice) {
  const auto [outer, n, inner] = shape;
  const std::int64_t groups = inner == 1 ? 1 : (inner + lane_count<T> - 1) / lane_count<T>;
  const std::int64_t width = inner == 1 ? 1 : lane_count<T>;
  parallel_for(outer * groups, softmax_grain(n * width), 8 * outer * n * inner,
               [&, n = n, inner = inner](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t i = begin; i < end; ++i) {
                   const std::int64_t first = i % groups * width;
                   slice(i / groups * n * inner + first, inner == 1 ? 0 : std::min(width, inner - first));
                 }
               });
}

template <class Rule, class T>
void softmax_forward(const SoftmaxShape& shape, const T* x, T* y) {
  for_slices<T>(shape, [&](std::int64_t at, std::int64_t part) {
    if (part == 0) return Rule::row(x + at, shape.n, y + at);
    Lanes<T> top = softmax_lowest<T>;
    for (std::int64_t i = 0; i < shape.n; ++i) top = maximum(top, load_part(x + at + i * shape.inner, part));
    Rule::columns(x + at, shape.n, shape.inner, part, top, y + at);
  });
}

// dx may be dy itself.
template <class Rule, class T>
void softmax_backward(const SoftmaxShape& shape, const T* dy, const T* y, T* dx) {
  using L = Lanes<T>;
  for_slices<T>(shape, [&](std::int64_t at, std::int64_t part) {
    const T *g = dy + at, *v = y + at;
    T* out = dx + at;
    if (part == 0) {
      const L total = sum_lanes(sum_of_lanes<T>(shape.n, [&](std::int64_t i, std::int64_t some) {
        return Rule::term(load_part(g + i, some), load_part(v + i, some));
      }));
      for_lanes<T>(shape.n, [&](std::int64_t i, std::int64_t some) {
        store_part(Rule::slope(load_part(g + i, some), load_part(v + i, some), total), out + i, some);
      });
      return;
    }
    L sum = 0;
    for (std::int64_t i = 0; i < shape.n; ++i)
      sum += Rule::term(load_part(g + i * shape.inner, part), load_part(v + i * shape.inner, part));
    for (std::int64_t i = 0; i < shape.n; ++i)
      store_part(Rule::slope(load_part(g + i * shape.inner, part), load_part(v + i * shape.inner, part), sum),
                 out + i * shape.inner, part);
  });
}

// log(sum(exp(x))) of each of `count` rows; -inf where all elements are.
template <class T>
void logsumexp_rows(const T* x, std::int64_t count, std::int64_t n, T* y) {
  parallel_for(count, softmax_grain(n), 8 * count * n, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const T top = row_max(x + r * n, n);
      y[r] = std::isinf(top) ? top : top + std::log(row_exp_sum(x + r * n, n, top));
    }
  });
}

}  // namespace xgrad::detail
