// The table's rows of reductions and scans.
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/pointwise.hpp>
#include <xgrad/ops/reduce.hpp>

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <limits>
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

double sum(const Numbers& x) { return std::accumulate(x.begin(), x.end(), 0.0); }
double mean(const Numbers& x) { return sum(x) / static_cast<double>(x.size()); }
double product(const Numbers& x) { return std::accumulate(x.begin(), x.end(), 1.0, std::multiplies<>()); }
double largest(const Numbers& x) { return *std::max_element(x.begin(), x.end()); }
double smallest(const Numbers& x) { return *std::min_element(x.begin(), x.end()); }
double where_largest(const Numbers& x) { return static_cast<double>(std::max_element(x.begin(), x.end()) - x.begin()); }
double where_smallest(const Numbers& x) {
  return static_cast<double>(std::min_element(x.begin(), x.end()) - x.begin());
}
double power_sum(const Numbers& x, double p) {
  double total = 0;
  for (double v : x) total += std::pow(std::fabs(v), p);
  return std::pow(total, 1 / p);
}
double variance(const Numbers& x, double correction) {
  double total = 0;
  for (double v : x) total += (v - mean(x)) * (v - mean(x));
  return total / (static_cast<double>(x.size()) - correction);
}
double log_sum_exp(const Numbers& x) {
  double total = 0;
  for (double v : x) total += std::exp(v);
  return std::log(total);
}
Numbers running(const Numbers& x, double (*f)(double, double)) {
  Numbers y = x;
  for (std::size_t i = 1; i < y.size(); ++i) y[i] = f(y[i - 1], x[i]);
  return y;
}
Oracle both(Oracle a, Oracle b) {
  return [=](const Arrays& in) { return Arrays{a(in)[0], b(in)[0]}; };
}

// Shapes for everything, along all dimensions; along the last, also without elements; along two.
const Shapes all{{{2, 3}}, {scalar}, {{1}}, {{2, 1, 4}}}, all_or_none{{{2, 3}}, {scalar}, {{1}}, {{2, 1, 4}}, {{0, 3}}};
const Shapes last{{{2, 3}}, {{3}}, {{2, 1, 4}}, {{0, 3}}, {scalar}};
const Shapes two{{{2, 3, 4}}, {{2, 3, 1}}, {{1, 0, 3}}};
const std::vector<std::int64_t> ends{0, -1};

std::vector<Misuse> bad_dims(const std::string& name,
                             std::function<Tensor(const Tensor&, const xg::ReduceOptions&)> f) {
  return {{[f] {
             f(xg::ones({2, 3}), {.dim = {2}});
           },
           {name, "2"}},
          {[f] {
             f(xg::ones({2, 3}), {.dim = {1, -1}});
           },
           {name, "1"}},
          {[f] { f(Tensor(), {}); }, {"undefined"}}};
}

// Rows over all dimensions, over the last one kept, and over the first and last.
template <class F>
std::vector<Row> reduction(const std::string& name, F call, double (*value)(const Numbers&), Range range = {},
                           bool empty = true, bool differentiable = true) {
  const auto options = [call](T x, const xg::ReduceOptions& o) { return call(x, o); };
  return {{name,
           on([call](T x) { return call(x, {}); }),
           empty ? all_or_none : all,
           reduced({}, false, value),
           {range},
           bad_dims(name, options),
           differentiable},
          {name,
           on([call](T x) { return call(x, {.dim = {-1}, .keepdim = true}); }),
           last,
           reduced({-1}, true, value),
           {range},
           {},
           differentiable},
          {name,
           on([call](T x) {
             return call(x, {.dim = {0, -1}});
           }),
           empty ? two : Shapes{{{2, 3, 4}}},
           reduced(ends, false, value),
           {range},
           {},
           differentiable}};
}

}  // namespace

