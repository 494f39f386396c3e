#include <xgrad/ops/rearrange.hpp>

#include <doctest/doctest.h>
#include <vector>

#include "numeric.hpp"
#include "support/shapes.hpp"

namespace xg = xgrad;
using numeric::check_gradients;
using namespace shapes;
using xg::TensorList;

TEST_CASE("flip copies backward") {
  const Tensor x = counted({2, 3});
  CHECK(values(x.flip(1)) == Values{2, 1, 0, 5, 4, 3});
  CHECK(values(x.flip({0, -1})) == Values{5, 4, 3, 2, 1, 0});
  CHECK(values(x.t().flip(0)) == Values{2, 5, 1, 4, 0, 3});
  CHECK(values(xg::flip(x, std::vector<std::int64_t>{})) == values(x));
  CHECK_FALSE(shares(x, x.flip(0)));
  CHECK(xg::zeros({0, 2}).flip(0).sizes() == Shape{0, 2});
  CHECK(mentions(message_of<xg::IndexError>([&] { x.flip(2); }), {"flip:", "2", "rearrange_test.cpp"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { x.flip({0, -2}); }), {"flip:"}));
}

TEST_CASE("roll brings in at the begin what leaves at the end") {
  const Tensor x = counted({2, 3});
  CHECK(values(xg::roll(x, 1)) == Values{5, 0, 1, 2, 3, 4});
  CHECK(values(xg::roll(x, -1, 1)) == Values{1, 2, 0, 4, 5, 3});
  CHECK(values(xg::roll(x, {1, 5}, {0, 1})) == Values{4, 5, 3, 1, 2, 0});
  CHECK(values(xg::roll(x, 6, 1)) == values(x));
  CHECK(values(xg::roll(x.t(), 1, 0)) == Values{2, 5, 0, 3, 1, 4});
  CHECK(xg::roll(xg::zeros({0, 3}), 1, 0).sizes() == Shape{0, 3});
  CHECK(xg::roll(xg::zeros({0}), 1).sizes() == Shape{0});
  CHECK(mentions(message_of<xg::ShapeError>([&] { xg::roll(x, {1, 2}, 0); }), {"roll:", "[1, 2]", "[0]"}));
}

TEST_CASE("repeat and tile") {
  const Tensor x = counted({2, 2});
  CHECK(values(x.repeat({1, 2})) == Values{0, 1, 0, 1, 2, 3, 2, 3});
  CHECK(values(x.t().repeat({2, 1})) == Values{0, 2, 1, 3, 0, 2, 1, 3});
  CHECK(x.repeat({3, 1, 2}).sizes() == Shape{3, 2, 4});
  CHECK(x.repeat({0, 1}).sizes() == Shape{0, 2});
  CHECK(values(xg::tile(x, {2})) == values(x.repeat({1, 2})));
  CHECK(values(xg::tensor(4).repeat({3})) == Values{4, 4, 4});
  CHECK(xg::tensor(4).repeat({}).dim() == 0);
  CHECK(mentions(message_of<xg::ShapeError>([&] { x.repeat({2}); }), {"repeat:", "[2, 2]", "[2]"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { x.repeat({2, -1}); }), {"repeat:", "-1"}));
}

TEST_CASE("repeat_interleave repeats each element") {
  const Tensor x = counted({2, 2});
  CHECK(values(xg::repeat_interleave(x, 2)) == Values{0, 0, 1, 1, 2, 2, 3, 3});
  CHECK(values(xg::repeat_interleave(x.t(), 2, 1)) == Values{0, 0, 2, 2, 1, 1, 3, 3});
  CHECK(values(xg::repeat_interleave(x, xg::tensor({0, 3}), -2)) == Values{2, 3, 2, 3, 2, 3});
  CHECK(values(xg::repeat_interleave(x, xg::tensor({1, 0, 2, 1}))) == Values{0, 2, 2, 3});
  CHECK(xg::repeat_interleave(x, xg::tensor({3})).sizes() == Shape{12});
  CHECK(xg::repeat_interleave(x, 0, 1).sizes() == Shape{2, 0});
  CHECK(values(xg::repeat_interleave(xg::tensor(4), 2)) == Values{4, 4});
}

TEST_CASE("four quarter turns are none") {
  const Tensor x = counted({2, 3, 2});
  Tensor y = x;
  for (std::int64_t k = 0; k <= 4; ++k) {
    CHECK(values(xg::rot90(x, k, {0, 2})) == values(y));
    CHECK(values(xg::rot90(x, k - 4, {-3, -1})) == values(y));
    CHECK(values(xg::rot90(xg::rot90(x, k, {1, 0}), k, {0, 1})) == values(x));
    y = xg::rot90(y, 1, {0, 2});
  }
  CHECK(values(xg::rot90(counted({2, 2}))) == Values{1, 3, 0, 2});
  CHECK_FALSE(shares(x, xg::rot90(x, 0)));
}

TEST_CASE("triangles") {
  const Tensor x = counted({3, 4}) + 1;
  for (std::int64_t diagonal = -5; diagonal <= 5; ++diagonal) {
    CAPTURE(diagonal);
    Values lower, upper;
    for (std::int64_t i = 0; i < 3; ++i)
      for (std::int64_t j = 0; j < 4; ++j) {
        lower.push_back(j - i <= diagonal ? i * 4 + j + 1 : 0);
        upper.push_back(j - i >= diagonal ? i * 4 + j + 1 : 0);
      }
    CHECK(values(x.tril(diagonal)) == lower);
    CHECK(values(x.triu(diagonal)) == upper);
    CHECK(values(xg::stack({x, x}, 2).permute({2, 0, 1}).tril(diagonal).select(0, 1)) == lower);
  }
  CHECK(values(x.tril(INT64_MAX)) == values(x));
  CHECK(values(x.triu(INT64_MIN)) == values(x));
  CHECK(xg::zeros({2, 0}).tril().sizes() == Shape{2, 0});
  CHECK(mentions(message_of<xg::ShapeError>([&] { xg::zeros({3}).tril(); }), {"tril:", "[3]"}));
}

TEST_CASE("gradients of rearrangements to third order") {
  check_gradients(
      [](const TensorList& in) {
        const Tensor x = in[0] * in[0] * in[0];
        return TensorList{x.flip({0, 1}),      xg::roll(x, 2),       xg::roll(x, {1, -4}, {0, 1}),
                          x.repeat({2, 1, 3}), xg::tile(x.t(), {2}), x.tril(-1) + x.t().triu().t()};
      },
      {leaf({3, 2}, 1)}, 3);
}
