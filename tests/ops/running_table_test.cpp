// The table's rows of running extremes, running sums of exponentials, differences and integrals.
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/difference.hpp>
#include <xgrad/ops/reduce.hpp>

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <functional>
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

Oracle both(Oracle a, Oracle b) {
  return [=](const Arrays& in) { return Arrays{a(in)[0], b(in)[0]}; };
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

TEST_CASE("both extremes") {
  run({"aminmax",
       on([](T x) { return xg::aminmax(x, -1, true); }),
       {{{2, 4}}, {{5}}, {scalar}, {{3, 1}}, {{0, 3}}},
       both(reduced({-1}, true, [](const Numbers& x) { return *std::min_element(x.begin(), x.end()); }),
            reduced({-1}, true, [](const Numbers& x) { return *std::max_element(x.begin(), x.end()); })),
       {{}},
       refuses([] { xg::aminmax(xg::ones({0})); }, {"aminmax", "[0]"})});
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
