// Layers of normalisation.
#pragma once
#include <xgrad/nn/module.hpp>

#include <cstdint>
#include <optional>

namespace xgrad::nn {

// momentum: the share of the newest batch in the running statistics; empty means the mean over all batches. affine:
// whether there are weight and bias. track_running_stats: whether there are running statistics; without them the
// batch's own are used in evaluation too.
struct BatchNormOptions {
  double eps = 1e-5;
  std::optional<double> momentum = 0.1;
  bool affine = true;
  bool track_running_stats = true;
};

// What BatchNorm1d and BatchNorm2d share: xgrad::batch_norm with the batch's statistics in training, the running ones
// in evaluation.
// Parameters: weight [C] (1 at first), bias [C] (0). Buffers: running_mean [C] (0), running_var [C] (1),
// num_batches_tracked (int64, 0-d).
class BatchNorm : public Layer {
 public:
  Tensor weight, bias, running_mean, running_var, num_batches_tracked;

 protected:
  BatchNorm(const char* name, std::int64_t num_features, const BatchNormOptions& options, Here here);
  Tensor normalise(const Arg& x) const;

 private:
  BatchNormOptions options_;
};

// [N, C] or [N, C, L]. ShapeError for others.
class BatchNorm1d : public BatchNorm {
 public:
  explicit BatchNorm1d(std::int64_t num_features, const BatchNormOptions& options = {}, Here here = {});
  Tensor forward(const Arg& x) const override;
};

// [N, C, H, W]. ShapeError for others.
class BatchNorm2d : public BatchNorm {
 public:
  explicit BatchNorm2d(std::int64_t num_features, const BatchNormOptions& options = {}, Here here = {});
  Tensor forward(const Arg& x) const override;
};

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

}  // namespace xgrad::nn
