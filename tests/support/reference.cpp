#include "support/reference.hpp"

#include <xgrad/ops/creation.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <vector>

namespace reference {
namespace {

const std::string directory = XGRAD_TEST_DIR "/reference/";

struct File {
  std::vector<char> bytes;
  Json header;
  std::size_t begin = 0;

  File() {
    std::ifstream stream(directory + "cases.safetensors", std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(stream), {});
    std::uint64_t length = 0;
    if (bytes.size() < sizeof length) throw std::runtime_error("tests/reference/cases.safetensors is missing");
    std::memcpy(&length, bytes.data(), sizeof length);
    begin = sizeof length + length;
    header = Json::parse(bytes.begin() + sizeof length, bytes.begin() + static_cast<std::ptrdiff_t>(begin));
  }
};

const File& file() {
  static const File loaded;
  return loaded;
}

template <class T>
std::vector<T> read(const Json& entry) {
  const std::size_t first = entry.at("data_offsets").at(0), last = entry.at("data_offsets").at(1);
  std::vector<T> data((last - first) / sizeof(T));
  if (!data.empty()) std::memcpy(data.data(), file().bytes.data() + file().begin + first, last - first);
  return data;
}

}  // namespace

const Json& cases() {
  static const Json loaded = [] {
    std::ifstream stream(directory + "cases.json");
    return Json::parse(stream).at("cases");
  }();
  return loaded;
}

xgrad::Tensor tensor(const std::string& name) {
  const Json& entry = file().header.at(name);
  const xgrad::Shape shape(entry.at("shape").get<std::vector<std::int64_t>>());
  const std::string dtype = entry.at("dtype");
  if (dtype == "F64") return xgrad::tensor(std::span<const double>(read<double>(entry)), shape);
  if (dtype == "I64") return xgrad::tensor(std::span<const std::int64_t>(read<std::int64_t>(entry)), shape);
  return xgrad::tensor(std::span<const std::uint8_t>(read<std::uint8_t>(entry)), shape).to(xgrad::bool_);
}

std::vector<double> values(const std::string& name) { return read<double>(file().header.at(name)); }

std::string difference(const xgrad::Tensor& actual, const xgrad::Tensor& expected, const Tolerance& tolerance) {
  if (!actual.defined()) return "undefined";
  if (!(actual.sizes() == expected.sizes()))
    return fmt::format("shape {} instead of {}", xgrad::to_string(actual.sizes()), xgrad::to_string(expected.sizes()));
  const std::vector<double> a = actual.to_vector<double>(), e = expected.to_vector<double>();
  double scale = 1;
  for (double v : e)
    if (std::isfinite(v)) scale = std::max(scale, std::abs(v));
  for (std::size_t i = 0; i < e.size(); ++i)
    if (a[i] != e[i] && !(std::isnan(a[i]) && std::isnan(e[i])) &&
        !(std::isfinite(e[i]) && std::abs(a[i] - e[i]) <= tolerance.atol * scale + tolerance.rtol * std::abs(e[i])))
      return fmt::format("element {} of {}: {:.17g} instead of {:.17g}", i, e.size(), a[i], e[i]);
  return {};
}

}  // namespace reference
