#include <xgrad/ops/conv_transpose.hpp>

#include "ops/conv.hpp"

namespace xgrad {

using namespace detail;

namespace {

// y = input(x, w) + bias, the gradient of the convolution of y's shape that has x's shape as its result. Its own
// gradients are dx = conv(dy, w), dw = weight(x, dy), db = the sum of dy over images and positions.

template <class Options>
Tensor transposed(const ConvNames& names, std::size_t rank, const Arg& input, const Tensor& w, const Tensor& bias,
                  const Options& o) {
  const Here here = input.here();
  const char* op = names.op;
  const Tensor& x = input.tensor();
  const Shape &in = x.sizes(), &ws = w.sizes();
  Window window{rank, {}, sizes_of(o.stride, 1), sizes_of(o.padding, 0), sizes_of(o.dilation, 1)};
  const Sizes more = sizes_of(o.output_padding, 0);
  check_window(op, window, here);
  check<ValueError>(o.groups > 0, here, "{}: expected positive groups, got {}", op, o.groups);
  for (std::size_t i = 0; i < 3; ++i)
    check<ValueError>(more[i] >= 0 && more[i] < std::max(window.stride[i], window.dilation[i]), here,
                      "{}: expected output_padding below stride {} or dilation {}, got {}", op,
                      window.shown(window.stride), window.shown(window.dilation), window.shown(more));
  const std::int64_t channels = ws.size() > 1 ? ws[1] * o.groups : 0;
  check_parameters(op, x, w, bias, channels, names.layout, rank, here);
  const std::size_t c = in.size() - rank - 1;
  check<ShapeError>(ws[0] % o.groups == 0, here, "{}: expected input channels divisible by groups = {}, got weight {}",
                    op, o.groups, ws);
  check<ShapeError>(in[c] == ws[0], here, "{}: expected input with {} channels (weight is {}), got {}", op, ws[0], ws,
                    in);
  window.kernel = spatial_sizes(ws, rank);
  const Sizes size = spatial_sizes(in, rank);
  Sizes out{};
  for (std::size_t i = 0; i < 3; ++i) {
    out[i] = (size[i] - 1) * window.stride[i] - 2 * window.padding[i] + window.dilation[i] * (window.kernel[i] - 1) +
             more[i] + 1;
    check<ShapeError>(size[i] > 0 && out[i] > 0, here,
                      "{}: no output is left of input {} with window {}, padding {} and output_padding {}", op, in,
                      window.shown(window.kernel), window.shown(window.padding), window.shown(more));
  }
  Conv conv{names.input,
            op,
            names.weight,
            conv_geometry(c == 1 ? in[0] : 1, {channels, out[0], out[1], out[2]}, {in[c], size[0], size[1], size[2]},
                          window, o.groups),
            with_spatial_sizes(in, rank, out),
            ws,
            in};
  conv.input[c] = channels;
  return conv_to_input(here, conv, x, w, bias);
}

}  // namespace

Tensor conv_transpose1d(const Arg& input, const Arg& weight, const Tensor& bias,
                        const ConvTranspose1dOptions& options) {
  return transposed(
      {"conv_transpose1d", "conv_transpose1d_input", "conv_transpose1d_weight", "[in, out / groups, length]"}, 1, input,
      weight.tensor(), bias, options);
}
Tensor conv_transpose2d(const Arg& input, const Arg& weight, const Tensor& bias,
                        const ConvTranspose2dOptions& options) {
  return transposed(
      {"conv_transpose2d", "conv_transpose2d_input", "conv_transpose2d_weight", "[in, out / groups, height, width]"}, 2,
      input, weight.tensor(), bias, options);
}
Tensor conv_transpose3d(const Arg& input, const Arg& weight, const Tensor& bias,
                        const ConvTranspose3dOptions& options) {
  return transposed({"conv_transpose3d", "conv_transpose3d_input", "conv_transpose3d_weight",
                     "[in, out / groups, depth, height, width]"},
                    3, input, weight.tensor(), bias, options);
}

}  // namespace xgrad
