// The table's rows of operations that work element by element.
#include <xgrad/ops/activation.hpp>
#include <xgrad/ops/arithmetic.hpp>
#include <xgrad/ops/compare.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/equality.hpp>
#include <xgrad/ops/pointwise.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <vector>

#include "support/op_table.hpp"

namespace xg = xgrad;
using table::at;
using table::each;
using table::on;
using table::operand_misuse;
using table::pairs;
using table::Row;
using xg::Tensor;

namespace {

constexpr table::Range positive{0.2, 3}, unit{-0.9, 0.9}, wide{-4, 4};

// By recurrence and the asymptotic series.
double digamma(double x) {
  long double v = x, sum = 0;
  for (; v < 20; v += 1) sum -= 1 / v;
  const long double s = 1 / (v * v);
  return static_cast<double>(sum + std::log(v) - 1 / (2 * v) -
                             s * (1.0L / 12 - s * (1.0L / 120 - s * (1.0L / 252 - s * (1.0L / 240 - s / 132)))));
}
// Its derivative.
double trigamma(double x) {
  long double v = x, sum = 0;
  for (; v < 30; v += 1) sum += 1 / (v * v);
  const long double s = 1 / (v * v);
  return static_cast<double>(sum + 1 / v + s / 2 +
                             s / v * (1.0L / 6 - s * (1.0L / 30 - s * (1.0L / 42 - s * (1.0L / 30 - s * 5 / 66)))));
}
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : 0; }

// A row of one argument. An undefined one is refused.
template <class F>
Row unary(const char* name, F call, double (*value)(double), table::Range range = {}) {
  const table::Call f = on(call);
  return {.name = name,
          .call = f,
          .shapes = table::unary,
          .oracle = each(value),
          .ranges = {range},
          .misuse = {{[f] { f({Tensor()}); }, {"undefined"}}}};
}
template <class F>
Row binary(const char* name, F call, double (*value)(double, double), std::vector<table::Range> ranges = {{}}) {
  return {.name = name,
          .call = on(call),
          .shapes = table::binary,
          .oracle = pairs(value),
          .ranges = std::move(ranges),
          .misuse = operand_misuse(name, call)};
}
Row truth(Row row) {
  row.differentiable = false;
  return row;
}

