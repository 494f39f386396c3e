// Pointwise operations from one text: a value and, per input, a gradient. On Lanes the text becomes the fused forward
// and backward loops, on Tensor the differentiable formula for create_graph. A room writes
//
//   constexpr auto log_op = unary<real>("log", [](auto v) { return log(v); },
//                                       of<x>([](auto g, auto v) { return g / v; }));
//
// where of<...> names the inputs (x; a, b) or the output (y) that the gradient is made of: these are what gets saved.
#pragma once
#include <xgrad/detail/strips.hpp>
#include <xgrad/lanes.hpp>
#include <xgrad/tensor.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "kernels/integers.hpp"

namespace xgrad::detail {

// ---- the table that the library sees of an operation

inline constexpr std::size_t most_inputs = 2;
// Position of the output among what a gradient may be made of.
inline constexpr std::size_t output_position = most_inputs;

struct PointwiseTable {
  std::uint8_t inputs;
  std::uint8_t cost;
  bool gives_bool;
  std::uint8_t state_bytes;
  // Per input: bit k set where its gradient needs input k (or the output); whether it is the incoming gradient itself.
  std::array<std::uint8_t, most_inputs> uses;
  std::array<bool, most_inputs> passes;
  // By position of the computing dtype: float32, float64, int64, bool. Null where the operation is not defined.
  std::array<StripFunction, 4> value;
  // By float32, float64 and the set of inputs that want a gradient. Operands: the gradients of the inputs, the incoming
  // gradient, the inputs, the output.
  std::array<std::array<StripFunction, 1 << most_inputs>, 2> gradient;
  std::array<Tensor (*)(const void* formula, const Tensor& g, const std::array<Tensor, most_inputs + 1>& values),
             most_inputs>
      formula;
};

inline constexpr std::size_t kernel_index(Dtype dtype) noexcept { return static_cast<std::size_t>(dtype); }
inline constexpr std::size_t most_state = 48;

// An operation ready to be applied: its name, table, and the object that holds its constants.
struct PointwiseCall {
  const char* name;
  const PointwiseTable* table;
  const void* formula;
};

Tensor apply(const PointwiseCall& call, const Tensor& x, Here here);
Tensor apply(const PointwiseCall& call, const Operand& a, const Operand& b);
// The same into an existing tensor; `name` is the in-place operation's.
Tensor apply_inplace(const char* name, const PointwiseCall& call, const Tensor& target, Here here);
Tensor apply_inplace(const char* name, const PointwiseCall& call, const Tensor& target, const Operand& other);

// ---- writing an operation

enum : unsigned { floats = 1, integers = 2, booleans = 4 };
// Which dtypes an operation computes in. Others are converted to the default dtype, or refused.
inline constexpr unsigned real = floats, numeric = floats | integers, any = numeric | booleans;

inline constexpr int x = 0, a = 0, b = 1, y = static_cast<int>(output_position);

template <class F, int... Positions>
struct GradientOf {
  static constexpr std::uint8_t uses = (0 | ... | (1 << Positions));
  static constexpr bool passes = false;
  F f;
  template <class V>
  V operator()(const V& g, const std::array<V, most_inputs + 1>& values) const {
    return f(g, values[Positions]...);
  }
};
// The gradient of an input: f(g, the values at the given positions...).
template <int... Positions, class F>
constexpr auto of(F f) {
  return GradientOf<F, Positions...>{f};
}
// The incoming gradient itself.
struct Passes {
  static constexpr std::uint8_t uses = 0;
  static constexpr bool passes = true;
  template <class V>
  V operator()(const V& g, const std::array<V, most_inputs + 1>&) const {
    return g;
  }
};
inline constexpr Passes pass{};
// Zero everywhere: steps.
inline constexpr auto flat = of<>([]<class V>(const V& g) {
  if constexpr (std::is_same_v<V, Tensor>)
    return g.detach() * 0;
  else
    return V(0);
});

struct NoGradient {};

// `second` is that of a second input; both are NoGradient where there is none.
template <unsigned Kinds, std::size_t Inputs, class Value, class First = NoGradient, class Second = NoGradient>
struct Formula {
  static constexpr unsigned kinds = Kinds;
  static constexpr std::size_t inputs = Inputs;
  static constexpr bool differentiable = !std::is_same_v<First, NoGradient>;
  template <std::size_t K>
  using Gradient = std::conditional_t<K == 0, First, Second>;
  template <std::size_t K>
  constexpr const Gradient<K>& gradient() const {
    if constexpr (K == 0)
      return first;
    else
      return second;
  }
  [[no_unique_address]] Value value;
  [[no_unique_address]] First first{};
  [[no_unique_address]] Second second{};
};

// Kernels are flattened: a formula that is called for each V would load its constants again and again.
template <class F, class V>
[[gnu::flatten]] void value_kernel(const void* formula, const Strip& strip) {
  value_strip<V, F::inputs>(strip, static_cast<const F*>(formula)->value);
}

// The gradients of the inputs in the set Needs.
template <class F, class V, unsigned Needs>
[[gnu::flatten]] void gradient_kernel(const void* formula, const Strip& strip) {
  const F& f = *static_cast<const F*>(formula);
  constexpr std::size_t outputs = (Needs & 1) + (Needs >> 1 & 1);
  constexpr unsigned uses = [] {
    return []<std::size_t... K>(std::index_sequence<K...>) {
      return (0U | ... | (Needs >> K & 1 ? F::template Gradient<K>::uses : std::uint8_t{0}));
    }
    (std::make_index_sequence<F::inputs>());
  }();
  constexpr std::size_t used = 1 + (uses & 1) + (uses >> 1 & 1) + (uses >> 2 & 1);
  // Where the incoming gradient and the used values lie among the operands.
  constexpr auto operands = [] {
    std::array<std::size_t, used> at{F::inputs};
    for (std::size_t p = 0, n = 1; p <= most_inputs; ++p)
      if (uses >> p & 1) at[n++] = F::inputs + 1 + (p == output_position ? F::inputs : p);
    return at;
  }();
  constexpr auto targets = [] {
    std::array<std::size_t, outputs> at{};
    for (std::size_t k = 0, n = 0; k < F::inputs; ++k)
      if (Needs >> k & 1) at[n++] = k;
    return at;
  }();
  gradient_strip<V, outputs, used>(strip, targets, operands, [&](const std::array<V, used>& in) {
    constexpr std::size_t before_b = 1 + (uses & 1), before_y = before_b + (uses >> 1 & 1);
    const std::array<V, most_inputs + 1> values{uses & 1 ? in[1 % used] : in[0], uses & 2 ? in[before_b % used] : in[0],
                                                uses & 4 ? in[before_y % used] : in[0]};
    return [&]<std::size_t... O>(std::index_sequence<O...>) {
      return std::array<V, outputs>{V(f.template gradient<targets[O]>()(in[0], values))...};
    }
    (std::make_index_sequence<outputs>());
  });
}

template <class F, std::size_t K>
Tensor gradient_formula(const void* formula, const Tensor& g, const std::array<Tensor, most_inputs + 1>& values) {
  return static_cast<const F*>(formula)->template gradient<K>()(g, values);
}

// What the formula of a value gives over V.
template <class F, class V>
constexpr auto result_on() {
  if constexpr (F::inputs == 1)
    return std::type_identity<std::invoke_result_t<decltype(F::value), V>>{};
  else
    return std::type_identity<std::invoke_result_t<decltype(F::value), V, V>>{};
}
template <class F, class V>
using ResultOn = typename decltype(result_on<F, V>())::type;

// A gradient that is the incoming one needs no kernel.
template <class F, unsigned Needs>
constexpr void add_gradient(PointwiseTable& table) {
  constexpr bool passes =
      (Needs & 1 && F::template Gradient<0>::passes) || (Needs & 2 && F::template Gradient<F::inputs - 1>::passes);
  if constexpr (!passes) {
    table.gradient[0][Needs] = gradient_kernel<F, Lanes<float>, Needs>;
    table.gradient[1][Needs] = gradient_kernel<F, Lanes<double>, Needs>;
  }
}

template <class F>
constexpr PointwiseTable make_table() {
  PointwiseTable table{};
  table.inputs = F::inputs;
  table.cost = F::kinds & integers ? 1 : 8;
  table.state_bytes = std::is_empty_v<F> ? 0 : sizeof(F);
  static_assert(std::is_trivially_copyable_v<F> && sizeof(F) <= most_state);
  table.gives_bool = !std::is_same_v<ResultOn<F, Lanes<float>>, Lanes<float>>;
  table.value = {value_kernel<F, Lanes<float>>, value_kernel<F, Lanes<double>>, nullptr, nullptr};
  if constexpr ((F::kinds & integers) != 0) table.value[2] = value_kernel<F, Integer>;
  if constexpr ((F::kinds & booleans) != 0) table.value[3] = value_kernel<F, Boolean>;
  if constexpr (F::differentiable) {
    [&]<std::size_t... K>(std::index_sequence<K...>) {
      ((table.uses[K] = F::template Gradient<K>::uses), ...);
      ((table.passes[K] = F::template Gradient<K>::passes), ...);
      ((table.formula[K] = gradient_formula<F, K>), ...);
    }
    (std::make_index_sequence<F::inputs>());
    [&]<unsigned... N>(std::integer_sequence<unsigned, N...>) { (add_gradient<F, N + 1>(table), ...); }
    (std::make_integer_sequence<unsigned, (1U << F::inputs) - 1>());
  }
  return table;
}
template <class F>
inline constexpr PointwiseTable pointwise_table = make_table<F>();

// What a room keeps of an operation.
template <class F>
struct Pointwise {
  const char* name;
  F formula;

