// A tensor of a layer that is computed before each call from parameters that took its place.
#pragma once
#include <xgrad/nn/module.hpp>

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

namespace xgrad::detail {

class Parametrization {
 public:
  // The value by `sources`, recorded where that is asked for. `training`: whatever changes with each call does so
  // first.
  using Compute = std::function<Tensor(const TensorList& sources, bool training, Here here)>;

  // kind: the function that made it. `value` is the layer's tensor, no parameter any more. always: in training it
  // changes with each call.
  Parametrization(const char* kind, std::string name, Tensor value, nn::NamedTensors sources, bool always,
                  Compute compute);

  const char* kind() const noexcept { return kind_; }
  const std::string& name() const noexcept { return name_; }
  const Tensor& value() const noexcept { return value_; }
  // Whether a parameter or buffer of this name belongs to it.
  bool owns(const std::string& name) const;
  // The value as the next call in eval mode would compute it, unrecorded.
  Tensor present(Here here) const;
  // Before a call.
  void renew(bool training, Here here);

 private:
  std::vector<std::int64_t> versions() const;

  const char* kind_;
  std::string name_;
  Tensor value_;
  std::vector<std::string> names_;
  TensorList sources_;
  bool always_;
  Compute compute_;
  std::mutex mutex_;
  std::vector<std::int64_t> seen_;
};

// That of a tensor of a module; null where it is none.
const Parametrization* find_parametrization(const nn::Module& module, const std::string& name);
// Makes the present value the parameter again.
void remove_parametrization(nn::Module& module, const Parametrization& parametrization, Here here);

}  // namespace xgrad::detail
