#include <xgrad/autograd.hpp>
#include <xgrad/build_info.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/equality.hpp>
#include <xgrad/ops/linalg.hpp>
#include <xgrad/threads.hpp>

#include <cmath>
#include <cstring>
#include <doctest/doctest.h>

#include "numeric.hpp"
#include "support/errors.hpp"

namespace xg = xgrad;
using numeric::check_gradients;
using numeric::distance;
using numeric::random;
using numeric::same_bits;
using test::has;
using test::message_of;
using xg::Shape;
using xg::Tensor;
using xg::TensorList;

namespace {

// One matrix product by the definition, in float64.
Tensor naive(const Tensor& a, const Tensor& b) {
  const std::int64_t m = a.size(0), k = a.size(1), n = b.size(1);
  const auto x = a.to(xg::float64).to_vector<double>(), y = b.to(xg::float64).to_vector<double>();
  std::vector<double> z(static_cast<std::size_t>(m * n), 0.0);
  for (std::int64_t i = 0; i < m; ++i)
    for (std::int64_t j = 0; j < n; ++j)
      for (std::int64_t l = 0; l < k; ++l)
        z[static_cast<std::size_t>(i * n + j)] +=
            x[static_cast<std::size_t>(i * k + l)] * y[static_cast<std::size_t>(l * n + j)];
  return xg::tensor(std::span<const double>(z), {m, n});
}

}  // namespace

TEST_CASE("matmul of matrices is the sum over the inner dimension, for any size") {
  for (const Shape& size : {Shape{1, 1, 1}, Shape{2, 3, 4}, Shape{1, 300, 70}, Shape{70, 300, 1}, Shape{17, 1, 19},
                            Shape{8, 8, 8}, Shape{33, 65, 31}, Shape{130, 70, 200}, Shape{5, 1000, 3}}) {
    CAPTURE(xg::to_string(size));
    const Tensor a = random({size[0], size[1]}, 1), b = random({size[1], size[2]}, 2);
    const Tensor expected = naive(a, b);
    const double tolerance = 1e-14 * static_cast<double>(size[1] + 10);
    CHECK(distance(xg::matmul(a, b), expected) <= tolerance);
    CHECK(distance(xg::mm(a, b), expected) <= tolerance);
    CHECK(distance(xg::matmul(a.to(xg::float32), b.to(xg::float32)), expected) <= 1e-6 * static_cast<double>(size[1]));
    // The same values lying in other orders.
    const Tensor at = a.t().contiguous().t(), bt = b.t().contiguous().t();
    CHECK(distance(xg::matmul(at, b), expected) <= tolerance);
    CHECK(distance(xg::matmul(a, bt), expected) <= tolerance);
    CHECK(distance(xg::matmul(at, bt), expected) <= tolerance);
  }
}

TEST_CASE("matmul takes strided, reversed and expanded operands") {
  const Tensor wide = random({40, 60}, 3);
  const Tensor a = wide.slice(0, 0, 40, 2), b = random({120, 50}, 4).slice(0, 0, 120, 2).slice(1, 1, 50, 3);
  CHECK(distance(xg::matmul(a, b), naive(a, b)) <= 1e-13);
  const Tensor row = random({1, 60}, 5).expand({40, 60}), column = random({60, 1}, 6).expand({60, 40});
  CHECK(distance(xg::matmul(row, column), naive(row, column)) <= 1e-13);
  CHECK(distance(xg::matmul(wide, column), naive(wide, column)) <= 1e-13);
  const Tensor v = random({1}, 7).expand({60});
  CHECK(distance(xg::mv(wide, v), naive(wide, v.reshape({60, 1})).reshape({40})) <= 1e-13);
}

