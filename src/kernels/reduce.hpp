// Reductions of strided tensors along any set of dimensions.
//
// An operation says how one element enters an accumulator; two loops serve every geometry: along rows when the
// innermost dimension is reduced, across columns when it is kept. Both accumulate short blocks in `Fast`, many
// independent ones side by side so that the compiler vectorises, and blocks in `Wide`. Blocks and work items have fixed
// sizes: results do not depend on the number of threads.
//
//   struct Op {
//     using In, Out, Fast, Wide, Param;
//     Fast start() const;                       neutral element
//     Fast step(Fast, In, Param) const;         one element more
//     Fast merge(Fast, Fast) const;
//     Wide widen(Fast) const;
//     Wide join(Wide, Wide) const;
//     Out finish(Wide) const;
//     Param param(std::int64_t output) const;   what an element's step may need of its output, such as its mean
//   };
#pragma once
#include <xgrad/shape.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>

#include "core/tensor_impl.hpp"
#include "kernels/parallel.hpp"

namespace xgrad::detail {

// Dimensions of one kind, outermost first, neighbours merged where the strides allow it.
struct ReduceAxes {
  Shape sizes, in, out;
  std::int64_t count = 1;

  void push(std::int64_t size, std::int64_t in_stride, std::int64_t out_stride);
  std::int64_t in_offset(std::int64_t index) const noexcept { return offset(index, in); }
  std::int64_t out_offset(std::int64_t index) const noexcept { return offset(index, out); }

