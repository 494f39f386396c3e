#include "core/allocator.hpp"

#include <xgrad/memory.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

#include "core/check.hpp"

namespace xgrad::detail {
namespace {

// Under AddressSanitizer every block is the system's own, so that a use after free is seen.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool direct = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool direct = true;
#else
constexpr bool direct = false;
#endif
#else
constexpr bool direct = false;
#endif

constexpr std::size_t line = 64;
constexpr std::size_t huge_page = std::size_t{2} << 20;

void* system_allocate(std::size_t alignment, std::size_t bytes) {
  return std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}
[[noreturn]] void out_of_memory(std::size_t bytes) {
  throw Error(fmt::format("allocate: expected {} bytes of free memory, the system has none left", bytes));
}

// ---- pool

using List = BlockList;
constexpr std::size_t classes = pool_classes, batch = pool_batch;
constexpr std::size_t chunk = 64 << 10;  // bytes taken from the system at once

struct SharedPool {
  std::mutex mutex;
  std::array<std::vector<List>, classes> batches;
  std::atomic<std::int64_t> bytes{0};
};
// Never destroyed: static tensors outlive every other object.
SharedPool& shared_pool() {
  static auto* pool = new SharedPool;
  return *pool;
}

constinit thread_local bool thread_ended = false;

// Gives a thread's blocks to the others when it ends.
struct ThreadPoolOwner {
  ~ThreadPoolOwner() {
    ThreadPool* pool = std::exchange(thread_pool, nullptr);
    thread_ended = true;
    if (!pool) return;
    SharedPool& shared = shared_pool();
    std::lock_guard lock(shared.mutex);
    for (std::size_t c = 0; c < classes; ++c)
      if (pool->lists[c].count() > 0) shared.batches[c].push_back(pool->lists[c]);
    delete pool;
  }
};

ThreadPool& own_pool() {
  if (!thread_pool) {
    thread_local ThreadPoolOwner owner;
    (void)owner;
    thread_pool = new ThreadPool;
  }
  return *thread_pool;
}

List take_batch(std::size_t c) {
  SharedPool& shared = shared_pool();
  {
    std::lock_guard lock(shared.mutex);
    auto& batches = shared.batches[c];
    if (!batches.empty()) {
      List list = batches.back();
      batches.pop_back();
      return list;
    }
  }
  const std::size_t size = (c + 1) * line;
  auto* memory = static_cast<std::byte*>(system_allocate(line, chunk));
  if (!memory) out_of_memory(chunk);
  shared.bytes.fetch_add(chunk, std::memory_order_relaxed);
  List list;
  for (std::size_t at = chunk / size; at-- > 0;) list.push(memory + at * size);
  return list;
}

void give_batch(List& list, std::size_t c) noexcept {
  List away;
  while (away.count() < batch) away.push(list.pop());
  SharedPool& shared = shared_pool();
  std::lock_guard lock(shared.mutex);
  shared.batches[c].push_back(away);
}

// ---- cache

// Eight sizes for every doubling, from 64 bytes on: at most an eighth is wasted.
std::size_t size_class(std::size_t bytes) noexcept {
  const std::size_t lines = (std::max<std::size_t>(bytes, 1) + line - 1) / line;
  if (lines <= 8) return lines - 1;
  const auto power = static_cast<std::size_t>(std::bit_width(lines - 1)) - 1;  // 2^power < lines <= 2^(power+1)
  const std::size_t step = std::size_t{1} << (power - 3);
  return 8 * (power - 2) + (lines - (std::size_t{1} << power) + step - 1) / step - 1;
}
std::size_t class_bytes(std::size_t c) noexcept {
  if (c < 8) return (c + 1) * line;
  const std::size_t power = c / 8 + 2;
  return ((std::size_t{1} << power) + (c % 8 + 1) * (std::size_t{1} << (power - 3))) * line;
}

struct Cache {
  std::mutex mutex;
  std::vector<std::vector<void*>> free{8 * 64};
  MemoryStats stats;
  Cache() { stats.limit = static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE) / 4; }