std::vector<Row> functions() {
  return {
      unary("neg", xg::neg, [](double x) { return -x; }),
      unary("abs", xg::abs, std::fabs),
      unary("sign", xg::sign, sign),
      unary("floor", xg::floor, std::floor, {-2.6, 2.7}),
      unary("ceil", xg::ceil, std::ceil, {-2.6, 2.7}),
      unary("round", [](const Tensor& x) { return xg::round(x); }, std::nearbyint, {-2.4, 2.3}),
      unary(
          "round", [](const Tensor& x) { return xg::round(x, 1); },
          [](double v) { return std::nearbyint(v * 10) / 10; }, {-2.4, 2.3}),
      unary(
          "round", [](const Tensor& x) { return xg::round(x, -1); },
          [](double v) { return std::nearbyint(v / 10) * 10; }, {-42.4, 32.3}),
      unary("trunc", xg::trunc, std::trunc, {-2.6, 2.7}),
      unary("square", xg::square, [](double x) { return x * x; }),
      unary("sqrt", xg::sqrt, std::sqrt, positive),
      unary(
          "rsqrt", xg::rsqrt, [](double x) { return 1 / std::sqrt(x); }, positive),
      unary(
          "reciprocal", xg::reciprocal, [](double x) { return 1 / x; }, positive),
      unary("exp", xg::exp, std::exp),
      unary("exp2", xg::exp2, std::exp2),
      unary("expm1", xg::expm1, std::expm1),
      unary("log", xg::log, std::log, positive),
      unary("log2", xg::log2, std::log2, positive),
      unary("log10", xg::log10, std::log10, positive),
      unary("log1p", xg::log1p, std::log1p, {-0.7, 2}),
      unary("sin", xg::sin, std::sin, wide),
      unary("cos", xg::cos, std::cos, wide),
      unary("tan", xg::tan, std::tan, {-1.2, 1.2}),
      unary("asin", xg::asin, std::asin, unit),
      unary("acos", xg::acos, std::acos, unit),
      unary("atan", xg::atan, std::atan),
      unary("sinh", xg::sinh, std::sinh),
      unary("cosh", xg::cosh, std::cosh),
      unary("tanh", xg::tanh, std::tanh),
      unary("asinh", xg::asinh, std::asinh),
      unary("acosh", xg::acosh, std::acosh, {1.3, 4}),
      unary("atanh", xg::atanh, std::atanh, unit),
      unary("erf", xg::erf, std::erf),
      unary("erfc", xg::erfc, std::erfc),
      unary("lgamma", xg::lgamma, std::lgamma, positive),
      unary("digamma", xg::digamma, digamma, positive),
      unary(
          "polygamma", [](const Tensor& x) { return xg::polygamma(1, x); }, trigamma, positive),
      unary("sigmoid", xg::sigmoid, sigmoid, wide),
      unary(
          "nan_to_num", [](const Tensor& x) { return xg::nan_to_num(x); }, [](double x) { return x; }),
      unary("relu", xg::relu, [](double x) { return x > 0 ? x : 0; }),
      unary(
          "clamp", [](const Tensor& x) { return xg::clamp(x, -0.8, 1.1); },
          [](double x) { return std::fmin(std::fmax(x, -0.8), 1.1); }),
      {"clamp",
       table::on([](const Tensor& x, const Tensor& low, const Tensor& high) { return xg::clamp(x, low, high); }),
       {{{2, 3}, {2, 3}, {2, 3}}, {{3}, {2, 1}, {}}, {{}, {}, {}}, {{0, 2}, {2}, {1}}},
       table::triples([](double x, double low, double high) { return std::fmin(std::fmax(x, low), high); }),
       {{-2, 2}, {-1.5, -0.2}, {0.3, 1.6}},
       table::refuses([] { xg::clamp(xg::ones({2}), Tensor(), Tensor()); }, {"clamp", "neither"})},
  };
}

