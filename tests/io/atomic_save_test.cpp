// A file that is being replaced while its writer dies.
#include <xgrad/io/safetensors.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/equality.hpp>

#include <chrono>
#include <csignal>
#include <doctest/doctest.h>
#include <random>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "support/files.hpp"

namespace xg = xgrad;

namespace {
constexpr std::int64_t count = 300'000;
xg::StateDict filled(double value) { return {{"x", xg::full({count}, value)}, {"y", xg::full({count}, -value)}}; }
}  // namespace

TEST_CASE("a process that is killed while it saves leaves a whole file, the old or the new one") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "w.safetensors";
  // Made here: a forked process has none of the threads that would fill them.
  const xg::StateDict states[] = {filled(1), filled(2)};
  const auto begin = std::chrono::steady_clock::now();
  xg::save(states[1], path);
  xg::save(states[0], path);
  // Blows fall within the first four or so.
  const auto span = 2 * (std::chrono::steady_clock::now() - begin);
  std::mt19937 random(20250301);
  int replaced = 0, interrupted = 0;
  for (int round = 0; round < 40; ++round) {
    // A pipe tells when the child has begun, so that some of the blows meet it at work.
    int begun[2];
    REQUIRE(::pipe(begun) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      char byte = 0;
      if (::write(begun[1], &byte, 1) != 1) ::_exit(1);
      for (;;)
        for (const int state : {1, 0}) xg::save(states[state], path);
    }
    char byte;
    REQUIRE(::read(begun[0], &byte, 1) == 1);
    std::this_thread::sleep_for(span * (random() % 1000) / 1000);
    REQUIRE(::kill(child, SIGKILL) == 0);
    REQUIRE(::waitpid(child, nullptr, 0) == child);
    ::close(begun[0]);
    ::close(begun[1]);

    const xg::StateDict found = xg::load(path);
    const double value = found.at("x").select(0, 0).item<double>();
    REQUIRE((value == 1 || value == 2));
    REQUIRE(xg::equal(found.at("x"), states[value == 1 ? 0 : 1].at("x")));
    REQUIRE(xg::equal(found.at("y"), states[value == 1 ? 0 : 1].at("y")));
    replaced += value == 2;
    // What the blow met half written lies beside it.
    interrupted += directory.count() > 1;
    for (const auto& file : std::filesystem::directory_iterator(directory.path()))
      if (file.path() != path) std::filesystem::remove(file.path());
  }
  CHECK(replaced > 0);
  CHECK(interrupted > 0);
}
