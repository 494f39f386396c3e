#include "ops/shape.hpp"

#include <xgrad/ops/shape.hpp>

#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "numeric.hpp"
#include "support/shapes.hpp"

namespace xg = xgrad;
using numeric::check_gradients;
using numeric::random;
using namespace shapes;
using xg::TensorList;

TEST_CASE("reshape and view keep the order of the elements") {
  const Tensor x = counted({2, 6});
  for (const Shape& shape : {Shape{3, 4}, Shape{12}, Shape{2, 1, 3, 2}, Shape{-1, 4}, Shape{2, -1}}) {
    const Tensor y = x.reshape(shape);
    CHECK(values(y) == values(x));
    CHECK(shares(x, y));
    CHECK(y.is_view());
    CHECK(xg::view(x, shape).sizes() == y.sizes());
  }
  CHECK(x.reshape({-1, 4}).sizes() == Shape{3, 4});
  CHECK(xg::zeros({0, 3}).reshape({-1, 3}).sizes() == Shape{0, 3});
  CHECK(xg::zeros({2, 0}).view({0, 5}).sizes() == Shape{0, 5});
  CHECK(xg::tensor(3.0).reshape({1, 1}).sizes() == Shape{1, 1});
  CHECK(xg::tensor({3.0}).reshape({}).dim() == 0);
}

TEST_CASE("reshape of a strided tensor views where it can and copies where it must") {
  const Tensor x = counted({2, 3, 4});
  const Tensor turned = x.transpose(0, 1);  // [3, 2, 4]
  CHECK(values(turned.reshape({3, 8})) ==
        Values{0, 1, 2, 3, 12, 13, 14, 15, 4, 5, 6, 7, 16, 17, 18, 19, 8, 9, 10, 11, 20, 21, 22, 23});
  CHECK_FALSE(shares(x, turned.reshape({3, 8})));
  CHECK_FALSE(turned.reshape({3, 8}).is_view());
  const Tensor halves = turned.view({3, 2, 2, 2});
  CHECK(shares(x, halves));
  CHECK(values(halves) == values(turned));
  CHECK(shares(x, x.slice(0, {}, {}, -1).view({2, 12})));
  CHECK(values(x.slice(0, {}, {}, -1).view({2, 12})) == values(x.slice(0, {}, {}, -1)));
  CHECK(mentions(message_of<xg::ShapeError>([&] { turned.view({24}); }), {"view", "[3, 2, 4]", "[24]", "reshape"}));
  CHECK(values(xg::tensor({7}).expand({4}).view({2, 2})) == Values{7, 7, 7, 7});
}

TEST_CASE("reshape of every layout equals reshape of its copy") {
  const Tensor x = counted({4, 3, 2});
  for (const Tensor& y : {x.permute({2, 0, 1}), x.slice(0, {}, {}, 2), x.slice(1, 1).slice(0, {}, {}, -1),
                          x.select(1, 1), x.unsqueeze(1).expand({4, 2, 3, 2})}) {
    const std::int64_t n = y.numel();
    for (std::int64_t rows = 1; rows <= n; ++rows)
      if (n % rows == 0) CHECK(values(y.reshape({rows, n / rows})) == values(y));
  }
}

TEST_CASE("reshape says what does not fit") {
  const Tensor a = xg::zeros({2, 3});
  CHECK(mentions(message_of<xg::ShapeError>([&] {
                   a.reshape({4, 2});
                 }),
                 {"reshape:", "[2, 3]", "[4, 2]", "shape_test.cpp"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] { a.reshape({-1, 4}); }), {"reshape:", "[2, 3]", "[-1, 4]"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] { a.reshape({-1, -1}); }), {"reshape:", "-1"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] { a.reshape({-2, -3}); }), {"reshape:", "[-2, -3]"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] { xg::zeros({0}).reshape({-1, 0}); }), {"reshape:", "[-1, 0]"}));
  constexpr std::int64_t large = std::int64_t{1} << 62;
  CHECK(mentions(message_of<xg::ShapeError>([&] { a.reshape({large, 4, 6}); }), {"reshape:", "counted"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] { xg::zeros({1, 1}).expand({large, 4}); }), {"expand:", "counted"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] { a.repeat({large, 4}); }), {"repeat:", "counted"}));
  CHECK(mentions(message_of<xg::Error>([&] { Tensor().reshape({1}); }), {"undefined", "shape_test.cpp"}));
}

