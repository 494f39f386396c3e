// The table's rows of operations by rank, places in sorted sequences, running extremes and differences.
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/difference.hpp>
#include <xgrad/ops/order.hpp>
#include <xgrad/ops/reduce.hpp>

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <numeric>
#include <string>
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
const Shapes lined{{{2, 4}}, {{5}}, {scalar}, {{3, 1}}, {{0, 3}}}, across{{{4, 2}}, {{5}}, {{1, 3}}, {{3, 0}}};

// The places of numbers, all different, in ascending or descending order.
Numbers order(const Numbers& x, bool descending) {
  Numbers places(x.size());
  std::iota(places.begin(), places.end(), 0.0);
  std::sort(places.begin(), places.end(), [&](double a, double b) {
    const double left = x[static_cast<std::size_t>(a)], right = x[static_cast<std::size_t>(b)];
    return descending ? left > right : left < right;
  });
  return places;
}
Numbers ordered(const Numbers& x, bool descending) {
  Numbers y;
  for (double place : order(x, descending)) y.push_back(x[static_cast<std::size_t>(place)]);
  return y;
}
Oracle both(Oracle a, Oracle b) {
  return [=](const Arrays& in) { return Arrays{a(in)[0], b(in)[0]}; };
}
Oracle sorted(std::int64_t dim, bool descending) {
  return both(lines(dim, [=](const Numbers& x) { return ordered(x, descending); }),
              lines(dim, [=](const Numbers& x) { return order(x, descending); }));
}
// The first k numbers of each row.
Oracle first(std::size_t k, Oracle of) {
  return [=](const Arrays& in) {
    Arrays all = of(in);
    for (Array& a : all) {
      const std::size_t n = a.shape.empty() ? 1 : static_cast<std::size_t>(a.shape.back());
      Numbers kept;
      for (std::size_t i = 0; i < a.values.size(); ++i)
        if (i % n < k) kept.push_back(a.values[i]);
      a.values = kept;
      if (!a.shape.empty()) a.shape[a.shape.size() - 1] = static_cast<std::int64_t>(k);
    }
    return all;
  };
}
// The number with as many smaller ones as `rank` says of how many there are, and where it is.
Oracle ranked(std::int64_t dim, bool keepdim, std::function<std::size_t(std::size_t)> rank) {
  return both(reduced({dim}, keepdim, [=](const Numbers& x) { return ordered(x, false)[rank(x.size())]; }),
              reduced({dim}, keepdim, [=](const Numbers& x) { return order(x, false)[rank(x.size())]; }));
}
std::size_t lower_middle(std::size_t n) { return (n - 1) / 2; }
double middle(const Numbers& x) { return ordered(x, false)[lower_middle(x.size())]; }

double share(const Numbers& x, double q, const std::string& interpolation = "linear") {
  const Numbers y = ordered(x, false);
  const double rank = q * static_cast<double>(y.size() - 1), below = std::floor(rank);
  const double a = y[static_cast<std::size_t>(below)], b = y[static_cast<std::size_t>(std::ceil(rank))];
  if (interpolation == "lower") return a;
  if (interpolation == "higher") return b;
  if (interpolation == "midpoint") return (a + b) / 2;
  if (interpolation == "nearest") return y[static_cast<std::size_t>(std::nearbyint(rank))];
  return (1 - (rank - below)) * a + (rank - below) * b;
}

// A dimension too many.
std::vector<Misuse> beyond(const char* name, std::function<void(T)> call) {
  return refuses([=] { call(xg::ones({2, 3})); }, {name, "2"});
}

// The best so far by `better`, and where it is.
template <class Better>
Oracle running(std::int64_t dim, Better better) {
  const auto places = [=](const Numbers& x) {
    Numbers p(x.size());
    for (std::size_t i = 1; i < x.size(); ++i)
      p[i] = better(x[i], x[static_cast<std::size_t>(p[i - 1])]) ? static_cast<double>(i) : p[i - 1];
    return p;
  };
  const auto values = [=](const Numbers& x) {
    Numbers y;
    for (double place : places(x)) y.push_back(x[static_cast<std::size_t>(place)]);
    return y;
  };
  return both(lines(dim, values), lines(dim, places));
}

