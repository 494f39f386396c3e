// Copies, conversions and plain changes in place.
#include "kernels/copy.hpp"

#include "core/check.hpp"
#include "tape/node.hpp"

namespace xgrad {

using detail::Backward;
using detail::check;
using detail::impl;

namespace {
void require_defined(const Tensor& tensor, Here here) {
  if (!tensor.defined()) detail::raise_undefined(here);
}
// The gradient passes through as it is; the engine converts it and sums what was broadcast.
constexpr auto pass_through = [] {
  return [](Backward& bw) {
    if (bw.needs(0)) bw.give(0, bw.grad());
  };
};
Tensor copied(const char* name, const Tensor& source, const Shape& shape, Dtype dtype, Here here) {
  Tensor result = detail::make_tensor(shape, dtype);
  detail::copy_elements(result, source);
  return detail::record(name, here, result, {&source}, pass_through);
}
}  // namespace

Tensor Tensor::clone(Here here) const {
  require_defined(*this, here);
  return copied("clone", *this, sizes(), dtype(), here);
}

Tensor Tensor::contiguous(Here here) const {
  require_defined(*this, here);
  return is_contiguous() ? *this : copied("contiguous", *this, sizes(), dtype(), here);
}

Tensor Tensor::to(Dtype dtype, Here here) const {
  require_defined(*this, here);
  return dtype == this->dtype() ? *this : copied("to", *this, sizes(), dtype, here);
}

Tensor Tensor::copy_(const Tensor& source, Here here) const {
  require_defined(*this, here);
  require_defined(source, here);
  check<ShapeError>(detail::broadcast_shapes("copy_", sizes(), source.sizes(), here) == sizes(), here,
                    "copy_: expected a source that broadcasts to {}, got {}", sizes(), source.sizes());
  if (is_same(source)) return *this;
  if (detail::records({this, &source}))
    return detail::update_inplace("copy_", *this, here,
                                  [&](const Tensor&) { return copied("copy_", source, sizes(), dtype(), here); });
  detail::check_inplace("copy_", *this, here);
  detail::copy_elements(*this, impl(source).storage == impl(*this).storage ? source.clone(here) : source);
  detail::bump_version(*this);
  return *this;
}

Tensor Tensor::fill_(Scalar value, Here here) const {
  require_defined(*this, here);
  if (detail::records({this}))
    return detail::update_inplace("fill_", *this, here, [&](const Tensor& old) {
      Tensor filled = detail::make_tensor(sizes(), dtype());
      detail::fill_elements(filled, value);
      return detail::record("fill_", here, filled, {&old}, [&] {
        return [](Backward& bw) {
          if (!bw.needs(0)) return;
          Tensor zeros = detail::make_tensor(bw.input_shape(0), impl(bw.grad()).dtype);
          detail::fill_elements(zeros, 0);
          bw.give(0, zeros);
        };
      });
    });
  detail::check_inplace("fill_", *this, here);
  detail::fill_elements(*this, value);
  detail::bump_version(*this);
  return *this;
}

Tensor Tensor::zero_(Here here) const { return fill_(0, here); }

}  // namespace xgrad
