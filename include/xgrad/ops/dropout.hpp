// Dropout.
#pragma once
#include <xgrad/tensor.hpp>

namespace xgrad {

// In training each element is 0 with probability p and else x / (1 - p), so that its mean stays; otherwise x itself.
// The mask comes from the default generator, one draw per call. Any shape; floating dtypes (DtypeError). ValueError
// unless 0 <= p <= 1.
Tensor dropout(const Arg& x, double p = 0.5, bool training = true);

}  // namespace xgrad
