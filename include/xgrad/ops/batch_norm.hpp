// Normalisation of each channel over a batch.
#pragma once
#include <xgrad/tensor.hpp>

namespace xgrad {

// Options of batch_norm. training: normalise with the batch's own statistics and update the running ones.
struct BatchNormOptions {
  Tensor weight{};
  Tensor bias{};
  bool training = false;
  double momentum = 0.1;
  double eps = 1e-5;
};

// (x - mean) / sqrt(var + eps) * weight + bias for each channel, dimension 1 of x: [N, C] or [N, C, ...].
// In training mean and var (divided by n) are taken over all other dimensions, and the running statistics, where
// defined, move in place: running = (1 - momentum) running + momentum batch, with the variance divided by n - 1. Else
// mean and var are running_mean and running_var, constants for the gradient. The statistics, weight and bias are [C] or
// undefined. Fused kernels for both passes.
// ShapeError: fewer than 2 dimensions, or other sizes than [C]; DtypeError: x is not floating, or another tensor has
// another dtype; ValueError: one element per channel in training, no running statistics otherwise.
Tensor batch_norm(const Arg& x, const Tensor& running_mean, const Tensor& running_var,
                  const BatchNormOptions& options = {});

}  // namespace xgrad
