#include <doctest/doctest.h>

#include <thread>
#include <vector>

#include <xgrad/xgrad.hpp>

#include "core/allocator.hpp"
#include "core/tensor_impl.hpp"

namespace xg = xgrad;
using xg::detail::make_tensor;

#if defined(__SANITIZE_ADDRESS__)
constexpr bool caches = false;
#else
constexpr bool caches = true;
#endif

TEST_CASE("blocks are aligned, counted, reused and bounded") {
  xg::empty_cache();
  const auto start = xg::memory_stats();
  {
    const auto a = make_tensor({100000}, xg::float32);
    CHECK(reinterpret_cast<std::uintptr_t>(a.data<float>()) % 64 == 0);
    const auto now = xg::memory_stats();
    CHECK(now.allocated - start.allocated >= 400000);
    CHECK(now.allocated - start.allocated <= 400000 * 9 / 8);
    CHECK(now.peak >= now.allocated);
  }
  CHECK(xg::memory_stats().allocated == start.allocated);
  if (caches) {
    CHECK(xg::memory_stats().cached >= 400000);
    const auto reused = xg::memory_stats().reused;
    const auto again = make_tensor({100000}, xg::float32);
    CHECK(xg::memory_stats().reused == reused + 1);
  }
  const auto limit = xg::memory_stats().limit;
  xg::set_memory_cache_limit(0);
  { const auto a = make_tensor({100000}, xg::float32); }
  CHECK(xg::memory_stats().cached == 0);
  xg::set_memory_cache_limit(limit);
  CHECK_THROWS_AS(xg::set_memory_cache_limit(-1), xg::ValueError);
}

TEST_CASE("every size has room for what is asked") {
  for (std::size_t bytes : {1ul, 63ul, 64ul, 65ul, 511ul, 512ul, 513ul, 576ul, 577ul, 1023ul, 4097ul, 65537ul, 3000001ul}) {
    auto* block = static_cast<unsigned char*>(xg::detail::cache_allocate(bytes));
    for (std::size_t i = 0; i < bytes; ++i) block[i] = static_cast<unsigned char>(i);
    CHECK(block[bytes - 1] == static_cast<unsigned char>(bytes - 1));
    xg::detail::cache_free(block, bytes);
  }
  for (std::size_t bytes = 1; bytes <= xg::detail::pool_limit; ++bytes) {
    auto* block = static_cast<unsigned char*>(xg::detail::pool_allocate(bytes));
    block[bytes - 1] = 1;
    xg::detail::pool_free(block, bytes);
  }
}

TEST_CASE("what no memory can hold is an error") {
  CHECK_THROWS_AS(make_tensor({std::int64_t{1} << 40, std::int64_t{1} << 40}, xg::float32), xg::ShapeError);
  if (caches) CHECK_THROWS_AS(make_tensor({std::int64_t{1} << 50}, xg::float32), xg::Error);
}

TEST_CASE("blocks that other threads free do not pile up") {
  const auto pool_before = xg::memory_stats().pool;
  for (int round = 0; round < 20; ++round) {
    std::vector<xg::Tensor> made;
    std::thread([&] {
      for (int i = 0; i < 5000; ++i) made.push_back(make_tensor({4}, xg::float32));
    }).join();
    made.clear();
  }
  // 20 rounds of 5000 tensors would be 40 MB, were nothing reused.
  CHECK(xg::memory_stats().pool - pool_before < (8 << 20));
}
