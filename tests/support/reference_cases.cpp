#include "reference_cases.hpp"

#include <xgrad/autograd.hpp>
#include <xgrad/ops/creation.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace reference {
namespace {

const std::string directory = XGRAD_TEST_DIR "/reference/";

struct Stored {
  std::vector<char> bytes;
  json header;
  std::size_t begin = 0;

  Stored() {
    std::ifstream stream(directory + "cases.safetensors", std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(stream), {});
    std::uint64_t length = 0;
    if (bytes.size() < sizeof length) throw std::runtime_error("tests/reference/cases.safetensors cannot be read");
    std::memcpy(&length, bytes.data(), sizeof length);
    begin = sizeof length + length;
    header = json::parse(bytes.begin() + sizeof length, bytes.begin() + static_cast<std::ptrdiff_t>(begin));
  }

  template <class T>
  Tensor read(const json& entry) const {
    const xgrad::Shape shape(entry.at("shape").get<std::vector<std::int64_t>>());
    const std::size_t first = entry.at("data_offsets").at(0), last = entry.at("data_offsets").at(1);
    std::vector<T> values((last - first) / sizeof(T));
    if (!values.empty()) std::memcpy(values.data(), bytes.data() + begin + first, last - first);
    return xgrad::tensor(std::span<const T>(values), shape);
  }
};

Tensor apply_view(const Tensor& x, const json& view) {
  const std::string kind = view.begin().key();
  const auto list = view.begin().value().get<std::vector<std::int64_t>>();
  if (kind == "permute") return x.permute(list);
  if (kind == "expand") return x.expand(list);
  if (kind == "select") return x.select(list.at(0), list.at(1));
  if (kind == "slice") return x.slice(list.at(0), list.at(1), list.at(2), list.at(3));
  throw std::runtime_error("reference: unknown view " + kind);
}

// One case in one dtype.
class Case {
 public:
  Case(const json& entry, const Call& call, xgrad::Dtype dtype)
      : entry_(entry), call_(call), dtype_(dtype), id_(entry.at("id").get<std::string>() + " " + xgrad::name(dtype)) {
    if (dtype == xgrad::float32) tolerance_ = {2e-4, 2e-5}, second_tolerance_ = {2e-3, 2e-4};
  }

  void run() {
    Inputs inputs(entry_.at("attrs"));
    for (const json& input : entry_.at("inputs")) {
      Tensor value = stored(input.at("tensor"));
      if (input.value("requires_grad", false)) {
        value.requires_grad_();
        leaves_.push_back(value);
        names_.push_back(input.at("name"));
      }
      if (input.contains("views"))
        for (const json& view : input.at("views")) value = apply_view(value, view);
      inputs.add(input.at("name"), value);
    }
    const TensorList results = call_(inputs);
    const json& wanted = entry_.at("outputs");
    INFO(id_);
    REQUIRE(results.size() == wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      expect(results[i], wanted[i].at("tensor"), tolerance_, fmt::format("output {}", i));
      if (!wanted[i].contains("cotangent")) continue;
      outputs_.push_back(results[i]);
      cotangents_.push_back(stored(wanted[i].at("cotangent")).requires_grad_());
    }
    if (entry_.contains("grads") && !leaves_.empty()) first_order();
  }

 private:
  Tensor stored(const json& name) const {
    const Tensor value = tensor(name);
    return value.is_floating_point() ? value.to(dtype_) : value;
  }
  void expect(const Tensor& actual, const json& name, const Tolerance& tolerance, const std::string& what) const {
    const std::string wrong = difference(actual, tensor(name), tolerance);
    CHECK_MESSAGE(wrong.empty(), id_, ": ", what, ": ", wrong);
  }
  std::size_t leaf(const std::string& name) const {
    for (std::size_t i = 0; i < names_.size(); ++i)
      if (names_[i] == name) return i;
    throw std::runtime_error("reference: no input " + name);
  }
  TensorList gradients(bool create_graph) const {
    return xgrad::grad(
        outputs_, leaves_,
        {.grad_outputs = cotangents_, .retain_graph = true, .create_graph = create_graph, .allow_unused = true});
  }

