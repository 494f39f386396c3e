// What the rooms of pooling share: checks and sizes.
#pragma once
#include <xgrad/ops/pool.hpp>
#include <xgrad/tensor.hpp>

#include <algorithm>
#include <vector>

#include "core/check.hpp"
#include "kernels/pool.hpp"
#include "ops/window.hpp"

namespace xgrad::detail {

inline std::int64_t pooled_size(std::int64_t size, std::int64_t kernel, std::int64_t stride, std::int64_t padding,
                                std::int64_t dilation, bool ceil_mode) noexcept {
  const std::int64_t room = size + 2 * padding - dilation * (kernel - 1) - 1;
  if (room < 0 && (!ceil_mode || room + stride - 1 < 0)) return 0;
  std::int64_t count = (room + (ceil_mode ? stride - 1 : 0)) / stride + 1;
  if (ceil_mode && (count - 1) * stride >= size + padding) --count;
  return count;
}

// The checked sizes of a pooled input. ValueError, ShapeError.
inline Sizes pooled_sizes(const char* op, const Shape& shape, const Window& w, bool ceil_mode, Here here) {
  const Sizes size = spatial_sizes(shape, w.rank);
  Sizes out{};
  for (std::size_t i = 0; i < 3; ++i)
    check<ValueError>(w.kernel[i] > 0, here, "{}: expected a positive kernel_size, got {}", op, w.shown(w.kernel));
  for (std::size_t i = 0; i < 3; ++i)
    check<ValueError>(w.padding[i] >= 0 && w.padding[i] <= w.kernel[i] / 2, here,
                      "{}: expected padding between 0 and half of kernel_size {}, got {}", op, w.shown(w.kernel),
                      w.shown(w.padding));
  check_window(op, w, here);
  for (std::size_t i = 0; i < 3; ++i)
    out[i] = size[i] > 0 ? pooled_size(size[i], w.kernel[i], w.stride[i], w.padding[i], w.dilation[i], ceil_mode) : 0;
  check<ShapeError>(volume(out) > 0, here, "{}: window {} with dilation {} does not fit input {} with padding {}", op,
                    w.shown(w.kernel), w.shown(w.dilation), shape, w.shown(w.padding));
  return out;
}

// The output's sizes of adaptive pooling. ShapeError, ValueError.
using AdaptiveSizes = std::array<std::optional<std::int64_t>, 3>;
inline AdaptiveSizes adaptive_sizes(std::int64_t width) noexcept { return {1, 1, width}; }
inline AdaptiveSizes adaptive_sizes(const AdaptivePair& size) noexcept { return {1, size.h, size.w}; }
inline AdaptiveSizes adaptive_sizes(const AdaptiveTriple& size) noexcept { return {size.d, size.h, size.w}; }
inline Sizes check_adaptive(const char* op, const Tensor& x, std::size_t rank, const AdaptiveSizes& wanted, Here here) {
  check_batched(op, x, rank, here);
  const Sizes size = spatial_sizes(x.sizes(), rank);
  check<ShapeError>(volume(size) > 0, here, "{}: expected input with elements, got {}", op, x.sizes());
  Sizes out{};
  for (std::size_t i = 0; i < 3; ++i) {
    out[i] = wanted[i].value_or(size[i]);
    check<ValueError>(out[i] >= 0, here, "{}: expected no negative output_size, got {}", op, out[i]);
  }
  return out;
}

// ValueError for what no fractional pooling has.
inline void check_fractional(const char* op, std::size_t rank, const FractionalMaxPoolOptions& o, Here here) {
  check<ValueError>(o.output_size.given() != o.output_ratio.given(), here,
                    "{}: expected one of output_size and output_ratio", op);
  const std::vector<double> ratios = o.output_ratio.list(rank);
  const std::size_t count = o.output_size.given() ? o.output_size.list(rank).size() : ratios.size();
  check<ValueError>(count == rank, here, "{}: expected one number or {}, got {}", op, rank, count);
  for (const double ratio : ratios)
    check<ValueError>(ratio > 0 && ratio < 1, here, "{}: expected output_ratio between 0 and 1, got {}", op, ratio);
}

// The windows of adaptive pooling along one dimension: they cover it evenly.
inline PoolRange even_range(std::int64_t i, std::int64_t count, std::int64_t size) noexcept {
  const std::int64_t begin = i * size / count, end = ((i + 1) * size + count - 1) / count;
  return {begin, end, static_cast<double>(end - begin)};
}

// The mean of windows, under the name of whoever asks. Its adjoint spreads.
struct AvgOptions {
  bool ceil_mode = false, count_include_pad = true;
  std::optional<std::int64_t> divisor_override{};
};
Tensor avg_pool(const char* op, const Tensor& x, const Window& window, const AvgOptions& options, Here here);
Tensor adaptive_avg_pool(const char* op, const Tensor& x, std::size_t rank, const AdaptiveSizes& output_size,
                         Here here);

}  // namespace xgrad::detail
