#include "kernels/pool.hpp"

#include <xgrad/ops/pool.hpp>

#include <limits>
#include <memory>

#include "core/check.hpp"
#include "core/dispatch.hpp"
#include "tape/node.hpp"

namespace xgrad {
namespace detail {
namespace {

// ---- sizes

std::int64_t planes_of(const Shape& shape) { return shape.size() == 4 ? shape[0] * shape[1] : shape[0]; }
Shape with_size(Shape shape, std::int64_t height, std::int64_t width) {
  shape[shape.size() - 2] = height;
  shape[shape.size() - 1] = width;
  return shape;
}
Shape both(IntPair pair) { return {pair.h, pair.w}; }

void check_images(const char* op, const Tensor& x, Here here) {
  const Shape& shape = impl(x).shape;
  check<ShapeError>(shape.size() == 3 || shape.size() == 4, here,
                    "{}: expected input of shape [N, C, H, W] or [C, H, W], got {}", op, shape);
  check_floating(op, x, here);
}

void check_windows(const char* op, IntPair kernel, IntPair stride, IntPair padding, IntPair dilation, Here here) {
  check<ValueError>(kernel.h > 0 && kernel.w > 0, here, "{}: expected a positive kernel_size, got {}", op,
                    both(kernel));
  check<ValueError>(stride.h > 0 && stride.w > 0, here, "{}: expected a positive stride, got {}", op, both(stride));
  check<ValueError>(dilation.h > 0 && dilation.w > 0, here, "{}: expected a positive dilation, got {}", op,
                    both(dilation));
  check<ValueError>(padding.h >= 0 && padding.w >= 0 && padding.h <= kernel.h / 2 && padding.w <= kernel.w / 2, here,
                    "{}: expected padding between 0 and half of kernel_size {}, got {}", op, both(kernel),
                    both(padding));
}

std::int64_t window_count(std::int64_t size, std::int64_t kernel, std::int64_t stride, std::int64_t padding,
                          std::int64_t dilation, bool ceil_mode) {
  const std::int64_t room = size + 2 * padding - dilation * (kernel - 1) - 1;
  if (room < 0 && (!ceil_mode || room + stride - 1 < 0)) return 0;
  std::int64_t count = (room + (ceil_mode ? stride - 1 : 0)) / stride + 1;
  if (ceil_mode && (count - 1) * stride >= size + padding) --count;
  return count;
}

PoolGeometry geometry(const char* op, const Shape& shape, IntPair kernel, IntPair stride, IntPair padding,
                      IntPair dilation, bool ceil_mode, Here here) {
  check_windows(op, kernel, stride, padding, dilation, here);
  const std::int64_t height = shape[shape.size() - 2], width = shape.back();
  const std::int64_t rows = window_count(height, kernel.h, stride.h, padding.h, dilation.h, ceil_mode);
  const std::int64_t cols = window_count(width, kernel.w, stride.w, padding.w, dilation.w, ceil_mode);
  check<ShapeError>(height > 0 && width > 0 && rows > 0 && cols > 0, here,
                    "{}: window {} with dilation {} does not fit input {} with padding {}", op, both(kernel),
                    both(dilation), shape, both(padding));
  return {planes_of(shape), height,   width,     rows,      cols,       kernel.h,  kernel.w,
          stride.h,         stride.w, padding.h, padding.w, dilation.h, dilation.w};
}

// ---- maxima: y = x[indices] plane by plane; gathering and scatter-adding by the same indices are each other's
// gradients

Tensor scatter(Here here, const Tensor& g, const Tensor& indices, const Shape& shape);

void gather_into(const Tensor& out, const Tensor& x, const Tensor& indices) {
  const Shape &to = impl(out).shape, &from = impl(x).shape;
  const std::int64_t planes = planes_of(to), size = to[to.size() - 2] * to.back(),
                     plane = from[from.size() - 2] * from.back();
  dispatch_floating(impl(out).dtype, [&]<class T>() {
    gather_planes(planes, size, plane, data<std::int32_t>(indices), data<T>(x), data<T>(out));
  });
}
void scatter_into(const Tensor& out, const Tensor& g, const Tensor& indices, bool accumulate) {
  const Shape &to = impl(out).shape, &from = impl(g).shape;
  const std::int64_t planes = planes_of(to), size = from[from.size() - 2] * from.back(),
                     plane = to[to.size() - 2] * to.back();
  dispatch_floating(impl(out).dtype, [&]<class T>() {
    scatter_planes(planes, size, plane, data<std::int32_t>(indices), data<T>(g), data<T>(out), accumulate);
  });
}

Tensor gather(Here here, const Tensor& x, const Tensor& indices) {
  Tensor y = make_tensor(impl(indices).shape, impl(x).dtype);
  gather_into(y, dense(x), indices);
  return record("max_pool2d", here, std::move(y), {&x}, [&] {
    return
        [indices, shape = impl(x).shape](Backward& bw) { bw.give(0, scatter(bw.here(), bw.grad(), indices, shape)); };
  });
}
Tensor scatter(Here here, const Tensor& g, const Tensor& indices, const Shape& shape) {
  Tensor x = make_tensor(shape, impl(g).dtype);
  scatter_into(x, dense(g), indices, false);
  return record("max_pool2d_input", here, std::move(x), {&g},
                [&] { return [indices](Backward& bw) { bw.give(0, gather(bw.here(), bw.grad(), indices)); }; });
}

struct Maxima {
  Tensor values, indices;
};
Maxima maxima(const Arg& input, IntPair kernel, const MaxPool2dOptions& options, bool with_indices) {
  const Here here = input.here();
  const Tensor& x = input.tensor();
  check_images("max_pool2d", x, here);
  const PoolGeometry g = geometry("max_pool2d", impl(x).shape, kernel, options.stride.value_or(kernel), options.padding,
                                  options.dilation, options.ceil_mode, here);
  check<ShapeError>(g.height <= std::numeric_limits<std::int32_t>::max() / g.width, here,
                    "max_pool2d: expected planes of less than 2^31 elements, got {}", impl(x).shape);
  const Shape shape = with_size(impl(x).shape, g.out_height, g.out_width);
  const Tensor values = make_tensor(shape, impl(x).dtype), from = dense(x);
  const Tensor indices = with_indices || records({&x}) ? make_tensor(shape, int32) : Tensor();
  dispatch_floating(impl(x).dtype, [&]<class T>() {
    max_pool(g, data<T>(from), data<T>(values), indices.defined() ? data<std::int32_t>(indices) : nullptr);
  });
  return {record("max_pool2d", here, values, {&x},
                 [&] {
                   return [indices, shape = impl(x).shape](Backward& bw) {
                     if (bw.create_graph()) return bw.give(0, scatter(bw.here(), bw.grad(), indices, shape));
                     const Tensor pending = bw.pending(0);
                     const Tensor out = pending.defined() ? pending : make_tensor(shape, impl(bw.grad()).dtype);
                     scatter_into(out, dense(bw.grad()), indices, pending.defined());
                     if (!pending.defined()) bw.give(0, out);
                   };
                 }),
          indices};
}

// ---- means: a linear map and its transpose, each other's gradients. The windows are shared by their nodes.

using Windows = std::shared_ptr<const MeanGeometry>;

Tensor spread(const char* name, Here here, const Windows& windows, const Tensor& g);

Tensor mean(const char* name, Here here, const Windows& windows, const Tensor& x) {
  Tensor y = make_tensor(with_size(impl(x).shape, static_cast<std::int64_t>(windows->rows.size()),
                                   static_cast<std::int64_t>(windows->cols.size())),
                         impl(x).dtype);
  const Tensor from = dense(x);
  dispatch_floating(impl(x).dtype, [&]<class T>() { mean_pool(*windows, data<T>(from), data<T>(y)); });
  return record(name, here, std::move(y), {&x}, [&] {
    return [name, windows](Backward& bw) { bw.give(0, spread(name, bw.here(), windows, bw.grad())); };
  });
}
Tensor spread(const char* name, Here here, const Windows& windows, const Tensor& g) {
  Tensor x = make_tensor(with_size(impl(g).shape, windows->height, windows->width), impl(g).dtype);
  const Tensor from = dense(g);
  dispatch_floating(impl(g).dtype, [&]<class T>() { spread_means(*windows, data<T>(from), data<T>(x)); });
  return record(name, here, std::move(x), {&g}, [&] {
    return [name, windows](Backward& bw) { bw.give(0, mean(name, bw.here(), windows, bw.grad())); };
  });
}

std::vector<PoolRange> ranges(std::int64_t count, std::int64_t size, std::int64_t kernel, std::int64_t stride,
                              std::int64_t padding, bool count_padding) {
  std::vector<PoolRange> list(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t begin = i * stride - padding, end = std::min(begin + kernel, size + padding);
    const std::int64_t first = std::max<std::int64_t>(begin, 0), last = std::min(end, size);
    const std::int64_t counted = count_padding ? end - begin : last - first;
    list[static_cast<std::size_t>(i)] = {first, std::max(first, last), static_cast<double>(counted)};
  }
  return list;
}
std::vector<PoolRange> even_ranges(std::int64_t count, std::int64_t size) {
  std::vector<PoolRange> list(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t begin = i * size / count, end = ((i + 1) * size + count - 1) / count;
    list[static_cast<std::size_t>(i)] = {begin, end, static_cast<double>(end - begin)};
  }
  return list;
}

}  // namespace
}  // namespace detail

Tensor max_pool2d(const Arg& input, IntPair kernel_size, const MaxPool2dOptions& options) {
  return detail::maxima(input, kernel_size, options, false).values;
}

std::pair<Tensor, Tensor> max_pool2d_with_indices(const Arg& input, IntPair kernel_size,
                                                  const MaxPool2dOptions& options) {
  auto [values, indices] = detail::maxima(input, kernel_size, options, true);
  return {values, indices.to(int64, input.here())};
}

Tensor avg_pool2d(const Arg& input, IntPair kernel_size, const AvgPool2dOptions& options) {
  using namespace detail;
  const Here here = input.here();
  const Tensor& x = input.tensor();
  check_images("avg_pool2d", x, here);
  const std::optional<std::int64_t> divisor = options.divisor_override;
  check<ValueError>(!divisor || *divisor != 0, here, "avg_pool2d: expected a divisor_override other than 0, got 0");
  const PoolGeometry g = geometry("avg_pool2d", impl(x).shape, kernel_size, options.stride.value_or(kernel_size),
                                  options.padding, 1, options.ceil_mode, here);
  MeanGeometry windows{g.planes, g.height, g.width,
                       ranges(g.out_height, g.height, g.kernel_h, g.stride_h, g.padding_h, options.count_include_pad),
                       ranges(g.out_width, g.width, g.kernel_w, g.stride_w, g.padding_w, options.count_include_pad)};
  if (divisor) {
    for (PoolRange& row : windows.rows) row.divisor = static_cast<double>(*divisor);
    for (PoolRange& col : windows.cols) col.divisor = 1;
  }
  return mean("avg_pool2d", here, std::make_shared<const MeanGeometry>(std::move(windows)), x);
}

Tensor adaptive_avg_pool2d(const Arg& input, IntPair output_size) {
  using namespace detail;
  const Here here = input.here();
  const Tensor& x = input.tensor();
  check_images("adaptive_avg_pool2d", x, here);
  check<ValueError>(output_size.h > 0 && output_size.w > 0, here,
                    "adaptive_avg_pool2d: expected a positive output_size, got {}", both(output_size));
  const Shape& shape = impl(x).shape;
  const std::int64_t height = shape[shape.size() - 2], width = shape.back();
  check<ShapeError>(height > 0 && width > 0, here, "adaptive_avg_pool2d: expected images with elements, got {}", shape);
  return mean(
      "adaptive_avg_pool2d", here,
      std::make_shared<const MeanGeometry>(MeanGeometry{
          planes_of(shape), height, width, even_ranges(output_size.h, height), even_ranges(output_size.w, width)}),
      x);
}

}  // namespace xgrad
