// Recorded changes in place, through aliases and views: against the same formulas written without them.
#include <doctest/doctest.h>

#include <vector>

#include <xgrad/xgrad.hpp>

namespace xg = xgrad;
using xg::Tensor;
using Values = std::vector<double>;

namespace {
constexpr xg::TensorOptions f64{.dtype = xg::float64, .requires_grad = true};
Tensor numbers() { return xg::tensor({1.0, 2.0, 3.0, 4.0}, f64); }
}  // namespace

TEST_CASE("on the result of an operation") {
  const Tensor x = numbers();
  const Tensor h = x * 2;
  const Tensor alias = h;
  h.mul_(h.detach().clone());  // h = 4 x^2 with the second factor held constant
  CHECK(alias.to_vector<double>() == Values{4, 16, 36, 64});
  alias.sum().backward();
  CHECK(x.grad().to_vector<double>() == Values{4, 8, 12, 16});
}

TEST_CASE("a leaf that requires grad, and its views, are refused while recording") {
  const Tensor x = numbers();
  CHECK_THROWS_AS(x.add_(1.0), xg::AutogradError);
  CHECK_THROWS_AS(x[0].add_(1.0), xg::AutogradError);
  CHECK_THROWS_AS(x.zero_(), xg::AutogradError);
  CHECK(x.to_vector<double>() == Values{1, 2, 3, 4});
  xg::NoGradGuard no_grad;
  x.add_(1.0);
  CHECK(x.to_vector<double>() == Values{2, 3, 4, 5});
}

TEST_CASE("through a view, seen by the base") {
  const Tensor x = numbers();
  const Tensor base = x * 1;
  base.narrow(0, 1, 2).mul_(10.0);
  CHECK(base.to_vector<double>() == Values{1, 20, 30, 4});
  (base * base).sum().backward();
  CHECK(x.grad().to_vector<double>() == Values{2, 400, 600, 8});
}

TEST_CASE("on the base, seen by a view made before") {
  const Tensor x = numbers();
  const Tensor base = x * 1;
  const Tensor view = base.slice(0, 0, 4, 2);
  base.mul_(3.0);
  CHECK(view.to_vector<double>() == Values{3, 9});
  (view * view).sum().backward();
  CHECK(x.grad().to_vector<double>() == Values{18, 0, 54, 0});
}

TEST_CASE("through a view of a view, seen by the base and by another view") {
  const Tensor x = numbers();
  const Tensor base = x.reshape({2, 2}) * 1;
  const Tensor other = base.select(1, 0);
  const Tensor inner = base.transpose(0, 1).select(0, 0);  // the first column again
  inner.add_(inner.detach());
  CHECK(base.to_vector<double>() == Values{2, 2, 6, 4});
  other.mul_(2.0);
  CHECK(inner.to_vector<double>() == Values{4, 12});
  (base.sum() + inner.sum()).backward();
  CHECK(x.grad().to_vector<double>() == Values{4, 1, 4, 1});
}

TEST_CASE("a constant buffer takes the history of what is written into it") {
  const Tensor w = xg::tensor({5.0}, f64);
  const Tensor buffer = xg::zeros({3}, {.dtype = xg::float64});
  buffer[1].copy_(w[0]);
  CHECK(buffer.requires_grad());
  (buffer * buffer).sum().backward();
  CHECK(w.grad().item<double>() == 10.0);
}

TEST_CASE("fill and zero cut the gradient where they wrote") {
  const Tensor x = numbers();
  const Tensor h = x * 2;
  h.narrow(0, 0, 2).zero_();
  h.sum().backward();
  CHECK(x.grad().to_vector<double>() == Values{0, 0, 2, 2});
  x.zero_grad();
  const Tensor all = x * 2;
  all.fill_(7.0);
  all.sum().backward();
  CHECK(x.grad().to_vector<double>() == Values{0, 0, 0, 0});
}

TEST_CASE("the version is shared by views and by detach") {
  const Tensor x = numbers();
  const Tensor h = x * 1;
  const Tensor square = h * h;
  {
    xg::NoGradGuard no_grad;
    h.detach().select(0, 0).mul_(2.0);
  }
  CHECK(h.version() == 1);
  CHECK_THROWS_AS(square.sum().backward(), xg::AutogradError);
}

TEST_CASE("gradients of gradients through changes in place") {
  const Tensor x = numbers();
  const Tensor h = x * x;
  h.narrow(0, 0, 2).mul_(x.narrow(0, 2, 2).detach());
  const Tensor first = xg::grad({(h * x).sum()}, {x}, {.create_graph = true})[0];
  const Tensor second = xg::grad({first.sum()}, {x})[0];
  // d^2/dx^2 of c x^3 is 6 c x, with c = 3, 4, 1, 1
  CHECK(second.to_vector<double>() == Values{18, 48, 18, 24});
}

TEST_CASE("shapes and dtypes that do not fit change nothing") {
  const Tensor x = xg::ones({2}, {.dtype = xg::float64});
  CHECK_THROWS_AS(x.add_(xg::ones({3}, {.dtype = xg::float64})), xg::ShapeError);
  CHECK_THROWS_AS(x.add_(xg::ones({2, 2}, {.dtype = xg::float64})), xg::ShapeError);
  CHECK_THROWS_AS(x.copy_(xg::ones({3}, {.dtype = xg::float64})), xg::ShapeError);
  CHECK_THROWS_AS(xg::tensor({1, 2}).add_(0.5), xg::DtypeError);
  CHECK_THROWS_AS(x.reshape({2, 1}).expand({2, 3}).add_(1.0), xg::AutogradError);
  CHECK(x.to_vector<double>() == Values{1, 1});
  CHECK(x.version() == 0);
}

TEST_CASE("a graph with changes in place leaves nothing behind") {
  const auto before = xg::memory_stats().allocated;
  {
    const Tensor x = xg::ones({1000}, f64);
    Tensor h = x * 2;
    for (int i = 0; i < 10; ++i) {
      h.mul_(1.5);
      h.narrow(0, i, 10).add_(1.0);
    }
    h.sum().backward();
  }
  CHECK(xg::memory_stats().allocated == before);
}
