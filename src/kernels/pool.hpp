// Loops over the windows of planes (images or volumes).
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

// Windows of volumes, each with its own extent along each dimension.
struct WindowRange {
  std::int64_t begin, end, step;
};
struct MaxGeometry {
  std::int64_t planes, depth, height, width;
  std::vector<WindowRange> slices, rows, cols;
};
// The same for these; indices are (z * height + y) * width + x.
template <class T>
void max_windows(const MaxGeometry& g, const T* input, T* output, std::int32_t* indices) noexcept;

// out[plane][i] = input[plane][indices[plane][i]], 0 for index -1.
template <class T>
void gather_planes(std::int64_t planes, std::int64_t size, std::int64_t plane, const std::int32_t* indices,
                   const T* input, T* output) noexcept;
// The adjoint: adds each element of output to its place in input, which is set to 0 before unless accumulate.
template <class T>
void scatter_planes(std::int64_t planes, std::int64_t size, std::int64_t plane, const std::int32_t* indices,
                    const T* output, T* input, bool accumulate) noexcept;

// input is 0 but input[plane][indices[plane][i]] = output[plane][i], the last one where indices are equal.
template <class T>
void put_planes(std::int64_t planes, std::int64_t size, std::int64_t plane, const std::int32_t* indices,
                const T* output, T* input) noexcept;

// Windows made of a range along each dimension; their sums are divided by the product of the divisors.
struct PoolRange {
  std::int64_t begin, end;
  double divisor;
};
struct MeanGeometry {
  std::int64_t planes, depth, height, width;
  std::vector<PoolRange> slices, rows, cols;
};

template <class T>
void mean_pool(const MeanGeometry& g, const T* input, T* output) noexcept;
// The adjoint: spreads each element of output over its window.
template <class T>
void spread_means(const MeanGeometry& g, const T* output, T* input) noexcept;

}  // namespace xgrad::detail
