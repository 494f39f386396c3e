#include <xgrad/ops/masked.hpp>

#include <doctest/doctest.h>
#include <limits>
#include <vector>

#include "numeric.hpp"
#include "support/shapes.hpp"

namespace xg = xgrad;
using numeric::check_gradients;
using namespace shapes;
using xg::TensorList;

TEST_CASE("masked_fill") {
  const Tensor x = counted({2, 3});
  const Tensor mask = xg::tensor({{true, false, true}, {false, false, true}});
  CHECK(values(x.masked_fill(mask, 9)) == Values{9, 1, 9, 3, 4, 9});
  CHECK(values(x.masked_fill(xg::tensor({false, true, false}), 9)) == Values{0, 9, 2, 3, 9, 5});
  CHECK(values(x[0].masked_fill(mask, 9)) == Values{9, 1, 9, 0, 1, 9});
  CHECK(values(x.t().masked_fill(mask.t(), 9)) == Values{9, 3, 1, 4, 9, 9});
  CHECK(values(x.masked_fill(mask.to(xg::uint8), 9)) == Values{9, 1, 9, 3, 4, 9});
  CHECK(values(x) == values(counted({2, 3})));
  CHECK(x.masked_fill_(mask, -1).is_same(x));
  CHECK(values(x) == Values{-1, 1, -1, 3, 4, -1});
  x.t().masked_fill_(xg::tensor({true, false}), 7);
  CHECK(values(x) == Values{7, 7, 7, 3, 4, -1});
  const Tensor flags = xg::tensor({true, false});
  flags.masked_fill_(flags, false);
  CHECK(flags.to_vector<bool>() == std::vector<bool>{false, false});
  CHECK(mentions(message_of<xg::DtypeError>([&] { x.masked_fill(counted({3}), 1); }),
                 {"masked_fill:", "int64", "masked_test.cpp"}));
  CHECK(mentions(message_of<xg::DtypeError>([&] { x.masked_fill(mask, 0.5); }), {"masked_fill:", "int64"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] {
                   x.masked_fill(xg::tensor({true, false}), 1);
                 }),
                 {"masked_fill:", "[2, 3]", "[2]"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] { x[0].masked_fill_(mask, 1); }), {"masked_fill_:", "[2, 3]", "[3]"}));
}

TEST_CASE("masked_select, masked_scatter, nonzero") {
  const Tensor x = counted({2, 3});
  const Tensor mask = xg::tensor({{true, false, true}, {false, false, true}});
  CHECK(values(x.masked_select(mask)) == Values{0, 2, 5});
  CHECK(values(x.t().masked_select(mask.t())) == Values{0, 2, 5});
  CHECK(values(xg::masked_select(x[1], mask)) == Values{3, 5, 5});
  CHECK(values(xg::masked_scatter(x, mask, list({7, 8, 9, 10}))) == Values{7, 1, 8, 3, 4, 9});
  CHECK(values(xg::nonzero(mask)) == Values{0, 0, 0, 2, 1, 2});
  CHECK(values(xg::nonzero(x.t())) == Values{0, 1, 1, 0, 1, 1, 2, 0, 2, 1});
  CHECK(xg::nonzero(xg::tensor(3.0)).sizes() == Shape{1, 0});
  CHECK(xg::nonzero(xg::zeros({2, 2})).sizes() == Shape{0, 2});
  CHECK(values(xg::nonzero(xg::tensor({std::numeric_limits<double>::quiet_NaN(), -0.0}))) == Values{0});
  CHECK(mentions(message_of<xg::ShapeError>([&] {
                   xg::masked_scatter(x, mask, list({1, 2}));
                 }),
                 {"masked_scatter:", "[2]", "3"}));
  CHECK(mentions(message_of<xg::DtypeError>([&] { xg::masked_scatter(x, mask, xg::ones({6})); }),
                 {"masked_scatter:", "float32"}));
}

TEST_CASE("gradients under masks") {
  const Tensor mask = xg::tensor({{true, false, true}, {false, false, true}});
  check_gradients(
      [&](const TensorList& in) {
        const Tensor x = in[0] * in[0] * in[0], v = in[1] * in[1] * in[1];
        const Tensor y = x * 1.0;
        y.masked_fill_(mask[1], 2.0);
        return TensorList{x.masked_fill(mask, 5.0), x[0].masked_fill(mask, 5.0),    x.masked_select(mask),
                          x[1].masked_select(mask), xg::masked_scatter(x, mask, v), y};
      },
      {leaf({2, 3}, 1), leaf({4}, 2)}, 3);
}

TEST_CASE("a masked place passes no NaN on") {
  Tensor x = xg::tensor({1.0, 0.0}, {.dtype = xg::float64, .requires_grad = true});
  const Tensor y = (x / x).masked_fill(xg::tensor({false, true}), 0.0);
  CHECK(reals(y) == Reals{1, 0});
}

TEST_CASE("a mask changed before backward is an error") {
  Tensor x = leaf({2}, 3);
  const Tensor mask = xg::tensor({true, false});
  const Tensor y = x.masked_fill(mask, 0.0);
  mask.fill_(true);
  CHECK(mentions(message_of<xg::AutogradError>([&] { y.sum().backward(); }), {"masked_fill", "modified"}));
}
