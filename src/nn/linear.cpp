#include <xgrad/nn/linear.hpp>
#include <xgrad/ops/distance.hpp>
#include <xgrad/ops/linalg.hpp>
#include <xgrad/ops/shape.hpp>

#include <cmath>

#include "core/check.hpp"
#include "core/tensor_impl.hpp"
#include "nn/description.hpp"

namespace xgrad::nn {

using namespace xgrad::detail;

namespace {

Tensor uniform(const Shape& shape, double bound, Here here) {
  return make_tensor(shape, get_default_dtype()).uniform_(-bound, bound, here);
}

}  // namespace

Linear::Linear(std::int64_t in_features, std::int64_t out_features, const LinearOptions& options, Here here)
    : Linear(std::optional(in_features), out_features, options, here) {}

Linear::Linear(std::optional<std::int64_t> in_features, std::int64_t out_features, const LinearOptions& options,
               Here here)
    : out_features_(out_features) {
  const std::int64_t in = in_features.value_or(0);
  check<ValueError>(in >= 0 && out_features >= 0, here,
                    "Linear: sizes must not be negative, got in_features {} and out_features {}", in, out_features);
  register_weights({out_features, in_features.value_or(-1)}, options.bias ? std::optional(out_features) : std::nullopt,
                   here);
  const auto describe = [=](std::int64_t features) {
    return fmt::format("in_features={}, out_features={}, bias={}", features, out_features, bool_text(options.bias));
  };
  set_description(describe(in));
  if (!in_features) when_materialized("Linear", [=, w = weight] { return describe(w.size(1)); });
}

Tensor Linear::forward(const Arg& x) const {
  check_alive(x.here());
  if (is_lazy()) {
    check<ShapeError>(x->dim() >= 1, x.here(), "LazyLinear: expected x to be [..., in_features], got {}", x->sizes());
    check_same_dtype("LazyLinear", x.tensor(), weight, x.here());
    const std::int64_t in = is_uninitialized(weight) ? x->size(-1) : weight.size(1);
    materialize_weights({out_features_, in}, out_features_, x.here());
  }
  return linear(x, {weight, x.here()}, bias);
}

Bilinear::Bilinear(std::int64_t in1_features, std::int64_t in2_features, std::int64_t out_features,
                   const LinearOptions& options, Here here) {
  check<ValueError>(in1_features >= 1 && in2_features >= 1 && out_features >= 1, here,
                    "Bilinear: sizes must be at least 1, got in1_features {}, in2_features {} and out_features {}",
                    in1_features, in2_features, out_features);
  const double bound = 1 / std::sqrt(static_cast<double>(in1_features));
  weight = uniform({out_features, in1_features, in2_features}, bound, here);
  if (options.bias) bias = uniform({out_features}, bound, here);
  register_parameter("weight", weight, true, here);
  register_parameter("bias", bias, true, here);
  set_description(fmt::format("in1_features={}, in2_features={}, out_features={}, bias={}", in1_features, in2_features,
                              out_features, bool_text(options.bias)));
}

Tensor Bilinear::forward(const Arg& input1, const Arg& input2) const {
  check_alive(input1.here());
  return bilinear(input1, input2, {weight, input1.here()}, bias);
}

Identity::Identity() = default;

Flatten::Flatten(const FlattenOptions& options) : options_(options) {
  set_description(fmt::format("start_dim={}, end_dim={}", options.start_dim, options.end_dim));
}

Tensor Flatten::forward(const Arg& x) const {
  check_alive(x.here());
  return x->flatten(options_.start_dim, options_.end_dim, x.here());
}

Unflatten::Unflatten(std::int64_t dim, const Shape& unflattened_size) : dim_(dim), sizes_(unflattened_size) {
  set_description(fmt::format("dim={}, unflattened_size={}", dim, tuple_text(unflattened_size)));
}

Tensor Unflatten::forward(const Arg& x) const {
  check_alive(x.here());
  return unflatten(x, dim_, sizes_);
}

}  // namespace xgrad::nn
