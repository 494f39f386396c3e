#include "reference/initials.hpp"

#include <xgrad/xgrad.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace reference {
namespace {

namespace init = xgrad::nn::init;

[[noreturn]] void fail(const std::string& what) { throw std::runtime_error(what); }
void expect_near(const std::string& what, double actual, double expected, double tolerance) {
  if (!(std::abs(actual - expected) <= tolerance))
    fail(what + " is " + std::to_string(actual) + ", expected " + std::to_string(expected));
}

// Convolutions gain as linear layers do.
init::Nonlinearity nonlinearity(const std::string& name) {
  using enum init::Nonlinearity;
  static const std::map<std::string, init::Nonlinearity> known{
      {"linear", linear}, {"conv1d", linear},         {"conv2d", linear}, {"conv3d", linear}, {"sigmoid", sigmoid},
      {"tanh", tanh},     {"leaky_relu", leaky_relu}, {"relu", relu},     {"selu", selu}};
  const auto found = known.find(name);
  if (found == known.end()) fail("unknown nonlinearity " + name);
  return found->second;
}

void check_known(const json& values, const std::set<std::string>& known, const char* what) {
  for (const auto& [key, value] : values.items())
    if (!known.contains(key)) fail(std::string("unknown ") + what + ' ' + key);
}

void draw(const std::string& name, const Tensor& t, const json& attrs) {
  if (name == "xavier_uniform_" || name == "xavier_normal_") {
    check_known(attrs, {"gain"}, "attribute");
    const double gain = attrs.value("gain", 1.0);
    name == "xavier_uniform_" ? init::xavier_uniform_(t, gain) : init::xavier_normal_(t, gain);
  } else if (name == "kaiming_uniform_" || name == "kaiming_normal_") {
    check_known(attrs, {"a", "mode", "nonlinearity"}, "attribute");
    const init::KaimingOptions options{
        .a = attrs.value("a", 0.0),
        .mode = attrs.value("mode", "fan_in") == "fan_in" ? init::FanMode::fan_in : init::FanMode::fan_out,
        .nonlinearity = nonlinearity(attrs.value("nonlinearity", "leaky_relu"))};
    name == "kaiming_uniform_" ? init::kaiming_uniform_(t, options) : init::kaiming_normal_(t, options);
  } else if (name == "trunc_normal_") {
    check_known(attrs, {"mean", "std", "a", "b"}, "attribute");
    init::trunc_normal_(t, {.mean = attrs.value("mean", 0.0),
                            .std = attrs.value("std", 1.0),
                            .a = attrs.value("a", -2.0),
                            .b = attrs.value("b", 2.0)});
  } else if (name == "orthogonal_") {
    check_known(attrs, {"gain"}, "attribute");
    init::orthogonal_(t, attrs.value("gain", 1.0));
  } else {
    fail("unknown initialiser " + name);
  }
}

void check_gain(const json& entry) {
  const json& attrs = entry.at("attrs");
  check_known(attrs, {"nonlinearity", "param"}, "attribute");
  const double a = attrs.at("param").is_null() ? 0.01 : attrs.at("param").get<double>();
  const double gain = entry.at("expected").at("gain");
  expect_near("gain", init::calculate_gain(nonlinearity(attrs.at("nonlinearity")), a), gain, 1e-12 * gain);
}

// The rows, or the columns where there are fewer, are orthonormal but for the gain.
void check_orthogonal(const json& entry, const Tensor& t) {
  const json& expected = entry.at("expected");
  check_known(expected, {"rows", "columns", "gain", "orthonormal", "property"}, "property");
  const std::int64_t rows = expected.at("rows"), columns = expected.at("columns");
  if (t.size(0) != rows || t.numel() != rows * columns) fail("the matrix is not as large as expected");
  const double gain = expected.at("gain");
  const std::string which = rows > columns ? "columns" : "rows";
  if (rows != columns && expected.at("orthonormal") != which) fail("other vectors are orthonormal than expected");
  const Tensor m = t.detach().reshape({rows, columns});
  const Tensor product = which == "rows" ? m.matmul(m.transpose(0, 1)) : m.transpose(0, 1).matmul(m);
  const std::string wrong =
      difference(product, xgrad::eye(product.size(0), {.dtype = t.dtype()}) * (gain * gain), {1e-12, 1e-12});
  if (!wrong.empty()) fail(wrong);
}

void check_moments(const json& expected, const std::vector<double>& values) {
  check_known(expected, {"fan_in", "fan_out", "gain", "mean", "std", "distribution", "low", "high"}, "property");
  double mean = 0, variance = 0, kurtosis = 0;
  const double n = static_cast<double>(values.size()), std = expected.at("std");
  for (const double v : values) mean += v / n;
  for (const double v : values) variance += (v - mean) * (v - mean) / n;
  for (const double v : values) kurtosis += std::pow(v - mean, 4) / n / (variance * variance);
  expect_near("mean", mean, expected.at("mean"), 4 * std / std::sqrt(n));
  expect_near("std", std::sqrt(variance), std, 0.02 * std);
  if (expected.at("distribution") == "normal") expect_near("kurtosis", kurtosis, 3, 0.15);
  if (!expected.contains("low")) return;
  const double low = expected.at("low"), high = expected.at("high"), margin = 0.01 * (high - low);
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  if (*least < low || *most > high) fail("numbers outside of the bounds");
  if (*least > low + margin || *most < high - margin) fail("numbers that stay away from the bounds");
}

}  // namespace

void check_initialiser(const json& entry) {
  const std::string name = entry.at("init");
  if (name == "calculate_gain") return check_gain(entry);
  xgrad::manual_seed(0);
  const xgrad::Shape shape(entry.at("shape").get<std::vector<std::int64_t>>());
  const Tensor t = xgrad::zeros(shape, {.dtype = xgrad::float64, .requires_grad = true});
  draw(name, t, entry.at("attrs"));
  if (!t.is_leaf()) fail("the drawing was recorded");
  if (name == "orthogonal_") return check_orthogonal(entry, t);
  std::vector<double> values;
  while (values.size() < 40000) {
    draw(name, t, entry.at("attrs"));
    const auto drawn = t.to_vector<double>();
    values.insert(values.end(), drawn.begin(), drawn.end());
  }
  check_moments(entry.at("expected"), values);
}

}  // namespace reference
