// Activation functions and softmax.
#include <xgrad/nn/functional.hpp>
#include <xgrad/ops/pointwise.hpp>

#include "reference/calls.hpp"

namespace reference {

namespace F = xgrad::nn::functional;

void activation(Calls& calls) {
  using Unary = Tensor (*)(const xgrad::Arg&);
  const std::vector<std::pair<const char*, Unary>> functions{
      {"logsigmoid", F::log_sigmoid}, {"relu", F::relu}, {"sigmoid", F::sigmoid}, {"silu", F::silu}};
  for (const auto& [name, f] : functions)
    calls.add(name, [f = f](const Inputs& in) { return TensorList{f(in["input"])}; });

  calls.add("elu", [](const Inputs& in) { return TensorList{F::elu(in["input"], in.attr("alpha", 1.0))}; });
  calls.add("gelu", [](const Inputs& in) {
    const bool tanh = in.attr<std::string>("approximate", "none") == "tanh";
    return TensorList{tanh ? F::gelu_tanh(in["input"]) : F::gelu(in["input"])};
  });
  calls.add("leaky_relu",
            [](const Inputs& in) { return TensorList{F::leaky_relu(in["input"], in.attr("negative_slope", 0.01))}; });
  calls.add("softplus", [](const Inputs& in) {
    return TensorList{F::softplus(in["input"], in.attr("beta", 1.0), in.attr("threshold", 20.0))};
  });
  calls.add("softmax",
            [](const Inputs& in) { return TensorList{F::softmax(in["input"], in.attr<std::int64_t>("dim"))}; });
  calls.add("log_softmax",
            [](const Inputs& in) { return TensorList{F::log_softmax(in["input"], in.attr<std::int64_t>("dim"))}; });
}

}  // namespace reference
