#include <xgrad/nn/adaptive_softmax.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/gather.hpp>
#include <xgrad/ops/join.hpp>

#include <cmath>

#include "core/check.hpp"
#include "core/dispatch.hpp"
#include "core/tensor_impl.hpp"

namespace xgrad::nn {

using namespace xgrad::detail;

namespace {

const char* const name = "AdaptiveLogSoftmaxWithLoss";

// The cutoffs and the end of the last cluster.
std::vector<std::int64_t> checked_cutoffs(std::int64_t in_features, std::int64_t n_classes,
                                          std::vector<std::int64_t> cutoffs, double div_value, Here here) {
  check<ValueError>(!cutoffs.empty(), here, "{}: cutoffs must not be empty", name);
  cutoffs.push_back(n_classes);
  std::int64_t before = 0;
  for (const std::int64_t cutoff : cutoffs) {
    check<ValueError>(cutoff > before, here, "{}: cutoffs must rise between 1 and n_classes - 1, got {} after {}", name,
                      cutoff, before);
    before = cutoff;
  }
  const double last = static_cast<double>(in_features) / std::pow(div_value, static_cast<double>(cutoffs.size() - 1));
  check<ValueError>(in_features >= 1 && div_value > 0 && last >= 1, here,
                    "{}: the last tail must have features, got in_features {} and div_value {}", name, in_features,
                    div_value);
  return cutoffs;
}

}  // namespace

AdaptiveLogSoftmaxWithLoss::AdaptiveLogSoftmaxWithLoss(std::int64_t in_features, std::int64_t n_classes,
                                                       const std::vector<std::int64_t>& cutoffs,
                                                       const AdaptiveLogSoftmaxOptions& options, Here here)
    : cutoffs_(checked_cutoffs(in_features, n_classes, cutoffs, options.div_value, here)),
      head_(register_module("head", Linear(in_features, cutoffs[0] + static_cast<std::int64_t>(cutoffs.size()),
                                           {.bias = options.head_bias}, here))),
      tail_(register_module("tail", ModuleList<Sequential>())) {
  for (std::size_t i = 1; i < cutoffs_.size(); ++i) {
    const auto features = static_cast<std::int64_t>(static_cast<double>(in_features) /
                                                    std::pow(options.div_value, static_cast<double>(i)));
    tail_.push_back(Sequential(Linear(in_features, features, {.bias = false}, here),
                               Linear(features, cutoffs_[i] - cutoffs_[i - 1], {.bias = false}, here)));
  }
}

AdaptiveLogSoftmaxResult AdaptiveLogSoftmaxWithLoss::forward(const Arg& input, const Arg& target) const {
  const Here here = input.here();
  check_alive(here);
  check<DtypeError>(target->dtype() == Dtype::int64, here, "{}: expected targets of int64, got {}", name,
                    target->dtype());
  check<ShapeError>((input->dim() == 2 && target->dim() == 1 && input->size(0) == target->size(0)) ||
                        (input->dim() == 1 && target->dim() == 0),
                    here, "{}: expected [N, in_features] and [N], input is {}, target is {}", name, input->sizes(),
                    target->sizes());
  const std::int64_t count = target->numel();
  const Tensor x = input->reshape({count, input->size(-1)}, here), list = dense(target.tensor());
  const std::int64_t* t = data<std::int64_t>(list);
  const Tensor places = make_tensor({count, 1}, Dtype::int64);  // in the head
  std::vector<std::vector<std::int64_t>> rows(cutoffs_.size()), classes(cutoffs_.size());
  for (std::int64_t n = 0; n < count; ++n) {
    check<IndexError>(t[n] >= 0 && t[n] < cutoffs_.back(), here, "{}: target must be in 0..{}, element {} is {}", name,
                      cutoffs_.back() - 1, n, t[n]);
    std::size_t cluster = 0;
    while (t[n] >= cutoffs_[cluster]) ++cluster;
    data<std::int64_t>(places)[n] = cluster == 0 ? t[n] : cutoffs_[0] + static_cast<std::int64_t>(cluster) - 1;
    if (cluster == 0) continue;
    rows[cluster].push_back(n);
    classes[cluster].push_back(t[n] - cutoffs_[cluster - 1]);
  }
  Tensor output = head_(Arg(x, here)).log_softmax(1, here).gather(1, places, here).reshape({count}, here);
  for (std::size_t i = 1; i < cutoffs_.size(); ++i) {
    if (rows[i].empty()) continue;
    const Tensor index = tensor(rows[i]), own = tensor(classes[i]).unsqueeze(1, here);
    const Tensor scores = tail_[static_cast<std::int64_t>(i) - 1](Arg(x.index_select(0, index, here), here));
    output = output.index_add(0, index, scores.log_softmax(1, here).gather(1, own, here).squeeze(1, here), here);
  }
  return {output.reshape(target->sizes(), here), output.mean(ReduceOptions{}, here).neg(here)};
}

AdaptiveLogSoftmaxResult AdaptiveLogSoftmaxWithLoss::operator()(const Arg& input, const Arg& target) const {
  const Here here = input.here();
  return call(
      here,
      [&](const Tensor& x, const Tensor& t) {
        return forward({x, here}, {t, here});
      },
      input.tensor(), target.tensor());
}

Tensor AdaptiveLogSoftmaxWithLoss::log_prob(const Arg& input) const {
  const Here here = input.here();
  check_alive(here);
  check<ShapeError>(input->dim() == 2, here, "{}: expected [N, in_features], got {}", name, input->sizes());
  const Tensor head = head_(input).log_softmax(1, here);
  TensorList parts{head.narrow(1, 0, cutoffs_[0], here)};
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(tail_.size()); ++i)
    parts.push_back(tail_[i](input).log_softmax(1, here).add({head.narrow(1, cutoffs_[0] + i, 1, here), here}));
  return cat(parts, 1, here);
}

Tensor AdaptiveLogSoftmaxWithLoss::predict(const Arg& input) const { return log_prob(input).argmax(1); }

}  // namespace xgrad::nn
