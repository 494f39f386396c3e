// Memory: a pool for small fixed-size blocks (nodes, implementations, small data) and a caching allocator for the rest.
#pragma once
#include <array>
#include <cstddef>
#include <new>
#include <utility>

namespace xgrad::detail {

// Free blocks of one size.
class BlockList {
 public:
  std::size_t count() const noexcept { return count_; }
  void push(void* block) noexcept {
    head_ = new (block) Block{head_};
    ++count_;
  }
  void* pop() noexcept {
    Block* block = head_;
    head_ = block->next;
    --count_;
    return block;
  }

 private:
  struct Block {
    Block* next;
  };
  Block* head_ = nullptr;
  std::size_t count_ = 0;
};

inline constexpr std::size_t pool_limit = 1024, pool_line = 64, pool_classes = pool_limit / pool_line;
inline constexpr std::size_t pool_batch = 256;  // blocks that move between a thread and the others at once
struct ThreadPool {
  std::array<BlockList, pool_classes> lists;
};
// This thread's; null until it first needs one and after it ended.
extern constinit thread_local ThreadPool* thread_pool;
void* pool_allocate_slowly(std::size_t size_class);
void pool_free_slowly(void* block, std::size_t size_class) noexcept;

// Blocks of 1 to pool_limit bytes from this thread's free lists, 64-byte aligned.
inline void* pool_allocate(std::size_t bytes) {
  const std::size_t c = (bytes - 1) / pool_line;
  ThreadPool* pool = thread_pool;
  return pool && pool->lists[c].count() > 0 ? pool->lists[c].pop() : pool_allocate_slowly(c);
}
inline void pool_free(void* block, std::size_t bytes) noexcept {
  const std::size_t c = (bytes - 1) / pool_line;
  ThreadPool* pool = thread_pool;
  if (pool && pool->lists[c].count() < 16 * pool_batch)
    pool->lists[c].push(block);
  else
    pool_free_slowly(block, c);
}

// 64-byte aligned blocks of any size, kept after use for the next request of a like size, up to a bound; large ones lie
// in 2 MB-aligned memory advised to huge pages.
void* cache_allocate(std::size_t bytes);
void cache_free(void* block, std::size_t bytes) noexcept;

// operator new and delete from the pool, for a class that inherits it. The destructor must be virtual or the class
// final for the size to be right.
struct Pooled {
  static void* operator new(std::size_t bytes) {
    return bytes <= pool_limit ? pool_allocate(bytes) : ::operator new(bytes);
  }
  static void* operator new(std::size_t, void* place) noexcept { return place; }
  static void operator delete(void* block, std::size_t bytes) noexcept {
    if (bytes <= pool_limit)
      pool_free(block, bytes);
    else
      ::operator delete(block);
  }
  static void operator delete(void*, void*) noexcept {}
};

}  // namespace xgrad::detail