TEST_CASE("sums, means and products") {
  using O = const xg::ReduceOptions&;
  for (const auto& rows : {reduction(
                               "sum", [](T x, O o) { return xg::sum(x, o); }, sum),
                           reduction(
                               "mean", [](T x, O o) { return xg::mean(x, o); }, mean, {}, false),
                           reduction(
                               "prod", [](T x, O o) { return xg::prod(x, o); }, product),
                           reduction(
                               "logsumexp", [](T x, O o) { return xg::logsumexp(x, o); }, log_sum_exp)})
    for (const Row& row : rows) run(row);
  run({"sum", on([](T x) { return xg::sum(x, 1); }), Shapes{{{2, 3}}, {{2, 0}}}, reduced({1}, false, sum)});
}

TEST_CASE("norms") {
  using O = const xg::ReduceOptions&;
  for (const auto& rows :
       {reduction(
            "norm", [](T x, O o) { return xg::norm(x, 2, o); }, [](const Numbers&x) { return power_sum(x, 2); }),
        reduction(
            "norm", [](T x, O o) { return xg::norm(x, 1, o); }, [](const Numbers&x) { return power_sum(x, 1); }),
        reduction(
            "norm", [](T x, O o) { return xg::norm(x, 3.5, o); }, [](const Numbers&x) { return power_sum(x, 3.5); }),
        reduction(
            "norm", [](T x, O o) { return xg::norm(x, std::numeric_limits<double>::infinity(), o); },
            [](const Numbers&x) {
              Numbers sizes = x;
              for (double& v : sizes) v = std::fabs(v);
              return largest(sizes);
            },
            {}, false)})
    for (const Row& row : rows) run(row);
}

TEST_CASE("variances") {
  const Shapes many{{{2, 3}}, {{4}}}, along{{{2, 3}}, {{0, 3}}, {{2, 1, 4}}}, across{{{2, 3, 4}}};
  const auto bessel = [](const Numbers& x) { return variance(x, 1); };
  const auto plain = [](const Numbers& x) { return variance(x, 0); };
  const auto deviation = [](const Numbers& x) { return std::sqrt(variance(x, 1)); };
  const auto bad = [](auto f) { return refuses([f] { f(xg::ones({2, 3}), xg::VarOptions{.dim = {2}}); }, {"2"}); };
  const auto var = [](T x, const xg::VarOptions& o) { return xg::var(x, o); };
  const auto std = [](T x, const xg::VarOptions& o) { return xg::std(x, o); };
  run({"var", on([](T x) { return xg::var(x); }), many, reduced({}, false, bessel), {{}}, bad(var)});
  run({"var", on([](T x) { return xg::var(x, {.dim = {-1}, .correction = 0, .keepdim = true}); }), along,
       reduced({-1}, true, plain)});
  run({"var", on([](T x) { return xg::var(x, {.dim = {0, -1}}); }), across, reduced(ends, false, bessel)});
  run({"std", on([](T x) { return xg::std(x); }), many, reduced({}, false, deviation), {{}}, bad(std)});
  run({"std", on([](T x) { return xg::std(x, {.dim = {-1}}); }), along, reduced({-1}, false, deviation)});
  run({"var_mean",
       on([](T x) { return xg::var_mean(x, {.dim = {-1}}); }),
       along,
       both(reduced({-1}, false, bessel), reduced({-1}, false, mean)),
       {{}},
       refuses(
           [] {
             xg::var_mean(xg::ones({2, 3}), {.dim = {2}});
           },
           {"2"})});
}

