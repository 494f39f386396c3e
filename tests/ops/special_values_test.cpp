// Zeros of both signs, infinities, NaN and subnormals beside ordinary numbers in one vector, in every lane, for every
// pointwise function: values against the C library in long double, by the formula that PyTorch documents.
#include <xgrad/xgrad.hpp>

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <limits>
#include <string>
#include <vector>

namespace xg = xgrad;
namespace F = xgrad::nn::functional;
using xg::Tensor;
using Real = long double;

namespace {

struct Function {
  std::string name;
  Tensor (*f)(const Tensor&);
  Real (*reference)(Real);
  double ordinary = 0.625;
  bool every_zero = false;  // the sign of a zero is not compared
};

template <Tensor (*f)(const xg::Arg&)>
Tensor call(const Tensor& x) {
  return f(x);
}

Real sigmoid(Real x) { return 1 / (1 + std::exp(-x)); }
Real clamped(Real x, Real low, Real high) { return x < low ? low : x > high ? high : x; }
Real rounded_to_even(Real x) { return std::nearbyint(x); }

const std::vector<Function>& functions() {
  static const std::vector<Function> list{
      {"neg", call<xg::neg>, [](Real x) { return -x; }},
      {"abs", call<xg::abs>, [](Real x) { return std::fabs(x); }},
      {"sign", call<xg::sign>, [](Real x) { return Real((x > 0) - (x < 0)); }, 0.625, true},
      {"floor", call<xg::floor>, [](Real x) { return std::floor(x); }},
      {"ceil", call<xg::ceil>, [](Real x) { return std::ceil(x); }},
      {"round", call<xg::round>, rounded_to_even},
      {"trunc", call<xg::trunc>, [](Real x) { return std::trunc(x); }},
      {"square", call<xg::square>, [](Real x) { return x * x; }},
      {"sqrt", call<xg::sqrt>, [](Real x) { return std::sqrt(x); }},
      {"rsqrt", call<xg::rsqrt>, [](Real x) { return 1 / std::sqrt(x); }},
      {"reciprocal", call<xg::reciprocal>, [](Real x) { return 1 / x; }},
      {"exp", call<xg::exp>, [](Real x) { return std::exp(x); }},
      {"exp2", call<xg::exp2>, [](Real x) { return std::exp2(x); }},
      {"expm1", call<xg::expm1>, [](Real x) { return std::expm1(x); }},
      {"log", call<xg::log>, [](Real x) { return std::log(x); }},
      {"log2", call<xg::log2>, [](Real x) { return std::log2(x); }},
      {"log10", call<xg::log10>, [](Real x) { return std::log10(x); }},
      {"log1p", call<xg::log1p>, [](Real x) { return std::log1p(x); }},
      {"sin", call<xg::sin>, [](Real x) { return std::sin(x); }},
      {"cos", call<xg::cos>, [](Real x) { return std::cos(x); }},
      {"tan", call<xg::tan>, [](Real x) { return std::tan(x); }},
      {"asin", call<xg::asin>, [](Real x) { return std::asin(x); }},
      {"acos", call<xg::acos>, [](Real x) { return std::acos(x); }},
      {"atan", call<xg::atan>, [](Real x) { return std::atan(x); }},
      {"sinh", call<xg::sinh>, [](Real x) { return std::sinh(x); }},
      {"cosh", call<xg::cosh>, [](Real x) { return std::cosh(x); }},
      {"tanh", call<xg::tanh>, [](Real x) { return std::tanh(x); }},
      {"asinh", call<xg::asinh>, [](Real x) { return std::asinh(x); }},
      {"acosh", call<xg::acosh>, [](Real x) { return std::acosh(x); }, 1.5},
      {"atanh", call<xg::atanh>, [](Real x) { return std::atanh(x); }},
      {"erf", call<xg::erf>, [](Real x) { return std::erf(x); }},
      {"erfc", call<xg::erfc>, [](Real x) { return std::erfc(x); }},
      {"lgamma", call<xg::lgamma>, [](Real x) { return std::lgamma(x); }},
      {"sigmoid", call<xg::sigmoid>, sigmoid},
      {"relu", call<xg::relu>, [](Real x) { return x < 0 ? 0 : x; }, 0.625, true},
      {"silu", call<F::silu>, [](Real x) { return x * sigmoid(x); }},
      {"logsigmoid", call<F::logsigmoid>, [](Real x) { return (x < 0 ? x : 0) - std::log1p(std::exp(-std::fabs(x))); },
       0.625, true},
      {"gelu", call<F::gelu>, [](Real x) { return x * std::erfc(-x / std::sqrt(Real(2))) / 2; }},
      {"softplus", [](const Tensor& x) { return F::softplus(x); },
       [](Real x) { return x > 20 ? x : std::log1p(std::exp(x)); }},
      {"elu", [](const Tensor& x) { return F::elu(x); }, [](Real x) { return x > 0 ? x : std::expm1(x); }},
      {"celu", [](const Tensor& x) { return F::celu(x, 0.5); },
       [](Real x) { return x > 0 ? x : std::expm1(2 * x) / 2; }},
      {"leaky_relu", [](const Tensor& x) { return F::leaky_relu(x, 0.25); }, [](Real x) { return x > 0 ? x : x / 4; }},
      {"clamp", [](const Tensor& x) { return xg::clamp(x, -0.5, 0.75); },
       [](Real x) { return clamped(x, -0.5L, 0.75L); }},
      {"hardtanh", [](const Tensor& x) { return F::hardtanh(x); }, [](Real x) { return clamped(x, -1, 1); }},
      {"relu6", call<F::relu6>, [](Real x) { return clamped(x, 0, 6); }, 0.625, true},
      {"hardsigmoid", call<F::hardsigmoid>, [](Real x) { return clamped(x + 3, 0, 6) / 6; }},
      {"hardswish", call<F::hardswish>, [](Real x) { return x * (clamped(x + 3, 0, 6) / 6); }},
      {"hardshrink", [](const Tensor& x) { return F::hardshrink(x); },
       [](Real x) { return std::fabs(x) <= 0.5L ? 0 : x; }, 0.625, true},
      {"softshrink", [](const Tensor& x) { return F::softshrink(x); },
       [](Real x) { return std::fabs(x) <= 0.5L ? 0
                           : x > 0              ? x - 0.5L
                                                : x + 0.5L; }, 0.625, true},
      {"tanhshrink", call<F::tanhshrink>, [](Real x) { return x - std::tanh(x); }, 0.625, true},
      {"threshold", [](const Tensor& x) { return F::threshold(x, 0.5, 20); },
       [](Real x) { return x <= 0.5L ? 20 : x; }},
      {"mish", call<F::mish>, [](Real x) { return x * std::tanh(x > 40 ? x : std::log1p(std::exp(x))); }},
  };
  return list;
}

template <class T>
std::vector<double> special() {
  using Limits = std::numeric_limits<T>;
  std::vector<double> list;
  for (T v : {T(0), Limits::infinity(), Limits::quiet_NaN(), Limits::denorm_min(), Limits::min() / 8, Limits::min(),
              Limits::max(), T(1), T(3), T(87), T(1e-20)})
    for (T w : {v, T(-v)}) list.push_back(static_cast<double>(w));
  return list;
}

// What is wrong with a value; empty where nothing is.
template <class T>
bool right(double got, Real wanted, bool every_zero) {
  const T expected = static_cast<T>(wanted);
  if (std::isnan(expected)) return std::isnan(got);
  if (std::isinf(expected)) return got == static_cast<double>(expected);
  if (expected == 0 && wanted == 0) return got == 0 && (every_zero || std::signbit(got) == std::signbit(expected));
  const double unit = std::numeric_limits<T>::epsilon();
  // Two numbers are subtracted in some of these functions; a subnormal has no more digits than its last one.
  return std::fabs(Real(got) - wanted) <= 16 * unit * std::fabs(wanted) + 2 * std::numeric_limits<T>::denorm_min();
}

template <class T>
void check_all(xg::Dtype dtype) {
  for (const Function& function : functions()) {
    for (std::size_t shift = 0; shift < 16; ++shift) {
      std::vector<double> numbers(shift, static_cast<double>(static_cast<T>(function.ordinary)));
      for (double v : special<T>()) numbers.insert(numbers.end(), {v, static_cast<double>(T(function.ordinary))});
      const auto got = function.f(xg::tensor(numbers).to(dtype)).template to_vector<double>();
      for (std::size_t i = 0; i < numbers.size(); ++i)
        CHECK_MESSAGE(right<T>(got[i], function.reference(numbers[i]), function.every_zero), function.name, "(",
                      numbers[i], ") in lane ", i, ": ", got[i], " instead of ",
                      static_cast<double>(function.reference(numbers[i])));
    }
  }
}

}  // namespace

TEST_CASE("float64") { check_all<double>(xg::float64); }
TEST_CASE("float32") { check_all<float>(xg::float32); }
