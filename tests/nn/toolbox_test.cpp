// Every layer of torch.nn prints as PyTorch's and has its state under the same names, in the same order, shapes and
// dtypes (tests/reference/toolbox.py).
#include <xgrad/xgrad.hpp>

#include <doctest/doctest.h>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "reference/book.hpp"

namespace xg = xgrad;
using namespace xgrad::nn;
using nlohmann::json;
using xg::Tensor;

namespace {

const std::map<std::string, json>& layers() {
  static const std::map<std::string, json> all = [] {
    std::map<std::string, json> result;
    std::ifstream file(reference::own_folder() / "toolbox.json");
    for (const json& layer : json::parse(file)) result.emplace(layer.at(0), layer);
    return result;
  }();
  return all;
}
std::set<std::string>& seen() {
  static std::set<std::string> names;
  return names;
}

// The expression is Python's.
void check(const std::string& expression, const Module& layer) {
  CAPTURE(expression);
  REQUIRE(layers().contains(expression));
  seen().insert(expression);
  const json& expected = layers().at(expression);
  CHECK(layer.to_string() == expected.at(1));
  json state = json::array();
  for (const auto& [name, tensor] : layer.state_dict()) {
    json shape = json::array();
    for (const std::int64_t size : tensor.sizes()) shape.push_back(size);
    state.push_back({name, shape, xg::name(tensor.dtype())});
  }
  CHECK(state == expected.at(2));
}

}  // namespace

TEST_CASE("affine layers, convolutions and windows") {
  check("Identity()", Identity());
  check("Linear(2, 3)", Linear(2, 3));
  check("Linear(2, 3, bias=False)", Linear(2, 3, {.bias = false}));
  check("Bilinear(2, 3, 4)", Bilinear(2, 3, 4));
  check("Flatten()", Flatten());
  check("Unflatten(1, (2, 3))", Unflatten(1, {2, 3}));
  check("Conv1d(4, 6, 3, padding=1, groups=2)", Conv1d(4, 6, 3, {.padding = 1, .groups = 2}));
  check("Conv2d(4, 6, (3, 2), stride=2, padding_mode='reflect', padding=1, bias=False)",
        Conv2d(4, 6, {3, 2}, {.stride = 2, .padding = 1, .bias = false, .padding_mode = "reflect"}));
  check("Conv3d(2, 4, 3, dilation=2)", Conv3d(2, 4, 3, {.dilation = 2}));
  check("ConvTranspose1d(4, 6, 3, groups=2)", ConvTranspose1d(4, 6, 3, {.groups = 2}));
  check("ConvTranspose2d(4, 6, 3, stride=2, output_padding=1)",
        ConvTranspose2d(4, 6, 3, {.stride = 2, .output_padding = 1}));
  check("ConvTranspose3d(2, 4, (1, 2, 3), bias=False)", ConvTranspose3d(2, 4, {1, 2, 3}, {.bias = false}));
  check("Fold((4, 5), (2, 3), stride=2)", Fold({4, 5}, {2, 3}, {.stride = 2}));
  check("Unfold(3, dilation=2)", Unfold(3, {.dilation = 2}));
}

