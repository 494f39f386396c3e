// Products of a matrix and a vector: one pass over the matrix, as it lies.
#pragma once
#include "kernels/blas.hpp"

namespace xgrad::detail {

// For m == 1 or n == 1, on this thread. With accumulate the product is added to C, which else is overwritten.
template <class T>
void gemv(const Product<T>& p, bool accumulate) noexcept;

}  // namespace xgrad::detail