TEST_CASE("matmul in all its ranks") {
  const Tensor x = random({5}, 1), m = random({5, 4}, 2), n = random({3, 5}, 3);
  CHECK(xg::matmul(x, x).sizes() == Shape{});
  CHECK(xg::matmul(x, x).item<double>() == doctest::Approx(naive(x.reshape({1, 5}), x.reshape({5, 1})).item<double>()));
  CHECK(distance(xg::matmul(x, m), naive(x.reshape({1, 5}), m).reshape({4})) <= 1e-14);
  CHECK(distance(xg::matmul(n, x), naive(n, x.reshape({5, 1})).reshape({3})) <= 1e-14);
  CHECK(distance(n.matmul(x), n.mm(x.reshape({5, 1})).reshape({3})) <= 1e-14);

  const Tensor a = random({2, 1, 3, 5}, 4), b = random({4, 5, 6}, 5);
  const Tensor c = xg::matmul(a, b);
  REQUIRE(c.sizes() == Shape{2, 4, 3, 6});
  for (std::int64_t i = 0; i < 2; ++i)
    for (std::int64_t j = 0; j < 4; ++j)
      CHECK(distance(c.select(0, i).select(0, j), naive(a.select(0, i).select(0, 0), b.select(0, j))) <= 1e-14);
  const Tensor folded = xg::matmul(a, m);
  REQUIRE(folded.sizes() == Shape{2, 1, 3, 4});
  CHECK(distance(folded.select(0, 1).select(0, 0), naive(a.select(0, 1).select(0, 0), m)) <= 1e-14);
  CHECK(xg::matmul(x, b).sizes() == Shape{4, 6});
  CHECK(distance(xg::matmul(x, b).select(0, 2), naive(x.reshape({1, 5}), b.select(0, 2)).reshape({6})) <= 1e-14);
  CHECK(xg::matmul(a, x).sizes() == Shape{2, 1, 3});

  const Tensor p = random({3, 4, 5}, 6), q = random({4, 5, 2}, 7);
  CHECK(distance(xg::bmm(p.transpose(0, 1).contiguous(), q.slice(2, 0, 1)).select(0, 3),
                 naive(p.select(1, 3), q.slice(2, 0, 1).select(0, 3))) <= 1e-14);
  CHECK(distance(xg::bmm(p.transpose(0, 1), q).select(0, 3), naive(p.select(1, 3), q.select(0, 3))) <= 1e-14);
  CHECK(distance(xg::bmm(q.transpose(1, 2), p.transpose(0, 1).transpose(1, 2)).select(0, 1),
                 naive(q.select(0, 1).t(), p.select(1, 1).t())) <= 1e-14);
}

TEST_CASE("int64 products are exact") {
  const std::int64_t big = (std::int64_t{1} << 53) + 1;
  const Tensor a = xg::tensor({{big, std::int64_t{2}}, {std::int64_t{-3}, std::int64_t{4}}});
  const Tensor b = xg::tensor({{1, 0}, {5, -1}});
  CHECK(xg::matmul(a, b).to_vector<std::int64_t>() == std::vector<std::int64_t>{big + 10, -2, 17, -4});
  CHECK(xg::dot(xg::tensor({1, 2, 3}), xg::tensor({4, 5, 6})).item<std::int64_t>() == 32);
}

TEST_CASE("sizes of zero give empty results, inner ones zeros") {
  CHECK(xg::matmul(xg::zeros({0, 3}), xg::zeros({3, 4})).sizes() == Shape{0, 4});
  CHECK(xg::matmul(xg::zeros({2, 3, 4}), xg::zeros({2, 4, 0})).sizes() == Shape{2, 3, 0});
  for (const Tensor& zero :
       {xg::matmul(xg::zeros({40, 0}), xg::zeros({0, 50})), xg::matmul(xg::zeros({3, 0}), xg::zeros({0})),
        xg::bmm(xg::zeros({2, 3, 0}), xg::zeros({2, 0, 5})), xg::dot(xg::zeros({0}), xg::zeros({0}))})
    CHECK(distance(zero, xg::zeros(zero.sizes())) == 0);
  const Tensor bias = random({4}, 1);
  const Tensor y = xg::linear(random({2, 0}, 2), random({4, 0}, 3), bias);
  CHECK(distance(y, bias.expand({2, 4})) == 0);
  Tensor x = random({2, 0, 3}, 4).requires_grad_(), w = random({5, 3}, 5).requires_grad_();
  xg::linear(x, w).backward(xg::zeros({2, 0, 5}, {.dtype = xg::float64}));
  CHECK(x.grad().sizes() == Shape{2, 0, 3});
  CHECK(distance(w.grad(), xg::zeros({5, 3})) == 0);
}

