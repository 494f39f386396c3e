// What set_float32_matmul_precision() allows the kernels.
#pragma once

namespace xgrad::detail {

// Whether float32 operands may be rounded to bfloat16.
bool allows_bfloat16() noexcept;

}  // namespace xgrad::detail
