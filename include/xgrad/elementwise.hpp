// One scalar formula, written once: a fused, vectorised, broadcasting, differentiable tensor operation.
//
//   constexpr auto swish = xgrad::elementwise([](auto x, auto beta) {
//     using std::exp;
//     return x / (1 + exp(-beta * x));
//   });
//   Tensor y = swish(x, beta);
//
// The lambda takes its arguments as `auto` and uses the operators and functions listed in lanes.hpp: literals take the
// value type, and where(mask, a, b) stands in the place of `if`. It runs on SIMD lanes for the value, on dual numbers
// over them for all gradients in one pass, and on Tensors for gradients of gradients. Numbers it captures are
// constants.
//
// The loops are compiled with the file that includes this header and its flags: for the instruction set of the machine
// give -march=native there. They run in parallel all the same. This header includes xsimd.
#pragma once
#include <xgrad/detail/elementwise.hpp>
#include <xgrad/detail/strips.hpp>
#include <xgrad/dual.hpp>
#include <xgrad/lanes.hpp>
#include <xgrad/ops/activation.hpp>
#include <xgrad/ops/arithmetic.hpp>
#include <xgrad/ops/compare.hpp>
#include <xgrad/ops/pointwise.hpp>

#include <concepts>
#include <memory>
#include <type_traits>
#include <utility>

namespace xgrad {

// The name that logsigmoid has in formulas, on Lanes and Dual.
inline Tensor log_sigmoid(const Arg& x) { return logsigmoid(x); }

namespace detail {

template <class T, std::size_t>
using Repeated = T;

template <class F, class V, std::size_t... K>
[[gnu::flatten]] void elementwise_value(const void* lambda, const Strip& strip) {
  const F& f = *static_cast<const F*>(lambda);
  value_strip<V, sizeof...(K)>(strip, [&](const Repeated<V, K>&... x) -> V { return f(x...); });
}

// The value comes from the formula on plain lanes, so that it is the same with and without recording.
template <class F, class V, std::size_t Along, std::size_t... K>
[[gnu::flatten]] void elementwise_value_and_slope(const void* lambda, const Strip& strip) {
  const F& f = *static_cast<const F*>(lambda);
  using D = Dual<V, 1>;
  gradient_strip<V, 2, sizeof...(K)>(strip, {0, 1}, {(K + 2)...},
                                     [&](const std::array<V, sizeof...(K)>& x) -> std::array<V, 2> {
                                       const D y = f((K == Along ? D::variable(x[K], 0) : D(x[K]))...);
                                       return {V(f(x[K]...)), y.slope[0]};
                                     });
}

template <class F, class V, std::size_t... K>
[[gnu::flatten]] void elementwise_gradient(const void* lambda, const Strip& strip) {
  const F& f = *static_cast<const F*>(lambda);
  constexpr std::size_t inputs = sizeof...(K);
  using D = Dual<V, inputs>;
  gradient_strip<V, inputs, inputs + 1>(strip, {K...}, {inputs, (inputs + 1 + K)...},
                                        [&](const std::array<V, inputs + 1>& in) -> std::array<V, inputs> {
                                          const D y = f(D::variable(in[K + 1], K)...);
                                          return {(in[0] * y.slope[K])...};
                                        });
}

template <class F, std::size_t... K>
Tensor elementwise_formula(const void* lambda, const Tensor* x) {
  return (*static_cast<const F*>(lambda))(x[K]...);
}

template <class F>
std::shared_ptr<const void> keep_elementwise(const void* lambda) {
  if constexpr (std::is_empty_v<F>) {
    static constexpr char nothing = 0;
    return {std::shared_ptr<const void>(), &nothing};
  } else {
    return std::make_shared<F>(*static_cast<const F*>(lambda));
  }
}

template <class F, class V, std::size_t... K>
constexpr std::array<StripFunction, most_elementwise_inputs> elementwise_slopes() {
  constexpr auto along = []<std::size_t Along>() -> StripFunction {
    return elementwise_value_and_slope<F, V, Along, K...>;
  };
  return {along.template operator()<K>()...};
}

template <class F, std::size_t... K>
constexpr ElementwiseTable make_elementwise_table(std::index_sequence<K...>) {
  using Single = Lanes<float>;
  using Double = Lanes<double>;
  return {sizeof...(K),
          {elementwise_value<F, Single, K...>, elementwise_value<F, Double, K...>},
          {elementwise_slopes<F, Single, K...>(), elementwise_slopes<F, Double, K...>()},
          {elementwise_gradient<F, Single, K...>, elementwise_gradient<F, Double, K...>},
          elementwise_formula<F, K...>,
          keep_elementwise<F>};
}
template <class F, std::size_t N>
inline constexpr ElementwiseTable elementwise_table = make_elementwise_table<F>(std::make_index_sequence<N>());

}  // namespace detail

// What elementwise() returns.
template <class F>
class Elementwise {
 public:
  constexpr explicit Elementwise(F f) : f_(std::move(f)) {}

  // The formula of tensors or numbers, one per parameter of the lambda, up to nine. Shapes broadcast; ShapeError where
  // they do not. All floating tensors have one dtype, else DtypeError; numbers, integers and bools adopt it, or the
  // default dtype.
  template <std::convertible_to<Operand>... Rest>
  requires std::invocable < const F&, Lanes<float>, detail::Repeated < Lanes<float>,
  sizeof(Rest) > ... > Tensor operator()(const Operand& first, const Rest&... rest) const {
    constexpr std::size_t inputs = 1 + sizeof...(Rest);
    static_assert(inputs <= detail::most_elementwise_inputs, "elementwise: at most nine inputs");
    const Operand operands[] = {first, Operand(rest, first.here())...};
    return detail::apply_elementwise(detail::elementwise_table<F, inputs>, &f_, operands);
  }

 private:
  [[no_unique_address]] F f_;
};

// A function of tensors from a lambda of scalars.
template <class F>
constexpr Elementwise<F> elementwise(F f) {
  return Elementwise<F>(std::move(f));
}

}  // namespace xgrad
