#include "kernels/lapack.hpp"

#include <algorithm>
#include <cblas.h>
#include <cmath>
#include <cstddef>
#include <type_traits>

// LAPACK by its Fortran names, since not every build of it brings a C header. Lengths of strings follow the arguments,
// as compilers pass them.
extern "C" {
void sgetrf_(const int* m, const int* n, float* a, const int* lda, int* ipiv, int* info);
void dgetrf_(const int* m, const int* n, double* a, const int* lda, int* ipiv, int* info);
void sgetrs_(const char* trans, const int* n, const int* nrhs, const float* a, const int* lda, const int* ipiv,
             float* b, const int* ldb, int* info, std::size_t);
void dgetrs_(const char* trans, const int* n, const int* nrhs, const double* a, const int* lda, const int* ipiv,
             double* b, const int* ldb, int* info, std::size_t);
void spotrf_(const char* uplo, const int* n, float* a, const int* lda, int* info, std::size_t);
void dpotrf_(const char* uplo, const int* n, double* a, const int* lda, int* info, std::size_t);
void ssyevd_(const char* jobz, const char* uplo, const int* n, float* a, const int* lda, float* w, float* work,
             const int* lwork, int* iwork, const int* liwork, int* info, std::size_t, std::size_t);
void dsyevd_(const char* jobz, const char* uplo, const int* n, double* a, const int* lda, double* w, double* work,
             const int* lwork, int* iwork, const int* liwork, int* info, std::size_t, std::size_t);
void sgeqrf_(const int* m, const int* n, float* a, const int* lda, float* tau, float* work, const int* lwork,
             int* info);
void dgeqrf_(const int* m, const int* n, double* a, const int* lda, double* tau, double* work, const int* lwork,
             int* info);
void sorgqr_(const int* m, const int* n, const int* k, float* a, const int* lda, const float* tau, float* work,
             const int* lwork, int* info);
void dorgqr_(const int* m, const int* n, const int* k, double* a, const int* lda, const double* tau, double* work,
             const int* lwork, int* info);
void sgesdd_(const char* jobz, const int* m, const int* n, float* a, const int* lda, float* s, float* u, const int* ldu,
             float* vt, const int* ldvt, float* work, const int* lwork, int* iwork, int* info, std::size_t);
void dgesdd_(const char* jobz, const int* m, const int* n, double* a, const int* lda, double* s, double* u,
             const int* ldu, double* vt, const int* ldvt, double* work, const int* lwork, int* iwork, int* info,
             std::size_t);
}

