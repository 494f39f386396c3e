#include <xgrad/threads.hpp>

#include <atomic>

#include "core/check.hpp"
#include "kernels/blas.hpp"
#include "kernels/parallel.hpp"

namespace xgrad {
namespace {
std::atomic<int> chosen{0};
std::atomic<bool> deterministic{false};
#ifdef _OPENMP
constinit thread_local bool alone = false;
#endif
}  // namespace

void set_num_threads(int threads, Here here) {
  detail::check<ValueError>(threads >= 1, here, "set_num_threads: expected a positive number, got {}", threads);
  chosen.store(threads, std::memory_order_relaxed);
}

int get_num_threads() noexcept {
#ifdef _OPENMP
  const int threads = chosen.load(std::memory_order_relaxed);
  return threads > 0 ? threads : omp_get_max_threads();
#else
  return 1;
#endif
}

void manage_blas_threads(bool manage) noexcept { detail::set_blas_managed(manage); }

void use_deterministic_algorithms(bool mode) noexcept { deterministic.store(mode, std::memory_order_relaxed); }
bool are_deterministic_algorithms_enabled() noexcept { return deterministic.load(std::memory_order_relaxed); }

int detail::available_threads() noexcept {
#ifdef _OPENMP
  return alone || omp_in_parallel() ? 1 : get_num_threads();
#else
  return 1;
#endif
}

void detail::stay_on_this_thread() noexcept {
#ifdef _OPENMP
  alone = true;
  omp_set_num_threads(1);
#endif
}

int detail::thread_index() noexcept {
#ifdef _OPENMP
  return omp_get_thread_num();
#else
  return 0;
#endif
}

}  // namespace xgrad
