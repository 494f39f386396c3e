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

struct Row {
  const char* name;
  Tensor (*call)(const xg::Operand&, const xg::Operand&);
  double (*value)(double, double);
};

double remainder_of(double a, double b) { return a - b * std::floor(a / b); }

const Row rows[] = {
    {"add", [](const xg::Operand& a, const xg::Operand& b) { return xg::add(a, b); },
     [](double a, double b) { return a + b; }},
    {"add scaled", [](const xg::Operand& a, const xg::Operand& b) { return xg::add(a, b, -0.75); },
     [](double a, double b) { return a - 0.75 * b; }},
    {"sub", [](const xg::Operand& a, const xg::Operand& b) { return xg::sub(a, b); },
     [](double a, double b) { return a - b; }},
    {"sub scaled", [](const xg::Operand& a, const xg::Operand& b) { return xg::sub(a, b, 2); },
     [](double a, double b) { return a - 2 * b; }},
    {"mul", xg::mul, [](double a, double b) { return a * b; }},
    {"div", xg::div, [](double a, double b) { return a / b; }},
    {"pow", xg::pow, [](double a, double b) { return std::pow(a, b); }},
    {"fmod", xg::fmod, [](double a, double b) { return std::fmod(a, b); }},
    {"remainder", xg::remainder, remainder_of},
    {"maximum", xg::maximum, [](double a, double b) { return std::fmax(a, b); }},
    {"minimum", xg::minimum, [](double a, double b) { return std::fmin(a, b); }},
    {"atan2", xg::atan2, [](double a, double b) { return std::atan2(a, b); }},
    {"hypot", xg::hypot, [](double a, double b) { return std::hypot(a, b); }},
};

// Numbers in [0.4, 1.9), where all of the rows are smooth but for fmod's jumps, which the seeds avoid.
Tensor positive(const Shape& shape, std::uint64_t seed) {
  Values values = numeric::random_values(xg::numel(shape), seed);
  for (double& value : values) value = 1.15 + 0.75 * value;
  return xg::tensor(std::span<const double>(values), shape, {.requires_grad = true});
}

// What broadcasting means, by hand.
Values expected_values(const Row& row, const Tensor& a, const Tensor& b) {
  const Shape shape = xg::broadcast_shapes(a.sizes(), b.sizes());
  const Values x = a.detach().expand(shape).contiguous().to_vector<double>();
  const Values y = b.detach().expand(shape).contiguous().to_vector<double>();
  Values result;
  for (std::size_t i = 0; i < x.size(); ++i) result.push_back(row.value(x[i], y[i]));
  return result;
}

double worst(const Values& a, const Values& b) {
  if (a.size() != b.size()) return INFINITY;
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!(std::abs(a[i] - b[i]) <= largest)) largest = std::abs(a[i] - b[i]);
  return largest;
}

template <class E, class F>
std::string message_of(F&& f) {
  try {
    f();
  } catch (const E& error) {
    return error.what();
  }
  return "";
}
bool mentions(const std::string& text, std::initializer_list<const char*> parts) {
  for (const char* part : parts)
    if (text.find(part) == std::string::npos) return false;
  return true;
}

}  // namespace

TEST_CASE("values and gradients, broadcast in every way") {
  const std::pair<Shape, Shape> shapes[] = {{{2, 3}, {2, 3}},       {{2, 3}, {3}},    {{2, 1}, {2, 3}},
                                            {{2, 3}, {}},           {{}, {}},         {{1}, {2, 2}},
                                            {{2, 1, 3}, {4, 1}},    {{3, 1}, {1, 2}}, {{2, 3, 2}, {3, 1}},
                                            {{2, 2, 2}, {2, 1, 2}}, {{0, 3}, {3}},    {{1, 3}, {0, 1}}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    for (const auto& pair : shapes) {
      const Shape &left = pair.first, &right = pair.second;
      CAPTURE(xg::to_string(left));
      CAPTURE(xg::to_string(right));
      const Tensor a = positive(left, 11), b = positive(right, 29);
      const Tensor y = row.call(a, b);
      CHECK(y.sizes() == xg::broadcast_shapes(left, right));
      CHECK(worst(y.to_vector<double>(), expected_values(row, a, b)) <= 1e-14);
      CHECK(xg::gradcheck([&](const Tensor& s, const Tensor& t) { return row.call(s, t); }, {a, b}));
      CHECK(xg::gradgradcheck([&](const Tensor& s, const Tensor& t) { return row.call(s, t); }, {a, b}));
    }
  }
}

