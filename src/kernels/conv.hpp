// Convolution of dense images and volumes: the one place to put another engine.
#pragma once
#include <xgrad/tensor.hpp>

#include <compare>
#include <cstdint>

namespace xgrad::detail {

// The padding is that at the beginning; how much there is at the end follows from the output's size.
struct ConvGeometry {
  std::int64_t batch, in_channels, height, width;
  std::int64_t out_channels, out_height, out_width;
  std::int64_t kernel_h, kernel_w, stride_h, stride_w, padding_h, padding_w, dilation_h, dilation_w;
  std::int64_t groups;
  std::int64_t depth = 1, out_depth = 1, kernel_d = 1, stride_d = 1, padding_d = 0, dilation_d = 1;
  auto operator<=>(const ConvGeometry&) const = default;
  // Whether it is about images, which are volumes of depth 1.
  bool is_flat() const noexcept { return depth == 1 && out_depth == 1 && kernel_d == 1 && padding_d == 0; }
};

// All tensors are contiguous, of one floating dtype and as large as the geometry says; bias may be undefined. With
// accumulate the result is added to what is there. Float32 goes to oneDNN where that has a kernel; all else to im2col
// and the BLAS, whose results are the same for any number of threads.
void conv_forward(const ConvGeometry& geometry, const Tensor& input, const Tensor& weight, const Tensor& bias,
                  const Tensor& output);
void conv_input_gradient(const ConvGeometry& geometry, const Tensor& output, const Tensor& weight, const Tensor& input,
                         bool accumulate);
void conv_weight_gradient(const ConvGeometry& geometry, const Tensor& output, const Tensor& input, const Tensor& weight,
                          bool accumulate);
// The sum over images and positions of each channel.
void conv_bias_gradient(const ConvGeometry& geometry, const Tensor& output, const Tensor& bias, bool accumulate);

}  // namespace xgrad::detail
