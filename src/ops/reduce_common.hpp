// What the reductions share: their shapes, and how a result meets the elements it came from again.
#pragma once
#include <xgrad/ops/reduce.hpp>

#include "core/check.hpp"
#include "core/dispatch.hpp"
#include "kernels/reduce.hpp"
#include "tape/node.hpp"

namespace xgrad::detail {

// Which dimensions are reduced (ascending), and the shapes of the result with them dropped and kept.
struct Reduction {
  Shape dims;
  Shape out;
  Shape kept;
  std::int64_t count = 1;  // elements per result

  const Shape& shape(bool keepdim) const noexcept { return keepdim ? kept : out; }
};
Reduction reduction(const char* op, const Tensor& x, const std::vector<std::int64_t>& dim, Here here);

// norm, recorded under `name`.
Tensor norm_of(const char* name, const Tensor& x, double p, const std::vector<std::int64_t>& dim, bool keepdim,
               Here here);

// DtypeError for storage types.
void check_computing(const char* op, const Tensor& x, Here here);

// `shape` with size 1 at `dims`.
Shape kept_shape(const Shape& shape, const Shape& dims);
// A result, in either of its shapes, over all the elements of `shape` it came from: a view. Recorded where `recorded`.
Tensor spread(const Tensor& result, const Shape& shape, const Shape& dims, bool recorded, Here here);
// The same for the gradient that a rule got.
inline Tensor spread_grad(const Backward& bw, const Shape& dims) {
  return spread(bw.grad(), bw.input_shape(0), dims, bw.create_graph(), bw.here());
}

// 1 / n where x is one of the n elements equal to its result (NaN equals NaN), 0 elsewhere. Unrecorded.
Tensor tie_weights(const Tensor& x, const Tensor& result, const Shape& dims, Here here);

// Calls f(at, columns, n, inner) for strips of neighbouring columns along dim, in parallel: the first begins at element
// `at` of a row-major tensor, and each has `n` elements at distance `inner`.
inline constexpr std::int64_t strip = 256;
template <class F>
void for_columns(const Shape& shape, std::int64_t dim, F&& f) {
  const std::int64_t n = shape.empty() ? 1 : shape[static_cast<std::size_t>(dim)], total = numel(shape);
  if (total == 0) return;
  std::int64_t inner = 1;
  for (std::size_t d = static_cast<std::size_t>(dim) + 1; d < shape.size(); ++d) inner *= shape[d];
  const std::int64_t strips = (inner + strip - 1) / strip, outer = total / (n * inner);
  parallel_for(outer * strips, reduce_grain(n * std::min(inner, strip)), total,
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t item = begin; item < end; ++item) {
                   const std::int64_t first = item % strips * strip;
                   f(item / strips * n * inner + first, std::min(strip, inner - first), n, inner);
                 }
               });
}

// ---- operations that several reductions are made of

// Integers and bools accumulate modulo 2^64, floats in double.
template <class T>
using FastSum = std::conditional_t<std::is_floating_point_v<T>, T, std::uint64_t>;
template <class T>
using WideSum = std::conditional_t<std::is_floating_point_v<T>, double, std::uint64_t>;
template <class T>
using SumResult = std::conditional_t<std::is_floating_point_v<T>, T, std::int64_t>;

template <class FastType, class WideType>
struct Additive {
  using Fast = FastType;
  using Wide = WideType;
  using Param = NoParam;
  Fast start() const { return Fast(0); }
  Fast merge(Fast a, Fast b) const { return a + b; }
  Wide widen(Fast a) const { return static_cast<Wide>(a); }
  Wide join(Wide a, Wide b) const { return a + b; }
  NoParam param(std::int64_t) const { return {}; }
};

template <class T>
struct SumOp : Additive<FastSum<T>, WideSum<T>> {
  using In = T;
  using Out = SumResult<T>;
  FastSum<T> step(FastSum<T> a, T x, NoParam) const { return a + static_cast<FastSum<T>>(x); }
  Out finish(WideSum<T> a) const { return static_cast<Out>(a); }
};

template <class T>
struct CountOp : Additive<std::int64_t, std::int64_t> {
  using In = T;
  using Out = std::int64_t;
  std::int64_t step(std::int64_t a, T x, NoParam) const { return a + (x != T(0)); }
  Out finish(std::int64_t a) const { return a; }
};

// The larger, or the smaller; a NaN stays.
template <class T, bool Largest>
struct ExtremeOp {
  using In = T;
  using Out = T;
  using Fast = T;
  using Wide = T;
  using Param = NoParam;
  static T worst() noexcept;
  T start() const { return worst(); }
  T step(T a, T x, NoParam) const { return merge(a, x); }
  T merge(T a, T x) const {
    const bool better = Largest ? x > a : x < a;
    return (better | (x != x)) ? x : a;
  }
  T widen(T a) const { return a; }
  T join(T a, T b) const { return merge(a, b); }
  T finish(T a) const { return a; }
  NoParam param(std::int64_t) const { return {}; }
};
template <class T, bool Largest>
T ExtremeOp<T, Largest>::worst() noexcept {
  using Limits = std::numeric_limits<T>;
  if constexpr (Limits::has_infinity) return Largest ? -Limits::infinity() : Limits::infinity();
  return Largest ? Limits::lowest() : Limits::max();
}

}  // namespace xgrad::detail