 private:
  std::int64_t offset(std::int64_t index, const Shape& strides) const noexcept {
    if (sizes.empty()) return 0;
    std::int64_t sum = 0;
    for (std::size_t d = sizes.size() - 1; d > 0; --d) {
      const std::int64_t rest = index / sizes[d];
      sum += (index - rest * sizes[d]) * strides[d];
      index = rest;
    }
    return sum + index * strides[0];
  }
};

struct ReducePlan {
  ReduceAxes kept, reduced;  // without the inner axis
  bool rows = true;          // the inner axis is reduced
  std::int64_t size = 1, in = 1, out = 0;
};

// How to walk a tensor of this geometry to reduce the dimensions `dims` (ascending) into a contiguous result.
ReducePlan plan_reduction(const Shape& shape, const Shape& strides, const Shape& dims);

struct NoParam {};

inline constexpr std::int64_t reduce_block = 1024;   // elements accumulated in Fast along a row
inline constexpr std::int64_t reduce_rows = 16;      // rows accumulated in Fast down a column
inline constexpr std::int64_t reduce_columns = 512;  // columns of a work item
inline constexpr std::int64_t reduce_piece = 16384;  // elements of the smallest part of a split reduction
inline constexpr std::int64_t reduce_items = 64;     // work items worth splitting reductions for

// Parts that each of `items` reductions of `work` elements is split into.
inline std::int64_t reduce_parts(std::int64_t items, std::int64_t work) noexcept {
  const std::int64_t wanted = (reduce_items + items - 1) / items;
  return std::clamp<std::int64_t>(work / reduce_piece, 1, wanted);
}
inline std::int64_t reduce_grain(std::int64_t work) noexcept {
  return std::max<std::int64_t>(1, 2 * reduce_piece / std::max<std::int64_t>(work, 1));
}

template <bool Contiguous, class Op>
typename Op::Fast reduce_short_row(const Op& op, const typename Op::In* x, std::int64_t n, std::int64_t stride,
                                   typename Op::Param param) {
  using Fast = typename Op::Fast;
  constexpr std::int64_t lanes = 256 / static_cast<std::int64_t>(sizeof(Fast));
  if constexpr (Contiguous) stride = 1;
  if (n < lanes) {
    Fast acc[4] = {op.start(), op.start(), op.start(), op.start()};
    std::int64_t i = 0;
    for (; i + 4 <= n; i += 4)
      for (std::int64_t j = 0; j < 4; ++j) acc[j] = op.step(acc[j], x[(i + j) * stride], param);
    for (std::int64_t j = 0; j < n - i; ++j) acc[j] = op.step(acc[j], x[(i + j) * stride], param);
    return op.merge(op.merge(acc[0], acc[1]), op.merge(acc[2], acc[3]));
  }
  Fast acc[lanes];
  std::fill(acc, acc + lanes, op.start());
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (std::int64_t j = 0; j < lanes; ++j) acc[j] = op.step(acc[j], x[(i + j) * stride], param);
  for (std::int64_t j = 0; j < n - i; ++j) acc[j] = op.step(acc[j], x[(i + j) * stride], param);
  for (std::int64_t width = lanes / 2; width > 0; width /= 2)
    for (std::int64_t j = 0; j < width; ++j) acc[j] = op.merge(acc[j], acc[j + width]);
  return acc[0];
}

template <class Op>
typename Op::Wide reduce_row(const Op& op, const typename Op::In* x, std::int64_t n, std::int64_t stride,
                             typename Op::Param param) {
  typename Op::Wide result = op.widen(op.start());
  for (std::int64_t i = 0; i < n; i += reduce_block) {
    const std::int64_t length = std::min(reduce_block, n - i);
    const auto block = stride == 1 ? reduce_short_row<true>(op, x + i, length, 1, param)
                                   : reduce_short_row<false>(op, x + i * stride, length, stride, param);
    result = op.join(result, op.widen(block));
  }
  return result;
}

// One result per kept index, each from `plan.reduced.count` rows of the inner axis.
template <class Op>
void reduce_by_rows(const Op& op, const ReducePlan& plan, const typename Op::In* x, typename Op::Out* out) {
  using Wide = typename Op::Wide;
  const std::int64_t outputs = plan.kept.count, rows = plan.reduced.count, n = plan.size;
  const std::int64_t parts = reduce_parts(outputs, rows * n);
  const auto part = [&](std::int64_t output, std::int64_t index) {
    const auto* from = x + plan.kept.in_offset(output);
    const auto param = op.param(plan.kept.out_offset(output));
    // The parts cut the rows where there are several, the one row otherwise.
    const std::int64_t count = rows == 1 ? n : rows;
    const std::int64_t begin = count * index / parts, end = count * (index + 1) / parts;
    if (rows == 1) return reduce_row(op, from + begin * plan.in, end - begin, plan.in, param);
    Wide result = op.widen(op.start());
    for (std::int64_t r = begin; r < end; ++r)
      result = op.join(result, reduce_row(op, from + plan.reduced.in_offset(r), n, plan.in, param));
    return result;
  };
  if (parts == 1) {
    parallel_for(outputs, reduce_grain(rows * n), outputs * rows * n, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t o = begin; o < end; ++o) out[plan.kept.out_offset(o)] = op.finish(part(o, 0));
    });
    return;
  }
  const auto partial = std::make_unique<Wide[]>(static_cast<std::size_t>(outputs * parts));
  parallel_for(outputs * parts, 1, outputs * rows * n, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) partial[i] = part(i / parts, i % parts);
  });
  for (std::int64_t o = 0; o < outputs; ++o) {
    Wide result = partial[o * parts];
    for (std::int64_t i = 1; i < parts; ++i) result = op.join(result, partial[o * parts + i]);
    out[plan.kept.out_offset(o)] = op.finish(result);
  }
}

// `columns` neighbouring results from the reduced indices begin..end.
template <bool Contiguous, class Op>
void reduce_columns_of(const Op& op, const ReducePlan& plan, const typename Op::In* x, std::int64_t columns,
                       std::int64_t begin, std::int64_t end, const typename Op::Param* params,
                       typename Op::Wide* result) {
  using Fast = typename Op::Fast;
  const std::int64_t stride = Contiguous ? 1 : plan.in;
  Fast acc[reduce_columns];
  std::fill(result, result + columns, op.widen(op.start()));
  for (std::int64_t r = begin; r < end;) {
    const std::int64_t stop = std::min(end, r + reduce_rows);
    std::fill(acc, acc + columns, op.start());
    for (; r + 4 <= stop; r += 4) {
      const auto* p0 = x + plan.reduced.in_offset(r);
      const auto* p1 = x + plan.reduced.in_offset(r + 1);
      const auto* p2 = x + plan.reduced.in_offset(r + 2);
      const auto* p3 = x + plan.reduced.in_offset(r + 3);
      for (std::int64_t j = 0; j < columns; ++j) {
        Fast a = op.step(acc[j], p0[j * stride], params[j]);
        a = op.step(a, p1[j * stride], params[j]);
        a = op.step(a, p2[j * stride], params[j]);
        acc[j] = op.step(a, p3[j * stride], params[j]);
      }
    }
    for (; r < stop; ++r) {
      const auto* p = x + plan.reduced.in_offset(r);
      for (std::int64_t j = 0; j < columns; ++j) acc[j] = op.step(acc[j], p[j * stride], params[j]);
    }
    for (std::int64_t j = 0; j < columns; ++j) result[j] = op.join(result[j], op.widen(acc[j]));
  }
}

