// What linear layers and convolutions share: a weight and a bias, and sizes that the first input may tell.
#pragma once
#include <xgrad/nn/module.hpp>

#include <cstdint>
#include <optional>

namespace xgrad::nn {

// A layer with a weight [out, ...] and a bias, both uniform in (-b, b) at first, b = 1 / sqrt(the product of the
// weight's sizes but the first), or 0 where that is 0.
class AffineLayer : public Layer {
 public:
  Tensor weight, bias;

 protected:
  // Makes and registers both, the bias only where it has a size. Where a size of the weight is -1 they have no elements
  // until materialize_weights().
  void register_weights(const Shape& weight_sizes, std::optional<std::int64_t> bias_size, Here here);
  // Whether a shape is still to be found out.
  bool is_lazy() const;
  // Gives what has no shape yet one, and numbers.
  void materialize_weights(const Shape& weight_sizes, std::int64_t bias_size, Here here) const;
};

}  // namespace xgrad::nn