TEST_CASE("NaN and infinity pass through every kernel, and memory taken over is not read") {
  for (std::int64_t n : {1, 3, 64, 200}) {
    CAPTURE(n);
    { const Tensor poison = xg::full({n, n}, NAN); }
    CHECK(!std::isnan(xg::matmul(xg::ones({n, n}), xg::ones({n, n})).to_vector<float>()[0]));
    Tensor a = xg::zeros({n, n});
    a.data<float>()[0] = NAN;
    CHECK(std::isnan(xg::matmul(a, xg::zeros({n, n})).to_vector<float>()[0]));
    CHECK(std::isnan(xg::matmul(xg::zeros({n, n}), a).to_vector<float>()[0]));
    CHECK(std::isnan(xg::mv(a, xg::zeros({n})).to_vector<float>()[0]));
  }
}

TEST_CASE("gradients of every product, to the second order") {
  auto both = [](auto f) { return [f](const TensorList& in) { return TensorList{f(in[0], in[1])}; }; };
  auto leaf = [](const Shape& shape, std::uint64_t seed) { return random(shape, seed).requires_grad_(); };
  const auto matmul = both([](const Tensor& a, const Tensor& b) { return xg::matmul(a, b); });
  check_gradients(matmul, {leaf({3}, 1), leaf({3}, 2)});
  check_gradients(matmul, {leaf({2, 3}, 1), leaf({3}, 2)});
  check_gradients(matmul, {leaf({3}, 1), leaf({3, 2}, 2)});
  check_gradients(matmul, {leaf({2, 3}, 1), leaf({3, 4}, 2)}, 3);
  check_gradients(matmul, {leaf({2, 2, 3}, 1), leaf({3, 4}, 2)}, 3);
  check_gradients(matmul, {leaf({2, 2, 3}, 1), leaf({2, 3, 4}, 2)});
  check_gradients(matmul, {leaf({2, 1, 2, 3}, 1), leaf({3, 3, 2}, 2)});
  check_gradients(matmul, {leaf({2, 3}, 1), leaf({2, 3, 2}, 2)});
  check_gradients(matmul, {leaf({3}, 1), leaf({2, 3, 2}, 2)});
  check_gradients(matmul, {leaf({2, 2, 3}, 1), leaf({3}, 2)});
  check_gradients(both([](const Tensor& a, const Tensor& b) { return xg::matmul(a.t(), b.t()); }),
                  {leaf({3, 2}, 1), leaf({4, 3}, 2)});
  check_gradients(both([](const Tensor& a, const Tensor& b) { return xg::bmm(a, b.transpose(1, 2)); }),
                  {leaf({2, 2, 3}, 1), leaf({2, 4, 3}, 2)});
  check_gradients(both([](const Tensor& a, const Tensor& b) { return xg::outer(a, b); }), {leaf({3}, 1), leaf({4}, 2)});
  check_gradients(both([](const Tensor& a, const Tensor& b) { return xg::dot(a, b); }), {leaf({4}, 1), leaf({4}, 2)});
  auto addmm = [](const TensorList& in) {
    return TensorList{xg::addmm(in[0], in[1], in[2], {.beta = 0.5, .alpha = -2})};
  };
  check_gradients(addmm, {leaf({3}, 1), leaf({2, 4}, 2), leaf({4, 3}, 3)});
  const Tensor nan = xg::full({2, 3}, std::nan("")), two = xg::ones({2, 4}), four = xg::ones({4, 3});
  CHECK(xg::addmm(nan, two, four, {.beta = 0}).to_vector<double>() == std::vector<double>(6, 4.0));
  auto linear = [](const TensorList& in) { return TensorList{xg::linear(in[0], in[1], in[2])}; };
  check_gradients(linear, {leaf({3}, 1), leaf({4, 3}, 2), leaf({4}, 3)});
  check_gradients(linear, {leaf({2, 3}, 1), leaf({4, 3}, 2), leaf({4}, 3)}, 3);
  check_gradients(linear, {leaf({2, 2, 3}, 1), leaf({4, 3}, 2), leaf({4}, 3)});
  auto same = [](const TensorList& in) { return TensorList{xg::matmul(in[0], in[0])}; };
  check_gradients(same, {leaf({3, 3}, 1)}, 3);
}

