// Operations by rank where elements are equal, infinite or not numbers; options; other dtypes; long lines.
#include <xgrad/autograd.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/equality.hpp>
#include <xgrad/ops/gather.hpp>
#include <xgrad/ops/order.hpp>
#include <xgrad/ops/reduce.hpp>
#include <xgrad/ops/shape.hpp>
#include <xgrad/threads.hpp>

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <limits>
#include <numeric>
#include <vector>

#include "numeric.hpp"
#include "support/errors.hpp"

namespace xg = xgrad;
using test::mentions;
using test::message_of;
using xg::Shape;
using xg::Tensor;

namespace {

using Values = std::vector<double>;
using Places = std::vector<std::int64_t>;
constexpr double inf = std::numeric_limits<double>::infinity(), none = std::numeric_limits<double>::quiet_NaN();
constexpr xg::TensorOptions leaf{.dtype = xg::float64, .requires_grad = true};

Tensor numbers(const Values& values) { return xg::tensor(std::span<const double>(values)); }
Values values(const Tensor& x) { return x.to_vector<double>(); }
Places places(const Tensor& x) { return x.to_vector<std::int64_t>(); }
// NaN equals NaN.
bool same(const Tensor& x, const Values& expected) {
  const Values actual = values(x);
  return std::equal(actual.begin(), actual.end(), expected.begin(), expected.end(),
                    [](double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); });
}
template <class F>
Values slope(F f, const Values& at) {
  const Tensor x = numbers(at).requires_grad_();
  return values(xg::grad({f(x).sum()}, {x})[0]);
}
// Few different numbers in a line.
Values tied(std::size_t n) {
  Values x = numeric::random_values(static_cast<std::int64_t>(n), n);
  for (double& v : x) v = std::floor(v * 3);
  return x;
}

}  // namespace

TEST_CASE("sorting puts NaN last, counts both zeros as one, and is stable where asked") {
  const Tensor x = numbers({1, none, -inf, inf, none, -1});
  const auto [up, up_places] = xg::sort(x, -1, false, true);
  CHECK(same(up, {-inf, -1, 1, inf, none, none}));
  CHECK(places(up_places) == Places{2, 5, 0, 3, 1, 4});
  const auto [down, down_places] = xg::sort(x, 0, true, true);
  CHECK(same(down, {none, none, inf, 1, -1, -inf}));
  CHECK(places(down_places) == Places{1, 4, 3, 0, 5, 2});
  CHECK(places(xg::argsort(numbers({0.0, -0.0, 0.0}))) == Places{0, 1, 2});

  const Values long_line = tied(5000);
  for (const bool descending : {false, true}) {
    Places expected(long_line.size());
    std::iota(expected.begin(), expected.end(), 0);
    std::stable_sort(expected.begin(), expected.end(), [&](std::int64_t a, std::int64_t b) {
      const double left = long_line[static_cast<std::size_t>(a)], right = long_line[static_cast<std::size_t>(b)];
      return descending ? left > right : left < right;
    });
    CHECK(places(xg::argsort(numbers(long_line), 0, descending, true)) == expected);
    const auto [sorted, where] = xg::sort(numbers(long_line), 0, descending);
    CHECK(values(sorted) == values(numbers(long_line).gather(0, where)));
    CHECK(values(sorted) == values(numbers(long_line).gather(0, xg::tensor(expected))));
  }
}

TEST_CASE("every dtype has an order") {
  const Tensor whole = xg::tensor({3, -1, 2, -1});
  for (const xg::Dtype dtype : {xg::int64, xg::int32, xg::float32, xg::float64}) {
    CHECK(values(xg::msort(whole.to(dtype)).to(xg::float64)) == Values{-1, -1, 2, 3});
    CHECK(values(xg::topk(whole.to(dtype), 2).first.to(xg::float64)) == Values{3, 2});
    CHECK(xg::median(whole.to(dtype)).to(xg::float64).item<double>() == -1);
    CHECK(xg::mode(whole.to(dtype)).first.to(xg::float64).item<double>() == -1);
  }
  CHECK(values(xg::msort(xg::tensor({200, 3, 100}).to(xg::uint8)).to(xg::float64)) == Values{3, 100, 200});
  CHECK(places(xg::argsort(xg::tensor({true, false, true}))) == Places{1, 0, 2});
  const std::int64_t least = std::numeric_limits<std::int64_t>::min();
  CHECK(places(xg::msort(xg::tensor({std::int64_t{0}, least, std::int64_t{-1}}))) == Places{least, -1, 0});
}