TEST_CASE("flatten and unflatten") {
  const Tensor x = counted({2, 3, 4, 5});
  CHECK(x.flatten().sizes() == Shape{120});
  CHECK(x.flatten(1).sizes() == Shape{2, 60});
  CHECK(x.flatten(1, 2).sizes() == Shape{2, 12, 5});
  CHECK(x.flatten(-2, -1).sizes() == Shape{2, 3, 20});
  CHECK(xg::tensor(1.0).flatten().sizes() == Shape{1});
  CHECK(values(x.flatten(1, 2)) == values(x));
  CHECK(x.unflatten(-2, {2, -1}).sizes() == Shape{2, 3, 2, 2, 5});
  CHECK(mentions(message_of<xg::ValueError>([&] { x.flatten(2, 1); }), {"flatten", "2", "1"}));
  CHECK(mentions(message_of<xg::IndexError>([&] { x.flatten(4); }), {"flatten", "4"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] { x.unflatten(1, {2, 2}); }), {"unflatten", "[3]", "[2, 2]"}));
}

TEST_CASE("squeeze and unsqueeze") {
  const Tensor x = counted({1, 2, 1, 3});
  CHECK(x.squeeze().sizes() == Shape{2, 3});
  CHECK(x.squeeze(2).sizes() == Shape{1, 2, 3});
  CHECK(x.squeeze(-4).sizes() == Shape{2, 1, 3});
  CHECK(x.squeeze(1).sizes() == x.sizes());
  CHECK(xg::tensor(1.0).squeeze(0).dim() == 0);
  CHECK(x.unsqueeze(0).sizes() == Shape{1, 1, 2, 1, 3});
  CHECK(x.unsqueeze(-1).sizes() == Shape{1, 2, 1, 3, 1});
  CHECK(xg::tensor(1.0).unsqueeze(0).sizes() == Shape{1});
  CHECK(shares(x, x.squeeze()));
  CHECK(mentions(message_of<xg::IndexError>([&] { x.unsqueeze(5); }), {"unsqueeze", "5"}));
  CHECK(mentions(message_of<xg::IndexError>([&] { x.squeeze(4); }), {"squeeze", "4"}));
}

TEST_CASE("permute and its kin move strides only") {
  const Tensor x = counted({2, 3, 4});
  const Tensor y = x.permute({2, 0, -2});
  CHECK(y.sizes() == Shape{4, 2, 3});
  CHECK(y.strides() == Shape{1, 12, 4});
  for (std::int64_t i = 0; i < 4; ++i)
    for (std::int64_t j = 0; j < 2; ++j)
      for (std::int64_t k = 0; k < 3; ++k)
        CHECK(values(y)[static_cast<std::size_t>((i * 2 + j) * 3 + k)] == (j * 3 + k) * 4 + i);
  CHECK(x.transpose(0, -1).sizes() == Shape{4, 3, 2});
  CHECK(values(counted({2, 3}).t()) == Values{0, 3, 1, 4, 2, 5});
  CHECK(counted({3}).t().sizes() == Shape{3});
  CHECK(xg::tensor(2.0).t().dim() == 0);
  CHECK(xg::tensor(2.0).transpose(0, -1).dim() == 0);
  CHECK(x.movedim(0, 2).sizes() == Shape{3, 4, 2});
  CHECK(values(x.movedim(0, 2)) == values(x.permute({1, 2, 0})));
  CHECK(values(x.movedim(-1, 0)) == values(x.permute({2, 0, 1})));
  CHECK(mentions(message_of<xg::ShapeError>([&] { x.t(); }), {"t:", "[2, 3, 4]"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] { x.permute({0, 1}); }), {"permute", "[2, 3, 4]", "[0, 1]"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { x.permute({0, 1, -2}); }), {"permute", "twice"}));
  CHECK(mentions(message_of<xg::IndexError>([&] { x.transpose(0, 3); }), {"transpose", "3"}));
}

