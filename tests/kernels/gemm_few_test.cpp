#include "kernels/gemm_few.hpp"

#include <cstdint>
#include <doctest/doctest.h>
#include <vector>

#include "kernels/blas.hpp"

using xgrad::detail::few_rows_pay;
using xgrad::detail::gemm;
using xgrad::detail::gemm_few;
using xgrad::detail::most_few_rows;
using xgrad::detail::Product;

namespace {

// Whole numbers small enough that their products add up exactly in any order.
template <class T>
std::vector<T> whole(std::int64_t count, std::int64_t modulus) {
  std::vector<T> values(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i)
    values[static_cast<std::size_t>(i)] = static_cast<T>(i * 7 % modulus - modulus / 2);
  return values;
}

struct Sizes {
  std::int64_t m, n, k;
};

// C = A B^T with rows of A and of B that are longer than k, and a row of C longer than n.
template <class T>
struct Case {
  Sizes s;
  std::int64_t lda, ldb, ldc;
  std::vector<T> a, b, bias, c;
  explicit Case(const Sizes& sizes)
      : s(sizes),
        lda(s.k + 3),
        ldb(s.k + 1),
        ldc(s.n + 2),
        a(whole<T>(s.m * lda, 11)),
        b(whole<T>(s.n * ldb, 13)),
        bias(whole<T>(s.n, 5)),
        c(whole<T>(s.m * ldc, 17)) {}
  Product<T> product() {
    return {.m = s.m,
            .n = s.n,
            .k = s.k,
            .a = a.data(),
            .a_row = lda,
            .a_col = 1,
            .b = b.data(),
            .b_row = 1,
            .b_col = ldb,
            .c = c.data(),
            .c_row = ldc};
  }
  // The numbers of C after the product, with what lies between its rows left alone.
  std::vector<T> expected(bool accumulate, bool with_bias) const {
    std::vector<T> result = c;
    for (std::int64_t i = 0; i < s.m; ++i)
      for (std::int64_t j = 0; j < s.n; ++j) {
        T& to = result[static_cast<std::size_t>(i * ldc + j)];
        T sum = accumulate ? to : with_bias ? bias[static_cast<std::size_t>(j)] : T(0);
        for (std::int64_t l = 0; l < s.k; ++l)
          sum += a[static_cast<std::size_t>(i * lda + l)] * b[static_cast<std::size_t>(j * ldb + l)];
        to = sum;
      }
    return result;
  }
};

template <class T>
void check(const Sizes& s) {
  CAPTURE(s.m);
  CAPTURE(s.n);
  CAPTURE(s.k);
  for (const bool accumulate : {false, true}) {
    Case<T> one(s);
    const auto wanted = one.expected(accumulate, false);
    gemm_few(one.product(), accumulate);
    CHECK(one.c == wanted);
  }
  // A lies by columns.
  Case<T> columns(s);
  const auto same = columns.expected(false, false);
  std::vector<T> across(columns.a.size());
  for (std::int64_t i = 0; i < s.m; ++i)
    for (std::int64_t l = 0; l < s.k; ++l)
      across[static_cast<std::size_t>(l * s.m + i)] = columns.a[static_cast<std::size_t>(i * columns.lda + l)];
  Product<T> turned = columns.product();
  turned.a = across.data();
  turned.a_row = 1;
  turned.a_col = s.m;
  gemm_few(turned, false);
  CHECK(columns.c == same);
  // By the door that everybody uses, with a bias.
  Case<T> whole_product(s);
  const auto wanted = whole_product.expected(false, true);
  Product<T> p = whole_product.product();
  p.bias = whole_product.bias.data();
  p.bias_col = 1;
  gemm(p);
  CHECK(whole_product.c == wanted);
}

}  // namespace

TEST_CASE("products of few rows with rows, exactly") {
  for (std::int64_t m : {1, 3, 8, 12, 13, 16})
    for (std::int64_t n : {1, 5, 6, 64, 131})
      for (std::int64_t k : {1, 17, 64, 255, 256, 257, 600}) {
        if (m <= most_few_rows<float>()) check<float>({m, n, k});
        if (m <= most_few_rows<double>()) check<double>({m, n, k});
      }
}

TEST_CASE("every number of vectors") {
  for (std::int64_t m = 1; m <= most_few_rows<float>(); ++m) check<float>({m, 70, 130});
  for (std::int64_t m = 1; m <= most_few_rows<double>(); ++m) check<double>({m, 70, 130});
}

TEST_CASE("it takes batches of whole vectors, not much else") {
  const auto pays = [](const Sizes& s) {
    Case<float> one(s);
    return few_rows_pay(one.product());
  };
  CHECK(pays({16, 256, 1024}));
  CHECK_FALSE(pays({1, 256, 1024}));
  CHECK_FALSE(pays({128, 256, 1024}));
  CHECK_FALSE(pays({16, 10, 1024}));
  Case<float> straight({16, 256, 1024});
  Product<float> p = straight.product();
  p.b_row = p.n;
  p.b_col = 1;
  CHECK_FALSE(few_rows_pay(p));
}
