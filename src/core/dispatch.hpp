// From a runtime dtype to a template argument: dispatch_floating(dtype, [&]<class T>() { kernel<T>(...); }).
#pragma once
#include "core/check.hpp"

namespace xgrad::detail {

template <class F>
decltype(auto) dispatch_floating(Dtype dtype, F&& f) {
  if (dtype == Dtype::float64) return f.template operator()<double>();
  return f.template operator()<float>();
}
// float32, float64, int64.
template <class F>
decltype(auto) dispatch_numeric(Dtype dtype, F&& f) {
  if (dtype == Dtype::int64) return f.template operator()<std::int64_t>();
  return dispatch_floating(dtype, std::forward<F>(f));
}
// The arithmetic types and bool.
template <class F>
decltype(auto) dispatch_computing(Dtype dtype, F&& f) {
  if (dtype == Dtype::boolean) return f.template operator()<bool>();
  return dispatch_numeric(dtype, std::forward<F>(f));
}
// All six.
template <class F>
decltype(auto) dispatch_all(Dtype dtype, F&& f) {
  switch (dtype) {
    case Dtype::int32:
      return f.template operator()<std::int32_t>();
    case Dtype::uint8:
      return f.template operator()<std::uint8_t>();
    default:
      return dispatch_computing(dtype, std::forward<F>(f));
  }
}
// By the size of an element only, for kernels that move data: unsigned integers of 1, 4 and 8 bytes.
template <class F>
decltype(auto) dispatch_size(Dtype dtype, F&& f) {
  switch (element_size(dtype)) {
    case 1:
      return f.template operator()<std::uint8_t>();
    case 4:
      return f.template operator()<std::uint32_t>();
    default:
      return f.template operator()<std::uint64_t>();
  }
}

}  // namespace xgrad::detail
