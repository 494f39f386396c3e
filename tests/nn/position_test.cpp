// Position encodings: closed forms in plain loops, and what the papers promise of them.
#include <xgrad/xgrad.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <string>
#include <utility>
#include <vector>

#include "support/errors.hpp"

namespace xg = xgrad;
namespace nn = xgrad::nn;
using test::mentions;
using test::message_of;
using xg::Shape;
using xg::Tensor;

namespace {

constexpr xg::TensorOptions f64{.dtype = xg::float64}, leaf{.dtype = xg::float64, .requires_grad = true};

std::vector<double> wave_rows(std::int64_t length, std::int64_t d_model, std::int64_t offset) {
  std::vector<double> rows;
  for (std::int64_t p = 0; p < length; ++p)
    for (std::int64_t c = 0; c < d_model; ++c) {
      const double wave = std::pow(10000.0, static_cast<double>(c - c % 2) / static_cast<double>(d_model));
      const double angle = static_cast<double>(offset + p) / wave;
      rows.push_back(c % 2 == 0 ? std::sin(angle) : std::cos(angle));
    }
  return rows;
}

void check_close(const Tensor& x, const std::vector<double>& expected, double tolerance) {
  const std::vector<double> values = x.to_vector<double>();
  REQUIRE(values.size() == expected.size());
  double largest = 0;
  for (std::size_t i = 0; i < values.size(); ++i) largest = std::max(largest, std::abs(values[i] - expected[i]));
  CHECK(largest <= tolerance);
}

}  // namespace

TEST_CASE("sinusoidal_encoding is the paper's formula") {
  for (const std::int64_t d_model : {1, 2, 7, 32, 65})
    for (const std::int64_t length : {0, 1, 50}) {
      CAPTURE(d_model);
      CAPTURE(length);
      const Tensor rows = nn::sinusoidal_encoding(length, d_model, 0, f64);
      CHECK(rows.sizes() == Shape{length, d_model});
      check_close(rows, wave_rows(length, d_model, 0), 1e-13);
      const Tensor narrow = nn::sinusoidal_encoding(length, d_model);
      CHECK(narrow.dtype() == xg::float32);
      check_close(narrow, wave_rows(length, d_model, 0), 1e-7);
    }
  check_close(nn::sinusoidal_encoding(3, 6, 4000, f64), wave_rows(3, 6, 4000), 2e-12);
  CHECK(nn::sinusoidal_encoding(2, 2, 0, leaf).requires_grad());
  CHECK(nn::sinusoidal_encoding(2, 3).is_contiguous());
  CHECK(mentions(message_of<xg::ValueError>([] { nn::sinusoidal_encoding(-1, 4); }),
                 {"sinusoidal_encoding", "-1", "position_test.cpp"}));
  CHECK_THROWS_AS(nn::sinusoidal_encoding(1, 0), xg::ValueError);
  CHECK_THROWS_AS(nn::sinusoidal_encoding(1, 4, -1), xg::ValueError);
  CHECK_THROWS_AS(nn::sinusoidal_encoding(1, 4, 0, {.dtype = xg::int64}), xg::DtypeError);
}