TEST_CASE("layouts do not matter") {
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const Tensor a = positive({40, 7}, 11), b = positive({7, 40}, 29);
    const Tensor plain = row.call(a.t().contiguous(), b);
    CHECK(xg::equal(row.call(a.t(), b), plain));
    CHECK(xg::equal(row.call(a.flip({0}).t(), b.flip({1})), plain.flip({1})));
    CHECK(xg::equal(row.call(a.t().slice(1, 0, 40, 3), b.slice(1, 0, 40, 3)), plain.slice(1, 0, 40, 3)));
    const Tensor column = b.select(1, 2).unsqueeze(1);
    CHECK(xg::equal(row.call(a.t(), column), row.call(a.t().contiguous(), column.expand({7, 40}).contiguous())));
  }
}

TEST_CASE("a number is a constant") {
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const Tensor a = positive({2, 3}, 11);
    for (const xg::Dtype dtype : {xg::float32, xg::float64})
      CHECK(row.call(a.detach().to(dtype), 1.5).dtype() == dtype);
    const Tensor constant = xg::tensor(1.5, {.dtype = xg::float64});
    CHECK(worst(row.call(a, 1.5).to_vector<double>(), expected_values(row, a, constant)) <= 1e-14);
    CHECK(worst(row.call(1.5, a).to_vector<double>(), expected_values(row, constant, a)) <= 1e-14);
    CHECK(xg::gradcheck([&](const Tensor& t) { return row.call(t, 1.5); }, {a}));
    CHECK(xg::gradgradcheck([&](const Tensor& t) { return row.call(t, 1.5); }, {a}));
    CHECK(xg::gradcheck([&](const Tensor& t) { return row.call(1.5, t); }, {a}));
    CHECK(xg::gradgradcheck([&](const Tensor& t) { return row.call(1.5, t); }, {a}));
  }
}

TEST_CASE("large sums of broadcast gradients") {
  // Integers of up to 16 bits in float64: every order of summation gives the same.
  const std::pair<Shape, Shape> shapes[] = {
      {{300, 500}, {500}},       {{300, 500}, {300, 1}}, {{300, 500}, {}},        {{3, 70000}, {70000}},
      {{70000, 3}, {3}},         {{3, 70000}, {3, 1}},   {{20, 30, 40}, {30, 1}}, {{20, 30, 400}, {20, 1, 400}},
      {{2, 100000}, {1, 100000}}};
  for (const auto& pair : shapes) {
    const Shape &left = pair.first, &right = pair.second;
    CAPTURE(xg::to_string(left));
    CAPTURE(xg::to_string(right));
    auto whole = [](const Shape& shape, std::uint64_t seed) { return xg::round(numeric::random(shape, seed) * 9); };
    const Tensor a = whole(left, 1).requires_grad_(), b = whole(right, 2).requires_grad_(), g = whole(left, 3);
    (a * b).backward(g);
    const Values x = a.to_vector<double>(), weights = g.to_vector<double>();
    const Tensor product = xg::tensor(std::span<const double>(x), left);
    Values terms;
    for (std::size_t i = 0; i < x.size(); ++i) terms.push_back(x[i] * weights[i]);
    // The index of b's element for each of a's.
    Values index(static_cast<std::size_t>(b.numel()));
    for (std::size_t i = 0; i < index.size(); ++i) index[i] = static_cast<double>(i);
    const Values owner =
        xg::tensor(std::span<const double>(index), right).expand(left).contiguous().to_vector<double>();
    Values sums(index.size(), 0.0);
    for (std::size_t i = 0; i < terms.size(); ++i) sums[static_cast<std::size_t>(owner[i])] += terms[i];
    CHECK(b.grad().to_vector<double>() == sums);
    CHECK(b.grad().sizes() == right);
    CHECK(xg::equal(a.grad(), g * b.detach()));
  }
}

