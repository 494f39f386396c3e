#include <xgrad/ops/index.hpp>

#include <doctest/doctest.h>
#include <limits>
#include <vector>

#include "numeric.hpp"
#include "support/shapes.hpp"

namespace xg = xgrad;
using numeric::check_gradients;
using namespace shapes;
using xg::ellipsis;
using xg::newaxis;
using xg::slice;
using xg::TensorList;

TEST_CASE("basic indices are views") {
  const Tensor x = counted({2, 3, 4});
  CHECK(values(x[1]) == Values{12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23});
  CHECK(values(x[-1][0]) == Values{12, 13, 14, 15});
  CHECK(x.index({1, 2, 3}).item<int>() == 23);
  CHECK(values(x.index({0, slice(1, {}), slice({}, {}, 2)})) == Values{4, 6, 8, 10});
  CHECK(values(x.index({ellipsis, -1})) == Values{3, 7, 11, 15, 19, 23});
  CHECK(values(x.index({slice(), slice({}, {}, -1), 0})) == Values{8, 4, 0, 20, 16, 12});
  CHECK(x.index({newaxis, ellipsis, newaxis}).sizes() == Shape{1, 2, 3, 4, 1});
  CHECK(x.index({0, newaxis, slice(0, 2)}).sizes() == Shape{1, 2, 4});
  CHECK(x.index({}).sizes() == x.sizes());
  CHECK(x[slice(0, 1)].sizes() == Shape{1, 3, 4});
  CHECK(x[ellipsis].sizes() == x.sizes());
  CHECK(values(x[xg::tensor(1)]) == values(x[1]));
  for (const Tensor& view : {x[0], x.index({ellipsis, slice(0, 4, 3)}), x[xg::tensor(0)]}) {
    CHECK(shares(x, view));
    CHECK(view.is_view());
  }
}

// The same index over every element, spelled out: NumPy's rule for where index tensors land.
TEST_CASE("index tensors gather, and land where NumPy puts them") {
  const Tensor x = counted({3, 4, 5});
  const Tensor i = list({2, 0}), j = list({-1, 1});
  CHECK(values(x[i].select(1, 0)) == Values{40, 41, 42, 43, 44, 0, 1, 2, 3, 4});
  const Tensor both = x.index({i, j});  // neighbours: [2, 5]
  CHECK(values(both) == Values{55, 56, 57, 58, 59, 5, 6, 7, 8, 9});
  const Tensor inner = x.index({slice(), i, j});  // [3, 2]
  CHECK(values(inner) == Values{14, 1, 34, 21, 54, 41});
  const Tensor apart = x.index({i, slice(), j});  // in front: [2, 4]
  CHECK(values(apart) == Values{44, 49, 54, 59, 1, 6, 11, 16});
  const Tensor spaced = x.index({i, newaxis, j});  // a new axis stands between: in front, [2, 1, 5]
  CHECK(spaced.sizes() == Shape{2, 1, 5});
  // An integer is taken out before, as in PyTorch.
  CHECK(values(x.index({1, slice(), j})) == Values{24, 21, 29, 26, 34, 31, 39, 36});
  CHECK(x.index({1, slice(), j}).sizes() == Shape{4, 2});
  CHECK(x.index({i.unsqueeze(1), list({0, 1, 2})}).sizes() == Shape{2, 3, 5});
  CHECK(values(x.index({i.unsqueeze(1), list({0, 1, 2}), 4})) == Values{44, 49, 54, 4, 9, 14});
  CHECK(x.index({counted({2, 2}).remainder(3), ellipsis}).sizes() == Shape{2, 2, 4, 5});
  CHECK(x[list({})].sizes() == Shape{0, 4, 5});
  CHECK(xg::zeros({0, 3})[list({})].sizes() == Shape{0, 3});
  // Views, reversed ones too, are read where they are.
  const Tensor turned = x.permute({2, 0, 1}).slice(0, {}, {}, -1);
  CHECK(values(turned.index({list({0, -1}), list({2, 0})})) ==
        values(turned.contiguous().index({list({0, -1}), list({2, 0})})));
  CHECK(values(turned.index({ellipsis, list({3, 0, 3})})) ==
        values(turned.contiguous().index({ellipsis, list({3, 0, 3})})));
  CHECK(turned.index({list({0}), list({2}), list({3})}).item<int>() == 59);
  for (const xg::Dtype dtype : {xg::float32, xg::int32, xg::uint8})
    CHECK(values(counted({3, 2}, dtype)[i]) == Values{4, 5, 0, 1});
}