// Rows of numbers to rows of other lengths.
Oracle rows(std::function<Numbers(const Numbers&)> f) {
  return [=](const Arrays& in) {
    const Array& x = in[0];
    const auto n = static_cast<std::size_t>(x.shape.back());
    Array y{x.shape, {}};
    y.shape[y.shape.size() - 1] = static_cast<std::int64_t>(f(Numbers(n)).size());
    for (std::size_t r = 0; n > 0 && r < x.values.size() / n; ++r) {
      const auto begin = x.values.begin() + static_cast<std::ptrdiff_t>(r * n);
      for (double v : f(Numbers(begin, begin + static_cast<std::ptrdiff_t>(n)))) y.values.push_back(v);
    }
    return Arrays{y};
  };
}
Numbers differences(const Numbers& x) {
  Numbers y;
  for (std::size_t i = 1; i < x.size(); ++i) y.push_back(x[i] - x[i - 1]);
  return y;
}
Numbers integrals(const Numbers& y, const Numbers& x) {
  Numbers sums;
  double sum = 0;
  for (std::size_t i = 1; i < y.size(); ++i) sums.push_back(sum += (y[i] + y[i - 1]) / 2 * (x[i] - x[i - 1]));
  return sums;
}
// At equal distances.
Numbers integrals(const Numbers& y, double distance) {
  Numbers x(y.size());
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = distance * static_cast<double>(i);
  return integrals(y, x);
}
double last_or_zero(const Numbers& x) { return x.empty() ? 0 : x.back(); }
// Of [n] at the places [n].
Oracle over_places(bool cumulative) {
  return [=](const Arrays& in) {
    const Numbers sums = integrals(in[0].values, in[1].values);
    if (!cumulative) return Arrays{{{}, {last_or_zero(sums)}}};
    return Arrays{{{static_cast<std::int64_t>(sums.size())}, sums}};
  };
}

}  // namespace

TEST_CASE("sorting") {
  run({"sort", on([](T x) { return xg::sort(x); }), unary, sorted(-1, false), {{}}, beyond("sort", [](T x) {
         xg::sort(x, 2);
       })});
  run({"sort", on([](T x) { return xg::sort(x, 0, true); }), unary, sorted(0, true)});
  run({"argsort",
       on([](T x) { return xg::argsort(x, 0, true); }),
       unary,
       lines(0, [](const Numbers& x) { return order(x, true); }),
       {{}},
       beyond("argsort", [](T x) { xg::argsort(x, 2); }),
       false});
  run({"msort",
       on([](T x) { return xg::msort(x); }),
       unary,
       lines(0, [](const Numbers& x) { return ordered(x, false); }),
       {{}},
       refuses([] { xg::msort(Tensor()); }, {"undefined"})});
}

TEST_CASE("the largest and the smallest") {
  run({"topk",
       on([](T x) { return xg::topk(x, 2); }),
       {{{2, 5}}, {{2}}, {{2, 2, 3}}, {{0, 3}}},
       first(2, sorted(-1, true)),
       {{}},
       refuses(
           [] {
             xg::topk(xg::ones({2, 3}), 4);
           },
           {"topk", "4", "[2, 3]"})});
  run({"topk", on([](T x) { return xg::topk(x, 1, -1, false); }), lined, first(1, sorted(-1, false))});
  run({"aminmax",
       on([](T x) { return xg::aminmax(x, -1, true); }),
       lined,
       both(reduced({-1}, true, [](const Numbers& x) { return ordered(x, false).front(); }),
            reduced({-1}, true, [](const Numbers& x) { return ordered(x, false).back(); })),
       {{}},
       refuses([] { xg::aminmax(xg::ones({0})); }, {"aminmax", "[0]"})});
}

