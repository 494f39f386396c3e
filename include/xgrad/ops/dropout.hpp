// Dropout: of elements, and of whole channels.
//
// Masks come from the default generator, one draw per call. Floating dtypes (DtypeError). ValueError unless
// 0 <= p <= 1.
#pragma once
#include <xgrad/tensor.hpp>

namespace xgrad {

// In training each element is 0 with probability p and else x / (1 - p), so that its mean stays; otherwise x itself.
// Any shape.
Tensor dropout(const Arg& x, double p = 0.5, bool training = true);

// The same of channels, which are dropped or kept as wholes (Tompson et al., arXiv:1411.4280): of x [N, C, L] or [C,
// L]; [N, C, H, W] or, as in PyTorch, [N, C, L]; [N, C, D, H, W] or [C, D, H, W]. ShapeError otherwise.
Tensor dropout1d(const Arg& x, double p = 0.5, bool training = true);
Tensor dropout2d(const Arg& x, double p = 0.5, bool training = true);
Tensor dropout3d(const Arg& x, double p = 0.5, bool training = true);

// Dropout that keeps mean 0 and variance 1 behind selu (Klambauer et al., arXiv:1706.02515). In training an element is
// -s with probability p and else stays, s = 1.7581 being selu's limit at -infinity; then all go through the map
// a x + a p s with a = 1 / sqrt((1 - p) (1 + p s^2)). For p = 1 all are 0. Any shape.
Tensor alpha_dropout(const Arg& x, double p = 0.5, bool training = true);
// The same of channels, as wholes: x [N, C, ...]. ShapeError for less than two dimensions.
Tensor feature_alpha_dropout(const Arg& x, double p = 0.5, bool training = true);

}  // namespace xgrad
