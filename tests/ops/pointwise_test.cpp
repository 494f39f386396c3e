#include <xgrad/xgrad.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <limits>
#include <string>
#include <vector>

#include "numeric.hpp"

namespace xg = xgrad;
using xg::Shape;
using xg::Tensor;

namespace {

using Values = std::vector<double>;
constexpr double inf = std::numeric_limits<double>::infinity();
const double not_a_number = std::nan("");

// A function of one tensor, what the C library computes, its derivative, and an interval away from its singular points.
struct Row {
  const char* name;
  Tensor (*call)(const xg::Arg&);
  double (*value)(double);
  double (*slope)(double);
  double low, high;
};

double logistic(double x) { return 1 / (1 + std::exp(-x)); }
double gauss(double x) { return 2 / std::sqrt(M_PI) * std::exp(-x * x); }
double normal(double x) { return std::erfc(-x / std::sqrt(2)) / 2; }
double sign_of(double x) { return (x > 0) - (x < 0); }
double nothing(double) { return 0; }

const Row rows[] = {
    {"neg", xg::neg, [](double x) { return -x; }, [](double) { return -1.0; }, -3, 3},
    {"abs", xg::abs, [](double x) { return std::abs(x); }, sign_of, 0.1, 3},
    {"sign", xg::sign, sign_of, nothing, -3, -0.1},
    {"floor", xg::floor, [](double x) { return std::floor(x); }, nothing, 0.1, 0.9},
    {"ceil", xg::ceil, [](double x) { return std::ceil(x); }, nothing, -1.9, -1.1},
    {"round", xg::round, [](double x) { return std::nearbyint(x); }, nothing, 0.6, 1.4},
    {"trunc", xg::trunc, [](double x) { return std::trunc(x); }, nothing, -1.9, -1.1},
    {"square", xg::square, [](double x) { return x * x; }, [](double x) { return 2 * x; }, -3, 3},
    {"sqrt", xg::sqrt, [](double x) { return std::sqrt(x); }, [](double x) { return 0.5 / std::sqrt(x); }, 0.2, 4},
    {"rsqrt", xg::rsqrt, [](double x) { return 1 / std::sqrt(x); }, [](double x) { return -0.5 * std::pow(x, -1.5); },
     0.2, 4},
    {"reciprocal", xg::reciprocal, [](double x) { return 1 / x; }, [](double x) { return -1 / (x * x); }, 0.3, 4},
    {"exp", xg::exp, [](double x) { return std::exp(x); }, [](double x) { return std::exp(x); }, -3, 3},
    {"exp2", xg::exp2, [](double x) { return std::exp2(x); }, [](double x) { return M_LN2 * std::exp2(x); }, -3, 3},
    {"expm1", xg::expm1, [](double x) { return std::expm1(x); }, [](double x) { return std::exp(x); }, -3, 3},
    {"log", xg::log, [](double x) { return std::log(x); }, [](double x) { return 1 / x; }, 0.2, 4},
    {"log2", xg::log2, [](double x) { return std::log2(x); }, [](double x) { return 1 / (M_LN2 * x); }, 0.2, 4},
    {"log10", xg::log10, [](double x) { return std::log10(x); }, [](double x) { return 1 / (M_LN10 * x); }, 0.2, 4},
    {"log1p", xg::log1p, [](double x) { return std::log1p(x); }, [](double x) { return 1 / (1 + x); }, -0.7, 3},
    {"sin", xg::sin, [](double x) { return std::sin(x); }, [](double x) { return std::cos(x); }, -3, 3},
    {"cos", xg::cos, [](double x) { return std::cos(x); }, [](double x) { return -std::sin(x); }, -3, 3},
    {"tan", xg::tan, [](double x) { return std::tan(x); }, [](double x) { return std::pow(std::cos(x), -2); }, -1.2,
     1.2},
    {"asin", xg::asin, [](double x) { return std::asin(x); }, [](double x) { return 1 / std::sqrt(1 - x * x); }, -0.9,
     0.9},
    {"acos", xg::acos, [](double x) { return std::acos(x); }, [](double x) { return -1 / std::sqrt(1 - x * x); }, -0.9,
     0.9},
    {"atan", xg::atan, [](double x) { return std::atan(x); }, [](double x) { return 1 / (1 + x * x); }, -3, 3},
    {"sinh", xg::sinh, [](double x) { return std::sinh(x); }, [](double x) { return std::cosh(x); }, -3, 3},
    {"cosh", xg::cosh, [](double x) { return std::cosh(x); }, [](double x) { return std::sinh(x); }, -3, 3},
    {"tanh", xg::tanh, [](double x) { return std::tanh(x); }, [](double x) { return std::pow(std::cosh(x), -2); }, -3,
     3},
    {"asinh", xg::asinh, [](double x) { return std::asinh(x); }, [](double x) { return 1 / std::sqrt(1 + x * x); }, -3,
     3},
    {"acosh", xg::acosh, [](double x) { return std::acosh(x); }, [](double x) { return 1 / std::sqrt(x * x - 1); }, 1.2,
     4},
    {"atanh", xg::atanh, [](double x) { return std::atanh(x); }, [](double x) { return 1 / (1 - x * x); }, -0.9, 0.9},
    {"erf", xg::erf, [](double x) { return std::erf(x); }, gauss, -3, 3},
    {"erfc", xg::erfc, [](double x) { return std::erfc(x); }, [](double x) { return -gauss(x); }, -3, 3},
    // digamma(x) by differences of the C library's lgamma, extrapolated.
    {"lgamma", xg::lgamma, [](double x) { return std::lgamma(x); },
     [](double x) {
       auto d = [&](double h) { return (std::lgamma(x + h) - std::lgamma(x - h)) / (2 * h); };
       return (4 * d(1e-3) - d(2e-3)) / 3;
     },
     0.6, 5},
    {"sigmoid", xg::sigmoid, logistic, [](double x) { return logistic(x) * logistic(-x); }, -5, 5},
    {"relu", xg::relu, [](double x) { return x > 0 ? x : 0; }, [](double x) { return x > 0 ? 1.0 : 0.0; }, -3, -0.1},
    {"silu", xg::silu, [](double x) { return x * logistic(x); },
     [](double x) { return logistic(x) + x * logistic(x) * logistic(-x); }, -4, 4},
    {"logsigmoid", xg::logsigmoid, [](double x) { return -std::log1p(std::exp(-x)); },
     [](double x) { return logistic(-x); }, -4, 4},
    {"gelu", xg::gelu, [](double x) { return x * normal(x); },
     [](double x) { return normal(x) + x * std::exp(-x * x / 2) / std::sqrt(2 * M_PI); }, -4, 4},
    {"gelu_tanh", xg::gelu_tanh,
     [](double x) { return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))); },
     [](double x) {
       const double c = std::sqrt(2 / M_PI), t = std::tanh(c * (x + 0.044715 * x * x * x));
       return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * c * (1 + 3 * 0.044715 * x * x);
     },
     -4, 4},
    {"softplus", [](const xg::Arg& x) { return xg::softplus(x, 2.0, 3.0); },
     [](double x) { return 2 * x > 3 ? x : std::log1p(std::exp(2 * x)) / 2; },
     [](double x) { return 2 * x > 3 ? 1 : logistic(2 * x); }, -3, 1.4},
    {"leaky_relu", [](const xg::Arg& x) { return xg::leaky_relu(x, 0.2); },
     [](double x) { return x > 0 ? x : 0.2 * x; }, [](double x) { return x > 0 ? 1 : 0.2; }, -3, -0.1},
    {"elu", [](const xg::Arg& x) { return xg::elu(x, 1.7); }, [](double x) { return x > 0 ? x : 1.7 * std::expm1(x); },
     [](double x) { return x > 0 ? 1 : 1.7 * std::exp(x); }, -3, -0.1},
};

