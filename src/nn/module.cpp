#include <xgrad/nn/module.hpp>

#include <algorithm>
#include <cstdlib>
#include <cxxabi.h>
#include <ostream>
#include <unordered_set>
#include <utility>

#include "core/check.hpp"
#include "core/replace.hpp"
#include "core/tensor_impl.hpp"
#include "nn/module_state.hpp"

namespace xgrad {
namespace nn {

using namespace xgrad::detail;

namespace {

// "ModuleList" of "xgrad::nn::ModuleList<xgrad::nn::Linear>".
std::string short_type_name(const std::type_info& type) {
  int status = 0;
  std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(type.name(), nullptr, nullptr, &status),
                                                   &std::free);
  std::string name = status == 0 ? text.get() : type.name();
  if (name.back() == '>') {
    std::size_t at = name.size();
    int depth = 0;
    do {
      --at;
      depth += name[at] == '>' ? 1 : name[at] == '<' ? -1 : 0;
    } while (depth > 0 && at > 0);
    name.resize(at);
  }
  const std::size_t colon = name.rfind("::");
  return colon == std::string::npos ? name : name.substr(colon + 2);
}

// Calls f(prefix, state) for a module and all below it, parents first; `once` skips those already seen.
template <class F>
void walk(ModuleState& state, const std::string& prefix, std::unordered_set<const ModuleState*>* seen, const F& f) {
  if (seen && !seen->insert(&state).second) return;
  f(prefix, state);
  for (auto& [name, child] : state.children) walk(*child, prefix + name + '.', seen, f);
}
template <class F>
void walk_once(ModuleState& state, bool recurse, const F& f) {
  if (!recurse) return f(std::string(), state);
  std::unordered_set<const ModuleState*> seen;
  walk(state, "", &seen, f);
}

void describe(const std::string& type, const ModuleState& state, const std::string& indent, std::string& out) {
  out += type + '(';
  if (state.children.empty()) {
    out += state.description + ')';
    return;
  }
  out += '\n';
  if (!state.description.empty()) out += indent + "  " + state.description + '\n';
  for (const auto& [name, child] : state.children) {
    out += indent + "  (" + name + "): ";
    describe(child->type, *child, indent + "  ", out);
    out += '\n';
  }
  out += indent + ')';
}

enum class Kind { parameter, buffer, module };

// Refuses names that could not be told apart in a state dict.
void check_name(const char* op, const ModuleState& state, const std::string& name, Kind kind, Here here) {
  check<ValueError>(!name.empty(), here, "{}: a name must not be empty", op);
  check<ValueError>(name.find('.') == std::string::npos, here, "{}: a name must not have a dot, got \"{}\"", op, name);
  const auto named = [&](const auto& entry) { return entry.first == name; };
  const auto buffer_named = [&](const ModuleState::Buffer& buffer) { return buffer.name == name; };
  check<ValueError>(kind == Kind::parameter || std::none_of(state.parameters.begin(), state.parameters.end(), named),
                    here, "{}: \"{}\" is already the name of a parameter", op, name);
  check<ValueError>(kind == Kind::buffer || std::none_of(state.buffers.begin(), state.buffers.end(), buffer_named),
                    here, "{}: \"{}\" is already the name of a buffer", op, name);
  check<ValueError>(kind == Kind::module || std::none_of(state.children.begin(), state.children.end(), named), here,
                    "{}: \"{}\" is already the name of a module", op, name);
}

template <class List, class Value>
void put(List& list, const std::string& name, Value value) {
  for (auto& [key, old] : list)
    if (key == name) {
      old = std::move(value);
      return;
    }
  list.emplace_back(name, std::move(value));
}

TensorList values(const NamedTensors& named) {
  TensorList list;
  list.reserve(named.size());
  for (const auto& [name, tensor] : named) list.push_back(tensor);
  return list;
}

Tensor find_named(const char* op, const NamedTensors& all, std::string_view name) {
  for (const auto& [key, tensor] : all)
    if (key == name) return tensor;
  throw ValueError(fmt::format("{}: the module has none named \"{}\"", op, name));
}

}  // namespace

Module::Module() : state_(std::make_shared<ModuleState>()) {}

ModuleState& Module::state() const {
  if (!state_) throw Error(short_type_name(typeid(*this)) + ": the module was moved from, it has no state");
  return *state_;
}
void Module::check_alive(Here here) const {
  if (!state_) [[unlikely]]
    throw Error(short_type_name(typeid(*this)) + ": the module was moved from, it has no state" + at(here));
}

// ---- registering

void Module::add_module(const std::string& name, const Module& module, const std::type_info& type, Here here) {
  ModuleState& mine = state();
  check_name("register_module", mine, name, Kind::module, here);
  module.check_alive(here);
  check<ValueError>(module.state_ != state_, here, "register_module: a module cannot be its own child \"{}\"", name);
  if (module.state_->type.empty()) module.state_->type = short_type_name(type);
  for (const auto& [key, old] : mine.children)
    if (key == name && old != module.state_ && old->parent.lock() == state_) old->parent.reset();
  put(mine.children, name, module.state_);
  if (module.state_->parent.expired()) {
    module.state_->parent = state_;
    module.state_->name = name;
  }
}

Tensor Module::register_parameter(const std::string& name, Tensor tensor, bool requires_grad, Here here) {
  ModuleState& mine = state();
  check_name("register_parameter", mine, name, Kind::parameter, here);
  if (tensor.defined()) {
    check<DtypeError>(tensor.is_floating_point(), here,
                      "register_parameter: \"{}\" must be floating, got {}; register_buffer takes any dtype", name,
                      tensor.dtype());
    check<AutogradError>(tensor.is_leaf(), here,
                         "register_parameter: \"{}\" must be a leaf, got the result of {}; detach() it", name,
                         tensor.grad_fn());
    tensor.requires_grad_(requires_grad, here);
  }
  put(mine.parameters, name, tensor);
  return tensor;
}

Tensor Module::register_buffer(const std::string& name, Tensor tensor, bool persistent, Here here) {
  ModuleState& mine = state();
  check_name("register_buffer", mine, name, Kind::buffer, here);
  for (auto& buffer : mine.buffers)
    if (buffer.name == name) {
      buffer = {name, tensor, persistent};
      return tensor;
    }
  mine.buffers.push_back({name, tensor, persistent});
  return tensor;
}

void Module::set_description(std::string description) { state().description = std::move(description); }

// ---- looking

NamedTensors Module::named_parameters(bool recurse) const {
  NamedTensors found;
  std::unordered_set<const void*> seen;
  walk_once(state(), recurse, [&](const std::string& prefix, const ModuleState& module) {
    for (const auto& [name, tensor] : module.parameters)
      if (tensor.defined() && seen.insert(&impl(tensor)).second) found.emplace_back(prefix + name, tensor);
  });
  return found;
}
NamedTensors Module::named_buffers(bool recurse) const {
  NamedTensors found;
  std::unordered_set<const void*> seen;
  walk_once(state(), recurse, [&](const std::string& prefix, const ModuleState& module) {
    for (const auto& buffer : module.buffers)
      if (buffer.tensor.defined() && seen.insert(&impl(buffer.tensor)).second)
        found.emplace_back(prefix + buffer.name, buffer.tensor);
  });
  return found;
}
TensorList Module::parameters(bool recurse) const { return values(named_parameters(recurse)); }
TensorList Module::buffers(bool recurse) const { return values(named_buffers(recurse)); }
Tensor Module::get_parameter(std::string_view name) const {
  NamedTensors all;
  walk(state(), "", nullptr, [&](const std::string& prefix, const ModuleState& module) {
    for (const auto& [key, tensor] : module.parameters)
      if (tensor.defined()) all.emplace_back(prefix + key, tensor);
  });
  return find_named("get_parameter", all, name);
}
Tensor Module::get_buffer(std::string_view name) const { return find_named("get_buffer", named_buffers(), name); }

NamedModules Module::named_children() const {
  NamedModules found;
  for (const auto& [name, child] : state().children) found.emplace_back(name, Module(child));
  return found;
}
NamedModules Module::named_modules() const {
  if (state().type.empty()) state_->type = type_name();
  NamedModules found;
  std::unordered_set<const ModuleState*> seen;
  const std::function<void(const std::string&, const std::shared_ptr<ModuleState>&)> visit =
      [&](const std::string& name, const std::shared_ptr<ModuleState>& module) {
        if (!seen.insert(module.get()).second) return;
        found.emplace_back(name, Module(module));
        for (const auto& [key, child] : module->children) visit(name.empty() ? key : name + '.' + key, child);
      };
  visit("", state_);
  return found;
}
std::string Module::type_name() const {
  const ModuleState& mine = state();
  return mine.type.empty() ? short_type_name(typeid(*this)) : mine.type;
}

std::string Module::to_string() const {
  std::string text;
  describe(type_name(), state(), "", text);
  return text;
}
std::ostream& operator<<(std::ostream& stream, const Module& module) { return stream << module.to_string(); }

// ---- changing

void Module::train(bool training) {
  walk_once(state(), true, [&](const std::string&, ModuleState& module) { module.training = training; });
}
bool Module::is_training() const { return state().training; }

void Module::to(Dtype dtype) {
  if (!is_floating_point(dtype))
    throw DtypeError(fmt::format("Module.to: dtype must be float32 or float64, got {}", dtype));
  for (const Tensor& tensor : parameters()) convert_in_place(tensor, dtype);
  for (const Tensor& tensor : buffers())
    if (tensor.is_floating_point()) convert_in_place(tensor, dtype);
}

void Module::zero_grad() {
  for (const Tensor& parameter : parameters()) parameter.zero_grad();
}
void Module::requires_grad_(bool requires_grad) {
  for (const Tensor& parameter : parameters()) parameter.requires_grad_(requires_grad);
}
void Module::apply(const std::function<void(Module&)>& f) {
  NamedModules modules = named_modules();
  for (auto module = modules.rbegin(); module != modules.rend(); ++module) f(module->second);
}

}  // namespace nn
}  // namespace xgrad
