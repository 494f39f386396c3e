// Custom functions: the rule calls the user's backward.
#include <algorithm>
#include <cstdlib>
#include <cxxabi.h>
#include <map>

#include "core/check.hpp"
#include "kernels/copy.hpp"
#include "tape/node.hpp"

namespace xgrad {
namespace detail {

struct ContextState {
  struct Value {
    std::shared_ptr<void> value;
    const std::type_info* type;
  };
  std::map<std::string, Value> values;
  TensorList to_save, non_differentiable, dirty;
  bool materialize = true;
  std::vector<Saved> saved;
  const Backward* backward = nullptr;  // while backward runs
};

namespace {

std::string type_name(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> name(abi::__cxa_demangle(type.name(), nullptr, nullptr, &status),
                                                    std::free);
  return status == 0 ? name.get() : type.name();
}

bool contains(const TensorList& list, const Tensor& tensor) {
  return std::any_of(list.begin(), list.end(), [&](const Tensor& other) { return other.is_same(tensor); });
}

class FunctionNode final : public Node {
 public:
  FunctionNode(std::string label, Here here, std::size_t inputs, std::size_t outputs, Context context,
               BackwardFunction backward)
      : Node("function", here, inputs, outputs),
        label_(std::move(label)),
        context_(std::move(context)),
        backward_(backward) {}

  void run(Backward& bw) override {
    ContextState& state = *context_->state();
    TensorList gradients;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      Tensor gradient = bw.grad(i);
      if (!gradient.defined() && state.materialize) {
        gradient = make_tensor(outputs[i].shape, outputs[i].dtype);
        fill_elements(gradient, 0);
      }
      gradients.push_back(std::move(gradient));
    }
    struct Running {
      ContextState& state;
      Running(ContextState& s, const Backward& bw) : state(s) { state.backward = &bw; }
      ~Running() { state.backward = nullptr; }
    } running(state, bw);
    TensorList result = backward_(*context_, gradients);
    check<AutogradError>(result.size() == inputs.size(), here,
                         "{}: expected backward to return one gradient for each of {} tensor arguments, got {}", label_,
                         inputs.size(), result.size());
    for (std::size_t i = 0; i < result.size(); ++i)
      if (bw.needs(i)) bw.give(i, std::move(result[i]));
  }
  void release() noexcept override {
    context_.reset();
    released_ = true;
  }
  std::string label() const override { return label_; }

 private:
  std::string label_;
  std::optional<Context> context_;
  BackwardFunction backward_;
};

}  // namespace

void record_function(const std::type_info& type, Here here, const TensorList& inputs, TensorList& outputs,
                     const Context& context, BackwardFunction backward) {
  ContextState& state = *context.state();
  std::vector<const Tensor*> pointers;
  for (const Tensor& input : inputs) pointers.push_back(&input);
  const std::string label = type_name(type);
  if (anomaly_enabled())
    for (const Tensor& output : outputs) check_anomaly(label, here, output, pointers);
  const bool recorded = records(pointers);

  for (Tensor& output : outputs) {
    if (!output.defined()) raise<AutogradError>(here, "{}: forward returned an undefined tensor", label);
    // The result must be a tensor of its own, or the input would become its own history.
    if (contains(inputs, output) && !contains(state.dirty, output)) output = make_alias(output);
  }
  if (!recorded) {
    state.to_save.clear();
    return;
  }
  for (const Tensor& changed : state.dirty) {
    check<AutogradError>(contains(outputs, changed), here, "{}: a tensor marked dirty must be returned", label);
    check<AutogradError>(!(impl(changed).leaf && requires_grad(changed)) && !impl(changed).base, here,
                         "{}: a leaf that requires grad, or a view, is changed in place while recording", label);
  }
  Ref<Node> node(new FunctionNode(label, here, inputs.size(), outputs.size(), context, backward));
  connect(*node, pointers);
  for (const Tensor& tensor : state.to_save) {
    const auto output =
        std::find_if(outputs.begin(), outputs.end(), [&](const Tensor& o) { return o.is_same(tensor); });
    if (!tensor.defined())
      state.saved.emplace_back();
    else if (output != outputs.end())
      state.saved.push_back(Saved::output(tensor, static_cast<std::uint32_t>(output - outputs.begin())));
    else
      state.saved.emplace_back(tensor);
  }
  state.to_save.clear();
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    node->outputs[i] = {impl(outputs[i]).shape, impl(outputs[i]).dtype};
    if (!is_floating_point(impl(outputs[i]).dtype) || contains(state.non_differentiable, outputs[i])) continue;
    set_history(outputs[i], node, static_cast<std::uint32_t>(i));
    if (contains(state.dirty, outputs[i])) ++impl(outputs[i]).history;
  }
  state.non_differentiable.clear();
  state.dirty.clear();
}

}  // namespace detail

Context::Context() : state_(std::make_shared<detail::ContextState>()) {}
void Context::save_for_backward(const TensorList& tensors) { state_->to_save = tensors; }
TensorList Context::saved_tensors() const {
  detail::check<AutogradError>(state_->backward || state_->saved.empty(), Here{nullptr, 0},
                               "saved_tensors: expected to be called in backward");
  TensorList tensors;
  for (const detail::Saved& saved : state_->saved) tensors.push_back(state_->backward->load(saved));
  return tensors;
}
bool Context::needs_input_grad(std::size_t i) const {
  detail::check<AutogradError>(state_->backward, Here{nullptr, 0},
                               "needs_input_grad: expected to be called in backward");
  return state_->backward->needs(i);
}
void Context::mark_non_differentiable(const TensorList& outputs) { state_->non_differentiable = outputs; }
void Context::mark_dirty(const TensorList& inputs) {
  for (const Tensor& input : inputs) detail::bump_version(input);
  state_->dirty = inputs;
}
void Context::set_materialize_grads(bool materialize) { state_->materialize = materialize; }

void Context::store_any(const std::string& key, std::shared_ptr<void> value, const std::type_info& type) {
  state_->values[key] = {std::move(value), &type};
}
const void* Context::load_any(const std::string& key, const std::type_info& type) const {
  const auto found = state_->values.find(key);
  detail::check<ValueError>(found != state_->values.end(), Here{nullptr, 0}, "load: nothing was stored as \"{}\"", key);
  detail::check<ValueError>(*found->second.type == type, Here{nullptr, 0}, "load: \"{}\" was stored as {}, not as {}",
                            key, detail::type_name(*found->second.type), detail::type_name(type));
  return found->second.value.get();
}

}  // namespace xgrad
