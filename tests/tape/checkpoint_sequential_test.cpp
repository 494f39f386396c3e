// checkpoint_sequential: numbers, which parts run twice, and the memory that it saves.
#include <doctest/doctest.h>
#include <functional>

#include "tape/checkpoint_support.hpp"

TEST_CASE("checkpoint_sequential: the numbers of the whole, in any number of parts") {
  const Tensor x = xg::rand({3, 4}, f64);
  nn::Sequential net(nn::Linear(4, 4), xg::tanh, nn::Linear(4, 4), xg::relu, nn::Linear(4, 2));
  net.to(xg::float64);
  net(x).square().sum().backward();
  std::vector<Values> expected;
  for (const Tensor& p : net.parameters()) expected.push_back(values(p.grad()));
  for (std::int64_t segments = 1; segments <= 5; ++segments) {
    CAPTURE(segments);
    for (const Tensor& p : net.parameters()) p.zero_grad();
    const Tensor y = xg::checkpoint_sequential(net, segments, x);
    CHECK(values(y) == values(net(x)));
    y.square().sum().backward();
    std::size_t i = 0;
    for (const Tensor& p : net.parameters()) CHECK(values(p.grad()) == expected[i++]);
  }
  CHECK(mentions(message_of<xg::ValueError>([&] { xg::checkpoint_sequential(net, 6, x); }),
                 {"checkpoint_sequential", "segments", "5", "6", "checkpoint_sequential_test.cpp"}));
  CHECK_THROWS_AS(xg::checkpoint_sequential(net, 0, x), xg::ValueError);
  CHECK_THROWS_AS(net.forward_range(2, 6, x), xg::IndexError);
}

TEST_CASE("checkpoint_sequential of functions: all but the last part run twice") {
  std::vector<int> runs(7, 0);
  std::vector<std::function<Tensor(const Tensor&)>> functions;
  for (std::size_t i = 0; i < 7; ++i)
    functions.push_back([&runs, i](const Tensor& t) {
      ++runs[i];
      return t * static_cast<double>(i + 1);
    });
  const Tensor x = xg::tensor({1.0}, wanted);
  Tensor y = xg::checkpoint_sequential(functions, 3, x);
  functions.clear();  // a copy was kept
  y.backward();
  CHECK(x.grad().item<double>() == 5040.0);
  CHECK(runs == std::vector<int>{2, 2, 2, 2, 1, 1, 1});
  nn::ModuleList<nn::Linear> layers(nn::Linear(2, 2), nn::Linear(2, 2));
  xg::checkpoint_sequential(layers, 2, xg::ones({1, 2})).sum().backward();
  CHECK(layers[0].weight.grad().defined());
  CHECK(layers[1].bias.grad().defined());
}

TEST_CASE("the memory of a chain grows with the root of its length") {
  constexpr std::int64_t size = 16384;
  constexpr std::int64_t bytes = size * 8;
  const Tensor x = xg::rand({size}, wanted);
  const auto peak_of = [&](std::size_t length, std::int64_t segments) {
    const std::vector<std::function<Tensor(const Tensor&)>> functions(length,
                                                                      [](const Tensor& t) { return xg::sin(t); });
    const auto before = xg::memory_stats().allocated;
    xg::reset_peak_memory_stats();
    xg::checkpoint_sequential(functions, segments, x).sum().backward();
    x.zero_grad();
    CHECK(xg::memory_stats().allocated == before);
    return (xg::memory_stats().peak - before) / bytes;
  };
  // sin keeps its input: a tensor each.
  CHECK(peak_of(64, 1) >= 62);
  CHECK(peak_of(256, 1) >= 254);
  // The inputs of the parts, one part whole, and a few gradients.
  for (const std::int64_t root : {4, 8, 16, 32}) {
    const std::int64_t peak = peak_of(static_cast<std::size_t>(root * root), root);
    CHECK(peak <= 2 * root + 5);
    CHECK(peak >= 2 * root - 4);
  }
  // The forward pass by itself keeps what lies between parts.
  xg::reset_peak_memory_stats();
  const auto before = xg::memory_stats().allocated;
  const Tensor y = xg::checkpoint(
      [](Tensor t) {
        for (int i = 0; i < 100; ++i) t = xg::sin(t);
        return t;
      },
      x);
  CHECK((xg::memory_stats().peak - before) / bytes <= 4);
  CHECK((xg::memory_stats().allocated - before) / bytes == 1);
}
