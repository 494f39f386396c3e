// Float32 convolutions by oneDNN, where the library was built with it.
#pragma once
#include "kernels/conv.hpp"

namespace xgrad::detail::onednn {

// Whether oneDNN's kernels for Winograd's algorithm, which need AVX-512, are here to be used.
bool has_winograd() noexcept;

// As conv_forward and its gradients, on row-major float32 data. False, with nothing done, where oneDNN is not there,
// has no fast kernel for the geometry on this processor, or does not pay.
bool conv_forward(const ConvGeometry& geometry, const float* input, const float* weight, const float* bias,
                  float* output);
bool conv_input_gradient(const ConvGeometry& geometry, const float* output, const float* weight, float* input,
                         bool accumulate);
bool conv_weight_gradient(const ConvGeometry& geometry, const float* output, const float* input, float* weight,
                          bool accumulate);

}  // namespace xgrad::detail::onednn
