#include <xgrad/autograd.hpp>
#include <xgrad/ops/arithmetic.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/embedding_bag.hpp>
#include <xgrad/ops/reduce.hpp>
#include <xgrad/optim/sgd.hpp>
#include <xgrad/threads.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <vector>

#include "numeric.hpp"
#include "support/errors.hpp"

namespace xg = xgrad;
using test::mentions;
using test::message_of;
using xg::Tensor;
using Values = std::vector<double>;

namespace {

constexpr xg::TensorOptions leaf{.dtype = xg::float64, .requires_grad = true};

}  // namespace

TEST_CASE("what does not count is in neither the mean nor a gradient") {
  const Tensor weight = xg::tensor({{1.0, 2.0}, {10.0, 20.0}, {3.0, 8.0}}, leaf);
  const Tensor input = xg::tensor({0, 1, 2, 1, 1}), offsets = xg::tensor({0, 3, 3});
  const Tensor y = xg::embedding_bag(input, weight, offsets, {.padding_idx = -2});
  CHECK(y.to_vector<double>() == Values{2, 5, 0, 0, 0, 0});
  CHECK(xg::grad({y.sum()}, {weight})[0].to_vector<double>() == Values{0.5, 0.5, 0, 0, 0.5, 0.5});
  const Tensor factors = xg::tensor({1.0, 2.0, 3.0, 4.0, 5.0}, leaf);
  const Tensor sum =
      xg::embedding_bag(input, weight, offsets, {.mode = "sum", .per_sample_weights = factors, .padding_idx = 1});
  CHECK(sum.to_vector<double>() == Values{10, 26, 0, 0, 0, 0});
  CHECK(xg::grad({sum.sum()}, {factors})[0].to_vector<double>() == Values{3, 0, 11, 0, 0});
}

TEST_CASE("frequencies divide the gradient of a row by its occurrences") {
  const Tensor weight = xg::ones({3, 1}, leaf);
  const Tensor y =
      xg::embedding_bag(xg::tensor({{0, 1}, {1, 1}}), weight, {}, {.scale_grad_by_freq = true, .mode = "sum"});
  CHECK(y.to_vector<double>() == Values{2, 2});
  const Tensor cotangent = xg::tensor({{4.0}, {5.0}}, {.dtype = xg::float64});
  const auto slope = xg::grad({y}, {weight}, {.grad_outputs = {cotangent}})[0].to_vector<double>();
  CHECK(slope[0] == 4);
  CHECK(slope[1] == doctest::Approx(14.0 / 3));
  CHECK(slope[2] == 0);
  // Beside per_sample_weights, whose own gradient is as it was; of a large table by rows.
  const auto trained = [](std::int64_t rows) {
    const Tensor table = xg::ones({rows, 1}, leaf), factors = xg::tensor({{2.0, 3.0}, {5.0, 7.0}}, leaf);
    const Tensor sums = xg::embedding_bag(xg::tensor({{0, 1}, {1, 1}}), table, {},
                                          {.scale_grad_by_freq = true, .mode = "sum", .per_sample_weights = factors});
    sums.sum().backward();
    CHECK(factors.grad().to_vector<double>() == Values{1, 1, 1, 1});
    return table.grad().narrow(0, 0, 3).to_vector<double>();
  };
  CHECK(trained(3) == Values{2, 5, 0});
  CHECK(trained(1000) == Values{2, 5, 0});
}

TEST_CASE("a NaN is the maximum, the first of equal ones gets the gradient") {
  const Tensor weight = xg::tensor({{1.0, 5.0}, {1.0, std::nan("")}, {0.0, 7.0}}, leaf);
  const Tensor y = xg::embedding_bag(xg::tensor({{1, 0, 2}}), weight, {}, {.mode = "max"});
  CHECK(y.to_vector<double>()[0] == 1);
  CHECK(std::isnan(y.to_vector<double>()[1]));
  CHECK(xg::grad({y.sum()}, {weight})[0].to_vector<double>() == Values{0, 0, 1, 1, 0, 0});
}

TEST_CASE("a large table trains by rows, with the numbers of a gradient of the whole") {
  const auto trained = [](std::int64_t rows, bool by_rows) {
    Tensor weight = xg::ones({rows, 3}, {.requires_grad = true});
    xg::optim::SGD optimizer({weight}, {.lr = 0.5});
    const Tensor input = xg::tensor({{1, 2, 1}, {0, 2, 2}});
    const Tensor y = xg::embedding_bag(input, weight, {}, {.mode = "mean"});
    if (by_rows)
      (y * y).sum().backward();
    else
      weight.set_grad(xg::grad({(y * y).sum()}, {weight})[0]);
    optimizer.step();
    return weight.narrow(0, 0, 4).to_vector<double>();
  };
  CHECK(trained(1000, true) == trained(1000, false));
  CHECK(trained(4, true) == trained(1000, true));
}

TEST_CASE("the same bits for any number of threads") {
  const Tensor weight = numeric::random({300, 40}, 1).requires_grad_();
  std::vector<std::int64_t> indices(6000);
  for (std::size_t k = 0; k < indices.size(); ++k) indices[k] = static_cast<std::int64_t>(k * k % 300);
  const Tensor input = xg::tensor(indices).reshape({60, 100});
  const auto both = [&] {
    const Tensor y = xg::embedding_bag(input, weight, {}, {.mode = "sum"});
    const Tensor slope = xg::grad({(y * y).sum()}, {weight})[0];
    Values all = y.to_vector<double>(), more = slope.to_vector<double>();
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  const int before = xg::get_num_threads();
  const Values many = both();
  xg::set_num_threads(1);
  CHECK(both() == many);
  xg::set_num_threads(before);
}

TEST_CASE("what is refused") {
  const Tensor weight = xg::ones({3, 2}), flat = xg::tensor({0, 1}), bags = xg::tensor({{0, 1}});
  const auto says = [&](const Tensor& input, const Tensor& offsets, const xg::EmbeddingBagOptions& options,
                        std::initializer_list<std::string_view> words) {
    CHECK(mentions(message_of<xg::Error>([&] { xg::embedding_bag(input, weight, offsets, options); }), words));
  };
  const Tensor start = xg::tensor({0});
  says(flat, {}, {}, {"embedding_bag:", "offsets", "[2]", "embedding_bag_test.cpp"});
  says(bags, start, {}, {"offsets", "[1, 2]"});
  says(flat, xg::tensor({1}), {}, {"first offset", "1"});
  says(flat, xg::tensor({0, 2, 1}), {}, {"1 after 2"});
  says(flat, xg::tensor({0, 3}), {}, {"up to 2", "3"});
  says(xg::tensor({0, 3}), start, {}, {"index 3", "3 rows"});
  says(flat, start, {.mode = "median"}, {"median"});
  says(flat, start, {.per_sample_weights = xg::ones({2})}, {"per_sample_weights", "mean"});
  says(flat, start, {.mode = "sum", .per_sample_weights = xg::ones({3})}, {"[2]", "[3]"});
  says(flat, start, {.padding_idx = 3}, {"padding_idx 3"});
  says(flat, start, {.scale_grad_by_freq = true, .mode = "max"}, {"scale_grad_by_freq"});
}
