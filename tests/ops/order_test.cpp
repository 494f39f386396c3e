#include <xgrad/autograd.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/equality.hpp>
#include <xgrad/ops/gather.hpp>
#include <xgrad/ops/order.hpp>
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
using xg::Tensor;

namespace {

using Ints = std::vector<std::int64_t>;
using Numbers = std::vector<double>;
constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr xg::TensorOptions leaf{.dtype = xg::float64, .requires_grad = true};

Ints ints(const Tensor& x) { return x.to_vector<std::int64_t>(); }
Tensor doubles(const Numbers& x) { return xg::tensor(x); }
// The gradient of the sum.
template <class F>
Numbers slope(F f, const Tensor& x) {
  return xg::grad({f(x).sum()}, {x})[0].template to_vector<double>();
}

}  // namespace

TEST_CASE("equal elements keep their order, NaN comes last, zeros are equal") {
  const Tensor x = doubles({2, not_a_number, 1, 2, -inf, inf, not_a_number, 1});
  CHECK(ints(xg::argsort(x)) == Ints{4, 2, 7, 0, 3, 5, 1, 6});
  CHECK(ints(xg::argsort(x, 0, true)) == Ints{1, 6, 5, 0, 3, 2, 7, 4});
  const auto [values, places] = xg::sort(doubles({0.0, -0.0, -1, 0.0}));
  CHECK(ints(places) == Ints{2, 0, 1, 3});
  CHECK(std::signbit(values.to_vector<double>()[2]));
  CHECK(ints(xg::topk(x, 3).second) == Ints{1, 6, 5});
  CHECK(ints(xg::topk(x, 1, 0, false).second) == Ints{4});
}

TEST_CASE("every dtype") {
  const Ints numbers{3, 0, 2, 3, 1};
  for (xg::Dtype dtype : {xg::float32, xg::float64, xg::int64, xg::int32, xg::uint8}) {
    CAPTURE(xg::name(dtype));
    const auto [values, places] = xg::sort(xg::tensor(numbers).to(dtype));
    CHECK(values.dtype() == dtype);
    CHECK(ints(values) == Ints{0, 1, 2, 3, 3});
    CHECK(ints(places) == Ints{1, 4, 2, 0, 3});
  }
  CHECK(ints(xg::argsort(xg::tensor({true, false, true}))) == Ints{1, 0, 2});
  const Tensor wide =
      xg::tensor(Ints{5, std::numeric_limits<std::int64_t>::min(), -1, std::numeric_limits<std::int64_t>::max()});
  CHECK(ints(xg::argsort(wide)) == Ints{1, 2, 0, 3});
  CHECK(xg::median(xg::tensor({3, 1, 2, 2})).item<std::int64_t>() == 2);
}

TEST_CASE("long lines, in any number of threads") {
  const Tensor x = (numeric::random({40, 3000}, 1, xg::float32) * 100).floor();
  const int threads = xg::get_num_threads();
  for (const bool descending : {false, true}) {
    xg::set_num_threads(1);
    const auto [values, places] = xg::sort(x, 1, descending);
    xg::set_num_threads(4);
    CHECK(xg::equal(xg::sort(x, 1, descending).second, places));
    CHECK(xg::equal(xg::sort(x.t().contiguous(), 0, descending).second, places.t()));
    CHECK(xg::equal(xg::gather(x, 1, places), values));
    const auto line = x.select(0, 7).to_vector<float>();
    Ints expected(line.size());
    std::iota(expected.begin(), expected.end(), 0);
    std::stable_sort(expected.begin(), expected.end(), [&](std::int64_t a, std::int64_t b) {
      const float u = line[static_cast<std::size_t>(a)], v = line[static_cast<std::size_t>(b)];
      return descending ? u > v : u < v;
    });
    CHECK(ints(places.select(0, 7)) == expected);
    // Few of many, and many of them.
    for (std::int64_t k : {1, 40, 2000}) {
      CHECK(xg::equal(xg::topk(x, k, 1, descending).first, values.narrow(1, 0, k)));
      CHECK(
          xg::equal(xg::sort(xg::topk(x, k, 1, descending, false).first, 1, descending).first, values.narrow(1, 0, k)));
    }
  }
  CHECK(xg::equal(xg::kthvalue(x, 17).first, xg::sort(x).first.select(1, 16)));
  CHECK(xg::equal(xg::gather(x, 1, xg::kthvalue(x, 17, 1, true).second), xg::kthvalue(x, 17, 1, true).first));
  CHECK(xg::equal(xg::median(x, 1).second, xg::argsort(x).select(1, 1499)));
  xg::set_num_threads(threads);
}