Values points(const Row& row, std::int64_t count) {
  Values values = numeric::random_values(count, 41);
  for (double& value : values) value = row.low + (row.high - row.low) * (value + 1) / 2;
  return values;
}
Values map(const Values& values, double (*f)(double)) {
  Values result;
  for (double value : values) result.push_back(f(value));
  return result;
}
Tensor leaf(const Values& values, const Shape& shape) {
  return xg::tensor(std::span<const double>(values), shape, {.requires_grad = true});
}
void check_close(const Tensor& actual, const Values& expected, double tolerance) {
  const Values values = actual.to(xg::float64).to_vector<double>();
  REQUIRE(values.size() == expected.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    CAPTURE(i);
    CHECK(std::abs(values[i] - expected[i]) <= tolerance * std::max(1.0, std::abs(expected[i])));
  }
}
bool same_bits(const Tensor& a, const Tensor& b) {
  const Values x = a.to_vector<double>(), y = b.to_vector<double>();
  if (x.size() != y.size()) return false;
  for (std::size_t i = 0; i < x.size(); ++i)
    if (!(x[i] == y[i] || (std::isnan(x[i]) && std::isnan(y[i])))) return false;
  return true;
}

}  // namespace

TEST_CASE("values and gradients follow the C library, in both precisions") {
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const Values at = points(row, 37);
    const Tensor x = leaf(at, {37});
    const Tensor y = row.call(x);
    CHECK(y.dtype() == xg::float64);
    check_close(y, map(at, row.value), 1e-14);
    y.backward(xg::full({37}, 2.0, {.dtype = xg::float64}));
    Values slopes = map(at, row.slope);
    for (double& slope : slopes) slope *= 2;
    check_close(x.grad(), slopes, std::string(row.name) == "lgamma" ? 1e-9 : 1e-13);

    const Tensor single = x.detach().to(xg::float32).requires_grad_();
    const Tensor single_y = row.call(single);
    CHECK(single_y.dtype() == xg::float32);
    check_close(single_y, map(at, row.value), 3e-6);
    single_y.backward(xg::full({37}, 2.0, {.dtype = xg::float32}));
    check_close(single.grad(), slopes, 1e-5);
  }
}