TEST_CASE("the number of threads changes no bit") {
  const int before = xg::get_num_threads();
  const std::pair<Shape, Shape> shapes[] = {
      {{300, 500}, {500}}, {{300, 500}, {}}, {{90000, 5}, {5}}, {{2, 90000}, {2, 1}}};
  for (const auto& pair : shapes) {
    std::vector<xg::TensorList> results;
    for (const int threads : {1, 2, 3}) {
      xg::set_num_threads(threads);
      const Tensor a = numeric::random(pair.first, 1, xg::float32).requires_grad_();
      const Tensor b = numeric::random(pair.second, 2, xg::float32).requires_grad_();
      const Tensor y = xg::atan2(a, b);
      y.backward(y.detach());
      results.push_back({y, a.grad(), b.grad()});
    }
    for (std::size_t i = 0; i < 3; ++i) {
      CHECK(xg::equal(results[0][i], results[1][i]));
      CHECK(xg::equal(results[0][i], results[2][i]));
    }
  }
  xg::set_num_threads(before);
}

TEST_CASE("gradients that meet are added") {
  const Tensor x = positive({5, 50}, 3), b = positive({50}, 4);
  auto f = [](const Tensor& s, const Tensor& t) {
    const Tensor h = s * t;
    return h * t + h / t + xg::exp(h) * h + h * h;
  };
  CHECK(xg::gradcheck(f, {x, b}));
  auto same_tensor = [](const Tensor& s) { return s * s + s / s * s - xg::maximum(s, s) + xg::pow(s, s); };
  CHECK(xg::gradcheck(same_tensor, {b}));
  CHECK(xg::gradgradcheck(same_tensor, {positive({4}, 4)}));
}

TEST_CASE("dtypes meet") {
  const Tensor n = xg::tensor({1, 2, 3}), truth = xg::tensor({true, false, true}), x = xg::tensor({0.5, 1.5, 2.5});
  const Tensor d = x.to(xg::float64);
  CHECK((n + 1).dtype() == xg::int64);
  CHECK((n + 1.5).dtype() == xg::float32);
  CHECK((n + x).dtype() == xg::float32);
  CHECK((n * d).dtype() == xg::float64);
  CHECK((truth * d).to_vector<double>() == Values{0.5, 0, 2.5});
  CHECK((truth + n).dtype() == xg::int64);
  CHECK((truth + truth).to_vector<bool>() == std::vector<bool>{true, false, true});
  CHECK((truth + true).dtype() == xg::bool_);
  CHECK((truth + 1).dtype() == xg::int64);
  CHECK((n / n).dtype() == xg::float32);
  CHECK((n / 2).to_vector<double>() == Values{0.5, 1, 1.5});
  CHECK((truth / truth).dtype() == xg::float32);
  CHECK((1 - n).to_vector<int>() == std::vector<int>{0, -1, -2});
  CHECK(xg::add(2, 3).dtype() == xg::int64);
  CHECK(xg::add(2, 3.5).item<double>() == 5.5);
  CHECK(xg::maximum(n, 2).to_vector<int>() == std::vector<int>{2, 2, 3});
  CHECK_THROWS_AS(x + d, xg::DtypeError);
  CHECK_THROWS_AS(x + d.select(0, 0), xg::DtypeError);
  CHECK_THROWS_AS(truth - truth, xg::DtypeError);
  CHECK_THROWS_AS(n + n.to(xg::int32), xg::DtypeError);
  CHECK_THROWS_AS(xg::add(n, n, 0.5), xg::ValueError);
  // The gradient of a floating operand beside an integer one.
  const Tensor leaf = xg::tensor({1.0, 2.0, 3.0}, {.requires_grad = true});
  (leaf * n).backward(xg::ones({3}));
  CHECK(leaf.grad().to_vector<double>() == Values{1, 2, 3});
}

