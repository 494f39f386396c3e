#include <cmath>
#include <limits>

#include "core/check.hpp"
#include "ops/pointwise_formula.hpp"

namespace xgrad {

namespace detail {
namespace {

// Derivatives of digamma, n >= 2: (-1)^(n + 1) n! (sum of (x + k)^-(n + 1) for k = 0, 1, ...), of which the first terms
// are added one by one and the rest by the Euler-Maclaurin formula.
double polygamma_value(std::int64_t n, double v) {
  constexpr double bernoulli_over_factorial[] = {
      1.0 / 12, -1.0 / 720, 1.0 / 30240, -1.0 / 1209600, 1.0 / 47900160, -691.0 / 1307674368000.0, 1.0 / 74724249600};
  constexpr double far = 14, lowest = -1e5;
  if (std::isnan(v) || v < lowest) return std::numeric_limits<double>::quiet_NaN();
  if (v <= 0 && v == std::floor(v)) return n % 2 ? std::numeric_limits<double>::infinity() : std::nan("");
  const double s = static_cast<double>(n) + 1;
  double sum = 0;
  for (; v < far; v += 1) sum += std::pow(v, -s);
  double term = std::pow(v, -s);
  sum += std::pow(v, 1 - s) / (s - 1) + term / 2;
  double rising = s;
  term /= v;
  for (std::size_t j = 0; j < std::size(bernoulli_over_factorial); ++j) {
    sum += bernoulli_over_factorial[j] * rising * term;
    rising *= (s + 2 * static_cast<double>(j) + 1) * (s + 2 * static_cast<double>(j) + 2);
    term /= v * v;
  }
  return (n % 2 ? 1 : -1) * std::tgamma(s) * sum;
}

template <class V>
V each_polygamma(std::int64_t n, const V& v) {
  if (n == 1) return trigamma(v);
  typename V::value_type lanes[V::size];
  v.store(lanes);
  for (auto& lane : lanes) lane = static_cast<typename V::value_type>(polygamma_value(n, lane));
  return V::load(lanes);
}
Tensor each_polygamma(std::int64_t n, const Tensor& v) { return polygamma(n, v); }

constexpr auto lgamma_op = unary<real>(
    "lgamma", [](auto v) { return lgamma(v); }, of<x>(times([](auto v) { return digamma(v); })));
constexpr auto digamma_op = unary<real>(
    "digamma", [](auto v) { return digamma(v); }, of<x>(times([](auto v) { return each_polygamma(1, v); })));
auto polygamma_op(std::int64_t n) {
  return unary<real>(
      "polygamma", [n](auto v) { return each_polygamma(n, v); },
      of<x>(times([n](auto v) { return each_polygamma(n + 1, v); })));
}

}  // namespace
}  // namespace detail

using namespace detail;

Tensor lgamma(const Arg& x) { return lgamma_op(x); }
Tensor digamma(const Arg& x) { return digamma_op(x); }
Tensor polygamma(std::int64_t n, const Arg& x) {
  check<ValueError>(n >= 0, x.here(), "polygamma: expected n of at least 0, got {}", n);
  return n == 0 ? digamma_op(x) : polygamma_op(n)(x);
}

Tensor Tensor::lgamma(Here here) const { return xgrad::lgamma({*this, here}); }
Tensor Tensor::digamma(Here here) const { return xgrad::digamma({*this, here}); }

}  // namespace xgrad
