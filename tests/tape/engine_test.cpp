#include <xgrad/xgrad.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/errors.hpp"

namespace xg = xgrad;
using test::has;
using test::message_of;
using xg::Tensor;

namespace {
constexpr xg::TensorOptions f64{.dtype = xg::float64, .requires_grad = true};

}  // namespace

TEST_CASE("a value used many times gathers every contribution") {
  const Tensor x = xg::tensor({2.0}, f64);
  Tensor y = x;
  for (int i = 0; i < 20; ++i) y = y + y;
  y.backward();
  CHECK(x.grad().item<double>() == std::ldexp(1.0, 20));
}

TEST_CASE("backward accumulates, zero_grad drops") {
  const Tensor x = xg::tensor({3.0, 4.0}, f64);
  (x * x).sum().backward();
  (x * x).sum().backward();
  CHECK(x.grad().to_vector<double>() == std::vector<double>{12, 16});
  const Tensor held = x.grad();
  (x * 1).sum().backward();
  CHECK(held.to_vector<double>() == std::vector<double>{13, 17});  // added in place, as seen by whoever holds it
  x.zero_grad();
  CHECK(!x.grad().defined());
}

TEST_CASE("a gradient that arrives is not shared with other leaves") {
  const Tensor a = xg::tensor({1.0, 2.0}, f64), b = xg::tensor({3.0, 4.0}, f64);
  (a + b).sum().backward();
  {
    xg::NoGradGuard no_grad;
    a.grad().mul_(10.0);
  }
  CHECK(b.grad().to_vector<double>() == std::vector<double>{1, 1});
  const Tensor seed = xg::ones({2}, {.dtype = xg::float64});
  b.zero_grad();
  (b + 0.0).backward(seed);
  {
    xg::NoGradGuard no_grad;
    b.grad().mul_(5.0);
  }
  CHECK(seed.to_vector<double>() == std::vector<double>{1, 1});
}

TEST_CASE("deep graphs: five million operations run backward, and are dropped without it") {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  constexpr int length = 200'000;  // a sanitizer's bookkeeping takes many times the memory
#else
  constexpr int length = 5'000'000;
#endif
  const Tensor x = xg::tensor({1.0}, f64);
  {
    Tensor y = x;
    for (int i = 0; i < length; ++i) y = y + 1e-7;
    y.backward();
    CHECK(x.grad().item<double>() == 1.0);
  }
  Tensor y = x;
  for (int i = 0; i < length; ++i) y = y * 1.0000001;
  y = Tensor();
}

TEST_CASE("wide graphs") {
  const Tensor x = xg::tensor({1.0}, f64);
  std::vector<Tensor> leaves, sums;
  for (int i = 0; i < 20000; ++i) leaves.push_back(xg::full({1}, i, {.dtype = xg::float64, .requires_grad = true}));
  Tensor total = xg::zeros({1}, {.dtype = xg::float64});
  for (const Tensor& leaf : leaves) total = total + leaf * x;
  const auto grads = xg::grad({total}, leaves);
  CHECK(grads.size() == leaves.size());
  for (const Tensor& grad : grads) CHECK(grad.item<double>() == 1.0);
}

TEST_CASE("a graph runs twice only with retain_graph") {
  const Tensor x = xg::tensor({3.0}, f64);
  const Tensor y = x * x;
  y.backward({}, true);
  y.backward();
  CHECK(x.grad().item<double>() == 12.0);
  CHECK(has(message_of<xg::AutogradError>([&] { y.backward(); }), "retain_graph"));
  CHECK(x.grad().item<double>() == 12.0);
}

TEST_CASE("gradients of gradients") {
  const Tensor x = xg::tensor({0.7}, f64);
  Tensor y = x * x * x;
  const double expected[] = {0.7 * 0.7 * 0.7, 3 * 0.49, 6 * 0.7, 6};
  for (int n = 0; n < 4; ++n) {
    CHECK(y.item<double>() == doctest::Approx(expected[n]).epsilon(1e-12));
    if (n < 3) y = xg::grad({y}, {x}, {.create_graph = true})[0];
  }
  x.zero_grad();
  (x * x).backward({}, {}, true);
  CHECK(x.grad().requires_grad());
  x.grad().sum().backward();  // d(x^2 + 2x)/... accumulates 2 on top of 2x
  CHECK(x.grad().item<double>() == doctest::Approx(1.4 + 2));
  x.zero_grad();  // the gradient's history refers to x, and x holds the gradient
}

TEST_CASE("grad: several outputs and inputs, interior inputs, unused inputs") {
  const Tensor a = xg::tensor({2.0}, f64), b = xg::tensor({5.0}, f64), c = xg::tensor({1.0}, f64);
  const Tensor h = a * b;
  const Tensor y = h * h, z = h * 3;
  const auto grads = xg::grad({y, z}, {a, h, b}, {.retain_graph = true});
  CHECK(grads[1].item<double>() == 23.0);
  CHECK(grads[0].item<double>() == 115.0);
  CHECK(grads[2].item<double>() == 46.0);
  CHECK(!a.grad().defined());
  CHECK(has(message_of<xg::AutogradError>([&] { xg::grad({y}, {c}, {.retain_graph = true}); }), "allow_unused"));
  const auto unused = xg::grad({y}, {c, a}, {.allow_unused = true});
  CHECK(!unused[0].defined());
  CHECK(unused[1].item<double>() == 100.0);
  CHECK(xg::grad({a * 2}, {a, a})[1].item<double>() == 2.0);
  CHECK(xg::grad({a}, {a})[0].item<double>() == 1.0);
}

