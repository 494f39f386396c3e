// Values of the reductions against long double loops over every geometry; conventions; errors.
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/equality.hpp>
#include <xgrad/ops/reduce.hpp>
#include <xgrad/ops/shape.hpp>
#include <xgrad/ops/slice.hpp>
#include <xgrad/threads.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <functional>
#include <limits>
#include <numeric>
#include <string>

#include "support/errors.hpp"

namespace xg = xgrad;
using test::mentions;
using test::message_of;
using xg::Shape;
using xg::Tensor;

namespace {

using Group = std::vector<double>;
using List = std::vector<std::int64_t>;
constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

// The elements that belong to each result, in row-major order.
std::vector<Group> groups(const Tensor& x, const List& dims) {
  const Shape& shape = x.sizes();
  std::vector<bool> reduced(shape.size(), dims.empty());
  for (std::int64_t d : dims) reduced[static_cast<std::size_t>(d < 0 ? d + x.dim() : d)] = true;
  std::size_t count = 1;
  for (std::size_t d = 0; d < shape.size(); ++d)
    if (!reduced[d]) count *= static_cast<std::size_t>(shape[d]);
  std::vector<Group> result(count);
  const std::vector<double> values = x.to_vector<double>();
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::size_t rest = i, place = 0, scale = 1;
    for (std::size_t d = shape.size(); d-- > 0;) {
      const std::size_t at = rest % static_cast<std::size_t>(shape[d]);
      rest /= static_cast<std::size_t>(shape[d]);
      if (reduced[d]) continue;
      place += at * scale;
      scale *= static_cast<std::size_t>(shape[d]);
    }
    result[place].push_back(values[i]);
  }
  return result;
}

Tensor noise(const Shape& shape, xg::Dtype dtype = xg::float64) {
  std::vector<double> values(static_cast<std::size_t>(xg::numel(shape)));
  std::uint64_t state = 12345 + values.size();
  for (double& value : values) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    value = static_cast<double>(state >> 11) / 9007199254740992.0 * 2 - 1;
  }
  return xg::tensor(std::span(values), shape).to(dtype);
}

// Tensors of many geometries.
std::vector<Tensor> layouts(xg::Dtype dtype) {
  return {noise({}, dtype),
          noise({1}, dtype),
          noise({7}, dtype),
          noise({5000}, dtype),
          noise({3, 70000}, dtype),
          noise({70000, 3}, dtype),
          noise({700, 130}, dtype),
          noise({130, 700}, dtype).transpose(0, 1),
          noise({4, 33, 19}, dtype),
          noise({4, 33, 19}, dtype).permute({2, 0, 1}),
          noise({4, 33, 19}, dtype).permute({1, 2, 0}),
          noise({6, 20, 40}, dtype).slice(1, 1, 19, 3).slice(2, 2, 38, 2),
          noise({3, 1, 5, 1}, dtype),
          noise({3, 1, 5}, dtype).expand({3, 1200, 5}),
          noise({2, 3, 4, 5, 6}, dtype).permute({4, 1, 3, 0, 2}),
          noise({1, 1100}, dtype).expand({300, 1100})};
}

std::vector<List> dim_lists(std::int64_t rank) {
  std::vector<List> lists{{}};
  for (std::int64_t a = 0; a < rank; ++a) {
    lists.push_back({a - rank});
    for (std::int64_t b = a + 1; b < rank; ++b) lists.push_back({b, a});
  }
  return lists;
}

using Reduce = std::function<Tensor(const Tensor&, const List&, bool)>;
using Oracle = std::function<long double(const Group&)>;

