// What a recorded change in place does to histories: nothing owns itself, and views follow their base. The expected
// gradients are PyTorch's (1.13), from the same lines in Python.
#include <xgrad/xgrad.hpp>

#include <doctest/doctest.h>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace xg = xgrad;
using xg::Tensor;
using Values = std::vector<double>;

namespace {

constexpr xg::TensorOptions f64{.dtype = xg::float64};
constexpr xg::TensorOptions wanted{.dtype = xg::float64, .requires_grad = true};
// Large enough for the caching allocator, which counts bytes.
constexpr std::int64_t many = 1000;

std::int64_t allocated() { return xg::memory_stats().allocated; }

// The gradient of x = [1, 2, 3, 4] by a scalar made of it.
Values gradient(const std::function<Tensor(const Tensor&)>& f) {
  const Tensor x = xg::tensor({1.0, 2.0, 3.0, 4.0}, wanted);
  f(x).backward();
  return x.grad().to_vector<double>();
}

}  // namespace

TEST_CASE("a graph that is dropped without a backward pass leaves nothing behind") {
  struct Pattern {
    const char* name;
    // Of an h that has a history and a w that is a leaf.
    std::function<void(const Tensor& h, const Tensor& w)> change;
  };
  const Tensor mask = xg::arange(0, many, 1, f64) < 10.0;
  const Tensor places = xg::tensor({3, 5});
  const std::vector<Pattern> patterns = {
      {"add_", [](const Tensor& h, const Tensor& w) { h.add_(h * w); }},
      {"sub_", [](const Tensor& h, const Tensor& w) { h.sub_(h * w); }},
      {"mul_", [](const Tensor& h, const Tensor& w) { h.mul_(h * w); }},
      {"div_", [](const Tensor& h, const Tensor& w) { h.div_((h * w).exp()); }},
      {"copy_", [](const Tensor& h, const Tensor& w) { h.copy_(h * w); }},
      {"masked_fill_",
       [&](const Tensor& h, const Tensor& w) {
         h.add_(h * w);
         h.masked_fill_(mask, 2.0);
       }},
      {"index_put_",
       [&](const Tensor& h, const Tensor& w) { h.index_put_({places}, (h * w).index_select(0, places)); }},
      {"relu_ of a sum", [](const Tensor& h, const Tensor& w) { h.add_(h * w).relu_(); }},
      {"a view of it", [](const Tensor& h, const Tensor& w) { h.narrow(0, 0, many / 2).add_((h * w)[0]); }},
      {"a view by itself",
       [](const Tensor& h, const Tensor& w) {
         const Tensor v = h.narrow(0, 0, many / 2);
         v.add_(v * w.narrow(0, 0, many / 2));
       }},
      {"the base by its view",
       [](const Tensor& h, const Tensor& w) {
         const Tensor v = h.view({2, many / 2});
         h.add_((v * w.view({2, many / 2})).view({many}));
       }},
      {"a view by its base",
       [](const Tensor& h, const Tensor& w) { h.narrow(0, 1, 500).copy_((h * w).narrow(0, 0, 500)); }},
      {"a view by another view",
       [](const Tensor& h, const Tensor& w) { h[1].copy_((h.narrow(0, 2, 3) * w.narrow(0, 2, 3)).sum()); }},
      {"a chain",
       [](const Tensor& h, const Tensor& w) {
         for (int i = 0; i < 5; ++i) {
           h.add_(h * w);
           h.narrow(0, i, 7).mul_(h.narrow(0, i, 7) * 2 + h[i]);
           h.copy_(h.sin() * h);
         }
       }},
      {"a stale view",
       [](const Tensor& h, const Tensor& w) {
         const Tensor v = h.narrow(0, 0, many / 2);
         h.add_(h * w);
         v.mul_(v * v);
         h.add_(h * w);
         (void)(v * v);
       }},
  };
  const Tensor w = xg::full({many}, 0.5, wanted);
  for (const Pattern& pattern : patterns) {
    CAPTURE(std::string(pattern.name));
    const std::int64_t before = allocated();
    {
      const Tensor h = xg::ones({many}, wanted) * 2;
      pattern.change(h, w);
      REQUIRE(h.requires_grad());
    }
    CHECK(allocated() == before);
    {
      const Tensor constant = xg::ones({many}, f64);
      pattern.change(constant, w);
      REQUIRE(constant.requires_grad());
    }
    CHECK(allocated() == before);
  }
}

TEST_CASE("who holds a result of a changed tensor holds no more than its graph") {
  const Tensor w = xg::full({many}, 0.5, wanted);
  const std::int64_t before = allocated();
  Tensor y;
  {
    const Tensor h = w * 2;
    h.add_(h * w);
    y = h * h;
  }
  CHECK(xg::grad({y.sum()}, {y})[0].to_vector<double>() == Values(many, 1.0));
  y = Tensor();
  CHECK(allocated() == before);
}

