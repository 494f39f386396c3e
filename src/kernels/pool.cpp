#include "kernels/pool.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "kernels/parallel.hpp"
#include "kernels/rows.hpp"

namespace xgrad::detail {
namespace {

std::int64_t planes_per_range(std::int64_t work) noexcept {
  return std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(1, work));
}

// Neighbouring windows go together, a vector register of them: random values would mispredict every other branch.
template <class T>
struct Pack {
  using Index = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  static constexpr std::int64_t size = lane_count<T>;
  typedef T Values __attribute__((vector_size(sizeof(T) * lane_count<T>)));
  typedef Index Indices __attribute__((vector_size(sizeof(T) * lane_count<T>)));

  // Elements `step` apart, Step where it is known at compile time. Step 2 reads one element too many.
  template <std::int64_t Step>
  static void load(const T* from, std::int64_t step, Values& to) noexcept {
    if constexpr (Step == 1) {
      std::memcpy(&to, from, sizeof(to));
    } else if constexpr (Step == 2) {
      Values low, high;
      std::memcpy(&low, from, sizeof(low));
      std::memcpy(&high, from + size, sizeof(high));
      [&]<int... I>(std::integer_sequence<int, I...>) { to = __builtin_shufflevector(low, high, (2 * I)...); }
      (std::make_integer_sequence<int, static_cast<int>(size)>());
    } else {
      for (std::int64_t i = 0; i < size; ++i) to[i] = from[i * step];
    }
  }
};

template <class T>
struct Largest {
  typename Pack<T>::Values value;
  typename Pack<T>::Indices at;
};

// The windows x..x+size of row y, of which `count` exist. May read as far as `limit` where they do not.
template <std::int64_t Step, bool Indices, class T>
void max_of_row(const PoolGeometry& g, std::int64_t y, std::int64_t x, std::int64_t count, const T* plane,
                const T* limit, Largest<T>& result) noexcept {
  using P = Pack<T>;
  using Index = typename P::Index;
  const std::int64_t step = Step > 0 ? Step : g.stride_w;
  constexpr T lowest = -std::numeric_limits<T>::infinity();
  const typename P::Values none = {};
  typename P::Values best = none + lowest;
  typename P::Indices at = {}, lanes;
  at -= 1;
  for (std::int64_t i = 0; i < P::size; ++i) lanes[i] = static_cast<Index>(i);
  const typename P::Indices apart = lanes * static_cast<Index>(step);
  const std::int64_t top = y * g.stride_h - g.padding_h, left = x * step - g.padding_w;
  const std::int64_t down = (g.kernel_h - 1) * g.dilation_h, right = (g.kernel_w - 1) * g.dilation_w;
  const bool whole = top >= 0 && top + down < g.height && left >= 0 && left + right + (count - 1) * step < g.width &&
                     limit - plane - ((top + down) * g.width + left + right) >= P::size * step;
  if (whole) {
    const T* from = plane + top * g.width + left;
    P::template load<Step>(from, step, best);
    if constexpr (Indices) at = apart + static_cast<Index>(top * g.width + left);
    for (std::int64_t p = 0; p < g.kernel_h; ++p)
      for (std::int64_t q = p == 0; q < g.kernel_w; ++q) {
        const std::int64_t offset = p * g.dilation_h * g.width + q * g.dilation_w;
        typename P::Values value;
        P::template load<Step>(from + offset, step, value);
        const typename P::Indices take = (value > best) | (value != value);
        best = take ? value : best;
        if constexpr (Indices) at = take ? apart + static_cast<Index>(top * g.width + left + offset) : at;
      }
    result.value = best;
    result.at = at;
    return;
  }
  for (std::int64_t p = 0; p < g.kernel_h; ++p) {
    const std::int64_t row = y * g.stride_h + p * g.dilation_h - g.padding_h;
    if (row < 0 || row >= g.height) continue;
    for (std::int64_t q = 0; q < g.kernel_w; ++q) {
      const std::int64_t column = x * step + q * g.dilation_w - g.padding_w, offset = row * g.width + column;
      const bool inside = column >= 0 && column + (count - 1) * step < g.width;
      typename P::Values value;
      // Without indices nothing tells a window of -infinities from an empty one.
      typename P::Indices first = {};
      if constexpr (Indices) first = at < 0;
      if (inside && limit - plane - offset >= P::size * step) {
        P::template load<Step>(plane + offset, step, value);
      } else {
        const std::int64_t begin = column < 0 ? std::min(count, (-column + step - 1) / step) : 0;
        const std::int64_t end = std::clamp((g.width - column + step - 1) / step, begin, count);
        value = none + lowest;
        for (std::int64_t i = begin; i < end; ++i) value[i] = plane[offset + i * step];
        first &= (lanes >= static_cast<Index>(begin)) & (lanes < static_cast<Index>(end));
      }
      const typename P::Indices take = (value > best) | (value != value) | first;
      best = take ? value : best;
      if constexpr (Indices) at = take ? apart + static_cast<Index>(offset) : at;
    }
  }
  result.value = best;
  result.at = at;
}

template <std::int64_t Step, bool Indices, class T>
void max_planes(const PoolGeometry& g, const T* input, T* output, std::int32_t* indices) noexcept {
  constexpr std::int64_t together = Pack<T>::size;
  const std::int64_t size = g.out_height * g.out_width, work = size * g.kernel_h * g.kernel_w;
  const T* const limit = input + g.planes * g.height * g.width;
  parallel_for(g.planes, planes_per_range(work), g.planes * work, [&](std::int64_t begin, std::int64_t end) {
    Largest<T> best;
    for (std::int64_t plane = begin; plane < end; ++plane)
      for (std::int64_t y = 0; y < g.out_height; ++y)
        for (std::int64_t x = 0; x < g.out_width; x += together) {
          const std::int64_t count = std::min(together, g.out_width - x), at = plane * size + y * g.out_width + x;
          max_of_row<Step, Indices>(g, y, x, count, input + plane * g.height * g.width, limit, best);
          // What is written too far is overwritten by the next windows of this range.
          if (at + together <= end * size) {
            std::memcpy(output + at, &best.value, sizeof(best.value));
            if constexpr (Indices)
              for (std::int64_t i = 0; i < together; ++i) indices[at + i] = static_cast<std::int32_t>(best.at[i]);
          } else {
            for (std::int64_t i = 0; i < count; ++i) {
              output[at + i] = best.value[i];
              if constexpr (Indices) indices[at + i] = static_cast<std::int32_t>(best.at[i]);
            }
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
void max_windows(const MaxGeometry& g, const T* input, T* output, std::int32_t* indices) noexcept {
  const auto size = static_cast<std::int64_t>(g.slices.size() * g.rows.size() * g.cols.size());
  const std::int64_t plane = g.depth * g.height * g.width, work = plane + size;
  parallel_for(g.planes, planes_per_range(work), g.planes * work, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t p = begin; p < end; ++p) {
      const T* from = input + p * plane;
      std::int64_t i = p * size;
      for (const WindowRange& s : g.slices)
        for (const WindowRange& r : g.rows)
          for (const WindowRange& c : g.cols) {
            const bool empty = s.begin >= s.end || r.begin >= r.end || c.begin >= c.end;
            std::int64_t at = empty ? -1 : (s.begin * g.height + r.begin) * g.width + c.begin;
            T best = empty ? -std::numeric_limits<T>::infinity() : from[at];
            for (std::int64_t z = s.begin; z < s.end; z += s.step)
              for (std::int64_t y = r.begin; y < r.end; y += r.step) {
                const std::int64_t row = (z * g.height + y) * g.width;
                for (std::int64_t x = c.begin; x < c.end; x += c.step) {
                  const T value = from[row + x];
                  // Selected, not branched to: random values would mispredict every other time.
                  const bool take = static_cast<int>(value > best) | static_cast<int>(value != value);
                  best = take ? value : best;
                  at = take ? row + x : at;
                }
              }
            output[i] = best;
            if (indices) indices[i] = static_cast<std::int32_t>(at);
            ++i;
          }
    }
  });
}
template void max_windows(const MaxGeometry&, const float*, float*, std::int32_t*) noexcept;
template void max_windows(const MaxGeometry&, const double*, double*, std::int32_t*) noexcept;

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
void put_planes(std::int64_t planes, std::int64_t size, std::int64_t plane, const std::int32_t* indices,
                const T* output, T* input) noexcept {
  parallel_for(planes, planes_per_range(size + plane), planes * (size + plane),
               [=](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t p = begin; p < end; ++p) {
                   T* to = input + p * plane;
                   std::fill(to, to + plane, T(0));
                   for (std::int64_t i = p * size; i < (p + 1) * size; ++i) to[indices[i]] = output[i];
                 }
               });
}
template void put_planes(std::int64_t, std::int64_t, std::int64_t, const std::int32_t*, const float*, float*) noexcept;
template void put_planes(std::int64_t, std::int64_t, std::int64_t, const std::int32_t*, const double*,
                         double*) noexcept;

template <class T>
void mean_pool(const MeanGeometry& g, const T* input, T* output) noexcept {
  const auto size = static_cast<std::int64_t>(g.slices.size() * g.rows.size() * g.cols.size());
  const std::int64_t plane = g.depth * g.height * g.width;
  parallel_for(g.planes, planes_per_range(plane), g.planes * plane, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t p = begin; p < end; ++p) {
      T* to = output + p * size;
      for (const PoolRange& s : g.slices)
        for (const PoolRange& r : g.rows)
          for (const PoolRange& c : g.cols) {
            T sum = 0;
            for (std::int64_t z = s.begin; z < s.end; ++z)
              for (std::int64_t y = r.begin; y < r.end; ++y) {
                const T* from = input + p * plane + (z * g.height + y) * g.width;
                for (std::int64_t x = c.begin; x < c.end; ++x) sum += from[x];
              }
            *to++ = sum / static_cast<T>(s.divisor * r.divisor * c.divisor);
          }
    }
  });
}
template void mean_pool(const MeanGeometry&, const float*, float*) noexcept;
template void mean_pool(const MeanGeometry&, const double*, double*) noexcept;

template <class T>
void spread_means(const MeanGeometry& g, const T* output, T* input) noexcept {
  const auto size = static_cast<std::int64_t>(g.slices.size() * g.rows.size() * g.cols.size());
  const std::int64_t plane = g.depth * g.height * g.width;
  parallel_for(g.planes, planes_per_range(plane), g.planes * plane, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t p = begin; p < end; ++p) {
      T* volume = input + p * plane;
      std::fill(volume, volume + plane, T(0));
      const T* from = output + p * size;
      for (const PoolRange& s : g.slices)
        for (const PoolRange& r : g.rows)
          for (const PoolRange& c : g.cols) {
            const T share = *from++ / static_cast<T>(s.divisor * r.divisor * c.divisor);
            for (std::int64_t z = s.begin; z < s.end; ++z)
              for (std::int64_t y = r.begin; y < r.end; ++y)
                for (std::int64_t x = c.begin; x < c.end; ++x) volume[(z * g.height + y) * g.width + x] += share;
          }
    }
  });
}
template void spread_means(const MeanGeometry&, const float*, float*) noexcept;
template void spread_means(const MeanGeometry&, const double*, double*) noexcept;

}  // namespace xgrad::detail
