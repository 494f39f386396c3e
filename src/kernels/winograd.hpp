// Float32 convolutions of 3x3 windows by Winograd's algorithm, on row-major images.
#pragma once
#include "kernels/conv.hpp"

namespace xgrad::detail {

// Whether Winograd's algorithm is allowed, possible and faster than direct convolution for this geometry.
bool winograd_pays(const ConvGeometry& geometry) noexcept;

namespace winograd {

// As conv_forward and its gradients, for geometries of which winograd_pays. The same bits for any number of threads.
void conv_forward(const ConvGeometry& geometry, const float* input, const float* weight, const float* bias,
                  float* output);
void conv_input_gradient(const ConvGeometry& geometry, const float* output, const float* weight, float* input,
                         bool accumulate);
void conv_weight_gradient(const ConvGeometry& geometry, const float* output, const float* input, float* weight,
                          bool accumulate);

}  // namespace winograd
}  // namespace xgrad::detail
