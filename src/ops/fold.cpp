#include <xgrad/ops/fold.hpp>

#include <algorithm>

#include "core/dispatch.hpp"
#include "kernels/im2col.hpp"
#include "kernels/parallel.hpp"
#include "kernels/workspace.hpp"
#include "ops/conv.hpp"
#include "tape/node.hpp"

namespace xgrad {

using namespace detail;

namespace {

// y = columns(x), a linear map that copies, and its transpose, which adds: each other's gradients.
struct Fold {
  ConvGeometry geometry;
  Shape image, columns;
  std::int64_t plane() const noexcept { return geometry.height * geometry.width; }
  std::int64_t part() const noexcept {
    return geometry.kernel_h * geometry.kernel_w * geometry.out_height * geometry.out_width;
  }
  std::int64_t planes() const noexcept { return geometry.batch * geometry.in_channels; }
  Stripe stripe() const noexcept { return {1, 0, geometry.out_height}; }
};

Tensor folded(const Tensor& columns, const Fold& fold, Here here);

Tensor unfolded(const Tensor& x, const Fold& fold, Here here) {
  Tensor y = make_tensor(fold.columns, impl(x).dtype);
  const Tensor from = dense(x);
  dispatch_floating(impl(x).dtype, [&]<class T>() {
    parallel_for(fold.planes(), 1, fold.planes() * fold.part(), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t p = begin; p < end; ++p)
        im2col(fold.geometry, fold.stripe(), data<T>(from) + p * fold.plane(), data<T>(y) + p * fold.part());
    });
  });
  return record("unfold", here, std::move(y), {&x},
                [&] { return [fold](Backward& bw) { bw.give(0, folded(bw.grad(), fold, bw.here())); }; });
}

Tensor folded(const Tensor& columns, const Fold& fold, Here here) {
  Tensor x = make_tensor(fold.image, impl(columns).dtype);
  const Tensor from = dense(columns);
  dispatch_floating(impl(x).dtype, [&]<class T>() {
    // col2im overwrites what it reads.
    const Workspace<T> workspace(fold.part());
    parallel_for(fold.planes(), 1, fold.planes() * fold.part() * 2, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t p = begin; p < end; ++p) {
        const T* part = data<T>(from) + p * fold.part();
        T* image = data<T>(x) + p * fold.plane();
        std::copy(part, part + fold.part(), workspace.mine());
        std::fill(image, image + fold.plane(), T(0));
        col2im(fold.geometry, fold.stripe(), workspace.mine(), image);
      }
    });
  });
  return record("fold", here, std::move(x), {&columns},
                [&] { return [fold](Backward& bw) { bw.give(0, unfolded(bw.grad(), fold, bw.here())); }; });
}

// Of images [N, C, H, W] or [C, H, W].
Fold plan(const char* op, const Shape& image, IntPair kernel, const FoldOptions& o, Here here) {
  const Window window = window_of<IntPair>(2, kernel, o.stride, o.padding, o.dilation);
  check<ValueError>(kernel.h > 0 && kernel.w > 0, here, "{}: expected a positive kernel_size, got {}", op,
                    window.shown(window.kernel));
  check_window(op, window, here);
  const std::size_t c = image.size() - 3;
  const Sizes size = spatial_sizes(image, 2);
  Sizes out{};
  for (std::size_t i = 0; i < 3; ++i)
    out[i] = window_count(size[i], window.kernel[i], window.stride[i], 2 * window.padding[i], window.dilation[i]);
  check<ShapeError>(volume(out) > 0, here, "{}: window {} with dilation {} does not fit {} with padding {}", op,
                    window.shown(window.kernel), window.shown(window.dilation), window.shown(size),
                    window.shown(window.padding));
  const std::int64_t rows = image[c] * kernel.h * kernel.w, count = out[1] * out[2];
  return {
      conv_geometry(c == 1 ? image[0] : 1, {image[c], 1, size[1], size[2]}, {image[c], 1, out[1], out[2]}, window, 1),
      image, c == 1 ? Shape{image[0], rows, count} : Shape{rows, count}};
}

void check_factor(const char* op, const char* name, std::int64_t factor, const Arg& x) {
  check<ValueError>(factor > 0, x.here(), "{}: expected a positive {}, got {}", op, name, factor);
  check<ShapeError>(x->dim() >= 3, x.here(), "{}: expected input of 3 dimensions or more, got {}", op, x->sizes());
}