TEST_CASE("gradients accumulate: a weight used twice, and a second backward") {
  Tensor w = random({60, 50}, 1).requires_grad_(), bias = random({60}, 2).requires_grad_();
  const Tensor x = random({40, 50}, 3), g = random({40, 60}, 4);
  xg::linear(x, w, bias).backward(g);
  const Tensor once = w.grad().clone(), bias_once = bias.grad().clone();
  CHECK(distance(once, naive(g.t(), x)) <= 1e-12);
  xg::linear(x, w, bias).backward(g);
  CHECK(distance(w.grad(), once * 2) <= 1e-12);
  CHECK(distance(bias.grad(), bias_once * 2) <= 1e-12);
  w.zero_grad();
  (xg::matmul(x, w.t()) + xg::linear(x, w)).backward(g);
  CHECK(distance(w.grad(), once * 2) <= 1e-12);
}

TEST_CASE("only the gradients asked for are formed") {
  const Tensor x = random({4, 3}, 1);
  Tensor w = random({2, 3}, 2).requires_grad_();
  const Tensor y = xg::linear(x, w);
  CHECK(y.grad_fn() == "linear");
  y.backward(xg::ones({4, 2}, {.dtype = xg::float64}));
  CHECK(!x.grad().defined());
  CHECK(w.grad().defined());
  CHECK(!xg::matmul(x, w.detach().t()).requires_grad());
}

TEST_CASE("the same bits for any number of threads, forward and backward") {
  const int before = xg::get_num_threads();
  // OpenMP's flavour of OpenBLAS shares work among threads itself, unless it is told not to.
  const bool whole_products = xg::build_info().find("OpenMP threads") != std::string::npos;
  for (const bool deterministic : {true, false}) {
    if (!deterministic && whole_products) continue;
    xg::use_deterministic_algorithms(deterministic);
    for (const Shape& size : {Shape{260, 300, 270}, Shape{1, 700, 900}, Shape{900, 700, 1}, Shape{64, 90, 2000}}) {
      std::vector<TensorList> found;
      for (int threads : {1, 2, 3}) {
        xg::set_num_threads(threads);
        Tensor x = random({size[0], size[1]}, 1, xg::float32).requires_grad_();
        Tensor w = random({size[2], size[1]}, 2, xg::float32).requires_grad_();
        Tensor bias = random({size[2]}, 3, xg::float32).requires_grad_();
        const Tensor y = xg::linear(x, w, bias);
        y.backward(random({size[0], size[2]}, 4, xg::float32));
        const Tensor stack = random({40, 30, 50}, 5, xg::float32);
        found.push_back({y.detach(), x.grad(), w.grad(), bias.grad(), xg::bmm(stack, stack.transpose(1, 2))});
      }
      for (std::size_t i = 0; i < found[0].size(); ++i) {
        CHECK(same_bits(found[0][i], found[1][i]));
        CHECK(same_bits(found[0][i], found[2][i]));
      }
    }
  }
  xg::use_deterministic_algorithms(false);
  xg::set_num_threads(before);
}