void compare(const Reduce& reduce, const Oracle& oracle, double tolerance32, double tolerance64) {
  for (const xg::Dtype dtype : {xg::float32, xg::float64})
    for (const Tensor& x : layouts(dtype))
      for (const List& dims : dim_lists(x.dim())) {
        const std::vector<Group> parts = groups(x, dims);
        const Tensor y = reduce(x, dims, false);
        const std::vector<double> values = y.to_vector<double>();
        REQUIRE(values.size() == parts.size());
        CHECK(y.dtype() == dtype);
        Shape kept = x.sizes();
        for (std::int64_t d = 0; d < x.dim(); ++d) {
          const bool named = std::find_if(dims.begin(), dims.end(), [&](std::int64_t dim) {
                               return (dim + x.dim()) % x.dim() == d;
                             }) != dims.end();
          if (dims.empty() || named) kept[static_cast<std::size_t>(d)] = 1;
        }
        CHECK(reduce(x, dims, true).sizes() == kept);
        double worst = 0;
        for (std::size_t i = 0; i < parts.size(); ++i) {
          const auto expected = static_cast<double>(oracle(parts[i]));
          worst = std::max(worst, std::abs(values[i] - expected) / std::max(1.0, std::abs(expected)));
        }
        CHECK_MESSAGE(worst <= (dtype == xg::float32 ? tolerance32 : tolerance64), "shape ", xg::to_string(x.sizes()),
                      " dims ", dims.size());
      }
}

long double sum_of(const Group& group) { return std::accumulate(group.begin(), group.end(), 0.0L); }
long double variance_of(const Group& group, long double correction) {
  const long double mean = sum_of(group) / group.size();
  long double sum = 0;
  for (double x : group) sum += (x - mean) * (x - mean);
  return sum / std::max<long double>(0, group.size() - correction);
}

}  // namespace

TEST_CASE("sum and mean") {
  compare([](const Tensor& x, const List& dim, bool keep) { return xg::sum(x, {.dim = dim, .keepdim = keep}); }, sum_of,
          1e-5, 1e-12);
  compare([](const Tensor& x, const List& dim, bool keep) { return x.mean(xg::Dims(dim), keep); },
          [](const Group& g) { return sum_of(g) / g.size(); }, 1e-6, 1e-13);
}

TEST_CASE("prod") {
  for (const Tensor& x : {noise({9}), noise({4, 5, 3}), noise({3, 4, 5}).permute({2, 0, 1})})
    for (const List& dims : dim_lists(x.dim())) {
      const std::vector<Group> parts = groups(x, dims);
      const std::vector<double> values = xg::prod(x, {.dim = dims}).to_vector<double>();
      for (std::size_t i = 0; i < parts.size(); ++i) {
        long double product = 1;
        for (double v : parts[i]) product *= v;
        CHECK(values[i] == doctest::Approx(static_cast<double>(product)).epsilon(1e-13));
      }
    }
  CHECK(xg::prod(xg::tensor({1e30, 1e30, 1e-40})).item<double>() == doctest::Approx(1e20));
}

TEST_CASE("var and std") {
  for (const std::int64_t correction : {0, 1}) {
    const auto oracle = [&](const Group& g) { return g.size() == 1 ? 0 : variance_of(g, correction); };
    const auto defined = [&](Tensor y, const Tensor& x, const List& dims) {
      const std::size_t n = groups(x, dims)[0].size();
      if (n > 1 || correction == 0) return y;
      CHECK(std::isnan(y.to_vector<double>()[0]));
      return xg::zeros_like(y);
    };
    compare(
        [&](const Tensor& x, const List& dim, bool keep) {
          return defined(xg::var(x, {.dim = dim, .correction = correction, .keepdim = keep}), x, dim);
        },
        oracle, 1e-5, 1e-12);
    compare([&](const Tensor& x, const List& dim,
                bool keep) { return defined(x.std({.dim = dim, .correction = correction, .keepdim = keep}), x, dim); },
            [&](const Group& g) { return std::sqrt(oracle(g)); }, 1e-5, 1e-12);
  }
  // A mean far larger than the spread costs no digits.
  Tensor far = xg::tensor({1e8 + 4, 1e8 + 7, 1e8 + 13, 1e8 + 16}, {.dtype = xg::float64});
  CHECK(xg::var(far).item<double>() == 30);
  CHECK(xg::std(far, 0, 0).item<double>() == doctest::Approx(std::sqrt(22.5)));
  auto [variance, mean] = xg::var_mean(far);
  CHECK(variance.item<double>() == 30);
  CHECK(mean.item<double>() == 1e8 + 10);
}

