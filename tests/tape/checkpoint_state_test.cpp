// Checkpoints and what is around them: random numbers, running statistics, changes in between, errors, threads, memory.
#include <xgrad/checkpoint.hpp>
#include <xgrad/xgrad.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/errors.hpp"

namespace xg = xgrad;
namespace nn = xgrad::nn;
using test::mentions;
using test::message_of;
using xg::Tensor;
using xg::TensorList;
using Values = std::vector<double>;

namespace {

constexpr xg::TensorOptions f64{.dtype = xg::float64};
constexpr xg::TensorOptions wanted{.dtype = xg::float64, .requires_grad = true};
Tensor numbers() { return xg::tensor({0.3, -1.2, 0.7, 2.0}, wanted); }
Values values(const Tensor& tensor) { return tensor.to_vector<double>(); }

}  // namespace

TEST_CASE("the second run draws the same random numbers and moves no generator") {
  const Tensor x = xg::ones({1000}, wanted);
  xg::Generator own(7);
  xg::manual_seed(3);
  const auto f = [&](const Tensor& t) {
    const Tensor dropped = xg::dropout(t, 0.5, true);
    return dropped * xg::rand({1000}, f64, own);
  };
  const Tensor y = xg::checkpoint(f, x);
  (void)xg::rand({100});
  const auto state = xg::default_generator().get_state(), own_state = own.get_state();
  y.sum().backward();
  CHECK(values(x.grad()) == values(y));
  CHECK(xg::default_generator().get_state() == state);
  CHECK(own.get_state() == own_state);
  // The forward pass draws what it would draw without a checkpoint.
  xg::manual_seed(3);
  own.manual_seed(7);
  CHECK(values(f(x)) == values(y));
}

TEST_CASE("random numbers in checkpoints in checkpoints, and with a seed set inside") {
  const Tensor x = xg::ones({100}, wanted);
  const auto inner = [](const Tensor& t) { return xg::dropout(t, 0.5, true); };
  const Tensor y = xg::checkpoint(
      [&](const Tensor& t) {
        const Tensor first = xg::checkpoint(inner, xg::dropout(t, 0.1, true));
        xg::manual_seed(11);
        return xg::checkpoint(inner, first) * xg::rand({100}, f64);
      },
      x);
  const auto state = xg::default_generator().get_state();
  y.sum().backward();
  CHECK(values(x.grad()) == values(y));
  CHECK(xg::default_generator().get_state() == state);
}

TEST_CASE("without preserve_rng_state the second run draws new numbers") {
  const Tensor x = xg::ones({1000}, wanted);
  const Tensor y = xg::checkpoint([](const Tensor& t) { return xg::dropout(t, 0.5, true); }, x,
                                  {.preserve_rng_state = false});
  const auto state = xg::default_generator().get_state();
  y.sum().backward();
  CHECK(values(x.grad()) != values(y));
  CHECK(!(xg::default_generator().get_state() == state));
}

TEST_CASE("random numbers of threads that take turns at one generator") {
  const Tensor x = xg::ones({64}, wanted);
  Tensor y = x;
  for (int i = 0; i < 20; ++i)
    y = xg::checkpoint(
        [&](const Tensor& t) {
          const Tensor half = xg::dropout(t, 0.1, true);
          if (!xg::is_recomputing()) std::thread([] { (void)xg::rand({1000}); }).join();
          return xg::dropout(half, 0.1, true);
        },
        y);
  y.sum().backward();
  CHECK(values(x.grad()) == values(y));
}

TEST_CASE("running statistics move once, and gradients are those without a checkpoint") {
  const Tensor x = xg::rand({8, 3}, f64);
  nn::BatchNorm1d once(3), plain(3);
  once.to(xg::float64);
  plain.to(xg::float64);
  xg::checkpoint(once, x).square().sum().backward();
  plain(x).square().sum().backward();
  CHECK(once.num_batches_tracked.item<std::int64_t>() == 1);
  CHECK(values(once.running_mean) == values(plain.running_mean));
  CHECK(values(once.running_var) == values(plain.running_var));
  CHECK(values(once.weight.grad()) == values(plain.weight.grad()));
  CHECK(values(once.bias.grad()) == values(plain.bias.grad()));
}

