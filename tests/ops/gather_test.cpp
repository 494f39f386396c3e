#include <xgrad/ops/gather.hpp>

#include <doctest/doctest.h>
#include <limits>
#include <vector>

#include "numeric.hpp"
#include "support/shapes.hpp"

namespace xg = xgrad;
using numeric::check_gradients;
using numeric::inner;
using numeric::random;
using namespace shapes;
using xg::TensorList;

TEST_CASE("index_select and its writing kin") {
  const Tensor x = counted({3, 4});
  CHECK(values(x.index_select(0, list({2, 2, -3}))) == Values{8, 9, 10, 11, 8, 9, 10, 11, 0, 1, 2, 3});
  CHECK(values(x.index_select(-1, list({3, 0}))) == Values{3, 0, 7, 4, 11, 8});
  CHECK(values(x.t().slice(0, {}, {}, -1).index_select(0, list({0, 3}))) == Values{3, 7, 11, 0, 4, 8});
  CHECK(x.index_select(0, xg::tensor(1)).sizes() == Shape{1, 4});
  CHECK(x.index_select(1, list({})).sizes() == Shape{3, 0});
  CHECK(values(x.index_add(1, list({0, 0}), counted({3, 2}))) == Values{1, 1, 2, 3, 9, 5, 6, 7, 17, 9, 10, 11});
  CHECK(values(xg::index_add(x, 0, list({-1}), counted({1, 4}), -2)) == Values{0, 1, 2, 3, 4, 5, 6, 7, 8, 7, 6, 5});
  CHECK(values(xg::index_copy(x, 0, list({1, 1}), counted({2, 4}) * 10)) ==
        Values{0, 1, 2, 3, 40, 50, 60, 70, 8, 9, 10, 11});
  CHECK(values(xg::index_fill(x, 1, list({-1, 0}), 9)) == Values{9, 1, 2, 9, 9, 5, 6, 9, 9, 9, 10, 9});
  CHECK(values(x) == values(counted({3, 4})));
}

TEST_CASE("gather, scatter, take") {
  const Tensor x = counted({2, 3});
  const Tensor index = xg::tensor({{2, 0}, {-2, 1}});
  CHECK(values(x.gather(1, index)) == Values{2, 0, 4, 4});
  CHECK(values(x.gather(0, xg::tensor({{1, 0, 1}}))) == Values{3, 1, 5});
  CHECK(values(x.t().gather(0, index)) == Values{2, 3, 1, 4});
  CHECK(values(x.flip(0).slice(0, {}, {}, -1).gather(1, index)) == Values{2, 0, 4, 4});
  CHECK(values(x.slice(1, {}, {}, -1).gather(0, xg::tensor({{1, 0}}))) == Values{5, 1});
  CHECK(xg::tensor(7).gather(0, list({0, 0})).sizes() == Shape{2});
  CHECK(x.gather(1, xg::zeros({2, 0}, {.dtype = xg::int64})).sizes() == Shape{2, 0});
  CHECK(values(xg::scatter(x, 1, index, 9)) == Values{9, 1, 9, 3, 9, 5});
  CHECK(values(xg::scatter(x, 1, index, counted({3, 3}) * 10)) == Values{10, 1, 0, 3, 40, 5});
  CHECK(values(x.scatter_add(1, index, counted({2, 2}) + 1)) == Values{2, 1, 3, 3, 11, 5});
  CHECK(values(xg::take(x, xg::tensor({{0, -1}, {3, 3}}))) == Values{0, 5, 3, 3});
  CHECK(values(xg::take(x.t(), list({1, 4}))) == Values{3, 2});
  CHECK(values(xg::take_along_dim(x, xg::tensor({{1}}), 1)) == Values{1, 4});
  CHECK(values(xg::take_along_dim(x, list({5, 0}))) == Values{5, 0});
}

