#include <xgrad/nn/sequential.hpp>

#include "core/check.hpp"

namespace xgrad::nn {

using namespace xgrad::detail;

namespace {
// Holds a function's place among the children, so that numbers and the printed model count it.
class Function : public Module {};
}  // namespace

Sequential::Sequential() = default;

void Sequential::check_free(const std::string& name) const {
  for (const auto& [key, child] : named_children())
    check<ValueError>(key != name, Here{nullptr, 0}, "Sequential: the name \"{}\" is taken", name);
}

void Sequential::add(std::unique_ptr<Step> step) { steps_.push_back(std::move(step)); }

void Sequential::add_function(const std::string& name, std::unique_ptr<Step> step) {
  check_free(name);
  register_module(name, Function());
  add(std::move(step));
}

Tensor Sequential::forward(const Arg& x) const { return forward_range(0, size(), x); }

Tensor Sequential::forward_range(std::size_t begin, std::size_t end, const Arg& x) const {
  check_alive(x.here());
  check<IndexError>(begin <= end && end <= size(), x.here(), "Sequential: expected a range of {} layers, got {} to {}",
                    size(), begin, end);
  Tensor result = x.tensor();
  for (std::size_t i = begin; i < end; ++i) result = steps_[i]->call(result, x.here());
  return result;
}

void* Sequential::get(std::size_t position, const std::type_info& type) const {
  check<IndexError>(position < size(), Here{nullptr, 0}, "Sequential: position {} is out of range for {} layers",
                    position, size());
  void* layer = steps_[position]->get(type);
  check<ValueError>(layer != nullptr, Here{nullptr, 0},
                    "Sequential: the layer at position {} has another type, it is {}", position,
                    named_children()[position].second.type_name());
  return layer;
}

}  // namespace xgrad::nn
