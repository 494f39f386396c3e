#include <xgrad/ops/arithmetic.hpp>
#include <xgrad/ops/pointwise.hpp>
#include <xgrad/ops/pool.hpp>

#include <memory>

#include "core/dispatch.hpp"
#include "ops/pool.hpp"
#include "tape/node.hpp"

namespace xgrad {
namespace detail {
namespace {

// A linear map and its transpose, each other's gradients. The windows are shared by their nodes.
struct Means {
  const char* name;
  std::size_t rank;
  MeanGeometry geometry;
};
using Shared = std::shared_ptr<const Means>;

Sizes pooled(const MeanGeometry& g) {
  const auto size = [](const std::vector<PoolRange>& ranges) { return static_cast<std::int64_t>(ranges.size()); };
  return {size(g.slices), size(g.rows), size(g.cols)};
}

Tensor spread(Here here, const Shared& means, const Tensor& g);

Tensor mean(Here here, const Shared& means, const Tensor& x) {
  const MeanGeometry& geometry = means->geometry;
  Tensor y = make_tensor(with_spatial_sizes(impl(x).shape, means->rank, pooled(geometry)), impl(x).dtype);
  const Tensor from = dense(x);
  dispatch_floating(impl(x).dtype, [&]<class T>() { mean_pool(geometry, data<T>(from), data<T>(y)); });
  return record(means->name, here, std::move(y), {&x},
                [&] { return [means](Backward& bw) { bw.give(0, spread(bw.here(), means, bw.grad())); }; });
}
Tensor spread(Here here, const Shared& means, const Tensor& g) {
  const MeanGeometry& geometry = means->geometry;
  Tensor x = make_tensor(
      with_spatial_sizes(impl(g).shape, means->rank, {geometry.depth, geometry.height, geometry.width}), impl(g).dtype);
  const Tensor from = dense(g);
  dispatch_floating(impl(g).dtype, [&]<class T>() { spread_means(geometry, data<T>(from), data<T>(x)); });
  return record(means->name, here, std::move(x), {&g},
                [&] { return [means](Backward& bw) { bw.give(0, mean(bw.here(), means, bw.grad())); }; });
}

template <class Range>
std::vector<PoolRange> ranges(std::int64_t count, Range&& range) {
  std::vector<PoolRange> list;
  for (std::int64_t i = 0; i < count; ++i) list.push_back(range(i));
  return list;
}

}  // namespace

Tensor avg_pool(const char* op, const Tensor& x, const Window& window, const AvgOptions& options, Here here) {
  check_batched(op, x, window.rank, here);
  const std::optional<std::int64_t> divisor = options.divisor_override;
  check<ValueError>(!divisor || *divisor != 0, here, "{}: expected a divisor_override other than 0, got 0", op);
  const Shape& shape = impl(x).shape;
  const Sizes out = pooled_sizes(op, shape, window, options.ceil_mode, here);
  const Sizes size = spatial_sizes(shape, window.rank);
  const auto along = [&](std::size_t d) {
    return ranges(out[d], [&](std::int64_t i) -> PoolRange {
      const std::int64_t begin = i * window.stride[d] - window.padding[d];
      const std::int64_t end = std::min(begin + window.kernel[d], size[d] + window.padding[d]);
      const std::int64_t first = std::max<std::int64_t>(begin, 0), last = std::max(first, std::min(end, size[d]));
      const std::int64_t counted = options.count_include_pad ? end - begin : last - first;
      return {first, last, divisor ? (d == 0 ? static_cast<double>(*divisor) : 1.0) : static_cast<double>(counted)};
    });
  };
  return mean(
      here,
      std::make_shared<const Means>(Means{
          op, window.rank, {planes_of(shape, window.rank), size[0], size[1], size[2], along(0), along(1), along(2)}}),
      x);
}

Tensor adaptive_avg_pool(const char* op, const Tensor& x, std::size_t rank, const AdaptiveSizes& output_size,
                         Here here) {
  const Sizes out = check_adaptive(op, x, rank, output_size, here);
  const Sizes size = spatial_sizes(impl(x).shape, rank);
  const auto along = [&](std::size_t d) {
    return ranges(out[d], [&](std::int64_t i) { return even_range(i, out[d], size[d]); });
  };
  return mean(here,
              std::make_shared<const Means>(Means{
                  op, rank, {planes_of(impl(x).shape, rank), size[0], size[1], size[2], along(0), along(1), along(2)}}),
              x);
}

namespace {

// (sum over the window of x^p)^(1/p), where the sum is the mean times the window's full size, also where the window is
// cut off (PyTorch's definition). At a sum of 0 the gradient is 0.
Tensor lp_pool(const char* op, const Arg& input, double p, const Window& window, bool ceil_mode) {
  const Here here = input.here();
  check<ValueError>(p != 0, here, "{}: expected a norm_type other than 0, got 0", op);
  const Tensor& x = input.tensor();
  check_batched(op, x, window.rank, here);
  const Tensor means = avg_pool(op, x.pow({p, here}), window, {.ceil_mode = ceil_mode}, here);
  const Tensor sums = means.mul({static_cast<double>(volume(window.kernel)), here}), zero = sums.eq({0.0, here});
  const Tensor roots = sums.masked_fill(zero, 1.0, here).pow({1 / p, here});
  return roots.masked_fill(zero, 0.0, here);
}

template <class Options>
AvgOptions avg_options(const Options& o) {
  AvgOptions result{o.ceil_mode, o.count_include_pad, {}};
  if constexpr (requires { o.divisor_override; }) result.divisor_override = o.divisor_override;
  return result;
}

}  // namespace
}  // namespace detail

using namespace detail;

Tensor avg_pool1d(const Arg& x, std::int64_t kernel_size, const AvgPool1dOptions& options) {
  return avg_pool("avg_pool1d", x.tensor(),
                  window_of<std::int64_t>(1, kernel_size, options.stride.value_or(kernel_size), options.padding, 1),
                  avg_options(options), x.here());
}
Tensor avg_pool2d(const Arg& x, IntPair kernel_size, const AvgPool2dOptions& options) {
  return avg_pool("avg_pool2d", x.tensor(),
                  window_of<IntPair>(2, kernel_size, options.stride.value_or(kernel_size), options.padding, 1),
                  avg_options(options), x.here());
}
Tensor avg_pool3d(const Arg& x, IntTriple kernel_size, const AvgPool3dOptions& options) {
  return avg_pool("avg_pool3d", x.tensor(),
                  window_of<IntTriple>(3, kernel_size, options.stride.value_or(kernel_size), options.padding, 1),
                  avg_options(options), x.here());
}

Tensor adaptive_avg_pool1d(const Arg& x, std::int64_t output_size) {
  return adaptive_avg_pool("adaptive_avg_pool1d", x.tensor(), 1, adaptive_sizes(output_size), x.here());
}
Tensor adaptive_avg_pool2d(const Arg& x, const AdaptivePair& output_size) {
  return adaptive_avg_pool("adaptive_avg_pool2d", x.tensor(), 2, adaptive_sizes(output_size), x.here());
}
Tensor adaptive_avg_pool3d(const Arg& x, const AdaptiveTriple& output_size) {
  return adaptive_avg_pool("adaptive_avg_pool3d", x.tensor(), 3, adaptive_sizes(output_size), x.here());
}

Tensor lp_pool1d(const Arg& x, double norm_type, std::int64_t kernel_size, const LpPool1dOptions& options) {
  return lp_pool("lp_pool1d", x, norm_type,
                 window_of<std::int64_t>(1, kernel_size, options.stride.value_or(kernel_size), 0, 1),
                 options.ceil_mode);
}
Tensor lp_pool2d(const Arg& x, double norm_type, IntPair kernel_size, const LpPool2dOptions& options) {
  return lp_pool("lp_pool2d", x, norm_type,
                 window_of<IntPair>(2, kernel_size, options.stride.value_or(kernel_size), 0, 1), options.ceil_mode);
}
Tensor lp_pool3d(const Arg& x, double norm_type, IntTriple kernel_size, const LpPool3dOptions& options) {
  return lp_pool("lp_pool3d", x, norm_type,
                 window_of<IntTriple>(3, kernel_size, options.stride.value_or(kernel_size), 0, 1), options.ceil_mode);
}

}  // namespace xgrad
