#include "kernels/conv.hpp"

#include <xgrad/ops/conv.hpp>

#include <atomic>

#include "core/check.hpp"
#include "tape/node.hpp"

namespace xgrad {
namespace detail {
namespace {

// y = conv(x, w) is linear in x and in w. With <.,.> the sum of products, <g, conv(x, w)> = <x, input(g, w)> =
// <w, weight(g, x)> defines its two gradients, which by the same equation are each other's and conv's:
//   y = conv(x, w):      dx = input(dy, w),  dw = weight(dy, x), db = the sum of dy over images and positions
//   x = input(g, w):     dg = conv(dx, w),   dw = weight(g, dx)
//   w = weight(g, x):    dg = conv(x, dw),   dx = input(g, dw)
struct Conv {
  ConvGeometry geometry;
  Shape input, weight, output;
};

std::int64_t windows(std::int64_t size, std::int64_t kernel, std::int64_t stride, std::int64_t padding,
                     std::int64_t dilation) {
  const std::int64_t room = size + 2 * padding - dilation * (kernel - 1) - 1;
  return room < 0 ? 0 : room / stride + 1;
}

Conv plan(const Tensor& x, const Tensor& w, const Tensor& bias, const Conv2dOptions& o, Here here) {
  const Shape &in = impl(x).shape, &ws = impl(w).shape;
  const Shape stride{o.stride.h, o.stride.w}, padding{o.padding.h, o.padding.w}, dilation{o.dilation.h, o.dilation.w};
  check<ValueError>(stride[0] > 0 && stride[1] > 0, here, "conv2d: expected a positive stride, got {}", stride);
  check<ValueError>(padding[0] >= 0 && padding[1] >= 0, here, "conv2d: expected no negative padding, got {}", padding);
  check<ValueError>(dilation[0] > 0 && dilation[1] > 0, here, "conv2d: expected a positive dilation, got {}", dilation);
  check<ValueError>(o.groups > 0, here, "conv2d: expected positive groups, got {}", o.groups);
  check<ShapeError>(ws.size() == 4 && ws[2] > 0 && ws[3] > 0, here,
                    "conv2d: expected weight of shape [out, in / groups, height, width], got {}", ws);
  check<ShapeError>(in.size() == 3 || in.size() == 4, here,
                    "conv2d: expected input of shape [N, C, H, W] or [C, H, W], got {}", in);
  const std::size_t c = in.size() - 3;
  check<ShapeError>(ws[0] % o.groups == 0, here,
                    "conv2d: expected output channels divisible by groups = {}, got weight {}", o.groups, ws);
  check<ShapeError>(in[c] == ws[1] * o.groups, here, "conv2d: expected input with {} channels (weight is {}{}), got {}",
                    ws[1] * o.groups, ws, o.groups == 1 ? "" : fmt::format(", groups = {}", o.groups), in);
  check<ShapeError>(!bias.defined() || bias.sizes() == Shape{ws[0]}, here,
                    "conv2d: expected bias of shape [{}] (weight is {}), got {}", ws[0], ws,
                    bias.defined() ? bias.sizes() : Shape{});
  check_floating("conv2d", x, here);
  check_same_dtype("conv2d", x, w, here);
  if (bias.defined()) check_same_dtype("conv2d", x, bias, here);
  const std::int64_t rows = windows(in[c + 1], ws[2], stride[0], padding[0], dilation[0]);
  const std::int64_t cols = windows(in[c + 2], ws[3], stride[1], padding[1], dilation[1]);
  check<ShapeError>(rows > 0 && cols > 0, here,
                    "conv2d: window {} with dilation {} does not fit input {} with padding {}", Shape{ws[2], ws[3]},
                    dilation, in, padding);
  Conv conv{{.batch = c == 1 ? in[0] : 1,
             .in_channels = in[c],
             .height = in[c + 1],
             .width = in[c + 2],
             .out_channels = ws[0],
             .out_height = rows,
             .out_width = cols,
             .kernel_h = ws[2],
             .kernel_w = ws[3],
             .stride_h = stride[0],
             .stride_w = stride[1],
             .padding_h = padding[0],
             .padding_w = padding[1],
             .dilation_h = dilation[0],
             .dilation_w = dilation[1],
             .groups = o.groups},
            in,
            ws,
            in};
  conv.output[c] = ws[0];
  conv.output[c + 1] = rows;
  conv.output[c + 2] = cols;
  return conv;
}

// Gives the gradient that `kernel` writes, or adds it to the one already there where that is allowed.
template <class Kernel>
void give_values(Backward& bw, std::size_t input, const Shape& shape, Dtype dtype, Kernel&& kernel) {
  const Tensor pending = bw.pending(input);
  if (pending.defined()) return kernel(pending, true);
  Tensor values = make_tensor(shape, dtype);
  kernel(values, false);
  bw.give(input, std::move(values));
}

Tensor convolve(Here here, const Conv& conv, const Tensor& x, const Tensor& w, const Tensor& bias);
Tensor to_input(Here here, const Conv& conv, const Tensor& g, const Tensor& w);
Tensor to_weight(Here here, const Conv& conv, const Tensor& g, const Tensor& x);

void give_input(Backward& bw, std::size_t input, const Conv& conv, const Tensor& g, const Tensor& w) {
  if (bw.create_graph()) return bw.give(input, to_input(bw.here(), conv, g, w));
  give_values(bw, input, conv.input, impl(g).dtype, [&](const Tensor& out, bool accumulate) {
    conv_input_gradient(conv.geometry, dense(g), dense(w), out, accumulate);
  });
}
void give_weight(Backward& bw, std::size_t input, const Conv& conv, const Tensor& g, const Tensor& x) {
  if (bw.create_graph()) return bw.give(input, to_weight(bw.here(), conv, g, x));
  give_values(bw, input, conv.weight, impl(g).dtype, [&](const Tensor& out, bool accumulate) {
    conv_weight_gradient(conv.geometry, dense(g), dense(x), out, accumulate);
  });
}
void give_bias(Backward& bw, std::size_t input, const Conv& conv, const Tensor& g) {
  if (bw.create_graph())
    return bw.give(input, g.sum(conv.output.size() == 4 ? Dims{0, 2, 3} : Dims{1, 2}, false, bw.here()));
  give_values(bw, input, {conv.weight[0]}, impl(g).dtype, [&](const Tensor& out, bool accumulate) {
    conv_bias_gradient(conv.geometry, dense(g), out, accumulate);
  });
}

Tensor convolve(Here here, const Conv& conv, const Tensor& x, const Tensor& w, const Tensor& bias) {
  Tensor y = make_tensor(conv.output, impl(x).dtype);
  conv_forward(conv.geometry, dense(x), dense(w), bias.defined() ? dense(bias) : bias, y);
  return record("conv2d", here, std::move(y), {&x, &w, &bias}, [&] {
    return [conv, x = Saved::input_if(requires_grad(w), x), w = Saved::input_if(requires_grad(x), w)](Backward& bw) {
      const Tensor g = bw.create_graph() ? bw.grad() : dense(bw.grad());
      if (bw.needs(0)) give_input(bw, 0, conv, g, bw.load(w));
      if (bw.needs(1)) give_weight(bw, 1, conv, g, bw.load(x));
      if (bw.needs(2)) give_bias(bw, 2, conv, g);
    };
  });
}

Tensor to_input(Here here, const Conv& conv, const Tensor& g, const Tensor& w) {
  Tensor x = make_tensor(conv.input, impl(g).dtype);
  conv_input_gradient(conv.geometry, dense(g), dense(w), x, false);
  return record("conv2d_input", here, std::move(x), {&g, &w}, [&] {
    return [conv, g = Saved::input_if(requires_grad(w), g), w = Saved::input_if(requires_grad(g), w)](Backward& bw) {
      if (bw.needs(0)) bw.give(0, convolve(bw.here(), conv, bw.grad(), bw.load(w), {}));
      if (bw.needs(1)) give_weight(bw, 1, conv, bw.load(g), bw.grad());
    };
  });
}

Tensor to_weight(Here here, const Conv& conv, const Tensor& g, const Tensor& x) {
  Tensor w = make_tensor(conv.weight, impl(g).dtype);
  conv_weight_gradient(conv.geometry, dense(g), dense(x), w, false);
  return record("conv2d_weight", here, std::move(w), {&g, &x}, [&] {
    return [conv, g = Saved::input_if(requires_grad(x), g), x = Saved::input_if(requires_grad(g), x)](Backward& bw) {
      if (bw.needs(0)) bw.give(0, convolve(bw.here(), conv, bw.load(x), bw.grad(), {}));
      if (bw.needs(1)) give_input(bw, 1, conv, bw.load(g), bw.grad());
    };
  });
}

std::atomic<bool> winograd{true};

}  // namespace
}  // namespace detail

void allow_winograd(bool allow) noexcept { detail::winograd.store(allow, std::memory_order_relaxed); }
bool is_winograd_allowed() noexcept { return detail::winograd.load(std::memory_order_relaxed); }

Tensor conv2d(const Arg& input, const Arg& weight, const Tensor& bias, const Conv2dOptions& options) {
  const detail::Conv conv = detail::plan(input.tensor(), weight.tensor(), bias, options, input.here());
  return detail::convolve(input.here(), conv, input.tensor(), weight.tensor(), bias);
}

}  // namespace xgrad
