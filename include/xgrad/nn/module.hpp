// Module: parameters, buffers and child modules by name. Layer: a module of one tensor.
#pragma once
#include <xgrad/detail/module_call.hpp>
#include <xgrad/state_dict.hpp>
#include <xgrad/tensor.hpp>

#include <concepts>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

namespace xgrad::nn {

class Module;
using NamedTensors = std::vector<std::pair<std::string, Tensor>>;
using NamedModules = std::vector<std::pair<std::string, Module>>;

// What hooks are told: the module, and what goes into it and comes out of it, in the order of operator()'s arguments
// and results (undefined where an argument was left out). A list that is returned takes the place of the last one told;
// an empty one leaves it as it is.
using ForwardPreHook = std::function<TensorList(const Module& module, const TensorList& inputs)>;
using ForwardHook =
    std::function<TensorList(const Module& module, const TensorList& inputs, const TensorList& outputs)>;
using BackwardHook =
    std::function<TensorList(const Module& module, const TensorList& grad_inputs, const TensorList& grad_outputs)>;

// Options of load_state_dict. strict: every name must be on both sides. ignore_mismatched_sizes: a tensor of another
// shape is left as it is instead of being an error, as a head for other classes is.
struct LoadOptions {
  bool strict = true;
  bool ignore_mismatched_sizes = false;
};
// What load_state_dict left as it was: the module's tensors that the state lacks, the state's that the module lacks,
// and those of another shape (expected: the module's, with -1 where a lazy layer takes any size; got: the state's).
struct LoadReport {
  struct Mismatch {
    std::string name;
    Shape expected, got;
  };
  std::vector<std::string> missing_keys{}, unexpected_keys{};
  std::vector<Mismatch> mismatched{};
  // Whether every tensor of either side found its counterpart.
  bool complete() const noexcept { return missing_keys.empty() && unexpected_keys.empty() && mismatched.empty(); }
};

// Base of all layers and models. A model is a struct that inherits it, with its layers as members:
//
//   struct Net : nn::Module {
//     nn::Linear hidden = register_module("hidden", nn::Linear(2, 16));
//     nn::Linear out = register_module("out", nn::Linear(16, 1));
//     Tensor forward(const Tensor& x) { return out(xgrad::relu(hidden(x))); }
//   };
//
// A module moves and does not copy, so that two models never share weights by accident; a second model of the same kind
// is a new instance that loads the first one's state. A member and its parent's registry hold the same state on the
// heap: what is done through one (train(), to(), load_state_dict()) is seen through the other, and a model that was
// moved is still the model its optimizer works on. Assigning another layer to a registered member would leave the old
// one in the registry: register it again under its name instead, which replaces it.
//
// An error inside a layer that is called by operator() begins with the layer's place in the model:
// "encoder.layers.3.linear1: linear: ...".
//
// A Module that was moved from has no state; using it is an Error.
class Module {
 public:
  Module();
  Module(Module&&) noexcept = default;
  Module& operator=(Module&&) noexcept = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;
  virtual ~Module() = default;

  // ---- what it has. Names of children are joined by dots: "block.fc1.weight". A module's own come first, then its
  // children's in the order of registration.

  // Parameters and their names; one that is registered in several places is listed once, under its first name.
  NamedTensors named_parameters(bool recurse = true) const;
  TensorList parameters(bool recurse = true) const;
  // Buffers: state that is not trained, such as running means.
  NamedTensors named_buffers(bool recurse = true) const;
  TensorList buffers(bool recurse = true) const;
  // A handle on each child module: the base class's part of it, sharing its state.
  NamedModules named_children() const;
  // The same for this module (named ""), its children, and theirs; each once.
  NamedModules named_modules() const;
  // A parameter or buffer by its full name. ValueError when there is none.
  Tensor get_parameter(std::string_view name) const;
  Tensor get_buffer(std::string_view name) const;
  // The type's name without namespaces and template arguments, as printed: "Linear".
  std::string type_name() const;

  // ---- what it is set to

  // Switches layers that behave differently in training (dropout, batch normalisation), this one and all below it.
  // Grad mode is not touched.
  void train(bool training = true);
  void eval() { train(false); }
  bool is_training() const;
  // Converts floating parameters and buffers, with their gradients, in place: handles held elsewhere (members,
  // optimizers) see it. DtypeError unless floating.
  void to(Dtype dtype);
  // Drops the gradients of all parameters.
  void zero_grad();
  // Asks for gradients of all parameters, or no longer does (to freeze a part of a model).
  void requires_grad_(bool requires_grad = true);
  // Calls f with a handle on each module, children before their parents.
  void apply(const std::function<void(Module&)>& f);

  // ---- hooks: functions that are called with the module, in the order in which they were registered. They run when a
  // layer is called by operator(), not by forward(). Each gets a number by which it can be removed.

