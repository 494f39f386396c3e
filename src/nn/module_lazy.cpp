// Parameters and buffers whose shape is known later.
#include <xgrad/ops/creation.hpp>

#include <algorithm>

#include "core/check.hpp"
#include "core/replace.hpp"
#include "nn/module_state.hpp"

namespace xgrad {
namespace detail {

bool is_uninitialized(const ModuleState& state, const Tensor& tensor) {
  return std::any_of(state.uninitialized.begin(), state.uninitialized.end(),
                     [&](const Tensor& one) { return one.is_same(tensor); });
}
void materialize(ModuleState& state, const Tensor& tensor, const Shape& shape) {
  reshape_in_place(tensor, shape);
  std::erase_if(state.uninitialized, [&](const Tensor& one) { return one.is_same(tensor); });
}

}  // namespace detail

namespace nn {

Tensor Module::register_uninitialized_parameter(const std::string& name, Here here) {
  Tensor tensor = register_parameter(name, zeros({0}, {}, here), true, here);
  state().uninitialized.push_back(tensor);
  return tensor;
}
Tensor Module::register_uninitialized_buffer(const std::string& name, Here here) {
  Tensor tensor = register_buffer(name, zeros({0}, {}, here), true, here);
  state().uninitialized.push_back(tensor);
  return tensor;
}
bool Module::is_uninitialized(const Tensor& tensor) const { return detail::is_uninitialized(state(), tensor); }
void Module::materialize(const Tensor& tensor, const Shape& shape) const {
  detail::materialize(state(), tensor, shape);
}

}  // namespace nn
}  // namespace xgrad