TEST_CASE("second derivatives agree with differences") {
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const Tensor x = leaf(points(row, 6), {2, 3});
    CHECK(xg::gradcheck([&](const Tensor& t) { return row.call(t); }, {x}));
    CHECK(xg::gradgradcheck([&](const Tensor& t) { return row.call(t); }, {x}));
  }
}

TEST_CASE("results do not depend on the place of an element or on the layout") {
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const Values at = points(row, 63);
    const Tensor x = leaf(at, {7, 9}), whole = row.call(x);
    // One by one, and from views: transposed, stepped, reversed, broadcast.
    const Values expected = whole.to_vector<double>();
    for (std::size_t i : {std::size_t{0}, std::size_t{17}, std::size_t{62}})
      CHECK(row.call(xg::tensor(at[i], {.dtype = xg::float64})).item<double>() == expected[i]);
    CHECK(same_bits(row.call(x.t()), whole.t()));
    CHECK(same_bits(row.call(x.slice(1, 0, 9, 2)), whole.slice(1, 0, 9, 2)));
    CHECK(same_bits(row.call(x.flip({0, 1})), whole.flip({0, 1})));
    CHECK(same_bits(row.call(x.select(0, 3).expand({4, 9})), whole.select(0, 3).expand({4, 9})));
    CHECK(row.call(x.slice(0, 2, 2)).sizes() == Shape{0, 9});

    // The gradient through a view is that of the whole.
    const Tensor g = numeric::random({9, 7}, 3);
    row.call(x.t()).backward(g);
    const Tensor through_view = x.grad();
    x.zero_grad();
    row.call(x).backward(g.t());
    CHECK(same_bits(through_view, x.grad()));
  }
}

TEST_CASE("long tensors give the same as short ones") {
  const std::int64_t n = 200003;
  const Values at = numeric::random_values(n, 5);
  const Tensor x = leaf(at, {n}), y = xg::tanh(x);
  y.backward(xg::ones({n}, {.dtype = xg::float64}));
  for (std::int64_t i : {std::int64_t{0}, n / 3, n - 1}) {
    const Tensor one = leaf({at[static_cast<std::size_t>(i)]}, {1});
    const Tensor small = xg::tanh(one);
    small.backward();
    CHECK(y.select(0, i).item<double>() == small.item<double>());
    CHECK(x.grad().select(0, i).item<double>() == one.grad().item<double>());
  }
}