TEST_CASE("masks choose elements in order") {
  const Tensor x = counted({2, 3});
  const Tensor mask = xg::tensor({{true, false, true}, {false, false, true}});
  CHECK(values(x[mask]) == Values{0, 2, 5});
  CHECK(values(x[mask.to(xg::uint8)]) == Values{0, 2, 5});
  CHECK(values(x[xg::tensor({false, true})]) == Values{3, 4, 5});
  CHECK(values(x.index({ellipsis, xg::tensor({true, false, true})})) == Values{0, 2, 3, 5});
  CHECK(values(x.index({list({1, 0}), xg::tensor({true, false, true})})) == Values{3, 2});
  CHECK(x[xg::tensor(true)].sizes() == Shape{1, 2, 3});
  CHECK(x[xg::tensor(false)].sizes() == Shape{0, 2, 3});
  CHECK(x[x.gt(100)].sizes() == Shape{0});
  CHECK(values(x.t()[mask.t()]) == Values{0, 2, 5});
}

TEST_CASE("bad indices say which, where and why") {
  const Tensor x = counted({3, 4});
  const auto index_error = [&](auto&& f) { return message_of<xg::IndexError>(f); };
  CHECK(mentions(index_error([&] { x[3]; }), {"index:", "3", "dimension 0", "size 3", "index_test.cpp"}));
  CHECK(mentions(index_error([&] { x.index({slice(), -5}); }), {"index:", "-5", "dimension 1", "size 4"}));
  CHECK(mentions(index_error([&] { x.index({slice(), list({0, 4})}); }), {"index:", "4", "dimension 1", "size 4"}));
  CHECK(mentions(index_error([&] { x[list({-4})]; }), {"index:", "-4", "dimension 0", "size 3"}));
  CHECK(mentions(index_error([&] { x.index({0, 0, 0}); }), {"index:", "3", "[3, 4]"}));
  CHECK(mentions(index_error([&] { x.index({ellipsis, ellipsis}); }), {"index:", "ellipsis"}));
  CHECK(mentions(index_error([&] { x[xg::tensor({true, false})]; }), {"index:", "[2]", "[3, 4]"}));
  CHECK(mentions(index_error([&] { xg::tensor(1.0)[0]; }), {"index:"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] {
                   x.index({list({0, 1}), list({0, 1, 2})});
                 }),
                 {"index:", "[2]", "[3]"}));
  CHECK(mentions(message_of<xg::DtypeError>([&] { x[xg::zeros({2})]; }), {"index:", "float32"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { x[slice(0, 2, 0)]; }), {"index:", "step"}));
  const Values before = values(x);
  CHECK(mentions(index_error([&] { x.index_put_({list({0, 3})}, 9); }), {"index_put_:", "3"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] { x.index_put_({0}, list({1, 2})); }), {"index_put", "[2]", "[4]"}));
  CHECK(mentions(message_of<xg::DtypeError>([&] { x.index_put_({0}, 1.5); }), {"index_put", "int64"}));
  CHECK(mentions(message_of<xg::DtypeError>([&] { x.index_put_({0}, xg::ones({4})); }),
                 {"index_put", "float32", "int64"}));
  CHECK(values(x) == before);
}

TEST_CASE("index_put_ writes where index reads") {
  const Tensor x = counted({3, 4});
  CHECK(x.index_put_({1, slice(1, 3)}, -1).is_same(x));
  CHECK(values(x) == Values{0, 1, 2, 3, 4, -1, -1, 7, 8, 9, 10, 11});
  x.index_put_({list({0, -1}), list({0, 3})}, list({50, 60}));
  CHECK(values(x[0]) == Values{50, 1, 2, 3});
  CHECK(x.index({2, 3}).item<int>() == 60);
  x.index_put_({x.gt(10)}, 0);
  CHECK(values(x) == Values{0, 1, 2, 3, 4, -1, -1, 7, 8, 9, 10, 0});
  x.index_put_({slice(), list({0, 0, 1})}, list({1, 10, 100}), true);
  CHECK(values(x.select(1, 0)) == Values{11, 15, 19});
  CHECK(values(x.select(1, 1)) == Values{101, 99, 109});
  x.index_put_({list({1, 1})}, list({5, 6}).unsqueeze(1));
  CHECK(values(x[1]) == Values{6, 6, 6, 6});
  // Through a view with negative steps, and from the tensor itself.
  const Tensor y = counted({5});
  y.slice(0, {}, {}, -2).index_put_({list({0, 2})}, list({70, 80}));
  CHECK(values(y) == Values{80, 1, 2, 3, 70});
  y.index_put_({slice(1, {})}, y.slice(0, 0, 4));
  CHECK(values(y) == Values{80, 80, 1, 2, 3});
  const Tensor flags = xg::tensor({false, true, false});
  flags.index_put_({list({0, 1})}, xg::tensor({true, false}), true);
  CHECK(flags.to_vector<bool>() == std::vector<bool>{true, true, false});
  const auto version = y.version();
  y.index_put_({0}, 1);
  CHECK(y.version() == version + 1);
}