  // Before forward; may replace the inputs.
  std::int64_t register_forward_pre_hook(ForwardPreHook hook, Here here = {});
  // After forward; may replace the outputs.
  std::int64_t register_forward_hook(ForwardHook hook, Here here = {});
  // In backward, when the gradients by the module's inputs are known; may replace them. Gradients that nobody needs are
  // undefined. Without an input that requires grad it runs when those of the outputs are known.
  std::int64_t register_full_backward_hook(BackwardHook hook, Here here = {});
  void remove_hook(std::int64_t id);

  // ---- its state

  // Parameters and buffers by name, sharing memory with the module and detached from the tape: clone() takes a
  // snapshot. A tied parameter is there under each of its names.
  StateDict state_dict() const;
  // Copies tensors into the existing parameters and buffers, converting between floating dtypes, and says what it left
  // out. All is checked first: one message lists all that does not fit, and nothing is changed then. ShapeError where
  // shapes differ (unless {.ignore_mismatched_sizes = true}); else DtypeError between floating and other dtypes; else
  // ValueError for missing and unexpected names (unless {.strict = false}). AutogradError: an expanded parameter.
  LoadReport load_state_dict(const StateDict& state, const LoadOptions& options = {}, Here here = {});
  // The same for a state that is not needed again: each of its tensors is let go as soon as it is copied, which keeps
  // `load_state_dict(load(path))` from needing the memory of two models.
  LoadReport load_state_dict(StateDict&& state, const LoadOptions& options = {}, Here here = {});

  // A nested description, as operator<< and fmt (with xgrad/nn/format.hpp) write it:
  //   Net(
  //     (hidden): Linear(in_features=2, out_features=16, bias=True)
  //   )
  std::string to_string() const;

  // ---- registering, for constructors. ValueError: a name that is empty, has a dot, or names another kind of thing.

  // Takes a module and gives it back: `nn::Linear fc = register_module("fc", nn::Linear(2, 3));`
  template <class M>
  requires(!std::is_lvalue_reference_v<M> && std::derived_from<M, Module>) M
      register_module(const std::string& name, M&& module, Here here = {}) {
    add_module(name, module, typeid(M), here);
    return std::forward<M>(module);
  }
  // Makes the tensor itself require grad and gives it back. An undefined tensor is a parameter left out (a bias that is
  // switched off). AutogradError for the result of a recorded operation, DtypeError unless floating.
  Tensor register_parameter(const std::string& name, Tensor tensor, bool requires_grad = true, Here here = {});
  // A parameter or buffer whose shape is not known yet: a tensor without elements, until materialize() gives it a shape
  // and load_state_dict() that of the state. Optimizers may already hold it. state_dict() leaves it out. `sizes` are
  // those that are known, with -1 for the others: a state with other ones is refused.
  Tensor register_uninitialized_parameter(const std::string& name, Here here = {});
  Tensor register_uninitialized_parameter(const std::string& name, const Shape& sizes, Here here = {});
  Tensor register_uninitialized_buffer(const std::string& name, Here here = {});
  Tensor register_uninitialized_buffer(const std::string& name, const Shape& sizes, Here here = {});
  // A tensor that belongs to the state but is not trained. Not persistent: it stays out of state_dict().
  Tensor register_buffer(const std::string& name, Tensor tensor, bool persistent = true, Here here = {});

 protected:
  // The text between the parentheses when the module is printed: "in_features=2, out_features=16, bias=True".
  void set_description(std::string description);
  // Error when the module was moved from. Layers call it before they use their members.
  void check_alive(Here here) const;
  // What operator() does around forward(inputs...): the hooks, and the module's place in errors.
  template <class F, class... Tensors>
  auto call(Here here, const F& forward, const Tensors&... inputs) const {
    const detail::ModuleScope scope(*this, here);
    if (!scope.hooked()) return forward(inputs...);
    return detail::with_hooks(*this, here, forward, inputs...);
  }
  // Whether a parameter or buffer of this module has no shape yet.
  bool is_uninitialized(const Tensor& tensor) const;
  // Gives it one, with elements that are not set, for everybody who holds it.
  void materialize(const Tensor& tensor, const Shape& shape) const;
  // What the module is printed as from when its last tensor without a shape gets one: as this type, and with the
  // description that describe() returns then. describe must not refer to the module, which may have moved.
  void when_materialized(std::string type, std::function<std::string()> describe);

 private:
  explicit Module(std::shared_ptr<detail::ModuleState> state) noexcept : state_(std::move(state)) {}
  friend struct detail::ModuleAccess;

  detail::ModuleState& state() const;
  void add_module(const std::string& name, const Module& module, const std::type_info& type, Here here);

  std::shared_ptr<detail::ModuleState> state_;
};

std::ostream& operator<<(std::ostream& stream, const Module& module);

// A module of one tensor: most layers. One's own gives forward() and is then called like a function, with hooks, its
// place in errors, and as an element of a ModuleList of layers of different types.
class Layer : public Module {
 public:
  virtual Tensor forward(const Arg& x) const = 0;
  Tensor operator()(const Arg& x) const;
};

}  // namespace xgrad::nn
