// Losses of margins: 0 from where an example is told apart by enough, and growing from there.
//
// Reductions are those of loss.hpp. Unlike the losses of loss.hpp these broadcast their arguments against each other,
// as PyTorch's do, but for the losses of classes. Targets of signs are 1 and -1, of an integer dtype or the input's.
// ShapeError for shapes that do not fit, DtypeError for an input that is not floating and for float32 with float64,
// ValueError for Reduction::batchmean.
#pragma once
#include <xgrad/ops/loss.hpp>

#include <functional>

namespace xgrad {

struct HingeEmbeddingLossOptions {
  double margin = 1;
  Reduction reduction = Reduction::mean;
};
struct MarginRankingLossOptions {
  double margin = 0;
  Reduction reduction = Reduction::mean;
};
struct CosineEmbeddingLossOptions {
  double margin = 0;
  Reduction reduction = Reduction::mean;
};
struct TripletMarginLossOptions {
  double margin = 1;
  double p = 2;
  double eps = 1e-6;
  bool swap = false;
  Reduction reduction = Reduction::mean;
};
// distance_function: pairwise_distance where there is none.
struct TripletMarginWithDistanceLossOptions {
  std::function<Tensor(const Tensor&, const Tensor&)> distance_function{};
  double margin = 1;
  bool swap = false;
  Reduction reduction = Reduction::mean;
};
// weight [C] rescales the examples by their class and takes no gradient.
struct MultiMarginLossOptions {
  std::int64_t p = 1;
  double margin = 1;
  Tensor weight{};
  Reduction reduction = Reduction::mean;
};

// x where t = 1, max(0, margin - x) where t = -1; their sum for any other t. The target takes no gradient.
Tensor hinge_embedding_loss(const Arg& input, const Arg& target, const HingeEmbeddingLossOptions& options = {});
// max(0, margin - t (x1 - x2)): x1 is to be ranked above x2 where t = 1, below where t = -1.
Tensor margin_ranking_loss(const Arg& input1, const Arg& input2, const Arg& target,
                           const MarginRankingLossOptions& options = {});
// log(1 + exp(-t x)), without its overflow. The target broadcasts to the input.
Tensor soft_margin_loss(const Arg& input, const Arg& target, const LossOptions& options = {});
// 1 - cos(x1, x2) where t = 1, max(0, cos(x1, x2) - margin) where t = -1, else 0, with the squares' sums in the cosine
// 1e-12 larger than they are. Inputs [N, D] with a target [N], or [D] with a target without dimensions; the target
// takes no gradient.
Tensor cosine_embedding_loss(const Arg& input1, const Arg& input2, const Arg& target,
                             const CosineEmbeddingLossOptions& options = {});
// max(0, margin + d(a, p) - d(a, n)) with d = pairwise_distance(.., .., p, eps) along the last dimension; with swap
// the smaller of d(a, n) and d(p, n) stands for d(a, n) (Balntas et al., BMVC 2016). Inputs of equally many dimensions.
Tensor triplet_margin_loss(const Arg& anchor, const Arg& positive, const Arg& negative,
                           const TripletMarginLossOptions& options = {});
// The same with any distance, whose result is a number for each triple: it is called with whole anchors, positives and
// negatives.
Tensor triplet_margin_with_distance_loss(const Arg& anchor, const Arg& positive, const Arg& negative,
                                         const TripletMarginWithDistanceLossOptions& options = {});
// weight_t / C sum_{c != t} max(0, margin - x_t + x_c)^p for the class t of each row. Input [N, C] with a target [N],
// [C] with a target of one element, or a single number. ValueError unless p is 1 or 2, IndexError for a class outside
// 0..C-1. Slope 0 where a margin is just met.
Tensor multi_margin_loss(const Arg& input, const Arg& target, const MultiMarginLossOptions& options = {});
// 1 / C sum_{t, c} max(0, 1 - x_t + x_c) over the labels t of each row and the classes c that are no labels. Input and
// target [N, C] or [C]; the labels are those of a target's row before the first -1. IndexError for others outside
// 0..C-1. Slope 0 where a margin is just met.
Tensor multilabel_margin_loss(const Arg& input, const Arg& target, const LossOptions& options = {});

}  // namespace xgrad