  void first_order() {
    const TensorList plain = gradients(false);
    for (const json& part : entry_.at("grads")) {
      const std::string name = part.at("input");
      expect(plain[leaf(name)], part.at("tensor"), tolerance_, "gradient of " + name);
    }
    if (!entry_.contains("second_order")) return;
    const TensorList recorded = gradients(true);
    for (const json& part : entry_.at("grads")) {
      const std::string name = part.at("input");
      expect(recorded[leaf(name)], part.at("tensor"), tolerance_, "recorded gradient of " + name);
    }
    const json& order = entry_.at("second_order");
    order.is_array() ? second_order(recorded, order) : second_order_vanishes(recorded);
  }

  void second_order(const TensorList& gradients, const json& order) {
    TensorList paths, directions, by = leaves_;
    by.insert(by.end(), cotangents_.begin(), cotangents_.end());
    for (const json& part : order) {
      const Tensor& path = gradients[leaf(part.at("input"))];
      if (!path.defined() || !path.requires_grad()) continue;
      paths.push_back(path);
      directions.push_back(stored(part.at("direction")));
    }
    REQUIRE(!paths.empty());
    TensorList products = xgrad::grad(paths, by, {.grad_outputs = directions, .allow_unused = true});
    for (std::size_t i = 0; i < by.size(); ++i)
      if (!products[i].defined()) products[i] = xgrad::zeros_like(by[i]);
    for (const json& part : order) {
      const std::string name = part.at("input");
      expect(products[leaf(name)], part.at("tensor"), second_tolerance_, "second order of " + name);
    }
    if (!entry_.contains("jvp")) return;
    for (const json& part : entry_.at("jvp"))
      expect(products[leaves_.size() + part.at("output").get<std::size_t>()], part.at("tensor"), second_tolerance_,
             "jvp");
  }

  void second_order_vanishes(const TensorList& gradients) const {
    for (const Tensor& gradient : gradients) {
      if (!gradient.defined() || !gradient.requires_grad()) continue;
      const TensorList products =
          xgrad::grad({gradient}, leaves_,
                      {.grad_outputs = {xgrad::ones_like(gradient)}, .retain_graph = true, .allow_unused = true});
      for (const Tensor& product : products)
        if (product.defined())
          for (double value : product.to_vector<double>()) CHECK_MESSAGE(value == 0, id_, ": second order");
    }
  }

  const json& entry_;
  const Call& call_;
  xgrad::Dtype dtype_;
  std::string id_;
  Tolerance tolerance_{}, second_tolerance_{};
  TensorList leaves_, outputs_, cotangents_;
  std::vector<std::string> names_;
};

bool tagged(const json& entry, const char* tag) {
  if (!entry.contains("tags")) return false;
  for (const json& word : entry.at("tags"))
    if (word == tag) return true;
  return false;
}

}  // namespace

const json& cases() {
  static const json all = [] {
    std::ifstream stream(directory + "cases.json");
    if (!stream) throw std::runtime_error("tests/reference/cases.json cannot be read");
    return json::parse(stream).at("cases");
  }();
  return all;
}

Tensor tensor(const std::string& name) {
  static const Stored all;
  const json& entry = all.header.at(name);
  const std::string dtype = entry.at("dtype");
  if (dtype == "F64") return all.read<double>(entry);
  if (dtype == "I64") return all.read<std::int64_t>(entry);
  return all.read<std::uint8_t>(entry).to(xgrad::bool_);
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

void run(const std::string& op, const Call& call) {
  int count = 0;
  for (const json& entry : cases()) {
    if (entry.at("kind") != "op" || entry.at("op") != op) continue;
    Case(entry, call, xgrad::float64).run();
    if (!tagged(entry, "float64_only")) Case(entry, call, xgrad::float32).run();
    ++count;
  }
  CHECK_MESSAGE(count > 0, "no reference cases of ", op);
}

}  // namespace reference
