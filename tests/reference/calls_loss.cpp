// Losses.
#include <xgrad/nn/functional.hpp>
#include <xgrad/ops/shape.hpp>

#include <stdexcept>

#include "reference/calls.hpp"

namespace reference {
namespace {

namespace F = xgrad::nn::functional;
using xgrad::Reduction;

Reduction reduction(const Inputs& in) {
  const auto name = in.attr<std::string>("reduction", "mean");
  if (name == "none") return Reduction::none;
  if (name == "sum") return Reduction::sum;
  if (name == "mean") return Reduction::mean;
  if (name == "batchmean") return Reduction::batchmean;
  throw std::runtime_error("unknown reduction " + name);
}

// Input and target broadcast to each other, which the functions themselves refuse.
struct Pair {
  Tensor input, target;
  explicit Pair(const Inputs& in) : input(in["input"]), target(in["target"]) {
    if (input.sizes() == target.sizes()) return;
    const TensorList both = xgrad::broadcast_tensors({input, target});
    input = both[0], target = both[1];
  }
};

}  // namespace

void loss(Calls& calls) {
  calls.add("mse_loss", [](const Inputs& in) {
    const Pair pair(in);
    return TensorList{F::mse_loss(pair.input, pair.target, {.reduction = reduction(in)})};
  });
  calls.add("l1_loss", [](const Inputs& in) {
    const Pair pair(in);
    return TensorList{F::l1_loss(pair.input, pair.target, {.reduction = reduction(in)})};
  });
  calls.add("smooth_l1_loss", [](const Inputs& in) {
    const Pair pair(in);
    return TensorList{
        F::smooth_l1_loss(pair.input, pair.target, {.reduction = reduction(in), .beta = in.attr("beta", 1.0)})};
  });
  calls.add("huber_loss", [](const Inputs& in) {
    const Pair pair(in);
    return TensorList{
        F::huber_loss(pair.input, pair.target, {.reduction = reduction(in), .delta = in.attr("delta", 1.0)})};
  });
  calls.add("binary_cross_entropy", [](const Inputs& in) {
    return TensorList{
        F::binary_cross_entropy(in["input"], in["target"], {.weight = in["weight"], .reduction = reduction(in)})};
  });
  calls.add("binary_cross_entropy_with_logits", [](const Inputs& in) {
    return TensorList{F::binary_cross_entropy_with_logits(
        in["input"], in["target"],
        {.weight = in["weight"], .reduction = reduction(in), .pos_weight = in["pos_weight"]})};
  });
  calls.add("kl_div", [](const Inputs& in) {
    const Pair pair(in);
    return TensorList{
        F::kl_div(pair.input, pair.target, {.reduction = reduction(in), .log_target = in.attr("log_target", false)})};
  });
  calls.add("cross_entropy", [](const Inputs& in) {
    return TensorList{F::cross_entropy(in["input"], in["target"],
                                       {.weight = in["weight"],
                                        .ignore_index = in.attr<std::int64_t>("ignore_index", -100),
                                        .reduction = reduction(in),
                                        .label_smoothing = in.attr("label_smoothing", 0.0)})};
  });
  calls.add("nll_loss", [](const Inputs& in) {
    return TensorList{F::nll_loss(in["input"], in["target"],
                                  {.weight = in["weight"],
                                   .ignore_index = in.attr<std::int64_t>("ignore_index", -100),
                                   .reduction = reduction(in)})};
  });

  calls.add("hinge_embedding_loss", [](const Inputs& in) {
    return TensorList{F::hinge_embedding_loss(in["input"], in["target"],
                                              {.margin = in.attr("margin", 1.0), .reduction = reduction(in)})};
  });
  calls.add("margin_ranking_loss", [](const Inputs& in) {
    return TensorList{F::margin_ranking_loss(in["input1"], in["input2"], in["target"],
                                             {.margin = in.attr("margin", 0.0), .reduction = reduction(in)})};
  });
  calls.add("soft_margin_loss", [](const Inputs& in) {
    return TensorList{F::soft_margin_loss(in["input"], in["target"], {.reduction = reduction(in)})};
  });
  calls.add("cosine_embedding_loss", [](const Inputs& in) {
    return TensorList{F::cosine_embedding_loss(in["input1"], in["input2"], in["target"],
                                               {.margin = in.attr("margin", 0.0), .reduction = reduction(in)})};
  });
  calls.add("triplet_margin_loss", [](const Inputs& in) {
    return TensorList{F::triplet_margin_loss(in["anchor"], in["positive"], in["negative"],
                                             {.margin = in.attr("margin", 1.0),
                                              .p = in.attr("p", 2.0),
                                              .eps = in.attr("eps", 1e-6),
                                              .swap = in.attr("swap", false),
                                              .reduction = reduction(in)})};
  });
  calls.add("multi_margin_loss", [](const Inputs& in) {
    return TensorList{F::multi_margin_loss(in["input"], in["target"],
                                           {.p = in.attr<std::int64_t>("p", 1),
                                            .margin = in.attr("margin", 1.0),
                                            .weight = in["weight"],
                                            .reduction = reduction(in)})};
  });
  calls.add("multilabel_margin_loss", [](const Inputs& in) {
    return TensorList{F::multilabel_margin_loss(in["input"], in["target"], {.reduction = reduction(in)})};
  });
  calls.add("multilabel_soft_margin_loss", [](const Inputs& in) {
    return TensorList{F::multilabel_soft_margin_loss(in["input"], in["target"],
                                                     {.weight = in["weight"], .reduction = reduction(in)})};
  });
  calls.add("poisson_nll_loss", [](const Inputs& in) {
    return TensorList{F::poisson_nll_loss(in["input"], in["target"],
                                          {.log_input = in.attr("log_input", true),
                                           .full = in.attr("full", false),
                                           .eps = in.attr("eps", 1e-8),
                                           .reduction = reduction(in)})};
  });
  calls.add("gaussian_nll_loss", [](const Inputs& in) {
    return TensorList{F::gaussian_nll_loss(
        in["input"], in["target"], in["var"],
        {.full = in.attr("full", false), .eps = in.attr("eps", 1e-6), .reduction = reduction(in)})};
  });
  calls.add("ctc_loss", [](const Inputs& in) {
    return TensorList{F::ctc_loss(F::log_softmax(in["logits"], -1), in["targets"], in["input_lengths"],
                                  in["target_lengths"],
                                  {.blank = in.attr<std::int64_t>("blank", 0),
                                   .reduction = reduction(in),
                                   .zero_infinity = in.attr("zero_infinity", false)})};
  });
}

}  // namespace reference
