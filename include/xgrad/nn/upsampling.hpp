// Layers that change the size of lines, images and volumes.
#pragma once
#include <xgrad/nn/module.hpp>
#include <xgrad/ops/fold.hpp>
#include <xgrad/ops/interpolate.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace xgrad::nn {

// ---- resampling

// Options of Upsample: those of xgrad::interpolate that belong to a layer.
struct UpsampleOptions {
  PerDimension<std::int64_t> size{};
  PerDimension<double> scale_factor{};
  std::string mode = "nearest";
  std::optional<bool> align_corners{};
  std::optional<bool> recompute_scale_factor{};
};
// xgrad::interpolate. ValueError unless exactly one of size and scale_factor is given.
class Upsample : public Layer {
 public:
  explicit Upsample(const UpsampleOptions& options, Here here = {});
  Tensor forward(const Arg& x) const override;

 protected:
  Upsample(const char* name, const UpsampleOptions& options, Here here);

 private:
  InterpolateOptions options_;
};

struct Upsampling2dOptions {
  PerDimension<std::int64_t> size{};
  PerDimension<double> scale_factor{};
};
// Of images, by the nearest element.
class UpsamplingNearest2d : public Upsample {
 public:
  explicit UpsamplingNearest2d(const Upsampling2dOptions& options, Here here = {});
};
// Of images, linearly with align_corners.
class UpsamplingBilinear2d : public Upsample {
 public:
  explicit UpsamplingBilinear2d(const Upsampling2dOptions& options, Here here = {});
};

// ---- between channels and places

// What the layers below share: a function and its number. Their constructors throw ValueError for one below 1.
class ShuffleLayer : public Layer {
 public:
  Tensor forward(const Arg& x) const override;

 protected:
  using Function = Tensor (*)(const Arg& x, std::int64_t number);
  ShuffleLayer(Function function, const char* name, const char* number_name, std::int64_t number, Here here);

 private:
  Function function_;
  std::int64_t number_;
};

// xgrad::pixel_shuffle: channels become blocks of elements.
class PixelShuffle : public ShuffleLayer {
 public:
  explicit PixelShuffle(std::int64_t upscale_factor, Here here = {})
      : ShuffleLayer(&xgrad::pixel_shuffle, "PixelShuffle", "upscale_factor", upscale_factor, here) {}
};
// xgrad::pixel_unshuffle: the reverse.
class PixelUnshuffle : public ShuffleLayer {
 public:
  explicit PixelUnshuffle(std::int64_t downscale_factor, Here here = {})
      : ShuffleLayer(&xgrad::pixel_unshuffle, "PixelUnshuffle", "downscale_factor", downscale_factor, here) {}
};
// xgrad::channel_shuffle: channels of all groups take turns.
class ChannelShuffle : public ShuffleLayer {
 public:
  explicit ChannelShuffle(std::int64_t groups, Here here = {})
      : ShuffleLayer(&xgrad::channel_shuffle, "ChannelShuffle", "groups", groups, here) {}
};

}  // namespace xgrad::nn
