// Losses as modules: their options given once. Formulas, shapes and errors are those of the functions of the same name.
#pragma once
#include <xgrad/nn/distance.hpp>
#include <xgrad/nn/pair_layer.hpp>
#include <xgrad/ops/cross_entropy.hpp>
#include <xgrad/ops/ctc_loss.hpp>
#include <xgrad/ops/likelihood_loss.hpp>
#include <xgrad/ops/loss.hpp>
#include <xgrad/ops/margin_loss.hpp>
#include <xgrad/ops/segmentation_loss.hpp>

namespace xgrad::nn {

using xgrad::Reduction;

// A module of a prediction and a target.
class Loss : public PairLayer {};

// A loss that calls a function with its options.
template <class Options, Tensor (*function)(const Arg&, const Arg&, const Options&)>
class LossLayer : public Loss {
 public:
  explicit LossLayer(const Options& options = {}) : options_(options) {}
  Tensor forward(const Arg& input, const Arg& target) const override { return function(input, target, options_); }

 private:
  Options options_;
};

// The same of three tensors.
template <class Options, Tensor (*function)(const Arg&, const Arg&, const Arg&, const Options&)>
class TripleLossLayer : public TripleLayer {
 public:
  explicit TripleLossLayer(const Options& options = {}) : options_(options) {}
  Tensor forward(const Arg& first, const Arg& second, const Arg& third) const override {
    return function(first, second, third, options_);
  }

 private:
  Options options_;
};

// A loss whose options have a `weight`, which is a buffer: it is converted and saved with the module.
template <class Options, Tensor (*function)(const Arg&, const Arg&, const Options&)>
class WeightedLossLayer : public LossLayer<Options, function> {
 public:
  explicit WeightedLossLayer(const Options& options = {}) : LossLayer<Options, function>(options) {
    this->register_buffer("weight", options.weight);
  }
};

// ---- of numbers

class MSELoss : public LossLayer<LossOptions, &xgrad::mse_loss> {
  using LossLayer::LossLayer;
};
class L1Loss : public LossLayer<LossOptions, &xgrad::l1_loss> {
  using LossLayer::LossLayer;
};
class SmoothL1Loss : public LossLayer<SmoothL1LossOptions, &xgrad::smooth_l1_loss> {
  using LossLayer::LossLayer;
};
class HuberLoss : public LossLayer<HuberLossOptions, &xgrad::huber_loss> {
  using LossLayer::LossLayer;
};

// ---- of probabilities and likelihoods

class KLDivLoss : public LossLayer<KlDivOptions, &xgrad::kl_div> {
  using LossLayer::LossLayer;
};
class PoissonNLLLoss : public LossLayer<PoissonNllLossOptions, &xgrad::poisson_nll_loss> {
  using LossLayer::LossLayer;
};
// Of input, target and variance.
class GaussianNLLLoss : public TripleLossLayer<GaussianNllLossOptions, &xgrad::gaussian_nll_loss> {
  using TripleLossLayer::TripleLossLayer;
};
class BCELoss : public WeightedLossLayer<BinaryCrossEntropyOptions, &xgrad::binary_cross_entropy> {
  using WeightedLossLayer::WeightedLossLayer;
};
// pos_weight is a buffer too.
class BCEWithLogitsLoss
    : public WeightedLossLayer<BinaryCrossEntropyWithLogitsOptions, &xgrad::binary_cross_entropy_with_logits> {
 public:
  explicit BCEWithLogitsLoss(const BinaryCrossEntropyWithLogitsOptions& options = {});
};
class SigmoidFocalLoss : public LossLayer<SigmoidFocalLossOptions, &xgrad::sigmoid_focal_loss> {
  using LossLayer::LossLayer;
};
class DiceLoss : public LossLayer<DiceLossOptions, &xgrad::dice_loss> {
  using LossLayer::LossLayer;
};

// ---- of classes

class CrossEntropyLoss : public WeightedLossLayer<CrossEntropyOptions, &xgrad::cross_entropy> {
  using WeightedLossLayer::WeightedLossLayer;
};
class NLLLoss : public WeightedLossLayer<NllLossOptions, &xgrad::nll_loss> {
  using WeightedLossLayer::WeightedLossLayer;
};
class MultiMarginLoss : public WeightedLossLayer<MultiMarginLossOptions, &xgrad::multi_margin_loss> {
  using WeightedLossLayer::WeightedLossLayer;
};
class MultiLabelMarginLoss : public LossLayer<LossOptions, &xgrad::multilabel_margin_loss> {
  using LossLayer::LossLayer;
};
class MultiLabelSoftMarginLoss
    : public WeightedLossLayer<MultilabelSoftMarginLossOptions, &xgrad::multilabel_soft_margin_loss> {
  using WeightedLossLayer::WeightedLossLayer;
};
// alpha is a buffer.
class FocalLoss : public LossLayer<FocalLossOptions, &xgrad::focal_loss> {
 public:
  explicit FocalLoss(const FocalLossOptions& options = {});
};

// Of log-probabilities and targets, and how long the sequences of both are.
class CTCLoss : public Module {
 public:
  explicit CTCLoss(const CtcLossOptions& options = {});
  Tensor forward(const Arg& log_probs, const Arg& targets, const SequenceLengths& input_lengths,
                 const SequenceLengths& target_lengths) const;
  Tensor operator()(const Arg& log_probs, const Arg& targets, const SequenceLengths& input_lengths,
                    const SequenceLengths& target_lengths) const;

 private:
  CtcLossOptions options_;
};

// ---- of signs and distances

class HingeEmbeddingLoss : public LossLayer<HingeEmbeddingLossOptions, &xgrad::hinge_embedding_loss> {
  using LossLayer::LossLayer;
};
class SoftMarginLoss : public LossLayer<LossOptions, &xgrad::soft_margin_loss> {
  using LossLayer::LossLayer;
};
// Of two inputs and a target.
class MarginRankingLoss : public TripleLossLayer<MarginRankingLossOptions, &xgrad::margin_ranking_loss> {
  using TripleLossLayer::TripleLossLayer;
};
class CosineEmbeddingLoss : public TripleLossLayer<CosineEmbeddingLossOptions, &xgrad::cosine_embedding_loss> {
  using TripleLossLayer::TripleLossLayer;
};
// Of anchor, positive and negative.
class TripletMarginLoss : public TripleLossLayer<TripletMarginLossOptions, &xgrad::triplet_margin_loss> {
  using TripleLossLayer::TripleLossLayer;
};
// Without a distance_function it has a child module of that name, a PairwiseDistance.
class TripletMarginWithDistanceLoss
    : public TripleLossLayer<TripletMarginWithDistanceLossOptions, &xgrad::triplet_margin_with_distance_loss> {
 public:
  explicit TripletMarginWithDistanceLoss(const TripletMarginWithDistanceLossOptions& options = {});
};

}  // namespace xgrad::nn