TEST_CASE("norm") {
  for (const double p : {2.0, 1.0, 3.0, 0.5, -1.0})
    compare([&](const Tensor& x, const List& dim, bool keep) { return xg::norm(x, p, {.dim = dim, .keepdim = keep}); },
            [&](const Group& g) {
              long double sum = 0;
              for (double v : g) sum += std::pow(std::abs(static_cast<long double>(v)), static_cast<long double>(p));
              return std::pow(sum, 1 / static_cast<long double>(p));
            },
            1e-5, 1e-11);
  compare([](const Tensor& x, const List& dim, bool keep) { return x.norm(inf, xg::Dims(dim), keep); },
          [](const Group& g) {
            return std::accumulate(g.begin(), g.end(), 0.0,
                                   [](double a, double v) { return std::max(a, std::abs(v)); });
          },
          0, 0);
  compare([](const Tensor& x, const List& dim, bool keep) { return x.norm(-inf, xg::Dims(dim), keep); },
          [](const Group& g) {
            return std::accumulate(g.begin(), g.end(), inf,
                                   [](double a, double v) { return std::min(a, std::abs(v)); });
          },
          0, 0);
  CHECK(xg::norm(xg::tensor({0.0, 3.0, 0.0, -2.0}), 0).item<double>() == 2);
  CHECK(xg::norm(xg::tensor({3e30, 4e30})).item<float>() == doctest::Approx(5e30));
  CHECK(xg::norm(xg::zeros({0})).item<double>() == 0);
  CHECK_THROWS_AS(xg::norm(xg::zeros({0}), inf), xg::ShapeError);
  CHECK_THROWS_AS(xg::norm(xg::ones({2}), not_a_number), xg::ValueError);
  CHECK_THROWS_AS(xg::norm(xg::tensor({1, 2})), xg::DtypeError);
}

TEST_CASE("amax and amin") {
  compare([](const Tensor& x, const List& dim, bool keep) { return xg::amax(x, {.dim = dim, .keepdim = keep}); },
          [](const Group& g) { return *std::max_element(g.begin(), g.end()); }, 0, 0);
  compare([](const Tensor& x, const List& dim, bool keep) { return x.amin(xg::Dims(dim), keep); },
          [](const Group& g) { return *std::min_element(g.begin(), g.end()); }, 0, 0);
  CHECK(xg::max(xg::tensor({3, 9, -4})).item<int>() == 9);
  CHECK(xg::tensor({3, 9, -4}).min().item<int>() == -4);
  CHECK(xg::amax(xg::tensor({false, true})).item<bool>());
  CHECK(xg::amax(xg::tensor({-inf, -inf})).item<double>() == -inf);
  for (std::int64_t at : {0, 1, 63, 64, 4999}) {
    std::vector<double> values(5000, 1);
    values[static_cast<std::size_t>(at)] = not_a_number;
    CHECK(std::isnan(xg::max(xg::tensor(values)).item<double>()));
    CHECK(std::isnan(xg::min(xg::tensor(values)).item<double>()));
    CHECK(xg::argmax(xg::tensor(values)).item<std::int64_t>() == at);
  }
}

