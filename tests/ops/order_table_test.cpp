// The table's rows of operations by rank.
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/order.hpp>

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <limits>
#include <numeric>
#include <vector>

#include "support/op_table.hpp"

namespace xg = xgrad;
using namespace table;
using xg::Shape;
using xg::Tensor;

namespace {

using T = const Tensor&;
using Numbers = std::vector<double>;
const Shape scalar{};

// The places of a line's elements in ascending or descending order.
std::vector<std::size_t> ranks(const Numbers& x, bool descending) {
  std::vector<std::size_t> order(x.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return descending ? x[a] > x[b] : x[a] < x[b]; });
  return order;
}
Numbers in_order(const Numbers& x, bool descending) {
  Numbers y;
  for (std::size_t place : ranks(x, descending)) y.push_back(x[place]);
  return y;
}
Numbers places(const Numbers& x, bool descending) {
  Numbers y;
  for (std::size_t place : ranks(x, descending)) y.push_back(static_cast<double>(place));
  return y;
}
Oracle both(Oracle a, Oracle b) {
  return [=](const Arrays& in) { return Arrays{a(in)[0], b(in)[0]}; };
}
Oracle sorted(std::int64_t dim, bool descending) {
  return both(lines(dim, [=](const Numbers& x) { return in_order(x, descending); }),
              lines(dim, [=](const Numbers& x) { return places(x, descending); }));
}
// The first k of each line of a matrix's rows or of a vector.
Oracle first(std::size_t k, Oracle of) {
  return [=](const Arrays& in) {
    Arrays cut;
    for (const Array& whole : of(in)) {
      Array part = whole;
      if (!whole.shape.empty()) {
        const auto n = static_cast<std::size_t>(whole.shape.back());
        part.shape[part.shape.size() - 1] = static_cast<std::int64_t>(k);
        part.values.clear();
        for (std::size_t i = 0; i < whole.values.size(); ++i)
          if (i % n < k) part.values.push_back(whole.values[i]);
      }
      cut.push_back(part);
    }
    return cut;
  };
}
// The element with `rank` smaller ones, and its place.
Oracle of_rank(std::int64_t dim, bool keepdim, std::function<std::size_t(std::size_t)> rank) {
  return both(reduced({dim}, keepdim, [=](const Numbers& x) { return in_order(x, false)[rank(x.size())]; }),
              reduced({dim}, keepdim, [=](const Numbers& x) { return places(x, false)[rank(x.size())]; }));
}
std::size_t middle(std::size_t n) { return (n - 1) / 2; }

double quantile(const Numbers& x, double q) {
  const Numbers y = in_order(x, false);
  const double rank = q * static_cast<double>(y.size() - 1), below = std::floor(rank);
  const double low = y[static_cast<std::size_t>(below)], high = y[static_cast<std::size_t>(std::ceil(rank))];
  return low + (rank - below) * (high - low);
}

std::vector<Misuse> beyond(const char* name, std::function<void(T)> call) {
  return refuses([=] { call(xg::ones({2, 3})); }, {name, "dim 2"});
}
const Shapes lined{{{2, 4}}, {{5}}, {scalar}, {{3, 1}}, {{0, 3}}};

}  // namespace

TEST_CASE("sort and its places") {
  run({"sort", on([](T x) { return xg::sort(x); }), unary, sorted(-1, false), {{}}, beyond("sort", [](T x) {
         xg::sort(x, 2);
       })});
  run({"sort", on([](T x) { return xg::sort(x, 0, true); }), unary, sorted(0, true)});
  run({"argsort",
       on([](T x) { return xg::argsort(x, 0, true); }),
       unary,
       lines(0, [](const Numbers& x) { return places(x, true); }),
       {{}},
       beyond("argsort", [](T x) { xg::argsort(x, 2); }),
       false});
  run({"msort",
       on([](T x) { return xg::msort(x); }),
       unary,
       lines(0, [](const Numbers& x) { return in_order(x, false); }),
       {{}},
       refuses([] { xg::msort(Tensor()); }, {"undefined"})});
}

TEST_CASE("topk") {
  run({"topk",
       on([](T x) { return xg::topk(x, 2); }),
       {{{2, 5}}, {{2}}, {{2, 2, 3}}, {{0, 3}}},
       first(2, sorted(-1, true)),
       {{}},
       refuses(
           [] {
             xg::topk(xg::ones({2, 3}), 4);
           },
           {"topk", "k", "4", "[2, 3]"})});
  run({"topk", on([](T x) { return xg::topk(x, 1, -1, false); }), lined, first(1, sorted(-1, false))});
}

