#include <xgrad/checkpoint.hpp>
#include <xgrad/nn/normalization.hpp>
#include <xgrad/ops/batch_norm.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/layer_norm.hpp>

#include "core/check.hpp"
#include "core/tensor_impl.hpp"

namespace xgrad::nn {

using namespace xgrad::detail;

namespace {
const char* text(bool value) { return value ? "True" : "False"; }
}  // namespace

BatchNorm::BatchNorm(const char* name, std::int64_t num_features, const BatchNormOptions& options, Here here)
    : options_(options) {
  check<ValueError>(num_features >= 0, here, "{}: num_features must not be negative, got {}", name, num_features);
  const Shape shape{num_features};
  if (options.affine) {
    weight = register_parameter("weight", ones(shape));
    bias = register_parameter("bias", zeros(shape));
  }
  if (options.track_running_stats) {
    running_mean = register_buffer("running_mean", zeros(shape));
    running_var = register_buffer("running_var", ones(shape));
    num_batches_tracked = register_buffer("num_batches_tracked", zeros({}, {.dtype = Dtype::int64}));
  }
  set_description(fmt::format("{}, eps={}, momentum={}, affine={}, track_running_stats={}", num_features, options.eps,
                              options.momentum ? fmt::format("{}", *options.momentum) : "None", text(options.affine),
                              text(options.track_running_stats)));
}

Tensor BatchNorm::normalise(const Arg& x) const {
  const bool training = is_training() || !options_.track_running_stats;
  double momentum = options_.momentum.value_or(0);
  const bool counts = is_training() && options_.track_running_stats;
  if (counts && !options_.momentum)
    momentum = 1 / static_cast<double>(*detail::data<std::int64_t>(num_batches_tracked) + 1);
  Tensor result =
      batch_norm(x, running_mean, running_var,
                 {.weight = weight, .bias = bias, .training = training, .momentum = momentum, .eps = options_.eps});
  if (counts && !is_recomputing()) {
    ++*detail::data<std::int64_t>(num_batches_tracked);
    bump_version(num_batches_tracked);
  }
  return result;
}

BatchNorm1d::BatchNorm1d(std::int64_t num_features, const BatchNormOptions& options, Here here)
    : BatchNorm("BatchNorm1d", num_features, options, here) {}
Tensor BatchNorm1d::forward(const Arg& x) const {
  check_alive(x.here());
  check<ShapeError>(x->dim() == 2 || x->dim() == 3, x.here(), "BatchNorm1d: x must be [N, C] or [N, C, L], got {}",
                    x->sizes());
  return normalise(x);
}

BatchNorm2d::BatchNorm2d(std::int64_t num_features, const BatchNormOptions& options, Here here)
    : BatchNorm("BatchNorm2d", num_features, options, here) {}
Tensor BatchNorm2d::forward(const Arg& x) const {
  check_alive(x.here());
  check<ShapeError>(x->dim() == 4, x.here(), "BatchNorm2d: x must be [N, C, H, W], got {}", x->sizes());
  return normalise(x);
}

LayerNorm::LayerNorm(const Shape& normalized_shape, const LayerNormOptions& options, Here here)
    : normalized_shape_(normalized_shape), eps_(options.eps) {
  check<ValueError>(!normalized_shape.empty(), here, "LayerNorm: normalized_shape must not be empty");
  if (options.elementwise_affine) {
    weight = register_parameter("weight", ones(normalized_shape, {}, here));
    if (options.bias) bias = register_parameter("bias", zeros(normalized_shape, {}, here));
  }
  std::string shape;
  for (std::int64_t size : normalized_shape) shape += (shape.empty() ? "" : ", ") + std::to_string(size);
  if (normalized_shape.size() == 1) shape += ',';
  set_description(
      fmt::format("({}), eps={}, elementwise_affine={}", shape, options.eps, text(options.elementwise_affine)));
}

Tensor LayerNorm::forward(const Arg& x) const {
  check_alive(x.here());
  return layer_norm(x, normalized_shape_, weight, bias, eps_);
}

}  // namespace xgrad::nn
