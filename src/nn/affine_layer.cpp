#include <xgrad/autograd.hpp>
#include <xgrad/nn/affine_layer.hpp>

#include <algorithm>
#include <cmath>

#include "core/tensor_impl.hpp"
#include "tape/checkpoint.hpp"

namespace xgrad::nn {

using namespace xgrad::detail;

namespace {

double bound(const Shape& weight_sizes) {
  double fan = 1;
  for (std::size_t i = 1; i < weight_sizes.size(); ++i) fan *= static_cast<double>(weight_sizes[i]);
  return fan > 0 ? 1 / std::sqrt(fan) : 0;
}

}  // namespace

void AffineLayer::register_weights(const Shape& weight_sizes, std::optional<std::int64_t> bias_size, Here here) {
  if (std::find(weight_sizes.begin(), weight_sizes.end(), -1) != weight_sizes.end()) {
    weight = register_uninitialized_parameter("weight", weight_sizes, here);
    if (bias_size)
      bias = register_uninitialized_parameter("bias", {*bias_size}, here);
    else
      register_parameter("bias", bias, true, here);
    return;
  }
  const double b = bound(weight_sizes);
  weight = make_tensor(weight_sizes, get_default_dtype()).uniform_(-b, b, here);
  if (bias_size) bias = make_tensor({*bias_size}, get_default_dtype()).uniform_(-b, b, here);
  register_parameter("weight", weight, true, here);
  register_parameter("bias", bias, true, here);
}

bool AffineLayer::is_lazy() const { return is_uninitialized(weight) || (bias.defined() && is_uninitialized(bias)); }

void AffineLayer::materialize_weights(const Shape& weight_sizes, std::int64_t bias_size, Here here) const {
  NoGradGuard no_grad;
  // It draws once, not again when a checkpointed function is run again.
  detail::CheckpointPause pause;
  const double b = bound(weight_sizes);
  const auto fill = [&](const Tensor& tensor, const Shape& sizes) {
    if (!tensor.defined() || !is_uninitialized(tensor)) return;
    materialize(tensor, sizes);
    tensor.uniform_(-b, b, here);
  };
  fill(weight, weight_sizes);
  fill(bias, {bias_size});
}

}  // namespace xgrad::nn