TEST_CASE("index_put leaves its argument alone") {
  const Tensor x = counted({3});
  CHECK(values(xg::index_put(x, {list({2, 0})}, list({7, 8}))) == Values{8, 1, 7});
  CHECK(values(xg::index_put(x, {slice(1, {})}, 5, true)) == Values{0, 6, 7});
  CHECK(values(x) == Values{0, 1, 2});
}

TEST_CASE("gradients of indexing to third order") {
  check_gradients(
      [](const TensorList& in) {
        const Tensor x = in[0] * in[0] * in[0];
        const Tensor i = list({1, 0, 1}), j = list({0, -1, 0});
        return TensorList{x[0],
                          x.index({slice({}, {}, -1), 1, newaxis, slice(0, 2)}),
                          x.index({i, j}),
                          x.index({ellipsis, i}),
                          x.permute({2, 0, 1}).index({i, slice(), j}),
                          x[x.detach().gt(0)],
                          x.index({i.unsqueeze(1), slice(1, {}), j})};
      },
      {leaf({2, 3, 2}, 1)}, 3);
}

TEST_CASE("gradients of index_put to second order, places met twice included") {
  for (const bool accumulate : {false, true})
    check_gradients(
        [&](const TensorList& in) {
          const Tensor x = in[0] * in[0], v = in[1] * in[1];
          return TensorList{xg::index_put(x, {list({1, 0, 1})}, v.unsqueeze(1), accumulate),
                            xg::index_put(x.t(), {slice({}, {}, -1), list({1, 0, 1})}, v, accumulate),
                            xg::index_put(x, {slice(1, {}), slice(0, 3)}, v, accumulate),
                            xg::index_put(x, {0}, 2.0, accumulate)};
        },
        {leaf({2, 4}, 2), leaf({3}, 3)}, 2);
}

TEST_CASE("recorded assignment, also through a view") {
  Tensor x = leaf({2, 3}, 4), v = leaf({2}, 5);
  const Tensor y = x * 2.0;
  y.t().index_put_({list({2, 0}), 1}, v * v);  // y[1, 2], y[1, 0]
  (y * numeric::random({2, 3}, 6)).sum().backward();
  Reals expected = reals(numeric::random({2, 3}, 6) * 2.0);
  CHECK(reals(v.grad())[0] == doctest::Approx(expected[5] * reals(v)[0]));
  CHECK(reals(v.grad())[1] == doctest::Approx(expected[3] * reals(v)[1]));
  expected[3] = expected[5] = 0;
  CHECK(reals(x.grad()) == expected);
  CHECK(mentions(message_of<xg::AutogradError>([&] { x.index_put_({0}, 1.0); }), {"index_put_", "leaf"}));
  xg::NoGradGuard no_grad;
  x.index_put_({0}, 1.0);
  CHECK(reals(x[0]) == Reals{1, 1, 1});
}

TEST_CASE("a place met often gathers all of its gradients, the rest stays zero") {
  { const Tensor poison = xg::full({300}, std::numeric_limits<double>::quiet_NaN(), {.dtype = xg::float64}); }
  Tensor x = leaf({300}, 7);
  x.index({list({5, 5, -1, 5})}).sum().backward();
  const Reals g = reals(x.grad());
  for (std::size_t k = 0; k < 300; ++k) CHECK(g[k] == (k == 5 ? 3 : k == 299 ? 1 : 0));
  // Gathered into what another use left already.
  Tensor w = leaf({3}, 8);
  const Tensor u = w * 1.0;
  (u[list({0, 0})].sum() + u.sum() * 10.0 + u[1] * 5.0).backward();
  CHECK(reals(w.grad()) == Reals{12, 15, 10});
}
