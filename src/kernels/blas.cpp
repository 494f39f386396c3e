#include "kernels/blas.hpp"

#include <xgrad/threads.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cblas.h>
#include <limits>
#include <mutex>
#include <string_view>
#include <type_traits>

#include "kernels/gemm_bfloat16.hpp"
#include "kernels/gemm_few.hpp"
#include "kernels/gemm_onednn.hpp"
#include "kernels/gemv.hpp"
#include "kernels/parallel.hpp"

namespace xgrad::detail {
namespace {

// ---- the threads of the BLAS itself

enum class Flavour { serial, own_threads, openmp };
Flavour flavour() noexcept {
#ifdef XGRAD_HAVE_OPENBLAS
  static const Flavour found = static_cast<Flavour>(openblas_get_parallel());
  return found;
#else
  return Flavour::serial;
#endif
}

std::mutex blas_mutex;
std::atomic<bool> blas_managed{true};
std::atomic<bool> blas_ready{false};
[[maybe_unused]] int blas_threads_before = 0;

void prepare_blas() noexcept {
  if (blas_ready.load(std::memory_order_acquire)) return;
  const std::lock_guard lock(blas_mutex);
  if (blas_ready.load(std::memory_order_relaxed)) return;
#ifdef XGRAD_HAVE_OPENBLAS
  if (blas_managed && flavour() == Flavour::own_threads) {
    blas_threads_before = openblas_get_num_threads();
    openblas_set_num_threads(1);
  }
#endif
  blas_ready.store(true, std::memory_order_release);
}

// Whether the BLAS shares work among threads itself. Its results may then depend on their number.
bool blas_has_threads() noexcept {
  return !blas_managed.load(std::memory_order_relaxed) ||
         (flavour() == Flavour::openmp && !are_deterministic_algorithms_enabled());
}

// The OpenMP flavour asks OpenMP; other flavours were told before.
int blas_threads() noexcept {
#ifdef _OPENMP
  if (!blas_managed.load(std::memory_order_relaxed) || flavour() != Flavour::openmp) return omp_get_max_threads();
#endif
  return blas_has_threads() ? available_threads() : 1;
}

// Without a name for this processor, OpenBLAS takes kernels that every x86-64 one can run, several times slower.
bool find_generic() noexcept {
#if defined(XGRAD_HAVE_OPENBLAS) && defined(__x86_64__)
  return std::string_view(openblas_get_corename()) == "Prescott" && __builtin_cpu_supports("avx2");
#else
  return false;
#endif
}

// ---- how an operand goes to the BLAS

struct Layout {
  CBLAS_TRANSPOSE transpose;
  std::int64_t ld;
};
bool rows_lie_flat(std::int64_t rows, std::int64_t cols, std::int64_t row, std::int64_t col) noexcept {
  return (cols <= 1 || col == 1) && (rows <= 1 || row >= std::max<std::int64_t>(1, cols));
}
Layout layout(std::int64_t rows, std::int64_t cols, std::int64_t row, std::int64_t col) noexcept {
  if (rows_lie_flat(rows, cols, row, col)) return {CblasNoTrans, rows <= 1 ? std::max<std::int64_t>(1, cols) : row};
  return {CblasTrans, cols <= 1 ? std::max<std::int64_t>(1, rows) : col};
}

int narrow(std::int64_t value) noexcept { return static_cast<int>(value); }
bool fits(std::int64_t value) noexcept { return value <= std::numeric_limits<int>::max(); }

void call_gemm(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, int m, int n, int k, const float* a, int lda, const float* b,
               int ldb, float beta, float* c, int ldc) noexcept {
  cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, 1, a, lda, b, ldb, beta, c, ldc);
}
void call_gemm(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, int m, int n, int k, const double* a, int lda, const double* b,
               int ldb, double beta, double* c, int ldc) noexcept {
  cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, 1, a, lda, b, ldb, beta, c, ldc);
}

// ---- one block on one thread

