#include "kernels/reduce.hpp"

#include <cstdlib>
#include <limits>
#include <vector>

namespace xgrad::detail {
namespace {

struct Axis {
  std::int64_t size, in, out;
  bool reduced;
};

// A kept inner axis shorter than this leaves too little to do side by side.
constexpr std::int64_t narrow_columns = 8;

}  // namespace

void ReduceAxes::push(std::int64_t size, std::int64_t in_stride, std::int64_t out_stride) {
  sizes.push_back(size);
  in.push_back(in_stride);
  out.push_back(out_stride);
  count *= size;
}

ReducePlan plan_reduction(const Shape& shape, const Shape& strides, const Shape& dims) {
  std::vector<Axis> axes;
  axes.reserve(shape.size());
  // From the innermost outwards, because the result's strides grow that way.
  std::int64_t out = 1;
  std::size_t next = dims.size();
  for (std::size_t d = shape.size(); d-- > 0;) {
    const bool reduced = next > 0 && dims[next - 1] == static_cast<std::int64_t>(d);
    if (reduced) --next;
    if (shape[d] != 1) axes.push_back({shape[d], strides[d], reduced ? 0 : out, reduced});
    if (!reduced) out *= shape[d];
  }
  std::reverse(axes.begin(), axes.end());
  // Memory order, repeated elements (stride 0) outermost.
  const auto rank = [](const Axis& axis) {
    return axis.in == 0 ? std::numeric_limits<std::int64_t>::max() : std::abs(axis.in);
  };
  std::stable_sort(axes.begin(), axes.end(), [&](const Axis& a, const Axis& b) { return rank(a) > rank(b); });
  std::vector<Axis> merged;
  for (const Axis& axis : axes) {
    if (!merged.empty()) {
      Axis& outer = merged.back();
      if (outer.reduced == axis.reduced && outer.in == axis.in * axis.size && outer.out == axis.out * axis.size) {
        outer = {outer.size * axis.size, axis.in, axis.out, axis.reduced};
        continue;
      }
    }
    merged.push_back(axis);
  }
  ReducePlan plan;
  if (merged.empty()) return plan;
  // The inner axis: the last one, or the last reduced one where the last is kept and narrow.
  std::size_t inner = merged.size() - 1;
  if (!merged[inner].reduced && merged[inner].size < narrow_columns)
    for (std::size_t i = merged.size(); i-- > 0;)
      if (merged[i].reduced) {
        inner = i;
        break;
      }
  for (std::size_t i = 0; i < merged.size(); ++i)
    if (i != inner) (merged[i].reduced ? plan.reduced : plan.kept).push(merged[i].size, merged[i].in, merged[i].out);
  plan.rows = merged[inner].reduced;
  plan.size = merged[inner].size;
  plan.in = merged[inner].in;
  plan.out = merged[inner].out;
  return plan;
}

}  // namespace xgrad::detail
