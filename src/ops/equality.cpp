#include <xgrad/ops/equality.hpp>

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "core/check.hpp"
#include "core/dispatch.hpp"
#include "tape/node.hpp"

namespace xgrad {
namespace {

// The tensor stretched to a shape it broadcasts to, row-major.
Tensor stretched(const Tensor& x, const Shape& shape) {
  const detail::TensorImpl& from = detail::impl(x);
  if (from.shape == shape) return detail::dense(x);
  const std::size_t added = shape.size() - from.shape.size();
  Shape strides(shape.size(), 0);
  for (std::size_t d = added; d < shape.size(); ++d)
    if (from.shape[d - added] == shape[d]) strides[d] = from.strides[d - added];
  return detail::dense(detail::make_view(x, shape, strides, from.offset));
}

template <class T>
bool close(T a, T b, const AllcloseOptions& options) {
  if (a == b) return true;
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(a) || std::isnan(b)) return options.equal_nan && std::isnan(a) && std::isnan(b);
    if (std::isinf(a) || std::isinf(b)) return false;
  }
  const auto x = static_cast<double>(a), y = static_cast<double>(b);
  return std::abs(x - y) <= options.atol + options.rtol * std::abs(y);
}

struct Pair {
  Tensor a, b;
};
Pair broadcast_pair(const char* op, const Arg& a, const Arg& b, const AllcloseOptions& options) {
  detail::check_same_dtype(op, a.tensor(), b.tensor(), a.here());
  detail::check<ValueError>(options.rtol >= 0 && options.atol >= 0, a.here(),
                            "{}: tolerances must not be negative, rtol is {}, atol {}", op, options.rtol, options.atol);
  const Shape shape = detail::broadcast_shapes(op, a->sizes(), b->sizes(), a.here());
  return {stretched(a.tensor(), shape), stretched(b.tensor(), shape)};
}

}  // namespace

bool equal(const Arg& a, const Arg& b) {
  detail::check_same_dtype("equal", a.tensor(), b.tensor(), a.here());
  if (!(a->sizes() == b->sizes())) return false;
  const Tensor x = detail::dense(a.tensor()), y = detail::dense(b.tensor());
  return detail::dispatch_all(a->dtype(), [&]<class T>() {
    const T* p = detail::data<T>(x);
    return std::equal(p, p + x.numel(), detail::data<T>(y));
  });
}

bool allclose(const Arg& a, const Arg& b, const AllcloseOptions& options) {
  const Pair pair = broadcast_pair("allclose", a, b, options);
  return detail::dispatch_all(a->dtype(), [&]<class T>() {
    const T* p = detail::data<T>(pair.a);
    return std::equal(p, p + pair.a.numel(), detail::data<T>(pair.b), [&](T x, T y) { return close(x, y, options); });
  });
}

Tensor isclose(const Arg& a, const Arg& b, const AllcloseOptions& options) {
  const Pair pair = broadcast_pair("isclose", a, b, options);
  Tensor result = detail::make_tensor(pair.a.sizes(), bool_);
  detail::dispatch_all(a->dtype(), [&]<class T>() {
    const T* p = detail::data<T>(pair.a);
    std::transform(p, p + pair.a.numel(), detail::data<T>(pair.b), detail::data<bool>(result),
                   [&](T x, T y) { return close(x, y, options); });
  });
  return result;
}

}  // namespace xgrad