TEST_CASE("grad runs only what leads to its inputs") {
  const Tensor a = xg::tensor({2.0}, f64), b = xg::tensor({5.0}, f64);
  bool ran = false;
  const Tensor other = b * 2;
  other.register_hook([&](const Tensor&) {
    ran = true;
    return Tensor();
  });
  xg::grad({(a * 3 + other).sum()}, {a});
  CHECK(!ran);
}

TEST_CASE("misuse says what is wrong") {
  const Tensor x = xg::ones({3}, f64);
  CHECK(has(message_of<xg::AutogradError>([&] { (x * 2).backward(); }), "[3]"));
  CHECK(has(message_of<xg::AutogradError>([&] { xg::ones({1}).backward(); }), "recorded nothing"));
  CHECK(has(message_of<xg::ShapeError>([&] { (x * 2).backward(xg::ones({2}, {.dtype = xg::float64})); }), "[2]"));
  CHECK(!message_of<xg::DtypeError>([&] { (x * 2).backward(xg::ones({3}, {.dtype = xg::float32})); }).empty());
  CHECK(!message_of<xg::AutogradError>([&] { (x * 2).requires_grad_(false); }).empty());
  CHECK(!message_of<xg::DtypeError>([&] { xg::tensor({1, 2}).requires_grad_(); }).empty());
  CHECK(!message_of<xg::ValueError>([&] { (void)(Tensor() + x); }).empty());
  CHECK(has(message_of<xg::AutogradError>([&] { xg::grad({x.sum()}, {xg::ones({1})}); }), "input 0"));
}

TEST_CASE("grad mode") {
  const Tensor x = xg::ones({3}, f64);
  {
    xg::NoGradGuard no_grad;
    CHECK(!(x * 2).requires_grad());
    {
      xg::EnableGradGuard enable;
      CHECK((x * 2).requires_grad());
    }
    CHECK(!xg::is_grad_enabled());
  }
  CHECK(xg::is_grad_enabled());
  CHECK(!x.detach().requires_grad());
  CHECK(x.detach().data<double>() == x.data<double>());
  bool other = false;
  xg::NoGradGuard no_grad;
  std::thread([&] { other = xg::is_grad_enabled(); }).join();
  CHECK(other);
}

TEST_CASE("hooks see the whole gradient, may replace it, and may throw") {
  const Tensor x = xg::tensor({2.0}, f64);
  int calls = 0;
  const auto id = x.register_hook([&](const Tensor& grad) {
    ++calls;
    return grad * 10;
  });
  (x * 3 + x * 4).backward();
  CHECK(calls == 1);
  CHECK(x.grad().item<double>() == 70.0);
  x.remove_hook(id);
  x.zero_grad();
  const Tensor h = x * 3;
  h.retain_grad();
  h.register_hook([](const Tensor& grad) { return grad + 1; });
  (h * 2).backward();
  CHECK(h.grad().item<double>() == 3.0);
  CHECK(x.grad().item<double>() == 9.0);

  x.zero_grad();
  const Tensor y = x * x;
  bool fail = true;
  y.register_hook([&](const Tensor&) -> Tensor {
    if (fail) throw std::runtime_error("not now");
    return {};
  });
  CHECK_THROWS_AS((y * 1).backward(), std::runtime_error);
  CHECK(xg::is_grad_enabled());
  fail = false;
  (y * 1).backward();
  CHECK(x.grad().item<double>() == 4.0);
}

TEST_CASE("a saved value that was modified in place is an error that names the operation") {
  const Tensor w = xg::ones({3}, f64);
  const Tensor h = w * 2;
  const Tensor z = (h * h).sum();
  {
    xg::NoGradGuard no_grad;
    h.add_(1.0);
  }
  const std::string text = message_of<xg::AutogradError>([&] { z.backward(); });
  CHECK(has(text, "modified"));
  CHECK(has(text, "mul"));
  CHECK(has(text, "engine_test.cpp"));
}

TEST_CASE("graphs run backward concurrently, also into one leaf") {
  const Tensor shared = xg::tensor({1.0}, f64);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) (shared * 2 + shared).backward();
    });
  for (auto& thread : threads) thread.join();
  CHECK(shared.grad().item<double>() == 4 * 500 * 3);
}

TEST_CASE("only requested gradients exist") {
  const Tensor x = xg::ones({2}, f64), y = xg::ones({2}, {.dtype = xg::float64});
  (x * y).sum().backward();
  CHECK(x.grad().defined());
  CHECK(!y.grad().defined());
}

TEST_CASE("broadcast gradients are summed to their input") {
  const Tensor row = xg::ones({3}, f64), column = xg::ones({2, 1}, f64), one = xg::tensor(2.0, f64);
  const Tensor y = row + column * one;
  y.sum().backward();
  CHECK(row.grad().to_vector<double>() == std::vector<double>{2, 2, 2});
  CHECK(column.grad().sizes() == xg::Shape{2, 1});
  CHECK(column.grad().to_vector<double>() == std::vector<double>{6, 6});
  CHECK(one.grad().sizes() == xg::Shape{});
  CHECK(one.grad().item<double>() == 6.0);
}

TEST_CASE("anomaly mode names the operation that made the nan") {
  const Tensor x = xg::tensor({-1.0, 2.0}, f64);
  CHECK(std::isnan((xg::log(x) * 2).sum().item<double>()));
  xg::DetectAnomalyGuard guard;
  const std::string text = message_of<xg::AutogradError>([&] { (void)(xg::log(x) * 2); });
  CHECK(has(text, "log"));
  CHECK(has(text, "nan"));
  CHECK(has(text, "engine_test.cpp"));
}
