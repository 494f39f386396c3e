// Gradients of the reductions: central differences, and the conventions where those do not exist.
#include <xgrad/autograd.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/equality.hpp>
#include <xgrad/ops/reduce.hpp>
#include <xgrad/ops/shape.hpp>
#include <xgrad/ops/slice.hpp>
#include <xgrad/testing.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <functional>
#include <limits>
#include <string>

namespace xg = xgrad;
using xg::Shape;
using xg::Tensor;

namespace {

using List = std::vector<std::int64_t>;
using Map = std::function<Tensor(const Tensor&)>;
constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr xg::TensorOptions f64{.dtype = xg::float64, .requires_grad = true};

// Values apart from each other and from 0, so that differences do not cross a kink.
Tensor spaced(const Shape& shape) {
  std::vector<double> values(static_cast<std::size_t>(xg::numel(shape)));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = (static_cast<double>((i * 7 + 3) % values.size()) + 0.6) / static_cast<double>(values.size()) *
                ((i * 5) % 3 == 0 ? -1.7 : 1.3);
  return xg::tensor(std::span(values), shape, f64);
}

void check_derivatives(const Map& f, bool second = true) {
  std::vector<Tensor> inputs{spaced({3, 4, 2}), spaced({4, 2, 3}).permute({2, 0, 1}).detach().requires_grad_(),
                             spaced({6, 4, 2}).slice(0, 0, 6, 2).detach().requires_grad_()};
  for (const Tensor& x : inputs) {
    CHECK(xg::gradcheck(f, {x}));
    if (second) CHECK(xg::gradgradcheck(f, {x}));
  }
}

std::vector<double> gradient(const Map& f, const Tensor& x, const Tensor& cotangent = {}) {
  const Tensor y = f(x);
  return xg::grad({y}, {x}, {.grad_outputs = {cotangent.defined() ? cotangent : xg::ones_like(y)}})[0]
      .to_vector<double>();
}
// d/dx <direction, gradient>.
std::vector<double> second_gradient(const Map& f, const Tensor& x, const Tensor& direction) {
  const Tensor y = f(x);
  const Tensor g = xg::grad({y}, {x}, {.grad_outputs = {xg::ones_like(y)}, .create_graph = true})[0];
  return xg::grad({g}, {x}, {.grad_outputs = {direction}})[0].to_vector<double>();
}

}  // namespace

TEST_CASE("central differences agree") {
  const std::vector<List> dim_lists{{}, {0}, {1}, {-1}, {0, 2}, {1, 2}, {0, 1, 2}};
  using Named = std::pair<const char*, std::function<Tensor(const Tensor&, const List&, bool)>>;
  const std::vector<Named> reductions{
      {"sum", [](const Tensor& x, const List& d, bool k) { return xg::sum(x * x, {.dim = d, .keepdim = k}); }},
      {"mean", [](const Tensor& x, const List& d, bool k) { return xg::mean(x * x, {.dim = d, .keepdim = k}); }},
      {"var", [](const Tensor& x, const List& d, bool k) { return xg::var(x, {.dim = d, .keepdim = k}); }},
      {"var 0",
       [](const Tensor& x, const List& d, bool k) { return xg::var(x, {.dim = d, .correction = 0, .keepdim = k}); }},
      {"std", [](const Tensor& x, const List& d, bool k) { return xg::std(x, {.dim = d, .keepdim = k}); }},
      {"norm 2", [](const Tensor& x, const List& d, bool k) { return xg::norm(x, 2, {.dim = d, .keepdim = k}); }},
      {"norm 1", [](const Tensor& x, const List& d, bool k) { return xg::norm(x, 1, {.dim = d, .keepdim = k}); }},
      {"norm 3", [](const Tensor& x, const List& d, bool k) { return xg::norm(x, 3, {.dim = d, .keepdim = k}); }},
      {"norm 1.5", [](const Tensor& x, const List& d, bool k) { return xg::norm(x, 1.5, {.dim = d, .keepdim = k}); }},
      {"norm 0.5", [](const Tensor& x, const List& d, bool k) { return xg::norm(x, 0.5, {.dim = d, .keepdim = k}); }},
      {"norm -2", [](const Tensor& x, const List& d, bool k) { return xg::norm(x, -2, {.dim = d, .keepdim = k}); }},
      {"norm inf", [](const Tensor& x, const List& d, bool k) { return xg::norm(x, inf, {.dim = d, .keepdim = k}); }},
      {"norm -inf", [](const Tensor& x, const List& d, bool k) { return xg::norm(x, -inf, {.dim = d, .keepdim = k}); }},
      {"amax", [](const Tensor& x, const List& d, bool k) { return xg::amax(x, {.dim = d, .keepdim = k}); }},
      {"amin", [](const Tensor& x, const List& d, bool k) { return xg::amin(x, {.dim = d, .keepdim = k}); }},
      {"logsumexp", [](const Tensor& x, const List& d, bool k) { return xg::logsumexp(x, {.dim = d, .keepdim = k}); }},
      {"prod", [](const Tensor& x, const List& d, bool k) { return xg::prod(x, {.dim = d, .keepdim = k}); }},
  };
  for (const Named& named : reductions) {
    const std::string name = named.first;
    CAPTURE(name);
    for (std::size_t i = 0; i < dim_lists.size(); ++i)
      check_derivatives([&](const Tensor& x) { return named.second(x, dim_lists[i], i % 2 == 0); });
  }
  for (const std::int64_t dim : {0, 1, -1}) {
    CAPTURE(dim);
    check_derivatives([&](const Tensor& x) { return xg::max(x, dim).first; });
    check_derivatives([&](const Tensor& x) { return xg::min(x, dim, true).first; });
    check_derivatives([&](const Tensor& x) { return xg::cumsum(x, dim); });
    check_derivatives([&](const Tensor& x) { return xg::cumprod(x, dim); });
  }
  check_derivatives([](const Tensor& x) { return xg::max(x); });
  check_derivatives([](const Tensor& x) { return x.min(); });
  check_derivatives([](const Tensor& x) {
    auto [variance, mean] = xg::var_mean(x, 1);
    return variance * mean;
  });
}

