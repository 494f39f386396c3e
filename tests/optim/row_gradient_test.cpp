// Gradients of tables by rows: the same bits as the dense ones, whatever is done with them.
#include <xgrad/nn/embedding.hpp>
#include <xgrad/nn/utils.hpp>
#include <xgrad/xgrad.hpp>

#include <doctest/doctest.h>

#include "tape/node.hpp"

namespace xg = xgrad;
using xg::Tensor;

namespace {

constexpr std::int64_t rows = 100, columns = 7;

bool by_rows(const Tensor& table) { return xg::detail::impl(table).cell->rows != nullptr; }

// Looks up rows 3 (thrice), 5, 99 and 0, and weighs them.
Tensor loss_of(const Tensor& table, std::optional<std::int64_t> padding = {}) {
  const Tensor index = xg::tensor({{3, 5, 3}, {99, 3, 0}});
  const Tensor weight = xg::linspace(0.3, 2, 6 * columns, {.dtype = table.dtype()}).reshape({2, 3, columns});
  return (xg::embedding(table, index, padding) * weight).sum();
}

Tensor make_table(xg::Dtype dtype) {
  xg::manual_seed(5);
  return xg::randn({rows, columns}, {.dtype = dtype, .requires_grad = true});
}

}  // namespace

TEST_CASE("a gradient by rows is whole when it is looked at") {
  const Tensor table = make_table(xg::float64);
  loss_of(table).backward();
  REQUIRE(by_rows(table));
  // By hand: row 3 was looked up at places 0, 2 and 4.
  const auto weight = xg::linspace(0.3, 2, 6 * columns, {.dtype = xg::float64}).to_vector<double>();
  const Tensor grad = table.grad();
  CHECK(grad.sizes() == xg::Shape{rows, columns});
  CHECK(grad.is_same(table.grad()));
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < columns; ++c) {
      auto at = [&](std::int64_t k) { return weight[static_cast<std::size_t>(k * columns + c)]; };
      const double expected = r == 3 ? at(0) + at(2) + at(4) : r == 5 ? at(1) : r == 99 ? at(3) : r == 0 ? at(5) : 0;
      CHECK(grad[r][c].item<double>() == doctest::Approx(expected));
    }
  // It is the table's own: a change in it is what the next step sees.
  grad.zero_();
  xg::optim::SGD sgd({table}, {.lr = 1});
  const Tensor before = table.detach().clone();
  sgd.step();
  CHECK(xg::equal(table.detach(), before));
}

TEST_CASE("gradients by rows add up with others, and end with zero_grad") {
  const Tensor table = make_table(xg::float64), whole = make_table(xg::float64);
  const auto once = [](const Tensor& t) { return xg::grad({loss_of(t)}, {t})[0]; };
  loss_of(table).backward();
  loss_of(table).backward();
  CHECK(xg::allclose(table.grad(), 2 * once(whole)));
  table.zero_grad();
  CHECK_FALSE(table.grad().defined());
  loss_of(table).backward();
  table.zero_grad();
  CHECK_FALSE(table.grad().defined());
  // A dense one first, then rows; and the same table used twice in one graph.
  table.sum().backward();
  loss_of(table).backward();
  CHECK(xg::allclose(table.grad(), 1 + once(whole)));
  table.zero_grad();
  (loss_of(table) + table.sum() + loss_of(table)).backward();
  CHECK(xg::allclose(table.grad(), 1 + 2 * once(whole)));
  table.set_grad({});
  CHECK_FALSE(table.grad().defined());
}

TEST_CASE("who needs the whole gradient gets it") {
  const Tensor expected =
      xg::grad({loss_of(make_table(xg::float64))}, {make_table(xg::float64)}, {.allow_unused = true})[0];
  CHECK_FALSE(expected.defined());  // another table

  const Tensor hooked = make_table(xg::float64);
  Tensor seen;
  hooked.register_hook([&](const Tensor& g) {
    seen = g;
    return 2 * g;
  });
  loss_of(hooked).backward();
  CHECK_FALSE(by_rows(hooked));
  CHECK(xg::allclose(hooked.grad(), 2 * seen));

  const Tensor recorded = make_table(xg::float64);
  loss_of(recorded).square().backward({}, {}, true);
  CHECK_FALSE(by_rows(recorded));
  CHECK(recorded.grad().requires_grad());
  recorded.zero_grad();

  const Tensor clipped = make_table(xg::float64);
  loss_of(clipped).backward();
  xg::nn::utils::clip_grad_norm_({clipped}, 1.0);
  CHECK(xg::norm(clipped.grad()).item<double>() == doctest::Approx(1).epsilon(1e-5));

  xg::nn::Embedding layer(rows, columns);
  xg::nn::functional::mse_loss(layer(xg::tensor({1, 2})), xg::zeros({2, columns})).backward();
  const Tensor before = layer.weight.grad().clone();
  layer.zero_grad();
  xg::nn::functional::mse_loss(layer(xg::tensor({1, 2})), xg::zeros({2, columns})).backward();
  REQUIRE(by_rows(layer.weight));
  layer.to(xg::float64);
  CHECK(xg::equal(layer.weight.grad(), before.to(xg::float64)));
}

TEST_CASE("most of a table, padding, and a table that is a result") {
  const Tensor small = xg::rand({6, 2}, {.dtype = xg::float64, .requires_grad = true});
  xg::embedding(small, xg::tensor({0, 1, 2, 3})).sum().backward();
  CHECK_FALSE(by_rows(small));

  const Tensor table = make_table(xg::float64);
  loss_of(table, 3).backward();
  REQUIRE(by_rows(table));
  CHECK(table.grad()[3].abs().sum().item<double>() == 0);
  CHECK(table.grad()[5].abs().sum().item<double>() > 0);

  const Tensor leaf = make_table(xg::float64);
  loss_of(2 * leaf).backward();
  CHECK_FALSE(by_rows(leaf));
  CHECK(xg::allclose(leaf.grad(), 2 * xg::grad({loss_of(table)}, {table})[0]));

  // A gradient from outside may change after backward; it was read.
  const Tensor index = xg::tensor({4, 4}), outside = xg::ones({2, columns}, {.dtype = xg::float64});
  table.zero_grad();
  xg::embedding(table, index).backward(outside);
  outside.zero_();
  index.zero_();
  CHECK(table.grad()[4][0].item<double>() == 2);
}