TEST_CASE("storage types are moved, not summed") {
  const Tensor x = counted({3, 2}, xg::uint8);
  CHECK(values(x.index_select(0, list({1}))) == Values{2, 3});
  CHECK(values(x.gather(0, xg::tensor({{2, 0}}))) == Values{4, 1});
  CHECK(values(xg::index_copy(x, 0, list({0}), x.narrow(0, 2, 1))) == Values{4, 5, 2, 3, 4, 5});
  CHECK(mentions(message_of<xg::DtypeError>([&] {
                   x.scatter_add(0, xg::tensor({{0, 0}}), x);
                 }),
                 {"scatter_add", "uint8"}));
  CHECK(mentions(message_of<xg::DtypeError>([&] { x.index_add(0, list({0}), x.slice(0, 0, 1)); }),
                 {"index_add", "uint8"}));
}

TEST_CASE("errors name the index, the dimension and the size") {
  const Tensor x = counted({3, 4});
  CHECK(mentions(message_of<xg::IndexError>([&] {
                   x.index_select(1, list({0, 4}));
                 }),
                 {"index_select:", "index 4", "dimension 1", "size 4", "gather_test.cpp"}));
  CHECK(mentions(message_of<xg::IndexError>([&] { x.gather(0, xg::tensor({{-4}})); }),
                 {"gather:", "-4", "dimension 0", "size 3"}));
  CHECK(mentions(message_of<xg::IndexError>([&] { x.scatter_add(0, xg::tensor({{3}}), x); }), {"scatter_add:", "3"}));
  CHECK(mentions(message_of<xg::IndexError>([&] { xg::take(x, list({12})); }), {"take:", "12"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] { x.gather(0, list({0})); }), {"gather:", "[3, 4]", "[1]"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] {
                   x.gather(0, xg::zeros({1, 5}, {.dtype = xg::int64}));
                 }),
                 {"gather:", "[1, 5]"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] {
                   x.scatter_add(0, xg::zeros({2, 2}, {.dtype = xg::int64}), counted({1, 2}));
                 }),
                 {"scatter_add:", "[2, 2]", "[1, 2]"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] {
                   x.index_add(0, list({0}), counted({2, 4}));
                 }),
                 {"index_add:", "[1, 4]", "[2, 4]"}));
  CHECK(mentions(message_of<xg::DtypeError>([&] { x.index_select(0, xg::zeros({1})); }), {"index_select:", "float32"}));
  CHECK(mentions(message_of<xg::DtypeError>([&] { xg::index_fill(x, 0, list({0}), 0.5); }), {"index_fill:", "int64"}));
  CHECK(mentions(message_of<xg::IndexError>([&] {
                   xg::embedding(xg::zeros({10, 2}), list({3, 12}));
                 }),
                 {"embedding: index 12 is out of range for 10 rows", "gather_test.cpp"}));
  CHECK(mentions(message_of<xg::IndexError>([&] {
                   xg::embedding(xg::zeros({10, 2}), list({-1}));
                 }),
                 {"embedding: index -1"}));
  CHECK(mentions(message_of<xg::IndexError>([&] {
                   xg::embedding(xg::zeros({10, 2}), list({1}), 10);
                 }),
                 {"embedding:", "padding_idx 10"}));
  CHECK(mentions(message_of<xg::IndexError>([&] { xg::one_hot(list({3}), 3); }), {"one_hot:", "3"}));
}

TEST_CASE("reading and writing are adjoint: <A x, y> = <x, A^T y>") {
  const Tensor index = xg::tensor({{1, 0, 2}, {2, 2, 1}});
  for (const std::int64_t dim : {0, 1}) {
    const Tensor x = random({3, 3}, 1), y = random({2, 3}, 2);
    const double left = inner({x.gather(dim, index)}, {y});
    const double right = inner({xg::zeros({3, 3}, {.dtype = xg::float64}).scatter_add(dim, index, y)}, {x});
    CHECK(left == doctest::Approx(right).epsilon(1e-14));
  }
  const Tensor list_of = list({1, 1, 0, 2, 1});
  const Tensor x = random({4, 3, 2}, 3), y = random({4, 5, 2}, 4);
  CHECK(inner({x.index_select(1, list_of)}, {y}) ==
        doctest::Approx(inner({xg::zeros({4, 3, 2}, {.dtype = xg::float64}).index_add(1, list_of, y)}, {x}))
            .epsilon(1e-14));
}