TEST_CASE("pooling, padding and resampling") {
  check("MaxPool1d(2)", MaxPool1d(2));
  check("MaxPool2d((2, 3), padding=1)", MaxPool2d({2, 3}, {.padding = 1}));
  check("MaxPool3d(2, ceil_mode=True)", MaxPool3d(2, {.ceil_mode = true}));
  check("AvgPool1d(2)", AvgPool1d(2));
  check("AvgPool2d(3, stride=2)", AvgPool2d(3, {.stride = 2}));
  check("AvgPool3d(2, padding=1)", AvgPool3d(2, {.padding = 1}));
  check("AdaptiveMaxPool1d(2)", AdaptiveMaxPool1d(2));
  check("AdaptiveMaxPool2d((2, 3))", AdaptiveMaxPool2d({2, 3}));
  check("AdaptiveMaxPool3d(2)", AdaptiveMaxPool3d(2));
  check("AdaptiveAvgPool1d(2)", AdaptiveAvgPool1d(2));
  check("AdaptiveAvgPool2d((None, 3))", AdaptiveAvgPool2d({std::nullopt, 3}));
  check("AdaptiveAvgPool3d(2)", AdaptiveAvgPool3d(2));
  check("MaxUnpool1d(2)", MaxUnpool1d(2));
  check("MaxUnpool2d(2, stride=1)", MaxUnpool2d(2, {.stride = 1}));
  check("MaxUnpool3d(2)", MaxUnpool3d(2));
  check("FractionalMaxPool2d(2, output_ratio=0.5)", FractionalMaxPool2d(2, {.output_ratio = 0.5}));
  check("FractionalMaxPool3d(2, output_size=(2, 3, 4))", FractionalMaxPool3d(2, {.output_size = {2, 3, 4}}));
  check("LPPool1d(2, 3)", LPPool1d(2, 3));
  check("LPPool2d(1.5, (2, 3))", LPPool2d(1.5, {2, 3}));
  check("ConstantPad1d(2, 1.5)", ConstantPad1d(2, 1.5));
  check("ConstantPad2d((1, 2, 3, 4), 0)", ConstantPad2d({1, 2, 3, 4}, 0));
  check("ConstantPad3d(1, -1)", ConstantPad3d(1, -1));
  check("ZeroPad2d(2)", ZeroPad2d(2));
  check("ReflectionPad1d(2)", ReflectionPad1d(2));
  check("ReflectionPad2d((1, 0, 2, 1))", ReflectionPad2d({1, 0, 2, 1}));
  check("ReflectionPad3d(1)", ReflectionPad3d(1));
  check("ReplicationPad1d((1, 2))", ReplicationPad1d({1, 2}));
  check("ReplicationPad2d(1)", ReplicationPad2d(1));
  check("ReplicationPad3d(2)", ReplicationPad3d(2));
  check("Upsample(scale_factor=2.0, mode='bilinear')", Upsample({.scale_factor = 2.0, .mode = "bilinear"}));
  check("Upsample(size=(4, 5))", Upsample({.size = {4, 5}}));
  check("UpsamplingNearest2d(scale_factor=2.0)", UpsamplingNearest2d({.scale_factor = 2.0}));
  check("UpsamplingBilinear2d(size=4)", UpsamplingBilinear2d({.size = 4}));
  check("PixelShuffle(2)", PixelShuffle(2));
  check("PixelUnshuffle(3)", PixelUnshuffle(3));
  check("ChannelShuffle(2)", ChannelShuffle(2));
}

TEST_CASE("dropout, tables and norms") {
  check("Dropout()", Dropout());
  check("Dropout1d(0.25)", Dropout1d(0.25));
  check("Dropout2d(1.)", Dropout2d(1));
  check("Dropout3d(0.)", Dropout3d(0));
  check("AlphaDropout()", AlphaDropout());
  check("FeatureAlphaDropout(0.1)", FeatureAlphaDropout(0.1));
  check("Embedding(5, 3, padding_idx=1)", Embedding(5, 3, {.padding_idx = 1}));
  check("EmbeddingBag(5, 3, mode='sum')", EmbeddingBag(5, 3, {.mode = "sum"}));
  check("BatchNorm1d(3)", BatchNorm1d(3));
  check("BatchNorm2d(3, affine=False)", BatchNorm2d(3, {.affine = false}));
  check("BatchNorm3d(3, momentum=None)", BatchNorm3d(3, {.momentum = {}}));
  check("InstanceNorm1d(3)", InstanceNorm1d(3));
  check("InstanceNorm2d(3, affine=True)", InstanceNorm2d(3, {.affine = true}));
  check("InstanceNorm3d(3, track_running_stats=True)", InstanceNorm3d(3, {.track_running_stats = true}));
  check("GroupNorm(2, 4)", GroupNorm(2, 4));
  check("LayerNorm((2, 3))", LayerNorm({2, 3}));
  check("LocalResponseNorm(2)", LocalResponseNorm(2));
}

TEST_CASE("recurrent layers and Transformers") {
  check("RNN(2, 3, nonlinearity='relu')", RNN(2, 3, {.nonlinearity = "relu"}));
  check("LSTM(2, 3, num_layers=2, bidirectional=True, proj_size=1)",
        LSTM(2, 3, {.num_layers = 2, .bidirectional = true, .proj_size = 1}));
  check("GRU(2, 3, batch_first=True, bias=False)", GRU(2, 3, {.bias = false, .batch_first = true}));
  check("RNNCell(2, 3)", RNNCell(2, 3));
  check("LSTMCell(2, 3, bias=False)", LSTMCell(2, 3, {.bias = false}));
  check("GRUCell(2, 3)", GRUCell(2, 3));
  check("MultiheadAttention(4, 2)", MultiheadAttention(4, 2));
  check("MultiheadAttention(4, 2, kdim=3, vdim=5, add_bias_kv=True, bias=False)",
        MultiheadAttention(4, 2, {.bias = false, .add_bias_kv = true, .kdim = 3, .vdim = 5}));
  const auto encoder = [] { return TransformerEncoderLayer(4, 2, {.dim_feedforward = 8}); };
  const auto decoder = [] { return TransformerDecoderLayer(4, 2, {.dim_feedforward = 8}); };
  check("TransformerEncoderLayer(4, 2, dim_feedforward=8)", encoder());
  check("TransformerDecoderLayer(4, 2, dim_feedforward=8)", decoder());
  check("TransformerEncoder(TransformerEncoderLayer(4, 2, dim_feedforward=8), 2, LayerNorm(4))",
        TransformerEncoder(encoder(), 2, LayerNorm({4})));
  check("TransformerDecoder(TransformerDecoderLayer(4, 2, dim_feedforward=8), 1)", TransformerDecoder(decoder(), 1));
  check("Transformer(4, 2, 1, 2, dim_feedforward=8)",
        Transformer(4, 2, {.num_encoder_layers = 1, .num_decoder_layers = 2, .dim_feedforward = 8}));
}