namespace xgrad::detail::lapack {
namespace {

// The routine of an element type.
template <class T, class Single, class Double>
constexpr auto pick(Single single, Double twice) noexcept {
  if constexpr (std::is_same_v<T, float>)
    return single;
  else
    return twice;
}

int narrow(std::int64_t value) noexcept { return static_cast<int>(value); }

// A size that LAPACK wrote into a real, which a float may have rounded down.
template <class T>
std::int64_t size_from(T real) noexcept {
  return static_cast<std::int64_t>(std::ceil(std::nextafter(real, real * 2))) + 1;
}

constexpr int query = -1;

}  // namespace

template <class T>
int getrf(std::int64_t n, T* a, std::int32_t* pivots) noexcept {
  const int size = narrow(n);
  int info = 0;
  pick<T>(sgetrf_, dgetrf_)(&size, &size, a, &size, pivots, &info);
  return info;
}

template <class T>
void getrs(bool transpose, std::int64_t n, std::int64_t columns, const T* lu, const std::int32_t* pivots,
           T* b) noexcept {
  const int size = narrow(n), count = narrow(columns);
  int info = 0;
  pick<T>(sgetrs_, dgetrs_)(transpose ? "T" : "N", &size, &count, lu, &size, pivots, b, &size, &info, 1);
}

template <class T>
int potrf(bool upper, std::int64_t n, T* a) noexcept {
  const int size = narrow(n);
  int info = 0;
  pick<T>(spotrf_, dpotrf_)(upper ? "U" : "L", &size, a, &size, &info, 1);
  return info;
}

template <class T>
Work syevd_work(bool vectors, std::int64_t n) noexcept {
  const int size = narrow(n);
  T reals = 1;
  int integers = 1, info = 0;
  pick<T>(ssyevd_, dsyevd_)(vectors ? "V" : "N", "L", &size, nullptr, &size, nullptr, &reals, &query, &integers, &query,
                            &info, 1, 1);
  return {size_from(reals), std::max(integers, 1)};
}
template <class T>
int syevd(bool vectors, bool upper, std::int64_t n, T* a, T* w, T* work, std::int32_t* integers,
          const Work& size) noexcept {
  const int order = narrow(n), reals = narrow(size.reals), count = narrow(size.integers);
  int info = 0;
  pick<T>(ssyevd_, dsyevd_)(vectors ? "V" : "N", upper ? "U" : "L", &order, a, &order, w, work, &reals, integers,
                            &count, &info, 1, 1);
  return info;
}

template <class T>
Work geqrf_work(std::int64_t m, std::int64_t n) noexcept {
  const int rows = narrow(m), cols = narrow(n);
  T reals = 1;
  int info = 0;
  pick<T>(sgeqrf_, dgeqrf_)(&rows, &cols, nullptr, &rows, nullptr, &reals, &query, &info);
  return {size_from(reals)};
}
template <class T>
void geqrf(std::int64_t m, std::int64_t n, T* a, T* scales, T* work, const Work& size) noexcept {
  const int rows = narrow(m), cols = narrow(n), reals = narrow(size.reals);
  int info = 0;
  pick<T>(sgeqrf_, dgeqrf_)(&rows, &cols, a, &rows, scales, work, &reals, &info);
}

template <class T>
Work orgqr_work(std::int64_t m, std::int64_t columns, std::int64_t reflectors) noexcept {
  const int rows = narrow(m), cols = narrow(columns), count = narrow(reflectors);
  T reals = 1;
  int info = 0;
  pick<T>(sorgqr_, dorgqr_)(&rows, &cols, &count, nullptr, &rows, nullptr, &reals, &query, &info);
  return {size_from(reals)};
}
template <class T>
void orgqr(std::int64_t m, std::int64_t columns, std::int64_t reflectors, T* a, const T* scales, T* work,
           const Work& size) noexcept {
  const int rows = narrow(m), cols = narrow(columns), count = narrow(reflectors), reals = narrow(size.reals);
  int info = 0;
  pick<T>(sorgqr_, dorgqr_)(&rows, &cols, &count, a, &rows, scales, work, &reals, &info);
}

template <class T>
Work gesdd_work(Vectors vectors, std::int64_t m, std::int64_t n) noexcept {
  const char job = static_cast<char>(vectors);
  const int rows = narrow(m), cols = narrow(n), least = std::min(rows, cols);
  const int vt_rows = vectors == Vectors::all ? cols : least;
  T reals = 1;
  int integers = 1, info = 0;
  pick<T>(sgesdd_, dgesdd_)(&job, &rows, &cols, nullptr, &rows, nullptr, nullptr, &rows, nullptr, &vt_rows, &reals,
                            &query, &integers, &info, 1);
  return {size_from(reals), std::int64_t{8} * least};
}
template <class T>
int gesdd(Vectors vectors, std::int64_t m, std::int64_t n, T* a, T* s, T* u, T* vt, T* work, std::int32_t* integers,
          const Work& size) noexcept {
  const char job = static_cast<char>(vectors);
  const int rows = narrow(m), cols = narrow(n), reals = narrow(size.reals);
  const int vt_rows = vectors == Vectors::all ? cols : std::min(rows, cols);
  int info = 0;
  pick<T>(sgesdd_, dgesdd_)(&job, &rows, &cols, a, &rows, s, u, &rows, vt, &vt_rows, work, &reals, integers, &info, 1);
  return info;
}

template <class T>
void trsm(const Triangle<T>& triangle, bool left, bool transpose, std::int64_t m, std::int64_t n, T* b) noexcept {
  const std::int64_t order = left ? m : n;
  // One that lies column by column is the transpose of one that lies row by row.
  const bool by_columns = triangle.col != 1 && order > 1;
  const std::int64_t ld = order == 1 ? 1 : by_columns ? triangle.col : triangle.row;
  pick<T>(cblas_strsm, cblas_dtrsm)(
      CblasRowMajor, left ? CblasLeft : CblasRight, triangle.upper != by_columns ? CblasUpper : CblasLower,
      transpose != by_columns ? CblasTrans : CblasNoTrans, triangle.unit ? CblasUnit : CblasNonUnit, narrow(m),
      narrow(n), 1, triangle.a, narrow(ld), b, narrow(n));
}

#define XGRAD_LAPACK(T)                                                                                             \
  template int getrf(std::int64_t, T*, std::int32_t*) noexcept;                                                     \
  template void getrs(bool, std::int64_t, std::int64_t, const T*, const std::int32_t*, T*) noexcept;                \
  template int potrf(bool, std::int64_t, T*) noexcept;                                                              \
  template Work syevd_work<T>(bool, std::int64_t) noexcept;                                                         \
  template int syevd(bool, bool, std::int64_t, T*, T*, T*, std::int32_t*, const Work&) noexcept;                    \
  template Work geqrf_work<T>(std::int64_t, std::int64_t) noexcept;                                                 \
  template void geqrf(std::int64_t, std::int64_t, T*, T*, T*, const Work&) noexcept;                                \
  template Work orgqr_work<T>(std::int64_t, std::int64_t, std::int64_t) noexcept;                                   \
  template void orgqr(std::int64_t, std::int64_t, std::int64_t, T*, const T*, T*, const Work&) noexcept;            \
  template Work gesdd_work<T>(Vectors, std::int64_t, std::int64_t) noexcept;                                        \
  template int gesdd(Vectors, std::int64_t, std::int64_t, T*, T*, T*, T*, T*, std::int32_t*, const Work&) noexcept; \
  template void trsm(const Triangle<T>&, bool, bool, std::int64_t, std::int64_t, T*) noexcept;
XGRAD_LAPACK(float)
XGRAD_LAPACK(double)
#undef XGRAD_LAPACK

}  // namespace xgrad::detail::lapack
