#include "kernels/pool.hpp"

#include <algorithm>
#include <limits>

#include "kernels/parallel.hpp"

namespace xgrad::detail {
namespace {

std::int64_t planes_per_range(std::int64_t work) noexcept {
  return std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(1, work));
}

// One element of the window over a row of windows: step known at compile time where Step is not 0.
template <std::int64_t Step, class T>
void take_larger(std::int64_t count, const T* from, std::int64_t step, std::int32_t index, T* best,
                 std::int32_t* where) noexcept {
  const std::int64_t by = Step > 0 ? Step : step;
  if (!where) {
    for (std::int64_t i = 0; i < count; ++i) {
      const T value = from[i * by];
      const bool take = (value > best[i]) | (value != value);
      best[i] = take ? value : best[i];
    }
    return;
  }
  const auto advance = static_cast<std::int32_t>(by);
  for (std::int64_t i = 0; i < count; ++i) {
    const T value = from[i * by], old = best[i];
    const std::int32_t at = index + static_cast<std::int32_t>(i) * advance, before = where[i];
    const bool take = (value > old) | (value != value) | (before < 0);
    best[i] = take ? value : old;
    where[i] = take ? at : before;
  }
}

template <class T>
void max_row(const PoolGeometry& g, std::int64_t y, const T* plane, T* best, std::int32_t* where) noexcept {
  std::fill(best, best + g.out_width, -std::numeric_limits<T>::infinity());
  if (where) std::fill(where, where + g.out_width, -1);
  for (std::int64_t p = 0; p < g.kernel_h; ++p) {
    const std::int64_t row = y * g.stride_h + p * g.dilation_h - g.padding_h;
    if (row < 0 || row >= g.height) continue;
    for (std::int64_t q = 0; q < g.kernel_w; ++q) {
      const std::int64_t offset = q * g.dilation_w - g.padding_w;
      if (offset >= g.width) continue;
      const std::int64_t begin = offset < 0 ? (-offset + g.stride_w - 1) / g.stride_w : 0;
      const std::int64_t end = std::min(g.out_width, (g.width - 1 - offset) / g.stride_w + 1);
      if (begin >= end) continue;
      const std::int64_t first = row * g.width + offset + begin * g.stride_w;
      const auto index = static_cast<std::int32_t>(first);
      std::int32_t* const to = where ? where + begin : nullptr;
      if (g.stride_w == 1)
        take_larger<1>(end - begin, plane + first, 1, index, best + begin, to);
      else if (g.stride_w == 2)
        take_larger<2>(end - begin, plane + first, 2, index, best + begin, to);
      else
        take_larger<0>(end - begin, plane + first, g.stride_w, index, best + begin, to);
    }
  }
}

}  // namespace

template <class T>
void max_pool(const PoolGeometry& g, const T* input, T* output, std::int32_t* indices) noexcept {
  const std::int64_t size = g.out_height * g.out_width, work = size * g.kernel_h * g.kernel_w;
  parallel_for(g.planes, planes_per_range(work), g.planes * work, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t plane = begin; plane < end; ++plane)
      for (std::int64_t y = 0; y < g.out_height; ++y) {
        const std::int64_t at = plane * size + y * g.out_width;
        max_row(g, y, input + plane * g.height * g.width, output + at, indices ? indices + at : nullptr);
      }
  });
}
template void max_pool(const PoolGeometry&, const float*, float*, std::int32_t*) noexcept;
template void max_pool(const PoolGeometry&, const double*, double*, std::int32_t*) noexcept;

template <class T>
void gather_planes(std::int64_t planes, std::int64_t size, std::int64_t plane, const std::int32_t* indices,
                   const T* input, T* output) noexcept {
  parallel_for(planes, planes_per_range(size), planes * size, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t p = begin; p < end; ++p)
      for (std::int64_t i = p * size; i < (p + 1) * size; ++i)
        output[i] = indices[i] < 0 ? T(0) : input[p * plane + indices[i]];
  });
}
template void gather_planes(std::int64_t, std::int64_t, std::int64_t, const std::int32_t*, const float*,
                            float*) noexcept;
template void gather_planes(std::int64_t, std::int64_t, std::int64_t, const std::int32_t*, const double*,
                            double*) noexcept;

template <class T>
void scatter_planes(std::int64_t planes, std::int64_t size, std::int64_t plane, const std::int32_t* indices,
                    const T* output, T* input, bool accumulate) noexcept {
  parallel_for(planes, planes_per_range(size + plane), planes * (size + plane),
               [=](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t p = begin; p < end; ++p) {
                   T* to = input + p * plane;
                   if (!accumulate) std::fill(to, to + plane, T(0));
                   for (std::int64_t i = p * size; i < (p + 1) * size; ++i)
                     if (indices[i] >= 0) to[indices[i]] += output[i];
                 }
               });
}
template void scatter_planes(std::int64_t, std::int64_t, std::int64_t, const std::int32_t*, const float*, float*,
                             bool) noexcept;
template void scatter_planes(std::int64_t, std::int64_t, std::int64_t, const std::int32_t*, const double*, double*,
                             bool) noexcept;

template <class T>
void mean_pool(const MeanGeometry& g, const T* input, T* output) noexcept {
  const auto rows = static_cast<std::int64_t>(g.rows.size()), cols = static_cast<std::int64_t>(g.cols.size());
  const std::int64_t plane = g.height * g.width;
  parallel_for(g.planes, planes_per_range(plane), g.planes * plane, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t p = begin; p < end; ++p) {
      T* to = output + p * rows * cols;
      for (const PoolRange& r : g.rows)
        for (const PoolRange& c : g.cols) {
          T sum = 0;
          for (std::int64_t y = r.begin; y < r.end; ++y) {
            const T* from = input + p * plane + y * g.width;
            for (std::int64_t x = c.begin; x < c.end; ++x) sum += from[x];
          }
          *to++ = sum / static_cast<T>(r.divisor * c.divisor);
        }
    }
  });
}
template void mean_pool(const MeanGeometry&, const float*, float*) noexcept;
template void mean_pool(const MeanGeometry&, const double*, double*) noexcept;

template <class T>
void spread_means(const MeanGeometry& g, const T* output, T* input) noexcept {
  const auto rows = static_cast<std::int64_t>(g.rows.size()), cols = static_cast<std::int64_t>(g.cols.size());
  const std::int64_t plane = g.height * g.width;
  parallel_for(g.planes, planes_per_range(plane), g.planes * plane, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t p = begin; p < end; ++p) {
      T* image = input + p * plane;
      std::fill(image, image + plane, T(0));
      const T* from = output + p * rows * cols;
      for (const PoolRange& r : g.rows)
        for (const PoolRange& c : g.cols) {
          const T share = *from++ / static_cast<T>(r.divisor * c.divisor);
          for (std::int64_t y = r.begin; y < r.end; ++y)
            for (std::int64_t x = c.begin; x < c.end; ++x) image[y * g.width + x] += share;
        }
    }
  });
}
template void spread_means(const MeanGeometry&, const float*, float*) noexcept;
template void spread_means(const MeanGeometry&, const double*, double*) noexcept;

}  // namespace xgrad::detail
