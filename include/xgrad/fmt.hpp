// fmt::print("{}\n", tensor): formatters of tensors, shapes and dtypes, with the fill, alignment and width of strings.
// (Modules: xgrad/nn/format.hpp.)
#pragma once
#include <xgrad/tensor.hpp>

#include <fmt/format.h>

template <>
struct fmt::formatter<xgrad::Tensor> : fmt::formatter<fmt::string_view> {
  template <class Context>
  auto format(const xgrad::Tensor& tensor, Context& context) const {
    return fmt::formatter<fmt::string_view>::format(tensor.to_string(), context);
  }
};
template <>
struct fmt::formatter<xgrad::Shape> : fmt::formatter<fmt::string_view> {
  template <class Context>
  auto format(const xgrad::Shape& shape, Context& context) const {
    return fmt::formatter<fmt::string_view>::format(xgrad::to_string(shape), context);
  }
};
template <>
struct fmt::formatter<xgrad::Dtype> : fmt::formatter<fmt::string_view> {
  template <class Context>
  auto format(xgrad::Dtype dtype, Context& context) const {
    return fmt::formatter<fmt::string_view>::format(xgrad::name(dtype), context);
  }
};
