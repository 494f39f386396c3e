// Factorizations: the only door to LAPACK, and to the BLAS's triangular solve. float and double.
//
// Matrices lie column by column without gaps, as LAPACK wants them, and are overwritten. Numbers of rows and columns
// fit an int and are not 0. Callers hold a BlasCalls. A result of 0 means success.
#pragma once
#include <cstdint>

namespace xgrad::detail::lapack {

// P A = L U. The pivots are counted from 1. The result is the number, from 1, of the first pivot that is 0.
template <class T>
int getrf(std::int64_t n, T* a, std::int32_t* pivots) noexcept;
// b [n, columns] = op(A)^-1 b by the factors of getrf.
template <class T>
void getrs(bool transpose, std::int64_t n, std::int64_t columns, const T* lu, const std::int32_t* pivots,
           T* b) noexcept;
// A = L L^T in the lower triangle, or U^T U in the upper one; the other one keeps what it had. The result is the order,
// from 1, of the first leading minor that is not positive.
template <class T>
int potrf(bool upper, std::int64_t n, T* a) noexcept;

// How many elements of work memory a routine wants.
struct Work {
  std::int64_t reals = 1, integers = 1;
};

// Eigenvalues of a symmetric matrix, given by one triangle, ascending; with vectors also the eigenvectors, in the
// columns of a. The result is not 0 where it did not converge.
template <class T>
Work syevd_work(bool vectors, std::int64_t n) noexcept;
template <class T>
int syevd(bool vectors, bool upper, std::int64_t n, T* a, T* w, T* work, std::int32_t* integers,
          const Work& size) noexcept;

// A [m, n] = Q R: R in the upper triangle, Q in reflectors below it and in `scales` [min(m, n)].
template <class T>
Work geqrf_work(std::int64_t m, std::int64_t n) noexcept;
template <class T>
void geqrf(std::int64_t m, std::int64_t n, T* a, T* scales, T* work, const Work& size) noexcept;
// The first `columns` columns of Q from the first `reflectors` columns of a.
template <class T>
Work orgqr_work(std::int64_t m, std::int64_t columns, std::int64_t reflectors) noexcept;
template <class T>
void orgqr(std::int64_t m, std::int64_t columns, std::int64_t reflectors, T* a, const T* scales, T* work,
           const Work& size) noexcept;

// A [m, n] = U diag(s) V^T, s descending. What is made of U and V^T: nothing, their first min(m, n) columns and rows,
// or all. The result is not 0 where it did not converge.
enum class Vectors : char { none = 'N', thin = 'S', all = 'A' };
template <class T>
Work gesdd_work(Vectors vectors, std::int64_t m, std::int64_t n) noexcept;
template <class T>
int gesdd(Vectors vectors, std::int64_t m, std::int64_t n, T* a, T* s, T* u, T* vt, T* work, std::int32_t* integers,
          const Work& size) noexcept;

// A triangle [n, n] whose rows (or columns, where row is 1) are adjacent in memory.
template <class T>
struct Triangle {
  const T* a;
  std::int64_t row, col;
  bool upper, unit;
};
// b [m, n], row by row, = op(A)^-1 b or b op(A)^-1.
template <class T>
void trsm(const Triangle<T>& triangle, bool left, bool transpose, std::int64_t m, std::int64_t n, T* b) noexcept;

}  // namespace xgrad::detail::lapack
