// Recurrent layers.
#include <xgrad/ops/recurrent.hpp>

#include <string_view>

#include "reference/calls.hpp"

namespace reference {
namespace {

namespace xg = xgrad;

// The inputs that are weights, which come in torch's order.
TensorList parameters(const Inputs& in) {
  TensorList list;
  for (const std::string& name : in.names())
    if (name.starts_with("weight") || name.starts_with("bias")) list.push_back(in[name]);
  // They say these, too.
  in.optional<std::int64_t>("input_size");
  in.optional<std::int64_t>("hidden_size");
  in.optional<std::int64_t>("proj_size");
  return list;
}

template <class State, class Layers>
auto layers(const Inputs& in, const State& state, Layers f) {
  return f(in["input"], state, parameters(in), in.attr("bias", true), in.attr<std::int64_t>("num_layers", 1),
           in.attr("dropout", 0.0), in.attr("train", true), in.attr("bidirectional", false),
           in.attr("batch_first", false));
}

template <class Layers>
Call one_state(Layers f) {
  return [=](const Inputs& in) {
    const auto [output, h_n] = layers(in, in["hx"], f);
    return TensorList{output, h_n};
  };
}

}  // namespace

void recurrent(Calls& calls) {
  calls.add("rnn_tanh", one_state(xg::rnn_tanh));
  calls.add("rnn_relu", one_state(xg::rnn_relu));
  calls.add("gru", one_state(xg::gru));
  calls.add("lstm", [](const Inputs& in) { return layers(in, TensorList{in["hx"], in["cx"]}, xg::lstm); });
}

}  // namespace reference
