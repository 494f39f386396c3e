// Normalisation of groups of channels, of single channels, and by neighbouring channels.
#pragma once
#include <xgrad/tensor.hpp>

#include <cstdint>

namespace xgrad {

// (x - mean) / sqrt(var + eps) * weight + bias, with the mean and the variance (divided by n) of each sample over each
// of num_groups groups of neighbouring channels, dimension 1 of x: [N, C] or [N, C, ...] (Wu, He, 2018,
// arXiv:1803.08494). weight and bias are [C] or left undefined (1 and 0). Fused kernels for both passes. ShapeError:
// fewer than 2 dimensions, channels not divisible by num_groups, other sizes than [C]; DtypeError: x is not floating,
// or another tensor has another dtype; ValueError: num_groups below 1, one sample of one element per group.
Tensor group_norm(const Arg& x, std::int64_t num_groups, const Tensor& weight = {}, const Tensor& bias = {},
                  double eps = 1e-5);

// Options of instance_norm. use_input_stats: normalise with each sample's own statistics and update the running ones.
struct InstanceNormOptions {
  Tensor weight{};
  Tensor bias{};
  bool use_input_stats = true;
  double momentum = 0.1;
  double eps = 1e-5;
};
// group_norm of each channel by itself, for x of [N, C, ...] (Ulyanov et al., 2016, arXiv:1607.08022). The running
// statistics [C], where defined, move in place: running = (1 - momentum) running + momentum now, with the averages over
// the samples of the mean and of the variance (divided by n - 1). Without use_input_stats it is batch_norm with the
// running statistics. ShapeError: fewer than 2 dimensions, other sizes than [C]; DtypeError as group_norm; ValueError:
// one element per channel with use_input_stats, no running statistics without.
Tensor instance_norm(const Arg& x, const Tensor& running_mean = {}, const Tensor& running_var = {},
                     const InstanceNormOptions& options = {});

// Options of local_response_norm.
struct LocalResponseNormOptions {
  double alpha = 1e-4;
  double beta = 0.75;
  double k = 1;
};
// x / (k + alpha s)^beta, s[n, c, ...] = 1 / size times the sum of x^2 over the channels c - floor(size / 2) ..
// c + floor((size - 1) / 2) that exist (Krizhevsky et al., 2012, section 3.3, with PyTorch's 1 / size). x is [N, C,
// ...]. ShapeError: fewer than 3 dimensions; DtypeError unless floating; ValueError for a size below 1.
Tensor local_response_norm(const Arg& x, std::int64_t size, const LocalResponseNormOptions& options = {});

}  // namespace xgrad
