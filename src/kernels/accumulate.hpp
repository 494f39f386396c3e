// Sums into strided places.
#pragma once
#include <xgrad/tensor.hpp>

namespace xgrad::detail {

// target += source, element by element; same shape and dtype, which computes (bool: or). Where elements of the target
// coincide, all of their values are added, in row-major order. Unrecorded; the version is the caller's business.
void add_elements(const Tensor& target, const Tensor& source, bool target_overlaps = false);

}  // namespace xgrad::detail
