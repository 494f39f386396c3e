// Losses for classes of very different sizes, as in detection and segmentation. (focal_loss of several classes is in
// cross_entropy.hpp.)
//
// Reductions are those of loss.hpp; ValueError for Reduction::batchmean, DtypeError for an input that is not floating
// and for float32 with float64. Nothing overflows for large logits.
#pragma once
#include <xgrad/ops/loss.hpp>

namespace xgrad {

// alpha weighs the positive class, 1 - alpha the negative one; a negative alpha weighs neither.
struct SigmoidFocalLossOptions {
  double alpha = 0.25;
  double gamma = 2;
  Reduction reduction = Reduction::none;
};
// smooth is added above and below the line; what is below is at least eps. squared: the sum of squares below, as in the
// paper, in place of the plain sum.
struct DiceLossOptions {
  double smooth = 1;
  double eps = 1e-7;
  bool squared = false;
  Reduction reduction = Reduction::mean;
};

// Of logits x and targets t in [0, 1], element by element: a q^gamma b, with the cross-entropy
// b = binary_cross_entropy_with_logits(x, t), the probability q = t sigmoid(-x) + (1 - t) sigmoid(x) of being wrong,
// and a = alpha t + (1 - alpha) (1 - t) (Lin et al., arXiv:1708.02002). As torchvision's, with no reduction at first.
// ShapeError: input and target differ in shape. ValueError for a negative gamma.
Tensor sigmoid_focal_loss(const Arg& input, const Arg& target, const SigmoidFocalLossOptions& options = {});

// 1 - (2 sum(p t) + smooth) / (sum(p) + sum(t) + smooth) for each sample, that is over all dimensions but the first;
// with squared: sum(p^2) + sum(t^2) below (Milletari et al., arXiv:1606.04797). input holds probabilities p, target the
// t in the same shape [N, ...]; flatten(0, 1) makes a sample of each channel. Reduction::none gives [N]. Each pass
// reads its operands once. ShapeError for other shapes and for no dimensions; ValueError for a negative smooth or eps.
Tensor dice_loss(const Arg& input, const Arg& target, const DiceLossOptions& options = {});

}  // namespace xgrad