TEST_CASE("two threads drop a graph with changes in place") {
  const Tensor w = xg::full({many}, 0.5, wanted);
  const std::int64_t before = allocated();
  for (int round = 0; round < 50; ++round) {
    Tensor h = w * 2;
    Tensor other = h.narrow(0, 0, 10);
    h.add_(h * w);
    Tensor result = other * h.narrow(0, 0, 10);
    std::thread first([mine = std::move(h), also = std::move(other)]() mutable {
      mine = Tensor();
      also = Tensor();
    });
    std::thread second([mine = std::move(result)]() mutable { mine = Tensor(); });
    first.join();
    second.join();
  }
  CHECK(allocated() == before);
}

TEST_CASE("what is saved keeps the history that it had") {
  const Tensor x = xg::tensor({1.0, 2.0}, wanted);
  const Tensor h = x * x;
  const Tensor y = h * h;
  h.detach_();
  const Tensor first = xg::grad({y.sum()}, {x}, {.create_graph = true})[0];
  CHECK(xg::grad({first.sum()}, {x})[0].to_vector<double>() == Values{12, 48});  // 12 x^2
}

TEST_CASE("a view of a changed base takes part in several operations") {
  const auto half = [](const Tensor& h) { return h.narrow(0, 0, 2); };
  CHECK(gradient([&](const Tensor& x) {
          const Tensor h = x * 1, v = half(h);
          h.mul_(3.0);
          const Tensor a = v * 2, b = v * v;
          return (a + b).sum();
        }) == Values{24, 42, 0, 0});
  CHECK(gradient([&](const Tensor& x) {
          const Tensor h = xg::zeros({4}, f64), v = half(h);
          h.copy_(x);
          return (v * v).sum() + v.sum();
        }) == Values{3, 5, 0, 0});
  CHECK(gradient([&](const Tensor& x) {
          const Tensor h = x * 1, v = half(h);
          h.mul_(3.0);
          const Tensor a = (v * 2).sum();
          h.mul_(2.0);
          return a + (v * v).sum();
        }) == Values{78, 150, 0, 0});
  CHECK(gradient([&](const Tensor& x) {
          const Tensor h = x * 1, v = half(h), u = h.narrow(0, 1, 2);
          v.mul_(3.0);
          const Tensor a = (u * u).sum();
          return a + (v * v).sum() + (u * v).sum();
        }) == Values{36, 90, 12, 0});
  CHECK(gradient([&](const Tensor& x) {
          const Tensor h = x * 1, v = h.narrow(0, 0, 3), u = v.narrow(0, 1, 2);
          v.mul_(3.0);
          u.mul_(2.0);
          return (u * u).sum() + (v * v).sum() + u.sum();
        }) == Values{18, 294, 438, 0});
  CHECK(gradient([&](const Tensor& x) {
          const Tensor h = x * 1, v = half(h);
          h.fill_(2.0);
          return (v * v).sum() + (v * half(x)).sum();
        }) == Values{2, 2, 0, 0});
  CHECK(gradient([&](const Tensor& x) {
          const Tensor h = xg::zeros({4}, f64), v = h[0];
          for (int i = 0; i < 4; ++i) h[i].copy_(x[i] * x[i]);
          return v + v * 2.0 + h.sum();
        }) == Values{8, 4, 6, 8});
  CHECK(gradient([&](const Tensor& x) {
          const Tensor h = x * 1, v = h.view({2, 2}), t = v.transpose(0, 1);
          h.mul_(2.0);
          return (t * v).sum() + (t * t).sum();
        }) == Values{16, 40, 40, 64});
  CHECK(gradient([&](const Tensor& x) {
          const Tensor h = x * 1, v = half(h);
          v.copy_(h.narrow(0, 2, 2));
          return (v * h.narrow(0, 2, 2)).sum() + v.sum();
        }) == Values{0, 0, 7, 9});
  CHECK(gradient([&](const Tensor& x) {
          const Tensor h = x * 1, v = half(h);
          h.mul_(3.0);
          const Tensor y = (v * v).sum() + (h * h).sum();
          v.mul_(2.0);
          return v.sum() + (v * v).sum() + h.sum() * 2 + y.detach();
        }) == Values{90, 162, 6, 6});
}

TEST_CASE("a view of a changed base: hooks, chosen inputs and gradients of gradients") {
  CHECK(gradient([](const Tensor& x) {
          const Tensor h = x * 1, v = h.narrow(0, 0, 2);
          h.mul_(3.0);
          v.register_hook([](const Tensor& g) { return g * 10; });
          return (v * v).sum() + v.sum() + h.sum();
        }) == Values{213, 393, 3, 3});
  CHECK(gradient([](const Tensor& x) {
          const Tensor h = x * 1, v = h.narrow(0, 0, 2);
          h.mul_(3.0);
          const Tensor y = (v * v).sum();
          const Tensor g = xg::grad({y}, {v}, {.retain_graph = true})[0];
          return y + (v * g).sum();
        }) == Values{36, 72, 0, 0});
  CHECK(gradient([](const Tensor& x) {
          const Tensor h = x * 1, v = h.narrow(0, 0, 2);
          h.mul_(3.0);
          const Tensor g = xg::grad({(v * v * v).sum()}, {x}, {.create_graph = true})[0];
          return (g * g).sum();
        }) == Values{26244, 209952, 0, 0});
}
