// One way to use threads: contiguous ranges of a fixed grain, so that results do not depend on how many there are.
#pragma once
#include <algorithm>
#include <cstdint>
#ifdef _OPENMP
#include <omp.h>
#endif

namespace xgrad::detail {

// Threads that parallel_for may use here: 1 inside a parallel region, and after stay_on_this_thread().
int available_threads() noexcept;
// From now on this thread starts no others, neither for our kernels nor for other libraries' parallel regions.
void stay_on_this_thread() noexcept;
// This thread's number in the running parallel region, for a workspace per thread; 0 outside.
int thread_index() noexcept;

// While it lives, parallel regions that other libraries start on this thread have this many threads.
class ThreadsOfOthers {
 public:
#ifdef _OPENMP
  explicit ThreadsOfOthers(int threads) noexcept {
    if (threads == omp_get_max_threads()) return;
    before_ = omp_get_max_threads();
    omp_set_num_threads(threads);
  }
  ~ThreadsOfOthers() {
    if (before_ > 0) omp_set_num_threads(before_);
  }

 private:
  int before_ = 0;
#else
  explicit ThreadsOfOthers(int) noexcept {}
  ~ThreadsOfOthers() {}
#endif
};

// Work (elements times the cost of one in simple operations) below which threads do not pay.
inline constexpr std::int64_t parallel_threshold = 65536;

// Calls f(begin, end) for consecutive ranges of `grain` items that cover 0..count. The ranges are the same for any
// number of threads. `work` estimates the cost of all of it; little work stays on this thread. f must not throw.
template <class F>
void parallel_for(std::int64_t count, std::int64_t grain, std::int64_t work, F&& f) {
  if (count <= 0) return;
  grain = std::max<std::int64_t>(grain, 1);
  const std::int64_t ranges = (count + grain - 1) / grain;
#ifdef _OPENMP
  if (ranges > 1 && work >= parallel_threshold) {
    const int threads = static_cast<int>(std::min<std::int64_t>(available_threads(), ranges));
    if (threads > 1) {
#pragma omp parallel for schedule(static) num_threads(threads)
      for (std::int64_t r = 0; r < ranges; ++r) f(r * grain, std::min(count, (r + 1) * grain));
      return;
    }
  }
#endif
  (void)work;
  for (std::int64_t r = 0; r < ranges; ++r) f(r * grain, std::min(count, (r + 1) * grain));
}

}  // namespace xgrad::detail
