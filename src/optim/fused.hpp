// One pass over a parameter, its gradient and its state: what every optimizer's step is made of.
#pragma once
#include <xgrad/optim/optimizer.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "core/check.hpp"
#include "core/dispatch.hpp"
#include "core/tensor_impl.hpp"
#include "kernels/parallel.hpp"

namespace xgrad::optim {

inline constexpr std::int64_t update_grain = 32768;

inline Tensor zeros_for(const Tensor& parameter) {
  Tensor zeros = detail::make_tensor(parameter.sizes(), parameter.dtype());
  if (zeros.numel() > 0)
    std::memset(detail::impl(zeros).raw(), 0, static_cast<std::size_t>(zeros.numel() * element_size(zeros.dtype())));
  return zeros;
}

// Calls kernel(p, g, s, n) for ranges of contiguous memory; s has a pointer into each of the first N state tensors.
// A parameter that is not contiguous is updated in a copy.
template <std::size_t N, class Kernel>
void fused_update(const Tensor& parameter, const Tensor& gradient, const ParameterState& state, std::int64_t cost,
                  Kernel&& kernel) {
  const std::int64_t count = parameter.numel();
  const Tensor target = detail::dense(parameter);
  Tensor slope = detail::dense(gradient);
  // The kernels are compiled on the promise that nothing overlaps.
  if (detail::impl(slope).storage == detail::impl(target).storage) slope = slope.clone();
  detail::dispatch_floating(parameter.dtype(), [&]<class T>() {
    T* p = detail::data<T>(target);
    const T* g = detail::data<T>(slope);
    std::array<T*, N> s{};
    for (std::size_t k = 0; k != N; ++k) s[k] = detail::data<T>(state.tensors[k].second);
    detail::parallel_for(count, update_grain, count * cost, [&](std::int64_t begin, std::int64_t end) {
      std::array<T*, N> part = s;
      for (T*& pointer : part) pointer += begin;
      kernel(p + begin, g + begin, part, end - begin);
    });
  });
  if (target.is_same(parameter))
    detail::bump_version(parameter);
  else
    parameter.copy_(target);
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

}  // namespace xgrad::optim
