// Layers whose input's channels are found out: from the first input, or from a state that is loaded.
//
// Until then their parameters have no elements and state_dict() leaves them out; optimizers may hold them and to() may
// convert them. Then the layer is what the one of the name without Lazy is, with the numbers that one would have begun
// with, and prints itself as that. ShapeError for an input without channels, or with channels that groups do not
// divide; DtypeError for one of another dtype than the parameters. The first call changes the layer: no other may run
// beside it.
#pragma once
#include <xgrad/nn/conv.hpp>
#include <xgrad/nn/linear.hpp>
#include <xgrad/nn/normalization.hpp>

#include <cstdint>
#include <optional>

namespace xgrad::nn {

class LazyLinear : public Linear {
 public:
  explicit LazyLinear(std::int64_t out_features, const LinearOptions& options = {}, Here here = {})
      : Linear(std::nullopt, out_features, options, here) {}
};

// The same of a convolution.
template <class Conv>
class LazyConv : public Conv {
 public:
  LazyConv(std::int64_t out_channels, typename Conv::Sizes kernel_size, const typename Conv::Options& options = {},
           Here here = {})
      : Conv(std::nullopt, out_channels, kernel_size, options, here) {}
};
class LazyConv1d : public LazyConv<Conv1d> {
 public:
  using LazyConv::LazyConv;
};
class LazyConv2d : public LazyConv<Conv2d> {
 public:
  using LazyConv::LazyConv;
};
class LazyConv3d : public LazyConv<Conv3d> {
 public:
  using LazyConv::LazyConv;
};
class LazyConvTranspose1d : public LazyConv<ConvTranspose1d> {
 public:
  using LazyConv::LazyConv;
};
class LazyConvTranspose2d : public LazyConv<ConvTranspose2d> {
 public:
  using LazyConv::LazyConv;
};
class LazyConvTranspose3d : public LazyConv<ConvTranspose3d> {
 public:
  using LazyConv::LazyConv;
};

// The same of a batch norm, of its parameters and its running statistics; num_batches_tracked is there from the
// beginning. ValueError, before anything changes, for a first input in training of one value per channel.
template <class Norm>
class LazyBatchNorm : public Norm {
 public:
  explicit LazyBatchNorm(const BatchNormOptions& options = {}, Here here = {}) : Norm(std::nullopt, options, here) {}
};
class LazyBatchNorm1d : public LazyBatchNorm<BatchNorm1d> {
 public:
  using LazyBatchNorm::LazyBatchNorm;
};
class LazyBatchNorm2d : public LazyBatchNorm<BatchNorm2d> {
 public:
  using LazyBatchNorm::LazyBatchNorm;
};
class LazyBatchNorm3d : public LazyBatchNorm<BatchNorm3d> {
 public:
  using LazyBatchNorm::LazyBatchNorm;
};

// InstanceNormOptions with the defaults that lazy layers have in PyTorch.
struct LazyInstanceNormOptions {
  double eps = 1e-5;
  double momentum = 0.1;
  bool affine = true;
  bool track_running_stats = true;
};
// The same of an instance norm.
template <class Norm>
class LazyInstanceNorm : public Norm {
 public:
  explicit LazyInstanceNorm(const LazyInstanceNormOptions& options = {}, Here here = {})
      : Norm(std::nullopt,
             {.eps = options.eps,
              .momentum = options.momentum,
              .affine = options.affine,
              .track_running_stats = options.track_running_stats},
             here) {}
};
class LazyInstanceNorm1d : public LazyInstanceNorm<InstanceNorm1d> {
 public:
  using LazyInstanceNorm::LazyInstanceNorm;
};
class LazyInstanceNorm2d : public LazyInstanceNorm<InstanceNorm2d> {
 public:
  using LazyInstanceNorm::LazyInstanceNorm;
};
class LazyInstanceNorm3d : public LazyInstanceNorm<InstanceNorm3d> {
 public:
  using LazyInstanceNorm::LazyInstanceNorm;
};

}  // namespace xgrad::nn
