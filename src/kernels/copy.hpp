// Moving elements between geometries and element types.
#pragma once
#include <xgrad/tensor.hpp>

#include <cstdint>

namespace xgrad::detail {

// target = source, which broadcasts to target's shape and is converted to its dtype. They may not overlap. Unrecorded;
// the version is the caller's business.
void copy_elements(const Tensor& target, const Tensor& source);
// The same for a target that nobody reads soon: a large one is written past the caches.
void stream_elements(const Tensor& target, const Tensor& source);
// Every element of the target = value.
void fill_elements(const Tensor& target, Scalar value);
// to[j][i] = from[i][j] for a matrix [rows, cols] of adjacent columns, float or double; on this thread.
template <class T>
void transpose_matrix(std::int64_t rows, std::int64_t cols, const T* from, std::int64_t from_row, T* to,
                      std::int64_t to_row) noexcept;
// Whether a floating tensor has a NaN.
bool has_nan(const Tensor& tensor);

}  // namespace xgrad::detail
