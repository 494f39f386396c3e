// Sparse weighted sums along a dimension, as an operation.
#pragma once
#include <xgrad/tensor.hpp>

#include "kernels/taps.hpp"

namespace xgrad::detail {

// y[..., i, ...] = sum over k of weight[i][k] x[..., index[i][k], ...] along `dim`, under the name of whoever asks. Its
// adjoint is another one. x is floating and has taps.size elements along dim.
Tensor weighted_sums(const char* name, const Tensor& x, std::size_t dim, Taps taps, Here here);

}  // namespace xgrad::detail
