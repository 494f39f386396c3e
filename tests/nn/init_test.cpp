#include <xgrad/nn/init.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/random.hpp>

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "reference/book.hpp"
#include "support/errors.hpp"

namespace xg = xgrad;
namespace init = xgrad::nn::init;
using reference::json;
using test::mentions;
using test::message_of;
using xg::Tensor;

namespace {

init::Nonlinearity nonlinearity(const std::string& name) {
  if (name == "sigmoid") return init::Nonlinearity::sigmoid;
  if (name == "tanh") return init::Nonlinearity::tanh;
  if (name == "relu") return init::Nonlinearity::relu;
  if (name == "leaky_relu") return init::Nonlinearity::leaky_relu;
  if (name == "selu") return init::Nonlinearity::selu;
  return init::Nonlinearity::linear;
}

void run(const std::string& name, const Tensor& t, const json& attrs) {
  const init::KaimingOptions kaiming{
      .a = attrs.value("a", 0.0),
      .mode = attrs.value("mode", "fan_in") == "fan_in" ? init::FanMode::fan_in : init::FanMode::fan_out,
      .nonlinearity = nonlinearity(attrs.value("nonlinearity", "leaky_relu"))};
  if (name == "xavier_uniform_") init::xavier_uniform_(t, attrs.value("gain", 1.0));
  if (name == "xavier_normal_") init::xavier_normal_(t, attrs.value("gain", 1.0));
  if (name == "kaiming_uniform_") init::kaiming_uniform_(t, kaiming);
  if (name == "kaiming_normal_") init::kaiming_normal_(t, kaiming);
  if (name == "trunc_normal_")
    init::trunc_normal_(t, {.mean = attrs.value("mean", 0.0),
                            .std = attrs.value("std", 1.0),
                            .a = attrs.value("a", -2.0),
                            .b = attrs.value("b", 2.0)});
}

}  // namespace

TEST_CASE("moments and bounds are those of PyTorch's initialisers") {
  xg::manual_seed(0);
  int count = 0;
  for (const json& entry : reference::own_book().cases()) {
    if (entry.at("kind") != "init_stats") continue;
    const std::string name = entry.at("init");
    const json &expected = entry.at("expected"), &attrs = entry.at("attrs");
    if (name == "calculate_gain") {
      const double a = attrs.at("param").is_null() ? 0.01 : attrs.at("param").get<double>();
      CHECK(init::calculate_gain(nonlinearity(attrs.at("nonlinearity")), a) ==
            doctest::Approx(expected.at("gain").get<double>()));
      ++count;
      continue;
    }
    if (name == "orthogonal_") continue;
    INFO(entry.at("id").get<std::string>());
    ++count;
    std::vector<double> values;
    const xg::Shape shape(entry.at("shape").get<std::vector<std::int64_t>>());
    const Tensor t = xg::zeros(shape, {.dtype = xg::float64, .requires_grad = true});
    while (values.size() < 40000) {
      run(name, t, attrs);
      const auto drawn = t.to_vector<double>();
      values.insert(values.end(), drawn.begin(), drawn.end());
    }
    CHECK(t.is_leaf());
    double mean = 0, variance = 0, kurtosis = 0;
    const double n = static_cast<double>(values.size()), std = expected.at("std");
    for (double v : values) mean += v / n;
    for (double v : values) variance += (v - mean) * (v - mean) / n;
    for (double v : values) kurtosis += std::pow(v - mean, 4) / n / (variance * variance);
    CHECK(std::abs(mean - expected.at("mean").get<double>()) < 4 * std / std::sqrt(n));
    CHECK(std::sqrt(variance) == doctest::Approx(std).epsilon(0.02));
    if (expected.at("distribution") == "normal") CHECK(kurtosis == doctest::Approx(3).epsilon(0.05));
    if (expected.contains("low")) {
      const double low = expected.at("low"), high = expected.at("high");
      const auto [least, most] = std::minmax_element(values.begin(), values.end());
      CHECK(*least >= low);
      CHECK(*most <= high);
      CHECK(*least < low + 0.01 * (high - low));
      CHECK(*most > high - 0.01 * (high - low));
    }
  }
  CHECK(count >= 15);
}

TEST_CASE("constants, identities and kernels that pass on") {
  const Tensor t = xg::zeros({2, 3});
  CHECK(init::constant_(t, 2.5).is_same(t));
  CHECK(t.to_vector<float>() == std::vector<float>(6, 2.5f));
  CHECK(init::ones_(t).to_vector<float>() == std::vector<float>(6, 1));
  CHECK(init::eye_(t).to_vector<float>() == std::vector<float>{1, 0, 0, 0, 1, 0});
  CHECK(init::zeros_(t).to_vector<float>() == std::vector<float>(6, 0));
  // dirac_ of PyTorch 1.13: torch.nn.init.dirac_(torch.empty(4, 2, 3), groups=2).nonzero() is
  // [[0, 0, 1], [1, 1, 1], [2, 0, 1], [3, 1, 1]]
  const Tensor kernel = init::dirac_(xg::ones({4, 2, 3}), 2);
  std::vector<float> expected(24, 0);
  for (std::size_t place : {0 * 6 + 0 * 3 + 1, 1 * 6 + 1 * 3 + 1, 2 * 6 + 0 * 3 + 1, 3 * 6 + 1 * 3 + 1})
    expected[place] = 1;
  CHECK(kernel.to_vector<float>() == expected);
}

TEST_CASE("misuse is named") {
  CHECK(mentions(message_of<xg::ShapeError>([] { init::xavier_uniform_(xg::zeros({3})); }),
                 {"xavier_uniform_", "[3]", "init_test.cpp"}));
  CHECK(mentions(message_of<xg::DtypeError>([] { init::normal_(xg::tensor({1, 2})); }), {"normal_", "int64"}));
  CHECK(mentions(message_of<xg::ShapeError>([] { init::eye_(xg::zeros({3})); }), {"eye_"}));
  CHECK(mentions(message_of<xg::ShapeError>([] { init::dirac_(xg::zeros({3, 2})); }), {"dirac_"}));
  CHECK(mentions(message_of<xg::ValueError>([] { init::trunc_normal_(xg::zeros({3}), {.a = 2, .b = 1}); }),
                 {"trunc_normal_"}));
}
