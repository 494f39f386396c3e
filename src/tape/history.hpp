// The history of a tensor as it is now.
#pragma once
#include "tape/node.hpp"

namespace xgrad::detail {

// The tensor under an identity of its own: the same memory, geometry and history, which later changes in place do not
// touch. No view.
Tensor with_history(const Tensor& tensor);

}  // namespace xgrad::detail
