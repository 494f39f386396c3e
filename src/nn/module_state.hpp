// What a Module's handles share.
#pragma once
#include <xgrad/nn/module.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "nn/parametrization.hpp"

namespace xgrad::detail {

struct ModuleState {
  struct Buffer {
    std::string name;
    Tensor tensor;
    bool persistent;
  };
  template <class F>
  using Hooks = std::vector<std::pair<std::int64_t, F>>;

  std::string type, description;
  bool training = true;
  nn::NamedTensors parameters;
  std::vector<Buffer> buffers;
  std::vector<std::pair<std::string, std::shared_ptr<ModuleState>>> children;

  // Where it was registered first, for messages.
  std::weak_ptr<const ModuleState> parent;
  std::string name;

  // Parameters and buffers that have no shape yet, and the sizes that are known (-1: not; none: nor is their number).
  struct Uninitialized {
    Tensor tensor;
    Shape sizes;
  };
  std::vector<Uninitialized> uninitialized;
  // What changes when the last of them gets its shape.
  std::string materialized_type;
  std::function<std::string()> describe;

  Hooks<nn::ForwardPreHook> pre_hooks;
  Hooks<nn::ForwardHook> hooks;
  Hooks<nn::BackwardHook> backward_hooks;
  std::int64_t hook_count = 0;
  // Called in place of forward, where there is one.
  std::function<TensorList(const TensorList&)> replacement;

  // A parameter with a mask, and the hooks that keep it.
  struct Pruned {
    std::string name;
    std::int64_t gradient_hook, forward_hook;
  };
  std::vector<Pruned> pruned;
  // Tensors that are computed before each call.
  std::vector<std::shared_ptr<Parametrization>> parametrizations;
};

// For what works on modules from outside.
struct ModuleAccess {
  static const std::shared_ptr<ModuleState>& pointer(const nn::Module& module) { return module.state_; }
  static ModuleState& state(const nn::Module& module) { return module.state(); }
  static void check_alive(const nn::Module& module, Here here) { module.check_alive(here); }
  static nn::Module handle(std::shared_ptr<ModuleState> state) { return nn::Module(std::move(state)); }
};

// Gives a tensor of this module that has no shape yet one, with elements that are not set.
void materialize(ModuleState& state, const Tensor& tensor, const Shape& shape);
bool is_uninitialized(const ModuleState& state, const Tensor& tensor);
// What is known of its sizes.
const Shape& known_sizes(const ModuleState& state, const Tensor& tensor);
// Throws what load_state_dict(state) would, and changes nothing.
void check_load(const nn::Module& module, const StateDict& state, Here here);

}  // namespace xgrad::detail
