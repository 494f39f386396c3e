// The bridge to xtensor, for programs that keep their arrays: any expression comes in as a Tensor, a Tensor goes out as
// an adaptor over its own memory. Opt-in: the only header besides elementwise.hpp that includes a heavy library.
#pragma once
#if __has_include(<xtensor/containers/xadapt.hpp>)
#include <xtensor/containers/xadapt.hpp>
#include <xtensor/core/xnoalias.hpp>
#else
#include <xtensor/xadapt.hpp>
#include <xtensor/xnoalias.hpp>
#endif

#include <xgrad/ops/creation.hpp>
#include <xgrad/tensor.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <vector>

namespace xgrad {

namespace detail {
// The element type that holds a C++ number: long and long long are both int64 where they have 64 bits.
template <class T>
struct Stored {
  using type = T;
};
template <class T>
requires(std::is_integral_v<T>&& std::is_signed_v<T> && sizeof(T) == 8) struct Stored<T> {
  using type = std::int64_t;
};
template <class T>
requires(std::is_integral_v<T>&& std::is_signed_v<T> && sizeof(T) == 4) struct Stored<T> {
  using type = std::int32_t;
};
template <class T>
concept Storable = requires {
  DtypeOf<typename Stored<T>::type>::value;
};
}  // namespace detail

// An xtensor adaptor over a tensor's memory that keeps the tensor alive.
template <class T>
using XtensorAdaptor = xt::xarray_adaptor<xt::xbuffer_adaptor<T*, xt::smart_ownership, std::shared_ptr<T>>,
                                          xt::layout_type::dynamic, std::vector<std::size_t>>;

// The values of any xtensor expression, lazy or not, as a new tensor: evaluated once, shape kept, dtype that of the
// expression's value type (float, double, int64, int32, uint8 or bool). Nothing is recorded on xtensor's side.
// DtypeError when options ask for requires_grad of something that is not floating; options.dtype converts.
template <class E>
Tensor from_xtensor(const xt::xexpression<E>& expression, const TensorOptions& options = {}, Here here = {}) {
  const E& e = expression.derived_cast();
  using Value = std::remove_cv_t<typename E::value_type>;
  static_assert(detail::Storable<Value>, "from_xtensor: float, double, int64, int32, uint8 or bool elements");
  using T = typename detail::Stored<Value>::type;
  Shape shape;
  for (const auto size : e.shape()) shape.push_back(static_cast<std::int64_t>(size));
  const Tensor result = empty(shape, {.dtype = dtype_of<T>}, here);
  const std::vector<std::size_t> sizes(shape.begin(), shape.end());
  auto target = xt::adapt(result.data<T>(here), static_cast<std::size_t>(result.numel()), xt::no_ownership(), sizes);
  xt::noalias(target) = e;
  const Tensor converted = options.dtype ? result.to(*options.dtype, here) : result;
  return options.requires_grad ? converted.requires_grad_(true, here) : converted;
}

// A tensor as an xtensor array: no copy, the tensor's own strides; writing through it is writing into the tensor,
// unrecorded. It holds the tensor, so that one made from a temporary is safe. DtypeError unless T is the tensor's
// element type.
template <class T>
XtensorAdaptor<T> as_xtensor(const Tensor& tensor, Here here = {}) {
  T* first = tensor.data<T>(here);
  const std::vector<std::size_t> shape(tensor.sizes().begin(), tensor.sizes().end());
  std::vector<std::ptrdiff_t> strides(tensor.strides().begin(), tensor.strides().end());
  // xtensor marks a broadcast dimension by a stride of 0, sizes of 1 among them.
  for (std::size_t d = 0; d < shape.size(); ++d)
    if (shape[d] == 1) strides[d] = 0;
  using Buffer = xt::xbuffer_adaptor<T*, xt::smart_ownership, std::shared_ptr<T>>;
  const std::shared_ptr<T> owner(std::make_shared<Tensor>(tensor), first);
  return XtensorAdaptor<T>(Buffer(first, static_cast<std::size_t>(tensor.numel()), owner), shape, strides);
}

}  // namespace xgrad