// C as it is before the product is added.
template <class T>
void fill(const Product<T>& p) noexcept {
  if (p.accumulate) return;
  for (std::int64_t i = 0; i < p.m; ++i) {
    T* row = p.c + i * p.c_row;
    if (!p.bias) {
      std::fill(row, row + p.n, T(0));
    } else if (p.bias_col == 0) {
      std::fill(row, row + p.n, p.bias[i * p.bias_row]);
    } else {
      const T* bias = p.bias + i * p.bias_row;
      for (std::int64_t j = 0; j < p.n; ++j) row[j] = bias[j * p.bias_col];
    }
  }
}

template <class T>
void plain(const Product<T>& p) noexcept {
  fill(p);
  for (std::int64_t i = 0; i < p.m; ++i) {
    T* row = p.c + i * p.c_row;
    for (std::int64_t l = 0; l < p.k; ++l) {
      const T factor = p.a[i * p.a_row + l * p.a_col];
      const T* b = p.b + l * p.b_row;
      for (std::int64_t j = 0; j < p.n; ++j) row[j] += factor * b[j * p.b_col];
    }
  }
}

constexpr std::int64_t tiny_work = 4096;
constexpr std::int64_t tiny_panel = 1024;

// B goes into a panel of whole vectors on the stack first, whatever its strides.
template <class T>
void tiny(const Product<T>& p) noexcept {
  constexpr std::int64_t width = 64 / sizeof(T);
  alignas(64) std::array<T, tiny_panel> panel;
  const std::int64_t padded = (p.n + width - 1) / width * width;
  for (std::int64_t l = 0; l < p.k; ++l) {
    T* row = panel.data() + l * padded;
    for (std::int64_t j = 0; j < p.n; ++j) row[j] = p.b[l * p.b_row + j * p.b_col];
    for (std::int64_t j = p.n; j < padded; ++j) row[j] = T(0);
  }
  for (std::int64_t i = 0; i < p.m; ++i) {
    const T* a = p.a + i * p.a_row;
    for (std::int64_t begin = 0; begin < p.n; begin += width) {
      alignas(64) T sum[width] = {};
      for (std::int64_t l = 0; l < p.k; ++l) {
        const T factor = a[l * p.a_col];
        const T* b = panel.data() + l * padded + begin;
        for (std::int64_t j = 0; j < width; ++j) sum[j] += factor * b[j];
      }
      T* c = p.c + i * p.c_row + begin;
      const std::int64_t count = std::min(width, p.n - begin);
      if (p.accumulate) {
        for (std::int64_t j = 0; j < count; ++j) c[j] += sum[j];
      } else if (p.bias) {
        const T* bias = p.bias + i * p.bias_row + begin * p.bias_col;
        for (std::int64_t j = 0; j < count; ++j) c[j] = bias[j * p.bias_col] + sum[j];
      } else {
        std::copy(sum, sum + count, c);
      }
    }
  }
}

// A BLAS that is not ours to manage gets all products of two matrices.
template <class T>
bool takes_few_rows(const Product<T>& p) noexcept {
  return blas_managed.load(std::memory_order_relaxed) && few_rows_pay(p);
}
template <class T>
bool onednn_takes(const Product<T>& p, const Layout& b) noexcept {
  return std::is_same_v<T, float> && blas_managed.load(std::memory_order_relaxed) &&
         (is_blas_generic() ? onednn::has_gemm() : onednn::gemm_pays(b.transpose == CblasTrans, p.m, p.n, p.k));
}

template <class T>
bool bfloat16_takes(const Product<T>& p) noexcept {
  return std::is_same_v<T, float> && blas_managed.load(std::memory_order_relaxed) &&
         onednn::bfloat16_pays(p.m, p.n, p.k);
}

