// Normalisation.
#include <xgrad/ops/batch_norm.hpp>
#include <xgrad/ops/layer_norm.hpp>

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
}

}  // namespace reference
