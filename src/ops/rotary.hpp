// Angles that grow with the position.
#pragma once
#include <xgrad/tensor.hpp>

#include <cstdint>

namespace xgrad::detail {

// cos and sin of (offset + p) base^(-2 i / size): [2, length, pairs].
Tensor position_waves(std::int64_t length, std::int64_t pairs, std::int64_t size, double base, std::int64_t offset,
                      Dtype dtype);

}  // namespace xgrad::detail
