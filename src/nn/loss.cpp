#include <xgrad/nn/loss.hpp>

namespace xgrad::nn {

BCEWithLogitsLoss::BCEWithLogitsLoss(const BinaryCrossEntropyWithLogitsOptions& options) : WeightedLossLayer(options) {
  register_buffer("pos_weight", options.pos_weight);
}

FocalLoss::FocalLoss(const FocalLossOptions& options) : LossLayer(options) { register_buffer("alpha", options.alpha); }

CTCLoss::CTCLoss(const CtcLossOptions& options) : options_(options) {}
Tensor CTCLoss::forward(const Arg& log_probs, const Arg& targets, const SequenceLengths& input_lengths,
                        const SequenceLengths& target_lengths) const {
  return ctc_loss(log_probs, targets, input_lengths, target_lengths, options_);
}
Tensor CTCLoss::operator()(const Arg& log_probs, const Arg& targets, const SequenceLengths& input_lengths,
                           const SequenceLengths& target_lengths) const {
  const Here here = log_probs.here();
  return call(
      here,
      [&](const Tensor& x, const Tensor& t) {
        return forward({x, here}, {t, here}, input_lengths, target_lengths);
      },
      log_probs.tensor(), targets.tensor());
}

TripletMarginWithDistanceLoss::TripletMarginWithDistanceLoss(const TripletMarginWithDistanceLossOptions& options)
    : TripleLossLayer(options) {
  if (!options.distance_function) register_module("distance_function", PairwiseDistance());
}

}  // namespace xgrad::nn
