#include <xgrad/autograd.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/equality.hpp>
#include <xgrad/ops/pad.hpp>
#include <xgrad/ops/shape.hpp>
#include <xgrad/testing.hpp>

#include <doctest/doctest.h>
#include <vector>

#include "numeric.hpp"
#include "support/errors.hpp"

namespace xg = xgrad;
using test::mentions;
using test::message_of;
using xg::Shape;
using xg::Tensor;

namespace {

using Numbers = std::vector<double>;
Numbers padded(const Shape& pad, const char* mode) {
  return xg::pad(xg::arange(0, 5).reshape({1, 5}), pad, mode).to_vector<double>();
}

}  // namespace

TEST_CASE("modes along a line") {
  CHECK(padded({2, 1}, "constant") == Numbers{0, 0, 0, 1, 2, 3, 4, 0});
  CHECK(padded({4, 4}, "reflect") == Numbers{4, 3, 2, 1, 0, 1, 2, 3, 4, 3, 2, 1, 0});
  CHECK(padded({2, 3}, "replicate") == Numbers{0, 0, 0, 1, 2, 3, 4, 4, 4, 4});
  CHECK(padded({5, 2}, "circular") == Numbers{0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1});
  CHECK(padded({-1, 2}, "reflect") == Numbers{1, 2, 3, 4, 3, 2});
  CHECK(padded({2, -1}, "replicate") == Numbers{0, 0, 0, 1, 2, 3});
  CHECK(padded({-1, -2}, "circular") == Numbers{1, 2});
  CHECK(padded({-3, 4}, "constant") == Numbers{3, 4, 0, 0, 0, 0});
}

TEST_CASE("what is cut off beyond the padding is gone") {
  // More is cut at one end than there is, and the other end makes up for it.
  CHECK(padded({-7, 4}, "constant") == Numbers{0, 0});
  CHECK(padded({4, -7}, "constant") == Numbers{0, 0});
  const Tensor x = numeric::random({2, 3}, 1).requires_grad_();
  const Tensor y = xg::pad(x, {-4, 2}, "constant", 3.0);
  CHECK(xg::equal(y, xg::full({2, 1}, 3.0, {.dtype = xg::float64})));
  CHECK(xg::equal(xg::grad({y.sum()}, {x})[0], xg::zeros({2, 3}, {.dtype = xg::float64})));
}

TEST_CASE("derivatives of volumes") {
  for (const char* mode : {"constant", "reflect", "replicate", "circular"}) {
    CAPTURE(mode);
    const auto f = [=](const Tensor& x) { return xg::pad(x.transpose(2, 4), {2, 1, -1, 2, 0, 1}, mode).square(); };
    const xg::TensorList x{numeric::random({1, 2, 3, 3, 2}, 1).requires_grad_()};
    CHECK(xg::gradcheck(f, x));
    CHECK(xg::gradgradcheck(f, x));
  }
}

TEST_CASE("a result is never the argument itself") {
  const Tensor x = xg::ones({1, 2});
  for (const char* mode : {"constant", "reflect"}) {
    xg::pad(x, {0, 0}, mode).fill_(5);
    CHECK(xg::equal(x, xg::ones({1, 2})));
  }
  CHECK(xg::equal(xg::pad(xg::tensor(2.0), {}), xg::tensor(2.0)));
  CHECK(xg::pad(xg::tensor({1, 2}), {1, 0}).dtype() == xg::int64);
}

TEST_CASE("misuse is named") {
  const Tensor x = xg::ones({2, 3});
  const auto refused = [&](const Shape& pad, const char* mode) {
    return message_of<xg::ShapeError>([&] { xg::pad(x, pad, mode); });
  };
  CHECK(mentions(refused({1}, "constant"), {"pad", "[1]", "[2, 3]", "pad_test.cpp"}));
  CHECK(mentions(refused({1, 1, 1, 1, 1, 1}, "constant"), {"pad", "[2, 3]"}));
  CHECK(mentions(refused({-2, -2}, "constant"), {"pad", "cuts off", "[-2, -2]"}));
  CHECK(mentions(refused({3, 0}, "reflect"), {"pad", "less than 3", "[3, 0]"}));
  CHECK(mentions(refused({0, 4}, "circular"), {"pad", "at most 3", "[0, 4]"}));
  CHECK(mentions(refused({-2, -1}, "replicate"), {"pad", "above 0", "[-2, -1]"}));
  CHECK(mentions(refused({1, 1, 1, 1}, "reflect"), {"pad", "reflect", "[2, 3]"}));
  CHECK(mentions(refused({}, "reflect"), {"pad", "reflect"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { xg::pad(x, {1, 1}, "same"); }), {"pad", "same"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { xg::pad(x, {1, 1}, "reflect", 1); }), {"pad", "value"}));
  CHECK(mentions(message_of<xg::DtypeError>([&] {
                   xg::pad(xg::tensor({1}), {1, 1}, "constant", 0.5);
                 }),
                 {"pad", "int64"}));
}
