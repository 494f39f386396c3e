// One pass over a parameter, its gradient and its state: what every optimizer's step is made of.
#pragma once
#include <xgrad/optim/optimizer.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/check.hpp"
#include "core/dispatch.hpp"
#include "core/tensor_impl.hpp"
#include "kernels/parallel.hpp"
#include "kernels/row_gradient.hpp"

namespace xgrad::optim {

inline Tensor zeros_for(const Tensor& parameter) {
  Tensor zeros = detail::make_tensor(parameter.sizes(), parameter.dtype());
  if (zeros.numel() > 0)
    std::memset(detail::impl(zeros).raw(), 0, static_cast<std::size_t>(zeros.numel() * element_size(zeros.dtype())));
  return zeros;
}

// What a pass is told of its kernel.
struct Pass {
  // Of one element, in simple operations.
  std::int64_t cost = 1;
  // Whether zeros in gradient and state leave parameter and state as they are. A row that never had a gradient is then
  // left out.
  bool rests = false;
  // The length of a range.
  std::int64_t grain = 32768;
};

// Pointers into the first N state tensors.
template <class T, std::size_t N>
struct StatePointers {
  std::array<T*, N> s{};
  explicit StatePointers(const ParameterState& state) {
    for (std::size_t k = 0; k != N; ++k) s[k] = detail::data<T>(state.tensors[k].second);
  }
  std::array<T*, N> at(std::int64_t offset) const {
    std::array<T*, N> part = s;
    for (T*& pointer : part) pointer += offset;
    return part;
  }
};

// The used rows of several tables lie in no order that the processor could foresee: it is told of them so many rows
// before.
inline constexpr std::int64_t rows_ahead = 6;

// Fetches the beginning of a row of n elements; what is behind it, the processor foresees.
template <class T>
void prefetch_row(const T* row, std::int64_t n) {
  const auto* bytes = reinterpret_cast<const char*>(row);
  const std::size_t size = std::min<std::size_t>(static_cast<std::size_t>(n) * sizeof(T), 512);
  for (std::size_t at = 0; at < size; at += 64) __builtin_prefetch(bytes + at);
}

// Calls kernel(p, g, s, n) for ranges of contiguous memory; s has a pointer into each of the first N state tensors. A
// parameter that is not contiguous is updated in a copy.
template <std::size_t N, class Kernel>
void fused_update(const Tensor& parameter, const Tensor& gradient, const ParameterState& state, const Pass& pass,
                  Kernel&& kernel) {
  const std::int64_t count = parameter.numel();
  const Tensor target = detail::dense(parameter);
  Tensor slope = detail::dense(gradient);
  // The kernels are compiled on the promise that nothing overlaps.
  if (detail::impl(slope).storage == detail::impl(target).storage) slope = slope.clone();
  detail::dispatch_floating(parameter.dtype(), [&]<class T>() {
    T* p = detail::data<T>(target);
    const T* g = detail::data<T>(slope);
    const StatePointers<T, N> s(state);
    detail::parallel_for(count, pass.grain, count * pass.cost, [&](std::int64_t begin, std::int64_t end) {
      kernel(p + begin, g + begin, s.at(begin), end - begin);
    });
  });
  if (target.is_same(parameter))
    detail::bump_version(parameter);
  else
    parameter.copy_(target);
}

// The same for a contiguous table and its gradient by rows: g is a row of it, or zeros for neighbours without one. Each
// element gets what it would get from the whole gradient, which would cost a table to write and to read.
template <std::size_t N, class Kernel>
void fused_update(const Tensor& parameter, const detail::RowGradient& gradient, const ParameterState& state,
                  const Pass& pass, Kernel&& kernel) {
  const std::int64_t columns = std::max<std::int64_t>(gradient.values.sizes().back(), 1);
  const std::vector<std::int64_t> places = detail::places_of_rows(gradient);
  const std::int64_t* place = places.data();
  detail::dispatch_floating(parameter.dtype(), [&]<class T>() {
    T* p = detail::data<T>(parameter);
    const T* values = detail::data<T>(gradient.values);
    const StatePointers<T, N> s(state);
    // Few enough to stay in the nearest cache.
    const std::int64_t most = std::max<std::int64_t>(2048 / columns, 1);
    const std::vector<T> zeros(static_cast<std::size_t>(most * columns));
    const auto at_rest = [&](std::int64_t row) {
      if (!pass.rests || place[row] >= 0) return false;
      for (const T* tensor : s.at(row * columns))
        if (std::memcmp(tensor, zeros.data(), static_cast<std::size_t>(columns) * sizeof(T)) != 0) return false;
      return true;
    };
    detail::parallel_for(
        parameter.numel() / columns, pass.grain / columns + 1, parameter.numel() * pass.cost,
        [&](std::int64_t begin, std::int64_t end) {
          while (begin < end) {
            std::int64_t next = begin + 1;
            if (const std::int64_t later = begin + 4 * rows_ahead; later < end) {
              for (const T* tensor : s.at(later * columns)) prefetch_row(tensor, columns);
              if (place[later] >= 0) {
                prefetch_row(p + later * columns, columns);
                prefetch_row(values + place[later] * columns, columns);
              }
            }
            if (place[begin] >= 0) {
              kernel(p + begin * columns, values + place[begin] * columns, s.at(begin * columns), columns);
            } else if (!at_rest(begin)) {
              while (next < end && next - begin < most && place[next] < 0 && !at_rest(next)) ++next;
              kernel(p + begin * columns, zeros.data(), s.at(begin * columns), (next - begin) * columns);
            }
            begin = next;
          }
        });
  });
  detail::bump_version(parameter);
}

// The same for nothing but the rows with a gradient.
template <std::size_t N, class Kernel>
void fused_update_used(const Tensor& parameter, const detail::RowGradient& gradient, const ParameterState& state,
                       const Pass& pass, Kernel&& kernel) {
  const std::int64_t columns = gradient.values.sizes().back(), *index = detail::data<std::int64_t>(gradient.index);
  detail::dispatch_floating(parameter.dtype(), [&]<class T>() {
    T* p = detail::data<T>(parameter);
    const T* values = detail::data<T>(gradient.values);
    const StatePointers<T, N> s(state);
    detail::parallel_for(gradient.index.numel(), pass.grain / 4 / std::max<std::int64_t>(columns, 1) + 1,
                         gradient.values.numel() * pass.cost, [&](std::int64_t begin, std::int64_t end) {
                           for (std::int64_t k = begin; k < end; ++k) {
                             if (k + rows_ahead < end) {
                               const std::int64_t later = index[k + rows_ahead] * columns;
                               prefetch_row(p + later, columns);
                               for (const T* tensor : s.at(later)) prefetch_row(tensor, columns);
                             }
                             kernel(p + index[k] * columns, values + k * columns, s.at(index[k] * columns), columns);
                           }
                         });
  });
  detail::bump_version(parameter);
}

// Calls f with the flag as a type, so that the loop in it has no branch.
template <class F>
void with_flag(bool flag, F&& f) {
  if (flag)
    f(std::true_type{});
  else
    f(std::false_type{});
}

// ValueError unless value >= 0 (and not NaN).
inline void check_not_negative(const char* optimizer, const char* option, double value, Here here) {
  detail::check<ValueError>(value >= 0, here, "{}: {} must not be negative, it is {}", optimizer, option, value);
}
// ValueError unless both lie in [0, 1).
inline void check_betas(const char* optimizer, const std::pair<double, double>& betas, Here here) {
  for (const double beta : {betas.first, betas.second})
    detail::check<ValueError>(beta >= 0 && beta < 1, here, "{}: betas must lie in [0, 1), they are {} and {}",
                              optimizer, betas.first, betas.second);
}

}  // namespace xgrad::optim
