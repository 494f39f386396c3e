#include <xgrad/nn/linear.hpp>
#include <xgrad/ops/linalg.hpp>

#include <cmath>

#include "core/check.hpp"
#include "core/tensor_impl.hpp"

namespace xgrad::nn {

using namespace xgrad::detail;

Linear::Linear(std::int64_t in_features, std::int64_t out_features, const LinearOptions& options, Here here) {
  check<ValueError>(in_features >= 0 && out_features >= 0, here,
                    "Linear: sizes must not be negative, got in_features {} and out_features {}", in_features,
                    out_features);
  const double bound = in_features > 0 ? 1 / std::sqrt(static_cast<double>(in_features)) : 0;
  weight = make_tensor({out_features, in_features}, get_default_dtype()).uniform_(-bound, bound, here);
  if (options.bias) bias = make_tensor({out_features}, get_default_dtype()).uniform_(-bound, bound, here);
  register_parameter("weight", weight, true, here);
  register_parameter("bias", bias, true, here);
  set_description(fmt::format("in_features={}, out_features={}, bias={}", in_features, out_features,
                              options.bias ? "True" : "False"));
}

Tensor Linear::forward(const Arg& x) const {
  check_alive(x.here());
  return linear(x, {weight, x.here()}, bias);
}

Identity::Identity() = default;

Flatten::Flatten(const FlattenOptions& options) : options_(options) {
  set_description(fmt::format("start_dim={}, end_dim={}", options.start_dim, options.end_dim));
}

Tensor Flatten::forward(const Arg& x) const {
  check_alive(x.here());
  return x->flatten(options_.start_dim, options_.end_dim, x.here());
}

}  // namespace xgrad::nn