// The inner axis is kept: its results are accumulated side by side.
template <class Op>
void reduce_by_columns(const Op& op, const ReducePlan& plan, const typename Op::In* x, typename Op::Out* out) {
  using Wide = typename Op::Wide;
  const std::int64_t rows = plan.reduced.count, strips = (plan.size + reduce_columns - 1) / reduce_columns;
  const std::int64_t width = std::min(plan.size, reduce_columns), items = plan.kept.count * strips;
  const std::int64_t parts = std::min(reduce_parts(items, rows * width), rows);
  const auto strip = [&](std::int64_t item, std::int64_t index, Wide* result) {
    const std::int64_t kept = item / strips, first = item % strips * reduce_columns;
    const std::int64_t columns = std::min(reduce_columns, plan.size - first);
    typename Op::Param params[reduce_columns];
    for (std::int64_t j = 0; j < columns; ++j)
      params[j] = op.param(plan.kept.out_offset(kept) + (first + j) * plan.out);
    const auto* from = x + plan.kept.in_offset(kept) + first * plan.in;
    const std::int64_t begin = rows * index / parts, end = rows * (index + 1) / parts;
    if (plan.in == 1)
      reduce_columns_of<true>(op, plan, from, columns, begin, end, params, result);
    else
      reduce_columns_of<false>(op, plan, from, columns, begin, end, params, result);
  };
  const auto finish = [&](std::int64_t item, const Wide* result) {
    const std::int64_t kept = item / strips, first = item % strips * reduce_columns;
    const std::int64_t columns = std::min(reduce_columns, plan.size - first);
    auto* to = out + plan.kept.out_offset(kept) + first * plan.out;
    for (std::int64_t j = 0; j < columns; ++j) to[j * plan.out] = op.finish(result[j]);
  };
  const std::int64_t work = plan.kept.count * plan.size * rows;
  if (parts == 1) {
    parallel_for(items, reduce_grain(rows * width), work, [&](std::int64_t begin, std::int64_t end) {
      Wide result[reduce_columns];
      for (std::int64_t i = begin; i < end; ++i) {
        strip(i, 0, result);
        finish(i, result);
      }
    });
    return;
  }
  const auto partial = std::make_unique<Wide[]>(static_cast<std::size_t>(items * parts * reduce_columns));
  parallel_for(items * parts, 1, work, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) strip(i / parts, i % parts, partial.get() + i * reduce_columns);
  });
  for (std::int64_t i = 0; i < items; ++i) {
    Wide* result = partial.get() + i * parts * reduce_columns;
    for (std::int64_t p = 1; p < parts; ++p)
      for (std::int64_t j = 0; j < width; ++j) result[j] = op.join(result[j], result[p * reduce_columns + j]);
    finish(i, result);
  }
}

// Reduces the dimensions `dims` (ascending) of x into `out`, contiguous, one element per kept index. No reduced
// elements give finish(start()).
template <class Op>
void reduce(const Op& op, const Tensor& x, const Shape& dims, const Tensor& out) {
  const TensorImpl& from = impl(x);
  auto* results = data<typename Op::Out>(out);
  const std::int64_t outputs = impl(out).numel;
  if (from.numel == 0) {
    std::fill(results, results + outputs, op.finish(op.widen(op.start())));
    return;
  }
  const auto* elements = data<typename Op::In>(x);
  if (outputs == 1 && from.contiguous && from.numel < reduce_piece) {
    *results = op.finish(reduce_row(op, elements, from.numel, 1, op.param(0)));
    return;
  }
  const ReducePlan plan = plan_reduction(from.shape, from.strides, dims);
  if (plan.rows)
    reduce_by_rows(op, plan, elements, results);
  else
    reduce_by_columns(op, plan, elements, results);
}

}  // namespace xgrad::detail
