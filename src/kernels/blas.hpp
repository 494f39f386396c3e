// Matrix products: the only door to the BLAS (with lapack.hpp), and to oneDNN's products.
#pragma once
#include <cstdint>

#include "kernels/parallel.hpp"

namespace xgrad::detail {

// C[m, n] = A[m, k] B[k, n], to which bias[i * bias_row + j * bias_col] is added where there is a bias; with accumulate
// the product is added to C. Each operand has strides in elements and must satisfy is_blas_matrix; the columns of C are
// adjacent. Memory of C that is not accumulated into is never read.
template <class T>
struct Product {
  std::int64_t m, n, k;
  const T* a;
  std::int64_t a_row, a_col;
  const T* b;
  std::int64_t b_row, b_col;
  T* c;
  std::int64_t c_row;
  bool accumulate = false;
  const T* bias = nullptr;
  std::int64_t bias_row = 0, bias_col = 0;
};

// Whether one of the two dimensions is adjacent in memory and the other does not overlap it.
bool is_blas_matrix(std::int64_t rows, std::int64_t cols, std::int64_t row, std::int64_t col) noexcept;

// float, double and int64_t. Uses threads for large products, cut into blocks that depend on m, n and k only.
template <class T>
void gemm(const Product<T>& product) noexcept;

// sum of a[i * a_step] * b[i * b_step]
template <class T>
T dot(std::int64_t count, const T* a, std::int64_t a_step, const T* b, std::int64_t b_step) noexcept;

// out[j] = sum of x[i * row + j] over i, or added to out.
template <class T>
void sum_rows(std::int64_t rows, std::int64_t cols, const T* x, std::int64_t row, T* out, bool accumulate) noexcept;

// While it lives, this thread may call the BLAS and LAPACK, which use as many threads as the library lets them.
class BlasCalls {
 public:
  BlasCalls() noexcept;

 private:
  ThreadsOfOthers threads_;
};

// Whether the BLAS does not know this processor and therefore uses a fraction of what it has.
bool is_blas_generic() noexcept;

// manage_blas_threads() of xgrad/threads.hpp.
void set_blas_managed(bool managed) noexcept;

}  // namespace xgrad::detail
