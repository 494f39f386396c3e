// Losses.
#include <xgrad/nn/functional.hpp>

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

}  // namespace

void loss(Calls& calls) {
  calls.add("mse_loss", [](const Inputs& in) {
    return TensorList{F::mse_loss(in["input"], in["target"], {.reduction = reduction(in)})};
  });
  calls.add("l1_loss", [](const Inputs& in) {
    return TensorList{F::l1_loss(in["input"], in["target"], {.reduction = reduction(in)})};
  });
  calls.add("smooth_l1_loss", [](const Inputs& in) {
    return TensorList{
        F::smooth_l1_loss(in["input"], in["target"], {.reduction = reduction(in), .beta = in.attr("beta", 1.0)})};
  });
  calls.add("huber_loss", [](const Inputs& in) {
    return TensorList{
        F::huber_loss(in["input"], in["target"], {.reduction = reduction(in), .delta = in.attr("delta", 1.0)})};
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
    return TensorList{
        F::kl_div(in["input"], in["target"], {.reduction = reduction(in), .log_target = in.attr("log_target", false)})};
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
}

}  // namespace reference