TEST_CASE("elements of one rank") {
  run({"kthvalue",
       on([](T x) { return xg::kthvalue(x, 2); }),
       {{{2, 4}}, {{5}}, {{0, 3}}},
       ranked(-1, false, [](std::size_t) { return std::size_t{1}; }),
       {{}},
       refuses(
           [] {
             xg::kthvalue(xg::ones({2, 3}), 4);
           },
           {"kthvalue", "4", "[2, 3]"})});
  run({"kthvalue", on([](T x) { return xg::kthvalue(x, 1, 0, true); }), across,
       ranked(0, true, [](std::size_t) { return std::size_t{0}; })});
  const Shapes some{{{2, 3}}, {{4}}, {scalar}, {{1}}};
  run({"median",
       on([](T x) { return xg::median(x); }),
       some,
       reduced({}, false, middle),
       {{}},
       refuses([] { xg::median(xg::zeros({0}, {.dtype = xg::int64})); }, {"median", "[0]"})});
  run({"median",
       on([](T x) { return xg::median(x, -1); }),
       lined,
       ranked(-1, false, lower_middle),
       {{}},
       beyond("median", [](T x) { xg::median(x, 2); })});
  run({"nanmedian",
       on([](T x) { return xg::nanmedian(x); }),
       some,
       reduced({}, false, middle),
       {{}},
       refuses([] { xg::nanmedian(xg::zeros({0}, {.dtype = xg::int64})); }, {"nanmedian", "[0]"})});
  run({"nanmedian",
       on([](T x) { return xg::nanmedian(x, 0, true); }),
       across,
       ranked(0, true, lower_middle),
       {{}},
       beyond("nanmedian", [](T x) { xg::nanmedian(x, 2); })});
  // Of numbers that are all different, the smallest.
  run({"mode",
       on([](T x) { return xg::mode(x); }),
       lined,
       ranked(-1, false, [](std::size_t) { return std::size_t{0}; }),
       {{}},
       beyond("mode", [](T x) { xg::mode(x, 2); })});
}

