#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/equality.hpp>

#include <array>
#include <cmath>
#include <doctest/doctest.h>
#include <limits>
#include <string>

#include "support/errors.hpp"

namespace xg = xgrad;
using test::mentions;
using test::message_of;
using xg::Shape;
using xg::Tensor;

// A type that no tensor has is refused where it is written, not when the program is linked.
template <class T>
constexpr bool can_be_read_as = requires(const Tensor& x) {
  x.item<T>();
  x.to_vector<T>();
  x.span<T>();
  x.data<T>();
};
static_assert(can_be_read_as<float> && can_be_read_as<std::int64_t> && can_be_read_as<bool>);
static_assert(!can_be_read_as<std::size_t> && !can_be_read_as<short> && !can_be_read_as<const float>);

TEST_CASE("tensor reads nested lists") {
  Tensor x = xg::tensor({{1.0, 2.0, 3.0}, {4.0, 5.0, 6.5}});
  CHECK(x.dtype() == xg::float32);
  CHECK(x.sizes() == Shape{2, 3});
  CHECK(x.to_vector<double>() == std::vector<double>{1, 2, 3, 4, 5, 6.5});

  Tensor scalar = xg::tensor(3.5);
  CHECK(scalar.dim() == 0);
  CHECK(scalar.item<double>() == 3.5);

  CHECK(xg::tensor({3, 12}).dtype() == xg::int64);
  CHECK(xg::tensor({3, 12}).to_vector<int>() == std::vector<int>{3, 12});
  CHECK(xg::tensor({true, false}).dtype() == xg::bool_);
  CHECK(xg::tensor({1, 2.5}).dtype() == xg::float32);
  CHECK(xg::tensor({true, 7}).dtype() == xg::int64);
  CHECK(xg::tensor({}).sizes() == Shape{0});
  CHECK(xg::tensor({}).dtype() == xg::float32);
  CHECK(xg::tensor({1.0}).sizes() == Shape{1});
  CHECK(xg::tensor({{1.0}}).sizes() == Shape{1, 1});
  CHECK(xg::tensor({{{1, 2}}, {{3, 4}}, {{5, 6}}}).sizes() == Shape{3, 1, 2});

  const std::int64_t large = (std::int64_t{1} << 62) + 1;
  CHECK(xg::tensor({large}).item<std::int64_t>() == large);

  Tensor options = xg::tensor({1, 2}, {.dtype = xg::float64, .requires_grad = true});
  CHECK(options.dtype() == xg::float64);
  CHECK(options.requires_grad());
  CHECK(options.is_leaf());
}

TEST_CASE("tensor follows the default dtype") {
  xg::set_default_dtype(xg::float64);
  CHECK(xg::tensor(0.1).dtype() == xg::float64);
  CHECK(xg::tensor(0.1).item<double>() == 0.1);
  CHECK(xg::zeros({1}).dtype() == xg::float64);
  xg::set_default_dtype(xg::float32);
  CHECK(xg::tensor(0.1).item<double>() == static_cast<double>(0.1f));
}

TEST_CASE("tensor refuses ragged lists and gradients of integers") {
  CHECK(mentions(message_of<xg::ShapeError>([] { xg::tensor({{1, 2}, {3}}); }), {"tensor: "}));
  CHECK(mentions(message_of<xg::ShapeError>([] { xg::tensor({{1, 2}, {3}}); }), {"creation_test.cpp"}));
  CHECK_THROWS_AS(xg::tensor({{1, 2}, 3}), xg::ShapeError);
  CHECK_THROWS_AS(xg::tensor({1, {2, 3}}), xg::ShapeError);
  CHECK_THROWS_AS(xg::tensor({{}, {1}}), xg::ShapeError);
  CHECK(mentions(message_of<xg::DtypeError>([] { xg::tensor({1, 2}, {.requires_grad = true}); }), {"int64"}));
}