TEST_CASE("PositionalEncoding adds each position's row") {
  nn::PositionalEncoding encoding(5, {.dropout = 0, .max_len = 8});
  CHECK(encoding.state_dict().keys() == std::vector<std::string>{"pe"});
  CHECK(encoding.parameters().empty());
  CHECK(encoding.pe.sizes() == Shape{8, 1, 5});
  CHECK(
      encoding.to_string() ==
      "PositionalEncoding(\n  d_model=5, max_len=8, batch_first=False\n  (dropout): Dropout(p=0.0, inplace=False)\n)");
  const Tensor x = xg::randn({4, 2, 5});
  const Tensor y = encoding(x);
  CHECK(y.sizes() == x.sizes());
  for (const std::int64_t batch : {0, 1}) check_close((y - x).select(1, batch), wave_rows(4, 5, 0), 1e-6);
  check_close(encoding(x, 3).select(1, 1) - x.select(1, 1), wave_rows(4, 5, 3), 1e-6);
  CHECK(xg::equal(encoding(x.select(1, 0)), y.select(1, 0)));
  CHECK(xg::equal(xg::cat({encoding(x.narrow(0, 0, 1)), encoding(x.narrow(0, 1, 3), 1)}), y));  // in parts
  CHECK(encoding(xg::zeros({8, 1, 5})).sizes() == Shape{8, 1, 5});
  CHECK(encoding(xg::zeros({0, 2, 5})).sizes() == Shape{0, 2, 5});

  const nn::PositionalEncoding rows(5, {.dropout = 0, .max_len = 8, .batch_first = true});
  CHECK(rows.pe.sizes() == Shape{1, 8, 5});
  CHECK(xg::equal(rows(x.transpose(0, 1)), y.transpose(0, 1)));
  CHECK(xg::equal(rows(x.select(1, 0)), y.select(1, 0)));
  CHECK(xg::equal(rows(x.transpose(0, 1), 2), encoding(x, 2).transpose(0, 1)));

  encoding.to(xg::float64);
  CHECK(xg::gradcheck_module(encoding, {xg::randn({2, 2, 5}, leaf)}));
  CHECK_THROWS_AS(encoding(x), xg::DtypeError);
}

TEST_CASE("PositionalEncoding drops in training only") {
  xg::manual_seed(3);
  nn::PositionalEncoding encoding(64, {.dropout = 0.25});
  CHECK(encoding.pe.sizes() == Shape{5000, 1, 64});
  const Tensor x = xg::full({100, 2, 64}, 10.0);  // no sum is 0
  const auto zeros = [&] { return (encoding(x) == 0).sum().item<double>() / static_cast<double>(x.numel()); };
  CHECK(zeros() == doctest::Approx(0.25).epsilon(0.05));
  encoding.eval();
  CHECK(zeros() == 0);
}

TEST_CASE("misuse of PositionalEncoding is named") {
  const nn::PositionalEncoding encoding(4, {.max_len = 6});
  CHECK(mentions(message_of<xg::ShapeError>([&] {
                   encoding(xg::ones({7, 1, 4}));
                 }),
                 {"PositionalEncoding", "max_len = 6", "7", "[7, 1, 4]", "position_test.cpp"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] { encoding(xg::ones({3, 1, 4}), 4); }), {"max_len = 6", "3 from 4"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] {
                   encoding(xg::ones({3, 1, 5}));
                 }),
                 {"PositionalEncoding", "[T, B, d_model]", "d_model = 4", "[3, 1, 5]"}));
  CHECK_THROWS_AS(encoding(xg::ones({4})), xg::ShapeError);
  CHECK_THROWS_AS(encoding(xg::ones({3, 1, 4}), -1), xg::ValueError);
  CHECK(mentions(message_of<xg::ValueError>([] { nn::PositionalEncoding(0); }), {"PositionalEncoding", "0"}));
  CHECK_THROWS_AS(nn::PositionalEncoding(4, {.max_len = 0}), xg::ValueError);
  CHECK_THROWS_AS(nn::PositionalEncoding(4, {.dropout = 1.5}), xg::ValueError);
}

