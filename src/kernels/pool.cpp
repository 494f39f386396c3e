#include "kernels/pool.hpp"

#include <algorithm>
#include <limits>

#include "kernels/parallel.hpp"

namespace xgrad::detail {
namespace {

std::int64_t planes_per_range(std::int64_t work) noexcept {
  return std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(1, work));
}

// Neighbouring windows go together, always this many: loops of a length known in advance become vector code without
// branches, which random values would mispredict.
constexpr std::int64_t together = 16;

template <class T>
struct Largest {
  alignas(64) T value[together];
  alignas(64) std::int32_t at[together];
};

// One element of each window: `step` apart in the input, known at compile time where Step is not 0.
template <std::int64_t Step, bool Indices, class T>
void take_larger(const T* from, std::int64_t step, std::int32_t index, std::int64_t begin, std::int64_t end,
                 Largest<T>& best) noexcept {
  const std::int64_t by = Step > 0 ? Step : step;
  alignas(64) T value[together];
  if (begin == 0 && end == together) {
    for (std::int64_t i = 0; i < together; ++i) value[i] = from[i * by];
  } else {
    std::fill(value, value + together, -std::numeric_limits<T>::infinity());
    for (std::int64_t i = begin; i < end; ++i) value[i] = from[i * by];
  }
  const auto advance = static_cast<std::int32_t>(by), first = static_cast<std::int32_t>(begin),
             last = static_cast<std::int32_t>(end);
  for (std::int32_t i = 0; i < together; ++i) {
    const T old = best.value[i];
    bool take = (value[i] > old) | (value[i] != value[i]);
    if constexpr (Indices) {
      const std::int32_t before = best.at[i];
      take = take | ((before < 0) & (i >= first) & (i < last));
      best.at[i] = take ? index + i * advance : before;
    }
    best.value[i] = take ? value[i] : old;
  }
}

// The windows x..x+together of row y, of which `count` exist. May read as far as `limit` where they do not.
template <std::int64_t Step, bool Indices, class T>
void max_windows(const PoolGeometry& g, std::int64_t y, std::int64_t x, std::int64_t count, const T* plane,
                 const T* limit, Largest<T>& best) noexcept {
  std::fill(best.value, best.value + together, -std::numeric_limits<T>::infinity());
  if constexpr (Indices) std::fill(best.at, best.at + together, -1);
  const std::int64_t step = Step > 0 ? Step : g.stride_w;
  for (std::int64_t p = 0; p < g.kernel_h; ++p) {
    const std::int64_t row = y * g.stride_h + p * g.dilation_h - g.padding_h;
    if (row < 0 || row >= g.height) continue;
    for (std::int64_t q = 0; q < g.kernel_w; ++q) {
      const std::int64_t column = x * step + q * g.dilation_w - g.padding_w, offset = row * g.width + column;
      std::int64_t begin = 0, end = count;
      if (column < 0) begin = std::min(count, (-column + step - 1) / step);
      if (column + (count - 1) * step >= g.width) end = std::max(begin, (g.width - column + step - 1) / step);
      if (begin == 0 && end == count && limit - plane - offset > (together - 1) * step) end = together;
      take_larger<Step, Indices>(plane + offset, step, static_cast<std::int32_t>(offset), begin, end, best);
    }
  }
}

template <std::int64_t Step, bool Indices, class T>
void max_planes(const PoolGeometry& g, const T* input, T* output, std::int32_t* indices) noexcept {
  const std::int64_t size = g.out_height * g.out_width, work = size * g.kernel_h * g.kernel_w;
  const T* const limit = input + g.planes * g.height * g.width;
  parallel_for(g.planes, planes_per_range(work), g.planes * work, [&](std::int64_t begin, std::int64_t end) {
    Largest<T> best;
    for (std::int64_t plane = begin; plane < end; ++plane)
      for (std::int64_t y = 0; y < g.out_height; ++y)
        for (std::int64_t x = 0; x < g.out_width; x += together) {
          const std::int64_t count = std::min(together, g.out_width - x), at = plane * size + y * g.out_width + x;
          max_windows<Step, Indices>(g, y, x, count, input + plane * g.height * g.width, limit, best);
          // What is written too far is overwritten by the next windows of this range.
          const std::int64_t written = at + together <= end * size ? together : count;
          if (written == together) {
            std::copy(best.value, best.value + together, output + at);
            if constexpr (Indices) std::copy(best.at, best.at + together, indices + at);
          } else {
            std::copy(best.value, best.value + written, output + at);
            if constexpr (Indices) std::copy(best.at, best.at + written, indices + at);
          }
        }
  });
}

template <std::int64_t Step, class T>
void max_planes(const PoolGeometry& g, const T* input, T* output, std::int32_t* indices) noexcept {
  if (indices)
    max_planes<Step, true>(g, input, output, indices);
  else
    max_planes<Step, false>(g, input, output, indices);
}

}  // namespace

template <class T>
void max_pool(const PoolGeometry& g, const T* input, T* output, std::int32_t* indices) noexcept {
  if (g.stride_w == 1)
    max_planes<1>(g, input, output, indices);
  else if (g.stride_w == 2)
    max_planes<2>(g, input, output, indices);
  else
    max_planes<0>(g, input, output, indices);
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