TEST_CASE("medians with NaN and ties") {
  const Tensor x = xg::tensor(Numbers{1, not_a_number, 2, 1, not_a_number}, leaf);
  CHECK(std::isnan(xg::median(x).item<double>()));
  CHECK(slope([](const Tensor& v) { return xg::median(v); }, x) == Numbers{0, 0.5, 0, 0, 0.5});
  CHECK(ints(xg::median(x, 0).second) == Ints{1});
  CHECK(xg::nanmedian(x).item<double>() == 1);
  CHECK(slope([](const Tensor& v) { return xg::nanmedian(v); }, x) == Numbers{0.5, 0, 0, 0.5, 0});
  CHECK(ints(xg::nanmedian(x, 0).second) == Ints{3});
  CHECK(std::isnan(xg::nanmedian(doubles({not_a_number}), 0).first.item<double>()));
  CHECK(std::isnan(xg::median(xg::zeros({0, 3})).item<double>()));
  const Tensor ties = xg::tensor(Numbers{3, 3, 1, 3}, leaf);
  CHECK(slope([](const Tensor& v) { return xg::median(v, 0).first; }, ties) == Numbers{1, 0, 0, 0});
  CHECK(mentions(message_of<xg::ShapeError>([] { xg::median(xg::zeros({0, 3}), 0); }), {"median", "[0, 3]"}));
}

TEST_CASE("the most frequent element") {
  const auto [value, place] = xg::mode(doubles({3, 1, 1, 3, 3, 1, 2}));
  CHECK(value.item<double>() == 1);
  CHECK(ints(place) == Ints{5});
  CHECK(ints(xg::mode(xg::tensor({{2, 2, 1}, {0, 5, 5}}), 1).first) == Ints{2, 5});
}

TEST_CASE("quantiles by every interpolation, and with NaN") {
  const Tensor x = doubles({8, 1, 4, 2}), q = doubles({0.1, 0.5, 5.0 / 6, 0.9, 1});
  const auto by = [&](const char* word) { return xg::quantile(x, q, {}, false, word); };
  CHECK(numeric::distance(by("linear"), doubles({1.3, 3, 6, 6.8, 8})) <= 1e-14);
  CHECK(xg::equal(by("lower"), doubles({1, 2, 4, 4, 8})));
  CHECK(xg::equal(by("higher"), doubles({2, 4, 8, 8, 8})));
  CHECK(xg::equal(by("midpoint"), doubles({1.5, 3, 6, 6, 8})));
  CHECK(xg::equal(by("nearest"), doubles({1, 4, 4, 8, 8})));

  const Tensor gap = xg::tensor(Numbers{1, not_a_number, 4, 8}, leaf), two = doubles({0.3, 1});
  CHECK(std::isnan(xg::quantile(gap, 0.0).item<double>()));
  CHECK(numeric::distance(xg::nanquantile(gap, two).detach(), doubles({2.8, 8})) <= 1e-14);
  CHECK(numeric::distance(doubles(slope([&](const Tensor& v) { return xg::nanquantile(v, two); }, gap)),
                          doubles({0.4, 0, 0.6, 1})) <= 1e-14);
  CHECK(std::isnan(xg::nanquantile(doubles({not_a_number, not_a_number}), 0.5).item<double>()));
  const Tensor wide = numeric::random({2, 3, 4}, 3);
  CHECK((xg::quantile(wide, two, 1, true).sizes() == xg::Shape{2, 2, 1, 4}));
  CHECK((xg::quantile(wide, 0.5, {}, true).sizes() == xg::Shape{1, 1, 1}));
  CHECK(mentions(message_of<xg::DtypeError>([&] { xg::quantile(wide, xg::ones({1}, {.dtype = xg::float32})); }),
                 {"quantile", "float32"}));
}

TEST_CASE("places in sorted sequences") {
  const Tensor sequence = doubles({1, 2, 2, 3}), v = doubles({2, not_a_number, 0, 9});
  CHECK(ints(xg::searchsorted(sequence, v)) == Ints{1, 4, 0, 4});
  CHECK(ints(xg::searchsorted(sequence, v, {.right = true})) == Ints{3, 4, 0, 4});
  CHECK(xg::searchsorted(sequence, 2.0).item<std::int64_t>() == 1);
  CHECK(ints(xg::bucketize(v, sequence, true)) == Ints{3, 4, 0, 4});
  CHECK(ints(xg::searchsorted(xg::tensor({{1, 3}, {2, 4}}), xg::tensor({{2}, {2}}))) == Ints{1, 0});
  CHECK(ints(xg::searchsorted(xg::zeros({0}), xg::ones({2}))) == Ints{0, 0});
}

