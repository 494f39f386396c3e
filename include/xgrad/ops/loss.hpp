// Losses: how far predictions are from targets.
//
// A loss of elements l_i is reduced as its options say: Reduction::mean gives their mean (of no elements: NaN),
// Reduction::sum their sum, Reduction::none the l_i themselves. Input and target have the same floating dtype; an int64
// or bool target is converted to the input's. Unlike other operations the losses do not broadcast input and target
// against each other: [8, 1] against [8] is nearly always a mistake, and a ShapeError here.
#pragma once
#include <xgrad/tensor.hpp>

#include <cstdint>

namespace xgrad {

// batchmean: the sum divided by the size of the first dimension; kl_div only.
enum class Reduction : std::uint8_t { mean, sum, none, batchmean };

struct LossOptions {
  Reduction reduction = Reduction::mean;
};
struct SmoothL1LossOptions {
  Reduction reduction = Reduction::mean;
  double beta = 1;
};
struct HuberLossOptions {
  Reduction reduction = Reduction::mean;
  double delta = 1;
};
// weight rescales the elements of the loss; it broadcasts to them and takes no gradient.
struct BinaryCrossEntropyOptions {
  Tensor weight{};
  Reduction reduction = Reduction::mean;
};
// pos_weight multiplies the positive part of each class; it broadcasts and takes no gradient.
struct BinaryCrossEntropyWithLogitsOptions {
  Tensor weight{};
  Reduction reduction = Reduction::mean;
  Tensor pos_weight{};
};
// weight [C] rescales the classes; it broadcasts to the input and takes no gradient.
struct MultilabelSoftMarginLossOptions {
  Tensor weight{};
  Reduction reduction = Reduction::mean;
};
struct KlDivOptions {
  Reduction reduction = Reduction::mean;
  bool log_target = false;
};

// (x - t)^2
// ShapeError: input and target differ in shape. DtypeError: float32 with float64.
Tensor mse_loss(const Arg& input, const Arg& target, const LossOptions& options = {});
// |x - t|, slope 0 where they are equal. Errors as mse_loss.
Tensor l1_loss(const Arg& input, const Arg& target, const LossOptions& options = {});
// (x - t)^2 / (2 beta) where |x - t| < beta, else |x - t| - beta / 2; with beta 0 the slope of equal x
// and t is -1 by either, as PyTorch's. ValueError: a negative beta. Errors as mse_loss.
Tensor smooth_l1_loss(const Arg& input, const Arg& target, const SmoothL1LossOptions& options = {});
// (x - t)^2 / 2 where |x - t| <= delta, else delta (|x - t| - delta / 2). ValueError unless delta > 0. Errors as
// mse_loss.
Tensor huber_loss(const Arg& input, const Arg& target, const HuberLossOptions& options = {});
// -(t log x + (1 - t) log(1 - x)) for probabilities x, with logarithms not below -100.
// ValueError: an element of input outside [0, 1]. Errors as mse_loss.
Tensor binary_cross_entropy(const Arg& input, const Arg& target, const BinaryCrossEntropyOptions& options = {});
// The same of sigmoid(x), without its overflow: (1 - t) x + (1 + (pos_weight - 1) t) log(1 + exp(-x)).
// Errors as mse_loss.
Tensor binary_cross_entropy_with_logits(const Arg& input, const Arg& target,
                                        const BinaryCrossEntropyWithLogitsOptions& options = {});
// The mean over the last dimension of binary_cross_entropy_with_logits: of C classes each of which may be a label or
// not. Input [N, C], [C] or [..., C]; ShapeError without dimensions. Other errors as mse_loss.
Tensor multilabel_soft_margin_loss(const Arg& input, const Arg& target,
                                   const MultilabelSoftMarginLossOptions& options = {});
// t (log t - x) for log-probabilities x, 0 where t is 0; with log_target: exp(t) (t - x). Errors as mse_loss.
Tensor kl_div(const Arg& input, const Arg& target, const KlDivOptions& options = {});

}  // namespace xgrad
