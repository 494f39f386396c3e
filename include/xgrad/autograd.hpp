// The tape: gradients of any graph, grad mode, custom functions, anomaly detection.
#pragma once
#include <xgrad/tensor.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace xgrad {

// Options of grad(). grad_outputs: the outputs' own gradients (1 for outputs with one element where left out).
// retain_graph: keep what was saved for another pass (default: create_graph). create_graph: record the backward pass.
// allow_unused: an input that the outputs do not depend on gives an undefined tensor and no error.
struct GradOptions {
  TensorList grad_outputs{};
  std::optional<bool> retain_graph{};
  bool create_graph = false;
  bool allow_unused = false;
};

// Gradients of sum_i <grad_outputs_i, outputs_i> by each of `inputs`, in their order and shapes; nothing is accumulated
// into grad(), and only the nodes that lead to the inputs are run.
// AutogradError: an output that recorded nothing or is not a scalar and has no gradient, an input that does not require
// grad or is not used, a freed graph.
TensorList grad(const TensorList& outputs, const TensorList& inputs, const GradOptions& options = {}, Here here = {});

// Backward from several outputs at once: gradients of sum_i <grad_tensors_i, tensors_i>, accumulated into the leaves.
void backward(const TensorList& tensors, const TensorList& grad_tensors = {}, std::optional<bool> retain_graph = {},
              bool create_graph = false, Here here = {});

// Whether operations are recorded in this thread.
bool is_grad_enabled() noexcept;

namespace detail {
bool set_grad_enabled(bool enabled) noexcept;  // returns the previous value
int set_anomaly(int change) noexcept;
}  // namespace detail

// Sets grad mode for a scope, in this thread.
class GradModeGuard {
 public:
  explicit GradModeGuard(bool enabled) noexcept : previous_(detail::set_grad_enabled(enabled)) {}
  ~GradModeGuard() { detail::set_grad_enabled(previous_); }
  GradModeGuard(const GradModeGuard&) = delete;
  GradModeGuard& operator=(const GradModeGuard&) = delete;

 private:
  bool previous_;
};
// Nothing is recorded while it lives.
class NoGradGuard : public GradModeGuard {
 public:
  NoGradGuard() noexcept : GradModeGuard(false) {}
};
// Recording is on while it lives, also inside a NoGradGuard.
class EnableGradGuard : public GradModeGuard {
 public:
  EnableGradGuard() noexcept : GradModeGuard(true) {}
};

// While it lives, in this thread, the first operation that makes a NaN out of none is an AutogradError that names it
// and its place in the source: in the forward pass as it runs, in the backward pass by the forward call.
class DetectAnomalyGuard {
 public:
  DetectAnomalyGuard() noexcept { detail::set_anomaly(+1); }
  ~DetectAnomalyGuard() { detail::set_anomaly(-1); }
  DetectAnomalyGuard(const DetectAnomalyGuard&) = delete;
  DetectAnomalyGuard& operator=(const DetectAnomalyGuard&) = delete;
};

namespace detail {
struct ContextState;
struct FunctionCall;
}  // namespace detail

// What a custom function's forward leaves for its backward.
class Context {
 public:
  Context();
  // Keeps tensors for backward: inputs, outputs or any other. Changed in place afterwards, they are an error there.
  void save_for_backward(const TensorList& tensors);
  TensorList saved_tensors() const;
  // Keeps any other value under a name. load<T> gives it back: ValueError for an unknown name or another type.
  template <class T>
  void store(const std::string& key, T value) {
    store_any(key, std::make_shared<T>(std::move(value)), typeid(T));
  }
  template <class T>
  T load(const std::string& key) const {
    return *static_cast<const T*>(load_any(key, typeid(T)));
  }
  // In backward: whether the i-th tensor argument needs a gradient (an undefined one may be returned if not).
  bool needs_input_grad(std::size_t i) const;
  // In forward: outputs that carry no gradient, such as indices.
  void mark_non_differentiable(const TensorList& outputs);
  // In forward: inputs that were changed in place and are returned.
  void mark_dirty(const TensorList& inputs);
  // Whether undefined output gradients reach backward as zeros (the default) or undefined.
  void set_materialize_grads(bool materialize);

  const std::shared_ptr<detail::ContextState>& state() const noexcept { return state_; }

 private:
  void store_any(const std::string& key, std::shared_ptr<void> value, const std::type_info& type);
  const void* load_any(const std::string& key, const std::type_info& type) const;
  std::shared_ptr<detail::ContextState> state_;
};

namespace detail {
using BackwardFunction = TensorList (*)(Context&, const TensorList&);
// Records `outputs` as the result of a custom function of `inputs`.
void record_function(const std::type_info& type, Here here, const TensorList& inputs, TensorList& outputs,
                     const Context& context, BackwardFunction backward);
template <class T>
void collect_tensors(TensorList& list, const T& argument) {
  if constexpr (std::is_convertible_v<const T&, const Tensor&>) {
    list.push_back(argument);
  } else if constexpr (std::is_convertible_v<const T&, const TensorList&>) {
    const TensorList& tensors = argument;
    list.insert(list.end(), tensors.begin(), tensors.end());
  }
}
}  // namespace detail

// An operation with a backward of one's own. Derived gives
//   static Tensor forward(Context&, arguments...)                       (or TensorList)
//   static TensorList backward(Context&, const TensorList& grad_outputs)  one gradient per tensor argument
// and is called as Derived::apply(arguments...). forward runs unrecorded; backward written in tensor operations can be
// differentiated again. A TensorList argument counts as its tensors, one by one.
template <class Derived>
class Function {
 public:
  template <class... Rest>
  static auto apply(const Arg& first, const Rest&... rest) {
    return apply_at(first.here(), first.tensor(), rest...);
  }
  template <class First, class... Rest>
  requires(!std::is_convertible_v<const First&, const Tensor&>) static auto apply(const First& first,
                                                                                  const Rest&... rest) {
    return apply_at(Here{nullptr, 0}, first, rest...);
  }
  // The same, told the place of the call.
  template <class... Args>
  static auto apply_at(Here here, const Args&... arguments) {
    Context context;
    TensorList inputs;
    (detail::collect_tensors(inputs, arguments), ...);
    auto run = [&] {
      NoGradGuard no_grad;
      return Derived::forward(context, arguments...);
    };
    auto result = run();
    using Result = decltype(result);
    static_assert(std::is_same_v<Result, Tensor> || std::is_same_v<Result, TensorList>,
                  "Function: forward returns a Tensor or a TensorList");
    if constexpr (std::is_same_v<Result, Tensor>) {
      TensorList outputs{std::move(result)};
      detail::record_function(typeid(Derived), here, inputs, outputs, context, &Derived::backward);
      return std::move(outputs[0]);
    } else {
      detail::record_function(typeid(Derived), here, inputs, result, context, &Derived::backward);
      return result;
    }
  }
};

}  // namespace xgrad