TEST_CASE("a lazy layer gets its weights in the first run") {
  nn::LazyLinear layer(5);
  const Tensor x = xg::ones({2, 3}, {.requires_grad = true});
  const Tensor y = xg::checkpoint([&](const Tensor& t) { return xg::dropout(layer(t), 0.5, true); }, x);
  y.sum().backward();
  REQUIRE(layer.weight.grad().sizes() == xg::Shape{5, 3});
  const auto out = y.to_vector<float>(), gradient = layer.bias.grad().to_vector<float>();
  for (std::size_t j = 0; j < 5; ++j)
    CHECK(gradient[j] == 2.0f * static_cast<float>((out[j] != 0) + (out[5 + j] != 0)));
}

TEST_CASE("what changed in between is an error that says so") {
  const Tensor x = numbers(), w = numbers(), b = numbers(), c = xg::ones({4}, f64), mask = xg::zeros({4}, f64) > 1.0;
  const auto f = [&](const Tensor& t) { return xg::tanh((t * w + b + c).masked_fill(mask, 1.0)); };
  const auto changed = [&](const std::function<void(const Tensor& h)>& change) {
    const Tensor h = x * 1;
    const Tensor y = xg::checkpoint(f, h).sum();
    {
      const xg::NoGradGuard no_grad;
      change(h);
    }
    const std::string text = message_of<xg::AutogradError>([&] { y.backward(); });
    return mentions(text, {"checkpoint", "modified in place", "checkpoint_state_test.cpp"});
  };
  CHECK(changed([](const Tensor& h) { h.mul_(2.0); }));
  CHECK(changed([&](const Tensor&) { w.mul_(2.0); }));
  CHECK(changed([&](const Tensor&) { b.add_(2.0); }));
  CHECK(changed([&](const Tensor&) { c.add_(2.0); }));
  CHECK(changed([&](const Tensor&) { mask.fill_(true); }));
  CHECK(!x.grad().defined());
  CHECK(!w.grad().defined());
}

TEST_CASE("a function that does something else in the second run is an error") {
  const Tensor x = numbers();
  bool other = false;
  const auto text = [&](const std::function<Tensor(const Tensor&)>& f) {
    other = false;
    const Tensor y = xg::checkpoint(f, x).sum();
    other = true;
    return message_of<xg::AutogradError>([&] { y.backward(); });
  };
  CHECK(mentions(text([&](const Tensor& t) { return other ? xg::sin(t) : xg::cos(t); }), {"operation 1 is sin", "cos"}));
  CHECK(mentions(text([&](const Tensor& t) { return other ? xg::sin(t) * 2 : xg::sin(t); }), {"mul", "after the 1"}));
  CHECK(mentions(text([&](const Tensor& t) { return other ? xg::sin(t) : xg::sin(t) * 2; }), {"records 1", "2"}));
  CHECK(mentions(text([&](const Tensor& t) { return t * (other ? xg::ones({4}, f64) : xg::rand({4}, f64)); }),
                 {"random numbers 0 times", "1"}));
  CHECK(mentions(text([&](const Tensor& t) {
                   const Tensor random = xg::rand({4}, f64);
                   return t * (other ? random * xg::rand({4}, f64) : random);
                 }),
                 {"random numbers 2 times", "1"}));
  CHECK(mentions(text([&](const Tensor& t) { return t.detach() * (other ? xg::ones({4}, f64) : x); }),
                 {"records 0", "1"}));
}

