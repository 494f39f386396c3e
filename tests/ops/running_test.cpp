// Running extremes and sums of exponentials where elements are equal, infinite or not numbers; long lines.
#include <xgrad/autograd.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/reduce.hpp>
#include <xgrad/ops/shape.hpp>
#include <xgrad/threads.hpp>

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <limits>
#include <vector>

#include "numeric.hpp"

namespace xg = xgrad;
using xg::Tensor;

namespace {

using Values = std::vector<double>;
using Places = std::vector<std::int64_t>;
constexpr double inf = std::numeric_limits<double>::infinity(), none = std::numeric_limits<double>::quiet_NaN();

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
}  // namespace

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
    return xg::TensorList{xg::cummax(x, 0).first, xg::logcumsumexp(x, 0), xg::logcumsumexp(x, 1)};
  };
  const xg::TensorList one = results(1), four = results(4);
  xg::set_num_threads(before);
  for (std::size_t i = 0; i < one.size(); ++i) CHECK(numeric::same_bits(one[i], four[i]));
}
