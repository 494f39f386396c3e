#include "reference/book.hpp"

#include <xgrad/ops/creation.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace reference {
namespace {

template <class T>
Tensor read(const char* bytes, const json& entry) {
  const xgrad::Shape shape(entry.at("shape").get<std::vector<std::int64_t>>());
  const std::size_t first = entry.at("data_offsets").at(0), last = entry.at("data_offsets").at(1);
  std::vector<T> values((last - first) / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), bytes + first, last - first);
  return xgrad::tensor(std::span<const T>(values), shape);
}

}  // namespace

std::filesystem::path own_folder() { return XGRAD_TEST_DIR "/reference"; }

std::filesystem::path folder() {
  const char* named = std::getenv("XGRAD_REFERENCE_DIR");
  return named != nullptr && *named != '\0' ? std::filesystem::path(named) : own_folder();
}

xgrad::StateDict part(const xgrad::StateDict& all, const std::string& prefix) {
  xgrad::StateDict result;
  for (const auto& [name, tensor] : all)
    if (name.starts_with(prefix)) result.insert(name.substr(prefix.size()), tensor);
  return result;
}

Book::Book(const std::filesystem::path& folder) {
  std::ifstream text(folder / "cases.json"), data(folder / "cases.safetensors", std::ios::binary);
  if (!text) throw std::runtime_error("cannot read " + (folder / "cases.json").string());
  cases_ = json::parse(text).at("cases");
  bytes_.assign(std::istreambuf_iterator<char>(data), {});
  std::uint64_t length = 0;
  if (bytes_.size() < sizeof length) throw std::runtime_error("cannot read " + (folder / "cases.safetensors").string());
  std::memcpy(&length, bytes_.data(), sizeof length);
  begin_ = sizeof length + length;
  header_ = json::parse(bytes_.begin() + sizeof length, bytes_.begin() + static_cast<std::ptrdiff_t>(begin_));
}

const json& Book::entry(const std::string& name) const {
  if (!header_.contains(name)) throw std::runtime_error("no tensor " + name);
  return header_.at(name);
}

Tensor Book::tensor(const std::string& name) const {
  const json& stored = entry(name);
  const std::string dtype = stored.at("dtype");
  const char* data = bytes_.data() + begin_;
  if (dtype == "F64") return read<double>(data, stored);
  if (dtype == "I64") return read<std::int64_t>(data, stored);
  if (dtype == "U8") return read<std::uint8_t>(data, stored).to(xgrad::bool_);
  throw std::runtime_error(name + ": unknown dtype " + dtype);
}

void Book::set(const std::string& name, std::size_t element, double value) {
  const json& stored = entry(name);
  if (stored.at("dtype") != "F64") throw std::runtime_error(name + " does not hold reals");
  const std::size_t first = stored.at("data_offsets").at(0), last = stored.at("data_offsets").at(1);
  if (first + (element + 1) * sizeof value > last) throw std::out_of_range(name);
  std::memcpy(bytes_.data() + begin_ + first + element * sizeof value, &value, sizeof value);
}

const Book& own_book() {
  static const Book book(own_folder());
  return book;
}

std::string difference(const Tensor& actual, const Tensor& expected, const Tolerance& tolerance) {
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
