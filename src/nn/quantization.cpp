#include <xgrad/autograd.hpp>
#include <xgrad/nn/quantization.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/check.hpp"
#include "core/dispatch.hpp"
#include "core/replace.hpp"
#include "core/tensor_impl.hpp"
#include "core/work.hpp"
#include "kernels/linear_int8.hpp"
#include "nn/module_state.hpp"

namespace xgrad::nn::quantization {

using namespace xgrad::detail;

namespace {

// A Linear's weight in 8 bits: its shape, scales, and what the product with 128 adds up to.
struct Quantized {
  Tensor weight, scale, sum;
  double error = 0;
};

Quantized quantized(const Tensor& floating) {
  const Tensor from = dense(floating.detach());
  const std::int64_t out = from.size(0), in = from.size(1);
  Quantized q{make_tensor(from.sizes(), uint8), make_tensor({out}, from.dtype()), make_tensor({out}, int32), 0};
  double squares = 0, errors = 0;
  dispatch_floating(from.dtype(), [&]<class T>() {
    std::vector<std::uint8_t> row(static_cast<std::size_t>(in));
    for (std::int64_t o = 0; o < out; ++o) {
      const T* w = data<T>(from) + o * in;
      T& scale = data<T>(q.scale)[o];
      quantize_rows<T>(1, in, w, row.data(), &scale);
      std::int32_t sum = 0;
      for (std::int64_t i = 0; i < in; ++i) {
        const int value = row[static_cast<std::size_t>(i)] - 128;
        sum += value;
        data<std::uint8_t>(q.weight)[o * in + i] = static_cast<std::uint8_t>(value);
        const double error = static_cast<double>(w[i]) - static_cast<double>(scale) * value;
        squares += static_cast<double>(w[i]) * static_cast<double>(w[i]);
        errors += error * error;
      }
      data<std::int32_t>(q.sum)[o] = sum;
    }
  });
  q.error = squares == 0 ? 0 : std::sqrt(errors / squares);
  return q;
}

Tensor apply(const Quantized& q, const Tensor& bias, const Tensor& input) {
  const std::int64_t out = q.weight.size(0), in = q.weight.size(1);
  const Here here{nullptr, 0};
  check<ShapeError>(input.dim() > 0 && input.size(-1) == in, here,
                    "quantized linear: expected input with {} features, got {}", in, input.sizes());
  check<DtypeError>(input.dtype() == q.scale.dtype(), here, "quantized linear: expected input of {}, got {}",
                    q.scale.dtype(), input.dtype());
  check<AutogradError>(!is_grad_enabled() || !input.requires_grad(), here,
                       "quantized linear: has no gradient, and input requires one; call it under NoGradGuard");
  Shape shape = input.sizes();
  shape[shape.size() - 1] = out;
  const Tensor x = dense(input), y = make_tensor(shape, input.dtype());
  const std::int64_t rows = in > 0 ? x.numel() / in : numel(shape) / std::max<std::int64_t>(out, 1);
  const Tensor bytes = make_tensor({rows, in}, uint8), scales = make_tensor({rows}, input.dtype());
  multiply_adds += rows * in * out;
  dispatch_floating(input.dtype(), [&]<class T>() {
    quantize_rows<T>(rows, in, data<T>(x), data<std::uint8_t>(bytes), data<T>(scales));
    linear_int8(LinearInt8<T>{.rows = rows,
                              .k = in,
                              .out = out,
                              .x = data<std::uint8_t>(bytes),
                              .scale_x = data<T>(scales),
                              .w = reinterpret_cast<const std::int8_t*>(data<std::uint8_t>(q.weight)),
                              .scale_w = data<T>(q.scale),
                              .sum_w = data<std::int32_t>(q.sum),
                              .bias = bias.defined() ? data<T>(bias) : nullptr,
                              .y = data<T>(y)});
  });
  return y;
}

std::int64_t bytes_of(const Module& model) {
  std::int64_t bytes = 0;
  for (const TensorList& list : {model.parameters(), model.buffers()})
    for (const Tensor& tensor : list) bytes += tensor.numel() * element_size(tensor.dtype());
  return bytes;
}

Tensor find(const NamedTensors& tensors, const char* name) {
  for (const auto& [key, tensor] : tensors)
    if (key == name) return tensor;
  return {};
}

void replace(Module& layer, const Quantized& q, Here here) {
  ModuleState& state = ModuleAccess::state(layer);
  if (const Parametrization* computed = find_parametrization(layer, "weight"))
    remove_parametrization(layer, *computed, here);
  const NamedTensors parameters = layer.named_parameters(false);
  const Tensor weight = find(parameters, "weight"), bias = find(parameters, "bias");
  std::erase_if(state.parameters, [](const auto& entry) { return entry.first == "weight"; });
  layer.register_buffer("weight_int8", q.weight, true, here);
  layer.register_buffer("weight_scale", q.scale, true, here);
  layer.register_buffer("weight_sum", q.sum, true, here);
  state.replacement = [q, bias](const TensorList& inputs) { return TensorList{apply(q, bias, inputs.at(0))}; };
  state.type = "QuantizedLinear";
  state.description = fmt::format("in_features={}, out_features={}, dtype=int8", q.weight.size(1), q.weight.size(0));
  reshape_in_place(weight, {0});
}

}  // namespace

QuantizationReport quantize_dynamic(Module& model, Here here) {
  QuantizationReport report;
  report.bytes_before = bytes_of(model);
  NamedModules modules = model.named_modules();
  std::vector<std::pair<Module*, Quantized>> layers;
  for (auto& [name, module] : modules) {
    if (module.type_name() != "Linear") continue;
    const Parametrization* computed = find_parametrization(module, "weight");
    const Tensor weight = computed ? computed->present(here) : find(module.named_parameters(false), "weight");
    check<ValueError>(weight.defined() && weight.dim() == 2, here, "quantize_dynamic: \"{}\" has no weight", name);
    check<ValueError>(weight.size(1) <= longest_int8_sum, here,
                      "quantize_dynamic: \"{}\" has {} input features; at most {} add up in 32 bits", name,
                      weight.size(1), longest_int8_sum);
    Quantized q = quantized(weight);
    check<ValueError>(std::isfinite(q.error), here, "quantize_dynamic: the weight of \"{}\" is not finite", name);
    report.layers.push_back({name, weight.size(1), weight.size(0), q.error});
    layers.emplace_back(&module, std::move(q));
  }
  check<ValueError>(!layers.empty(), here, "quantize_dynamic: the model has no Linear layer");
  for (const auto& [layer, q] : layers) replace(*layer, q, here);
  report.bytes_after = bytes_of(model);
  return report;
}

}  // namespace xgrad::nn::quantization
