#include "ops/conv.hpp"

#include <xgrad/ops/conv.hpp>

#include <atomic>
#include <vector>

#include "core/check.hpp"
#include "core/dispatch.hpp"
#include "core/work.hpp"
#include "tape/node.hpp"

namespace xgrad {
namespace detail {
namespace {

// y = conv(x, w) is linear in x and in w. With <.,.> the sum of products, <g, conv(x, w)> = <x, input(g, w)> =
// <w, weight(g, x)> defines its two gradients, which by the same equation are each other's and conv's:
//   y = conv(x, w):      dx = input(dy, w),  dw = weight(dy, x), db = the sum of dy over images and positions
//   x = input(g, w):     dg = conv(dx, w),   dw = weight(g, dx)
//   w = weight(g, x):    dg = conv(x, dw),   dx = input(g, dw)

// Gives the gradient that `kernel` writes, or adds it to the one already there where that is allowed.
template <class Kernel>
void give_values(Backward& bw, std::size_t input, const Shape& shape, Dtype dtype, Kernel&& kernel) {
  const Tensor pending = bw.pending(input);
  if (pending.defined()) return kernel(pending, true);
  Tensor values = make_tensor(shape, dtype);
  kernel(values, false);
  bw.give(input, std::move(values));
}

void give_input(Backward& bw, std::size_t input, const Conv& conv, const Tensor& g, const Tensor& w) {
  if (bw.create_graph()) return bw.give(input, conv_to_input(bw.here(), conv, g, w, {}));
  give_values(bw, input, conv.input, impl(g).dtype, [&](const Tensor& out, bool accumulate) {
    conv_input_gradient(conv.geometry, dense(g), dense(w), out, accumulate);
  });
}
void give_weight(Backward& bw, std::size_t input, const Conv& conv, const Tensor& g, const Tensor& x) {
  if (bw.create_graph()) return bw.give(input, conv_to_weight(bw.here(), conv, g, x));
  give_values(bw, input, conv.weight, impl(g).dtype, [&](const Tensor& out, bool accumulate) {
    conv_weight_gradient(conv.geometry, dense(g), dense(x), out, accumulate);
  });
}
// The sum over images and positions of a gradient [N, C, ...] or [C, ...].
Tensor sum_positions(const Tensor& g, std::size_t channel, Here here) {
  std::vector<std::int64_t> dims;
  for (std::int64_t d = 0; d < g.dim(); ++d)
    if (d != static_cast<std::int64_t>(channel)) dims.push_back(d);
  return g.sum(Dims(std::move(dims)), false, here);
}
// The dimension of x's channels, where weight is [O, C / groups, window...]: 1 behind a batch, else 0.
std::size_t channel_of(const Shape& x, const Shape& weight) { return x.size() + 1 - weight.size(); }

void give_bias(Backward& bw, std::size_t input, const Conv& conv, const Tensor& g) {
  if (bw.create_graph()) return bw.give(input, sum_positions(g, channel_of(conv.output, conv.weight), bw.here()));
  give_values(bw, input, {conv.weight[0]}, impl(g).dtype, [&](const Tensor& out, bool accumulate) {
    conv_bias_gradient(conv.geometry, dense(g), out, accumulate);
  });
}

// Each channel's plane set to its bias.
void fill_planes(const ConvGeometry& g, const Tensor& bias, const Tensor& x) {
  const std::int64_t plane = g.depth * g.height * g.width;
  dispatch_floating(impl(x).dtype, [&]<class T>() {
    const T* values = data<T>(bias);
    T* to = data<T>(x);
    for (std::int64_t i = 0; i < g.batch * g.in_channels; ++i, to += plane)
      std::fill(to, to + plane, values[i % g.in_channels]);
  });
}

std::atomic<bool> winograd{true};

// The padding at the beginning, and how much there is in all.
struct Padding {
  Sizes before, all;
};
template <class Numbers>
Padding padding_of(const char* op, const ConvPadding<Numbers>& padding, const Window& window, Here here) {
  const std::string& word = padding.word();
  if (word.empty()) return {window.padding, {2 * window.padding[0], 2 * window.padding[1], 2 * window.padding[2]}};
  check<ValueError>(word == "valid" || word == "same", here,
                    "{}: expected padding of numbers, \"valid\" or \"same\", got \"{}\"", op, word);
  Padding result{};
  if (word == "valid") return result;
  for (std::size_t i = 0; i < 3; ++i) {
    check<ValueError>(window.stride[i] == 1, here, "{}: expected stride 1 with padding \"same\", got {}", op,
                      window.shown(window.stride));
    result.all[i] = window.dilation[i] * (window.kernel[i] - 1);
    result.before[i] = result.all[i] / 2;
  }
  return result;
}

template <class Options>
Tensor convolution(const ConvNames& names, std::size_t rank, const Arg& input, const Tensor& w, const Tensor& bias,
                   const Options& o) {
  const Here here = input.here();
  const char* op = names.op;
  const Tensor& x = input.tensor();
  const Shape &in = x.sizes(), &ws = w.sizes();
  Window window{rank, {}, sizes_of(o.stride, 1), sizes_of(o.padding.sizes(), 0), sizes_of(o.dilation, 1)};
  check_window(op, window, here);
  check<ValueError>(o.groups > 0, here, "{}: expected positive groups, got {}", op, o.groups);
  check_parameters(op, x, w, bias, ws.empty() ? 0 : ws[0], names.layout, rank, here);
  const std::size_t c = in.size() - rank - 1;
  check<ShapeError>(ws[0] % o.groups == 0, here, "{}: expected output channels divisible by groups = {}, got weight {}",
                    op, o.groups, ws);
  check<ShapeError>(in[c] == ws[1] * o.groups, here, "{}: expected input with {} channels (weight is {}{}), got {}", op,
                    ws[1] * o.groups, ws, o.groups == 1 ? "" : fmt::format(", groups = {}", o.groups), in);
  window.kernel = spatial_sizes(ws, rank);
  const Padding padding = padding_of(op, o.padding, window, here);
  window.padding = padding.before;
  const Sizes size = spatial_sizes(in, rank);
  Sizes out{};
  for (std::size_t i = 0; i < 3; ++i)
    out[i] = window_count(size[i], window.kernel[i], window.stride[i], padding.all[i], window.dilation[i]);
  check<ShapeError>(volume(out) > 0, here, "{}: window {} with dilation {} does not fit input {} with padding {}", op,
                    window.shown(window.kernel), window.shown(window.dilation), in, window.shown(window.padding));
  Conv conv{op,
            names.input,
            names.weight,
            conv_geometry(c == 1 ? in[0] : 1, {in[c], size[0], size[1], size[2]}, {ws[0], out[0], out[1], out[2]},
                          window, o.groups),
            in,
            ws,
            with_spatial_sizes(in, rank, out)};
  conv.output[c] = ws[0];
  return convolve(here, conv, x, w, bias);
}

}  // namespace

ConvGeometry conv_geometry(std::int64_t batch, const std::array<std::int64_t, 4>& input,
                           const std::array<std::int64_t, 4>& output, const Window& window, std::int64_t groups) {
  const auto& [rank, kernel, stride, padding, dilation] = window;
  return {.batch = batch,
          .in_channels = input[0],
          .height = input[2],
          .width = input[3],
          .out_channels = output[0],
          .out_height = output[2],
          .out_width = output[3],
          .kernel_h = kernel[1],
          .kernel_w = kernel[2],
          .stride_h = stride[1],
          .stride_w = stride[2],
          .padding_h = padding[1],
          .padding_w = padding[2],
          .dilation_h = dilation[1],
          .dilation_w = dilation[2],
          .groups = groups,
          .depth = input[1],
          .out_depth = output[1],
          .kernel_d = kernel[0],
          .stride_d = stride[0],
          .padding_d = padding[0],
          .dilation_d = dilation[0]};
}

void check_parameters(const char* op, const Tensor& x, const Tensor& w, const Tensor& bias, std::int64_t channels,
                      const char* layout, std::size_t rank, Here here) {
  const Shape& ws = w.sizes();
  check<ShapeError>(ws.size() == rank + 2 && volume(spatial_sizes(ws, rank)) > 0, here,
                    "{}: expected weight of shape {}, got {}", op, layout, ws);
  check_batched(op, x, rank, here);
  check<ShapeError>(!bias.defined() || bias.sizes() == Shape{channels}, here,
                    "{}: expected bias of shape [{}] (weight is {}), got {}", op, channels, ws,
                    bias.defined() ? bias.sizes() : Shape{});
  check_same_dtype(op, x, w, here);
  if (bias.defined()) check_same_dtype(op, x, bias, here);
}

// Every element of the output is a sum over a window of each channel in its group.
std::int64_t work(const Conv& conv) {
  return numel(conv.output) * numel(conv.weight) / std::max<std::int64_t>(conv.geometry.out_channels, 1);
}

Tensor convolve(Here here, const Conv& conv, const Tensor& x, const Tensor& w, const Tensor& bias) {
  Tensor y = make_tensor(conv.output, impl(x).dtype);
  multiply_adds += work(conv);
  conv_forward(conv.geometry, dense(x), dense(w), bias.defined() ? dense(bias) : bias, y);
  return record(conv.name, here, std::move(y), {&x, &w, &bias}, [&] {
    return [conv, x = Saved::input_if(requires_grad(w), x), w = Saved::input_if(requires_grad(x), w)](Backward& bw) {
      const Tensor g = bw.create_graph() ? bw.grad() : dense(bw.grad());
      if (bw.needs(0)) give_input(bw, 0, conv, g, bw.load(w));
      if (bw.needs(1)) give_weight(bw, 1, conv, g, bw.load(x));
      if (bw.needs(2)) give_bias(bw, 2, conv, g);
    };
  });
}

Tensor conv_to_input(Here here, const Conv& conv, const Tensor& g, const Tensor& w, const Tensor& bias) {
  Tensor x = make_tensor(conv.input, impl(g).dtype);
  if (bias.defined()) fill_planes(conv.geometry, dense(bias), x);
  multiply_adds += work(conv);
  conv_input_gradient(conv.geometry, dense(g), dense(w), x, bias.defined());
  return record(conv.input_name, here, std::move(x), {&g, &w, &bias}, [&] {
    return [conv, g = Saved::input_if(requires_grad(w), g), w = Saved::input_if(requires_grad(g), w)](Backward& bw) {
      if (bw.needs(0)) bw.give(0, convolve(bw.here(), conv, bw.grad(), bw.load(w), {}));
      if (bw.needs(1)) give_weight(bw, 1, conv, bw.load(g), bw.grad());
      if (bw.needs(2)) bw.give(2, sum_positions(bw.grad(), channel_of(conv.input, conv.weight), bw.here()));
    };
  });
}

Tensor conv_to_weight(Here here, const Conv& conv, const Tensor& g, const Tensor& x) {
  Tensor w = make_tensor(conv.weight, impl(g).dtype);
  conv_weight_gradient(conv.geometry, dense(g), dense(x), w, false);
  return record(conv.weight_name, here, std::move(w), {&g, &x}, [&] {
    return [conv, g = Saved::input_if(requires_grad(x), g), x = Saved::input_if(requires_grad(g), x)](Backward& bw) {
      if (bw.needs(0)) bw.give(0, convolve(bw.here(), conv, bw.load(x), bw.grad(), {}));
      if (bw.needs(1)) give_input(bw, 1, conv, bw.load(g), bw.grad());
    };
  });
}

}  // namespace detail

void allow_winograd(bool allow) noexcept { detail::winograd.store(allow, std::memory_order_relaxed); }
bool is_winograd_allowed() noexcept { return detail::winograd.load(std::memory_order_relaxed); }

Tensor conv1d(const Arg& input, const Arg& weight, const Tensor& bias, const Conv1dOptions& options) {
  return detail::convolution({"conv1d", "conv1d_input", "conv1d_weight", "[out, in / groups, length]"}, 1, input,
                             weight.tensor(), bias, options);
}
Tensor conv2d(const Arg& input, const Arg& weight, const Tensor& bias, const Conv2dOptions& options) {
  return detail::convolution({"conv2d", "conv2d_input", "conv2d_weight", "[out, in / groups, height, width]"}, 2, input,
                             weight.tensor(), bias, options);
}
Tensor conv3d(const Arg& input, const Arg& weight, const Tensor& bias, const Conv3dOptions& options) {
  return detail::convolution({"conv3d", "conv3d_input", "conv3d_weight", "[out, in / groups, depth, height, width]"}, 3,
                             input, weight.tensor(), bias, options);
}

}  // namespace xgrad
