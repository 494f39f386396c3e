#include <xgrad/tensor.hpp>

#include "core/dispatch.hpp"
#include "core/tensor_impl.hpp"
#include "kernels/copy.hpp"

namespace xgrad {

using detail::check;
using detail::impl;
using detail::raise;

namespace {
const detail::TensorImpl& defined_impl(const Tensor& tensor, Here here = Here{nullptr, 0}) {
  if (!tensor.defined()) detail::raise_undefined(here);
  return impl(tensor);
}
}  // namespace

Tensor Tensor::adopt(detail::TensorImpl* impl) noexcept {
  Tensor tensor;
  tensor.impl_ = impl;
  tensor.retain();
  return tensor;
}

Dtype Tensor::dtype() const { return defined_impl(*this).dtype; }
const Shape& Tensor::sizes() const { return defined_impl(*this).shape; }
const Shape& Tensor::strides() const { return defined_impl(*this).strides; }
std::int64_t Tensor::dim() const { return static_cast<std::int64_t>(defined_impl(*this).shape.size()); }
std::int64_t Tensor::numel() const { return defined_impl(*this).numel; }
bool Tensor::is_contiguous() const { return defined_impl(*this).contiguous; }
bool Tensor::is_floating_point() const { return xgrad::is_floating_point(dtype()); }
bool Tensor::is_view() const noexcept { return defined() && impl(*this).base; }
std::int64_t Tensor::version() const { return defined_impl(*this).storage->version.load(std::memory_order_relaxed); }

std::int64_t Tensor::size(std::int64_t dim, Here here) const {
  const auto& t = defined_impl(*this, here);
  const std::int64_t d = detail::wrap_dim("size", dim, this->dim(), here);
  check<IndexError>(!t.shape.empty(), here, "size: expected a tensor with dimensions, got one without");
  return t.shape[static_cast<std::size_t>(d)];
}
std::int64_t Tensor::stride(std::int64_t dim, Here here) const {
  const auto& t = defined_impl(*this, here);
  const std::int64_t d = detail::wrap_dim("stride", dim, this->dim(), here);
  check<IndexError>(!t.shape.empty(), here, "stride: expected a tensor with dimensions, got one without");
  return t.strides[static_cast<std::size_t>(d)];
}

template <Element T>
T* Tensor::data(Here here) const {
  const auto& t = defined_impl(*this, here);
  check<DtypeError>(t.dtype == dtype_of<T>, here, "data: expected a tensor of {}, got {}; convert with to()",
                    dtype_of<T>, t.dtype);
  return reinterpret_cast<T*>(t.raw());
}

template <Element T>
std::span<T> Tensor::span(Here here) const {
  T* first = data<T>(here);
  check<ShapeError>(is_contiguous(), here,
                    "span: expected a contiguous tensor, got strides {} for shape {}; use contiguous()", strides(),
                    sizes());
  return {first, static_cast<std::size_t>(numel())};
}

template <Element T>
T Tensor::item(Here here) const {
  const auto& t = defined_impl(*this, here);
  check<ShapeError>(t.numel == 1, here, "item: expected a tensor with one element, got shape {}", t.shape);
  return detail::dispatch_all(t.dtype, [&]<class U>() {
    const U value = *reinterpret_cast<const U*>(t.raw());
    if constexpr (std::is_same_v<T, bool>)
      return value != U(0);
    else
      return static_cast<T>(value);
  });
}

template <Element T>
std::vector<T> Tensor::to_vector(Here here) const {
  const auto& t = defined_impl(*this, here);
  std::vector<T> values(static_cast<std::size_t>(t.numel));
  if (values.empty()) return values;
  Tensor converted = detail::make_tensor(t.shape, dtype_of<T>);
  detail::copy_elements(converted, *this);
  const T* first = detail::data<T>(converted);
  std::copy(first, first + t.numel, values.begin());
  return values;
}

#define XGRAD_INSTANTIATE(T)                         \
  template T* Tensor::data<T>(Here) const;           \
  template std::span<T> Tensor::span<T>(Here) const; \
  template T Tensor::item<T>(Here) const;            \
  template std::vector<T> Tensor::to_vector<T>(Here) const;
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
XGRAD_INSTANTIATE(std::int64_t)
XGRAD_INSTANTIATE(bool)
XGRAD_INSTANTIATE(std::int32_t)
XGRAD_INSTANTIATE(std::uint8_t)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad
