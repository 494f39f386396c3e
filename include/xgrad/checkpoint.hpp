// Checkpoints: less memory for more time. What a function saves for its gradients is not kept; the backward pass runs
// the function again when it comes there (Chen et al., "Training Deep Nets with Sublinear Memory Cost", 2016).
#pragma once
#include <xgrad/argument.hpp>
#include <xgrad/detail/callable.hpp>
#include <xgrad/tensor.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

namespace xgrad {

// preserve_rng_state: the second run draws the random numbers of the first (the same dropout masks), from whatever
// generator, and moves no generator. Without it, it draws new ones.
struct CheckpointOptions {
  bool preserve_rng_state = true;
};

// True while a checkpointed function is run again, in this thread. What a function does besides computing its result
// happens twice unless it asks here; the running statistics of the library's norms move once. (In PyTorch twice.)
bool is_recomputing() noexcept;

namespace detail {

TensorList checkpoint(const ListFunction& f, const TensorList& inputs, const CheckpointOptions& options, Here here);
// The first segments - 1 of equal segments of `count` functions under a checkpoint each, and the rest. run(begin, end,
// x) takes x through some of them.
using SegmentFunction = std::function<Tensor(std::size_t, std::size_t, const Tensor&)>;
Tensor checkpoint_segments(const SegmentFunction& run, std::size_t count, std::int64_t segments, const Arg& input,
                           const CheckpointOptions& options);

// Whether T copies; a vector says so of itself whatever its elements do.
template <class T>
constexpr bool copies() {
  if constexpr (requires { typename T::value_type; })
    return std::is_copy_constructible_v<typename T::value_type>;
  else
    return std::is_copy_constructible_v<T>;
}
// A copy of what the user gave or, where it does not copy (a module), the thing itself, which must live on.
template <class F>
std::shared_ptr<std::decay_t<F>> hold(F&& f) {
  using Object = std::decay_t<F>;
  if constexpr (!std::is_lvalue_reference_v<F> || copies<Object>())
    return std::make_shared<Object>(std::forward<F>(f));
  else
    return std::shared_ptr<Object>(std::shared_ptr<void>(), const_cast<Object*>(&f));
}

template <class F>
struct Held {
  template <class... T>
  requires(Calls<F, T...> || Forwards<F, T...>) auto operator()(const T&... x) const { return call_at(here, *f, x...); }
  std::shared_ptr<F> f;
  Here here;
};

}  // namespace detail

// f(inputs), without keeping what f saves: a gradient that passes here runs f again. The numbers are those of f(inputs)
// without a checkpoint, to every order of differentiation. As torch.utils.checkpoint with use_reentrant = False:
// gradients go to `inputs`, which need not require grad, and to all else that f uses; f may contain checkpoints, draw
// random numbers, return its inputs.
//   f: a callable over the inputs as separate arguments, up to eight, or over a TensorList; a module
//   returns a Tensor for an f that returns one, else a TensorList of what it returns
// f is copied. What does not copy is moved if it may be, or else (a module that the caller keeps) referred to: it must
// live as long as the graph, as must whatever f refers to. Under a NoGradGuard, f is just called.
// In backward f must do as it did before: a tensor that was changed in place in between (an input, a parameter), other
// operations, more random numbers, are an AutogradError there. Not seen is a change of what only operations read that
// record nothing. Settings of the whole process (the default dtype, set_float32_matmul_precision) are those of the
// backward pass then. What f computes inside, and does not return, has no gradient of its own, nor may f call
// backward() or grad() on it: AutogradError. An exception in the second run leaves backward() as any other does.
// AutogradError: f changed one of its inputs in place.
template <class F>
auto checkpoint(F&& f, const TensorList& inputs, const CheckpointOptions& options = {}, Here here = {}) {
  using Function = detail::Held<std::decay_t<F>>;
  const Function held{detail::hold(std::forward<F>(f)), here};
  TensorList results = detail::checkpoint([held](const TensorList& list) { return detail::over_list(held)(list); },
                                          inputs, options, here);
  if constexpr (std::is_convertible_v<detail::result_of<Function>, Tensor>)
    return Tensor(std::move(results[0]));
  else
    return results;
}
// Of one tensor.
template <class F>
auto checkpoint(F&& f, const Tensor& x, const CheckpointOptions& options = {}, Here here = {}) {
  return checkpoint(std::forward<F>(f), TensorList{x}, options, here);
}

// Takes a tensor through a list of functions, or a Sequential, in `segments` parts of size() / segments functions, each
// but the last under a checkpoint. The last has what is left over. The memory for a chain of n functions is least, and
// grows with the root of n, for about sqrt(n) segments.
//   functions: an nn::Sequential, or a std::vector of functions or modules; held as f is by checkpoint()
// ValueError: segments is not in 1 ... size().
template <class Functions>
Tensor checkpoint_sequential(Functions&& functions, std::int64_t segments, const Arg& input,
                             const CheckpointOptions& options = {}) {
  const auto held = detail::hold(std::forward<Functions>(functions));
  const auto run = [held, here = input.here()](std::size_t begin, std::size_t end, const Tensor& x) {
    if constexpr (requires { held->forward_range(begin, end, Arg(x, here)); }) {
      return held->forward_range(begin, end, Arg(x, here));
    } else {
      Tensor result = x;
      for (std::size_t i = begin; i < end; ++i) result = detail::call_at(here, (*held)[i], result);
      return result;
    }
  };
  return detail::checkpoint_segments(run, held->size(), segments, input, options);
}

}  // namespace xgrad
