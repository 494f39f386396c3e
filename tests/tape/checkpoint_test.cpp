// Checkpoints: what they compute, in every way of differentiating. Expected numbers are closed forms, central
// differences, or the same function without a checkpoint, which is what a checkpoint promises.
#include <cmath>
#include <doctest/doctest.h>
#include <utility>

#include "tape/checkpoint_support.hpp"

TEST_CASE("values and gradients, of inputs and of what the function uses") {
  const Tensor x = numbers(), w = xg::tensor({2.0, 3.0, 4.0, 5.0}, wanted);
  int runs = 0;
  const Tensor y = xg::checkpoint(
      [&](const Tensor& t) {
        ++runs;
        return xg::sin(t * w) * t;
      },
      x);
  CHECK(runs == 1);
  CHECK(y.grad_fn() == "checkpoint");
  y.sum().backward();
  CHECK(runs == 2);
  const Values at = values(x), factor = values(w), dx = values(x.grad()), dw = values(w.grad()), out = values(y);
  for (std::size_t i = 0; i < at.size(); ++i) {
    const double a = at[i], b = factor[i];
    CHECK(out[i] == doctest::Approx(std::sin(a * b) * a).epsilon(1e-14));
    CHECK(dx[i] == doctest::Approx(std::sin(a * b) + a * b * std::cos(a * b)).epsilon(1e-13));
    CHECK(dw[i] == doctest::Approx(a * a * std::cos(a * b)).epsilon(1e-13));
  }
}

TEST_CASE("an input, and what it was made of, are both inputs") {
  const Tensor x = xg::tensor({3.0}, wanted);
  const Tensor h = x * x;
  const Tensor y = xg::checkpoint([&](const Tensor& a, const Tensor& b) { return a * b * h; }, {x, h});
  y.backward();  // x^5
  CHECK(x.grad().item<double>() == 5 * 81.0);
}

TEST_CASE("several outputs, all or one of them used") {
  const auto f = [](const Tensor& a, const Tensor& b) { return std::pair(a * b, xg::exp(a)); };
  const Tensor a = xg::tensor({0.5}, wanted), b = xg::tensor({4.0}, wanted);
  TensorList y = xg::checkpoint(f, {a, b});
  REQUIRE(y.size() == 2);
  (y[0] * y[1]).backward();
  CHECK(a.grad().item<double>() == doctest::Approx(4 * std::exp(0.5) * 1.5));
  CHECK(b.grad().item<double>() == doctest::Approx(0.5 * std::exp(0.5)));
  a.zero_grad();
  b.zero_grad();
  y = xg::checkpoint(f, {a, b});
  y[1].backward();
  CHECK(a.grad().item<double>() == doctest::Approx(std::exp(0.5)));
  CHECK(!b.grad().defined());
  a.zero_grad();
  y = xg::checkpoint([](const TensorList& list) { return TensorList{list[0] * 2, list[1], list[0] * 2}; }, {a, b});
  (y[0] + y[1] + y[2]).backward();
  CHECK(a.grad().item<double>() == 4.0);
  CHECK(b.grad().item<double>() == 1.0);
}

TEST_CASE("inputs without gradients, no gradients at all, and no recording") {
  const Tensor data = xg::tensor({1.0, 2.0}, f64), w = xg::tensor({3.0, 4.0}, wanted);
  const auto f = [&](const Tensor& x) { return x * w * w; };
  xg::checkpoint(f, data).sum().backward();
  CHECK(values(w.grad()) == Values{6, 16});
  CHECK(!data.grad().defined());
  const Tensor plain = xg::checkpoint([](const Tensor& x) { return x * 2; }, data);
  CHECK(!plain.requires_grad());
  CHECK(plain.is_leaf());
  const xg::NoGradGuard no_grad;
  int runs = 0;
  const Tensor y = xg::checkpoint(
      [&](const Tensor& x) {
        ++runs;
        return f(x);
      },
      data);
  CHECK(!y.requires_grad());
  CHECK(values(y) == Values{9, 32});
  CHECK(runs == 1);
}

TEST_CASE("what a function returns unchanged stays what it is") {
  const Tensor x = numbers(), w = numbers();
  const TensorList y = xg::checkpoint([&](const Tensor& t) { return TensorList{t, w, t * w, Tensor()}; }, {x});
  CHECK(y[0].is_same(x));
  CHECK(y[1].is_same(w));
  CHECK(!y[3].defined());
  (y[0] + y[1] + y[2]).sum().backward();
  CHECK(values(x.grad()) == values(1.0 + w.detach()));
  CHECK(xg::checkpoint([](const Tensor& t) { return t; }, x).is_same(x));
}

TEST_CASE("what the function computes and drops does no harm") {
  const Tensor x = numbers();
  const auto f = [](const Tensor& t) {
    for (int i = 0; i < 3; ++i) (void)xg::sin(t);
    (void)(xg::exp(t) * t);
    return xg::cos(t);
  };
  xg::checkpoint(f, x).sum().backward();
  for (std::size_t i = 0; i < 4; ++i) CHECK(values(x.grad())[i] == doctest::Approx(-std::sin(values(x)[i])));
}