template <class T>
void block(const Product<T>& p, bool bfloat16) noexcept {
  if (p.m == 0 || p.n == 0) return;
  if (p.k == 0) return fill(p);
  if constexpr (std::is_same_v<T, float>) {
    if (bfloat16) {
      if (p.bias) fill(p);
      if (onednn::gemm_bfloat16(p, p.accumulate || p.bias)) return;
    }
  }
  if (p.m == 1 || p.n == 1) {
    if (p.bias) fill(p);
    return gemv(p, p.accumulate || p.bias);
  }
  if (takes_few_rows(p)) {
    if (p.bias) fill(p);
    return gemm_few(p, p.accumulate || p.bias);
  }
  const Layout a = layout(p.m, p.k, p.a_row, p.a_col), b = layout(p.k, p.n, p.b_row, p.b_col);
  const std::int64_t ldc = p.m == 1 ? p.n : p.c_row;
  if (!fits(p.m) || !fits(p.n) || !fits(p.k) || !fits(a.ld) || !fits(b.ld) || !fits(ldc)) return plain(p);
  if constexpr (std::is_same_v<T, float>) {
    if (onednn_takes(p, b)) {
      if (p.bias) fill(p);
      return onednn::gemm(a.transpose == CblasTrans, b.transpose == CblasTrans, p.m, p.n, p.k, p.a, a.ld, p.b, b.ld,
                          p.accumulate || p.bias ? 1.0F : 0.0F, p.c, ldc);
    }
  }
  const BlasCalls calls;
  if (p.bias) fill(p);
  call_gemm(a.transpose, b.transpose, narrow(p.m), narrow(p.n), narrow(p.k), p.a, narrow(a.ld), p.b, narrow(b.ld),
            p.accumulate || p.bias ? T(1) : T(0), p.c, narrow(ldc));
}

// ---- blocks for threads

// Into how many blocks a product of this much work is cut: few, because each packs its operands anew.
std::int64_t wanted_blocks(std::int64_t work, bool vector) noexcept {
  if (vector) return std::clamp<std::int64_t>(work >> 17, 1, 16);
  constexpr std::int64_t million = std::int64_t{1} << 20;
  if (work < million / 2) return 1;
  if (work < 16 * million) return 2;
  if (work < 128 * million) return 4;
  if (work < 512 * million) return 8;
  return std::clamp<std::int64_t>(work / (64 * million), 16, 256);
}

struct Cut {
  std::int64_t rows = 1, cols = 1;
};
Cut cut(std::int64_t m, std::int64_t n, std::int64_t k) noexcept {
  constexpr std::int64_t least = 64;
  const std::int64_t wanted = wanted_blocks(m * n * k, m == 1 || n == 1);
  Cut result;
  while (result.rows * result.cols < wanted) {
    const std::int64_t height = m / result.rows, width = n / result.cols;
    if (std::max(height, width) < 2 * least) break;
    (width >= height ? result.cols : result.rows) *= 2;
  }
  return result;
}

// Where piece `index` of `pieces` begins, on a multiple of 16 so that no kernel of the BLAS has an edge inside.
std::int64_t piece(std::int64_t size, std::int64_t pieces, std::int64_t index) noexcept {
  if (index == pieces) return size;
  return size * index / pieces / 16 * 16;
}

}  // namespace

BlasCalls::BlasCalls() noexcept : threads_((prepare_blas(), blas_threads())) {}

bool is_blas_generic() noexcept {
  static const bool generic = find_generic();
  return generic;
}

bool is_blas_matrix(std::int64_t rows, std::int64_t cols, std::int64_t row, std::int64_t col) noexcept {
  return rows_lie_flat(rows, cols, row, col) || rows_lie_flat(cols, rows, col, row);
}

