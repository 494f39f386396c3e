#include <xgrad/build_info.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/linalg.hpp>
#include <xgrad/threads.hpp>

#include <atomic>
#include <doctest/doctest.h>
#include <string>
#include <thread>
#include <vector>

#include "kernels/parallel.hpp"

namespace xg = xgrad;

namespace {
bool has_threads() { return xg::build_info().find("OpenMP: off") == std::string::npos; }
struct Restore {
  int threads = xg::get_num_threads();
  ~Restore() {
    xg::set_num_threads(threads);
    xg::manage_blas_threads(true);
  }
};
}  // namespace

TEST_CASE("the number of threads is one or more and as set") {
  const Restore restore;
  CHECK(xg::get_num_threads() >= 1);
  xg::set_num_threads(3);
  CHECK(xg::detail::available_threads() == xg::get_num_threads());
  if (has_threads()) CHECK(xg::get_num_threads() == 3);
  for (int wrong : {0, -2}) {
    std::string text;
    try {
      xg::set_num_threads(wrong);
    } catch (const xg::ValueError& error) {
      text = error.what();
    }
    CHECK(text.find("set_num_threads: expected a positive number, got " + std::to_string(wrong)) != std::string::npos);
    CHECK(text.find("threads_test.cpp:") != std::string::npos);
  }
  if (has_threads()) CHECK(xg::get_num_threads() == 3);
}

TEST_CASE("ranges are the same for any number of threads") {
  const Restore restore;
  for (int threads : {1, 2, 3}) {
    xg::set_num_threads(threads);
    std::vector<std::atomic<int>> starts(11), covered(101);
    xg::detail::parallel_for(101, 10, xg::detail::parallel_threshold, [&](std::int64_t begin, std::int64_t end) {
      starts[static_cast<std::size_t>(begin / 10)] += begin % 10 == 0 && (end == begin + 10 || end == 101) ? 1 : 100;
      for (std::int64_t i = begin; i < end; ++i) ++covered[static_cast<std::size_t>(i)];
    });
    for (const auto& count : starts) CHECK(count == 1);
    for (const auto& count : covered) CHECK(count == 1);
  }
}

TEST_CASE("products from several threads, with managed and with own BLAS threads") {
  const Restore restore;
  const xg::Tensor a = xg::full({300, 200}, 0.5), b = xg::full({200, 400}, 2.0);
  for (bool manage : {true, false, true}) {
    xg::manage_blas_threads(manage);
    std::vector<std::thread> threads;
    std::vector<int> right(4, 0);
    for (std::size_t i = 0; i < right.size(); ++i)
      threads.emplace_back([&, i] {
        for (int repeat = 0; repeat < 5; ++repeat) {
          bool all = true;
          for (float value : xg::matmul(a, b).to_vector<float>()) all = all && value == 200.0f;
          right[i] += all;
        }
      });
    for (std::thread& thread : threads) thread.join();
    for (int count : right) CHECK(count == 5);
  }
}
