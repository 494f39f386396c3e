// Softmax over very many classes of very different frequency.
#pragma once
#include <xgrad/nn/containers.hpp>
#include <xgrad/nn/linear.hpp>
#include <xgrad/nn/sequential.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace xgrad::nn {

struct AdaptiveLogSoftmaxOptions {
  double div_value = 4;
  bool head_bias = false;
};
// output: the log-probability of each target; loss: minus their mean.
struct AdaptiveLogSoftmaxResult {
  Tensor output, loss;
  explicit operator TensorList() const { return {output, loss}; }
  static AdaptiveLogSoftmaxResult from_list(const TensorList& list, std::size_t& next) {
    const Tensor output = list[next++];
    return {output, list[next++]};
  }
};
// Classes 0..cutoffs[0]-1, the frequent ones, and one for each cluster cutoffs[i-1]..cutoffs[i]-1 of the others compete
// in the head; a cluster's own classes in a tail of in_features / div_value^i features, which only its own targets
// compute (Grave et al., arXiv:1609.04309). n_classes closes the last cluster.
// Modules: head, a Linear, and tail, a list of pairs of Linear without bias. ValueError unless the cutoffs rise between
// 1 and n_classes - 1 and each tail has features.
class AdaptiveLogSoftmaxWithLoss : public Module {
 public:
  AdaptiveLogSoftmaxWithLoss(std::int64_t in_features, std::int64_t n_classes, const std::vector<std::int64_t>& cutoffs,
                             const AdaptiveLogSoftmaxOptions& options = {}, Here here = {});
  // input [N, in_features] and int64 targets [N]; or [in_features] and []. ShapeError, DtypeError; IndexError for a
  // target out of range.
  AdaptiveLogSoftmaxResult forward(const Arg& input, const Arg& target) const;
  AdaptiveLogSoftmaxResult operator()(const Arg& input, const Arg& target) const;
  // The log-probabilities of all classes: [N, in_features] -> [N, n_classes].
  Tensor log_prob(const Arg& input) const;
  // The likeliest class of each row: int64 [N].
  Tensor predict(const Arg& input) const;

 private:
  std::vector<std::int64_t> cutoffs_;  // with n_classes at the end
  Linear head_;
  ModuleList<Sequential> tail_;
};

}  // namespace xgrad::nn
