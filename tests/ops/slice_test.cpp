#include <xgrad/ops/slice.hpp>

#include <doctest/doctest.h>
#include <limits>
#include <optional>
#include <vector>

#include "numeric.hpp"
#include "support/shapes.hpp"

namespace xg = xgrad;
using numeric::check_gradients;
using namespace shapes;
using xg::TensorList;
using Border = std::optional<std::int64_t>;

namespace {

// What Python's range(*slice(begin, end, step).indices(size)) lists, by walking instead of by formula.
Values walked(std::int64_t size, Border begin, Border end, std::int64_t step) {
  Values result;
  std::int64_t at = begin ? (*begin < 0 ? *begin + size : *begin) : (step > 0 ? 0 : size - 1);
  if (step > 0 && at < 0) at = 0;
  if (step < 0 && at >= size) at = size - 1;
  const std::int64_t stop = end ? (*end < 0 ? *end + size : *end) : (step > 0 ? size : -1);
  for (; step > 0 ? at < stop : at > stop; at += step) {
    if (at < 0 || at >= size) break;
    result.push_back(at);
  }
  return result;
}

}  // namespace

TEST_CASE("slice takes what Python takes") {
  const std::vector<Border> borders{{}, -7, -6, -5, -2, -1, 0, 1, 2, 4, 5, 6, 7};
  for (const std::int64_t size : {0, 1, 5})
    for (const Border& begin : borders)
      for (const Border& end : borders)
        for (const std::int64_t step : {-7, -3, -2, -1, 1, 2, 3, 7}) {
          CAPTURE(size);
          CAPTURE(step);
          const Tensor y = counted({size}).slice(0, begin, end, step);
          CHECK(values(y) == walked(size, begin, end, step));
          CHECK(values(counted({2, size}).slice(-1, begin, end, step).select(0, 0)) == walked(size, begin, end, step));
        }
}

TEST_CASE("slice survives the largest numbers") {
  constexpr std::int64_t low = std::numeric_limits<std::int64_t>::min(),
                         high = std::numeric_limits<std::int64_t>::max();
  const Tensor x = counted({4});
  CHECK(values(x.slice(0, low, high, high)) == Values{0});
  CHECK(values(x.slice(0, high, low, low)) == Values{3});
  CHECK(values(x.slice(0, 1, high)) == Values{1, 2, 3});
  CHECK(values(x.slice(0, {}, low, -1)) == Values{3, 2, 1, 0});
}

TEST_CASE("slices of slices are views of the one storage") {
  const Tensor x = counted({6, 8});
  const Tensor y = x.slice(0, 5, {}, -2).slice(1, 1, 7, 3).t().slice(0, {}, {}, -1);
  CHECK(values(y) == Values{44, 28, 12, 41, 25, 9});
  CHECK(shares(x, y));
  x.fill_(3);
  CHECK(values(y) == Values(6, 3));
  y.fill_(4);
  CHECK(x.eq(4).to(xg::int64).sum().item<std::int64_t>() == 6);
}

TEST_CASE("narrow and select") {
  const Tensor x = counted({3, 4});
  CHECK(values(x.narrow(1, 1, 2)) == Values{1, 2, 5, 6, 9, 10});
  CHECK(values(x.narrow(0, -2, 1)) == Values{4, 5, 6, 7});
  CHECK(x.narrow(0, 3, 0).sizes() == Shape{0, 4});
  CHECK(values(x.select(0, -1)) == Values{8, 9, 10, 11});
  CHECK(values(x.select(1, 2)) == Values{2, 6, 10});
  CHECK(x.select(0, 1).select(0, 1).item<int>() == 5);
  CHECK(shares(x, x.select(1, 2)));
  CHECK(
      mentions(message_of<xg::IndexError>([&] { x.select(0, 3); }), {"select:", "3", "dimension 0", "slice_test.cpp"}));
  CHECK(mentions(message_of<xg::IndexError>([&] { x.select(-1, -5); }), {"select:", "-5", "dimension 1", "size 4"}));
  CHECK(mentions(message_of<xg::IndexError>([&] { xg::tensor(1.0).select(0, 0); }), {"select:", "0-d"}));
  CHECK(mentions(message_of<xg::IndexError>([&] { x.narrow(1, 3, 2); }), {"narrow:", "3", "2", "size 4"}));
  CHECK(mentions(message_of<xg::IndexError>([&] { x.narrow(1, 0, -1); }), {"narrow:", "-1"}));
  CHECK(mentions(message_of<xg::IndexError>([&] { x.slice(2); }), {"slice:", "2"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { x.slice(0, 0, 2, 0); }), {"slice:", "step"}));
}