std::vector<Row> activations() {
  return {
      unary(
          "leaky_relu", [](const Tensor& x) { return xg::leaky_relu(x, 0.1); },
          [](double x) { return x > 0 ? x : 0.1 * x; }),
      unary(
          "rrelu", [](const Tensor& x) { return xg::rrelu(x, 0.1, 0.4); },
          [](double x) { return x > 0 ? x : 0.25 * x; }),
      unary(
          "rrelu", [](const Tensor& x) { return xg::rrelu(x, 0.3, 0.3, true); },
          [](double x) { return x > 0 ? x : 0.3 * x; }),
      unary(
          "elu", [](const Tensor& x) { return xg::elu(x, 0.7); },
          [](double x) { return x > 0 ? x : 0.7 * (std::exp(x) - 1); }),
      unary(
          "gelu", xg::gelu, [](double x) { return x * (1 + std::erf(x / std::sqrt(2.0))) / 2; }, wide),
      unary(
          "gelu_tanh", xg::gelu_tanh,
          [](double x) { return x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))) / 2; }, wide),
      unary(
          "softplus", [](const Tensor& x) { return xg::softplus(x, 2.0, 5.0); },
          [](double x) { return 2 * x > 5 ? x : std::log1p(std::exp(2 * x)) / 2; }, wide),
      unary(
          "logsigmoid", xg::logsigmoid, [](double x) { return -std::log1p(std::exp(-x)); }, wide),
      unary(
          "silu", xg::silu, [](double x) { return x * sigmoid(x); }, wide),
      unary(
          "celu", [](const Tensor& x) { return xg::celu(x, 0.7); },
          [](double x) { return x > 0 ? x : 0.7 * (std::exp(x / 0.7) - 1); }),
      unary("selu", xg::selu,
            [](double x) { return 1.0507009873554804934 * (x > 0 ? x : 1.6732632423543772848 * (std::exp(x) - 1)); }),
      unary(
          "mish", xg::mish, [](double x) { return x * std::tanh(std::log1p(std::exp(x))); }, wide),
      unary("softsign", xg::softsign, [](double x) { return x / (1 + std::fabs(x)); }),
      unary("tanhshrink", xg::tanhshrink, [](double x) { return x - std::tanh(x); }),
      unary(
          "hardsigmoid", xg::hardsigmoid, [](double x) { return std::fmin(std::fmax(x + 3, 0), 6) / 6; }, wide),
      unary(
          "hardswish", xg::hardswish, [](double x) { return x * std::fmin(std::fmax(x + 3, 0), 6) / 6; }, wide),
      unary(
          "hardtanh", [](const Tensor& x) { return xg::hardtanh(x, -0.8, 1.1); },
          [](double x) { return std::fmin(std::fmax(x, -0.8), 1.1); }),
      unary("relu6", xg::relu6, [](double x) { return std::fmin(std::fmax(x, 0), 6); }, {-2, 8}),
      unary(
          "hardshrink", [](const Tensor& x) { return xg::hardshrink(x, 0.7); },
          [](double x) { return std::fabs(x) > 0.7 ? x : 0; }),
      unary(
          "softshrink", [](const Tensor& x) { return xg::softshrink(x, 0.7); },
          [](double x) { return x > 0.7    ? x - 0.7
                                : x < -0.7 ? x + 0.7
                                           : 0; }),
      unary(
          "threshold", [](const Tensor& x) { return xg::threshold(x, 0.2, 5); },
          [](double x) { return x > 0.2 ? x : 5; }),
  };
}
// Those whose arguments are not one tensor of any shape.
std::vector<Row> shaped_activations() {
  const auto prelu = [](double x, double w) { return x > 0 ? x : w * x; };
  const auto one = [prelu](const table::Arrays& in) {
    return each([&](double x) { return prelu(x, in[1].values[0]); })(in);
  };
  const auto channels = table::indexed(
      [](const table::Arrays& in) { return in[0].shape; },
      [prelu](const table::Arrays& in, const table::Index& i) { return prelu(at(in[0], i), at(in[1], {i[1]})); });
  const auto gated = [](std::size_t d) {
    return table::indexed(
        [d](const table::Arrays& in) {
          xg::Shape shape = in[0].shape;
          shape[d] /= 2;
          return shape;
        },
        [d](const table::Arrays& in, const table::Index& i) {
          table::Index second = i;
          second[d] += in[0].shape[d] / 2;
          return at(in[0], i) * sigmoid(at(in[0], second));
        });
  };
  const auto ones = [](const xg::Shape& shape) { return xg::ones(shape); };
  const auto call = on([](const Tensor& x, const Tensor& w) { return xg::prelu(x, w); });
  return {
      {"prelu",
       call,
       {{{2, 3}, {1}}, {xg::Shape{}, {1}}, {{3}, xg::Shape{}}, {{0, 3}, {1}}},
       one,
       {{}},
       {{[=] {
           xg::prelu(ones({2, 3}), ones({2}));
         },
         {"prelu", "[2]", "[2, 3]"}},
        {[=] { xg::prelu(ones({3}), ones({3})); }, {"prelu", "[3]"}},
        {[=] { xg::prelu(ones({3}), xg::ones({1}, {.dtype = xg::float64})); }, {"prelu", "float32", "float64"}}}},
      {"prelu", call, {{{2, 3}, {3}}, {{2, 3, 2}, {3}}, {{0, 3}, {3}}, {{2, 1, 2}, {1}}}, channels},
      {"glu",
       on([](const Tensor& x) { return xg::glu(x); }),
       {{{2, 4}}, {{0, 4}}, {{2, 0}}},
       gated(1),
       {{}},
       {{[=] {
           xg::glu(ones({2, 3}));
         },
         {"glu", "even", "[2, 3]"}},
        {[=] { xg::glu(ones({})); }, {"glu", "[]"}},
        {[=] {
           xg::glu(ones({2, 4}), 2);
         },
         {"glu", "2"}}}},
      {"glu", on([](const Tensor& x) { return xg::glu(x, 0); }), {{{2}}, {{4, 3}}, {{2, 3, 1}}}, gated(0)},
  };
}

