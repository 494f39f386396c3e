// Smaller models for inference: the weights of Linear layers in 8 bits.
#pragma once
#include <xgrad/nn/module.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace xgrad::nn::quantization {

// What became of one layer. weight_error: root of the mean square of the rounding errors over that of the weights.
struct QuantizedLayer {
  std::string name;
  std::int64_t in_features = 0, out_features = 0;
  double weight_error = 0;
};
// Bytes of the model's parameters and buffers.
struct QuantizationReport {
  std::vector<QuantizedLayer> layers{};
  std::int64_t bytes_before = 0, bytes_after = 0;
};

// Turns every nn::Linear of a model (of the model itself, too) into one that computes, when it is called by operator(),
//   y[r, o] = s_x[r] s_w[o] sum_i x_q[r, i] w_q[o, i] + b[o]
//   s_w[o] = max_i |w[o, i]| / 127,  w_q = round(w / s_w), fixed now;  s_x, x_q likewise for each row of each x
// with 8-bit factors and 32-bit sums, so that weights take a quarter of the memory (of float32) and of the time to read
// them. Everything else stays floating. A row of x that holds NaN or infinity gives NaN.
//
// The layer's weight is dropped, one with a weight_norm or spectral_norm (nn/parametrizations.hpp) as it is now; in its
// place are the buffers weight_int8 [out, in] (uint8: the bytes of signed numbers), weight_scale [out] and weight_sum
// [out] (int32), which state_dict(), save() and load_state_dict() treat like any others: quantise a new model before it
// loads them. Calls are not recorded: AutogradError for an x that requires grad while recording. ValueError: no Linear
// is left to quantise, a weight that is not finite, in_features above 66000. Nothing is changed then. Jacob et al.,
// Quantization and training of neural networks for efficient integer-arithmetic-only inference (2018).
QuantizationReport quantize_dynamic(Module& model, Here here = {});

}  // namespace xgrad::nn::quantization