TEST_CASE("diagonal") {
  const Tensor x = counted({3, 4});
  CHECK(values(x.diagonal()) == Values{0, 5, 10});
  CHECK(values(x.diagonal(2)) == Values{2, 7});
  CHECK(values(x.diagonal(-1)) == Values{4, 9});
  CHECK(values(x.diagonal(1, 1, 0)) == Values{4, 9});
  CHECK(x.diagonal(4).sizes() == Shape{0});
  CHECK(x.diagonal(-3).sizes() == Shape{0});
  const Tensor y = counted({2, 3, 2}).diagonal(0, 0, 2);
  CHECK(y.sizes() == Shape{3, 2});
  CHECK(values(y) == Values{0, 7, 2, 9, 4, 11});
  CHECK(mentions(message_of<xg::ValueError>([&] { x.diagonal(0, 1, -1); }), {"diagonal", "same"}));
}

TEST_CASE("as_strided shows windows that overlap") {
  const Tensor x = counted({6});
  CHECK(values(xg::as_strided(x, {4, 3}, {1, 1})) == Values{0, 1, 2, 1, 2, 3, 2, 3, 4, 3, 4, 5});
  CHECK(values(xg::as_strided(x.slice(0, 2), {2}, {2})) == Values{2, 4});
  CHECK(values(xg::as_strided(x, {2}, {-1}, 5)) == Values{5, 4});
  CHECK(values(xg::as_strided(x, {8}, {0}, 3)) == Values(8, 3));
  CHECK(xg::as_strided(x, {0, 9}, {9, 9}).sizes() == Shape{0, 9});
  constexpr std::int64_t high = std::numeric_limits<std::int64_t>::max();
  CHECK(mentions(message_of<xg::IndexError>([&] { xg::as_strided(x, {3}, {high}); }), {"as_strided", "6"}));
  CHECK(mentions(message_of<xg::IndexError>([&] { xg::as_strided(x, {high, 4}, {0, 0}); }), {"as_strided", "6"}));
}

TEST_CASE("gradients of parts to third order") {
  check_gradients(
      [](const TensorList& in) {
        const Tensor x = in[0] * in[0] * in[0];
        return TensorList{x.slice(1, {}, {}, -2),
                          x.narrow(0, 1, 2),
                          x.select(1, -1),
                          x.diagonal(1),
                          x.slice(0, 3, 3),
                          x.t().slice(0, 1, 4, 2).select(1, 0),
                          xg::as_strided(x, {3, 3}, {3, 1})};
      },
      {leaf({3, 4}, 1)}, 3);
}

TEST_CASE("parts add up where they overlap, and leave the rest zero") {
  Tensor x = leaf({5}, 2);
  const Tensor y = x * 1.0;
  (y.slice(0, 0, 3) * 2.0).sum().backward();
  CHECK(reals(x.grad()) == Reals{2, 2, 2, 0, 0});
  x.zero_grad();
  const Tensor z = x * 1.0;
  (z.slice(0, 0, 3).sum() + z.slice(0, 2).sum() * 10.0 + z.select(0, 2) * 100.0 + z.slice(0, {}, {}, -2).sum() * 0.5)
      .backward();
  CHECK(reals(x.grad()) == Reals{1.5, 1, 111.5, 10, 10.5});
}

TEST_CASE("a part that is never written has no numbers of its own") {
  // Freed memory full of NaN is what the next tensor of that size is made of.
  for (int round = 0; round < 3; ++round) {
    { const Tensor poison = xg::full({512}, std::numeric_limits<double>::quiet_NaN(), {.dtype = xg::float64}); }
    Tensor x = leaf({512}, 3);
    x.slice(0, 1, 500, 7).sum().backward();
    double sum = 0;
    for (const double g : reals(x.grad())) sum += g;
    CHECK(sum == 72);
  }
}

