// Derivatives of functions: Jacobians, Hessians, and their products with vectors.
//
// A function here is any callable over the tensors of `at` as separate arguments, up to eight, or over a TensorList; it
// returns a Tensor, or a TensorList (or a pair or tuple of tensors) where that is said. `at` is one Tensor or, for
// functions of several, a TensorList; the shape of the result follows: one Tensor or a TensorList in its place.
// Gradients of the tensors in `at` are left alone, and recording is on inside, also under a NoGradGuard.
#pragma once
#include <xgrad/detail/callable.hpp>
#include <xgrad/tensor.hpp>

#include <type_traits>
#include <utility>
#include <vector>

namespace xgrad::functional {

// create_graph: the results are recorded themselves, as functions of `at` where it requires grad and of what else the
// function uses. strict: an AutogradError where the result does not depend on an argument, instead of zeros.
struct TransformOptions {
  bool create_graph = false;
  bool strict = false;
};

namespace detail {
using xgrad::detail::ListFunction;
using xgrad::detail::over_list;

// Rows of lists: [i][j] belongs to output i and argument j.
using Blocks = std::vector<TensorList>;
using Pair = std::pair<TensorList, TensorList>;
Blocks jacobian(const ListFunction& f, const TensorList& at, const TransformOptions& options, Here here);
Blocks hessian(const ListFunction& f, const TensorList& at, const TransformOptions& options, Here here);
TensorList hvp(const char* op, const ListFunction& f, const TensorList& at, const TensorList& v,
               const TransformOptions& options, Here here);
Pair vjp(const ListFunction& f, const TensorList& at, const TensorList& v, const TransformOptions& options, Here here);
Pair jvp(const ListFunction& f, const TensorList& at, const TensorList& v, const TransformOptions& options, Here here);

template <class F>
inline constexpr bool gives_tensor = std::is_convertible_v<xgrad::detail::result_of<F>, Tensor>;
// A Tensor for a function that returns one, else a TensorList.
template <class F>
using ValueOf = std::conditional_t<gives_tensor<F>, Tensor, TensorList>;

inline TensorList as_list(const Tensor& tensor) { return tensor.defined() ? TensorList{tensor} : TensorList{}; }
inline TensorList as_list(const TensorList& list) { return list; }
template <class T>
T from_list(TensorList&& list) {
  if constexpr (std::is_same_v<T, Tensor>)
    return std::move(list[0]);
  else
    return std::move(list);
}
}  // namespace detail

// The Jacobian J[i..., j...] = d f_i / d at_j, of shape f's shape + at's shape. Zeros where nothing depends on `at`.
//   f: Tensor -> Tensor       Tensor
//   f: Tensor -> TensorList   TensorList, one per output
// DtypeError: `at` or an output is not floating. AutogradError: under strict.
template <class F>
detail::ValueOf<F> jacobian(const F& f, const Tensor& at, const TransformOptions& options = {}, Here here = {}) {
  detail::Blocks blocks = detail::jacobian(detail::over_list(f), {at}, options, here);
  TensorList columns;
  for (TensorList& block : blocks) columns.push_back(std::move(block[0]));
  return detail::from_list<detail::ValueOf<F>>(std::move(columns));
}
//   f: Tensors -> Tensor       TensorList, one per argument
//   f: Tensors -> TensorList   a TensorList per output, one per argument
template <class F>
auto jacobian(const F& f, const TensorList& at, const TransformOptions& options = {}, Here here = {}) {
  detail::Blocks blocks = detail::jacobian(detail::over_list(f), at, options, here);
  if constexpr (detail::gives_tensor<F>)
    return TensorList(std::move(blocks[0]));
  else
    return blocks;
}

// The Hessian H[i..., j...] = d^2 f / d at_i d at_j of a function with one element, of shape at's shape twice.
// ShapeError: f gives more than one element. Other errors: as jacobian.
template <class F>
Tensor hessian(const F& f, const Tensor& at, const TransformOptions& options = {}, Here here = {}) {
  return detail::hessian(detail::over_list(f), {at}, options, here)[0][0];
}
// All blocks: [i][j] is the derivative by arguments i and j, of at[i]'s shape + at[j]'s shape.
template <class F>
std::vector<TensorList> hessian(const F& f, const TensorList& at, const TransformOptions& options = {},
                                Here here = {}) {
  return detail::hessian(detail::over_list(f), at, options, here);
}

// The product H v of the Hessian of a function with one element, in at's shape, at the price of a few passes; H is
// never formed. ShapeError: f gives more than one element, v is not of at's shape. Other errors: as jacobian.
template <class F>
Tensor hvp(const F& f, const Tensor& at, const Tensor& v, const TransformOptions& options = {}, Here here = {}) {
  return detail::hvp("hvp", detail::over_list(f), {at}, detail::as_list(v), options, here)[0];
}
template <class F>
TensorList hvp(const F& f, const TensorList& at, const TensorList& v, const TransformOptions& options = {},
               Here here = {}) {
  return detail::hvp("hvp", detail::over_list(f), at, v, options, here);
}

// The product v H. The same as hvp where f is twice continuously differentiable, since H is symmetric there.
template <class F>
Tensor vhp(const F& f, const Tensor& at, const Tensor& v, const TransformOptions& options = {}, Here here = {}) {
  return detail::hvp("vhp", detail::over_list(f), {at}, detail::as_list(v), options, here)[0];
}
template <class F>
TensorList vhp(const F& f, const TensorList& at, const TensorList& v, const TransformOptions& options = {},
               Here here = {}) {
  return detail::hvp("vhp", detail::over_list(f), at, v, options, here);
}

// The value f(at) and the product v J (reverse mode: the gradient of <v, f> by `at`). v has f's shape; it may be left
// out for one element. ShapeError: v is not of f's shape. Other errors: as jacobian.
//   auto [value, gradient] = functional::vjp(f, at, v);
template <class F>
std::pair<detail::ValueOf<F>, Tensor> vjp(const F& f, const Tensor& at, const detail::ValueOf<F>& v = {},
                                          const TransformOptions& options = {}, Here here = {}) {
  auto [value, product] = detail::vjp(detail::over_list(f), {at}, detail::as_list(v), options, here);
  return {detail::from_list<detail::ValueOf<F>>(std::move(value)), std::move(product[0])};
}
template <class F>
std::pair<detail::ValueOf<F>, TensorList> vjp(const F& f, const TensorList& at, const detail::ValueOf<F>& v = {},
                                              const TransformOptions& options = {}, Here here = {}) {
  auto [value, product] = detail::vjp(detail::over_list(f), at, detail::as_list(v), options, here);
  return {detail::from_list<detail::ValueOf<F>>(std::move(value)), std::move(product)};
}

// The value f(at) and the product J v (the derivative of f along v), by differentiating v J in turn. v has at's shape;
// it may be left out where `at` has one element. ShapeError: v is not of at's shape. Other errors: as jacobian.
//   auto [value, pushed] = functional::jvp(f, at, v);
template <class F>
std::pair<detail::ValueOf<F>, detail::ValueOf<F>> jvp(const F& f, const Tensor& at, const Tensor& v = {},
                                                      const TransformOptions& options = {}, Here here = {}) {
  auto [value, product] = detail::jvp(detail::over_list(f), {at}, detail::as_list(v), options, here);
  return {detail::from_list<detail::ValueOf<F>>(std::move(value)),
          detail::from_list<detail::ValueOf<F>>(std::move(product))};
}
template <class F>
std::pair<detail::ValueOf<F>, detail::ValueOf<F>> jvp(const F& f, const TensorList& at, const TensorList& v,
                                                      const TransformOptions& options = {}, Here here = {}) {
  auto [value, product] = detail::jvp(detail::over_list(f), at, v, options, here);
  return {detail::from_list<detail::ValueOf<F>>(std::move(value)),
          detail::from_list<detail::ValueOf<F>>(std::move(product))};
}

}  // namespace xgrad::functional