template <class T>
void gemm(const Product<T>& p) noexcept {
  const std::int64_t work = p.m * p.n * p.k;
  constexpr std::int64_t width = 64 / sizeof(T);
  const bool is_vector = p.m == 1 || p.n == 1;
  if (work <= (is_vector ? tiny_work / width : tiny_work) && p.k * ((p.n + width - 1) / width * width) <= tiny_panel)
    return tiny(p);
  const bool bfloat16 = bfloat16_takes(p);
  if (blas_has_threads() && !bfloat16 && !is_vector && !takes_few_rows(p) &&
      !onednn_takes(p, layout(p.k, p.n, p.b_row, p.b_col)))
    return block(p, false);
  const Cut by = cut(p.m, p.n, p.k);
  parallel_for(by.rows * by.cols, 1, work, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t index = begin; index < end; ++index) {
      const std::int64_t r = index / by.cols, q = index % by.cols;
      const std::int64_t top = piece(p.m, by.rows, r), left = piece(p.n, by.cols, q);
      Product<T> part = p;
      part.m = piece(p.m, by.rows, r + 1) - top;
      part.n = piece(p.n, by.cols, q + 1) - left;
      part.a += top * p.a_row;
      part.b += left * p.b_col;
      part.c += top * p.c_row + left;
      if (p.bias) part.bias += top * p.bias_row + left * p.bias_col;
      block(part, bfloat16);
    }
  });
}
template <>
void gemm<std::int64_t>(const Product<std::int64_t>& p) noexcept {
  parallel_for(p.m, std::max<std::int64_t>(1, 65536 / std::max<std::int64_t>(1, p.n * p.k)), p.m * p.n * p.k,
               [&](std::int64_t begin, std::int64_t end) {
                 Product<std::int64_t> part = p;
                 part.m = end - begin;
                 part.a += begin * p.a_row;
                 part.c += begin * p.c_row;
                 if (p.bias) part.bias += begin * p.bias_row;
                 plain(part);
               });
}
template void gemm<float>(const Product<float>&) noexcept;
template void gemm<double>(const Product<double>&) noexcept;

template <class T>
T dot(std::int64_t count, const T* a, std::int64_t a_step, const T* b, std::int64_t b_step) noexcept {
  constexpr std::int64_t lanes = 16;
  T sum[lanes] = {};
  std::int64_t i = 0;
  if (a_step == 1 && b_step == 1) {
    for (; i + lanes <= count; i += lanes)
      for (std::int64_t j = 0; j < lanes; ++j) sum[j] += a[i + j] * b[i + j];
  } else {
    for (; i + lanes <= count; i += lanes)
      for (std::int64_t j = 0; j < lanes; ++j) sum[j] += a[(i + j) * a_step] * b[(i + j) * b_step];
  }
  for (std::int64_t j = 0; i < count; ++i, ++j) sum[j] += a[i * a_step] * b[i * b_step];
  for (std::int64_t half = lanes / 2; half > 0; half /= 2)
    for (std::int64_t j = 0; j < half; ++j) sum[j] += sum[j + half];
  return sum[0];
}
template float dot(std::int64_t, const float*, std::int64_t, const float*, std::int64_t) noexcept;
template double dot(std::int64_t, const double*, std::int64_t, const double*, std::int64_t) noexcept;
template std::int64_t dot(std::int64_t, const std::int64_t*, std::int64_t, const std::int64_t*, std::int64_t) noexcept;

template <class T>
void sum_rows(std::int64_t rows, std::int64_t cols, const T* x, std::int64_t row, T* out, bool accumulate) noexcept {
  constexpr std::int64_t width = 128, height = 64;
  parallel_for(cols, width, rows * cols, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t count = end - begin;
    std::array<T, width> total{};
    for (std::int64_t top = 0; top < rows; top += height) {
      std::array<T, width> sum{};
      for (std::int64_t i = top; i < std::min(rows, top + height); ++i) {
        const T* from = x + i * row + begin;
        for (std::int64_t j = 0; j < count; ++j) sum[j] += from[j];
      }
      for (std::int64_t j = 0; j < count; ++j) total[j] += sum[j];
    }
    for (std::int64_t j = 0; j < count; ++j) out[begin + j] = accumulate ? out[begin + j] + total[j] : total[j];
  });
}
template void sum_rows(std::int64_t, std::int64_t, const float*, std::int64_t, float*, bool) noexcept;
template void sum_rows(std::int64_t, std::int64_t, const double*, std::int64_t, double*, bool) noexcept;

void set_blas_managed(bool managed) noexcept {
  const std::lock_guard lock(blas_mutex);
  blas_managed.store(managed);
#ifdef XGRAD_HAVE_OPENBLAS
  if (!managed && blas_threads_before > 0) {
    openblas_set_num_threads(blas_threads_before);
    blas_threads_before = 0;
  }
#endif
  blas_ready.store(!managed, std::memory_order_release);
}

}  // namespace xgrad::detail
