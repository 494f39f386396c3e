#include <xgrad/autograd.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/margin_loss.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <functional>
#include <vector>

#include "support/errors.hpp"

namespace xg = xgrad;
using test::mentions;
using test::message_of;
using xg::Reduction;
using xg::Tensor;
using Numbers = std::vector<double>;

namespace {

// The gradient of the sum of f(x).
Numbers slopes(const std::function<Tensor(const Tensor&)>& f, const Tensor& at) {
  const Tensor x = at.clone().requires_grad_();
  f(x).sum().backward();
  return x.grad().to_vector<double>();
}

}  // namespace

TEST_CASE("slopes where a margin is just met are PyTorch's") {
  const Tensor target = xg::tensor(Numbers{-1, -1, 1});
  CHECK(slopes([&](auto& x) { return xg::hinge_embedding_loss(x, target, {.reduction = Reduction::none}); },
               xg::tensor(Numbers{1, 0, 1})) == Numbers{-1, -1, 1});
  const Tensor other = xg::zeros({2}, {.dtype = xg::float64});
  CHECK(slopes(
            [&](auto& x) {
              return xg::margin_ranking_loss(x, other, xg::tensor(Numbers{1, -1}), {.reduction = Reduction::none});
            },
            other) == Numbers{-1, 1});
  CHECK(slopes([](auto& x) { return xg::multi_margin_loss(x, xg::tensor({0})); },
               xg::tensor(Numbers{1, 0}).reshape({1, 2})) == Numbers{0, 0});
  CHECK(slopes(
            [](auto& x) {
              return xg::multilabel_margin_loss(x, xg::tensor({0, -1}));
            },
            xg::tensor(Numbers{1, 0})) == Numbers{0, 0});
}

TEST_CASE("a target that is no sign counts for both in hinge_embedding_loss and for none in cosine_embedding_loss") {
  const Tensor zero = xg::tensor({0}), x = xg::tensor({{0.25, 0.5}});
  CHECK(xg::hinge_embedding_loss(x, zero, {.reduction = Reduction::none}).to_vector<double>() == Numbers{1, 1});
  CHECK(xg::cosine_embedding_loss(x, x, zero).item<double>() == 0);
}

TEST_CASE("soft_margin_loss does not overflow") {
  const Tensor x = xg::tensor({-1000.0, 1000.0}), t = xg::tensor({1, 1});
  const auto loss = [&](const Tensor& v) { return xg::soft_margin_loss(v, t, {.reduction = Reduction::none}); };
  CHECK(loss(x).to_vector<double>() == Numbers{1000, 0});
  CHECK(slopes(loss, x) == Numbers{-1, 0});
}

TEST_CASE("shapes are PyTorch's") {
  const auto none = Reduction::none;
  const Tensor row = xg::zeros({4}), rows = xg::zeros({2, 4}), labels = xg::zeros({2, 4}, {.dtype = xg::int64});
  CHECK((xg::multi_margin_loss(row, xg::tensor(1), {.reduction = none}).sizes() == xg::Shape{}));
  CHECK((xg::multi_margin_loss(row, xg::tensor({1}), {.reduction = none}).sizes() == xg::Shape{1}));
  CHECK((xg::multi_margin_loss(xg::tensor(0.5), xg::tensor(0), {.reduction = none}).sizes() == xg::Shape{}));
  CHECK((xg::multilabel_margin_loss(row, labels[0], {.reduction = none}).sizes() == xg::Shape{}));
  CHECK((xg::multilabel_margin_loss(rows, labels, {.reduction = none}).sizes() == xg::Shape{2}));
  CHECK(
      (xg::margin_ranking_loss(xg::zeros({3, 1}), xg::zeros({1, 4}), xg::zeros({1, 1}), {.reduction = none}).sizes() ==
       xg::Shape{3, 4}));
  CHECK((xg::hinge_embedding_loss(xg::zeros({3, 1}), row, {.reduction = none}).sizes() == xg::Shape{3, 4}));
  CHECK((xg::triplet_margin_loss(xg::zeros({2, 3, 4}), xg::zeros({1, 3, 4}), xg::zeros({2, 1, 4}), {.reduction = none})
             .sizes() == xg::Shape{2, 3}));
  CHECK(std::isnan(xg::multilabel_margin_loss(rows.narrow(0, 0, 0), labels.narrow(0, 0, 0)).item<double>()));
}

TEST_CASE("misuse is named and changes nothing") {
  const Tensor x = xg::zeros({2, 3}), y = xg::zeros({3});
  CHECK(mentions(message_of<xg::ShapeError>([&] { xg::soft_margin_loss(y, x); }),
                 {"soft_margin_loss", "[3]", "[2, 3]", "margin_loss_test.cpp"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] { xg::margin_ranking_loss(x, x, y); }),
                 {"margin_ranking_loss", "[2, 3]", "[3]"}));
  CHECK(mentions(message_of<xg::DtypeError>([&] { xg::hinge_embedding_loss(xg::tensor({1}), xg::tensor({1})); }),
                 {"hinge_embedding_loss", "int64"}));
  CHECK(mentions(message_of<xg::DtypeError>([&] { xg::multi_margin_loss(x, xg::zeros({2})); }),
                 {"multi_margin_loss", "float32"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] {
                   xg::multi_margin_loss(xg::zeros({2, 0}), xg::tensor({0, 0}));
                 }),
                 {"multi_margin_loss", "[2, 0]"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] {
                   xg::multi_margin_loss(x, xg::tensor({0, 0}), {.weight = xg::zeros({2})});
                 }),
                 {"weight", "[3]", "[2]"}));
}