TEST_CASE("the best are found in long and short lines, in any position") {
  for (const std::size_t n : {5, 40, 3000})
    for (const std::int64_t k : {1, 4}) {
      const Values line = numeric::random_values(static_cast<std::int64_t>(n), 7 + n);
      Values expected = line;
      std::sort(expected.begin(), expected.end(), std::greater<>());
      expected.resize(static_cast<std::size_t>(k));
      const auto [best, where] = xg::topk(numbers(line), k);
      CHECK(values(best) == expected);
      CHECK(values(numbers(line).gather(0, where)) == expected);
      Values unsorted = values(xg::topk(numbers(line), k, 0, true, false).first);
      std::sort(unsorted.begin(), unsorted.end(), std::greater<>());
      CHECK(unsorted == expected);
    }
  CHECK(same(xg::topk(numbers({1, none, inf}), 2).first, {none, inf}));
  CHECK(same(xg::topk(numbers({1, none, inf}), 2, 0, false).first, {1, inf}));
  CHECK(xg::topk(xg::ones({2, 3}), 0).first.sizes() == Shape{2, 0});
  CHECK(xg::topk(xg::tensor(2.5), 0).first.item<float>() == 2.5f);
  CHECK(message_of<xg::ValueError>([] { xg::topk(xg::ones({2}), -1); }).find("-1") != std::string::npos);
}

TEST_CASE("ranks among equal elements") {
  for (const std::size_t n : {1, 2, 3, 7, 100, 1001}) {
    const Values line = tied(n);
    Values expected = line;
    std::sort(expected.begin(), expected.end());
    for (const std::size_t k : {std::size_t{1}, n / 2 + 1, n}) {
      const auto [value, place] = xg::kthvalue(numbers(line), static_cast<std::int64_t>(k));
      CHECK(value.item<double>() == expected[k - 1]);
      CHECK(line[static_cast<std::size_t>(place.item<std::int64_t>())] == expected[k - 1]);
    }
    CHECK(xg::median(numbers(line)).item<double>() == expected[(n - 1) / 2]);
  }
  CHECK(same(xg::kthvalue(numbers({none, 2, none, 1}), 3).first, {none}));
  CHECK(xg::mode(numbers({5, 5, 2, 2, 5, 2})).first.item<double>() == 2);
  CHECK(xg::mode(numbers({none, none, 1})).first.item<double>() == 1);
  CHECK(mentions(message_of<xg::ShapeError>([] { xg::mode(xg::ones({0, 2}), 0); }), {"mode", "[0, 2]"}));
}

TEST_CASE("medians: the lower one, NaN, and who gets the gradient") {
  CHECK(xg::median(numbers({4, 1, 3, 2})).item<double>() == 2);
  const auto [value, place] = xg::median(numbers({2, 1, 2, 2, 3}), 0);
  CHECK(place.item<std::int64_t>() == 2);
  CHECK(slope([](const Tensor& x) { return xg::median(x, 0).first; }, {2, 1, 2, 2, 3}) == Values{0, 0, 1, 0, 0});
  CHECK(slope([](const Tensor& x) { return xg::median(x); }, {1, 2, 2, 3}) == Values{0, 0.5, 0.5, 0});
  CHECK(slope([](const Tensor& x) { return xg::median(x); }, {1, none, 2, none}) == Values{0, 0.5, 0, 0.5});
  CHECK(xg::median(numbers({1, none, 2, none}), 0).second.item<std::int64_t>() == 1);
  CHECK(xg::nanmedian(numbers({1, none, 2, none})).item<double>() == 1);
  CHECK(xg::nanmedian(numbers({none, 2, 1, none}), 0).second.item<std::int64_t>() == 2);
  CHECK(same(xg::nanmedian(numbers({none, none})), {none}));
  CHECK(same(xg::median(xg::zeros({0, 2}, leaf)), {none}));
  CHECK(xg::median(xg::ones({0, 2}), 1).first.sizes() == Shape{0});
  CHECK(xg::median(xg::ones({2, 3}), 1, true).first.sizes() == Shape{2, 1});
}