TEST_CASE("integers") {
  constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min(), most = -(least + 1);
  auto whole = [](std::int64_t v) { return xg::tensor({v}); };
  CHECK((whole(most) + 1).item<std::int64_t>() == least);
  CHECK((whole(least) - 1).item<std::int64_t>() == most);
  CHECK((whole(most) * 2).item<std::int64_t>() == -2);
  CHECK((-whole(least)).item<std::int64_t>() == least);
  CHECK((whole((std::int64_t{1} << 53) + 1) + 0).item<std::int64_t>() == (std::int64_t{1} << 53) + 1);
  CHECK((whole(0) + ((std::int64_t{1} << 53) + 1)).item<std::int64_t>() == (std::int64_t{1} << 53) + 1);
  CHECK(xg::fmod(whole(least), -1).item<std::int64_t>() == 0);
  CHECK(xg::remainder(whole(least), whole(-1)).item<std::int64_t>() == 0);
  const Tensor a = xg::tensor({7, -7, 7, -7}), b = xg::tensor({3, 3, -3, -3});
  CHECK(xg::fmod(a, b).to_vector<int>() == std::vector<int>{1, -1, 1, -1});
  CHECK(xg::remainder(a, b).to_vector<int>() == std::vector<int>{1, 2, -2, -1});
  CHECK(xg::pow(a, 2).to_vector<int>() == std::vector<int>{49, 49, 49, 49});
  CHECK(xg::pow(a, xg::tensor({0, 1, 2, 3})).to_vector<int>() == std::vector<int>{1, -7, 49, -343});
  CHECK(xg::pow(2, xg::tensor({0, 10})).to_vector<int>() == std::vector<int>{1, 1024});
  CHECK(xg::pow(a, 0.5).dtype() == xg::float32);
  CHECK(xg::pow(xg::tensor({true, false}), xg::tensor({false, true})).to_vector<int>() == std::vector<int>{1, 0});
  CHECK_THROWS_AS(xg::pow(a, -1), xg::ValueError);
  CHECK_THROWS_AS(xg::pow(a, xg::tensor({0, 1, -1, 0})), xg::ValueError);
  CHECK_THROWS_AS(xg::fmod(a, 0), xg::ValueError);
  CHECK_THROWS_AS(xg::remainder(a, xg::tensor({1, 0, 1, 1})), xg::ValueError);
  CHECK((a / 0).to_vector<double>()[0] == INFINITY);
}

TEST_CASE("conventions at special points") {
  auto gradients = [](auto f, double at, double beside) {
    const Tensor a = xg::tensor({at}, {.dtype = xg::float64, .requires_grad = true});
    const Tensor b = xg::tensor({beside}, {.dtype = xg::float64, .requires_grad = true});
    f(a, b).backward();
    return std::pair{a.grad().item<double>(), b.grad().item<double>()};
  };
  using Pair = std::pair<double, double>;
  CHECK(gradients(xg::maximum, 2, 2) == Pair{0.5, 0.5});
  CHECK(gradients(xg::minimum, 2, 2) == Pair{0.5, 0.5});
  CHECK(gradients(xg::maximum, 1, 2) == Pair{0, 1});
  CHECK(gradients(xg::pow, 0, 2) == Pair{0, 0});
  CHECK(gradients(xg::pow, 0, 0) == Pair{0, 0});
  CHECK(gradients(xg::pow, 2, 0) == Pair{0, std::log(2)});
  CHECK(gradients(xg::hypot, 0, 0) == Pair{0, 0});
  CHECK(std::isnan(gradients(xg::atan2, 0, 0).first));

  const Tensor bad = xg::tensor({std::nan(""), 1.0}), good = xg::tensor({1.0, std::nan("")});
  for (const auto call : {xg::maximum, xg::minimum})
    for (const double v : call(bad, good).to_vector<double>()) CHECK(std::isnan(v));

  const Tensor zero = xg::tensor({0.0}, {.dtype = xg::float64, .requires_grad = true});
  const Tensor first = xg::grad({xg::pow(zero, 2)}, {zero}, {.create_graph = true})[0];
  CHECK(first.item<double>() == 0);
  CHECK(xg::grad({first}, {zero})[0].item<double>() == 2);
  CHECK(xg::pow(zero, 0).item<double>() == 1);
}

