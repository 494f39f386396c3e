// Around a layer's forward: its place in errors, and hooks.
#include <xgrad/autograd.hpp>
#include <xgrad/detail/module_call.hpp>

#include <algorithm>
#include <utility>

#include "core/check.hpp"
#include "nn/module_state.hpp"

namespace xgrad {

namespace detail {
namespace {

// "encoder.layers.3.linear1"; empty for a module that is not part of another one.
std::string path(const ModuleState& state) {
  const auto parent = state.parent.lock();
  if (!parent) return {};
  const std::string above = path(*parent);
  return above.empty() ? state.name : above + '.' + state.name;
}

TensorList defined_ones(const TensorList& list) {
  TensorList defined;
  for (const Tensor& tensor : list)
    if (tensor.defined() && tensor.is_floating_point()) defined.push_back(tensor);
  return defined;
}
// Puts them back into the places they were taken from.
TensorList restored(const TensorList& list, const TensorList& defined) {
  TensorList all = list;
  auto next = defined.begin();
  for (Tensor& tensor : all)
    if (tensor.defined() && tensor.is_floating_point()) tensor = *next++;
  return all;
}

// One call of a module as its backward hooks see it.
struct BackwardCall {
  std::shared_ptr<ModuleState> state;
  std::function<TensorList(const TensorList& grad_inputs, const TensorList& grad_outputs)> hooks;
  TensorList grad_outputs;
  bool inputs_recorded = false;
};
using BackwardCallPointer = std::shared_ptr<BackwardCall>;

TensorList aliases(const TensorList& tensors) {
  TensorList result;
  for (const Tensor& tensor : tensors) result.push_back(tensor.detach());
  return result;
}

// Both pass tensors on; their backward meets the gradients at the module's ends.
struct HookedInputs : Function<HookedInputs> {
  static TensorList forward(Context& context, const TensorList& inputs, const BackwardCallPointer& call) {
    context.store("call", call);
    context.set_materialize_grads(false);
    return aliases(inputs);
  }
  static TensorList backward(Context& context, const TensorList& gradients) {
    const auto call = context.load<BackwardCallPointer>("call");
    return call->hooks(gradients, std::exchange(call->grad_outputs, {}));
  }
};
struct HookedOutputs : Function<HookedOutputs> {
  static TensorList forward(Context& context, const TensorList& outputs, const BackwardCallPointer& call) {
    context.store("call", call);
    context.set_materialize_grads(false);
    return aliases(outputs);
  }
  static TensorList backward(Context& context, const TensorList& gradients) {
    const auto call = context.load<BackwardCallPointer>("call");
    if (call->inputs_recorded)
      call->grad_outputs = gradients;
    else
      call->hooks({}, gradients);
    return gradients;
  }
};

}  // namespace

ModuleScope::ModuleScope(const nn::Module& module, Here here) : state_(ModuleAccess::pointer(module).get()) {
  ModuleAccess::check_alive(module, here);
  outer = std::exchange(error_context(), this);
}
ModuleScope::~ModuleScope() { error_context() = outer; }
bool ModuleScope::hooked() const noexcept {
  return !state_->pre_hooks.empty() || !state_->hooks.empty() || !state_->backward_hooks.empty() ||
         state_->replacement || !state_->parametrizations.empty();
}
std::string ModuleScope::text() const {
  const std::string place = path(*state_);
  return place.empty() ? place : place + ": ";
}

TensorList run_hooked(const nn::Module& module, Here here, TensorList inputs,
                      const std::function<TensorList(const TensorList&)>& f) {
  const std::shared_ptr<ModuleState> state = ModuleAccess::pointer(module);
  const nn::Module handle = ModuleAccess::handle(state);
  const auto take = [&](const char* what, TensorList& now, TensorList&& next) {
    if (next.empty()) return;
    check<ValueError>(next.size() == now.size(), here, "{}: a {} returned {} tensors in place of {}",
                      handle.type_name(), what, next.size(), now.size());
    now = std::move(next);
  };
  // Copies of the lists: a hook may remove itself.
  const auto pre_hooks = state->pre_hooks;
  for (const auto& [id, hook] : pre_hooks) take("forward pre-hook", inputs, hook(handle, inputs));
  // After them, for they may change parameters.
  for (const auto& parametrization : state->parametrizations) parametrization->renew(state->training, here);

  BackwardCallPointer call;
  if (!state->backward_hooks.empty() && is_grad_enabled()) {
    call = std::make_shared<BackwardCall>();
    call->hooks = [state](TensorList grad_inputs, const TensorList& grad_outputs) {
      const auto hooks = state->backward_hooks;
      for (const auto& [id, hook] : hooks) {
        TensorList next = hook(ModuleAccess::handle(state), grad_inputs, grad_outputs);
        if (next.empty()) continue;
        check<ValueError>(next.size() == grad_inputs.size(), Here{nullptr, 0},
                          "{}: a backward hook returned {} tensors in place of {}", state->type, next.size(),
                          grad_inputs.size());
        grad_inputs = std::move(next);
      }
      return grad_inputs;
    };
    const TensorList defined = defined_ones(inputs);
    call->inputs_recorded =
        std::any_of(defined.begin(), defined.end(), [](const Tensor& tensor) { return tensor.requires_grad(); });
    if (call->inputs_recorded) inputs = restored(inputs, HookedInputs::apply_at(here, defined, call));
  }

  TensorList outputs = state->replacement ? state->replacement(inputs) : f(inputs);
  if (call) {
    const TensorList defined = defined_ones(outputs);
    outputs = restored(outputs, HookedOutputs::apply_at(here, defined, call));
  }
  const auto hooks = state->hooks;
  for (const auto& [id, hook] : hooks) take("forward hook", outputs, hook(handle, inputs, outputs));
  return outputs;
}

}  // namespace detail

namespace nn {

Tensor Layer::operator()(const Arg& x) const {
  const Here here = x.here();
  return call(
      here,
      [&](const Tensor& input) {
        return forward({input, here});
      },
      x.tensor());
}

namespace {

template <class F>
std::int64_t add_hook(const char* op, detail::ModuleState& state, std::vector<std::pair<std::int64_t, F>>& hooks,
                      F&& hook, const std::string& type, Here here) {
  detail::check<ValueError>(static_cast<bool>(hook), here, "{}: there is no function", op);
  state.type = type;  // a handle on the base class, which hooks are told, does not know it
  hooks.emplace_back(++state.hook_count, std::move(hook));
  return state.hook_count;
}

}  // namespace

std::int64_t Module::register_forward_pre_hook(ForwardPreHook hook, Here here) {
  check_alive(here);
  return add_hook("register_forward_pre_hook", *state_, state_->pre_hooks, std::move(hook), type_name(), here);
}
std::int64_t Module::register_forward_hook(ForwardHook hook, Here here) {
  check_alive(here);
  return add_hook("register_forward_hook", *state_, state_->hooks, std::move(hook), type_name(), here);
}
std::int64_t Module::register_full_backward_hook(BackwardHook hook, Here here) {
  check_alive(here);
  return add_hook("register_full_backward_hook", *state_, state_->backward_hooks, std::move(hook), type_name(), here);
}
void Module::remove_hook(std::int64_t id) {
  const auto remove = [id](auto& hooks) { std::erase_if(hooks, [&](const auto& entry) { return entry.first == id; }); };
  remove(state().pre_hooks), remove(state().hooks), remove(state().backward_hooks);
}

}  // namespace nn
}  // namespace xgrad