TEST_CASE("quantiles of NaN and infinities, and of several shares") {
  const Tensor x = numbers({1, none, 3, 2});
  CHECK(same(xg::quantile(x, 0.5), {none}));
  CHECK(xg::nanquantile(x, 0.5).item<double>() == 2);
  CHECK(same(xg::nanquantile(numbers({none, none}), 0.5), {none}));
  CHECK(same(xg::quantile(numbers({-inf, 1, inf}), 0.25), {-inf}));
  // Halves to even.
  CHECK(values(xg::quantile(numbers({0, 1, 2, 3, 4, 5}), numbers({0.1, 0.3, 0.5}), {}, false, "nearest")) ==
        Values{0, 2, 2});
  CHECK(xg::quantile(xg::ones({2, 3, 4}), xg::tensor({0.1, 0.9}), 1).sizes() == Shape{2, 2, 4});
  CHECK(xg::quantile(xg::ones({2, 3, 4}), xg::tensor({0.1, 0.9}), -1, true).sizes() == Shape{2, 2, 3, 1});
  CHECK(xg::quantile(xg::ones({2, 3}), 0.1, {}, true).sizes() == Shape{1, 1});
  CHECK(xg::quantile(xg::ones({2, 3}), xg::zeros({0}), 0).sizes() == Shape{0, 3});
  CHECK(mentions(message_of<xg::DtypeError>([] { xg::quantile(xg::tensor({1, 2}), 0.5); }), {"quantile", "int64"}));
  CHECK(mentions(message_of<xg::ShapeError>([] { xg::quantile(xg::ones({0}), 0.5); }), {"quantile", "[0]"}));
  CHECK(mentions(message_of<xg::ValueError>([] { xg::quantile(xg::ones({2}), xg::tensor({0.5, none})); }), {"nan"}));
  CHECK_THROWS_AS(xg::quantile(xg::ones({2}, leaf), xg::tensor({0.5})), xg::DtypeError);
}

TEST_CASE("places in sorted sequences: sides, NaN, sorters, dtypes, rows") {
  const Tensor sequence = numbers({1, 2, 2, 3}), wanted = numbers({0, 2, none, 4});
  CHECK(places(xg::searchsorted(sequence, wanted)) == Places{0, 1, 4, 4});
  CHECK(places(xg::searchsorted(sequence, wanted, {.right = true})) == Places{0, 3, 4, 4});
  CHECK(places(xg::searchsorted(sequence, wanted, {.side = "right"})) == Places{0, 3, 4, 4});
  const Tensor shuffled = numbers({2, 3, 1, 2});
  CHECK(places(xg::searchsorted(shuffled, wanted, {.sorter = xg::argsort(shuffled)})) == Places{0, 1, 4, 4});
  CHECK(xg::searchsorted(sequence, wanted, {.out_int32 = true}).dtype() == xg::int32);
  CHECK(xg::searchsorted(sequence, 2.5).item<std::int64_t>() == 3);
  CHECK(xg::searchsorted(xg::tensor({1, 2}), 1.5).item<std::int64_t>() == 1);
  CHECK(places(xg::searchsorted(xg::tensor({1, 2}), xg::tensor({1.5, 2.5}))) == Places{1, 2});
  CHECK(places(xg::bucketize(wanted, sequence)) == Places{0, 1, 4, 4});
  CHECK(xg::bucketize(2, sequence, true, true).dtype() == xg::int32);
  const Tensor rows = numbers({1, 2, 10, 20}).reshape({2, 2});
  CHECK(places(xg::searchsorted(rows, numbers({0, 1.5, 5, 11, 15, 25}).reshape({2, 3}))) == Places{0, 1, 2, 1, 1, 2});
  CHECK(places(xg::searchsorted(rows.t(), numbers({1, 1.5, 5, 11}).reshape({2, 2}))) == Places{0, 1, 1, 1});
  const auto refused = [&](auto options) {
    return message_of<xg::Error>([&] { xg::searchsorted(sequence, wanted, options); });
  };
  CHECK(mentions(refused(xg::SearchOptions{.side = "middle"}), {"searchsorted", "side", "middle"}));
  CHECK(mentions(refused(xg::SearchOptions{.right = true, .side = "left"}), {"searchsorted", "side", "right"}));
  CHECK(mentions(refused(xg::SearchOptions{.sorter = xg::tensor({0, 1})}), {"sorter", "[4]", "[2]"}));
  CHECK(mentions(refused(xg::SearchOptions{.sorter = xg::tensor({0, 1, 2, 4})}), {"sorter", "4"}));
  CHECK(mentions(refused(xg::SearchOptions{.sorter = wanted}), {"sorter", "float64"}));
}