TEST_CASE("integers and bools") {
  const Tensor n = xg::tensor({-2, 0, 3}), truth = xg::tensor({true, false});
  for (Tensor (*call)(const xg::Arg&) : {xg::exp, xg::sqrt, xg::sigmoid, xg::tanh, xg::erf, xg::lgamma}) {
    CHECK(call(n).dtype() == xg::float32);
    CHECK(call(truth).dtype() == xg::float32);
  }
  CHECK(xg::neg(n).to_vector<int>() == std::vector<int>{2, 0, -3});
  CHECK(xg::abs(n).to_vector<int>() == std::vector<int>{2, 0, 3});
  CHECK(xg::sign(n).to_vector<int>() == std::vector<int>{-1, 0, 1});
  CHECK(xg::relu(n).to_vector<int>() == std::vector<int>{0, 0, 3});
  CHECK(xg::square(n).to_vector<int>() == std::vector<int>{4, 0, 9});
  CHECK(xg::floor(n).dtype() == xg::int64);
  CHECK(xg::square(xg::tensor({std::int64_t{1} << 40})).item<std::int64_t>() == 0);
  CHECK_THROWS_AS(xg::neg(truth), xg::DtypeError);
  CHECK_THROWS_AS(xg::exp(n.to(xg::int32)), xg::DtypeError);
}

TEST_CASE("special points follow PyTorch") {
  auto gradient = [](Tensor (*call)(const xg::Arg&), double at, double cotangent) {
    const Tensor x = leaf({at}, {1});
    call(x).backward(xg::full({1}, cotangent, {.dtype = xg::float64}));
    return x.grad().item<double>();
  };
  CHECK(gradient(xg::relu, 0, 1) == 0);
  CHECK(gradient(xg::abs, 0, 1) == 0);
  CHECK(gradient(xg::sqrt, 0, 0) == 0);
  CHECK(gradient(xg::sqrt, 0, 1) == inf);
  CHECK(gradient(xg::floor, 1.5, 1) == 0);

  const Tensor x = xg::tensor({not_a_number, inf, -inf, 0.0, -0.0}, {.dtype = xg::float64});
  auto values = [&](Tensor (*call)(const xg::Arg&)) { return call(x).to_vector<double>(); };
  CHECK(std::isnan(values(xg::relu)[0]));
  CHECK(values(xg::relu)[1] == inf);
  CHECK(values(xg::relu)[2] == 0);
  CHECK(values(xg::sign)[0] == 0);
  CHECK(values(xg::exp)[2] == 0);
  CHECK(values(xg::log)[3] == -inf);
  CHECK(std::isnan(values(xg::log)[2]));
  CHECK(values(xg::sigmoid)[1] == 1);
  CHECK(values(xg::sigmoid)[2] == 0);
  CHECK(std::signbit(values(xg::neg)[3]));
  CHECK(xg::round(xg::tensor({-2.5, -1.5, -0.5, 0.5, 1.5, 2.5})).to_vector<double>() == Values{-2, -2, 0, 0, 2, 2});
}

TEST_CASE("polygamma") {
  // psi_1(1) = pi^2 / 6, psi_1(1/2) = pi^2 / 2, psi_2(1) = -2 zeta(3), psi_3(1) = pi^4 / 15;
  // psi_1(-1/2) = pi^2 / 2 + 4.
  auto at = [](std::int64_t n, double x) {
    return xg::polygamma(n, xg::tensor(x, {.dtype = xg::float64})).item<double>();
  };
  CHECK(at(1, 1) == doctest::Approx(M_PI * M_PI / 6).epsilon(1e-14));
  CHECK(at(1, 0.5) == doctest::Approx(M_PI * M_PI / 2).epsilon(1e-14));
  CHECK(at(1, -0.5) == doctest::Approx(M_PI * M_PI / 2 + 4).epsilon(1e-13));
  CHECK(at(2, 1) == doctest::Approx(-2 * 1.2020569031595942854).epsilon(1e-14));
  CHECK(at(3, 1) == doctest::Approx(std::pow(M_PI, 4) / 15).epsilon(1e-14));
  CHECK(at(0, 1) == doctest::Approx(-0.57721566490153286061).epsilon(1e-14));
  CHECK(at(1, 0) == inf);
  CHECK_THROWS_AS(at(-1, 1), xg::ValueError);
  const Tensor x = leaf({0.7, 1.3, -0.4, 9.5}, {4});
  CHECK(xg::gradgradcheck([](const Tensor& t) { return xg::digamma(t); }, {x}, {.rtol = 1e-5}));
}