TEST_CASE("in place through parts, with gradients") {
  Tensor x = leaf({4, 4}, 4), v = leaf({2}, 5);
  const Tensor y = x * 2.0;
  const Tensor part = y.slice(0, {}, {}, -1).select(1, 1).slice(0, 0, 4, 2);  // y[3, 1], y[1, 1]
  part.copy_(v * 3.0);
  (y * y).sum().backward();
  const Reals before = reals(x), g = reals(x.grad());
  for (std::size_t k = 0; k < 16; ++k) CHECK(g[k] == doctest::Approx(k == 5 || k == 13 ? 0 : 8 * before[k]));
  CHECK(reals(v.grad())[0] == doctest::Approx(18 * reals(v)[0]));
  CHECK(reals(v.grad())[1] == doctest::Approx(18 * reals(v)[1]));
  // A view made before the base was changed sees the change, and its gradient too.
  Tensor w = leaf({3}, 6);
  const Tensor z = w * 1.0;
  const Tensor seen = z.slice(0, 1);
  z.mul_(3.0);
  seen.sum().backward();
  CHECK(reals(w.grad()) == Reals{0, 3, 3});
}

TEST_CASE("the gradient of parts of a permuted tensor keeps its order in memory") {
  const Tensor x = shapes::leaf({2, 5, 12}, 1), weight = numeric::random({3, 2, 2, 5, 2}, 2);
  Shape strides;
  const auto run = [&](bool create_graph) {
    const Tensor parts = (x * 1).reshape({2, 5, 3, 2, 2}).permute({2, 0, 3, 1, 4});
    parts.register_hook([&](const Tensor& g) {
      strides = g.strides();
      return Tensor();
    });
    Tensor loss = (parts[1] * weight[1]).sum() + (parts.select(0, 0) * weight[0]).sum();
    loss = loss + (parts.slice(0, 1, 3).slice(4, 1, 2) * weight.slice(0, 1, 3).slice(4, 1, 2)).sum();
    return xg::grad({loss}, {x}, {.create_graph = create_graph})[0];
  };
  // Each element's weight, once for each part that has it.
  Tensor expected = weight.clone();
  expected.select(0, 2).select(3, 0).zero_();
  expected.select(0, 1).select(3, 1).mul_(2);
  expected = expected.permute({1, 3, 0, 2, 4}).reshape({2, 5, 12});
  CHECK(numeric::distance(run(false), expected) < 1e-15);
  CHECK(strides == Shape{4, 60, 2, 12, 1});
  CHECK(numeric::distance(run(true).detach(), expected) < 1e-15);
}

TEST_CASE("unfold shows windows of the same memory, whose gradients add up") {
  const Tensor x = counted({2, 5});
  CHECK(values(x.unfold(1, 3, 2)) == Values{0, 1, 2, 2, 3, 4, 5, 6, 7, 7, 8, 9});
  CHECK(values(x.unfold(0, 2, 9)) == Values{0, 5, 1, 6, 2, 7, 3, 8, 4, 9});
  CHECK(values(x.t().unfold(0, 2, 2)) == Values{0, 1, 5, 6, 2, 3, 7, 8});
  CHECK(x.unfold(-1, 0, 1).sizes() == Shape{2, 6, 0});
  CHECK(values(xg::tensor(7).unfold(0, 1, 1)) == Values{7});
  CHECK(shares(x, x.unfold(1, 3, 2)));
  const Tensor leaf = shapes::leaf({5}, 1);
  leaf.unfold(0, 3, 1).sum().backward();
  CHECK(reals(leaf.grad()) == Reals{1, 2, 3, 2, 1});
  CHECK(mentions(message_of<xg::ShapeError>([&] { x.unfold(1, -1, 1); }), {"unfold:", "-1"}));
  CHECK(mentions(message_of<xg::IndexError>([&] { x.unfold(2, 1, 1); }), {"unfold:", "2"}));
}