TEST_CASE("gradients by index to third order") {
  check_gradients(
      [](const TensorList& in) {
        const Tensor x = in[0] * in[0] * in[0];
        const Tensor index = xg::tensor({{2, 0}, {1, 1}, {0, 2}});
        return TensorList{x.index_select(1, list({2, 0, 2})), x.gather(1, index), x.t().gather(0, index.t()),
                          xg::take(x, list({5, 0, 5})), xg::take_along_dim(x, list({1, 1}).unsqueeze(0), 1)};
      },
      {leaf({3, 3}, 5)}, 3);
}

TEST_CASE("gradients of sums and copies into places to second order") {
  check_gradients(
      [](const TensorList& in) {
        const Tensor x = in[0] * in[0], v = in[1] * in[1];
        const Tensor index = xg::tensor({{2, 0}, {1, 1}});  // a place met twice
        return TensorList{x.scatter_add(1, index, v),
                          xg::scatter(x, 1, index, v),
                          xg::scatter(x, 0, index, 3.0),
                          x.index_add(1, list({2, 2}), v.narrow(0, 0, 2).repeat({2, 1}).narrow(0, 0, 3)),
                          xg::index_add(x, 0, list({0}), v.narrow(0, 0, 1).repeat({1, 2}).narrow(1, 0, 3), 0.5),
                          xg::index_copy(x, 1, list({0, 0}), v.repeat({2, 1}).narrow(0, 0, 3)),
                          xg::index_fill(x, 1, list({1}), 4.0)};
      },
      {leaf({3, 3}, 6), leaf({2, 2}, 7)}, 2);
}

TEST_CASE("embedding") {
  const Tensor table = random({5, 3}, 8);
  const Tensor indices = xg::tensor({{4, 0}, {2, 4}});
  const Tensor rows = xg::embedding(table, indices);
  CHECK(rows.sizes() == Shape{2, 2, 3});
  CHECK(reals(rows.select(0, 0).select(0, 0)) == reals(table.select(0, 4)));
  CHECK(xg::embedding(table, xg::tensor(3)).sizes() == Shape{3});
  CHECK(xg::embedding(table, list({})).sizes() == Shape{0, 3});
  CHECK(reals(xg::embedding(table.t().contiguous().t(), indices)) == reals(rows));
  check_gradients(
      [&](const TensorList& in) {
        const Tensor w = in[0] * in[0];
        return TensorList{xg::embedding(w, indices), xg::embedding(w.t(), xg::tensor({1, 1}))};
      },
      {leaf({5, 3}, 9)}, 3);
  for (const std::int64_t padding : {4, -1}) {
    Tensor w = leaf({5, 3}, 10);
    const Tensor out = xg::embedding(w, indices, padding);
    CHECK(reals(out.detach().select(0, 0).select(0, 0)) == reals(w.detach().select(0, 4)));
    const Tensor g = xg::grad({(out * out).sum()}, {w}, {.create_graph = true})[0];
    CHECK(reals(g.detach().select(0, 4)) == Reals{0, 0, 0});
    CHECK(reals(g.detach().select(0, 2)) == reals(w.detach().select(0, 2) * 2.0));
    g.sum().backward();
    CHECK(reals(w.grad().sum(xg::Dims(1))) == Reals{6, 0, 6, 0, 0});
  }
}