  // Largest blocks first, until at most `keep` bytes are cached.
  void shrink(std::int64_t keep) {
    for (std::size_t c = free.size(); c-- > 0 && stats.cached > keep;)
      while (!free[c].empty() && stats.cached > keep) {
        std::free(free[c].back());
        free[c].pop_back();
        stats.cached -= static_cast<std::int64_t>(class_bytes(c));
      }
  }
};
Cache& cache() {
  static auto* cache = new Cache;
  return *cache;
}

void* fresh_block(std::size_t bytes) {
  if (bytes < huge_page) return system_allocate(line, bytes);
  void* block = system_allocate(huge_page, bytes);
  if (block) madvise(block, bytes, MADV_HUGEPAGE);
  return block;
}

}  // namespace

constinit thread_local ThreadPool* thread_pool = nullptr;

void* pool_allocate_slowly(std::size_t c) {
  if (direct) {
    if (void* block = system_allocate(line, (c + 1) * line)) return block;
    out_of_memory((c + 1) * line);
  }
  if (thread_ended) [[unlikely]] {
    List list = take_batch(c);
    void* block = list.pop();
    if (list.count() > 0) {
      SharedPool& shared = shared_pool();
      std::lock_guard lock(shared.mutex);
      shared.batches[c].push_back(list);
    }
    return block;
  }
  List& list = own_pool().lists[c];
  if (list.count() == 0) list = take_batch(c);
  return list.pop();
}

void pool_free_slowly(void* block, std::size_t c) noexcept {
  if (direct) return std::free(block);
  if (thread_ended) [[unlikely]] {
    List list;
    list.push(block);
    SharedPool& shared = shared_pool();
    std::lock_guard lock(shared.mutex);
    shared.batches[c].push_back(list);
    return;
  }
  List& list = own_pool().lists[c];
  list.push(block);
  if (list.count() >= 16 * batch) give_batch(list, c);
}

void* cache_allocate(std::size_t bytes) {
  const std::size_t c = size_class(bytes);
  const std::size_t size = class_bytes(c);
  Cache& cache = detail::cache();
  {
    std::lock_guard lock(cache.mutex);
    MemoryStats& stats = cache.stats;
    ++stats.requests;
    stats.allocated += static_cast<std::int64_t>(size);
    stats.peak = std::max(stats.peak, stats.allocated);
    if (auto& list = cache.free[c]; !list.empty()) {
      void* block = list.back();
      list.pop_back();
      stats.cached -= static_cast<std::int64_t>(size);
      ++stats.reused;
      return block;
    }
  }
  void* block = fresh_block(size);
  if (!block) {
    empty_cache();
    block = fresh_block(size);
  }
  if (!block) {
    std::lock_guard lock(cache.mutex);
    cache.stats.allocated -= static_cast<std::int64_t>(size);
    out_of_memory(bytes);
  }
  return block;
}

void cache_free(void* block, std::size_t bytes) noexcept {
  const std::size_t c = size_class(bytes);
  const auto size = static_cast<std::int64_t>(class_bytes(c));
  Cache& cache = detail::cache();
  {
    std::lock_guard lock(cache.mutex);
    cache.stats.allocated -= size;
    if (!direct && cache.stats.cached + size <= cache.stats.limit) {
      cache.stats.cached += size;
      cache.free[c].push_back(block);
      return;
    }
  }
  std::free(block);
}

}  // namespace xgrad::detail

namespace xgrad {

MemoryStats memory_stats() {
  auto& cache = detail::cache();
  std::lock_guard lock(cache.mutex);
  MemoryStats stats = cache.stats;
  stats.pool = detail::shared_pool().bytes.load(std::memory_order_relaxed);
  return stats;
}
void reset_peak_memory_stats() {
  auto& cache = detail::cache();
  std::lock_guard lock(cache.mutex);
  cache.stats.peak = cache.stats.allocated;
}
void set_memory_cache_limit(std::int64_t bytes) {
  detail::check<ValueError>(bytes >= 0, Here{nullptr, 0}, "set_memory_cache_limit: expected 0 bytes or more, got {}",
                            bytes);
  auto& cache = detail::cache();
  std::lock_guard lock(cache.mutex);
  cache.stats.limit = bytes;
  cache.shrink(bytes);
}
void empty_cache() {
  auto& cache = detail::cache();
  std::lock_guard lock(cache.mutex);
  cache.shrink(0);
}

}  // namespace xgrad
