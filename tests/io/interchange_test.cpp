// Weights to PyTorch and back (interchange.py), where it is installed: the same keys, and the same outputs.
#include <xgrad/xgrad.hpp>

#include <doctest/doctest.h>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/files.hpp"
#include "support/python.hpp"

namespace xg = xgrad;
namespace nn = xgrad::nn;
using xg::StateDict;
using xg::Tensor;
using xg::TensorList;

namespace {

struct Case {
  std::string name;
  StateDict inputs;
  // A new model.
  std::function<std::shared_ptr<nn::Module>()> make;
  std::function<TensorList(nn::Module& model, const StateDict& inputs)> forward;
};

// A case of a model that `make` gives, with its inputs, and forward(model, inputs) -> TensorList.
template <class Make, class Forward>
Case model(const char* name, StateDict inputs, Make make, Forward forward) {
  using Model = decltype(make());
  return {
      name, std::move(inputs), [make] { return std::make_shared<Model>(make()); },
      [forward](nn::Module& module, const StateDict& given) { return forward(static_cast<Model&>(module), given); }};
}
TensorList call(const nn::Layer& layer, const StateDict& in) { return {layer(in["x"])}; }

std::vector<Case> cases() {
  const auto lstm = [](const auto& result) { return TensorList{result.first, result.second.h_n, result.second.c_n}; };
  const auto pair = [](const auto& result) { return TensorList{result.first, result.second}; };
  const nn::TransformerLayerOptions layer{.dim_feedforward = 12, .dropout = 0};
  const auto sequential = [](const nn::Sequential& net, const StateDict& in) { return TensorList{net(in["x"])}; };

  std::vector<Case> all;
  all.push_back(model(
      "linear", {{"x", xg::randn({2, 5})}}, [] { return nn::Linear(5, 3); }, call));
  all.push_back(model(
      "mlp", {{"x", xg::randn({3, 4})}},
      [] {
        return nn::Sequential(nn::Linear(4, 8), nn::Tanh(), nn::Linear(8, 8, {.bias = false}), nn::ReLU(),
                              nn::Linear(8, 2));
      },
      sequential));
  all.push_back(model(
      "conv_batchnorm", {{"x", xg::randn({2, 3, 11, 12})}},
      [] {
        return nn::Sequential(nn::Conv2d(3, 4, 3, {.stride = 2, .padding = 1}), nn::BatchNorm2d(4), nn::ReLU(),
                              nn::Conv2d(4, 6, 3, {.dilation = 2, .groups = 2, .bias = false}));
      },
      sequential));
  all.push_back(model(
      "conv_transpose", {{"x", xg::randn({2, 4, 5, 4})}},
      [] { return nn::ConvTranspose2d(4, 6, 3, {.stride = 2, .padding = 1, .output_padding = 1, .groups = 2}); },
      call));
  all.push_back(model(
      "conv1d", {{"x", xg::randn({2, 2, 7})}},
      [] {
        return nn::Sequential(nn::Conv1d(2, 4, 3, {.padding = 1, .padding_mode = "circular"}), nn::LayerNorm({7}));
      },
      sequential));
  all.push_back(model(
      "lstm", {{"x", xg::randn({5, 2, 3})}, {"h", xg::randn({4, 2, 4})}, {"c", xg::randn({4, 2, 4})}},
      [] { return nn::LSTM(3, 4, {.num_layers = 2, .bidirectional = true}); },
      [lstm](const nn::LSTM& net, const StateDict& in) {
        return lstm(net(in["x"], {in["h"], in["c"]}));
      }));
  all.push_back(model(
      "lstm_projections", {{"x", xg::randn({5, 2, 3})}},
      [] { return nn::LSTM(3, 6, {.num_layers = 2, .bidirectional = true, .proj_size = 2}); },
      [lstm](const nn::LSTM& net, const StateDict& in) { return lstm(net(in["x"])); }));
  all.push_back(model(
      "gru", {{"x", xg::randn({2, 5, 3})}, {"h", xg::randn({2, 2, 5})}},
      [] { return nn::GRU(3, 5, {.num_layers = 2, .batch_first = true}); },
      [pair](const nn::GRU& net, const StateDict& in) { return pair(net(in["x"], in["h"])); }));
  all.push_back(model(
      "lstm_cell", {{"x", xg::randn({2, 3})}}, [] { return nn::LSTMCell(3, 4); },
      [](const nn::LSTMCell& net, const StateDict& in) { return TensorList(net(in["x"])); }));
  all.push_back(model(
      "embedding", {{"x", xg::tensor({{1, 2}, {9, 0}})}}, [] { return nn::Embedding(10, 4, {.padding_idx = 2}); },
      call));
  all.push_back(model(
      "embedding_bag", {{"x", xg::tensor({1, 2, 9, 0, 4})}, {"offsets", xg::tensor({0, 2, 2})}},
      [] { return nn::EmbeddingBag(10, 4); },
      [](const nn::EmbeddingBag& net, const StateDict& in) { return TensorList{net(in["x"], in["offsets"])}; }));
  all.push_back(model(
      "layer_norm", {{"x", xg::randn({2, 3, 4})}},
      [] {
        return nn::LayerNorm({3, 4});
      },
      call));
  const auto attend = [pair](const nn::MultiheadAttention& net, const StateDict& in) {
    return pair(net(in["query"], in["key"], in["value"]));
  };
  all.push_back(model(
      "multihead_attention",
      {{"query", xg::randn({3, 2, 8})}, {"key", xg::randn({5, 2, 8})}, {"value", xg::randn({5, 2, 8})}},
      [] { return nn::MultiheadAttention(8, 2); }, attend));
  all.push_back(model(
      "multihead_attention_sizes",
      {{"query", xg::randn({3, 2, 8})}, {"key", xg::randn({5, 2, 6})}, {"value", xg::randn({5, 2, 5})}},
      [] { return nn::MultiheadAttention(8, 2, {.add_bias_kv = true, .kdim = 6, .vdim = 5}); }, attend));
  all.push_back(model(
      "transformer_encoder", {{"src", xg::randn({5, 2, 8})}},
      [layer] {
        nn::TransformerLayerOptions first = layer;
        first.activation = nn::TransformerActivation::gelu;
        first.norm_first = true;
        return nn::TransformerEncoder(nn::TransformerEncoderLayer(8, 2, first), 2, nn::LayerNorm({8}));
      },
      [](const nn::TransformerEncoder& net, const StateDict& in) { return TensorList{net(in["src"])}; }));
  all.push_back(model(
      "transformer_decoder", {{"tgt", xg::randn({4, 2, 8})}, {"memory", xg::randn({5, 2, 8})}},
      [layer] { return nn::TransformerDecoder(nn::TransformerDecoderLayer(8, 2, layer), 2); },
      [](const nn::TransformerDecoder& net, const StateDict& in) { return TensorList{net(in["tgt"], in["memory"])}; }));
  all.push_back(model(
      "transformer", {{"src", xg::randn({2, 5, 8})}, {"tgt", xg::randn({2, 4, 8})}},
      [] {
        return nn::Transformer(8, 2,
                               {.num_encoder_layers = 1,
                                .num_decoder_layers = 2,
                                .dim_feedforward = 12,
                                .dropout = 0,
                                .batch_first = true});
      },
      [](const nn::Transformer& net, const StateDict& in) { return TensorList{net(in["src"], in["tgt"])}; }));
  all.push_back(model(
      "prelu", {{"x", xg::randn({2, 3, 4})}}, [] { return nn::PReLU(3); }, call));
  all.push_back(model(
      "bilinear", {{"x1", xg::randn({2, 3})}, {"x2", xg::randn({2, 4})}}, [] { return nn::Bilinear(3, 4, 5); },
      [](const nn::Bilinear& net, const StateDict& in) { return TensorList{net(in["x1"], in["x2"])}; }));
  return all;
}

// Weights that none of the layers starts with.
void randomise(nn::Module& module) {
  for (const auto& [name, tensor] : module.state_dict()) {
    const double low = name.ends_with("running_var") ? 0.5 : -0.5;
    tensor.copy_(tensor.is_floating_point() ? xg::rand_like(tensor) + low : xg::full_like(tensor, 7));
  }
}

StateDict numbered(const TensorList& list) {
  StateDict result;
  for (std::size_t i = 0; i < list.size(); ++i)
    result.insert(std::string{static_cast<char>('0' + i / 10), static_cast<char>('0' + i % 10)}, list[i]);
  return result;
}

struct Float64 {
  Float64() { xg::set_default_dtype(xg::float64); }
  ~Float64() { xg::set_default_dtype(xg::float32); }
};

}  // namespace

