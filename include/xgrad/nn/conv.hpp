// Layers of convolution over lines, images and volumes.
#pragma once
#include <xgrad/nn/affine_layer.hpp>
#include <xgrad/nn/pool.hpp>
#include <xgrad/ops/conv.hpp>
#include <xgrad/ops/conv_transpose.hpp>
#include <xgrad/ops/window.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace xgrad::nn {

// stride, padding (numbers, "valid" or "same"), dilation and groups are those of xgrad::conv1d and so on; bias: whether
// there is one; padding_mode: what the padding consists of, "zeros", or what xgrad::pad makes by "reflect", "replicate"
// or "circular".
template <class Sizes>
struct ConvOptions {
  Sizes stride = 1;
  ConvPadding<Sizes> padding = 0;
  Sizes dilation = 1;
  std::int64_t groups = 1;
  bool bias = true;
  std::string padding_mode = "zeros";
};
using Conv1dOptions = ConvOptions<std::int64_t>;
using Conv2dOptions = ConvOptions<IntPair>;
using Conv3dOptions = ConvOptions<IntTriple>;

// The options of xgrad::conv_transpose1d and so on; bias: whether there is one.
template <class Sizes>
struct ConvTransposeOptions {
  Sizes stride = 1;
  Sizes padding = 0;
  Sizes output_padding = 0;
  std::int64_t groups = 1;
  bool bias = true;
  Sizes dilation = 1;
};
using ConvTranspose1dOptions = ConvTransposeOptions<std::int64_t>;
using ConvTranspose2dOptions = ConvTransposeOptions<IntPair>;
using ConvTranspose3dOptions = ConvTransposeOptions<IntTriple>;

// What all convolutions share: their channels.
class ConvLayer : public AffineLayer {
 protected:
  // in_channels: empty where the first input tells them; options: as printed.
  struct Setup {
    std::string name;
    bool transposed;
    std::optional<std::int64_t> in_channels;
    std::int64_t out_channels;
    Shape kernel_size;
    std::int64_t groups;
    bool bias;
    std::string options;
  };
  ConvLayer(const Setup& setup, Here here);
  // Before each forward: takes the channels from x where they are not known.
  void infer(const Arg& x) const;

 private:
  Shape weight_sizes(std::int64_t in_channels) const;

  Setup setup_;
};

// xgrad::conv1d, conv2d, conv3d: [N, in, ...] -> [N, out, ...], or both without N.
// Parameters: weight [out, in / groups, window...], bias [out], both uniform in (-b, b) at first, b = 1 / sqrt(fan_in),
// fan_in = in / groups times the window's elements. ValueError: sizes or a stride or dilation below 1, a negative
// padding, channels not divisible by groups, padding "same" with a stride, an unknown word. Else errors as of the
// function and of xgrad::pad.
template <class S>
class ConvNd : public ConvLayer {
 public:
  using Sizes = S;
  using Options = ConvOptions<S>;
  ConvNd(std::int64_t in_channels, std::int64_t out_channels, Sizes kernel_size, const Options& options = {},
         Here here = {});
  Tensor forward(const Arg& x) const override;

 protected:
  ConvNd(std::optional<std::int64_t> in_channels, std::int64_t out_channels, Sizes kernel_size, const Options& options,
         Here here);

 private:
  Options options_;
  Shape pad_;  // for xgrad::pad; empty where the function pads
};
class Conv1d : public ConvNd<std::int64_t> {
 public:
  using ConvNd::ConvNd;
};
class Conv2d : public ConvNd<IntPair> {
 public:
  using ConvNd::ConvNd;
};
class Conv3d : public ConvNd<IntTriple> {
 public:
  using ConvNd::ConvNd;
};

// xgrad::conv_transpose1d, conv_transpose2d, conv_transpose3d: [N, in, ...] -> [N, out, ...], or both without N.
// With output_size (its last one, two or three sizes) the output has that size in place of output_padding's; ValueError
// for one that no input of a convolution with this stride has.
// Parameters: weight [in, out / groups, window...], bias [out], both uniform in (-b, b) at first, b = 1 / sqrt(out /
// groups times the window's elements). ValueError: sizes below 1, channels not divisible by groups, and as above. Else
// errors as of the function.
template <class S>
class ConvTransposeNd : public ConvLayer {
 public:
  using Sizes = S;
  using Options = ConvTransposeOptions<S>;
  ConvTransposeNd(std::int64_t in_channels, std::int64_t out_channels, Sizes kernel_size, const Options& options = {},
                  Here here = {});
  Tensor forward(const Arg& x) const override;
  Tensor forward(const Arg& x, Sizes output_size) const;
  using Layer::operator();
  Tensor operator()(const Arg& x, Sizes output_size) const;

 protected:
  ConvTransposeNd(std::optional<std::int64_t> in_channels, std::int64_t out_channels, Sizes kernel_size,
                  const Options& options, Here here);

 private:
  Tensor transposed(const Arg& x, Sizes output_padding) const;

  Sizes kernel_size_;
  Options options_;
};
class ConvTranspose1d : public ConvTransposeNd<std::int64_t> {
 public:
  using ConvTransposeNd::ConvTransposeNd;
};
class ConvTranspose2d : public ConvTransposeNd<IntPair> {
 public:
  using ConvTransposeNd::ConvTransposeNd;
};
class ConvTranspose3d : public ConvTransposeNd<IntTriple> {
 public:
  using ConvTransposeNd::ConvTransposeNd;
};

extern template class ConvNd<std::int64_t>;
extern template class ConvNd<IntPair>;
extern template class ConvNd<IntTriple>;
extern template class ConvTransposeNd<std::int64_t>;
extern template class ConvTransposeNd<IntPair>;
extern template class ConvTransposeNd<IntTriple>;

}  // namespace xgrad::nn