TEST_CASE("results that are views, and are changed in place afterwards") {
  const auto run = [](bool checkpointed, const Tensor& x) {
    const auto f = [](const Tensor& t) { return (t * t).split(2); };
    const TensorList parts = checkpointed ? xg::checkpoint(f, x) : f(x);
    parts[0].mul_(3.0);
    return (parts[0] * parts[1] * parts[1]).sum();
  };
  const Tensor x = numbers(), z = numbers();
  run(true, x).backward();
  run(false, z).backward();
  CHECK(values(x.grad()) == values(z.grad()));
  const Tensor h = x * 1;
  x.zero_grad();
  const Tensor view = xg::checkpoint([](const Tensor& t) { return t.narrow(0, 1, 2); }, h);
  h.mul_(5.0);
  (view * view).sum().backward();
  CHECK(values(x.grad()) == Values{0, 50 * -1.2, 50 * 0.7, 0});
}

TEST_CASE("a view whose base was changed before, used inside") {
  const Tensor x = numbers();
  const Tensor h = x * 1, v = h.narrow(0, 0, 2);
  h.mul_(3.0);
  xg::checkpoint([&](const Tensor& t) { return (v * v * t).sum(); }, h.narrow(0, 2, 2)).backward();
  const Tensor z = numbers();
  const Tensor k = z * 3;
  (k.narrow(0, 0, 2).square() * k.narrow(0, 2, 2)).sum().backward();
  for (std::size_t i = 0; i < 4; ++i) CHECK(values(x.grad())[i] == doctest::Approx(values(z.grad())[i]).epsilon(1e-14));
}

TEST_CASE("every order of differentiation") {
  const Tensor w = xg::tensor({0.4, 1.1, -0.6, 0.2}, wanted);
  const auto f = [](const Tensor& x, const Tensor& w) { return xg::tanh(x * w) * x.exp() + (x * x).sum(); };
  const auto checkpointed = [&](const Tensor& x, const Tensor& w) { return xg::checkpoint(f, {x, w}); };
  CHECK(xg::gradcheck(checkpointed, {numbers(), w}));
  CHECK(xg::gradgradcheck(checkpointed, {numbers(), w}));
  const auto captured = [&](const Tensor& x) { return xg::checkpoint([&](const Tensor& t) { return f(t, w); }, x); };
  CHECK(xg::gradgradcheck(captured, {numbers()}));
  // x^4 three times over
  const Tensor x = xg::tensor({2.0}, wanted);
  Tensor y = xg::checkpoint([](const Tensor& t) { return t * t * t * t; }, x);
  for (const double expected : {32.0, 48.0, 48.0}) {
    y = xg::grad({y}, {x}, {.create_graph = true})[0];
    CHECK(y.item<double>() == expected);
  }
}

TEST_CASE("checkpoints in checkpoints") {
  const Tensor x = numbers(), w = numbers();
  int inner = 0, outer = 0;
  const auto small = [&](const Tensor& t) {
    ++inner;
    return xg::sin(t * w);
  };
  const auto large = [&](const Tensor& t) {
    ++outer;
    return xg::checkpoint(small, xg::checkpoint(small, t) * t) * w;
  };
  xg::checkpoint(large, x).sum().backward();
  CHECK(outer == 2);
  CHECK(inner == 6);
  const Tensor a = numbers(), b = numbers();
  (xg::sin(xg::sin(a * b) * a * b) * b).sum().backward();
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(values(x.grad())[i] == doctest::Approx(values(a.grad())[i]).epsilon(1e-13));
    CHECK(values(w.grad())[i] == doctest::Approx(values(b.grad())[i]).epsilon(1e-13));
  }
  CHECK(xg::gradgradcheck([&](const Tensor& t) { return xg::checkpoint(large, t); }, {numbers()}));
}

TEST_CASE("a graph runs twice only with retain_graph") {
  const Tensor x = xg::tensor({3.0}, wanted);
  const Tensor y = xg::checkpoint([](const Tensor& t) { return t * t; }, x);
  y.backward({}, true);
  y.backward();
  CHECK(x.grad().item<double>() == 12.0);
  CHECK(mentions(message_of<xg::AutogradError>([&] { y.backward(); }), {"checkpoint", "retain_graph"}));
}

TEST_CASE("grad: chosen inputs, and only what leads to them") {
  const Tensor x = numbers(), w = numbers(), v = numbers();
  const Tensor h = x * 2;
  const Tensor y = xg::checkpoint([&](const Tensor& t) { return (t * w).sum() + (v * v * t).sum(); }, h);
  CHECK(values(xg::grad({y}, {w}, {.retain_graph = true})[0]) == values(h));
  CHECK(values(xg::grad({y}, {v}, {.retain_graph = true})[0]) == values(v.detach() * 2 * h.detach()));
  CHECK(values(xg::grad({y}, {h}, {.retain_graph = true})[0]) == values(w.detach() + v.detach() * v.detach()));
  CHECK(values(xg::grad({y}, {x})[0]) == values((w.detach() + v.detach() * v.detach()) * 2));
  CHECK(!x.grad().defined());
  CHECK(!w.grad().defined());
}