TEST_CASE("weights go to PyTorch and come from it, and outputs agree") {
  if (!test::python_has("torch")) return;
  const Float64 in_float64;
  const xg::NoGradGuard no_grad;
  const test::TemporaryDirectory directory;
  xg::manual_seed(11);
  const std::vector<Case> all = cases();
  CHECK(all.size() == 19);
  for (const Case& one : all) {
    const std::shared_ptr<nn::Module> net = one.make();
    randomise(*net);
    net->eval();
    xg::save(net->state_dict(), directory / (one.name + ".weights"));
    xg::save(one.inputs, directory / (one.name + ".inputs"));
    xg::save(numbered(one.forward(*net, one.inputs)), directory / (one.name + ".outputs"));
  }
  REQUIRE(test::run_python("io/interchange.py", directory.path()));

  for (const Case& one : all) {
    CAPTURE(one.name);
    const std::shared_ptr<nn::Module> net = one.make();
    net->eval();
    CHECK(net->load_state_dict(xg::load(directory / (one.name + ".torch_weights"))).complete());
    const TensorList outputs = one.forward(*net, one.inputs);
    const StateDict expected = xg::load(directory / (one.name + ".torch_outputs"));
    REQUIRE(outputs.size() == expected.size());
    for (std::size_t i = 0; i < outputs.size(); ++i)
      CHECK(xg::allclose(outputs[i], expected.begin()[static_cast<std::ptrdiff_t>(i)].second,
                         {.rtol = 1e-9, .atol = 1e-12}));
  }
}
