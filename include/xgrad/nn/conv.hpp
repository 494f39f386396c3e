// Layers of convolution and pooling.
#pragma once
#include <xgrad/nn/module.hpp>
#include <xgrad/ops/conv.hpp>
#include <xgrad/ops/pool.hpp>

#include <cstdint>

namespace xgrad::nn {

// As xgrad::Conv2dOptions; bias: whether there is one.
struct Conv2dOptions {
  IntPair stride = 1;
  IntPair padding = 0;
  IntPair dilation = 1;
  std::int64_t groups = 1;
  bool bias = true;
};
// xgrad::conv2d: [N, in, H, W] -> [N, out, H', W'].
// Parameters: weight [out, in / groups, h, w], bias [out], both uniform in (-b, b) at first, b = 1 / sqrt(fan_in),
// fan_in = in / groups * h * w. ValueError: sizes below 1, channels not divisible by groups.
class Conv2d : public Layer {
 public:
  Conv2d(std::int64_t in_channels, std::int64_t out_channels, IntPair kernel_size, const Conv2dOptions& options = {},
         Here here = {});
  Tensor forward(const Arg& x) const override;

  Tensor weight, bias;

 private:
  xgrad::Conv2dOptions options_;
};

// xgrad::max_pool2d: the largest element of each window.
class MaxPool2d : public Layer {
 public:
  explicit MaxPool2d(IntPair kernel_size, const MaxPool2dOptions& options = {});
  Tensor forward(const Arg& x) const override;

 private:
  IntPair kernel_size_;
  MaxPool2dOptions options_;
};

// xgrad::avg_pool2d: the mean of each window.
class AvgPool2d : public Layer {
 public:
  explicit AvgPool2d(IntPair kernel_size, const AvgPool2dOptions& options = {});
  Tensor forward(const Arg& x) const override;

 private:
  IntPair kernel_size_;
  AvgPool2dOptions options_;
};

// xgrad::adaptive_avg_pool2d: means of output_size windows that cover the input evenly.
class AdaptiveAvgPool2d : public Layer {
 public:
  explicit AdaptiveAvgPool2d(IntPair output_size);
  Tensor forward(const Arg& x) const override;

 private:
  IntPair output_size_;
};

}  // namespace xgrad::nn
