#include <xgrad/autograd.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/ctc_loss.hpp>
#include <xgrad/ops/softmax.hpp>
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
using xg::Reduction;
using xg::Tensor;
using Numbers = std::vector<double>;

namespace {

constexpr xg::TensorOptions leaf{.dtype = xg::float64, .requires_grad = true};
constexpr double inf = std::numeric_limits<double>::infinity();

Tensor some_logits(const xg::Shape& shape) {
  xg::manual_seed(3);
  return xg::randn(shape, leaf);
}

}  // namespace

TEST_CASE("padded and joined targets, lists and tensors of lengths, are the same") {
  const Tensor x = xg::log_softmax(some_logits({6, 3, 4}).detach(), 2);
  const Tensor padded = xg::tensor({{1, 2, 2}, {3, 9, 9}, {1, 1, 9}}), joined = xg::tensor({1, 2, 2, 3, 1, 1});
  const xg::CtcLossOptions none{.reduction = Reduction::none};
  const Numbers expected = xg::ctc_loss(x, padded, {6, 5, 4}, {3, 1, 2}, none).to_vector<double>();
  CHECK(xg::ctc_loss(x, joined, {6, 5, 4}, {3, 1, 2}, none).to_vector<double>() == expected);
  const Tensor steps = xg::tensor({6, 5, 4}), labels = xg::tensor({3, 1, 2}).to(xg::int32);
  CHECK(xg::ctc_loss(x, joined, steps, labels, none).to_vector<double>() == expected);
  CHECK(xg::ctc_loss(x.select(1, 1), xg::tensor({3}), 5, 1, none).item<double>() == expected[1]);
}

TEST_CASE("gradients of every kind of sequence, to second order") {
  const Tensor logits = some_logits({5, 4, 3});
  const Tensor targets = xg::tensor({{1, 2}, {1, 1}, {2, 0}, {0, 0}});
  const auto loss = [&](const Tensor& x) {
    return xg::ctc_loss(xg::log_softmax(x, 2), targets, {5, 4, 3, 2}, {2, 2, 1, 0});
  };
  CHECK(xg::gradcheck(loss, {logits}));
  CHECK(xg::gradgradcheck(loss, {logits}));
  const auto last_is_blank = [&](const Tensor& x) {
    return xg::ctc_loss(x, xg::tensor({0, 1, 1, 0}), {5, 4, 3, 5}, {1, 2, 1, 0}, {.blank = 2});
  };
  CHECK(xg::gradcheck(last_is_blank, {logits}));
  CHECK(xg::gradgradcheck(last_is_blank, {logits}));
}

TEST_CASE("too few steps: an infinite loss, or 0, and no gradient") {
  const Tensor logits = some_logits({2, 2, 3}), targets = xg::tensor({{1, 1}, {1, 2}});
  for (const bool zero : {false, true}) {
    const Tensor loss = xg::ctc_loss(xg::log_softmax(logits, 2), targets, {2, 2}, {2, 2},
                                     {.reduction = Reduction::none, .zero_infinity = zero});
    CHECK(loss.to_vector<double>()[0] == (zero ? 0 : inf));
    for (const bool create_graph : {false, true}) {
      const Tensor g =
          xg::grad({loss.sum()}, {logits}, {.retain_graph = true, .create_graph = create_graph})[0].detach();
      CHECK(g.select(1, 0).to_vector<double>() == Numbers(6, 0.0));
      CHECK(g.select(1, 1).abs().sum().item<double>() > 0.1);
    }
  }
}

TEST_CASE("sequences of nothing") {
  const Tensor x = xg::log_softmax(some_logits({3, 2, 3}).detach(), 2);
  const Tensor targets = xg::zeros({2, 0}, {.dtype = xg::int64});
  const xg::CtcLossOptions none{.reduction = Reduction::none};
  CHECK(xg::ctc_loss(x, targets, {0, 1}, {0, 0}, none).to_vector<double>()[0] == 0);
  CHECK(xg::ctc_loss(x, targets, {0, 1}, {0, 0}, none).to_vector<double>()[1] ==
        doctest::Approx(-x.to_vector<double>()[3]));
  CHECK(xg::ctc_loss(x, xg::tensor({1, 1}), {0, 1}, {1, 1}, none).to_vector<double>()[0] == inf);
  CHECK((xg::ctc_loss(x.narrow(1, 0, 0), targets.narrow(0, 0, 0), xg::SequenceLengths(std::vector<std::int64_t>()),
                      xg::SequenceLengths(std::vector<std::int64_t>()), none)
             .sizes() == xg::Shape{0}));
}

TEST_CASE("long sequences of improbable labels keep their digits, for any number of threads") {
  const Tensor x = xg::full({400, 64, 2}, -50.0, {.dtype = xg::float32});
  x.select(2, 0).fill_(0);
  const std::vector<std::int64_t> steps(64, 400), labels(64, 3);
  const auto gradient = [&](int threads) {
    xg::set_num_threads(threads);
    const Tensor leaf = x.clone().requires_grad_();
    const Tensor loss = xg::ctc_loss(leaf, xg::ones({64, 3}, {.dtype = xg::int64}), steps, labels);
    CHECK(loss.item<double>() == doctest::Approx((150 - std::log(398.0 * 397 * 396 / 6)) / 3).epsilon(1e-5));
    loss.backward();
    return leaf.grad().to_vector<double>();
  };
  const int before = xg::get_num_threads();
  CHECK(gradient(1) == gradient(2));
  xg::set_num_threads(before);
}

TEST_CASE("misuse is named") {
  const Tensor x = xg::zeros({4, 2, 3}), t = xg::tensor({{1, 2}, {2, 1}});
  CHECK(mentions(message_of<xg::ValueError>([&] {
                   xg::ctc_loss(x, t, {4, 5}, {2, 2});
                 }),
                 {"ctc_loss", "input_lengths", "0..4", "5", "ctc_loss_test.cpp"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { xg::ctc_loss(x, t, {4, 4}, {2, 3}); }), {"target_lengths", "3"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] { xg::ctc_loss(x, t, {4}, {2, 2}); }), {"input_lengths", "2", "1"}));
  CHECK(mentions(message_of<xg::ValueError>([&] {
                   xg::ctc_loss(x, t, {4, 4}, {2, 2}, {.blank = 3});
                 }),
                 {"blank", "0..2", "3"}));
  CHECK(mentions(message_of<xg::DtypeError>([&] {
                   xg::ctc_loss(x, t.to(xg::float32), {4, 4}, {2, 2});
                 }),
                 {"targets", "float32"}));
  CHECK(mentions(message_of<xg::DtypeError>([&] {
                   xg::ctc_loss(x, t, xg::ones({2}), {2, 2});
                 }),
                 {"lengths", "float32"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] {
                   xg::ctc_loss(x, t.narrow(0, 0, 1), {4, 4}, {2, 2});
                 }),
                 {"targets", "[1, 2]"}));
}