TEST_CASE("an input that the function changes, and gradients of what it does not return, are errors") {
  const Tensor x = numbers();
  const Tensor h = x * 1;
  CHECK(mentions(message_of<xg::AutogradError>([&] { xg::checkpoint([](const Tensor& t) { return t.mul_(2.0); }, h); }),
                 {"checkpoint", "input 0", "clone()", "checkpoint_state_test.cpp"}));
  Tensor inside;
  const Tensor y = xg::checkpoint(
      [&](const Tensor& t) {
        inside = xg::sin(t) * t;
        return inside.sum();
      },
      x);
  CHECK(mentions(message_of<xg::AutogradError>([&] { inside.sum().backward(); }), {"checkpoint()"}));
  CHECK_THROWS_AS(xg::checkpoint(
                      [](const Tensor& t) {
                        const Tensor s = (t * t * t).sum();
                        return xg::grad({s}, {t}, {.create_graph = true})[0];
                      },
                      x),
                  xg::AutogradError);
}

TEST_CASE("an exception in the second run changes nothing, and the graph runs later") {
  const Tensor x = numbers();
  nn::BatchNorm1d norm(2);
  norm.to(xg::float64);
  bool fails = false;
  const auto f = [&](const Tensor& t) {
    const Tensor h = xg::dropout(norm(t.view({2, 2})), 0.5, true);
    if (fails) throw std::runtime_error("out of luck");
    return (h * h).sum();
  };
  const Tensor y = xg::checkpoint(f, x);
  const auto state = xg::default_generator().get_state();
  const Values mean = values(norm.running_mean);
  fails = true;
  CHECK_THROWS_AS(y.backward({}, true), std::runtime_error);
  CHECK(xg::default_generator().get_state() == state);
  CHECK(values(norm.running_mean) == mean);
  CHECK(xg::is_grad_enabled());
  CHECK(!xg::is_recomputing());
  CHECK(!x.grad().defined());
  fails = false;
  y.backward();
  CHECK(x.grad().defined());
  // In the first run, too.
  fails = true;
  CHECK_THROWS_AS(xg::checkpoint(f, x), std::runtime_error);
  CHECK((x * x).sum().requires_grad());
}

TEST_CASE("several threads: graphs of their own, and one graph for all") {
  const Tensor w = numbers();
  const auto f = [&](const Tensor& t) { return xg::dropout(xg::sin(t * w), 0.5, true) * w; };
  std::vector<std::thread> threads;
  std::vector<Values> got(4), expected(4);
  for (std::size_t i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      for (int k = 0; k < 50; ++k) {
        xg::Generator generator(i);
        const xg::GeneratorGuard guard(generator);
        const Tensor x = numbers();
        got[i] = values(xg::grad({xg::checkpoint(f, x).sum()}, {x})[0]);
        generator.manual_seed(i);
        expected[i] = values(xg::grad({f(x).sum()}, {x})[0]);
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(got == expected);

  threads.clear();
  const Tensor x = numbers();
  const Tensor y = xg::checkpoint([&](const Tensor& t) { return (t * t * w).sum(); }, x);
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int k = 0; k < 25; ++k) y.backward({}, true);
    });
  for (std::thread& thread : threads) thread.join();
  for (std::size_t i = 0; i < 4; ++i)
    CHECK(values(x.grad())[i] == doctest::Approx(200 * values(x)[i] * values(w)[i]).epsilon(1e-12));
}

TEST_CASE("a nan in the second run is found where it was made") {
  const Tensor x = xg::tensor({0.0, 1.0}, wanted);
  const Tensor y = xg::checkpoint([](const Tensor& t) { return t.sqrt() * 0.0; }, x).sum();
  const xg::DetectAnomalyGuard anomaly;
  y.backward();  // sqrt's slope at 0 meets a gradient of 0
  CHECK(values(x.grad()) == Values{0, 0});
  const Tensor z = xg::checkpoint([](const Tensor& t) { return t * t; }, x);
  CHECK_THROWS_AS(z.backward(xg::tensor({1.0, 1.0}, f64) * xg::tensor({std::nan(""), 1.0}, f64)), xg::AutogradError);
}

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
                 {"checkpoint_sequential", "segments", "5", "6", "checkpoint_state_test.cpp"}));
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
    const std::vector<std::function<Tensor(const Tensor&)>> functions(
        length, [](const Tensor& t) { return xg::sin(t); });
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
