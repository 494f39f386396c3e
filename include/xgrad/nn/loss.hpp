// Losses as modules: their options given once. Formulas, shapes and errors are those of the functions.
#pragma once
#include <xgrad/nn/module.hpp>
#include <xgrad/ops/cross_entropy.hpp>
#include <xgrad/ops/loss.hpp>

namespace xgrad::nn {

using xgrad::Reduction;

// A module of a prediction and a target.
class Loss : public Module {
 public:
  virtual Tensor forward(const Arg& input, const Arg& target) const = 0;
  Tensor operator()(const Arg& input, const Arg& target) const;
};

// A loss with options that are plain numbers.
template <class Options, Tensor (*function)(const Arg&, const Arg&, const Options&)>
class LossLayer : public Loss {
 public:
  explicit LossLayer(const Options& options = {}) : options_(options) {}
  Tensor forward(const Arg& input, const Arg& target) const override { return function(input, target, options_); }

 private:
  Options options_;
};

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
class KLDivLoss : public LossLayer<KlDivOptions, &xgrad::kl_div> {
  using LossLayer::LossLayer;
};

// Losses whose weights are buffers: they are converted and saved with the module ("weight", "pos_weight").
class BCELoss : public Loss {
 public:
  explicit BCELoss(const BinaryCrossEntropyOptions& options = {});
  Tensor forward(const Arg& input, const Arg& target) const override;

 private:
  BinaryCrossEntropyOptions options_;
};

class BCEWithLogitsLoss : public Loss {
 public:
  explicit BCEWithLogitsLoss(const BinaryCrossEntropyWithLogitsOptions& options = {});
  Tensor forward(const Arg& input, const Arg& target) const override;

 private:
  BinaryCrossEntropyWithLogitsOptions options_;
};

class CrossEntropyLoss : public Loss {
 public:
  explicit CrossEntropyLoss(const CrossEntropyOptions& options = {});
  Tensor forward(const Arg& input, const Arg& target) const override;

 private:
  CrossEntropyOptions options_;
};

class NLLLoss : public Loss {
 public:
  explicit NLLLoss(const NllLossOptions& options = {});
  Tensor forward(const Arg& input, const Arg& target) const override;

 private:
  NllLossOptions options_;
};

}  // namespace xgrad::nn