TEST_CASE("in place") {
  const Tensor x = xg::tensor({1.0, 2.0, 3.0}, {.dtype = xg::float64});
  const Tensor again = x;
  CHECK(x.add_(1).is_same(x));
  x.sub_(xg::tensor({1.0}, {.dtype = xg::float64}), 0.5).mul_(2).div_(4).pow_(2);
  CHECK(again.to_vector<double>() == Values{0.5625, 1.5625, 3.0625});
  Tensor y = x;
  y += 1;
  y -= 1;
  y *= 16;
  y /= 2;
  CHECK(x.to_vector<double>() == Values{4.5, 12.5, 24.5});

  // A source on the same memory is read as it was.
  const Tensor n = xg::tensor({1, 2, 3, 4});
  n.slice(0, 1, 4).add_(n.slice(0, 0, 3));
  CHECK(n.to_vector<int>() == std::vector<int>{1, 3, 5, 7});
  n.add_(n.flip({0}));
  CHECK(n.to_vector<int>() == std::vector<int>{8, 8, 8, 8});
  n.add_(n);
  CHECK(n.to_vector<int>() == std::vector<int>{16, 16, 16, 16});
  const Tensor square = xg::arange(9).reshape({3, 3});
  square.t().add_(square);
  CHECK(square.to_vector<int>() == std::vector<int>{0, 4, 8, 4, 8, 12, 8, 12, 16});

  const Tensor whole = xg::tensor({1, 2});
  CHECK_THROWS_AS(whole.add_(0.5), xg::DtypeError);
  CHECK_THROWS_AS(whole.div_(2), xg::DtypeError);
  CHECK_THROWS_AS(whole.add_(xg::ones({3, 2}).to(xg::int64)), xg::ShapeError);
  CHECK_THROWS_AS(whole.expand({2, 2}).add_(1), xg::Error);
  CHECK(whole.to_vector<int>() == std::vector<int>{1, 2});

  const Tensor a = positive({2, 3}, 5), b = positive({3}, 6);
  auto f = [](const Tensor& s, const Tensor& t) {
    const Tensor h = s * 1.0;
    h.mul_(t).add_(s, 0.5).div_(t);
    h.select(0, 0).sub_(t);
    h.pow_(2);
    return h;
  };
  CHECK(xg::gradcheck(f, {a, b}));
  CHECK(xg::gradgradcheck(f, {a, b}));
  CHECK_THROWS_AS(a.add_(1), xg::AutogradError);
}

TEST_CASE("errors name the operation, the shapes and the place") {
  const Tensor a = xg::zeros({2, 3}), b = xg::zeros({4, 5});
  CHECK(mentions(message_of<xg::ShapeError>([&] { a + b; }), {"add:", "[2, 3]", "[4, 5]", "arithmetic_test.cpp"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] { xg::hypot(a, b); }), {"hypot:", "arithmetic_test.cpp"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] { a.div(b); }), {"div:", "arithmetic_test.cpp"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] { a.mul_(b); }), {"mul_:", "arithmetic_test.cpp"}));
  CHECK(mentions(message_of<xg::DtypeError>([&] { a* b.to(xg::float64); }), {"mul:", "float32", "float64"}));
  CHECK(mentions(message_of<xg::Error>([&] { a + Tensor(); }), {"arithmetic_test.cpp"}));
}