TEST_CASE("max, min, argmax and argmin along a dimension give the first best") {
  for (const xg::Dtype dtype : {xg::float32, xg::float64, xg::int64})
    for (const Tensor& exact : layouts(xg::float64)) {
      if (exact.dim() == 0) continue;
      // Few different values, so that there are ties.
      const Tensor x = (dtype == xg::int64 ? noise(exact.sizes()).to(xg::int64) : exact.to(dtype));
      for (std::int64_t dim = -x.dim(); dim < x.dim(); dim += 2) {
        auto [largest, at] = xg::max(x, dim);
        auto [smallest, where] = x.min(dim, true);
        const std::vector<Group> parts = groups(x, {dim});
        const auto values = largest.to_vector<double>(), small = smallest.to_vector<double>();
        const auto indices = at.to_vector<std::int64_t>(), places = where.to_vector<std::int64_t>();
        bool right = values.size() == parts.size();
        for (std::size_t i = 0; i < parts.size() && right; ++i) {
          const auto best = std::max_element(parts[i].begin(), parts[i].end());
          const auto worst = std::min_element(parts[i].begin(), parts[i].end());
          right = values[i] == *best && indices[i] == best - parts[i].begin() && small[i] == *worst &&
                  places[i] == worst - parts[i].begin();
        }
        CHECK_MESSAGE(right, xg::to_string(x.sizes()), " dim ", dim);
        CHECK(xg::equal(xg::argmax(x, dim), at));
        CHECK(xg::equal(x.argmin(dim, true), where));
        CHECK(at.dtype() == xg::int64);
      }
    }
  Tensor ties = xg::tensor({{1.0, 5.0, 5.0}, {not_a_number, 7.0, not_a_number}});
  CHECK(xg::argmax(ties, 1).to_vector<int>() == std::vector<int>{1, 0});
  CHECK(xg::argmin(ties, 0).to_vector<int>() == std::vector<int>{1, 0, 1});
  CHECK(xg::argmax(ties).item<int>() == 3);
  CHECK(xg::argmax(ties.transpose(0, 1)).item<int>() == 1);
  CHECK(xg::argmax(ties, {}, true).sizes() == Shape{1, 1});
  CHECK(xg::max(xg::tensor(3.0), 0).first.item<double>() == 3);
  CHECK(xg::max(xg::tensor(3.0), -1).second.item<int>() == 0);
  CHECK(xg::max(xg::tensor({{-inf, -inf}}), 1).second.item<int>() == 0);
}

TEST_CASE("integers and bools") {
  Tensor x = xg::tensor({{1, 2, 3}, {4, 5, 6}});
  CHECK(x.sum().dtype() == xg::int64);
  CHECK(x.sum(0).to_vector<int>() == std::vector<int>{5, 7, 9});
  CHECK(xg::prod(x, 1).to_vector<int>() == std::vector<int>{6, 120});
  CHECK(xg::tensor({true, true, false}).sum().item<int>() == 2);
  CHECK(xg::tensor({true, true, false}).sum().dtype() == xg::int64);
  const std::int64_t large = (std::int64_t{1} << 60) + 1;
  CHECK(xg::tensor({large, large}).sum().item<std::int64_t>() == 2 * large);
  CHECK_THROWS_AS(xg::mean(x), xg::DtypeError);
  CHECK_THROWS_AS(xg::var(x), xg::DtypeError);
  CHECK_THROWS_AS(xg::sum(x.to(xg::int32)), xg::DtypeError);
  CHECK_THROWS_AS(xg::logsumexp(x, 0), xg::DtypeError);

  CHECK(xg::all(x).item<bool>());
  CHECK(!xg::all(xg::tensor({1, 0})).item<bool>());
  CHECK(xg::any(xg::tensor({0, 2})).item<bool>());
  CHECK(!xg::any(xg::tensor({0.0, -0.0})).item<bool>());
  CHECK(xg::any(xg::tensor({0.0, not_a_number})).item<bool>());
  CHECK(xg::all(xg::tensor({{true, false}, {true, true}}), 0).to_vector<int>() == std::vector<int>{1, 0});
  CHECK(xg::tensor({{true, false}}).any({.dim = {0}, .keepdim = true}).sizes() == Shape{1, 2});
  CHECK(xg::all(x).dtype() == xg::bool_);
  CHECK(xg::count_nonzero(xg::tensor({{0.0, 1.0}, {not_a_number, 2.0}}), 0).to_vector<int>() == std::vector<int>{1, 2});
  CHECK(xg::count_nonzero(x).item<int>() == 6);
}