TEST_CASE("0-d tensors, size 0, size 1") {
  for (const Map& f : std::vector<Map>{
           [](const Tensor& x) { return xg::sum(x * x); }, [](const Tensor& x) { return xg::mean(x * x, 0); },
           [](const Tensor& x) { return xg::prod(x); }, [](const Tensor& x) { return xg::norm(x); },
           [](const Tensor& x) { return xg::amax(x, 0); }, [](const Tensor& x) { return xg::max(x, 0).first; },
           [](const Tensor& x) { return xg::logsumexp(x, 0, true); }, [](const Tensor& x) { return xg::cumsum(x, 0); },
           [](const Tensor& x) { return xg::cumprod(x, 0); }, [](const Tensor& x) { return xg::var(x, 0, 0); }}) {
    CHECK(xg::gradcheck(f, {xg::tensor(0.7, f64)}));
    CHECK(xg::gradgradcheck(f, {xg::tensor(0.7, f64)}));
    CHECK(xg::gradcheck(f, {xg::tensor({0.7}, f64)}));
    CHECK(xg::gradgradcheck(f, {xg::tensor({0.7}, f64)}));
  }
  for (const Map& f : std::vector<Map>{
           [](const Tensor& x) { return xg::sum(x, 1); }, [](const Tensor& x) { return xg::prod(x, 1); },
           [](const Tensor& x) { return xg::norm(x, 2, 1); }, [](const Tensor& x) { return xg::cumprod(x, 1); },
           [](const Tensor& x) { return xg::cumsum(x, 1); }, [](const Tensor& x) { return xg::logsumexp(x, 1); }}) {
    CHECK(gradient(f, xg::zeros({2, 0}, f64)).empty());
    CHECK(gradient(f, xg::zeros({0, 2}, f64)).empty());
  }
}

TEST_CASE("prod and cumprod with zeros") {
  const Map prod = [](const Tensor& x) { return xg::prod(x); };
  CHECK(gradient(prod, xg::tensor({2.0, 0.0, 5.0, 3.0}, f64)) == std::vector<double>{0, 30, 0, 0});
  CHECK(gradient(prod, xg::tensor({2.0, 0.0, 0.0, 3.0}, f64)) == std::vector<double>{0, 0, 0, 0});
  // d2(abcd)/da db = cd: along direction e the Hessian's product.
  CHECK(second_gradient(prod, xg::tensor({2.0, 0.0, 5.0, 3.0}, f64), xg::tensor({1.0, 0.0, 0.0, 0.0}, f64)) ==
        std::vector<double>{0, 15, 0, 0});
  CHECK(second_gradient(prod, xg::tensor({2.0, 0.0, 0.0, 3.0}, f64), xg::tensor({0.0, 1.0, 0.0, 0.0}, f64)) ==
        std::vector<double>{0, 0, 6, 0});
  for (const std::vector<double>& values :
       {std::vector<double>{1, 2, 0, 4, 5, 0, 2}, {0, 0, 0, 1, 2, 3, 4}, {3, 1, 4, 1, 5, 9, 0}}) {
    const Tensor x = xg::tensor(values, f64);
    CHECK(xg::gradcheck(prod, {x}));
    CHECK(xg::gradgradcheck(prod, {x}));
    const Map cumprod = [](const Tensor& t) { return xg::cumprod(t, 0); };
    CHECK(xg::gradcheck(cumprod, {x}));
    CHECK(xg::gradgradcheck(cumprod, {x}));
  }
}