TEST_CASE("expand repeats without a copy") {
  const Tensor x = counted({3, 1});
  const Tensor y = x.expand({2, -1, 4});
  CHECK(y.sizes() == Shape{2, 3, 4});
  CHECK(y.strides() == Shape{0, 1, 0});
  CHECK(values(y.select(0, 1)) == Values{0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2});
  CHECK(x.expand_as(xg::zeros({3, 5})).sizes() == Shape{3, 5});
  CHECK(x.broadcast_to({2, 3, 2}).sizes() == Shape{2, 3, 2});
  CHECK(counted({1, 2}).expand({0, 2}).sizes() == Shape{0, 2});
  CHECK(xg::tensor(5.0).expand({2}).to_vector<double>() == std::vector<double>{5, 5});
  CHECK(mentions(message_of<xg::ShapeError>([&] { x.expand({2, 4}); }), {"expand", "[3, 1]", "[2, 4]", "3"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] { x.expand({3}); }), {"expand", "[3, 1]", "[3]"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] { x.expand({-1, 3, 4}); }), {"expand", "-1"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] { x.broadcast_to({-1, 2, 4}); }), {"broadcast_to", "-1"}));
  CHECK(mentions(message_of<xg::AutogradError>([&] { x.expand({3, 4}).fill_(1); }), {"fill_", "[3, 4]"}));
}

TEST_CASE("at least so many dimensions") {
  CHECK(xg::atleast_1d(xg::tensor(1.0)).sizes() == Shape{1});
  CHECK(xg::atleast_2d(xg::zeros({3})).sizes() == Shape{1, 3});
  CHECK(xg::atleast_3d(xg::zeros({3})).sizes() == Shape{1, 3, 1});
  CHECK(xg::atleast_3d(xg::zeros({3, 2})).sizes() == Shape{3, 2, 1});
  const Tensor x = xg::zeros({2, 2, 2});
  CHECK(xg::atleast_3d(x).is_same(x));
}

TEST_CASE("storage types keep their values in every shape") {
  for (const xg::Dtype dtype : {xg::float32, xg::float64, xg::int64, xg::int32, xg::uint8}) {
    const Tensor x = counted({2, 3}, dtype);
    CHECK(x.dtype() == dtype);
    CHECK(values(x.t().reshape({6})) == Values{0, 3, 1, 4, 2, 5});
  }
  CHECK(xg::tensor({true, false, true, true}).reshape({2, 2}).t().reshape({4}).to_vector<bool>() ==
        std::vector<bool>{true, true, false, true});
}

TEST_CASE("gradients of shapes to third order") {
  check_gradients(
      [](const TensorList& in) {
        const Tensor x = in[0] * in[0] * in[0];
        return TensorList{x.reshape({3, 4}),
                          x.permute({2, 0, 1}).reshape({2, 6}),
                          x.flatten(1).t(),
                          x.unsqueeze(1).squeeze(),
                          x.movedim(0, -1).transpose(0, 1),
                          x.sum(xg::Dims(2), true).expand({2, 2, 3, 4}),
                          xg::unflatten(x, 1, {1, 3})};
      },
      {leaf({2, 3, 2}, 1)}, 3);
}

TEST_CASE("gradients of a size 0 and of 0 dimensions") {
  Tensor x = xg::ones({1, 3}, {.dtype = xg::float64, .requires_grad = true});
  x.expand({0, 3}).sum().backward();
  CHECK(x.grad().to_vector<double>() == std::vector<double>{0, 0, 0});
  Tensor scalar = xg::tensor(2.0, {.dtype = xg::float64, .requires_grad = true});
  scalar.expand({2, 3}).reshape({6}).sum().backward();
  CHECK(scalar.grad().item<double>() == 6);
  Tensor none = xg::ones({0, 3}, {.requires_grad = true});
  none.reshape({3, 0}).t().sum().backward();
  CHECK(none.grad().sizes() == Shape{0, 3});
}

