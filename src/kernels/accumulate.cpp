#include "kernels/accumulate.hpp"

#include <algorithm>
#include <cstdlib>
#include <type_traits>
#include <vector>

#include "core/dispatch.hpp"
#include "core/tensor_impl.hpp"
#include "kernels/parallel.hpp"

namespace xgrad::detail {
namespace {

constexpr std::int64_t elements_per_range = 16384;

// The same loop nest with fewer dimensions: ones dropped, neighbours that continue each other joined, the target's
// nearest elements innermost unless the order matters.
struct Loops {
  Shape shape, target, source;
};

Loops simplify(const TensorImpl& target, const TensorImpl& source, bool keep_order) {
  std::vector<std::size_t> order;
  for (std::size_t d = 0; d < target.shape.size(); ++d)
    if (target.shape[d] != 1) order.push_back(d);
  if (!keep_order)
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return std::abs(target.strides[a]) > std::abs(target.strides[b]);
    });
  Loops loops;
  for (const std::size_t d : order) {
    const std::int64_t size = target.shape[d], to = target.strides[d], from = source.strides[d];
    const std::size_t rank = loops.shape.size();
    if (rank > 0 && loops.target[rank - 1] == to * size && loops.source[rank - 1] == from * size) {
      loops.shape[rank - 1] *= size;
      loops.target[rank - 1] = to;
      loops.source[rank - 1] = from;
    } else {
      loops.shape.push_back(size);
      loops.target.push_back(to);
      loops.source.push_back(from);
    }
  }
  if (loops.shape.empty()) loops = {{1}, {1}, {1}};
  return loops;
}

template <class T>
void add_run(T* target, std::int64_t target_stride, const T* source, std::int64_t source_stride, std::int64_t count) {
  if constexpr (std::is_same_v<T, bool>) {
    for (std::int64_t i = 0; i < count; ++i)
      target[i * target_stride] = target[i * target_stride] || source[i * source_stride];
  } else if (target_stride == 1 && source_stride == 1) {
    for (std::int64_t i = 0; i < count; ++i) target[i] += source[i];
  } else {
    for (std::int64_t i = 0; i < count; ++i) target[i * target_stride] += source[i * source_stride];
  }
}

template <class T>
void add_loops(const Loops& loops, T* target, const T* source, bool serial) {
  const std::size_t last = loops.shape.size() - 1;
  const std::int64_t run = loops.shape[last], total = numel(loops.shape), rows = total / run;
  const std::int64_t to = loops.target[last], from = loops.source[last];
  if (rows == 1) {
    parallel_for(run, serial ? run : elements_per_range, total, [&](std::int64_t begin, std::int64_t end) {
      add_run(target + begin * to, to, source + begin * from, from, end - begin);
    });
    return;
  }
  const std::int64_t grain = serial ? rows : std::max<std::int64_t>(1, elements_per_range / run);
  parallel_for(rows, grain, total, [&](std::int64_t begin, std::int64_t end) {
    Shape index(last, 0);
    std::int64_t to_at = 0, from_at = 0, rest = begin;
    for (std::size_t d = last; d-- > 0;) {
      index[d] = rest % loops.shape[d];
      rest /= loops.shape[d];
      to_at += index[d] * loops.target[d];
      from_at += index[d] * loops.source[d];
    }
    for (std::int64_t row = begin; row < end; ++row) {
      add_run(target + to_at, to, source + from_at, from, run);
      for (std::size_t d = last; d-- > 0;) {
        to_at += loops.target[d];
        from_at += loops.source[d];
        if (++index[d] < loops.shape[d]) break;
        to_at -= loops.shape[d] * loops.target[d];
        from_at -= loops.shape[d] * loops.source[d];
        index[d] = 0;
      }
    }
  });
}

}  // namespace

void add_elements(const Tensor& target, const Tensor& source, bool target_overlaps) {
  if (impl(target).numel == 0) return;
  const Loops loops = simplify(impl(target), impl(source), target_overlaps);
  dispatch_computing(impl(target).dtype,
                     [&]<class T>() { add_loops(loops, data<T>(target), data<T>(source), target_overlaps); });
}

}  // namespace xgrad::detail
