// Layers between images and the columns of their windows.
#pragma once
#include <xgrad/nn/module.hpp>
#include <xgrad/ops/fold.hpp>

namespace xgrad::nn {

// xgrad::unfold: [N, C, H, W] to [N, C h w, L], the windows as columns.
class Unfold : public Layer {
 public:
  explicit Unfold(IntPair kernel_size, const FoldOptions& options = {});
  Tensor forward(const Arg& x) const override;

 private:
  IntPair kernel_size_;
  FoldOptions options_;
};

// xgrad::fold: [N, C h w, L] to [N, C, H, W], (H, W) = output_size, the sum of the windows at their places.
class Fold : public Layer {
 public:
  Fold(IntPair output_size, IntPair kernel_size, const FoldOptions& options = {});
  Tensor forward(const Arg& x) const override;

 private:
  IntPair output_size_, kernel_size_;
  FoldOptions options_;
};

}  // namespace xgrad::nn