TEST_CASE("running extremes: the last of equal ones, and the last NaN") {
  const auto [largest, where] = xg::cummax(numbers({1, 3, 3, 2, none, 5, none}), 0);
  CHECK(same(largest, {1, 3, 3, 3, none, none, none}));
  CHECK(places(where) == Places{0, 1, 2, 2, 4, 4, 6});
  CHECK(places(xg::cummin(numbers({2, 2, 3, 1}), 0).second) == Places{0, 1, 1, 3});
  CHECK(slope([](const Tensor& x) { return xg::cummax(x, 0).first; }, {1, 3, 3, 2}) == Values{1, 1, 2, 0});
  CHECK(places(xg::cummax(xg::tensor({true, false, true}), 0).second) == Places{0, 0, 2});
}

TEST_CASE("running sums of exponentials: infinities, far apart, at zeros of the gradient") {
  const auto scan = [](const Tensor& x) { return xg::logcumsumexp(x, 0); };
  CHECK(same(scan(numbers({-inf, -inf, 2, -inf})), {-inf, -inf, 2, 2}));
  CHECK(same(scan(numbers({inf, 1, inf})), {inf, inf, inf}));
  CHECK(same(scan(numbers({1, none, 2})), {1, none, none}));
  CHECK(slope(scan, {-inf, -inf, 2, -inf}) == Values{0, 0, 2, 0});
  CHECK(slope(scan, {-inf, -inf}) == Values{0, 0});
  CHECK(slope(scan, {-1e300, 1e3, 1e300, 0}) == Values{1, 1, 2, 0});
  CHECK(slope([&](const Tensor& x) { return scan(x).narrow(0, 0, 1); }, {1, none, inf}) == Values{1, 0, 0});
  // A long line in float32 against long double.
  const Tensor x = numeric::random({20000}, 3, xg::float32) * 20;
  const std::vector<float> in = x.to_vector<float>(), out = scan(x).to_vector<float>();
  long double sum = 0;
  float worst = 0;
  for (std::size_t i = 0; i < in.size(); ++i) {
    sum += std::exp(static_cast<long double>(in[i]));
    worst = std::max(worst, std::abs(out[i] - static_cast<float>(std::log(sum))));
  }
  CHECK(worst < 4e-6f);
}

TEST_CASE("the same bits for any number of threads") {
  const int before = xg::get_num_threads();
  const Tensor x = numeric::random({300, 500}, 11, xg::float32);
  const auto results = [&](int threads) {
    xg::set_num_threads(threads);
    return xg::TensorList{xg::sort(x, 0).first, xg::topk(x, 7).first, xg::median(x, 1).first, xg::logcumsumexp(x, 0),
                          xg::logcumsumexp(x, 1)};
  };
  const xg::TensorList one = results(1), four = results(4);
  xg::set_num_threads(before);
  for (std::size_t i = 0; i < one.size(); ++i) CHECK(numeric::same_bits(one[i], four[i]));
}

TEST_CASE("indices that were changed are not used for the gradient") {
  const Tensor x = xg::ones({3}, leaf);
  const auto [sorted, where] = xg::sort(x);
  where.fill_(0);
  CHECK_THROWS_AS(sorted.sum().backward(), xg::AutogradError);
}
