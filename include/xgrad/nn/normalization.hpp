// Layers of normalisation.
#pragma once
#include <xgrad/nn/module.hpp>
#include <xgrad/ops/group_norm.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace xgrad::nn {

// ---- of channels

// What batch and instance norms share: numbers of each channel, C = num_features. ValueError where that is negative.
// Parameters, with affine: weight [C] (1 at first), bias [C] (0). Buffers, with track_running_stats: running_mean [C]
// (0), running_var [C] (1), num_batches_tracked (int64, 0-d).
class ChannelNorm : public Layer {
 public:
  Tensor weight, bias, running_mean, running_var, num_batches_tracked;

 protected:
  // kind: "BatchNorm"; rank: how many dimensions are behind the channels; num_features: empty where the first input
  // tells them; options: as printed.
  struct Setup {
    const char* kind;
    std::int64_t rank;
    std::optional<std::int64_t> num_features;
    bool affine, track_running_stats;
    std::string options;
  };
  ChannelNorm(const Setup& setup, Here here);
  // Before each forward: takes the channels, dimension dim, from x where they are not known. With own_statistics the
  // mean and variance are those of `count` elements of x.
  void infer(const Arg& x, std::int64_t dim, bool own_statistics, std::int64_t count) const;
  const char* name() const noexcept { return name_.c_str(); }
  std::int64_t rank() const noexcept { return rank_; }

 private:
  std::string name_;
  std::int64_t rank_;
};

// A family's layer of one, two or three dimensions behind the channels.
template <class Family, std::int64_t rank>
class NormNd : public Family {
 public:
  using Options = typename Family::Options;
  explicit NormNd(std::int64_t num_features, const Options& options = {}, Here here = {})
      : Family(rank, num_features, options, here) {}

 protected:
  NormNd(std::nullopt_t, const Options& options, Here here) : Family(rank, std::nullopt, options, here) {}
};

// momentum: the share of the newest batch in the running statistics; empty means the mean over all batches. affine:
// whether there are weight and bias. track_running_stats: whether there are running statistics; without them the
// batch's own are used in evaluation too.
struct BatchNormOptions {
  double eps = 1e-5;
  std::optional<double> momentum = 0.1;
  bool affine = true;
  bool track_running_stats = true;
};

// xgrad::batch_norm with the batch's statistics in training, the running ones in evaluation. Errors as there.
class BatchNorm : public ChannelNorm {
 public:
  using Options = BatchNormOptions;
  Tensor forward(const Arg& x) const override;

 protected:
  BatchNorm(std::int64_t rank, std::optional<std::int64_t> num_features, const Options& options, Here here);

 private:
  Options options_;
};
// [N, C] or [N, C, L]. ShapeError for others.
class BatchNorm1d : public NormNd<BatchNorm, 1> {
 public:
  using NormNd::NormNd;
};
// [N, C, H, W]. ShapeError for others.
class BatchNorm2d : public NormNd<BatchNorm, 2> {
 public:
  using NormNd::NormNd;
};
// [N, C, D, H, W]. ShapeError for others.
class BatchNorm3d : public NormNd<BatchNorm, 3> {
 public:
  using NormNd::NormNd;
};

// affine, track_running_stats: as BatchNormOptions'. momentum: the share of the newest input in the running statistics.
struct InstanceNormOptions {
  double eps = 1e-5;
  double momentum = 0.1;
  bool affine = false;
  bool track_running_stats = false;
};

// xgrad::instance_norm with each sample's statistics, or in evaluation with the running ones where there are some.
// num_batches_tracked stays 0, as in PyTorch. Errors as of the function.
class InstanceNorm : public ChannelNorm {
 public:
  using Options = InstanceNormOptions;
  Tensor forward(const Arg& x) const override;

 protected:
  InstanceNorm(std::int64_t rank, std::optional<std::int64_t> num_features, const Options& options, Here here);

 private:
  Options options_;
};
// [N, C, L] or [C, L]. ShapeError for others.
class InstanceNorm1d : public NormNd<InstanceNorm, 1> {
 public:
  using NormNd::NormNd;
};
// [N, C, H, W] or [C, H, W]. ShapeError for others.
class InstanceNorm2d : public NormNd<InstanceNorm, 2> {
 public:
  using NormNd::NormNd;
};
// [N, C, D, H, W] or [C, D, H, W]. ShapeError for others.
class InstanceNorm3d : public NormNd<InstanceNorm, 3> {
 public:
  using NormNd::NormNd;
};

struct GroupNormOptions {
  double eps = 1e-5;
  bool affine = true;
};
// xgrad::group_norm of num_groups groups of channels: [N, C, ...] with C = num_channels.
// Parameters, with affine: weight [C] (1 at first), bias [C] (0). ValueError: num_groups below 1, or channels it does
// not divide. Else errors as of the function.
class GroupNorm : public Layer {
 public:
  GroupNorm(std::int64_t num_groups, std::int64_t num_channels, const GroupNormOptions& options = {}, Here here = {});
  Tensor forward(const Arg& x) const override;

  Tensor weight, bias;

 private:
  std::int64_t num_groups_;
  double eps_;
};

// xgrad::local_response_norm over `size` neighbouring channels: [N, C, ...]. ValueError for a size below 1. Else errors
// as of the function.
class LocalResponseNorm : public Layer {
 public:
  explicit LocalResponseNorm(std::int64_t size, const LocalResponseNormOptions& options = {}, Here here = {});
  Tensor forward(const Arg& x) const override;

 private:
  std::int64_t size_;
  LocalResponseNormOptions options_;
};

// ---- of the last dimensions

struct LayerNormOptions {
  double eps = 1e-5;
  bool elementwise_affine = true;
  bool bias = true;
};
// xgrad::layer_norm over the last dimensions: nn::LayerNorm({256}).
// Parameters: weight (1 at first) and, unless switched off, bias (0) of shape normalized_shape. ValueError for an empty
// shape.
class LayerNorm : public Layer {
 public:
  explicit LayerNorm(const Shape& normalized_shape, const LayerNormOptions& options = {}, Here here = {});
  Tensor forward(const Arg& x) const override;

  Tensor weight, bias;

 private:
  Shape normalized_shape_;
  double eps_;
};

// eps: without one, the distance from 1 to the next number of x's dtype.
struct RMSNormOptions {
  std::optional<double> eps{};
  bool elementwise_affine = true;
};
// xgrad::rms_norm over the last dimensions: nn::RMSNorm({256}).
// Parameter, with elementwise_affine: weight of shape normalized_shape, 1 at first. ValueError for an empty shape. Else
// errors as of the function.
class RMSNorm : public Layer {
 public:
  explicit RMSNorm(const Shape& normalized_shape, const RMSNormOptions& options = {}, Here here = {});
  Tensor forward(const Arg& x) const override;

  Tensor weight;

 private:
  Shape normalized_shape_;
  std::optional<double> eps_;
};

}  // namespace xgrad::nn
