// Recurrent layers.
#include <xgrad/nn/recurrent.hpp>

#include "reference/calls.hpp"

namespace reference {
namespace {

namespace nn = xgrad::nn;

// All parameters as results of the case's tensors under their names, so that gradients reach those.
void set_parameters(nn::Module& module, const Inputs& in) {
  module.requires_grad_(false);
  for (const auto& [name, parameter] : module.named_parameters()) parameter.copy_(in[name]);
}

}  // namespace

void recurrent(Calls& calls) {
  calls.add("lstm", [](const Inputs& in) {
    nn::LSTM lstm(in.attr<std::int64_t>("input_size"), in.attr<std::int64_t>("hidden_size"),
                  {.num_layers = in.attr<std::int64_t>("num_layers", 1),
                   .bias = in.attr("bias", true),
                   .batch_first = in.attr("batch_first", false),
                   .bidirectional = in.attr("bidirectional", false),
                   .proj_size = in.attr<std::int64_t>("proj_size", 0)});
    lstm.to(in["input"].dtype());
    set_parameters(lstm, in);
    const auto [output, state] = lstm(in["input"], {in["hx"], in["cx"]});
    return TensorList{output, state.h_n, state.c_n};
  });
}

}  // namespace reference
