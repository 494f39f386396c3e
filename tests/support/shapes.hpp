// Tensors whose elements tell where they came from, and readings of them.
#pragma once
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/shape.hpp>

#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "core/tensor_impl.hpp"
#include "numeric.hpp"

namespace shapes {

using xgrad::Shape;
using xgrad::Tensor;
using Values = std::vector<std::int64_t>;
using Reals = std::vector<double>;

// 0, 1, 2, ... in a shape.
inline Tensor counted(const Shape& shape, xgrad::Dtype dtype = xgrad::int64) {
  return xgrad::arange(xgrad::numel(shape)).to(dtype).reshape(shape);
}
inline Values values(const Tensor& x) { return x.to_vector<std::int64_t>(); }
inline Reals reals(const Tensor& x) { return x.to_vector<double>(); }
inline Tensor list(const Values& values) { return xgrad::tensor(values); }
inline Tensor leaf(const Shape& shape, std::uint64_t seed) { return numeric::random(shape, seed).requires_grad_(); }
inline bool shares(const Tensor& a, const Tensor& b) {
  return xgrad::detail::impl(a).storage == xgrad::detail::impl(b).storage;
}

template <class E, class F>
std::string message_of(F&& f) {
  try {
    f();
  } catch (const E& error) {
    return error.what();
  }
  return "no such error";
}
inline bool mentions(const std::string& text, const std::vector<std::string>& parts) {
  for (const std::string& part : parts)
    if (text.find(part) == std::string::npos) {
      MESSAGE(text);
      return false;
    }
  return true;
}

}  // namespace shapes
