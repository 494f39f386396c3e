#include <xgrad/autograd.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/distance.hpp>
#include <xgrad/ops/equality.hpp>
#include <xgrad/random.hpp>
#include <xgrad/testing.hpp>
#include <xgrad/threads.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <limits>
#include <vector>

#include "support/errors.hpp"

namespace xg = xgrad;
using test::mentions;
using test::message_of;
using xg::Tensor;
using Numbers = std::vector<double>;

namespace {
constexpr xg::TensorOptions leaf{.dtype = xg::float64, .requires_grad = true};
constexpr double inf = std::numeric_limits<double>::infinity();
}  // namespace

TEST_CASE("rows that coincide take no gradient, at either order") {
  for (const double p : {0.0, 0.5, 1.0, 1.5, 2.0, 3.0, inf}) {
    const Tensor x = xg::tensor({{1.0, 2.0}, {1.0, 2.0}}, leaf);
    const Tensor slope = xg::grad({xg::cdist(x, x.detach(), p).sum()}, {x}, {.create_graph = true})[0];
    CHECK(slope.to_vector<double>() == Numbers(4, 0.0));
    if (slope.requires_grad()) CHECK(xg::grad({slope.sum()}, {x})[0].to_vector<double>() == Numbers(4, 0.0));
    const Tensor plain = xg::grad({xg::pdist(x, p).sum()}, {x})[0];
    CHECK(plain.to_vector<double>() == Numbers(4, 0.0));
  }
}

TEST_CASE("every largest difference takes the whole gradient of cdist") {
  const Tensor x = xg::tensor({{3.0, -3.0, 1.0}}, leaf), origin = xg::zeros({1, 3}, {.dtype = xg::float64});
  CHECK(xg::grad({xg::cdist(x, origin, inf).sum()}, {x})[0].to_vector<double>() == Numbers{1, -1, 0});
}

TEST_CASE("close rows keep their digits, and NaN goes through") {
  const Tensor a = xg::tensor({{10000.0, 1.0}}), b = xg::tensor({{10000.0, 1.001}});
  CHECK(xg::cdist(a, b).item<double>() == doctest::Approx(0.001).epsilon(1e-3));
  for (const double p : {0.0, 1.0, 1.5, 2.0, inf})
    CHECK(std::isnan(xg::cdist(xg::tensor({{1.0, NAN, 7.0}}), xg::zeros({1, 3}), p).item<double>()));
}

TEST_CASE("any number of threads gives the same bits, fused and recorded gradients agree") {
  xg::manual_seed(5);
  const Tensor a = xg::randn({3, 60, 17}, leaf), b = xg::randn({50, 17}, leaf),
               g = xg::randn({3, 60, 50}, {.dtype = xg::float64});
  const int before = xg::get_num_threads();
  for (const double p : {1.0, 1.5, 2.0, inf}) {
    const auto gradients = [&](int threads, bool create_graph) {
      xg::set_num_threads(threads);
      return xg::grad({xg::cdist(a, b, p)}, {a, b}, {.grad_outputs = {g}, .create_graph = create_graph});
    };
    const xg::TensorList one = gradients(1, false), two = gradients(2, false), recorded = gradients(1, true);
    for (std::size_t i = 0; i < 2; ++i) {
      CHECK(one[i].to_vector<double>() == two[i].to_vector<double>());
      CHECK(xg::allclose(one[i], recorded[i], {.rtol = 1e-12, .atol = 1e-12}));
    }
  }
  xg::set_num_threads(before);
}

TEST_CASE("a norm below eps counts as eps in cosine_similarity, its gradient as PyTorch's") {
  const Tensor a = xg::tensor({{1e-9, 0.0}}, leaf), b = xg::tensor({{1.0, 0.0}}, leaf);
  const Tensor y = xg::cosine_similarity(a, b);
  CHECK(y.item<double>() == doctest::Approx(0.1));
  const xg::TensorList g = xg::grad({y.sum()}, {a, b});
  CHECK(g[0].to_vector<double>()[0] == doctest::Approx(99e6));
  CHECK(std::abs(g[1].to_vector<double>()[0]) < 1e-12);
  const Tensor zero = xg::zeros({1, 2}, leaf);
  CHECK(xg::grad({xg::cosine_similarity(zero, b).sum()}, {zero})[0].to_vector<double>() == Numbers{1e8, 0});
}

TEST_CASE("normalize divides by eps at 0") {
  const Tensor x = xg::zeros({1, 2}, leaf);
  const Tensor y = xg::normalize(x, 2, 1, 0.5);
  CHECK(y.to_vector<double>() == Numbers{0, 0});
  CHECK(xg::grad({y.sum()}, {x})[0].to_vector<double>() == Numbers{2, 2});
  CHECK((xg::normalize(xg::ones({2, 2}), 2, {0, 1}).to_vector<double>() == Numbers(4, 0.5)));
}

TEST_CASE("misuse is named") {
  const Tensor x = xg::zeros({2, 3});
  CHECK(mentions(message_of<xg::ShapeError>([&] { xg::cdist(x, xg::zeros({3})); }),
                 {"cdist", "[2, 3]", "[3]", "distance_test.cpp"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] {
                   xg::cdist(xg::zeros({2, 2, 3}), xg::zeros({3, 2, 3}));
                 }),
                 {"cdist"}));
  CHECK(mentions(message_of<xg::DtypeError>([&] { xg::cdist(x, x.to(xg::float64)); }), {"cdist", "float64"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { xg::pdist(x, -1); }), {"pdist", "p", "-1"}));
  CHECK(mentions(message_of<xg::DtypeError>([&] { xg::normalize(xg::tensor({1, 2})); }), {"normalize", "int64"}));
}