TEST_CASE("tensor copies vectors and spans") {
  std::vector<double> values{1, 2, 3, 4, 5, 6};
  Tensor x = xg::tensor(values);
  CHECK(x.dtype() == xg::float64);
  values[0] = 9;
  CHECK(x.to_vector<double>() == std::vector<double>{1, 2, 3, 4, 5, 6});
  CHECK(xg::tensor(std::vector<float>{1}).dtype() == xg::float32);
  CHECK(xg::tensor(std::vector<std::int64_t>{1}).dtype() == xg::int64);
  CHECK(xg::tensor(std::vector<std::int32_t>{1}).dtype() == xg::int32);
  CHECK(xg::tensor(std::vector<std::uint8_t>{200}).dtype() == xg::uint8);
  CHECK(xg::tensor(std::vector<unsigned>{7}).dtype() == xg::int64);
  Tensor mask = xg::tensor(std::vector<bool>{true, false, true});
  CHECK(mask.dtype() == xg::bool_);
  CHECK(mask.to_vector<int>() == std::vector<int>{1, 0, 1});
  CHECK(xg::tensor(std::vector<float>{}).sizes() == Shape{0});
  CHECK(xg::tensor(std::vector<int>{1, 2}, {.dtype = xg::float32}).to_vector<double>() == std::vector<double>{1, 2});

  const std::array<float, 6> array{1, 2, 3, 4, 5, 6};
  Tensor y = xg::tensor(std::span(array), {2, 3});
  CHECK(y.sizes() == Shape{2, 3});
  CHECK(y.dtype() == xg::float32);
  CHECK(xg::tensor(std::span(array)).sizes() == Shape{6});
  const std::string message = message_of<xg::ShapeError>([&] { xg::tensor(std::span(array), {2, 2}); });
  CHECK(mentions(message, {"6"}));
  CHECK(mentions(message, {"[2, 2]"}));
}

TEST_CASE("constants") {
  CHECK(xg::full({2, 2}, 3).dtype() == xg::int64);
  CHECK(xg::full({2, 2}, 3.0).dtype() == xg::float32);
  CHECK(xg::full({2, 2}, true).dtype() == xg::bool_);
  CHECK(xg::full({2, 2}, 3.25, {.dtype = xg::float64}).to_vector<double>() == std::vector<double>(4, 3.25));
  CHECK(xg::full({}, 2.0).dim() == 0);
  CHECK(xg::zeros({3}).to_vector<float>() == std::vector<float>{0, 0, 0});
  CHECK(xg::ones({3}, {.dtype = xg::bool_}).to_vector<int>() == std::vector<int>{1, 1, 1});
  CHECK(xg::empty({4, 5}).sizes() == Shape{4, 5});
  CHECK(xg::zeros({0, 3}).numel() == 0);
  CHECK(xg::ones({3}, {.requires_grad = true}).requires_grad());

  const std::int64_t many = 100'003;
  const std::vector<float> values = xg::full({many}, 0.5).to_vector<float>();
  CHECK(std::count(values.begin(), values.end(), 0.5f) == many);

  Tensor like = xg::ones({2, 3}, {.dtype = xg::float64, .requires_grad = true});
  CHECK(xg::zeros_like(like).dtype() == xg::float64);
  CHECK(xg::zeros_like(like).sizes() == Shape{2, 3});
  CHECK(!xg::zeros_like(like).requires_grad());
  CHECK(xg::ones_like(like, {.dtype = xg::int64}).dtype() == xg::int64);
  CHECK(xg::full_like(like, 7).to_vector<double>() == std::vector<double>(6, 7));
  CHECK(xg::empty_like(like).sizes() == Shape{2, 3});

  const std::string message = message_of<xg::ShapeError>([] { xg::zeros({2, -3}); });
  CHECK(mentions(message, {"zeros: "}));
  CHECK(mentions(message, {"[2, -3]"}));
  CHECK(mentions(message, {"creation_test.cpp"}));
  CHECK_THROWS_AS(xg::empty({std::int64_t{1} << 40, std::int64_t{1} << 40}), xg::ShapeError);
  CHECK_THROWS_AS(xg::ones({1}, {.dtype = xg::int64, .requires_grad = true}), xg::DtypeError);
}