TEST_CASE("only what is asked for has a gradient, under the name of its operation") {
  Tensor x = leaf({2, 3}, 2);
  CHECK(x.reshape({6}).grad_fn() == "reshape");
  CHECK(x.t().grad_fn() == "t");
  CHECK(x.expand({4, 2, 3}).grad_fn() == "expand");
  CHECK_FALSE(x.detach().t().requires_grad());
  CHECK_FALSE(counted({2, 3}).t().requires_grad());
}

TEST_CASE("changes in place pass through views, and so do gradients") {
  Tensor x = random({2, 3}, 3).requires_grad_();
  Tensor y = x * 1.0;
  y.t().reshape({3, 2}).select(0, 1).mul_(5.0);
  CHECK(numeric::distance(y.detach().select(1, 1), x.detach().select(1, 1) * 5.0) < 1e-15);
  y.sum().backward();
  CHECK(x.grad().to_vector<double>() == std::vector<double>{1, 5, 1, 1, 5, 1});
}

TEST_CASE("as_strided and its scatter for the tape") {
  using xg::detail::as_strided_scatter;
  check_gradients(
      [](const TensorList& in) {
        return TensorList{as_strided_scatter(in[0] * in[0], in[1] * in[1], {2, 2}, {5, -2}, 4, {}),
                          xg::as_strided(in[0] * in[0], {3, 2, 2}, {2, 1, 1}, 1)};
      },
      {leaf({3, 4}, 4), leaf({2, 2}, 5)}, 2);
  // Over a base that is not contiguous, and reaching outside of it, the storage decides.
  const Tensor whole = random({4, 4}, 6);
  Tensor base = whole.t().slice(0, 1, 3).detach().requires_grad_();
  const Tensor y = xg::as_strided(base, {4}, {1}, 4);
  CHECK(y.to_vector<double>() == whole.reshape({16}).slice(0, 4, 8).to_vector<double>());
  (y * xg::tensor({1.0, 2.0, 3.0, 4.0}, {.dtype = xg::float64})).sum().backward();
  CHECK(base.grad().to_vector<double>() == std::vector<double>{0, 2, 0, 0, 0, 3, 0, 0});
  CHECK(as_strided_scatter(base.detach(), xg::zeros({4}, {.dtype = xg::float64}), {4}, {1}, 4, {})
            .select(1, 1)
            .eq(0)
            .all()
            .item<bool>());
  CHECK(mentions(message_of<xg::IndexError>([&] { xg::as_strided(whole, {4}, {5}, 1); }), {"as_strided", "16"}));
  CHECK(mentions(message_of<xg::IndexError>([&] { xg::as_strided(whole, {4}, {-5}, 1); }), {"as_strided", "-14"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] {
                   xg::as_strided(whole, {4, 1}, {1});
                 }),
                 {"as_strided", "[4, 1]", "[1]"}));
}

TEST_CASE("transposed copies of every size and dtype") {
  for (const Shape& shape : {Shape{16, 16}, Shape{33, 50}, Shape{130, 64}, Shape{2, 17, 48}, Shape{3, 80, 1}})
    for (const xg::Dtype dtype : {xg::float32, xg::float64, xg::int64, xg::bool_}) {
      const Tensor x = counted(shape).to(dtype), y = x.transpose(-2, -1).contiguous();
      const Values from = values(x), to = values(y);
      const auto rows = static_cast<std::size_t>(x.size(-2)), cols = static_cast<std::size_t>(x.size(-1));
      bool right = y.is_contiguous() && to.size() == from.size();
      for (std::size_t i = 0; right && i < to.size(); ++i) {
        const std::size_t matrix = i / (rows * cols), c = i / rows % cols, r = i % rows;
        right = to[i] == from[matrix * rows * cols + r * cols + c];
      }
      CHECK_MESSAGE(right, xg::to_string(shape), " ", xg::name(dtype));
    }
}
