// Parameters and buffers whose shape is known later.
#include <xgrad/ops/creation.hpp>

#include <algorithm>
#include <utility>

#include "core/check.hpp"
#include "core/replace.hpp"
#include "nn/module_state.hpp"

namespace xgrad {
namespace detail {
namespace {

const ModuleState::Uninitialized* find(const ModuleState& state, const Tensor& tensor) {
  const auto found = std::find_if(state.uninitialized.begin(), state.uninitialized.end(),
                                  [&](const auto& one) { return one.tensor.is_same(tensor); });
  return found == state.uninitialized.end() ? nullptr : &*found;
}

Tensor remember(ModuleState& state, const Tensor& tensor, const Shape& sizes) {
  state.uninitialized.push_back({tensor, sizes});
  return tensor;
}

}  // namespace

bool is_uninitialized(const ModuleState& state, const Tensor& tensor) { return find(state, tensor) != nullptr; }

const Shape& known_sizes(const ModuleState& state, const Tensor& tensor) { return find(state, tensor)->sizes; }

void materialize(ModuleState& state, const Tensor& tensor, const Shape& shape) {
  reshape_in_place(tensor, shape);
  std::erase_if(state.uninitialized, [&](const auto& one) { return one.tensor.is_same(tensor); });
  if (!state.uninitialized.empty() || !state.describe) return;
  state.description = std::exchange(state.describe, nullptr)();
  state.type = state.materialized_type;
}

}  // namespace detail

namespace nn {

Tensor Module::register_uninitialized_parameter(const std::string& name, Here here) {
  return register_uninitialized_parameter(name, Shape{}, here);
}
Tensor Module::register_uninitialized_parameter(const std::string& name, const Shape& sizes, Here here) {
  return detail::remember(state(), register_parameter(name, zeros({0}, {}, here), true, here), sizes);
}
Tensor Module::register_uninitialized_buffer(const std::string& name, Here here) {
  return register_uninitialized_buffer(name, Shape{}, here);
}
Tensor Module::register_uninitialized_buffer(const std::string& name, const Shape& sizes, Here here) {
  return detail::remember(state(), register_buffer(name, zeros({0}, {}, here), true, here), sizes);
}
bool Module::is_uninitialized(const Tensor& tensor) const { return detail::is_uninitialized(state(), tensor); }
void Module::materialize(const Tensor& tensor, const Shape& shape) const {
  detail::materialize(state(), tensor, shape);
}
void Module::when_materialized(std::string type, std::function<std::string()> describe) {
  state().materialized_type = std::move(type);
  state().describe = std::move(describe);
}

}  // namespace nn
}  // namespace xgrad
