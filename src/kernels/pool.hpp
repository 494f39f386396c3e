// Loops over the windows of image planes.
#pragma once
#include <cstdint>
#include <vector>

namespace xgrad::detail {

struct PoolGeometry {
  std::int64_t planes, height, width, out_height, out_width;
  std::int64_t kernel_h, kernel_w, stride_h, stride_w, padding_h, padding_w, dilation_h, dilation_w;
};

// The maximum of each window, -infinity where it has no element; NaN wins. indices, where asked for, are y * width + x
// of the first maximum, -1 for none.
template <class T>
void max_pool(const PoolGeometry& g, const T* input, T* output, std::int32_t* indices) noexcept;

// out[plane][i] = input[plane][indices[plane][i]], 0 for index -1.
template <class T>
void gather_planes(std::int64_t planes, std::int64_t size, std::int64_t plane, const std::int32_t* indices,
                   const T* input, T* output) noexcept;
// The adjoint: adds each element of output to its place in input, which is set to 0 before unless accumulate.
template <class T>
void scatter_planes(std::int64_t planes, std::int64_t size, std::int64_t plane, const std::int32_t* indices,
                    const T* output, T* input, bool accumulate) noexcept;

// Windows made of a range of rows and a range of columns; their sums are divided by rows.divisor * cols.divisor.
struct PoolRange {
  std::int64_t begin, end;
  double divisor;
};
struct MeanGeometry {
  std::int64_t planes, height, width;
  std::vector<PoolRange> rows, cols;
};

template <class T>
void mean_pool(const MeanGeometry& g, const T* input, T* output) noexcept;
// The adjoint: spreads each element of output over its window.
template <class T>
void spread_means(const MeanGeometry& g, const T* output, T* input) noexcept;

}  // namespace xgrad::detail
