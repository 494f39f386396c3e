#include "kernels/gemv.hpp"

#include <cstdint>
#include <doctest/doctest.h>
#include <limits>
#include <vector>

#include "kernels/blas.hpp"

using xgrad::detail::gemm;
using xgrad::detail::gemv;
using xgrad::detail::Product;

namespace {

// Whole numbers small enough that their products add up exactly in any order.
template <class T>
T whole(std::int64_t i, std::int64_t modulus) {
  return static_cast<T>(i * 7 % modulus - modulus / 2);
}
template <class T>
std::vector<T> wholes(std::int64_t count, std::int64_t modulus) {
  std::vector<T> values(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) values[static_cast<std::size_t>(i)] = whole<T>(i, modulus);
  return values;
}

// How a product with one column (or one row) of results lies in memory.
struct Case {
  std::int64_t count, k;
  bool column;       // results in a column: the matrix is A
  bool flat_rows;    // the numbers of one result lie side by side
  std::int64_t gap;  // between rows or columns of the matrix, between numbers of x, between results in a column
};

template <class T>
struct Memory {
  Case s;
  std::int64_t row, col, x_step, y_step;
  std::vector<T> matrix, x, y, bias;
  explicit Memory(const Case& c)
      : s(c),
        row(c.flat_rows ? c.k + c.gap : 1),
        col(c.flat_rows ? 1 : c.count + c.gap),
        x_step(1 + c.gap),
        y_step(c.column ? 1 + c.gap : 1),
        matrix(wholes<T>((c.flat_rows ? c.count : c.k) * (c.flat_rows ? row : col), 11)),
        x(wholes<T>(c.k * x_step, 13)),
        y(static_cast<std::size_t>(c.count * y_step), std::numeric_limits<T>::quiet_NaN()),
        bias(wholes<T>(c.count, 5)) {}
  Product<T> product() {
    Product<T> p{};
    p.k = s.k, p.c = y.data();
    if (s.column) {
      p.m = s.count, p.n = 1, p.c_row = y_step;
      p.a = matrix.data(), p.a_row = row, p.a_col = col;
      p.b = x.data(), p.b_row = x_step, p.b_col = 1;
    } else {
      p.m = 1, p.n = s.count, p.c_row = s.count;
      p.a = x.data(), p.a_row = s.k * x_step, p.a_col = x_step;
      p.b = matrix.data(), p.b_row = col, p.b_col = row;
    }
    return p;
  }
  T expected(std::int64_t i) const {
    T sum = 0;
    for (std::int64_t l = 0; l < s.k; ++l)
      sum += matrix[static_cast<std::size_t>(i * row + l * col)] * x[static_cast<std::size_t>(l * x_step)];
    return sum;
  }
  T result(std::int64_t i) const { return y[static_cast<std::size_t>(i * y_step)]; }
  bool is_untouched_between() const {
    for (std::size_t i = 0; i < y.size(); ++i)
      if (static_cast<std::int64_t>(i) % y_step != 0 && y[i] == y[i]) return false;
    return true;
  }
};

template <class T>
void check(const Case& c) {
  CAPTURE(c.count);
  CAPTURE(c.k);
  CAPTURE(c.column);
  CAPTURE(c.flat_rows);
  CAPTURE(c.gap);
  Memory<T> m(c);
  std::int64_t wrong = 0;
  gemv(m.product(), false);
  for (std::int64_t i = 0; i < c.count; ++i) wrong += m.result(i) == m.expected(i) ? 0 : 1;
  gemv(m.product(), true);
  for (std::int64_t i = 0; i < c.count; ++i) wrong += m.result(i) == 2 * m.expected(i) ? 0 : 1;
  Product<T> with_bias = m.product();
  with_bias.bias = m.bias.data(), with_bias.bias_row = c.column ? 1 : 0, with_bias.bias_col = c.column ? 0 : 1;
  gemm(with_bias);
  for (std::int64_t i = 0; i < c.count; ++i)
    wrong += m.result(i) == m.bias[static_cast<std::size_t>(i)] + m.expected(i) ? 0 : 1;
  CHECK(wrong == 0);
  CHECK(m.is_untouched_between());
}

}  // namespace

TEST_CASE_TEMPLATE("products with a vector are the sums they stand for, however the operands lie", T, float, double) {
  for (const std::int64_t count : {1, 2, 7, 8, 31, 257, 1500})
    for (const std::int64_t k : {1, 3, 8, 17, 64, 1030})
      for (const bool column : {false, true})
        for (const bool flat_rows : {false, true})
          for (const std::int64_t gap : {0, 3}) check<T>({count, k, column, flat_rows, gap});
}

TEST_CASE("a number that is not finite stays in the results it belongs to") {
  const float infinity = std::numeric_limits<float>::infinity();
  Memory<float> m({.count = 40, .k = 100, .column = true, .flat_rows = true, .gap = 0});
  m.matrix[static_cast<std::size_t>(17 * m.row + 33)] = infinity;
  m.x[33] = 0;
  gemv(m.product(), false);
  for (std::int64_t i = 0; i < 40; ++i) CHECK((m.result(i) == m.result(i)) == (i != 17));
}