// x in shape `apart`, with the dimensions from `first` on in another order, in shape `together`.
Tensor rearranged(const Arg& x, const Shape& apart, std::size_t first, std::initializer_list<std::int64_t> order,
                  const Shape& together) {
  Shape dims;
  for (std::size_t d = 0; d < first; ++d) dims.push_back(static_cast<std::int64_t>(d));
  for (std::int64_t d : order) dims.push_back(static_cast<std::int64_t>(first) + d);
  return x->reshape(apart, x.here()).permute(dims, x.here()).reshape(together, x.here());
}

}  // namespace

Tensor unfold(const Arg& x, IntPair kernel_size, const FoldOptions& options) {
  check_batched("unfold", x.tensor(), 2, x.here());
  return unfolded(x.tensor(), plan("unfold", x->sizes(), kernel_size, options, x.here()), x.here());
}

Tensor fold(const Arg& x, IntPair output_size, IntPair kernel_size, const FoldOptions& options) {
  const Here here = x.here();
  const Shape& shape = x->sizes();
  check<ShapeError>(shape.size() == 2 || shape.size() == 3, here,
                    "fold: expected input of shape [N, C, L] or [C, L], got {}", shape);
  check_floating("fold", x.tensor(), here);
  check<ValueError>(output_size.h > 0 && output_size.w > 0, here, "fold: expected a positive output_size, got {}",
                    Shape{output_size.h, output_size.w});
  const std::int64_t window = std::max<std::int64_t>(1, kernel_size.h * kernel_size.w), rows = shape[shape.size() - 2];
  Shape image{rows / window, output_size.h, output_size.w};
  if (shape.size() == 3) image.insert(0, shape[0]);
  const Fold fold = plan("fold", image, kernel_size, options, here);
  check<ShapeError>(shape == fold.columns, here,
                    "fold: expected input {} for output_size {} and kernel_size {}, got {}", fold.columns,
                    Shape{output_size.h, output_size.w}, Shape{kernel_size.h, kernel_size.w}, shape);
  return folded(x.tensor(), fold, here);
}

Tensor pixel_shuffle(const Arg& x, std::int64_t upscale_factor) {
  const std::int64_t r = upscale_factor;
  check_factor("pixel_shuffle", "upscale_factor", r, x);
  Shape apart = x->sizes(), together = apart;
  const std::size_t c = apart.size() - 3;
  check<ShapeError>(apart[c] % (r * r) == 0, x.here(), "pixel_shuffle: expected channels divisible by {}, got input {}",
                    r * r, apart);
  together[c] /= r * r;
  together[c + 1] *= r;
  together[c + 2] *= r;
  apart[c] /= r * r;
  apart.insert(c + 1, r);
  apart.insert(c + 1, r);
  return rearranged(x, apart, c, {0, 3, 1, 4, 2}, together);
}

Tensor pixel_unshuffle(const Arg& x, std::int64_t downscale_factor) {
  const std::int64_t r = downscale_factor;
  check_factor("pixel_unshuffle", "downscale_factor", r, x);
  Shape apart = x->sizes(), together = apart;
  const std::size_t c = apart.size() - 3;
  check<ShapeError>(apart[c + 1] % r == 0 && apart[c + 2] % r == 0, x.here(),
                    "pixel_unshuffle: expected height and width divisible by {}, got input {}", r, apart);
  together[c] *= r * r;
  together[c + 1] /= r;
  together[c + 2] /= r;
  apart[c + 1] /= r;
  apart[c + 2] /= r;
  apart.insert(c + 3, r);
  apart.insert(c + 2, r);
  return rearranged(x, apart, c, {0, 2, 4, 1, 3}, together);
}

Tensor channel_shuffle(const Arg& x, std::int64_t groups) {
  check_factor("channel_shuffle", "groups", groups, x);
  Shape apart = x->sizes();
  check<ShapeError>(apart[1] % groups == 0, x.here(),
                    "channel_shuffle: expected channels divisible by groups = {}, got input {}", groups, apart);
  apart[1] /= groups;
  apart.insert(1, groups);
  return x->reshape(apart, x.here()).transpose(1, 2, x.here()).reshape(x->sizes(), x.here());
}

}  // namespace xgrad
