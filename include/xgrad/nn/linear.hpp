// Layers of affine maps, and those that only pass on.
#pragma once
#include <xgrad/nn/module.hpp>

#include <cstdint>

namespace xgrad::nn {

struct LinearOptions {
  bool bias = true;
};
// x weight^T + bias: [..., in] -> [..., out].
// Parameters: weight [out, in], bias [out], both uniform in (-1/sqrt(in), 1/sqrt(in)) at first. Errors as
// xgrad::linear; ValueError for a size below 0.
class Linear : public Layer {
 public:
  Linear(std::int64_t in_features, std::int64_t out_features, const LinearOptions& options = {}, Here here = {});
  Tensor forward(const Arg& x) const override;

  Tensor weight, bias;
};

// x itself.
class Identity : public Layer {
 public:
  Identity();
  Tensor forward(const Arg& x) const override { return x.tensor(); }
};

// Options of Flatten, both inclusive.
struct FlattenOptions {
  std::int64_t start_dim = 1;
  std::int64_t end_dim = -1;
};
// Joins the dimensions start_dim..end_dim: [N, C, H, W] -> [N, C*H*W].
class Flatten : public Layer {
 public:
  explicit Flatten(const FlattenOptions& options = {});
  Tensor forward(const Arg& x) const override;

 private:
  FlattenOptions options_;
};

}  // namespace xgrad::nn
