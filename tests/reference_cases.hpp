// Values, gradients and second-order products computed by PyTorch (tests/reference/cases.json and .safetensors).
#pragma once
#include <xgrad/autograd.hpp>
#include <xgrad/ops/creation.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <fstream>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace reference {

using nlohmann::json;
using xgrad::Shape;
using xgrad::Tensor;
using xgrad::TensorList;

class Tensors {
 public:
  Tensors() {
    std::ifstream file(XGRAD_TEST_DIR "/reference/cases.safetensors", std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(file), {});
    if (bytes_.size() < 8) throw std::runtime_error("tests/reference/cases.safetensors cannot be read");
    std::uint64_t length = 0;
    for (int i = 7; i >= 0; --i) length = length << 8 | static_cast<unsigned char>(bytes_[static_cast<std::size_t>(i)]);
    header_ = json::parse(bytes_.begin() + 8, bytes_.begin() + 8 + static_cast<std::ptrdiff_t>(length));
    begin_ = 8 + length;
  }
  Tensor operator[](const std::string& name) const {
    const json& entry = header_.at(name);
    const Shape shape(entry.at("shape").get<std::vector<std::int64_t>>());
    const char* data = bytes_.data() + begin_ + entry.at("data_offsets")[0].get<std::size_t>();
    const std::string dtype = entry.at("dtype");
    if (dtype == "F64") return copy<double>(data, shape);
    if (dtype == "I64") return copy<std::int64_t>(data, shape);
    return copy<std::uint8_t>(data, shape).to(xgrad::bool_);
  }

 private:
  template <class T>
  static Tensor copy(const char* data, const Shape& shape) {
    std::vector<T> values(static_cast<std::size_t>(xgrad::numel(shape)));
    std::copy(data, data + values.size() * sizeof(T), reinterpret_cast<char*>(values.data()));
    return xgrad::tensor(std::span<const T>(values), shape);
  }
  std::vector<char> bytes_;
  json header_;
  std::size_t begin_ = 0;
};
inline const Tensors& tensors() {
  static const Tensors all;
  return all;
}
inline const json& cases() {
  static const json all = [] {
    std::ifstream file(XGRAD_TEST_DIR "/reference/cases.json");
    if (!file) throw std::runtime_error("tests/reference/cases.json cannot be read");
    return json::parse(file).at("cases");
  }();
  return all;
}

// A case's inputs under their names, after its views; undefined for a name that it has not.
class Inputs {
 public:
  const json& attrs;
  explicit Inputs(const json& attributes) : attrs(attributes) {}
  void add(const std::string& name, Tensor tensor) {
    names_.push_back(name);
    list_.push_back(std::move(tensor));
  }
  Tensor operator[](const std::string& name) const {
    for (std::size_t i = 0; i < names_.size(); ++i)
      if (names_[i] == name) return list_[i];
    return {};
  }
  const TensorList& list() const { return list_; }
  template <class T>
  T attr(const std::string& name, T otherwise) const {
    return attrs.contains(name) ? attrs.at(name).get<T>() : otherwise;
  }

 private:
  std::vector<std::string> names_;
  TensorList list_;
};

inline Tensor apply_view(const Tensor& x, const json& view) {
  const std::string kind = view.begin().key();
  const auto list = view.begin().value().get<std::vector<std::int64_t>>();
  if (kind == "permute") return x.permute(list);
  if (kind == "expand") return x.expand(list);
  if (kind == "select") return x.select(list.at(0), list.at(1));
  if (kind == "slice") return x.slice(list.at(0), list.at(1), list.at(2), list.at(3));
  throw std::runtime_error("reference: unknown view " + kind);
}

// |a - e| <= atol max(1, max|e|) + rtol |e|, with equal infinities.
inline void check_close(const Tensor& actual, const Tensor& expected, const std::string& what) {
  INFO(what);
  REQUIRE(actual.defined());
  REQUIRE(actual.sizes() == expected.sizes());
  const auto a = actual.detach().to(xgrad::float64).to_vector<double>();
  const auto e = expected.to(xgrad::float64).to_vector<double>();
  double scale = 1;
  for (double value : e)
    if (std::isfinite(value)) scale = std::max(scale, std::abs(value));
  bool close = true;
  for (std::size_t i = 0; i < e.size(); ++i)
    close = close && (a[i] == e[i] || std::abs(a[i] - e[i]) <= 1e-11 * scale + 1e-9 * std::abs(e[i]) ||
                      (std::isnan(a[i]) && std::isnan(e[i])));
  CHECK_MESSAGE(close, what);
}