TEST_CASE("reductions of nothing") {
  Tensor none = xg::zeros({0});
  CHECK(xg::sum(none).item<double>() == 0);
  CHECK(xg::prod(none).item<double>() == 1);
  CHECK(std::isnan(xg::mean(none).item<double>()));
  CHECK(std::isnan(xg::var(none).item<double>()));
  CHECK(xg::logsumexp(none, 0).item<double>() == -inf);
  CHECK(xg::all(none).item<bool>());
  CHECK(!xg::any(none).item<bool>());
  CHECK(xg::sum(xg::zeros({2, 0}), 1).to_vector<double>() == std::vector<double>{0, 0});
  CHECK(xg::sum(xg::zeros({2, 0}), 0).sizes() == Shape{0});
  CHECK(xg::amax(xg::zeros({2, 0}), 0).sizes() == Shape{0});
  CHECK_THROWS_AS(xg::amax(none), xg::ShapeError);
  CHECK_THROWS_AS(xg::max(none), xg::ShapeError);
  CHECK_THROWS_AS(xg::amin(xg::zeros({2, 0}), 1), xg::ShapeError);
  CHECK_THROWS_AS(xg::max(xg::zeros({2, 0}), 1), xg::ShapeError);
  CHECK_THROWS_AS(xg::argmax(none), xg::ShapeError);
  CHECK(xg::argmax(xg::zeros({2, 0}), 0).sizes() == Shape{0});
  CHECK(mentions(message_of<xg::ShapeError>([&] { xg::amax(none); }), {"amax: "}));
}

TEST_CASE("logsumexp") {
  compare([](const Tensor& x, const List& dim, bool keep) { return xg::logsumexp(x, {.dim = dim, .keepdim = keep}); },
          [](const Group& g) {
            long double sum = 0;
            for (double v : g) sum += std::exp(static_cast<long double>(v));
            return std::log(sum);
          },
          1e-6, 1e-13);
  CHECK(xg::logsumexp(xg::tensor({1000.0, 1000.0}), 0).item<double>() == doctest::Approx(1000 + std::log(2)));
  CHECK(xg::logsumexp(xg::tensor({-1000.0, -1000.0}), 0).item<double>() == doctest::Approx(-1000 + std::log(2)));
  CHECK(xg::logsumexp(xg::tensor({-inf, -inf}), 0).item<double>() == -inf);
  CHECK(xg::logsumexp(xg::tensor({-inf, 2.0}), 0).item<double>() == 2);
  CHECK(xg::logsumexp(xg::tensor({inf, 2.0}), 0).item<double>() == inf);
  CHECK(std::isnan(xg::logsumexp(xg::tensor({not_a_number, 2.0}), 0).item<double>()));
}

TEST_CASE("cumsum and cumprod") {
  for (const xg::Dtype dtype : {xg::float32, xg::float64})
    for (const Tensor& x : layouts(dtype)) {
      if (x.dim() == 0) continue;
      for (std::int64_t dim = 0; dim < x.dim(); ++dim) {
        const std::vector<Group> parts = groups(x, {dim}), sums = groups(xg::cumsum(x, dim), {dim}),
                                 products = groups(xg::cumprod(x, dim - x.dim()), {dim});
        double worst = 0;
        for (std::size_t i = 0; i < parts.size(); ++i) {
          long double sum = 0, product = 1;
          for (std::size_t k = 0; k < parts[i].size(); ++k) {
            sum += parts[i][k];
            product *= parts[i][k];
            worst = std::max(worst, std::abs(sums[i][k] - static_cast<double>(sum)) / (1 + std::abs(sums[i][k])));
            worst = std::max(worst, std::abs(products[i][k] - static_cast<double>(product)));
          }
        }
        CHECK(worst < (dtype == xg::float32 ? 1e-6 : 1e-11));
      }
    }
  CHECK(xg::cumsum(xg::tensor({true, true, false}), 0).to_vector<int>() == std::vector<int>{1, 2, 2});
  CHECK(xg::cumsum(xg::tensor({1, 2}), 0).dtype() == xg::int64);
  CHECK(xg::cumprod(xg::tensor({1, 2, 3}), 0).to_vector<int>() == std::vector<int>{1, 2, 6});
  CHECK(xg::cumsum(xg::tensor(2.5), 0).item<double>() == 2.5);
  CHECK(xg::cumsum(xg::zeros({2, 0}), 1).sizes() == Shape{2, 0});
  CHECK(xg::tensor({1.0, 2.0}).cumsum(-1).to_vector<double>() == std::vector<double>{1, 3});
}