TEST_CASE("ranges") {
  CHECK(xg::arange(4).dtype() == xg::int64);
  CHECK(xg::arange(4).to_vector<int>() == std::vector<int>{0, 1, 2, 3});
  CHECK(xg::arange(2, 9, 3).to_vector<int>() == std::vector<int>{2, 5, 8});
  CHECK(xg::arange(5, 0, -2).to_vector<int>() == std::vector<int>{5, 3, 1});
  CHECK(xg::arange(3, 3).numel() == 0);
  CHECK(xg::arange(0, 1, 0.25).to_vector<float>() == std::vector<float>{0, 0.25, 0.5, 0.75});
  CHECK(xg::arange(1.0, 3.0).dtype() == xg::float32);
  CHECK(xg::arange(3, {.dtype = xg::float64}).to_vector<double>() == std::vector<double>{0, 1, 2});
  const std::int64_t large = std::int64_t{1} << 60;
  CHECK(xg::arange(large, large + 3).to_vector<std::int64_t>() ==
        std::vector<std::int64_t>{large, large + 1, large + 2});
  CHECK_THROWS_AS(xg::arange(0, 3, 0), xg::ValueError);
  CHECK_THROWS_AS(xg::arange(3, 0), xg::ValueError);
  CHECK_THROWS_AS(xg::arange(0, 3, -1), xg::ValueError);
  CHECK_THROWS_AS(xg::arange(0.0, std::numeric_limits<double>::infinity()), xg::ValueError);
  CHECK_THROWS_AS(xg::arange(std::nan("")), xg::ValueError);

  CHECK(xg::linspace(0, 1, 5, {.dtype = xg::float64}).to_vector<double>() ==
        std::vector<double>{0, 0.25, 0.5, 0.75, 1});
  CHECK(xg::linspace(-2, 10, 1).to_vector<double>() == std::vector<double>{-2});
  CHECK(xg::linspace(0, 1, 0).numel() == 0);
  const std::vector<double> spaced = xg::linspace(0.1, 0.7, 1000, {.dtype = xg::float64}).to_vector<double>();
  CHECK(spaced.front() == 0.1);
  CHECK(spaced.back() == 0.7);
  CHECK(spaced[333] == doctest::Approx(0.1 + 0.6 * 333 / 999).epsilon(1e-14));
  CHECK_THROWS_AS(xg::linspace(0, 1, -1), xg::ShapeError);
  const std::vector<double> powers = xg::logspace(-1, 2, 4, 10, {.dtype = xg::float64}).to_vector<double>();
  CHECK(powers[0] == doctest::Approx(0.1));
  CHECK(powers[3] == doctest::Approx(100));
  CHECK(xg::logspace(0, 3, 4, 2).to_vector<double>() == std::vector<double>{1, 2, 4, 8});

  CHECK(xg::eye(2).to_vector<float>() == std::vector<float>{1, 0, 0, 1});
  CHECK(xg::eye(2, 3, {.dtype = xg::int64}).to_vector<int>() == std::vector<int>{1, 0, 0, 0, 1, 0});
  CHECK(xg::eye(3, 1).to_vector<float>() == std::vector<float>{1, 0, 0});
  CHECK_THROWS_AS(xg::eye(-1), xg::ShapeError);
}

