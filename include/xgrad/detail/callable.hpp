// Any callable over tensors as one over a TensorList: what checks and transforms take as their function.
#pragma once
#include <xgrad/argument.hpp>
#include <xgrad/tensor.hpp>

#include <concepts>
#include <cstddef>
#include <functional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

namespace xgrad::nn {
class Module;
}

namespace xgrad::detail {

// Functions of the library and layers are told the place of the call; what is called with a Tensor is not. A module
// without an operator() is called by its forward().
template <class F, class... T>
concept Calls = requires(F& f, const T&... x) {
  f(x...);
};
template <class F, class... T>
concept TakesPlace = (std::is_pointer_v<F> || std::derived_from<F, nn::Module>)&&requires(F& f, const T&... x) {
  f(Arg(x)...);
};
template <class F, class... T>
concept Forwards = !Calls<F, T...> && requires(F & f, const T&... x) {
  f.forward(x...);
};
template <class F, class... T>
requires(Calls<F, T...> || Forwards<F, T...>) auto call_at(Here here, F& f, const T&... x) {
  if constexpr (TakesPlace<F, T...>)
    return f(Arg(x, here)...);
  else if constexpr (Calls<F, T...>)
    return f(x...);
  else
    return f.forward(x...);
}

using ListFunction = std::function<TensorList(const TensorList&)>;

// ValueError: a function called with another number of tensors than it takes.
[[noreturn]] void raise_arity(std::size_t given);

inline constexpr std::size_t max_arity = 8;

template <class F, class Indices>
struct TakesTensors;
template <class F, std::size_t... I>
struct TakesTensors<F, std::index_sequence<I...>>
    : std::is_invocable<const F&, std::enable_if_t<(I < max_arity), const Tensor&>...> {};
template <class F, std::size_t N>
inline constexpr bool takes_tensors = TakesTensors<F, std::make_index_sequence<N>>::value;
template <class F>
inline constexpr bool takes_list = std::is_invocable_v<const F&, const TensorList&>;

template <class F, std::size_t... I>
decltype(auto) call_spread(const F& f, const TensorList& list, std::index_sequence<I...>) {
  return f(list[I]...);
}

// The least number of tensors that F takes as separate arguments; 0 when it takes a TensorList.
template <class F, std::size_t N = 1>
constexpr std::size_t least_arity() {
  if constexpr (N > max_arity) {
    static_assert(takes_list<F>, "the function takes neither Tensors nor a TensorList");
    return 0;
  } else if constexpr (takes_tensors<F, N>) {
    return N;
  } else {
    return least_arity<F, N + 1>();
  }
}

template <class F, std::size_t N>
struct ResultOf {
  using type = std::decay_t<decltype(call_spread(std::declval<const F&>(), std::declval<const TensorList&>(),
                                                 std::make_index_sequence<N>{}))>;
};
template <class F>
struct ResultOf<F, 0> {
  using type = std::decay_t<std::invoke_result_t<const F&, const TensorList&>>;
};
// What F returns.
template <class F>
using result_of = typename ResultOf<F, least_arity<F>()>::type;

// A result's tensors in order: a Tensor, a TensorList, a pair or a tuple of them.
template <class R>
void append_tensors(TensorList& list, R&& result) {
  if constexpr (std::is_convertible_v<R&&, Tensor>) {
    list.push_back(std::forward<R>(result));
  } else if constexpr (std::is_convertible_v<R&&, TensorList>) {
    TensorList tensors = std::forward<R>(result);
    for (Tensor& tensor : tensors) list.push_back(std::move(tensor));
  } else {
    std::apply([&](auto&&... each) { (append_tensors(list, std::forward<decltype(each)>(each)), ...); },
               std::forward<R>(result));
  }
}

template <std::size_t N, class F>
TensorList call_with(const F& f, const TensorList& list) {
  if constexpr (N <= max_arity) {
    if constexpr (takes_tensors<F, N>) {
      if (list.size() == N) {
        TensorList results;
        append_tensors(results, call_spread(f, list, std::make_index_sequence<N>{}));
        return results;
      }
    }
    return call_with<N + 1>(f, list);
  } else {
    raise_arity(list.size());
  }
}

// f over the elements of a list as separate arguments, or over the list itself. Refers to f.
template <class F>
ListFunction over_list(const F& f) {
  if constexpr (least_arity<F>() == 0) {
    return [&f](const TensorList& list) {
      TensorList results;
      append_tensors(results, f(list));
      return results;
    };
  } else {
    return [&f](const TensorList& list) { return call_with<1>(f, list); };
  }
}

}  // namespace xgrad::detail
