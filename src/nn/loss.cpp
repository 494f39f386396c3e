#include <xgrad/nn/loss.hpp>

namespace xgrad::nn {

Tensor Loss::operator()(const Arg& input, const Arg& target) const {
  const Here here = input.here();
  return call(
      here,
      [&](const Tensor& a, const Tensor& b) {
        return forward({a, here}, {b, here});
      },
      input.tensor(), target.tensor());
}

BCELoss::BCELoss(const BinaryCrossEntropyOptions& options) : options_(options) {
  register_buffer("weight", options.weight);
}
Tensor BCELoss::forward(const Arg& input, const Arg& target) const {
  check_alive(input.here());
  return binary_cross_entropy(input, target, options_);
}

BCEWithLogitsLoss::BCEWithLogitsLoss(const BinaryCrossEntropyWithLogitsOptions& options) : options_(options) {
  register_buffer("weight", options.weight);
  register_buffer("pos_weight", options.pos_weight);
}
Tensor BCEWithLogitsLoss::forward(const Arg& input, const Arg& target) const {
  check_alive(input.here());
  return binary_cross_entropy_with_logits(input, target, options_);
}

CrossEntropyLoss::CrossEntropyLoss(const CrossEntropyOptions& options) : options_(options) {
  register_buffer("weight", options.weight);
}
Tensor CrossEntropyLoss::forward(const Arg& input, const Arg& target) const {
  check_alive(input.here());
  return cross_entropy(input, target, options_);
}

NLLLoss::NLLLoss(const NllLossOptions& options) : options_(options) { register_buffer("weight", options.weight); }
Tensor NLLLoss::forward(const Arg& input, const Arg& target) const {
  check_alive(input.here());
  return nll_loss(input, target, options_);
}

}  // namespace xgrad::nn
