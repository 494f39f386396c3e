#include <xgrad/ops/masked.hpp>
#include <xgrad/ops/pointwise.hpp>
#include <xgrad/ops/shape.hpp>

#include <utility>
#include <vector>

#include "core/dispatch.hpp"
#include "kernels/copy.hpp"
#include "kernels/parallel.hpp"
#include "ops/selection.hpp"

namespace xgrad {
namespace {

using namespace detail;

void check_fill(const char* op, const Tensor& x, const Tensor& mask, Scalar value, Here here) {
  check_mask(op, mask, here);
  check<DtypeError>(is_floating_point(x.dtype()) || !value.is_floating_point(), here,
                    "{}: a floating number does not go into a tensor of {}", op, x.dtype());
}

// target = value where the mask, of the same shape and contiguous like the target, is true.
void fill_where(const Tensor& target, const Tensor& mask, Scalar value) {
  const std::int64_t n = impl(target).numel;
  const std::uint8_t* chosen = data<std::uint8_t>(mask);
  dispatch_all(impl(target).dtype, [&]<class T>() {
    T* to = data<T>(target);
    const T fill = value.to<T>();
    parallel_for(n, 16384, n, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t k = begin; k < end; ++k) to[k] = chosen[k] ? fill : to[k];
    });
  });
}

// y = value where the mask is true, else x; the gradient of x is that of y where it is not.
Tensor filled(const Tensor& x, const Tensor& mask, Scalar value, Here here) {
  const Shape shape = detail::broadcast_shapes("masked_fill", x.sizes(), mask.sizes(), here);
  Tensor result = make_tensor(shape, x.dtype());
  copy_elements(result, x);
  fill_where(result, broadcast_values(mask, shape, mask.dtype()), value);
  return record("masked_fill", here, std::move(result), {&x}, [&] {
    return [mask = Saved(mask)](Backward& bw) { bw.give(0, filled(bw.grad(), bw.load(mask), 0, bw.here())); };
  });
}

// The places of a broadcast mask's true elements in a row-major tensor of that shape.
Selection chosen(const Tensor& mask, const Shape& shape) {
  const Tensor whole = broadcast_values(mask, shape, mask.dtype());
  Selection result;
  result.places = std::move(nonzero_lists(whole.reshape({-1}))[0]);
  result.shape = impl(result.places).shape;
  return result;
}

}  // namespace

Tensor masked_fill(const Arg& x, const Arg& mask, Scalar value) {
  check_fill("masked_fill", x.tensor(), mask.tensor(), value, x.here());
  return filled(x.tensor(), mask.tensor(), value, x.here());
}
Tensor masked_fill(const Arg& x, const Arg& mask, const Tensor& value) {
  const Here here = x.here();
  check_mask("masked_fill", mask.tensor(), here);
  if (!value.defined()) raise_undefined(here);
  check<ShapeError>(value.dim() == 0, here, "masked_fill: expected a 0-d value, got {}", value.sizes());
  check_same_dtype("masked_fill", x.tensor(), value, here);
  return where({mask->to(Dtype::boolean, here), here}, {value, here}, {x.tensor(), here});
}
Tensor Tensor::masked_fill(const Tensor& mask, Scalar value, Here here) const {
  return xgrad::masked_fill({*this, here}, {mask, here}, value);
}

Tensor Tensor::masked_fill_(const Tensor& mask, Scalar value, Here here) const {
  for (const Tensor* tensor : {this, &mask})
    if (!tensor->defined()) raise_undefined(here);
  check_fill("masked_fill_", *this, mask, value, here);
  check<ShapeError>(detail::broadcast_shapes("masked_fill_", sizes(), mask.sizes(), here) == sizes(), here,
                    "masked_fill_: a mask of shape {} does not broadcast to {}", mask.sizes(), sizes());
  if (records({this}) || !is_contiguous())
    return update_inplace("masked_fill_", *this, here,
                          [&](const Tensor& old) { return filled(old, mask, value, here); });
  check_inplace("masked_fill_", *this, here);
  Tensor chosen = broadcast_values(mask, sizes(), mask.dtype());
  if (impl(chosen).storage == impl(*this).storage) chosen = chosen.clone(here);
  fill_where(*this, chosen, value);
  bump_version(*this);
  return *this;
}

Tensor masked_select(const Arg& x, const Arg& mask) {
  check_mask("masked_select", mask.tensor(), x.here());
  const Shape shape = detail::broadcast_shapes("masked_select", x->sizes(), mask->sizes(), x.here());
  const Tensor whole = shape == x->sizes() ? x->contiguous(x.here()) : x->expand(shape, x.here()).contiguous(x.here());
  const Selection places = chosen(mask.tensor(), shape);
  return read_recorded("masked_select", whole, places, places, x.here());
}
Tensor Tensor::masked_select(const Tensor& mask, Here here) const {
  return xgrad::masked_select({*this, here}, {mask, here});
}

Tensor masked_scatter(const Arg& x, const Arg& mask, const Arg& source) {
  const Here here = x.here();
  check_mask("masked_scatter", mask.tensor(), here);
  check_same_dtype("masked_scatter", x.tensor(), source.tensor(), here);
  const Shape shape = detail::broadcast_shapes("masked_scatter", x->sizes(), mask->sizes(), here);
  const Selection places = chosen(mask.tensor(), shape);
  const std::int64_t count = places.shape[0];
  check<ShapeError>(source->numel() >= count, here, "masked_scatter: source {} has {} elements, the mask chooses {}",
                    source->sizes(), source->numel(), count);
  const Tensor values = source->reshape({-1}, here).narrow(0, 0, count, here);
  return put_selection("masked_scatter", shape == x->sizes() ? x.tensor() : x->expand(shape, here), values, places,
                       here);
}

Tensor nonzero(const Arg& x) {
  const std::vector<Tensor> lists = nonzero_lists(x.tensor());
  const std::int64_t count = lists[0].numel(), rank = x->dim();
  Tensor result = make_tensor({count, rank}, Dtype::int64);
  for (std::int64_t d = 0; d < rank; ++d)
    for (std::int64_t k = 0; k < count; ++k)
      data<std::int64_t>(result)[k * rank + d] = data<std::int64_t>(lists[static_cast<std::size_t>(d)])[k];
  return result;
}

}  // namespace xgrad