TEST_CASE("from_blob shares memory and calls its deleter") {
  std::vector<double> memory{0, 1, 2, 3, 4, 5};
  Tensor x = xg::from_blob(memory.data(), {2, 3});
  CHECK(x.dtype() == xg::float64);
  CHECK(x.data<double>() == memory.data());
  memory[4] = 40;
  CHECK(x.to_vector<double>() == std::vector<double>{0, 1, 2, 3, 40, 5});

  Tensor transposed = xg::from_blob(memory.data(), {3, 2}, {1, 3});
  CHECK(transposed.to_vector<double>() == std::vector<double>{0, 3, 1, 40, 2, 5});
  Tensor reversed = xg::from_blob(memory.data() + 5, {6}, {-1});
  CHECK(reversed.to_vector<double>() == std::vector<double>{5, 40, 3, 2, 1, 0});
  CHECK(reversed.data<double>() == memory.data() + 5);
  CHECK(xg::from_blob(memory.data(), {3}, {0}).to_vector<double>() == std::vector<double>{0, 0, 0});
  CHECK(xg::from_blob(memory.data(), {2}, {.requires_grad = true}).requires_grad());

  void* untyped = memory.data();
  CHECK(xg::from_blob(untyped, {2}, {.dtype = xg::float64}).to_vector<double>() == std::vector<double>{0, 1});

  int calls = 0;
  void* seen = nullptr;
  {
    Tensor copy;
    {
      Tensor owned = xg::from_blob(memory.data() + 5, {2}, {-2}, {}, [&](void* data) {
        ++calls;
        seen = data;
      });
      copy = owned.detach();
    }
    CHECK(calls == 0);
  }
  CHECK(calls == 1);
  CHECK(seen == memory.data() + 5);

  CHECK_THROWS_AS(xg::from_blob(memory.data(), {2, 3}, {1}), xg::ShapeError);
  CHECK_THROWS_AS(xg::from_blob(memory.data(), {-2}), xg::ShapeError);
  CHECK_THROWS_AS(xg::from_blob(memory.data(), {2}, {.dtype = xg::float32}), xg::DtypeError);
  CHECK_THROWS_AS(xg::from_blob(static_cast<double*>(nullptr), {2}), xg::ValueError);
  CHECK(xg::from_blob(static_cast<double*>(nullptr), {0, 2}).numel() == 0);
}

TEST_CASE("equal and allclose") {
  const double nan = std::nan(""), inf = std::numeric_limits<double>::infinity();
  Tensor x = xg::tensor({{1.0, 2.0}, {3.0, 4.0}});
  CHECK(xg::equal(x, xg::tensor({{1.0, 2.0}, {3.0, 4.0}})));
  CHECK(!xg::equal(x, xg::tensor({{1.0, 2.0}, {3.0, 5.0}})));
  CHECK(!xg::equal(x, xg::tensor({1.0, 2.0, 3.0, 4.0})));
  CHECK(!xg::equal(xg::tensor({nan}), xg::tensor({nan})));
  CHECK(xg::equal(xg::tensor({inf}), xg::tensor({inf})));
  CHECK(xg::equal(xg::zeros({0, 3}), xg::zeros({0, 3})));
  CHECK_THROWS_AS(xg::equal(x, x.to(xg::float64)), xg::DtypeError);

  CHECK(xg::allclose(xg::tensor({1.0}), xg::tensor({1.000009})));
  CHECK(!xg::allclose(xg::tensor({1.0}), xg::tensor({1.00002})));
  CHECK(xg::allclose(xg::tensor({1.0}), xg::tensor({1.4}), {.rtol = 0, .atol = 0.5}));
  CHECK(!xg::allclose(xg::tensor({nan}), xg::tensor({nan})));
  CHECK(xg::allclose(xg::tensor({nan}), xg::tensor({nan}), {.equal_nan = true}));
  CHECK(xg::allclose(xg::tensor({inf}), xg::tensor({inf})));
  CHECK(!xg::allclose(xg::tensor({inf}), xg::tensor({-inf})));
  CHECK(!xg::allclose(xg::tensor({1.0}), xg::tensor({inf})));
  CHECK(xg::allclose(xg::ones({2, 3}), xg::ones({3})));
  CHECK_THROWS_AS(xg::allclose(xg::ones({2, 3}), xg::ones({2})), xg::ShapeError);
  CHECK_THROWS_AS(xg::allclose(x, x, {.rtol = -1}), xg::ValueError);
  CHECK(xg::isclose(xg::tensor({1.0, 2.0}), xg::tensor({1.0, 3.0})).to_vector<int>() == std::vector<int>{1, 0});
  CHECK(xg::isclose(xg::tensor({1, 2}), xg::tensor({{1}, {2}})).sizes() == Shape{2, 2});
}
