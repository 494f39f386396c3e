// Views by geometry: what the tape needs of the shape family.
#pragma once
#include <xgrad/tensor.hpp>

namespace xgrad::detail {

// A recorded view of base's storage with this geometry; the offset counts from the storage's begin.
Tensor as_strided(const Tensor& base, const Shape& shape, const Shape& strides, std::int64_t offset, Here here);
// A recorded copy of base in which the region of this geometry is replaced by src. The gradient of base is zero there,
// that of src is the region.
Tensor as_strided_scatter(const Tensor& base, const Tensor& src, const Shape& shape, const Shape& strides,
                          std::int64_t offset, Here here);

}  // namespace xgrad::detail