TEST_CASE("activations") {
  check("ELU()", ELU());
  check("Hardshrink()", Hardshrink());
  check("Hardsigmoid()", Hardsigmoid());
  check("Hardtanh(-2., 0.5)", Hardtanh(-2, 0.5));
  check("Hardswish()", Hardswish());
  check("LeakyReLU()", LeakyReLU());
  check("LogSigmoid()", LogSigmoid());
  check("PReLU()", PReLU());
  check("ReLU()", ReLU());
  check("ReLU6()", ReLU6());
  check("RReLU()", RReLU());
  check("SELU()", SELU());
  check("CELU(2.)", CELU(2));
  check("GELU()", GELU());
  check("GELU('tanh')", GELU(GeluApproximation::tanh));
  check("Sigmoid()", Sigmoid());
  check("SiLU()", SiLU());
  check("Mish()", Mish());
  check("Softplus()", Softplus());
  check("Softshrink()", Softshrink());
  check("Softsign()", Softsign());
  check("Tanh()", Tanh());
  check("Tanhshrink()", Tanhshrink());
  check("Threshold(0.5, 20)", Threshold(0.5, 20));
  check("GLU()", GLU());
  check("Softmin(1)", Softmin(1));
  check("Softmax(1)", Softmax(1));
  check("Softmax2d()", Softmax2d());
  check("LogSoftmax(-1)", LogSoftmax(-1));
  check("AdaptiveLogSoftmaxWithLoss(32, 10, [3, 6])", AdaptiveLogSoftmaxWithLoss(32, 10, {3, 6}));
}

TEST_CASE("containers, distances and losses") {
  check("ModuleList([Linear(2, 3), ReLU()])", ModuleList<>(Linear(2, 3), ReLU()));
  ModuleDict<> dict;
  dict.insert("a", Linear(2, 3)).insert("b", ReLU());
  check("ModuleDict({'a': Linear(2, 3), 'b': ReLU()})", dict);
  check("Sequential(Linear(2, 3), Sequential(ReLU(), BatchNorm1d(3)), Dropout())",
        Sequential(Linear(2, 3), Sequential(ReLU(), BatchNorm1d(3)), Dropout()));
  check("CosineSimilarity()", CosineSimilarity());
  check("PairwiseDistance()", PairwiseDistance());
  check("L1Loss()", L1Loss());
  check("MSELoss()", MSELoss());
  check("CrossEntropyLoss(weight=torch.ones(3))", CrossEntropyLoss({.weight = xg::ones({3})}));
  check("CTCLoss()", CTCLoss());
  check("NLLLoss()", NLLLoss());
  check("PoissonNLLLoss()", PoissonNLLLoss());
  check("GaussianNLLLoss()", GaussianNLLLoss());
  check("KLDivLoss()", KLDivLoss());
  check("BCELoss()", BCELoss());
  check("BCEWithLogitsLoss(pos_weight=torch.ones(3))", BCEWithLogitsLoss({.pos_weight = xg::ones({3})}));
  check("MarginRankingLoss()", MarginRankingLoss());
  check("HingeEmbeddingLoss()", HingeEmbeddingLoss());
  check("MultiLabelMarginLoss()", MultiLabelMarginLoss());
  check("HuberLoss()", HuberLoss());
  check("SmoothL1Loss()", SmoothL1Loss());
  check("SoftMarginLoss()", SoftMarginLoss());
  check("MultiLabelSoftMarginLoss()", MultiLabelSoftMarginLoss());
  check("CosineEmbeddingLoss()", CosineEmbeddingLoss());
  check("MultiMarginLoss()", MultiMarginLoss());
  check("TripletMarginLoss()", TripletMarginLoss());
  check("TripletMarginWithDistanceLoss()", TripletMarginWithDistanceLoss());
}

TEST_CASE("none of PyTorch's layers is left out") {
  for (const auto& [expression, layer] : layers()) CHECK_MESSAGE(seen().contains(expression), expression);
  CHECK(layers().size() > 130);
}
