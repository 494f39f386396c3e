#include "ops/reduce_common.hpp"

namespace xgrad::detail {

Reduction reduction(const char* op, const Tensor& x, const std::vector<std::int64_t>& dim, Here here) {
  const Shape& shape = impl(x).shape;
  Reduction result{.dims = wrap_dims(op, dim, static_cast<std::int64_t>(shape.size()), here), .out = {}, .kept = shape};
  std::size_t next = 0;
  for (std::size_t d = 0; d < shape.size(); ++d) {
    if (next < result.dims.size() && result.dims[next] == static_cast<std::int64_t>(d)) {
      ++next;
      result.count *= shape[d];
      result.kept[d] = 1;
    } else {
      result.out.push_back(shape[d]);
    }
  }
  return result;
}

void check_computing(const char* op, const Tensor& x, Here here) {
  const Dtype dtype = impl(x).dtype;
  check<DtypeError>(dtype != Dtype::int32 && dtype != Dtype::uint8, here,
                    "{}: {} is a storage type; convert with to() first", op, dtype);
}

Shape kept_shape(const Shape& shape, const Shape& dims) {
  Shape kept = shape;
  for (const std::int64_t d : dims) kept[static_cast<std::size_t>(d)] = 1;
  return kept;
}

Tensor spread(const Tensor& result, const Shape& shape, const Shape& dims, bool recorded, Here here) {
  const TensorImpl& from = impl(result);
  const bool dropped = from.shape.size() != shape.size();
  if (recorded) return (dropped ? result.reshape(kept_shape(shape, dims), here) : result).expand(shape, here);
  Shape strides(shape.size(), 0);
  std::size_t next = 0, own = 0;
  for (std::size_t d = 0; d < shape.size(); ++d) {
    if (next < dims.size() && dims[next] == static_cast<std::int64_t>(d)) {
      ++next;
      own += !dropped;
    } else {
      strides[d] = from.strides[own++];
    }
  }
  return make_view(result, shape, strides, from.offset);
}

Tensor tie_weights(const Tensor& x, const Tensor& result, const Shape& dims, Here here) {
  NoGradGuard no_grad;
  const Tensor y = result.reshape(kept_shape(impl(x).shape, dims), here);
  const Tensor same = x.eq({y, here}).logical_or({x.isnan(here).logical_and({y.isnan(here), here}), here});
  const Tensor count = same.sum({.dim = {dims.begin(), dims.end()}, .keepdim = true}, here);
  return same.to(x.dtype(), here).div({count.to(x.dtype(), here), here});
}

}  // namespace xgrad::detail
