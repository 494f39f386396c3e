#include <xgrad/autograd.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/likelihood_loss.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <vector>

#include "support/errors.hpp"

namespace xg = xgrad;
using test::mentions;
using test::message_of;
using xg::Reduction;
using xg::Tensor;
using Numbers = std::vector<double>;

namespace {
constexpr xg::TensorOptions leaf{.dtype = xg::float64, .requires_grad = true};
}  // namespace

TEST_CASE("a variance below eps counts as eps and takes eps's gradient, at both orders") {
  const Tensor x = xg::tensor({1.0}, leaf), t = xg::tensor({0.0}, {.dtype = xg::float64});
  const Tensor v = xg::tensor({0.0}, leaf);
  const Tensor loss = xg::gaussian_nll_loss(x, t, v, {.eps = 0.5});
  CHECK(loss.item<double>() == doctest::Approx(0.5 * (std::log(0.5) + 2)));
  const auto first = xg::grad({loss}, {x, v}, {.create_graph = true});
  CHECK(first[0].item<double>() == doctest::Approx(2));
  CHECK(first[1].item<double>() == doctest::Approx(0.5 * (1 / 0.5 - 1 / 0.25)));
  CHECK(xg::grad({first[1].sum()}, {v})[0].item<double>() == doctest::Approx(0.5 * (-1 / 0.25 + 2 / 0.125)));
}

TEST_CASE("Stirling's term is left out up to 1, with its derivatives") {
  const Tensor x = xg::zeros({3}, {.dtype = xg::float64}), t = xg::tensor({0.0, 1.0, 2.0}, leaf);
  const Tensor loss = xg::poisson_nll_loss(x, t, {.full = true, .reduction = Reduction::none});
  const double stirling = 2 * std::log(2.0) - 2 + 0.5 * std::log(4 * M_PI);
  CHECK(loss.to_vector<double>()[0] == 1);
  CHECK(loss.to_vector<double>()[1] == 1);
  CHECK(loss.to_vector<double>()[2] == doctest::Approx(1 + stirling));
  const Tensor slope = xg::grad({loss.sum()}, {t}, {.create_graph = true})[0];
  CHECK(slope.to_vector<double>() == Numbers{0, 0, std::log(2.0) + 0.25});
  CHECK(xg::grad({slope.sum()}, {t})[0].to_vector<double>() == Numbers{0, 0, 0.5 - 0.125});
}

TEST_CASE("integer targets take the input's dtype") {
  CHECK(xg::poisson_nll_loss(xg::zeros({2}), xg::tensor({3, 4})).item<double>() == 1);
  CHECK(xg::gaussian_nll_loss(xg::zeros({2}), xg::tensor({1, 1}), xg::ones({2})).item<double>() == 0.5);
}

TEST_CASE("misuse is named") {
  const Tensor x = xg::zeros({2, 3});
  CHECK(mentions(message_of<xg::ShapeError>([&] { xg::gaussian_nll_loss(x, x, xg::ones({3})); }),
                 {"gaussian_nll_loss", "[2, 3]", "[3]", "likelihood_loss_test.cpp"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { xg::gaussian_nll_loss(x, x, x - 1); }), {"var", "element 0", "-1"}));
  CHECK(mentions(message_of<xg::DtypeError>([&] { xg::gaussian_nll_loss(x, x, x.to(xg::float64)); }),
                 {"float32", "float64"}));
  CHECK(mentions(message_of<xg::DtypeError>([&] { xg::poisson_nll_loss(xg::tensor({1}), xg::tensor({1})); }),
                 {"poisson_nll_loss", "int64"}));
}