TEST_CASE("extremes") {
  using O = const xg::ReduceOptions&;
  for (const auto& rows : {reduction(
                               "amax", [](T x, O o) { return xg::amax(x, o); }, largest, {}, false),
                           reduction(
                               "amin", [](T x, O o) { return xg::amin(x, o); }, smallest, {}, false)})
    for (const Row& row : rows) run(row);
  const auto empty = [](const char* name, auto f) { return refuses([f] { f(xg::ones({0})); }, {name, "[0]"}); };
  run({"max", on([](T x) { return xg::max(x); }), all, reduced({}, false, largest), {{}}, empty("max", [](T x) {
         return xg::max(x);
       })});
  run({"min", on([](T x) { return xg::min(x); }), all, reduced({}, false, smallest), {{}}, empty("min", [](T x) {
         return xg::min(x);
       })});
  run({"max",
       on([](T x) { return xg::max(x, -1); }),
       last,
       both(reduced({-1}, false, largest), reduced({-1}, false, where_largest)),
       {{}},
       refuses(
           [] {
             xg::max(xg::ones({2, 3}), 2);
           },
           {"max", "2"})});
  run({"min",
       on([](T x) { return xg::min(x, 0, true); }),
       {{{2, 3}}, {{3}}, {{1, 0}}},
       both(reduced({0}, true, smallest), reduced({0}, true, where_smallest)),
       {{}},
       refuses(
           [] {
             xg::min(xg::ones({2, 3}), 2);
           },
           {"min", "2"})});
  run({"argmax",
       on([](T x) { return xg::argmax(x); }),
       all,
       reduced({}, false, where_largest),
       {{}},
       empty("argmax", [](T x) { return xg::argmax(x); }),
       false});
  run({"argmax",
       on([](T x) { return xg::argmax(x, -1, true); }),
       last,
       reduced({-1}, true, where_largest),
       {{}},
       {},
       false});
  run({"argmin",
       on([](T x) { return xg::argmin(x, 0); }),
       {{{2, 3}}, {{3}}, {{1, 0}}},
       reduced({0}, false, where_smallest),
       {{}},
       empty("argmin", [](T x) { return xg::argmin(x); }),
       false});
}

TEST_CASE("truths") {
  using O = const xg::ReduceOptions&;
  const auto positive = [](double v) { return v > 0; };
  for (const auto& rows :
       {reduction(
            "all", [](T x, O o) { return xg::all(xg::relu(x), o); },
            [](const Numbers&x) { return std::all_of(x.begin(), x.end(), [](double v) { return v > 0; }) ? 1.0 : 0; },
            {}, true, false),
        reduction(
            "any", [](T x, O o) { return xg::any(xg::relu(x), o); },
            [](const Numbers&x) { return std::any_of(x.begin(), x.end(), [](double v) { return v > 0; }) ? 1.0 : 0; },
            {}, true, false)})
    for (const Row& row : rows) run(row);
  run({"count_nonzero",
       on([](T x) { return xg::count_nonzero(xg::relu(x), 0); }),
       {{{2, 3}}, {{3}}, {{0, 3}}},
       reduced({0}, false,
               [=](const Numbers& x) { return static_cast<double>(std::count_if(x.begin(), x.end(), positive)); }),
       {{}},
       refuses([] { xg::count_nonzero(xg::ones({2}), 1); }, {"count_nonzero", "1"}),
       false});
}

TEST_CASE("scans") {
  const auto sums = [](const Numbers& x) { return running(x, [](double a, double b) { return a + b; }); };
  const auto products = [](const Numbers& x) { return running(x, [](double a, double b) { return a * b; }); };
  run({"cumsum",
       on([](T x) { return xg::cumsum(x, 0); }),
       unary,
       lines(0, sums),
       {{}},
       refuses([] { xg::cumsum(xg::ones({2}), 1); }, {"cumsum", "1"})});
  run({"cumsum", on([](T x) { return xg::cumsum(x, -1); }), unary, lines(-1, sums)});
  run({"cumprod",
       on([](T x) { return xg::cumprod(x, 0); }),
       unary,
       lines(0, products),
       {{}},
       refuses([] { xg::cumprod(xg::ones({2}), 1); }, {"cumprod", "1"})});
  run({"cumprod", on([](T x) { return xg::cumprod(x, -1); }), unary, lines(-1, products)});
}
