// Normalisation.
#include <xgrad/ops/batch_norm.hpp>
#include <xgrad/ops/group_norm.hpp>
#include <xgrad/ops/layer_norm.hpp>
#include <xgrad/ops/rms_norm.hpp>

#include "reference/calls.hpp"

namespace reference {

namespace xg = xgrad;

void norm(Calls& calls) {
  // The running statistics after the call are outputs too.
  calls.add("batch_norm", [](const Inputs& in) {
    const Tensor mean = in["running_mean"], variance = in["running_var"];
    TensorList outputs{xg::batch_norm(in["input"], mean, variance,
                                      {.weight = in["weight"],
                                       .bias = in["bias"],
                                       .training = in.attr("training", false),
                                       .momentum = in.attr("momentum", 0.1),
                                       .eps = in.attr("eps", 1e-5)})};
    if (mean.defined()) outputs.insert(outputs.end(), {mean, variance});
    return outputs;
  });
  calls.add("layer_norm", [](const Inputs& in) {
    return TensorList{
        xg::layer_norm(in["input"], in.ints("normalized_shape"), in["weight"], in["bias"], in.attr("eps", 1e-5))};
  });
  calls.add("group_norm", [](const Inputs& in) {
    return TensorList{xg::group_norm(in["input"], in.attr<std::int64_t>("num_groups"), in["weight"], in["bias"],
                                     in.attr("eps", 1e-5))};
  });
  calls.add("instance_norm", [](const Inputs& in) {
    const Tensor mean = in["running_mean"], variance = in["running_var"];
    TensorList outputs{xg::instance_norm(in["input"], mean, variance,
                                         {.weight = in["weight"],
                                          .bias = in["bias"],
                                          .use_input_stats = in.attr("use_input_stats", true),
                                          .momentum = in.attr("momentum", 0.1),
                                          .eps = in.attr("eps", 1e-5)})};
    if (mean.defined()) outputs.insert(outputs.end(), {mean, variance});
    return outputs;
  });
  calls.add("rms_norm", [](const Inputs& in) {
    return TensorList{xg::rms_norm(in["input"], in.ints("normalized_shape"), in["weight"], in.optional<double>("eps"))};
  });
  calls.add("local_response_norm", [](const Inputs& in) {
    return TensorList{xg::local_response_norm(
        in["input"], in.attr<std::int64_t>("size"),
        {.alpha = in.attr("alpha", 1e-4), .beta = in.attr("beta", 0.75), .k = in.attr("k", 1.0)})};
  });
}

}  // namespace reference