std::vector<Row> arithmetic() {
  using T = const Tensor&;
  return {
      binary(
          "add", [](T a, T b) { return xg::add(a, b, 1.5); }, [](double a, double b) { return a + 1.5 * b; }),
      binary(
          "sub", [](T a, T b) { return xg::sub(a, b, 0.5); }, [](double a, double b) { return a - 0.5 * b; }),
      binary(
          "mul", [](T a, T b) { return xg::mul(a, b); }, [](double a, double b) { return a * b; }),
      binary(
          "div", [](T a, T b) { return xg::div(a, b); }, [](double a, double b) { return a / b; }, {{}, positive}),
      binary(
          "pow", [](T a, T b) { return xg::pow(a, b); }, [](double a, double b) { return std::pow(a, b); },
          {positive, {}}),
      binary(
          "fmod", [](T a, T b) { return xg::fmod(a, b); }, [](double a, double b) { return std::fmod(a, b); },
          {{-3, 3}, {0.7, 1.3}}),
      binary(
          "remainder", [](T a, T b) { return xg::remainder(a, b); },
          [](double a, double b) { return a - b * std::floor(a / b); }, {{-3, 3}, {0.7, 1.3}}),
      binary(
          "maximum", [](T a, T b) { return xg::maximum(a, b); }, [](double a, double b) { return a > b ? a : b; }),
      binary(
          "minimum", [](T a, T b) { return xg::minimum(a, b); }, [](double a, double b) { return a < b ? a : b; }),
      binary(
          "atan2", [](T a, T b) { return xg::atan2(a, b); }, [](double a, double b) { return std::atan2(a, b); },
          {{}, positive}),
      binary(
          "hypot", [](T a, T b) { return xg::hypot(a, b); },
          [](double a, double b) { return std::sqrt(a * a + b * b); }, {{}, positive}),
      binary(
          "add", [](T a, T b) { return a + b; }, [](double a, double b) { return a + b; }),
      binary(
          "sub", [](T a, T b) { return a - b; }, [](double a, double b) { return a - b; }),
      binary(
          "mul", [](T a, T b) { return a * b; }, [](double a, double b) { return a * b; }),
      binary(
          "div", [](T a, T b) { return a / b; }, [](double a, double b) { return a / b; }, {{}, positive}),
      unary(
          "add", [](T a) { return 2.5 + a; }, [](double a) { return 2.5 + a; }),
      unary(
          "sub", [](T a) { return 2.5 - a; }, [](double a) { return 2.5 - a; }),
      unary(
          "mul", [](T a) { return a * 2.5; }, [](double a) { return a * 2.5; }),
      unary(
          "div", [](T a) { return 2.5 / a; }, [](double a) { return 2.5 / a; }, positive),
      unary(
          "div", [](T a) { return a / 2.5; }, [](double a) { return a / 2.5; }),
      unary(
          "pow", [](T a) { return xg::pow(a, 3); }, [](double a) { return a * a * a; }),
      unary(
          "pow", [](T a) { return xg::pow(a, 2); }, [](double a) { return a * a; }),
      unary(
          "pow", [](T a) { return xg::pow(a, 0.5); }, [](double a) { return std::sqrt(a); }, positive),
      unary(
          "pow", [](T a) { return xg::pow(1.7, a); }, [](double a) { return std::pow(1.7, a); }),
      unary(
          "maximum", [](T a) { return xg::maximum(a, 0.11); }, [](double a) { return a > 0.11 ? a : 0.11; }),
      unary(
          "neg", [](T a) { return -a; }, [](double a) { return -a; }),
  };
}

