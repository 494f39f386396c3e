// The memory behind tensors: kept after use for the next tensor of a like size, up to a bound.
#pragma once
#include <cstdint>

namespace xgrad {

// Figures of the caching allocator, in bytes. Tensors of up to a few hundred bytes live in a pool of their own.
struct MemoryStats {
  std::int64_t allocated = 0;  // in use by tensors
  std::int64_t peak = 0;       // the most that was ever in use at once since the start or reset_peak_memory_stats()
  std::int64_t cached = 0;     // kept for reuse
  std::int64_t limit = 0;      // bound on `cached`
  std::int64_t pool = 0;       // taken from the system for small blocks: nodes, tensor headers, small data
  std::int64_t requests = 0;   // blocks asked for
  std::int64_t reused = 0;     // of these, served from the cache
};
// The figures now, over all threads.
MemoryStats memory_stats();
// Sets `peak` to what is in use now.
void reset_peak_memory_stats();
// Bounds what is kept for reuse; what lies above goes back to the system at once. By default a quarter of the machine's
// memory. ValueError when negative.
void set_memory_cache_limit(std::int64_t bytes);
// Gives everything that is kept for reuse back to the system.
void empty_cache();

}  // namespace xgrad