  PointwiseCall call() const { return {name, &pointwise_table<F>, &formula}; }
  PointwiseCall call(const char* other_name) const { return {other_name, &pointwise_table<F>, &formula}; }
  Tensor operator()(const Arg& v) const requires(F::inputs == 1) { return apply(call(), v.tensor(), v.here()); }
  Tensor operator()(const Operand& v, const Operand& w) const requires(F::inputs == 2) { return apply(call(), v, w); }
};

template <unsigned Kinds, class Value, class Gradient>
constexpr auto unary(const char* name, Value value, Gradient gradient) {
  return Pointwise<Formula<Kinds, 1, Value, Gradient>>{name, {value, gradient}};
}
template <unsigned Kinds, class Value, class First, class Second>
constexpr auto binary(const char* name, Value value, First first, Second second) {
  return Pointwise<Formula<Kinds, 2, Value, First, Second>>{name, {value, first, second}};
}
// Operations without gradients.
template <unsigned Kinds, class Value>
constexpr auto unary(const char* name, Value value) {
  return Pointwise<Formula<Kinds, 1, Value>>{name, {value}};
}
template <unsigned Kinds, class Value>
constexpr auto binary(const char* name, Value value) {
  return Pointwise<Formula<Kinds, 2, Value>>{name, {value}};
}

}  // namespace xgrad::detail