TEST_CASE("misuse is reported with names, shapes and the place, before anything is done") {
  const Tensor a = xg::zeros({2, 3}), b = xg::zeros({4, 5});
  const std::string inner = message_of<xg::ShapeError>([&] { xg::matmul(a, b); });
  CHECK(has(inner, "matmul: inner dimensions differ: a is [2, 3], b is [4, 5] (3 != 4) at "));
  CHECK(has(inner, "linalg_test.cpp:"));
  CHECK(has(message_of<xg::ShapeError>([&] { xg::matmul(xg::zeros({}), a); }),
            "matmul: expected operands with at least"));
  CHECK(has(message_of<xg::ShapeError>([&] {
              xg::matmul(xg::zeros({2, 4, 3}), xg::zeros({3, 3, 4}));
            }),
            "matmul: batch dimensions do not broadcast: a is [2, 4, 3], b is [3, 3, 4] (2 and 3)"));
  CHECK(has(message_of<xg::ShapeError>([&] { xg::mm(a, xg::zeros({3})); }), "mm: expected a with 2 and b with 2"));
  CHECK(has(message_of<xg::ShapeError>([&] {
              xg::bmm(xg::zeros({1, 2, 3}), xg::zeros({2, 3, 4}));
            }),
            "bmm: batch sizes differ: a is [1, 2, 3], b is [2, 3, 4]"));
  CHECK(has(message_of<xg::ShapeError>([&] { xg::dot(xg::zeros({2}), xg::zeros({3})); }),
            "dot: inner dimensions differ"));
  CHECK(has(message_of<xg::ShapeError>([&] { xg::addmm(xg::zeros({3, 3}), a, xg::zeros({3, 5})); }), "addmm: "));
  CHECK(has(message_of<xg::DtypeError>([&] { xg::matmul(a, xg::zeros({3, 2}, {.dtype = xg::float64})); }), "matmul: "));
  CHECK(has(message_of<xg::DtypeError>([&] { xg::matmul(a.to(xg::bool_), a.t().to(xg::bool_)); }),
            "matmul: expected float32, float64 or int64, got bool"));
  const std::string features = message_of<xg::ShapeError>([&] { xg::linear(a, b); });
  CHECK(has(features, "linear: expected input with 5 features (weight is [4, 5]), got [2, 3]"));
  CHECK(has(message_of<xg::ShapeError>([&] {
              xg::linear(a, xg::zeros({4, 3}), xg::zeros({3}));
            }),
            "linear: expected bias of shape [4] (weight is [4, 3]), got [3]"));
  CHECK(has(message_of<xg::DtypeError>([&] { xg::linear(xg::tensor({{1, 2}}), xg::zeros({4, 2})); }), "linear: "));
  CHECK(has(message_of<xg::Error>([&] { xg::matmul(a, Tensor()); }), "linalg_test.cpp:"));
}

TEST_CASE("linear in float32 near float64, over many rows") {
  for (const std::int64_t rows : {20, 300}) {
    const Tensor x = numeric::random({rows, 70}, 1), w = numeric::random({90, 70}, 2), b = numeric::random({90}, 3);
    const Tensor narrow = xg::linear(x.to(xg::float32), w.to(xg::float32), b.to(xg::float32));
    CHECK(numeric::distance(narrow, xg::linear(x, w, b)) < 1e-5);
    // A weight whose rows lie apart.
    const Tensor apart = numeric::random({90, 100}, 4).narrow(1, 20, 70);
    CHECK(numeric::distance(xg::linear(x.to(xg::float32), apart.to(xg::float32)), xg::linear(x, apart)) < 1e-5);
    const Tensor wide = numeric::random({90, 100}, 4).to(xg::float32).narrow(1, 20, 70);
    CHECK(numeric::distance(xg::linear(x.to(xg::float32), wide), xg::linear(x, apart)) < 1e-5);
  }
}
