// Products of few rows with the rows of a long matrix: C = A B^T, what a linear layer does to a small batch.
#pragma once
#include "kernels/blas.hpp"

namespace xgrad::detail {

// Whether gemm_few takes this product and is faster than a BLAS, which copies all of B before it multiplies a few rows.
template <class T>
bool few_rows_pay(const Product<T>& p) noexcept;

template <class T>
std::int64_t most_few_rows() noexcept;

// For up to most_few_rows rows, on this thread. A bias is taken to be in C already.
template <class T>
void gemm_few(const Product<T>& p, bool accumulate) noexcept;

}  // namespace xgrad::detail