TEST_CASE("sides, sorters, dtypes and rows of sorted sequences") {
  const Tensor sequence = doubles({1, 2, 2, 3}), wanted = doubles({0, 2, not_a_number, 4});
  CHECK(ints(xg::searchsorted(sequence, wanted, {.side = "right"})) == Ints{0, 3, 4, 4});
  const Tensor shuffled = doubles({2, 3, 1, 2});
  CHECK(ints(xg::searchsorted(shuffled, wanted, {.sorter = xg::argsort(shuffled)})) == Ints{0, 1, 4, 4});
  CHECK(xg::searchsorted(sequence, wanted, {.out_int32 = true}).dtype() == xg::int32);
  CHECK(xg::searchsorted(xg::tensor({1, 2}), 1.5).item<std::int64_t>() == 1);
  CHECK(ints(xg::searchsorted(xg::tensor({1, 2}), xg::tensor({1.5, 2.5}))) == Ints{1, 2});
  CHECK(xg::bucketize(2, sequence, true, true).dtype() == xg::int32);
  const Tensor rows = doubles({1, 2, 10, 20}).reshape({2, 2});
  CHECK(ints(xg::searchsorted(rows, doubles({0, 1.5, 5, 11, 15, 25}).reshape({2, 3}))) == Ints{0, 1, 2, 1, 1, 2});
  CHECK(ints(xg::searchsorted(rows.t(), doubles({1, 1.5, 5, 11}).reshape({2, 2}))) == Ints{0, 1, 1, 1});
  const auto refused = [&](const xg::SearchOptions& options) {
    return message_of<xg::Error>([&] { xg::searchsorted(sequence, wanted, options); });
  };
  CHECK(mentions(refused({.side = "middle"}), {"searchsorted", "side", "middle"}));
  CHECK(mentions(refused({.right = true, .side = "left"}), {"searchsorted", "side", "right"}));
  CHECK(mentions(refused({.sorter = xg::tensor({0, 1})}), {"sorter", "[4]", "[2]"}));
  CHECK(mentions(refused({.sorter = xg::tensor({0, 1, 2, 4})}), {"sorter", "4"}));
  CHECK(mentions(refused({.sorter = wanted}), {"sorter", "float64"}));
}

TEST_CASE("quantiles of infinities meet both ends") {
  const Tensor x = doubles({-inf, 1, inf});
  CHECK(xg::quantile(x, 0.25).item<double>() == -inf);
  CHECK(xg::quantile(x, 0.5).item<double>() == 1);
  const Tensor far = doubles({-1e300, 1e300, 1});
  CHECK(xg::equal(xg::quantile(far, doubles({0, 0.5, 1})), doubles({-1e300, 1, 1e300})));
  CHECK(xg::topk(xg::tensor(2.5), 0).first.item<float>() == 2.5f);
}

TEST_CASE("ranks among equal elements, and NaN that equals nothing") {
  for (const std::int64_t n : {1, 2, 3, 7, 100, 1001}) {
    const Tensor line = (numeric::random({n}, static_cast<std::uint64_t>(n)) * 3).floor();
    const Numbers expected = xg::msort(line).to_vector<double>();
    for (const std::int64_t k : {std::int64_t{1}, n / 2 + 1, n}) {
      const auto [value, place] = xg::kthvalue(line, k);
      CHECK(value.item<double>() == expected[static_cast<std::size_t>(k - 1)]);
      CHECK(line[place.item<std::int64_t>()].item<double>() == value.item<double>());
    }
  }
  CHECK(std::isnan(xg::kthvalue(doubles({not_a_number, 2, not_a_number, 1}), 3).first.item<double>()));
  // PyTorch's choice.
  CHECK(ints(xg::kthvalue(doubles({2, 0, 2, 0, 1, 0, 1, 1, 1}), 2).second) == Ints{1});
  CHECK(ints(xg::kthvalue(doubles({0, 0, 2, 0, 2, 0, 0, 1, 2}), 5).second) == Ints{0});
  CHECK(xg::mode(doubles({not_a_number, not_a_number, 1, 2})).first.item<double>() == 1);
}

TEST_CASE("places that were changed are not used for the gradient") {
  const Tensor x = xg::ones({3}, leaf);
  const auto [sorted, where] = xg::sort(x);
  where.fill_(0);
  CHECK_THROWS_AS(sorted.sum().backward(), xg::AutogradError);
}

TEST_CASE("methods are the functions") {
  const Tensor x = xg::tensor({{3.0, 1.0, 2.0}, {5.0, 4.0, 6.0}});
  const auto same = [](const Tensor& a, const Tensor& b) { return a.to_vector<double>() == b.to_vector<double>(); };
  CHECK(same(x.sort(0, true).first, xg::sort(x, 0, true).first));
  CHECK(same(x.sort(0, true).second, xg::sort(x, 0, true).second));
  CHECK(same(x.argsort(), xg::argsort(x)));
  CHECK(same(x.topk(2, 1, false).second, xg::topk(x, 2, 1, false).second));
  CHECK(same(x.median(), xg::median(x)));
  CHECK(same(x.median(1, true).second, xg::median(x, 1, true).second));
}