TEST_CASE("ties and NaN") {
  const Tensor x = xg::tensor({{3.0, 3.0, 1.0}, {2.0, 3.0, 2.0}}, f64);
  const double third = 1.0 / 3;
  CHECK(gradient([](const Tensor& t) { return xg::amax(t); }, x) == std::vector<double>{third, third, 0, 0, third, 0});
  CHECK(gradient([](const Tensor& t) { return xg::max(t); }, x) == std::vector<double>{third, third, 0, 0, third, 0});
  CHECK(gradient([](const Tensor& t) { return xg::amin(t, 1); }, x) == std::vector<double>{0, 0, 1, 0.5, 0, 0.5});
  CHECK(gradient([](const Tensor& t) { return xg::max(t, 1).first; }, x) == std::vector<double>{1, 0, 0, 0, 1, 0});
  CHECK(gradient([](const Tensor& t) { return xg::min(t, 1, true).first; }, x) ==
        std::vector<double>{0, 0, 1, 1, 0, 0});
  const Tensor signs = xg::tensor({-3.0, 3.0, 1.0}, f64);
  CHECK(gradient([](const Tensor& t) { return xg::norm(t, inf); }, signs) == std::vector<double>{-0.5, 0.5, 0});
  const Tensor broken = xg::tensor({1.0, not_a_number, 2.0}, f64);
  CHECK(gradient([](const Tensor& t) { return xg::amax(t); }, broken) == std::vector<double>{0, 1, 0});
  CHECK(gradient([](const Tensor& t) { return xg::max(t, 0).first; }, broken) == std::vector<double>{0, 1, 0});
}

TEST_CASE("where a root or a logarithm has no derivative the gradient is 0") {
  const Tensor zero = xg::zeros({3}, f64);
  for (const double p : {1.0, 1.5, 2.0, 3.0, inf, 0.0}) {
    CAPTURE(p);
    const Map norm = [&](const Tensor& t) { return xg::norm(t, p); };
    CHECK(gradient(norm, zero) == std::vector<double>{0, 0, 0});
  }
  CHECK(second_gradient([](const Tensor& t) { return xg::norm(t); }, zero, xg::ones({3}, f64)) ==
        std::vector<double>{0, 0, 0});
  const Tensor flat = xg::full({3}, 0.3, f64);
  CHECK(gradient([](const Tensor& t) { return xg::std(t); }, flat) == std::vector<double>{0, 0, 0});
  CHECK(second_gradient([](const Tensor& t) { return xg::std(t); }, flat, xg::ones({3}, f64)) ==
        std::vector<double>{0, 0, 0});
  // Some zeros among others: closed form x |x|^(p-2) / y^(p-1).
  const Tensor some = xg::tensor({0.0, 3.0, -4.0}, f64);
  const std::vector<double> direction = gradient([](const Tensor& t) { return xg::norm(t); }, some);
  CHECK(direction[0] == 0);
  CHECK(direction[1] == doctest::Approx(0.6).epsilon(1e-15));
  CHECK(direction[2] == doctest::Approx(-0.8).epsilon(1e-15));
  CHECK(gradient([](const Tensor& t) { return xg::norm(t, 1); }, some) == std::vector<double>{0, 1, -1});
  CHECK(gradient([](const Tensor& t) { return xg::norm(t, 0); }, some) == std::vector<double>{0, 0, 0});

  const Map logsumexp = [](const Tensor& t) { return xg::logsumexp(t, 0); };
  CHECK(gradient(logsumexp, xg::tensor({-inf, -inf}, f64)) == std::vector<double>{0, 0});
  CHECK(gradient(logsumexp, xg::tensor({-inf, 0.0}, f64)) == std::vector<double>{0, 1});
  CHECK(second_gradient(logsumexp, xg::tensor({-inf, -inf}, f64), xg::ones({2}, f64)) == std::vector<double>{0, 0});
}

TEST_CASE("the gradient of a sum is a view") {
  const Tensor x = xg::ones({1000, 1000}, {.requires_grad = true});
  const Tensor g = xg::grad({x.sum()}, {x})[0];
  CHECK(g.sizes() == Shape{1000, 1000});
  CHECK(g.strides() == Shape{0, 0});
  // A leaf's own gradient is memory of its own all the same.
  x.sum(1).sum().backward();
  CHECK(xg::equal(x.grad(), xg::ones({1000, 1000})));
}

TEST_CASE("with and without create_graph agree, and only what was asked for is recorded") {
  for (const Map& f : std::vector<Map>{[](const Tensor& x) { return xg::sum(x, 1); },
                                       [](const Tensor& x) {
                                         return xg::std(x, {0, 2});
                                       },
                                       [](const Tensor& x) { return xg::logsumexp(x, -1, true); },
                                       [](const Tensor& x) { return xg::cumsum(x, 1); },
                                       [](const Tensor& x) {
                                         return xg::prod(x, {0, 1});
                                       }}) {
    const Tensor x = spaced({3, 4, 2});
    const Tensor y = f(x);
    CHECK(y.requires_grad());
    const Tensor plain = xg::grad({y}, {x}, {.grad_outputs = {xg::ones_like(y)}, .retain_graph = true})[0];
    const Tensor recorded = xg::grad({y}, {x}, {.grad_outputs = {xg::ones_like(y)}, .create_graph = true})[0];
    CHECK(xg::allclose(plain, recorded.detach(), {.rtol = 1e-14, .atol = 1e-15}));
    CHECK(!plain.requires_grad());
    CHECK(!f(x.detach()).requires_grad());
  }
  CHECK(!xg::argmax(spaced({3}), 0).requires_grad());
  CHECK(!xg::max(spaced({3}), 0).second.requires_grad());
  CHECK(!xg::all(spaced({3})).requires_grad());
}
