#include <xgrad/ops/pad.hpp>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "core/check.hpp"
#include "kernels/copy.hpp"
#include "ops/selection.hpp"
#include "ops/shape.hpp"

namespace xgrad {
namespace {

using namespace detail;

// ---- constant: y[i] = x[i - p] or the value; dx is dy with the counts negated, that is cut where x was padded and
// padded with zeros where x was cut

Tensor padded(const Tensor& x, const Shape& pad, Scalar value, Here here) {
  const TensorImpl& from = impl(x);
  Geometry source = geometry(x);
  Shape shape = from.shape;
  for (std::size_t k = 0; k < pad.size() / 2; ++k) shape[shape.size() - 1 - k] += pad[2 * k] + pad[2 * k + 1];
  const Tensor result = make_tensor(shape, from.dtype);
  Geometry target = row_major(shape);
  bool covers = true;
  for (std::size_t k = 0; k < pad.size() / 2; ++k) {
    const std::size_t d = shape.size() - 1 - k;
    const std::int64_t before = pad[2 * k], first = std::max<std::int64_t>(-before, 0),
                       last = std::min(from.shape[d], shape[d] - before),
                       count = std::max<std::int64_t>(last - first, 0);
    covers = covers && count == shape[d];
    target = sliced(std::move(target), d, {count == 0 ? 0 : first + before, count, 1});
    source = sliced(std::move(source), d, {count == 0 ? 0 : first, count, 1});
  }
  if (!covers) fill_elements(result, value);
  if (numel(target.shape) > 0)
    copy_elements(part_of(result, target),
                  make_view(x, std::move(source.shape), std::move(source.strides), source.offset));
  return record("pad", here, result, {&x}, [&] {
    return [pad](Backward& bw) {
      Shape back = pad;
      for (std::int64_t& count : back) count = -count;
      bw.give(0, padded(bw.grad(), back, 0, bw.here()));
    };
  });
}

// ---- the other modes: one selection along each dimension

std::int64_t reflected(std::int64_t i, std::int64_t n) { return n - 1 - std::abs(n - 1 - std::abs(i)); }
std::int64_t replicated(std::int64_t i, std::int64_t n) { return std::clamp<std::int64_t>(i, 0, n - 1); }
std::int64_t wrapped(std::int64_t i, std::int64_t n) { return ((i % n) + n) % n; }

using Place = std::int64_t (*)(std::int64_t, std::int64_t);

// What the new elements are taken from: all, but for a circle, which closes over those that are left.
struct Kept {
  std::int64_t first, count;
};
Kept kept(Place place, std::int64_t n, std::int64_t before, std::int64_t after) {
  if (place != wrapped) return {0, n};
  const std::int64_t first = std::max<std::int64_t>(-before, 0);
  return {first, n - first - std::max<std::int64_t>(-after, 0)};
}

Tensor selected_along(const Tensor& x, std::size_t dim, std::int64_t before, std::int64_t after, Place place,
                      Here here) {
  const std::int64_t size = impl(x).shape[dim] + before + after;
  const auto [first, count] = kept(place, impl(x).shape[dim], before, after);
  const Tensor list = make_tensor({size}, Dtype::int64);
  for (std::int64_t i = 0; i < size; ++i) data<std::int64_t>(list)[i] = first + place(i - before - first, count);
  return read_selection("pad", x, here, [&](const Geometry& layout) { return select_along(layout, dim, list); });
}

struct Mode {
  const char* name;
  Place place;
  std::int64_t below;  // both counts are less than n + below; negative for no bound
};
constexpr Mode modes[]{{"reflect", reflected, 0}, {"replicate", replicated, -1}, {"circular", wrapped, 1}};

void check_sides(const Arg& x, const Shape& pad, const Mode& mode) {
  const Here here = x.here();
  const auto sides = static_cast<std::int64_t>(pad.size() / 2), rank = x->dim();
  check<ShapeError>(
      sides >= 1 && sides <= 3 && (rank == sides + 1 || rank == sides + 2), here,
      "pad: mode {} pads the last dimension of 2 or 3, the last 2 of 3 or 4, or the last 3 of 4 or 5; got "
      "{} for x {}",
      mode.name, pad, x->sizes());
  for (std::size_t k = 0; k < pad.size(); ++k) {
    const std::int64_t n = x->sizes()[x->sizes().size() - 1 - k / 2];
    check<ShapeError>(n > 0 && n + pad[k / 2 * 2] + pad[k / 2 * 2 + 1] > 0, here,
                      "pad: mode {} needs sizes above 0 before and after, got {} for x {}", mode.name, pad, x->sizes());
    const std::int64_t reach = kept(mode.place, n, pad[k / 2 * 2], pad[k / 2 * 2 + 1]).count;
    check<ShapeError>(mode.below < 0 || pad[k] <= 0 || pad[k] < reach + mode.below, here,
                      "pad: mode {} pads by {} {}, got {} for x {}", mode.name,
                      mode.below == 0 ? "less than" : "at most", reach, pad, x->sizes());
  }
}

}  // namespace

Tensor pad(const Arg& x, const Shape& pad, const std::string& mode, Scalar value) {
  const Here here = x.here();
  check<ShapeError>(pad.size() % 2 == 0 && pad.size() / 2 <= x->sizes().size(), here,
                    "pad: expected two counts for each of the last dimensions of {}, got {}", x->sizes(), pad);
  if (mode == "constant") {
    check<DtypeError>(x->is_floating_point() || !value.is_floating_point(), here,
                      "pad: a floating number does not go into a tensor of {}", x->dtype());
    for (std::size_t k = 0; k < pad.size(); k += 2)
      check<ShapeError>(x->sizes()[x->sizes().size() - 1 - k / 2] + pad[k] + pad[k + 1] >= 0, here,
                        "pad: {} cuts off more than x {} has", pad, x->sizes());
    return padded(x.tensor(), pad, value, here);
  }
  const auto* found = std::find_if(std::begin(modes), std::end(modes), [&](const Mode& m) { return mode == m.name; });
  check<ValueError>(found != std::end(modes), here,
                    "pad: mode must be constant, reflect, replicate or circular, got {}", mode);
  check<ValueError>(value.to<double>() == 0, here, "pad: mode {} takes no value", mode);
  check_sides(x, pad, *found);
  Tensor result = x.tensor();
  for (std::size_t k = 0; k < pad.size(); k += 2)
    if (pad[k] != 0 || pad[k + 1] != 0)
      result = selected_along(result, x->sizes().size() - 1 - k / 2, pad[k], pad[k + 1], found->place, here);
  return result.is_same(x.tensor()) ? result.clone(here) : result;
}

}  // namespace xgrad