TEST_CASE("float32 sums of many elements keep their digits") {
  const std::int64_t n = 10'000'000;
  Tensor x = xg::full({n}, 0.1);
  const double exact = static_cast<double>(0.1f) * static_cast<double>(n);
  CHECK(xg::sum(x).item<double>() == doctest::Approx(exact).epsilon(3e-7));
  CHECK(xg::sum(x.reshape({n / 10, 10}), 0).to_vector<double>()[3] == doctest::Approx(exact / 10).epsilon(3e-7));
  CHECK(xg::sum(x.reshape({n / 1000, 1000}), 0).to_vector<double>()[3] == doctest::Approx(exact / 1000).epsilon(3e-7));
  CHECK(xg::mean(x).item<double>() == doctest::Approx(static_cast<double>(0.1f)).epsilon(3e-7));
}

TEST_CASE("any number of threads gives the same bits") {
  const int before = xg::get_num_threads();
  for (const Tensor& x : {noise({1000003}, xg::float32), noise({3, 400000}, xg::float32),
                          noise({5000, 200}, xg::float32), noise({60, 100, 50}, xg::float32).permute({1, 2, 0})})
    for (const List& dims : dim_lists(x.dim())) {
      std::vector<Tensor> sums, spreads;
      for (const int threads : {1, 2, 3}) {
        xg::set_num_threads(threads);
        sums.push_back(xg::sum(x, {.dim = dims}));
        spreads.push_back(xg::std(x, {.dim = dims}));
      }
      for (std::size_t i = 1; i < sums.size(); ++i) {
        CHECK(xg::equal(sums[0], sums[i]));
        CHECK(xg::equal(spreads[0], spreads[i]));
      }
    }
  xg::set_num_threads(before);
}

TEST_CASE("dimensions out of range or named twice") {
  Tensor x = xg::zeros({2, 3});
  CHECK(mentions(message_of<xg::IndexError>([&] { x.sum({.dim = {2}}); }),
                 {"sum: dim 2 is out of range for a tensor of 2 dimensions", "reduce_test.cpp"}));
  CHECK(mentions(message_of<xg::IndexError>([&] { xg::mean(x, -3); }), {"mean: dim -3"}));
  CHECK_THROWS_AS(xg::sum(x, {0, -2}), xg::ValueError);
  CHECK_THROWS_AS(xg::sum(xg::tensor(1.0), 1), xg::IndexError);
  CHECK(xg::sum(xg::tensor(1.5), 0).item<double>() == 1.5);
  CHECK(xg::sum(xg::tensor(1.5), -1, true).dim() == 0);
  for (const auto& call : std::vector<std::function<void()>>{
           [&] { xg::prod(x, 2); }, [&] { xg::var(x, 2); }, [&] { xg::std(x, 2); }, [&] { xg::norm(x, 2, 2); },
           [&] { xg::amax(x, 2); }, [&] { xg::amin(x, 2); }, [&] { xg::max(x, 2); }, [&] { xg::min(x, 2); },
           [&] { xg::argmax(x, 2); }, [&] { xg::argmin(x, 2); }, [&] { xg::all(x, 2); }, [&] { xg::any(x, 2); },
           [&] { xg::count_nonzero(x, 2); }, [&] { xg::logsumexp(x, 2); }, [&] { xg::cumsum(x, 2); },
           [&] { xg::cumprod(x, 2); }})
    CHECK_THROWS_AS(call(), xg::IndexError);
}
