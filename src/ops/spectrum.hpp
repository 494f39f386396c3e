// What the gradients of eigenvectors and singular vectors share.
#pragma once
#include "tape/node.hpp"

namespace xgrad::detail {

// a / b, but 0 where both are 0, of which no derivative comes. Recorded.
Tensor quotient(const Tensor& a, const Tensor& b, Here here);
// x - x^T.
Tensor skew(const Tensor& x, Here here);
// d[..., i, j] = values[..., j] - values[..., i].
Tensor differences(const Tensor& values, Here here);

}  // namespace xgrad::detail
