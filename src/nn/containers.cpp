#include <xgrad/nn/containers.hpp>

#include <algorithm>

#include "core/check.hpp"

namespace xgrad {

namespace detail {

std::size_t wrap_position(const char* container, std::int64_t position, std::size_t size, Here here) {
  const auto count = static_cast<std::int64_t>(size);
  check<IndexError>(position >= -count && position < count, here, "{}: position {} is out of range for {} elements",
                    container, position, size);
  return static_cast<std::size_t>(position < 0 ? position + count : position);
}
void raise_no_such_key(const char* container, std::string_view key, Here here) {
  raise<ValueError>(here, "{}: there is none named \"{}\"", container, key);
}
void check_new_key(const char* container, bool taken, std::string_view key, Here here) {
  check<ValueError>(!taken, here, "{}: the name \"{}\" is taken", container, key);
}

}  // namespace detail

namespace nn {

using namespace xgrad::detail;

ParameterList::ParameterList(const TensorList& parameters, Here here) {
  for (const Tensor& parameter : parameters) push_back(parameter, here);
}
ParameterList& ParameterList::push_back(const Tensor& parameter, Here here) {
  elements_.push_back(register_parameter(std::to_string(size()), parameter, true, here));
  return *this;
}
const Tensor& ParameterList::at(std::int64_t position, Here here) const {
  return elements_[wrap_position("ParameterList", position, size(), here)];
}

ParameterDict::ParameterDict(const NamedTensors& parameters, Here here) {
  for (const auto& [key, parameter] : parameters) insert(key, parameter, here);
}
ParameterDict& ParameterDict::insert(const std::string& key, const Tensor& parameter, Here here) {
  check_new_key("ParameterDict", contains(key), key, here);
  elements_.emplace_back(key, register_parameter(key, parameter, true, here));
  return *this;
}
bool ParameterDict::contains(std::string_view key) const noexcept {
  return std::any_of(begin(), end(), [&](const auto& entry) { return entry.first == key; });
}
const Tensor& ParameterDict::at(std::string_view key, Here here) const {
  const auto found = std::find_if(begin(), end(), [&](const auto& entry) { return entry.first == key; });
  if (found == end()) raise_no_such_key("ParameterDict", key, here);
  return found->second;
}

}  // namespace nn
}  // namespace xgrad
