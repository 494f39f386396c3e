#include <xgrad/ops/pad.hpp>

#include <algorithm>

#include "core/check.hpp"
#include "kernels/copy.hpp"
#include "ops/shape.hpp"
#include "ops/taps.hpp"
#include "tape/node.hpp"

namespace xgrad {

using namespace detail;

namespace {

// Counts of one dimension.
struct Border {
  std::size_t dim;
  std::int64_t before, after;
};
using Borders = std::vector<Border>;

Geometry cut(Geometry layout, std::size_t dim, std::int64_t first, std::int64_t count) {
  return sliced(std::move(layout), dim, {first, count, 1});
}

// y = value but y[i + before] = x[i]; the gradient is padded by the negative counts.
Tensor constant(const Tensor& x, const Borders& borders, const Shape& shape, Scalar value, Here here) {
  Tensor y = make_tensor(shape, impl(x).dtype);
  fill_elements(y, value);
  Geometry from = geometry(x), to = row_major(shape);
  for (const auto& [d, before, after] : borders) {
    const std::int64_t first = std::max<std::int64_t>(-before, 0);
    const std::int64_t count = std::min(impl(x).shape[d], shape[d] - before) - first;
    from = cut(std::move(from), d, first, std::max<std::int64_t>(count, 0));
    to = cut(std::move(to), d, std::max<std::int64_t>(before, 0), std::max<std::int64_t>(count, 0));
  }
  if (numel(from.shape) > 0) copy_elements(part_of(y, to), make_view(x, from.shape, from.strides, from.offset));
  return record("pad", here, std::move(y), {&x}, [&] {
    return [borders](Backward& bw) {
      Borders back = borders;
      for (Border& border : back) border.before = -border.before, border.after = -border.after;
      bw.give(0, constant(bw.grad(), back, bw.input_shape(0), 0, bw.here()));
    };
  });
}

enum class Mode { constant, reflect, replicate, circular };

Mode mode_named(std::string_view name, Here here) {
  if (name == "constant") return Mode::constant;
  if (name == "reflect") return Mode::reflect;
  if (name == "replicate") return Mode::replicate;
  check<ValueError>(name == "circular", here, "pad: expected mode constant, reflect, replicate or circular, got \"{}\"",
                    name);
  return Mode::circular;
}

// Which of n elements stands at a place before, among or after them.
std::int64_t source(Mode mode, std::int64_t place, std::int64_t n) {
  if (mode == Mode::replicate) return std::clamp<std::int64_t>(place, 0, n - 1);
  if (mode == Mode::reflect) return place < 0 ? -place : place < n ? place : 2 * (n - 1) - place;
  return place < 0 ? place + n : place < n ? place : place - n;
}

// What the others are taken from: all elements, but for a circle, which closes over those that are left.
struct Kept {
  std::int64_t first, count;
};
Kept kept(Mode mode, std::int64_t n, const Border& border) {
  if (mode != Mode::circular) return {0, n};
  const std::int64_t first = std::max<std::int64_t>(-border.before, 0);
  return {first, n - first - std::max<std::int64_t>(-border.after, 0)};
}

void check_reach(Mode mode, std::int64_t count, std::int64_t n, const Shape& shape, Here here) {
  if (count <= 0 || mode == Mode::constant) return;
  check<ShapeError>(n > 0, here, "pad: expected elements to repeat, input is {}", shape);
  check<ShapeError>(mode != Mode::reflect || count < n, here,
                    "pad: expected fewer than {} elements to reflect, got {}; input is {}", n, count, shape);
  check<ShapeError>(mode != Mode::circular || count <= n, here,
                    "pad: expected at most {} elements from the other end, got {}; input is {}", n, count, shape);
}

}  // namespace

Tensor pad(const Arg& x, const Shape& pad, std::string_view mode, Scalar value) {
  const Here here = x.here();
  Shape shape = x->sizes();
  check<ValueError>(pad.size() % 2 == 0, here, "pad: expected pairs of counts, got {}", pad);
  check<ShapeError>(pad.size() / 2 <= shape.size(), here, "pad: {} has more pairs than input {} has dimensions", pad,
                    shape);
  const Mode chosen = mode_named(mode, here);
  if (chosen != Mode::constant) {
    check_floating("pad", x.tensor(), here);
    check<ValueError>(value.to<double>() == 0, here, "pad: mode {} takes no value, got {}", mode, value.to<double>());
  }
  check<DtypeError>(x->is_floating_point() || !value.is_floating_point(), here,
                    "pad: a floating value does not go into a tensor of {}", x->dtype());
  Borders borders;
  for (std::size_t k = 0; k < pad.size() / 2; ++k) {
    const Border border{shape.size() - 1 - k, pad[2 * k], pad[2 * k + 1]};
    const std::int64_t n = shape[border.dim];
    for (const std::int64_t count : {border.before, border.after})
      check_reach(chosen, count, kept(chosen, n, border).count, x->sizes(), here);
    shape[border.dim] = n + border.before + border.after;
    check<ShapeError>(shape[border.dim] >= 0, here, "pad: {} takes away more than input {} has", pad, x->sizes());
    if (border.before != 0 || border.after != 0) borders.push_back(border);
  }
  if (chosen == Mode::constant) return constant(x.tensor(), borders, shape, value, here);
  Tensor y = borders.empty() ? x->clone(here) : x.tensor();
  for (const Border& border : borders) {
    const std::size_t d = border.dim;
    const auto [first, count] = kept(chosen, x->sizes()[d], border);
    Taps taps(x->sizes()[d]);
    for (std::int64_t i = 0; i < shape[d]; ++i) {
      taps.add(first + source(chosen, i - border.before - first, count), 1);
      taps.close();
    }
    y = weighted_sums("pad", y, d, std::move(taps), here);
  }
  return y;
}

}  // namespace xgrad
