// What happens around a module's forward.
#pragma once
#include <xgrad/argument.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

namespace xgrad::nn {
class Module;
}

namespace xgrad::detail {

struct ModuleState;
struct ModuleAccess;

// What is being called in this thread, innermost first: errors begin with its text.
struct ErrorContext {
  const ErrorContext* outer = nullptr;
  virtual std::string text() const = 0;

 protected:
  ~ErrorContext() = default;
};

// Names a module in the errors that are thrown while it lives. Error when the module was moved from.
class ModuleScope final : public ErrorContext {
 public:
  ModuleScope(const nn::Module& module, Here here);
  ~ModuleScope();
  ModuleScope(const ModuleScope&) = delete;
  ModuleScope& operator=(const ModuleScope&) = delete;
  bool hooked() const noexcept;
  std::string text() const override;

 private:
  const ModuleState* state_;
};

// Runs f with what the module's hooks make of the inputs: the outputs, as the hooks leave them.
TensorList run_hooked(const nn::Module& module, Here here, TensorList inputs,
                      const std::function<TensorList(const TensorList&)>& f);

// What a forward returns, as a list and back: a Tensor, a pair, or a struct that converts to a TensorList and is made
// of tensors.
inline void append_outputs(TensorList& list, const Tensor& tensor) { list.push_back(tensor); }
template <class T>
requires(!std::is_same_v<T, Tensor>) void append_outputs(TensorList& list, const T& outputs) {
  if constexpr (requires { outputs.first; }) {
    append_outputs(list, outputs.first);
    append_outputs(list, outputs.second);
  } else {
    for (const Tensor& tensor : TensorList(outputs)) list.push_back(tensor);
  }
}
template <class T>
T take_outputs(const TensorList& list, std::size_t& next) {
  if constexpr (std::is_same_v<T, Tensor>) {
    return list[next++];
  } else if constexpr (requires(T outputs) { outputs.first; }) {
    auto first = take_outputs<typename T::first_type>(list, next);
    return {std::move(first), take_outputs<typename T::second_type>(list, next)};
  } else {
    return T::from_list(list, next);
  }
}

template <class F, class... Tensors>
auto with_hooks(const nn::Module& module, Here here, const F& forward, const Tensors&... inputs) {
  using Result = std::invoke_result_t<const F&, const Tensors&...>;
  const auto call = [&]<std::size_t... I>(const TensorList& list, std::index_sequence<I...>) {
    TensorList outputs;
    append_outputs(outputs, forward(list[I]...));
    return outputs;
  };
  const TensorList outputs =
      run_hooked(module, here, {static_cast<const Tensor&>(inputs)...},
                 [&](const TensorList& list) { return call(list, std::make_index_sequence<sizeof...(Tensors)>()); });
  std::size_t next = 0;
  return take_outputs<Result>(outputs, next);
}

}  // namespace xgrad::detail