TEST_CASE("quantiles") {
  for (const std::string kind : {"linear", "lower", "higher", "midpoint", "nearest"})
    run({"quantile",
         on([=](T x) { return xg::quantile(x, 0.3, {}, true, kind); }),
         {{{2, 4}}, {{5}}, {scalar}, {{1}}},
         reduced({}, true, [=](const Numbers& x) { return share(x, 0.3, kind); }),
         {{}},
         refuses([] { xg::quantile(xg::ones({2}), 1.5); }, {"quantile", "1.5"})});
  run({"quantile",
       on([](T x) { return xg::quantile(x, 0.7, -1); }),
       {{{2, 4}}, {{5}}, {{1, 3}}},
       reduced({-1}, false, [](const Numbers& x) { return share(x, 0.7); }),
       {{}},
       refuses([] { xg::quantile(xg::ones({2}), 0.5, 0, false, "cubic"); }, {"quantile", "cubic"})});
  run({"nanquantile",
       on([](T x, T q) { return xg::nanquantile(x, q, 0); }),
       {{{4, 2}, {3}}, {{5}, {1}}},
       [](const Arrays& in) {
         Array y{{in[1].shape[0]}, {}};
         for (std::size_t d = 1; d < in[0].shape.size(); ++d) y.shape.push_back(in[0].shape[d]);
         for (double q : in[1].values) {
           const Array part = reduced({0}, false, [=](const Numbers& x) { return share(x, q); })(in)[0];
           y.values.insert(y.values.end(), part.values.begin(), part.values.end());
         }
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
  const Numbers bounds{-1, 0, 0.5, 1};
  const auto sequence = [=](T like) { return xg::tensor(bounds).to(like.dtype()); };
  const Oracle less = each([=](double v) {
    return static_cast<double>(std::count_if(bounds.begin(), bounds.end(), [=](double b) { return b < v; }));
  });
  run({"searchsorted",
       on([=](T v) { return xg::searchsorted(sequence(v), v); }),
       unary,
       less,
       {{}},
       refuses(
           [] {
             xg::searchsorted(xg::ones({2, 3}), xg::ones({3, 2}));
           },
           {"searchsorted", "[2, 3]", "[3, 2]"}),
       false});
  run({"bucketize",
       on([=](T v) { return xg::bucketize(v, sequence(v), false, true); }),
       unary,
       less,
       {{}},
       refuses(
           [] {
             xg::bucketize(xg::ones({2}), xg::ones({2, 3}));
           },
           {"bucketize", "[2, 3]"}),
       false});
}

TEST_CASE("running extremes and sums of exponentials") {
  run({"cummax",
       on([](T x) { return xg::cummax(x, -1); }),
       unary,
       running(-1, std::greater_equal<>()),
       {{}},
       beyond("cummax", [](T x) { xg::cummax(x, 2); })});
  run({"cummin",
       on([](T x) { return xg::cummin(x, 0); }),
       unary,
       running(0, std::less_equal<>()),
       {{}},
       beyond("cummin", [](T x) { xg::cummin(x, 2); })});
  for (std::int64_t dim : {0, -1})
    run({"logcumsumexp",
         on([=](T x) { return xg::logcumsumexp(x, dim); }),
         unary,
         lines(dim,
               [](const Numbers& x) {
                 Numbers y;
                 double sum = 0;
                 for (double v : x) y.push_back(std::log(sum += std::exp(v)));
                 return y;
               }),
         {{}},
         beyond("logcumsumexp", [](T x) { xg::logcumsumexp(x, 2); })});
}

TEST_CASE("differences and integrals") {
  const Shapes long_rows{{{2, 4}}, {{5}}, {{3, 1}}, {{0, 3}}};
  const auto no_line = [](const char* name, std::function<void(T)> call) {
    return refuses([=] { call(xg::ones({})); }, {name, "[]"});
  };
  run({"diff",
       on([](T x) { return xg::diff(x, 2); }),
       {{{2, 4}}, {{5}}, {{0, 3}}, {{3, 1}}},
       rows([](const Numbers& x) { return differences(differences(x)); }),
       {{}},
       no_line("diff", [](T x) { xg::diff(x); })});
  run({"diff",
       on([](T x, T before, T after) { return xg::diff(x, 1, -1, before, after); }),
       {{{4}, {2}, {1}}, {{1}, {1}, {0}}},
       [](const Arrays& in) {
         Numbers all = in[1].values;
         all.insert(all.end(), in[0].values.begin(), in[0].values.end());
         all.insert(all.end(), in[2].values.begin(), in[2].values.end());
         const Numbers y = differences(all);
         return Arrays{{{static_cast<std::int64_t>(y.size())}, y}};
       },
       {{}},
       refuses(
           [] {
             xg::diff(xg::ones({2, 3}), 1, 0, xg::ones({3, 2}));
           },
           {"diff", "[2, 3]", "[3, 2]"})});
  run({"trapezoid",
       on([](T y) { return xg::trapezoid(y, {.dx = 0.7}); }),
       long_rows,
       reduced({-1}, false, [](const Numbers& y) { return last_or_zero(integrals(y, 0.7)); }),
       {{}},
       no_line("trapezoid", [](T y) { xg::trapezoid(y); })});
  run({"trapezoid",
       on([](T y, T x) { return xg::trapezoid(y, x); }),
       {{{5}, {5}}, {{1}, {1}}},
       over_places(false),
       {{}},
       refuses(
           [] {
             xg::trapezoid(xg::ones({2, 3}), xg::ones({2}));
           },
           {"trapezoid", "[2, 3]", "[2]"})});
  run({"cumulative_trapezoid",
       on([](T y) { return xg::cumulative_trapezoid(y, {.dx = 0.7}); }),
       long_rows,
       rows([](const Numbers& y) { return integrals(y, 0.7); }),
       {{}},
       no_line("cumulative_trapezoid", [](T y) { xg::cumulative_trapezoid(y); })});
  run({"cumulative_trapezoid",
       on([](T y, T x) { return xg::cumulative_trapezoid(y, x); }),
       {{{5}, {5}}, {{1}, {1}}},
       over_places(true),
       {{}},
       refuses(
           [] {
             xg::cumulative_trapezoid(xg::ones({2, 3}), xg::ones({2}));
           },
           {"cumulative_trapezoid", "[2, 3]", "[2]"})});
}