TEST_CASE("turned rows keep their norm, and products depend on distances alone") {
  xg::manual_seed(4);
  for (const bool interleaved : {true, false}) {
    CAPTURE(interleaved);
    const Tensor q = xg::randn({1, 16}, f64), k = xg::randn({1, 16}, f64);
    const auto at = [&](const Tensor& x, std::int64_t position) {
      return xg::rotary_embedding(x, {.interleaved = interleaved, .offset = position});
    };
    const auto score = [&](std::int64_t i, std::int64_t j) { return (at(q, i) * at(k, j)).sum().item<double>(); };
    CHECK(score(0, 0) == doctest::Approx((q * k).sum().item<double>()).epsilon(1e-12));
    for (const std::int64_t by : {1, 10, 1000}) CHECK(score(5 + by, 2 + by) == doctest::Approx(score(5, 2)));
    CHECK(std::abs(score(5, 2) - score(5, 3)) > 1e-3);
    const Tensor x = xg::randn({2, 9, 16}, f64);
    CHECK(xg::allclose(at(x, 3).square().sum(-1), x.square().sum(-1), {.rtol = 1e-13}));
    CHECK_FALSE(xg::allclose(at(x, 3), x));
    // A sequence in parts, and one that is strided.
    CHECK(xg::equal(xg::cat({at(x.narrow(1, 0, 4), 0), at(x.narrow(1, 4, 5), 4)}, 1), at(x, 0)));
    CHECK(xg::equal(at(x.transpose(1, 2).contiguous().transpose(1, 2), 0), at(x, 0)));
    // The gradient of a product with g is g turned back: turning it again gives g.
    const Tensor variable = x.clone().requires_grad_(), g = xg::randn(x.sizes(), f64);
    const Tensor back = xg::grad({at(variable, 3)}, {variable}, {.grad_outputs = {g}})[0];
    CHECK(xg::allclose(at(back, 3), g, {.rtol = 1e-12, .atol = 1e-12}));
  }
  // The two pairings are each other's, with the elements in another order.
  const Tensor x = xg::randn({5, 6}, f64), order = xg::tensor({0, 2, 4, 1, 3, 5});
  CHECK(xg::allclose(xg::rotary_embedding(x).index_select(1, order),
                     xg::rotary_embedding(x.index_select(1, order), {.interleaved = false}), {.rtol = 1e-13}));
}

TEST_CASE("RotaryEmbedding turns a part of each row, at any order of differentiation") {
  xg::manual_seed(5);
  const nn::RotaryEmbedding rotary(4, {.base = 100, .interleaved = false});
  CHECK(rotary.to_string() == "RotaryEmbedding(4, base=100.0, interleaved=False)");
  CHECK(rotary.state_dict().empty());
  const Tensor x = xg::randn({2, 3, 5, 6}, f64);
  const xg::RotaryOptions options{.base = 100, .interleaved = false, .dim = 4};
  CHECK(xg::equal(rotary(x), xg::rotary_embedding(x, options)));
  CHECK(xg::equal(rotary(x).narrow(-1, 4, 2), x.narrow(-1, 4, 2)));
  CHECK(xg::equal(rotary(x.narrow(2, 2, 3), 2), rotary(x).narrow(2, 2, 3)));
  const auto cubes = [&](const Tensor& t) { return rotary(t, 1).pow(3); };
  CHECK(xg::gradcheck(cubes, {xg::randn({2, 3, 6}, leaf)}));
  CHECK(xg::gradgradcheck(cubes, {xg::randn({2, 3, 6}, leaf)}));
  {
    const xg::NoGradGuard no_grad;
    CHECK_FALSE(rotary(xg::randn({3, 4}, leaf)).requires_grad());
  }
  CHECK(mentions(message_of<xg::ValueError>([] { nn::RotaryEmbedding(3); }),
                 {"RotaryEmbedding", "even", "3", "position_test.cpp"}));
  CHECK_THROWS_AS(nn::RotaryEmbedding(4, {.base = -1}), xg::ValueError);
  CHECK(mentions(message_of<xg::ValueError>([&] {
                   rotary(xg::ones({3, 2}));
                 }),
                 {"rotary_embedding", "at most 2", "4", "position_test.cpp"}));
  CHECK_THROWS_AS(rotary(xg::ones({3, 4}), -1), xg::ValueError);
}

TEST_CASE("rotary results do not depend on the number of threads") {
  const Tensor x = xg::randn({8, 300, 66});
  const int threads = xg::get_num_threads();
  xg::set_num_threads(1);
  const Tensor one = xg::rotary_embedding(x, {.dim = 62});
  xg::set_num_threads(threads);
  CHECK(xg::equal(xg::rotary_embedding(x, {.dim = 62}), one));
}
