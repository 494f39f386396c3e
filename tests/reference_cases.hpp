// Values, gradients and second-order products computed by PyTorch (tests/reference; README.md there has the format).
#pragma once
#include <xgrad/tensor.hpp>

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace reference {

using nlohmann::json;
using xgrad::Tensor;
using xgrad::TensorList;

// All cases.
const json& cases();
// A stored tensor: reals as float64, integers as int64, truths as bool.
Tensor tensor(const std::string& name);

// |actual - expected| <= atol max(1, max |expected|) + rtol |expected|, infinities equal.
struct Tolerance {
  double rtol = 1e-9, atol = 1e-11;
};
// What is wrong with the actual numbers, shape included; empty where nothing is.
std::string difference(const Tensor& actual, const Tensor& expected, const Tolerance& tolerance = {});

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

using Call = std::function<TensorList(const Inputs&)>;

// Checks all cases of an operation: outputs, gradients with and without create_graph, second-order products, and the
// same in float32, less exactly. Fails when there are none.
void run(const std::string& op, const Call& call);

}  // namespace reference