TEST_CASE("large sums have the bits of one after the other, whatever the threads") {
  const std::int64_t n = 4096, rows = 37;
  for (const std::int64_t width : {1, 24, 64}) {
    std::vector<std::int64_t> where(static_cast<std::size_t>(n));
    for (std::size_t k = 0; k < where.size(); ++k) where[k] = static_cast<std::int64_t>((k * 2654435761u) % 37);
    const Tensor source = random({n, width}, 11, xg::float32);
    const float* from = source.data<float>();
    std::vector<float> expected(static_cast<std::size_t>(rows * width), 0.0f);
    for (std::int64_t k = 0; k < n; ++k)
      for (std::int64_t i = 0; i < width; ++i)
        expected[static_cast<std::size_t>(where[static_cast<std::size_t>(k)] * width + i)] += from[k * width + i];
    const Tensor zeros = xg::zeros({rows, width});
    CHECK(zeros.index_add(0, list(where), source).to_vector<float>() == expected);
    CHECK(zeros.scatter_add(0, list(where).unsqueeze(1).expand({n, width}), source).to_vector<float>() == expected);
    CHECK(zeros.t().index_add(1, list(where), source.t()).t().reshape({-1}).to_vector<float>() == expected);
    Tensor table = xg::zeros({rows, width}, {.requires_grad = true});
    xg::embedding(table, list(where)).backward(source);
    CHECK(table.grad().to_vector<float>() == expected);
  }
}

TEST_CASE("one_hot and bincount") {
  CHECK(values(xg::one_hot(list({2, 0}))) == Values{0, 0, 1, 1, 0, 0});
  CHECK(xg::one_hot(xg::tensor({{1}, {0}}), 4).sizes() == Shape{2, 1, 4});
  CHECK(xg::one_hot(list({}), 3).sizes() == Shape{0, 3});
  CHECK(values(xg::bincount(list({1, 3, 1}))) == Values{0, 2, 0, 1});
  CHECK(values(xg::bincount(list({1}), 4)) == Values{0, 1, 0, 0});
  CHECK(xg::bincount(list({})).sizes() == Shape{0});
}

TEST_CASE("a tensor without dimensions counts as one of one element") {
  const Tensor x = xg::tensor(5.0, {.dtype = xg::float64, .requires_grad = true}), index = xg::tensor({0});
  const Tensor one = xg::tensor({2.0}, {.dtype = xg::float64});
  CHECK(xg::index_select(x, 0, index).sizes() == Shape{});
  CHECK(xg::index_select(x, -1, index).item<double>() == 5);
  CHECK(xg::index_add(x, 0, index, one).item<double>() == 7);
  CHECK(xg::index_copy(x, 0, index, one).item<double>() == 2);
  CHECK(xg::index_fill(x, 0, index, 3).item<double>() == 3);
  CHECK(xg::grad({xg::index_select(x, 0, index) * 3}, {x})[0].item<double>() == 3);
  CHECK_THROWS_AS(xg::index_select(x, 0, xg::tensor({0, 0})), xg::ShapeError);
  CHECK_THROWS_AS(xg::index_select(x, 0, xg::tensor({1})), xg::IndexError);
  CHECK_THROWS_AS(xg::index_select(x, 1, index), xg::IndexError);
}

TEST_CASE("embedding divides the gradient of a row by how often it occurs, where asked to") {
  const Tensor weight = xg::ones({4, 2}, {.dtype = xg::float64, .requires_grad = true});
  const Tensor indices = xg::tensor({{0, 2}, {2, 1}});
  const Tensor y = xg::embedding(weight, indices, {}, true);
  CHECK(y.to_vector<double>() == xg::embedding(weight, indices).to_vector<double>());
  const Tensor cotangent = xg::tensor({{{1.0, 2.0}, {3.0, 4.0}}, {{5.0, 6.0}, {1.0, 2.0}}}, {.dtype = xg::float64});
  CHECK(xg::grad({y}, {weight}, {.grad_outputs = {cotangent}})[0].to_vector<double>() ==
        std::vector<double>{1, 2, 1, 2, 4, 5, 0, 0});
}
