#include <xgrad/ops/interpolate.hpp>

#include <algorithm>
#include <cmath>

#include "ops/pool.hpp"
#include "ops/taps.hpp"

namespace xgrad {

using namespace detail;

namespace {

// y = x times a matrix of few entries along each dimension in turn.

enum class Kind { nearest, nearest_exact, linear, cubic, area };
struct Mode {
  const char* name;
  Kind kind;
  std::size_t rank;  // 0: any
};
constexpr Mode modes[] = {{"nearest", Kind::nearest, 0}, {"nearest-exact", Kind::nearest_exact, 0},
                          {"area", Kind::area, 0},       {"linear", Kind::linear, 1},
                          {"bilinear", Kind::linear, 2}, {"bicubic", Kind::cubic, 2},
                          {"trilinear", Kind::linear, 3}};

// Keys' cubic at distance t.
double cubic(double t, double a) {
  t = std::abs(t);
  if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;
}

// Element i lies at i * scale or, without align, at (i + 1/2) scale - 1/2.
struct Axis {
  std::int64_t in, out;
  double scale;
  bool align;
  double place(std::int64_t i) const {
    const auto at = static_cast<double>(i);
    return align ? at * scale : (at + 0.5) * scale - 0.5;
  }
};

// PyTorch rounds places to float32 before it takes the integer below.
std::int64_t below(double place) { return static_cast<std::int64_t>(std::floor(static_cast<float>(place))); }

// In images and volumes PyTorch takes no notice of the scale where the size stays or doubles.
void nearest(const Axis& a, bool exact, bool is_line, std::int64_t i, Taps& taps) {
  if (!exact && !is_line && (a.out == a.in || a.out == 2 * a.in)) return taps.add(a.out == a.in ? i : i / 2, 1);
  const double place = exact ? std::max(a.place(i), 0.0) + 0.5 : static_cast<double>(i) * a.scale;
  taps.add(std::clamp<std::int64_t>(below(place), 0, a.in - 1), 1);
}
void linear(const Axis& a, std::int64_t i, Taps& taps) {
  const double place = a.in == a.out ? static_cast<double>(i) : std::max(a.place(i), 0.0);
  const std::int64_t left = std::min(static_cast<std::int64_t>(place), a.in - 1);
  const double part = std::clamp(place - static_cast<double>(left), 0.0, 1.0);
  taps.add(left, 1 - part);
  taps.add(std::min(left + 1, a.in - 1), part);
}
void bicubic(const Axis& a, std::int64_t i, Taps& taps) {
  const double place = a.place(i), left = std::floor(place);
  for (std::int64_t k = -1; k <= 2; ++k)
    taps.add(std::clamp<std::int64_t>(static_cast<std::int64_t>(left) + k, 0, a.in - 1),
             cubic(place - left - static_cast<double>(k), -0.75));
}
// A window as wide as the elements are apart, its weights made to sum to 1.
void antialiased(const Axis& a, bool is_cubic, std::int64_t i, Taps& taps) {
  const double wide = std::max(a.scale, 1.0), reach = (is_cubic ? 2 : 1) * wide;
  const double centre = (static_cast<double>(i) + 0.5) * a.scale;
  const std::int64_t first = std::max<std::int64_t>(static_cast<std::int64_t>(centre - reach + 0.5), 0);
  const std::int64_t last = std::min(static_cast<std::int64_t>(centre + reach + 0.5), a.in);
  std::vector<double> weights;
  double sum = 0;
  for (std::int64_t j = first; j < last; ++j) {
    const double distance = (static_cast<double>(j) - centre + 0.5) / wide;
    weights.push_back(is_cubic ? cubic(distance, -0.5) : std::max(0.0, 1 - std::abs(distance)));
    sum += weights.back();
  }
  for (std::int64_t j = first; j < last; ++j)
    taps.add(j, sum == 0 ? 0 : weights[static_cast<std::size_t>(j - first)] / sum);
}

Taps taps_of(const Axis& axis, Kind kind, bool antialias, bool is_line) {
  Taps taps(axis.in);
  for (std::int64_t i = 0; i < axis.out; ++i) {
    if (antialias)
      antialiased(axis, kind == Kind::cubic, i, taps);
    else if (kind == Kind::linear)
      linear(axis, i, taps);
    else if (kind == Kind::cubic)
      bicubic(axis, i, taps);
    else
      nearest(axis, kind == Kind::nearest_exact, is_line, i, taps);
    taps.close();
  }
  return taps;
}

const Mode& find_mode(const InterpolateOptions& o, const Shape& shape, Here here) {
  const auto* mode = std::find_if(std::begin(modes), std::end(modes), [&](const Mode& m) { return o.mode == m.name; });
  check<ValueError>(mode != std::end(modes), here,
                    "interpolate: expected mode nearest, nearest-exact, linear, bilinear, bicubic, trilinear or area, "
                    "got \"{}\"",
                    o.mode);
  const bool interpolates = mode->kind == Kind::linear || mode->kind == Kind::cubic;
  check<ValueError>(!o.align_corners || interpolates, here, "interpolate: mode {} has no align_corners", o.mode);
  check<ValueError>(!o.antialias || (interpolates && mode->rank == 2), here,
                    "interpolate: expected mode bilinear or bicubic with antialias, got {}", o.mode);
  check<ShapeError>(shape.size() >= 3 && shape.size() <= 5 && (mode->rank == 0 || mode->rank + 2 == shape.size()), here,
                    "interpolate: expected input of shape {} for mode {}, got {}",
                    mode->rank == 1   ? "[N, C, L]"
                    : mode->rank == 2 ? "[N, C, H, W]"
                    : mode->rank == 3 ? "[N, C, D, H, W]"
                                      : "[N, C, L], [N, C, H, W] or [N, C, D, H, W]",
                    o.mode, shape);
  return *mode;
}

}  // namespace

Tensor interpolate(const Arg& x, const InterpolateOptions& options) {
  const Here here = x.here();
  const Shape& shape = x->sizes();
  const Mode& mode = find_mode(options, shape, here);
  const std::size_t rank = shape.size() - 2;
  check_floating("interpolate", x.tensor(), here);
  check<ValueError>(options.size.given() != options.scale_factor.given(), here,
                    "interpolate: expected one of size and scale_factor");
  std::vector<std::int64_t> size = options.size.list(rank);
  const std::vector<double> scale = options.scale_factor.list(rank);
  const std::size_t count = options.size.given() ? size.size() : scale.size();
  check<ShapeError>(count == rank, here, "interpolate: expected {} numbers for input {}, got {}", rank, shape, count);
  const bool recompute = options.recompute_scale_factor.value_or(false);
  check<ValueError>(!recompute || scale.size() == rank, here,
                    "interpolate: expected scale_factor with recompute_scale_factor, got size");
  for (std::size_t d = 0; d < scale.size(); ++d) {
    const double wanted = std::floor(static_cast<double>(shape[d + 2]) * scale[d]);
    check<ValueError>(wanted >= 0 && wanted < 1e15, here, "interpolate: expected a positive scale_factor, got {}",
                      scale[d]);
    size.push_back(static_cast<std::int64_t>(wanted));
  }
  for (std::size_t d = 0; d < rank; ++d)
    check<ShapeError>(size[d] > 0 && shape[d + 2] > 0, here,
                      "interpolate: expected input and output with elements, got {} and size {}", shape, Shape(size));
  if (mode.kind == Kind::area) {
    AdaptiveSizes wanted{1, 1, 1};
    std::copy(size.begin(), size.end(), wanted.end() - static_cast<std::ptrdiff_t>(rank));
    return adaptive_avg_pool("interpolate", x.tensor(), rank, wanted, here);
  }
  Tensor y = x.tensor();
  const bool align = options.align_corners.value_or(false);
  for (std::size_t d = 0; d < rank; ++d) {
    const std::int64_t in = shape[d + 2], out = size[d];
    const auto ratio = [](std::int64_t a, std::int64_t b) { return static_cast<double>(a) / static_cast<double>(b); };
    double step = ratio(in, out);
    if (align)
      step = out > 1 ? ratio(in - 1, out - 1) : 0;
    else if (!scale.empty() && !recompute)
      step = 1 / scale[d];
    y = weighted_sums("interpolate", y, d + 2, taps_of({in, out, step, align}, mode.kind, options.antialias, rank == 1),
                      here);
  }
  return y;
}

}  // namespace xgrad
