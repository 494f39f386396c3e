// What a model is made of and what a call of it costs.
#pragma once
#include <xgrad/nn/module.hpp>

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

namespace xgrad::nn {

// One module of a model, the model itself first. What lies below it is counted in: the numbers of the first row are the
// model's. A parameter that several modules share is counted in each but once in each.
struct LayerSummary {
  std::string name;  // as in named_modules(); empty for the model
  std::string type;
  std::vector<Shape> outputs{};  // of its last call; empty where operator() was never called
  std::int64_t calls = 0;
  std::int64_t parameters = 0, trainable = 0;
  // Of products, convolutions, attention and recurrent steps, in all calls. One multiply-add is two operations.
  std::int64_t multiply_adds = 0;
};
struct ModelSummary {
  std::vector<LayerSummary> layers{};
  std::int64_t parameter_bytes = 0, buffer_bytes = 0;
  // A table, as operator<< writes it.
  std::string to_string() const;
};
std::ostream& operator<<(std::ostream& stream, const ModelSummary& summary);

namespace detail {
ModelSummary summarise(Module& model, const std::function<TensorList()>& run);
}

// Calls model.forward(inputs...) once, in evaluation mode and without recording, and tells what happened. Nothing stays
// changed; the call draws from the random generator only what forward draws in evaluation. Errors as the model's.
//   std::cout << nn::summary(net, xg::zeros({64, 1, 28, 28}));
//   Layer              Output            Parameters  Multiply-adds
//   Net                [64, 10]             206,922    786,432,000
//     conv1: Conv2d    [64, 32, 28, 28]         320     14,450,688
template <class M, class... Inputs>
ModelSummary summary(M& model, const Inputs&... inputs) {
  return detail::summarise(model, [&] {
    TensorList outputs;
    xgrad::detail::append_outputs(outputs, model.forward(inputs...));
    return outputs;
  });
}

}  // namespace xgrad::nn
