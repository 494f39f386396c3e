// Activation functions and softmax.
#include <xgrad/nn/functional.hpp>
#include <xgrad/ops/pointwise.hpp>

#include "reference/calls.hpp"

namespace reference {

namespace F = xgrad::nn::functional;

void activation(Calls& calls) {
  using Unary = Tensor (*)(const xgrad::Arg&);
  const std::vector<std::pair<const char*, Unary>> functions{{"hardsigmoid", F::hardsigmoid},
                                                             {"hardswish", F::hardswish},
                                                             {"logsigmoid", F::logsigmoid},
                                                             {"mish", F::mish},
                                                             {"relu", F::relu},
                                                             {"relu6", F::relu6},
                                                             {"selu", F::selu},
                                                             {"sigmoid", F::sigmoid},
                                                             {"silu", F::silu},
                                                             {"softsign", F::softsign},
                                                             {"tanhshrink", F::tanhshrink}};
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
  calls.add("celu", [](const Inputs& in) { return TensorList{F::celu(in["input"], in.attr("alpha", 1.0))}; });
  calls.add("hardtanh", [](const Inputs& in) {
    return TensorList{F::hardtanh(in["input"], in.attr("min_val", -1.0), in.attr("max_val", 1.0))};
  });
  calls.add("hardshrink",
            [](const Inputs& in) { return TensorList{F::hardshrink(in["input"], in.attr("lambd", 0.5))}; });
  calls.add("softshrink",
            [](const Inputs& in) { return TensorList{F::softshrink(in["input"], in.attr("lambd", 0.5))}; });
  calls.add("threshold", [](const Inputs& in) {
    return TensorList{F::threshold(in["input"], in.attr<double>("threshold"), in.attr<double>("value"))};
  });
  calls.add("prelu", [](const Inputs& in) { return TensorList{F::prelu(in["input"], in["weight"])}; });
  calls.add("glu", [](const Inputs& in) { return TensorList{F::glu(in["input"], in.attr<std::int64_t>("dim", -1))}; });
  calls.add("softmin",
            [](const Inputs& in) { return TensorList{F::softmin(in["input"], in.attr<std::int64_t>("dim"))}; });
  calls.add("softmax",
            [](const Inputs& in) { return TensorList{F::softmax(in["input"], in.attr<std::int64_t>("dim"))}; });
  calls.add("log_softmax",
            [](const Inputs& in) { return TensorList{F::log_softmax(in["input"], in.attr<std::int64_t>("dim"))}; });
}

}  // namespace reference