using Call = std::function<TensorList(const Inputs&)>;

inline void run_case(const json& entry, const Call& call) {
  const std::string id = entry.at("id");
  Inputs inputs(entry.at("attrs"));
  TensorList leaves;
  std::vector<std::string> leaf_names;
  for (const json& input : entry.at("inputs")) {
    Tensor tensor = tensors()[input.at("tensor")];
    if (input.value("requires_grad", false)) {
      tensor.requires_grad_();
      leaves.push_back(tensor);
      leaf_names.push_back(input.at("name"));
    }
    if (input.contains("views"))
      for (const json& view : input.at("views")) tensor = apply_view(tensor, view);
    inputs.add(input.at("name"), tensor);
  }
  auto leaf = [&](const std::string& name) {
    for (std::size_t i = 0; i < leaf_names.size(); ++i)
      if (leaf_names[i] == name) return i;
    throw std::runtime_error("reference: no input " + name);
  };

  const TensorList results = call(inputs);
  TensorList outputs, cotangents;
  const json& wanted = entry.at("outputs");
  REQUIRE(results.size() == wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    check_close(results[i], tensors()[wanted[i].at("tensor")], id + ": output " + std::to_string(i));
    if (!wanted[i].contains("cotangent")) continue;
    outputs.push_back(results[i]);
    cotangents.push_back(tensors()[wanted[i].at("cotangent")].requires_grad_());
  }
  if (!entry.contains("grads") || leaves.empty()) return;

  const bool second = entry.contains("second_order");
  const TensorList grads =
      xgrad::grad(outputs, leaves,
                  {.grad_outputs = cotangents, .retain_graph = true, .create_graph = second, .allow_unused = true});
  for (const json& expected : entry.at("grads"))
    check_close(grads[leaf(expected.at("input"))], tensors()[expected.at("tensor")],
                id + ": gradient of " + expected.at("input").get<std::string>());
  if (!second) return;
  const TensorList plain =
      xgrad::grad(outputs, leaves, {.grad_outputs = cotangents, .retain_graph = true, .allow_unused = true});
  for (std::size_t i = 0; i < leaves.size(); ++i)
    if (grads[i].defined()) check_close(plain[i], grads[i].detach(), id + ": without create_graph");

  const json& order = entry.at("second_order");
  TensorList paths, directions, by = leaves;
  by.insert(by.end(), cotangents.begin(), cotangents.end());
  if (order.is_array()) {
    for (const json& part : order) {
      const Tensor& path = grads[leaf(part.at("input"))];
      if (!path.defined() || !path.requires_grad()) continue;
      paths.push_back(path);
      directions.push_back(tensors()[part.at("direction")]);
    }
    REQUIRE(!paths.empty());
    const TensorList products = xgrad::grad(paths, by, {.grad_outputs = directions, .allow_unused = true});
    auto or_zeros = [&](std::size_t i) { return products[i].defined() ? products[i] : xgrad::zeros_like(by[i]); };
    for (const json& part : order)
      check_close(or_zeros(leaf(part.at("input"))), tensors()[part.at("tensor")],
                  id + ": second order of " + part.at("input").get<std::string>());
    if (entry.contains("jvp"))
      for (const json& part : entry.at("jvp"))
        check_close(or_zeros(leaves.size() + part.at("output").get<std::size_t>()), tensors()[part.at("tensor")],
                    id + ": jvp");
    return;
  }
  for (const Tensor& grad : grads) {
    if (!grad.defined() || !grad.requires_grad()) continue;
    const TensorList products = xgrad::grad(
        {grad}, leaves, {.grad_outputs = {xgrad::ones_like(grad)}, .retain_graph = true, .allow_unused = true});
    for (std::size_t i = 0; i < leaves.size(); ++i)
      if (products[i].defined())
        check_close(products[i], xgrad::zeros_like(products[i]), id + ": second order is zero");
  }
}

// All cases of an operation; fails when there are none.
inline void run(const std::string& op, const Call& call) {
  int count = 0;
  for (const json& entry : cases()) {
    if (entry.at("kind") != "op" || entry.at("op") != op) continue;
    run_case(entry, call);
    ++count;
  }
  CHECK_MESSAGE(count > 0, "no reference cases of " << op);
}

}  // namespace reference
