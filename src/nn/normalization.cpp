#include <xgrad/autograd.hpp>
#include <xgrad/checkpoint.hpp>
#include <xgrad/nn/normalization.hpp>
#include <xgrad/ops/batch_norm.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/layer_norm.hpp>
#include <xgrad/ops/rms_norm.hpp>

#include <utility>

#include "core/check.hpp"
#include "core/tensor_impl.hpp"
#include "nn/description.hpp"
#include "ops/window.hpp"

namespace xgrad::nn {

using namespace xgrad::detail;

// ---- of channels

ChannelNorm::ChannelNorm(const Setup& setup, Here here)
    : name_(fmt::format("{}{}d", setup.kind, setup.rank)), rank_(setup.rank) {
  const std::int64_t features = setup.num_features.value_or(0);
  check<ValueError>(features >= 0, here, "{}: num_features must not be negative, got {}", name_, features);
  const bool lazy = !setup.num_features;
  const auto parameter = [&](const char* name, double value) {
    return lazy ? register_uninitialized_parameter(name, {-1}, here)
                : register_parameter(name, full({features}, value, {}, here), true, here);
  };
  const auto buffer = [&](const char* name, double value) {
    return lazy ? register_uninitialized_buffer(name, {-1}, here)
                : register_buffer(name, full({features}, value, {}, here), true, here);
  };
  if (setup.affine) {
    weight = parameter("weight", 1);
    bias = parameter("bias", 0);
  }
  if (setup.track_running_stats) {
    running_mean = buffer("running_mean", 0);
    running_var = buffer("running_var", 1);
    num_batches_tracked = register_buffer("num_batches_tracked", zeros({}, {.dtype = Dtype::int64}, here), true, here);
  }
  const auto describe = [text = fmt::format("{}, affine={}, track_running_stats={}", setup.options,
                                            bool_text(setup.affine), bool_text(setup.track_running_stats))](
                            std::int64_t count) { return fmt::format("{}, {}", count, text); };
  set_description(describe(features));
  if (lazy && (setup.affine || setup.track_running_stats))
    when_materialized(name_, [describe, of = setup.affine ? weight : running_mean] { return describe(of.size(0)); });
}

void ChannelNorm::infer(const Arg& x, std::int64_t dim, bool own_statistics, std::int64_t count) const {
  const std::pair<const Tensor&, double> all[] = {{weight, 1}, {bias, 0}, {running_mean, 0}, {running_var, 1}};
  const auto lacks_shape = [&](const Tensor& tensor) { return tensor.defined() && is_uninitialized(tensor); };
  if (!lacks_shape(weight) && !lacks_shape(bias) && !lacks_shape(running_mean) && !lacks_shape(running_var)) return;
  const Here here = x.here();
  const std::string lazy = "Lazy" + name_;
  const Shape shape{x->size(dim)};
  check<ShapeError>(shape[0] > 0, here, "{}: expected channels, got none in x of {}", lazy, x->sizes());
  check<ValueError>(!own_statistics || count != 1, here, "{}: training takes more than one value per channel, x is {}",
                    lazy, x->sizes());
  for (const auto& [tensor, value] : all) {
    if (!tensor.defined()) continue;
    check_same_dtype(lazy.c_str(), x.tensor(), tensor, here);
    check<ShapeError>(is_uninitialized(tensor) || tensor.sizes() == shape, here,
                      "{}: expected x to have the {} channels of the state that was loaded, got {}", lazy,
                      tensor.numel(), x->sizes());
  }
  const NoGradGuard no_grad;
  for (const auto& [tensor, value] : all) {
    if (!lacks_shape(tensor)) continue;
    materialize(tensor, shape);
    tensor.fill_(value, here);
  }
}

BatchNorm::BatchNorm(std::int64_t rank, std::optional<std::int64_t> num_features, const Options& options, Here here)
    : ChannelNorm({"BatchNorm", rank, num_features, options.affine, options.track_running_stats,
                   fmt::format("eps={}, momentum={}", float_text(options.eps),
                               options.momentum ? float_text(*options.momentum) : "None")},
                  here),
      options_(options) {}

Tensor BatchNorm::forward(const Arg& x) const {
  check_alive(x.here());
  const char* const layout = rank() == 1 ? "[N, C] or [N, C, L]" : rank() == 2 ? "[N, C, H, W]" : "[N, C, D, H, W]";
  check<ShapeError>(x->dim() == rank() + 2 || (rank() == 1 && x->dim() == 2), x.here(), "{}: x must be {}, got {}",
                    name(), layout, x->sizes());
  const bool training = is_training() || !options_.track_running_stats;
  infer(x, 1, training, x->size(1) == 0 ? 0 : x->numel() / x->size(1));
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

InstanceNorm::InstanceNorm(std::int64_t rank, std::optional<std::int64_t> num_features, const Options& options,
                           Here here)
    : ChannelNorm({"InstanceNorm", rank, num_features, options.affine, options.track_running_stats,
                   fmt::format("eps={}, momentum={}", float_text(options.eps), float_text(options.momentum))},
                  here),
      options_(options) {}

Tensor InstanceNorm::forward(const Arg& x) const {
  check_alive(x.here());
  const Here here = x.here();
  check_batched(name(), x.tensor(), static_cast<std::size_t>(rank()), here);
  const bool own_statistics = is_training() || !options_.track_running_stats;
  std::int64_t positions = 1;
  for (std::int64_t i = 1; i <= rank(); ++i) positions *= x->size(-i);
  infer(x, -1 - rank(), own_statistics, positions);
  const auto run = [&](const Arg& batch) {
    return instance_norm(batch, running_mean, running_var,
                         {.weight = weight,
                          .bias = bias,
                          .use_input_stats = own_statistics,
                          .momentum = options_.momentum,
                          .eps = options_.eps});
  };
  if (x->dim() == rank() + 2) return run(x);
  return run({x->unsqueeze(0, here), here}).squeeze(0, here);
}

GroupNorm::GroupNorm(std::int64_t num_groups, std::int64_t num_channels, const GroupNormOptions& options, Here here)
    : num_groups_(num_groups), eps_(options.eps) {
  check<ValueError>(num_groups > 0 && num_channels >= 0 && num_channels % num_groups == 0, here,
                    "GroupNorm: expected positive num_groups that divides num_channels, got {} and {}", num_groups,
                    num_channels);
  if (options.affine) {
    weight = register_parameter("weight", ones({num_channels}, {}, here), true, here);
    bias = register_parameter("bias", zeros({num_channels}, {}, here), true, here);
  }
  set_description(fmt::format("{}, {}, eps={}, affine={}", num_groups, num_channels, float_text(options.eps),
                              bool_text(options.affine)));
}

Tensor GroupNorm::forward(const Arg& x) const {
  check_alive(x.here());
  return group_norm(x, num_groups_, weight, bias, eps_);
}

LocalResponseNorm::LocalResponseNorm(std::int64_t size, const LocalResponseNormOptions& options, Here here)
    : size_(size), options_(options) {
  check<ValueError>(size > 0, here, "LocalResponseNorm: expected a positive size, got {}", size);
  set_description(fmt::format("{}, alpha={}, beta={}, k={}", size, float_text(options.alpha), float_text(options.beta),
                              float_text(options.k)));
}

Tensor LocalResponseNorm::forward(const Arg& x) const {
  check_alive(x.here());
  return local_response_norm(x, size_, options_);
}

// ---- of the last dimensions

LayerNorm::LayerNorm(const Shape& normalized_shape, const LayerNormOptions& options, Here here)
    : normalized_shape_(normalized_shape), eps_(options.eps) {
  check<ValueError>(!normalized_shape.empty(), here, "LayerNorm: normalized_shape must not be empty");
  if (options.elementwise_affine) {
    weight = register_parameter("weight", ones(normalized_shape, {}, here));
    if (options.bias) bias = register_parameter("bias", zeros(normalized_shape, {}, here));
  }
  set_description(fmt::format("{}, eps={}, elementwise_affine={}", tuple_text(normalized_shape),
                              float_text(options.eps), bool_text(options.elementwise_affine)));
}

Tensor LayerNorm::forward(const Arg& x) const {
  check_alive(x.here());
  return layer_norm(x, normalized_shape_, weight, bias, eps_);
}

RMSNorm::RMSNorm(const Shape& normalized_shape, const RMSNormOptions& options, Here here)
    : normalized_shape_(normalized_shape), eps_(options.eps) {
  check<ValueError>(!normalized_shape.empty(), here, "RMSNorm: normalized_shape must not be empty");
  if (options.elementwise_affine) weight = register_parameter("weight", ones(normalized_shape, {}, here));
  set_description(fmt::format("{}, eps={}, elementwise_affine={}", tuple_text(normalized_shape),
                              options.eps ? float_text(*options.eps) : "None", bool_text(options.elementwise_affine)));
}

Tensor RMSNorm::forward(const Arg& x) const {
  check_alive(x.here());
  return rms_norm(x, normalized_shape_, weight, eps_);
}

}  // namespace xgrad::nn
