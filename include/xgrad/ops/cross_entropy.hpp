// Losses of classes.
#pragma once
#include <xgrad/ops/loss.hpp>

namespace xgrad {

// weight [C] rescales the classes and takes no gradient; elements whose target is ignore_index do not count;
// label_smoothing s moves the target's probabilities to (1 - s) p + s / C.
struct CrossEntropyOptions {
  Tensor weight{};
  std::int64_t ignore_index = -100;
  Reduction reduction = Reduction::mean;
  double label_smoothing = 0;
};
struct NllLossOptions {
  Tensor weight{};
  std::int64_t ignore_index = -100;
  Reduction reduction = Reduction::mean;
};

// alpha [C] rescales the classes and takes no gradient; elements whose target is ignore_index do not count.
struct FocalLossOptions {
  Tensor alpha{};
  double gamma = 2;
  std::int64_t ignore_index = -100;
  Reduction reduction = Reduction::mean;
};

// -sum_c p_c weight_c log(softmax(x)_c) over the classes c, dimension 1 of the input (0 of a 1-d one), with fused
// kernels for both passes.
// input: [C], [N, C] or [N, C, ...], floating. target: the classes, of an integer dtype and of the input's shape
// without C; or the probabilities p, floating, of the input's shape. Reduction::none gives the shape of the classes.
// Reduction::mean divides by the sum of the targets' weights (by the number of elements for probabilities).
// ShapeError for other shapes; DtypeError: an input that is not floating, a bool target, a weight of another dtype;
// IndexError: a class outside 0..C-1 that is not ignore_index; ValueError: label_smoothing outside [0, 1].
Tensor cross_entropy(const Arg& input, const Arg& target, const CrossEntropyOptions& options = {});

// -weight_t x_t for log-probabilities x and classes t. Shapes, reductions and errors as cross_entropy with classes.
Tensor nll_loss(const Arg& input, const Arg& target, const NllLossOptions& options = {});

// -alpha_t (1 - p_t)^gamma log(p_t) for classes t and p = softmax(x) over the classes (Lin et al., arXiv:1708.02002).
// Shapes, reductions and errors as cross_entropy with classes, whose kernels it uses, but that Reduction::mean divides
// by the number of elements that count. ValueError for a negative gamma.
Tensor focal_loss(const Arg& input, const Arg& target, const FocalLossOptions& options = {});

}  // namespace xgrad