TEST_CASE("in place") {
  const Values at{0.3, 1.2, 2.5};
  struct InPlace {
    Tensor (Tensor::*call)(xg::Here) const;
    double (*value)(double);
  };
  const InPlace calls[] = {{&Tensor::exp_, [](double x) { return std::exp(x); }},
                           {&Tensor::log_, [](double x) { return std::log(x); }},
                           {&Tensor::sqrt_, [](double x) { return std::sqrt(x); }},
                           {&Tensor::neg_, [](double x) { return -x; }},
                           {&Tensor::abs_, [](double x) { return std::abs(x); }},
                           {&Tensor::tanh_, [](double x) { return std::tanh(x); }},
                           {&Tensor::sigmoid_, logistic},
                           {&Tensor::relu_, [](double x) { return x > 0 ? x : 0; }}};
  for (const InPlace& row : calls) {
    // Into every other element of a larger tensor: the rest stays.
    const Tensor whole = xg::full({6}, -7.0, {.dtype = xg::float64});
    const Tensor view = whole.slice(0, 0, 6, 2);
    view.copy_(xg::tensor(std::span<const double>(at)));
    const auto version = whole.version();
    CHECK((view.*row.call)({}).is_same(view));
    CHECK(whole.version() > version);
    const Values values = whole.to_vector<double>();
    for (std::size_t i = 0; i < 3; ++i) {
      CHECK(values[2 * i] == doctest::Approx(row.value(at[i])).epsilon(1e-14));
      CHECK(values[2 * i + 1] == -7);
    }
    // Recorded.
    const Tensor x = leaf(at, {3});
    CHECK(xg::gradcheck([&](const Tensor& t) { return ((t * 1.0).*row.call)({}); }, {x}));
    CHECK_THROWS_AS((x.*row.call)({}), xg::AutogradError);
  }
  CHECK_THROWS_AS(xg::tensor({1, 2}).exp_(), xg::DtypeError);
}

TEST_CASE("a saved value changed in place is noticed") {
  const Tensor x = leaf({1, 2}, {2});
  const Tensor y = xg::exp(x);
  const Tensor z = y * y;
  {
    xg::NoGradGuard no_grad;
    y.mul_(2);
  }
  CHECK_THROWS_AS(z.backward(xg::ones({2}, {.dtype = xg::float64})), xg::AutogradError);
}

TEST_CASE("nan_to_num replaces what is no number, with gradient 0") {
  const Values special{1.5, not_a_number, inf, -inf};
  const Tensor x = xg::tensor(special).requires_grad_();
  constexpr double largest = std::numeric_limits<double>::max();
  CHECK(xg::nan_to_num(x).to_vector<double>() == Values{1.5, 0, largest, -largest});
  CHECK(xg::nan_to_num(x, 2, 3, -4).to_vector<double>() == Values{1.5, 2, 3, -4});
  xg::nan_to_num(x, 2, inf).sum().backward();
  CHECK(x.grad().to_vector<double>() == Values{1, 0, 0, 0});
  constexpr float largest_single = std::numeric_limits<float>::max();
  CHECK(xg::nan_to_num(x.to(xg::float32)).to_vector<float>() ==
        std::vector<float>{1.5, 0, largest_single, -largest_single});
  CHECK(xg::nan_to_num(xg::tensor({3, -4})).to_vector<std::int64_t>() == std::vector<std::int64_t>{3, -4});
}