TEST_CASE("elements of a rank") {
  run({"kthvalue",
       on([](T x) { return xg::kthvalue(x, 2); }),
       {{{2, 4}}, {{5}}, {{0, 3}}},
       of_rank(-1, false, [](std::size_t) { return std::size_t{1}; }),
       {{}},
       refuses(
           [] {
             xg::kthvalue(xg::ones({2, 3}), 4);
           },
           {"kthvalue", "4", "[2, 3]"})});
  run({"kthvalue",
       on([](T x) { return xg::kthvalue(x, 1, 0, true); }),
       {{{2, 4}}, {{5}}, {{3, 0}}},
       of_rank(0, true, [](std::size_t) { return std::size_t{0}; })});
  const auto all = reduced({}, false, [](const Numbers& x) { return in_order(x, false)[middle(x.size())]; });
  run({"median",
       on([](T x) { return xg::median(x); }),
       {{{2, 3}}, {{4}}, {scalar}, {{1}}},
       all,
       {{}},
       refuses([] { xg::median(xg::zeros({0}, {.dtype = xg::int64})); }, {"median", "[0]"})});
  run({"median",
       on([](T x) { return xg::median(x, -1); }),
       lined,
       of_rank(-1, false, middle),
       {{}},
       beyond("median", [](T x) { xg::median(x, 2); })});
  run({"nanmedian",
       on([](T x) { return xg::nanmedian(x); }),
       {{{2, 3}}, {{4}}, {scalar}, {{1}}},
       all,
       {{}},
       refuses([] { xg::nanmedian(xg::zeros({0}, {.dtype = xg::int64})); }, {"nanmedian", "[0]"})});
  run({"nanmedian",
       on([](T x) { return xg::nanmedian(x, 0, true); }),
       {{{2, 3}}, {{4}}, {{3, 0}}},
       of_rank(0, true, middle),
       {{}},
       beyond("nanmedian", [](T x) { xg::nanmedian(x, 2); })});
  // Of elements that are all different, the smallest is the most frequent.
  run({"mode",
       on([](T x) { return xg::mode(x); }),
       lined,
       of_rank(-1, false, [](std::size_t) { return std::size_t{0}; }),
       {{}},
       beyond("mode", [](T x) { xg::mode(x, 2); })});
}

TEST_CASE("quantiles") {
  const Shapes shapes{{{2, 4}}, {{5}}, {scalar}, {{1, 3}}};
  const auto third = [](const Numbers& x) { return quantile(x, 0.3); };
  run({"quantile",
       on([](T x) { return xg::quantile(x, 0.3); }),
       shapes,
       reduced({}, false, third),
       {{}},
       refuses([] { xg::quantile(xg::ones({2}), 1.5); }, {"quantile", "[0, 1]", "1.5"})});
  run({"quantile",
       on([](T x) { return xg::quantile(x, 0.3, -1, true); }),
       {{{2, 4}}, {{5}}, {{1, 3}}},
       reduced({-1}, true, third),
       {{}},
       refuses([] { xg::quantile(xg::ones({2}), 0.5, 0, false, "cubic"); }, {"quantile", "cubic"})});
  // By x and by q.
  run({"nanquantile",
       on([](T x, T q) { return xg::nanquantile(x, q, 0); }),
       {{{4, 2}, {3}}, {{5}, {1}}},
       [](const Arrays& in) {
         Array y{{in[1].shape[0]}, {}};
         for (double q : in[1].values) {
           const Array part = reduced({0}, false, [=](const Numbers& x) { return quantile(x, q); })(in)[0];
           y.values.insert(y.values.end(), part.values.begin(), part.values.end());
         }
         for (std::size_t d = 1; d < in[0].shape.size(); ++d) y.shape.push_back(in[0].shape[d]);
         return Arrays{y};
       },
       {{}, {0.05, 0.95}},
       refuses(
           [] {
             xg::nanquantile(xg::ones({2}), xg::ones({1, 1}));
           },
           {"nanquantile", "[1, 1]"})});
}

TEST_CASE("places in sorted sequences") {
  const auto count = [](const Numbers& sequence, double v) {
    return static_cast<double>(std::count_if(sequence.begin(), sequence.end(), [=](double s) { return s < v; }));
  };
  const Numbers bounds{-1, 0, 0.5, 1};
  const auto sequence = [=](T like) { return xg::tensor(bounds).to(like.dtype()); };
  run({"searchsorted",
       on([=](T v) { return xg::searchsorted(sequence(v), v); }),
       unary,
       each([=](double v) { return count(bounds, v); }),
       {{}},
       refuses(
           [] {
             xg::searchsorted(xg::ones({2, 3}), xg::ones({3, 2}));
           },
           {"searchsorted", "[2, 3]", "[3, 2]"}),
       false});
  run({"bucketize",
       on([=](T v) { return xg::bucketize(v, sequence(v), true); }),
       unary,
       each([=](double v) { return count(bounds, v); }),
       {{}},
       refuses(
           [] {
             xg::bucketize(xg::ones({2}), xg::ones({2, 3}));
           },
           {"bucketize", "[2, 3]"}),
       false});
}
