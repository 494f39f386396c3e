// Memory: a pool for small fixed-size blocks (nodes, implementations, small data) and a caching allocator for the rest.
#pragma once
#include <cstddef>
#include <new>
#include <utility>

namespace xgrad::detail {

// Blocks of up to pool_limit bytes from this thread's free lists. 16-byte aligned; from 64 bytes on 64-byte aligned.
inline constexpr std::size_t pool_limit = 1024;
void* pool_allocate(std::size_t bytes);
void pool_free(void* block, std::size_t bytes) noexcept;

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