TEST_CASE("hooks outside run once, hooks inside in the second run") {
  const Tensor x = xg::tensor({2.0}, wanted), h = x * 3;
  int outside = 0, inside = 0;
  h.register_hook([&](const Tensor&) {
    ++outside;
    return Tensor();
  });
  x.register_hook([&](const Tensor&) {
    ++outside;
    return Tensor();
  });
  const Tensor y = xg::checkpoint(
      [&](const Tensor& t) {
        const Tensor square = t * t * x;
        square.register_hook([&](const Tensor& g) {
          ++inside;
          return g * 10;
        });
        return square * 2;
      },
      h);
  y.backward();
  CHECK(outside == 2);
  CHECK(inside == 1);
  CHECK(x.grad().item<double>() == 10 * 2 * 9 * 3 * 4.0);  // 18 x^3, ten times
}

TEST_CASE("layouts, dtypes and sizes") {
  const auto f = [](const Tensor& t) { return (t * t).exp().sum(1); };
  const Tensor x = xg::rand({3, 4}, wanted), z = x.detach().clone().requires_grad_();
  xg::checkpoint(f, x.transpose(0, 1)).sum().backward();
  f(z.transpose(0, 1)).sum().backward();
  CHECK(values(x.grad()) == values(z.grad()));
  const Tensor empty = xg::zeros({0, 2}, wanted);
  xg::checkpoint(f, empty).sum().backward();
  CHECK(empty.grad().sizes() == xg::Shape{0, 2});
  const Tensor single = xg::tensor({{0.5f}}, {.requires_grad = true});
  xg::checkpoint(f, single).sum().backward();
  CHECK(single.grad().dtype() == xg::float32);
  CHECK(single.grad().item<float>() == doctest::Approx(std::exp(0.25)));
}

TEST_CASE("functions: of the library, of modules, and with a state of their own") {
  const Tensor x = xg::tensor({-1.0, 2.0}, wanted);
  xg::checkpoint(xg::square, x).sum().backward();
  CHECK(values(x.grad()) == Values{-2, 4});
  struct Twice : nn::Module {
    Tensor forward(const Tensor& t) { return t * t; }
  } twice;
  x.zero_grad();
  xg::checkpoint(twice, x).sum().backward();
  CHECK(values(x.grad()) == Values{-2, 4});
  nn::Linear layer(2, 1, {.bias = false});
  layer.to(xg::float64);
  x.zero_grad();
  xg::checkpoint(layer, x).backward();
  CHECK(values(x.grad()) == values(layer.weight.detach().flatten()));
  CHECK(values(layer.weight.grad().flatten()) == values(x));
  // A temporary belongs to the graph.
  Tensor y;
  {
    nn::Linear other(2, 1, {.bias = false});
    other.to(xg::float64);
    y = xg::checkpoint(std::move(other), x);
  }
  x.zero_grad();
  y.backward();
  CHECK(x.grad().defined());
  CHECK(mentions(message_of<xg::ShapeError>([&] { xg::checkpoint(layer, xg::ones({3}, f64)); }),
                 {"checkpoint_test.cpp"}));
}

TEST_CASE("is_recomputing tells the second run") {
  std::vector<bool> said;
  const auto f = [&](const Tensor& t) {
    said.push_back(xg::is_recomputing());
    return xg::checkpoint(
        [&](const Tensor& u) {
          said.push_back(xg::is_recomputing());
          return u * u;
        },
        t);
  };
  xg::checkpoint(f, numbers()).sum().backward();
  CHECK(said == std::vector<bool>{false, false, true, true, true});
  CHECK(!xg::is_recomputing());
}

TEST_CASE("graphs leave nothing behind, whether they ran or not") {
  const Tensor x = xg::ones({1000}, wanted);
  const auto before = xg::memory_stats().allocated;
  const auto f = [&](const Tensor& t) { return xg::sin(t * x) * t; };
  for (const bool retain : {false, true}) {
    { xg::checkpoint(f, x * 2); }
    {
      const Tensor h = x * 2;
      const Tensor y = xg::checkpoint(f, h);
      h.add_(y);
      h.mul_(xg::checkpoint(f, h * 1));
    }
    {
      const Tensor y = xg::checkpoint(f, xg::checkpoint(f, x * 2));
      y.sum().backward({}, retain);
      x.zero_grad();
    }
    { xg::grad({xg::checkpoint(f, x * 2).sum()}, {x}, {.create_graph = true}); }
    CHECK(xg::memory_stats().allocated == before);
  }
}
