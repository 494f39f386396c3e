// Checkpoints and what is around them: random numbers, running statistics, changes in between, errors, threads.
#include <cmath>
#include <doctest/doctest.h>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>

#include "tape/checkpoint_support.hpp"

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
  const Tensor y =
      xg::checkpoint([](const Tensor& t) { return xg::dropout(t, 0.5, true); }, x, {.preserve_rng_state = false});
  const auto state = xg::default_generator().get_state();
  y.sum().backward();
  CHECK(values(x.grad()) != values(y));
  CHECK(!(xg::default_generator().get_state() == state));
  x.zero_grad();
  const auto seeded = [](const Tensor& t) {
    xg::manual_seed(4);
    return xg::dropout(t, 0.5, true);
  };
  const Tensor z = xg::checkpoint(seeded, x, {.preserve_rng_state = false});
  z.sum().backward();
  CHECK(values(x.grad()) == values(z));
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

namespace {

// What a layer's forward and backward pass leave behind: its value, gradients and buffers, from one seed.
template <class Make>
std::vector<std::vector<float>> traces(bool checkpointed, const Make& make, const xg::Shape& shape) {
  xg::manual_seed(5);
  auto layer = make();
  const Tensor x = xg::rand(shape, {.requires_grad = true});
  const auto f = [&](const Tensor& t) { return layer(t); };
  const Tensor y = checkpointed ? xg::checkpoint(f, x) : f(x);
  y.square().sum().backward();
  std::vector<std::vector<float>> traces = {y.template to_vector<float>(), x.grad().template to_vector<float>()};
  for (const Tensor& parameter : layer.parameters()) traces.push_back(parameter.grad().template to_vector<float>());
  for (const Tensor& buffer : layer.buffers()) traces.push_back(buffer.to_vector<float>());
  return traces;
}
template <class Make>
bool agree(const Make& make, const xg::Shape& shape) {
  return traces(true, make, shape) == traces(false, make, shape);
}

}  // namespace

TEST_CASE("layers of all kinds give the same bits under a checkpoint") {
  CHECK(agree([] { return nn::Sequential(nn::Conv2d(3, 4, 3), nn::BatchNorm2d(4), xg::relu, nn::Dropout2d()); },
              {2, 3, 8, 8}));
  CHECK(agree([] { return nn::Sequential(nn::LayerNorm({6}), nn::GELU(), nn::AlphaDropout(), nn::Linear(6, 2)); },
              {5, 6}));
  CHECK(
      agree([] { return nn::TransformerEncoderLayer(8, 2, {.dim_feedforward = 16, .batch_first = true}); }, {2, 5, 8}));
  CHECK(agree(
      [] {
        nn::Linear pruned(6, 6);
        nn::utils::prune::l1_unstructured(pruned, "weight", 0.5);
        return nn::Sequential(std::move(pruned), nn::MaxPool1d(2));
      },
      {4, 6}));
}

TEST_CASE("recurrent layers, tables, custom functions and integer results") {
  const auto run = [](bool checkpointed) {
    xg::manual_seed(5);
    nn::LSTM lstm(3, 4, {.num_layers = 2, .dropout = 0.5});
    nn::Embedding table(7, 3);
    const Tensor places = xg::tensor({{1, 3}, {3, 0}, {6, 6}});
    struct Cube : xg::Function<Cube> {
      static Tensor forward(xg::Context& context, const Tensor& x) {
        context.save_for_backward({x});
        return x * x * x;
      }
      static TensorList backward(xg::Context& context, const TensorList& gradients) {
        const Tensor x = context.saved_tensors()[0];
        return {gradients[0] * x * x * 3};
      }
    };
    const auto f = [&](const Tensor& at) {
      const auto [values, order] = Cube::apply(lstm(table(at)).first).max(2);
      return TensorList{values, order};
    };
    const TensorList y = checkpointed ? xg::checkpoint(f, places) : f(places);
    CHECK(y[1].dtype() == xg::int64);
    (y[0] * (y[1] + 1)).sum().backward();
    std::vector<std::vector<float>> gradients = {table.weight.grad().to_vector<float>()};
    for (const Tensor& parameter : lstm.parameters()) gradients.push_back(parameter.grad().to_vector<float>());
    return gradients;
  };
  CHECK(run(true) == run(false));
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
  CHECK(
      mentions(text([&](const Tensor& t) { return other ? xg::sin(t) : xg::cos(t); }), {"operation 1 is sin", "cos"}));
  CHECK(mentions(text([&](const Tensor& t) { return other ? xg::sin(t) * 2 : xg::sin(t); }), {"mul", "after the 1"}));
  CHECK(mentions(text([&](const Tensor& t) { return other ? xg::sin(t) : xg::sin(t) * 2; }),
                 {"records an operation 1 times", "2"}));
  CHECK(mentions(text([&](const Tensor& t) { return t * (other ? xg::ones({4}, f64) : xg::rand({4}, f64)); }),
                 {"random numbers 0 times", "1"}));
  CHECK(mentions(text([&](const Tensor& t) {
                   const Tensor random = xg::rand({4}, f64);
                   return t * (other ? random * xg::rand({4}, f64) : random);
                 }),
                 {"random numbers 2 times", "1"}));
  CHECK(mentions(text([&](const Tensor& t) { return t.detach() * (other ? xg::ones({4}, f64) : x); }),
                 {"records an operation 0 times", "1"}));
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