std::vector<Row> truths() {
  using T = const Tensor&;
  return {
      truth(binary(
          "eq", [](T a, T b) { return xg::eq(a, b); }, [](double a, double b) { return a == b ? 1.0 : 0; })),
      truth(binary(
          "ne", [](T a, T b) { return xg::ne(a, b); }, [](double a, double b) { return a != b ? 1.0 : 0; })),
      truth(binary(
          "lt", [](T a, T b) { return xg::lt(a, b); }, [](double a, double b) { return a < b ? 1.0 : 0; })),
      truth(binary(
          "le", [](T a, T b) { return xg::le(a, b); }, [](double a, double b) { return a <= b ? 1.0 : 0; })),
      truth(binary(
          "gt", [](T a, T b) { return xg::gt(a, b); }, [](double a, double b) { return a > b ? 1.0 : 0; })),
      truth(binary(
          "ge", [](T a, T b) { return xg::ge(a, b); }, [](double a, double b) { return a >= b ? 1.0 : 0; })),
      truth(unary("logical_not", xg::logical_not, [](double x) { return x == 0 ? 1.0 : 0; })),
      truth(unary("isnan", xg::isnan, [](double) { return 0.0; })),
      truth(unary("isinf", xg::isinf, [](double) { return 0.0; })),
      truth(unary("isfinite", xg::isfinite, [](double) { return 1.0; })),
  };
}

// Truth values from the signs of two arguments, so that both occur.
Row logic(const char* name, Tensor (*f)(const xg::Operand&, const xg::Operand&), bool (*value)(bool, bool)) {
  const auto call = [f](const Tensor& a, const Tensor& b) { return f(xg::gt(a, 0), xg::gt(b, 0)); };
  return {.name = name,
          .call = on(call),
          .shapes = table::binary,
          .oracle =
              [value](const table::Arrays& in) {
                return pairs([value](double a, double b) { return value(a > 0, b > 0) ? 1.0 : 0.0; })(in);
              },
          .misuse = {{[f] {
                        f(xg::ones({2, 3}), xg::ones({4, 5}));
                      },
                      {name, "[2, 3]", "[4, 5]"}}},
          .differentiable = false};
}

}  // namespace

TEST_CASE("functions of one tensor") {
  for (const Row& row : functions()) table::run(row);
}
TEST_CASE("activations") {
  for (const Row& row : activations()) table::run(row);
  for (const Row& row : shaped_activations()) table::run(row);
}
TEST_CASE("arithmetic") {
  for (const Row& row : arithmetic()) table::run(row);
}
TEST_CASE("comparisons and logic") {
  for (const Row& row : truths()) table::run(row);
  table::run(logic("logical_and", xg::logical_and, [](bool a, bool b) { return a && b; }));
  table::run(logic("logical_or", xg::logical_or, [](bool a, bool b) { return a || b; }));
  table::run(logic("logical_xor", xg::logical_xor, [](bool a, bool b) { return a != b; }));
  const auto close = [](const Tensor& a, const Tensor& b) { return xg::isclose(a, b, {.rtol = 0, .atol = 0.5}); };
  table::run({.name = "isclose",
              .call = on(close),
              .shapes = table::binary,
              .oracle = pairs([](double a, double b) { return std::fabs(a - b) <= 0.5 ? 1.0 : 0; }),
              .misuse = {{[close] {
                            close(xg::ones({2, 3}), xg::ones({4, 5}));
                          },
                          {"isclose", "[2, 3]", "[4, 5]"}}},
              .differentiable = false});
}

TEST_CASE("where") {
  const auto choose = [](const Tensor& c, const Tensor& a, const Tensor& b) { return xg::where(xg::gt(c, 0), a, b); };
  const table::Shapes shapes{{{2, 3}, {2, 3}, {2, 3}}, {{3}, {2, 1}, {2, 3}}, {{2, 3}, xg::Shape{}, {3}},
                             {{0, 3}, {3}, {1}},       {{1}, {1}, {1}},       {xg::Shape{}, xg::Shape{}, xg::Shape{}}};
  table::run({.name = "where",
              .call = on(choose),
              .shapes = shapes,
              .oracle = table::triples([](double c, double a, double b) { return c > 0 ? a : b; }),
              .misuse = {{[] { xg::where(xg::ones({2}), xg::ones({2}), xg::ones({2})); }, {"where", "bool", "float32"}},
                         {[] {
                            xg::where(xg::ones({2, 3}) > 0, xg::ones({2, 3}), xg::ones({4, 5}));
                          },
                          {"where", "[4, 5]"}}}});
}
