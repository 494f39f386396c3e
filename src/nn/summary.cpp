#include <xgrad/autograd.hpp>
#include <xgrad/nn/summary.hpp>

#include <algorithm>
#include <array>
#include <ostream>
#include <unordered_set>

#include "core/check.hpp"
#include "core/tensor_impl.hpp"
#include "core/work.hpp"

namespace xgrad::nn {

using namespace xgrad::detail;

namespace {

// "12,345,678".
std::string grouped(std::int64_t number) {
  const std::string digits = std::to_string(number);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string text(const std::vector<Shape>& shapes) {
  std::string all;
  for (const Shape& shape : shapes) all += (all.empty() ? "" : ", ") + xgrad::to_string(shape);
  return all;
}

std::vector<Shape> shapes_of(const TensorList& tensors) {
  std::vector<Shape> shapes;
  for (const Tensor& tensor : tensors)
    if (tensor.defined()) shapes.push_back(tensor.sizes());
  return shapes;
}

std::int64_t bytes_of(const TensorList& tensors) {
  std::int64_t bytes = 0;
  for (const Tensor& tensor : tensors) bytes += tensor.numel() * element_size(tensor.dtype());
  return bytes;
}

// Puts the hooks and modes of a model back as they were.
class Visit {
 public:
  explicit Visit(Module& model) : modules(model.named_modules()) {
    for (const auto& [name, module] : modules) training_.push_back(module.is_training());
    model.eval();
  }
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;
  ~Visit() {
    for (std::size_t i = 0; i < modules.size(); ++i) modules[i].second.train(training_[i]);  // parents come first
    for (const auto& [module, hook] : hooks_) module->remove_hook(hook);
  }
  void remember(Module& module, std::int64_t hook) { hooks_.emplace_back(&module, hook); }

  NamedModules modules;

 private:
  std::vector<bool> training_;
  std::vector<std::pair<Module*, std::int64_t>> hooks_;
};

}  // namespace

namespace detail {

ModelSummary summarise(Module& model, const std::function<TensorList()>& run) {
  ModelSummary result;
  Visit visit(model);
  result.layers.resize(visit.modules.size());
  std::vector<std::int64_t> before(visit.modules.size());
  for (std::size_t i = 0; i < visit.modules.size(); ++i) {
    auto& [name, module] = visit.modules[i];
    LayerSummary& layer = result.layers[i];
    layer.name = name;
    layer.type = module.type_name();
    for (const Tensor& parameter : module.parameters()) {
      layer.parameters += parameter.numel();
      if (parameter.requires_grad()) layer.trainable += parameter.numel();
    }
    if (i == 0) continue;
    visit.remember(module, module.register_forward_pre_hook([&before, i](const Module&, const TensorList&) {
      before[i] = multiply_adds;
      return TensorList();
    }));
    visit.remember(module, module.register_forward_hook(
                               [&before, i, &layer](const Module&, const TensorList&, const TensorList& outputs) {
                                 ++layer.calls;
                                 layer.outputs = shapes_of(outputs);
                                 layer.multiply_adds += multiply_adds - before[i];
                                 return TensorList();
                               }));
  }
  result.parameter_bytes = bytes_of(model.parameters());
  result.buffer_bytes = bytes_of(model.buffers());
  const NoGradGuard no_grad;
  const std::int64_t start = multiply_adds;
  LayerSummary& whole = result.layers[0];
  whole.outputs = shapes_of(run());
  whole.calls = 1;
  whole.multiply_adds = multiply_adds - start;
  return result;
}

}  // namespace detail

std::string ModelSummary::to_string() const {
  using Row = std::array<std::string, 4>;
  std::vector<Row> rows{{"Layer", "Output", "Parameters", "Multiply-adds"}};
  for (const LayerSummary& layer : layers) {
    const auto depth = layer.name.empty() ? 0 : 1 + std::count(layer.name.begin(), layer.name.end(), '.');
    const std::size_t last = layer.name.rfind('.');
    const std::string own = last == std::string::npos ? layer.name : layer.name.substr(last + 1);
    rows.push_back(
        {std::string(2 * static_cast<std::size_t>(depth), ' ') + (own.empty() ? "" : own + ": ") + layer.type,
         layer.calls > 0 ? text(layer.outputs) : "not called", grouped(layer.parameters),
         grouped(layer.multiply_adds)});
  }
  std::array<std::size_t, 4> width{};
  for (const Row& row : rows)
    for (std::size_t c = 0; c < row.size(); ++c) width[c] = std::max(width[c], row[c].size());
  std::string table;
  for (const Row& row : rows)
    table += fmt::format("{:<{}}  {:<{}}  {:>{}}  {:>{}}\n", row[0], width[0], row[1], width[1], row[2], width[2],
                         row[3], width[3]);
  const LayerSummary& whole = layers.at(0);
  table +=
      fmt::format("\n{} parameters, {} of them trained; {} bytes, and {} bytes of buffers\n", grouped(whole.parameters),
                  grouped(whole.trainable), grouped(parameter_bytes), grouped(buffer_bytes));
  return table;
}
std::ostream& operator<<(std::ostream& stream, const ModelSummary& summary) { return stream << summary.to_string(); }

}  // namespace xgrad::nn
