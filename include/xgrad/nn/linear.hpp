// Layers of affine and bilinear maps, and those that only pass on.
#pragma once
#include <xgrad/nn/affine_layer.hpp>
#include <xgrad/nn/pair_layer.hpp>

#include <cstdint>
#include <optional>

namespace xgrad::nn {

struct LinearOptions {
  bool bias = true;
};
// x weight^T + bias: [..., in] -> [..., out].
// Parameters: weight [out, in], bias [out], both uniform in (-1/sqrt(in), 1/sqrt(in)) at first. Errors as
// xgrad::linear; ValueError for a size below 0.
class Linear : public AffineLayer {
 public:
  Linear(std::int64_t in_features, std::int64_t out_features, const LinearOptions& options = {}, Here here = {});
  Tensor forward(const Arg& x) const override;

 protected:
  // Without in_features the first input tells them: LazyLinear.
  Linear(std::optional<std::int64_t> in_features, std::int64_t out_features, const LinearOptions& options, Here here);

 private:
  std::int64_t out_features_;
};

// y_o = sum_ij x1_i weight_oij x2_j + bias_o: [..., in1] and [..., in2] -> [..., out].
// Parameters: weight [out, in1, in2], bias [out], both uniform in (-1/sqrt(in1), 1/sqrt(in1)) at first. Errors as
// xgrad::bilinear; ValueError for a size below 1.
class Bilinear : public PairLayer {
 public:
  Bilinear(std::int64_t in1_features, std::int64_t in2_features, std::int64_t out_features,
           const LinearOptions& options = {}, Here here = {});
  Tensor forward(const Arg& input1, const Arg& input2) const override;

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

// Splits dimension dim into dimensions of the given sizes, of which one may be -1: Flatten's reverse. Errors as
// xgrad::unflatten.
class Unflatten : public Layer {
 public:
  Unflatten(std::int64_t dim, const Shape& unflattened_size);
  Tensor forward(const Arg& x) const override;

 private:
  std::int64_t dim_;
  Shape sizes_;
};

}  // namespace xgrad::nn
