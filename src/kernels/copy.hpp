// Moving elements between geometries and element types.
#pragma once
#include <xgrad/tensor.hpp>

namespace xgrad::detail {

// target = source, which broadcasts to target's shape and is converted to its dtype. They may not overlap. Unrecorded;
// the version is the caller's business.
void copy_elements(const Tensor& target, const Tensor& source);
// Every element of the target = value.
void fill_elements(const Tensor& target, Scalar value);
// Whether a floating tensor has a NaN.
bool has_nan(const Tensor& tensor);

}  // namespace xgrad::detail
