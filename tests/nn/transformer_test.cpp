#include <xgrad/autograd.hpp>
#include <xgrad/nn/transformer.hpp>
#include <xgrad/ops/activation.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/equality.hpp>
#include <xgrad/ops/pointwise.hpp>
#include <xgrad/random.hpp>
#include <xgrad/testing.hpp>

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <string>
#include <utility>
#include <vector>

#include "numeric.hpp"
#include "support/errors.hpp"

namespace xg = xgrad;
namespace nn = xgrad::nn;
using numeric::distance;
using test::mentions;
using test::message_of;
using xg::Shape;
using xg::Tensor;
using xg::TensorList;

namespace {

Tensor some(const Shape& shape, std::uint64_t seed) { return numeric::random(shape, seed); }
std::vector<std::string> names(const nn::Module& module) {
  std::vector<std::string> list;
  for (const auto& [name, child] : module.named_children()) list.push_back(name);
  return list;
}

}  // namespace

TEST_CASE("an encoder is twins of a layer, one after the other, and a norm") {
  xg::manual_seed(1);
  nn::TransformerEncoderLayer layer(8, 2, {.dim_feedforward = 16, .dropout = 0, .batch_first = true});
  nn::TransformerEncoder encoder(layer, 3, nn::LayerNorm({8}));
  CHECK(names(encoder) == std::vector<std::string>{"layers", "norm"});
  CHECK(encoder.state_dict().contains("layers.2.self_attn.in_proj_weight"));
  CHECK(encoder.state_dict().contains("norm.weight"));
  CHECK(encoder.state_dict().size() == 3 * 12 + 2);
  const Tensor x = xg::randn({2, 5, 8});
  Tensor padding = xg::zeros({2, 5}, {.dtype = xg::bool_});
  padding.slice(1, 4, 5).fill_(true);
  Tensor y = x;
  for (int i = 0; i < 3; ++i) y = layer(y, {.src_key_padding_mask = padding, .is_causal = true});
  y = (*encoder.norm)(y);
  CHECK(distance(encoder(x, {.src_key_padding_mask = padding, .is_causal = true}).detach(), y.detach()) < 1e-6);
  // Copies, not the same parameters.
  {
    const xg::NoGradGuard no_grad;
    layer.linear1.weight.fill_(0);
  }
  CHECK(encoder.layers[0].linear1.weight.abs().sum().item<float>() > 0);
  CHECK_FALSE(encoder.layers[0].linear1.weight.is_same(encoder.layers[1].linear1.weight));
  encoder.eval();
  CHECK_FALSE(encoder.layers[2].is_training());
  // The registry and the members are one: loading reaches the layers.
  auto state = encoder.state_dict().clone();
  state.at("layers.1.linear1.bias").fill_(3);
  encoder.load_state_dict(state);
  CHECK(encoder.layers[1].linear1.bias.min().item<float>() == 3);
  nn::TransformerEncoder none(layer, 0);
  CHECK(none(x).is_same(x));
  layer.to(xg::float64);
  CHECK(layer.twin().norm1.weight.dtype() == xg::float64);
}

TEST_CASE("children are PyTorch's; bias switches all of them off") {
  const nn::TransformerEncoderLayer encoder(4, 2, {.dim_feedforward = 8});
  CHECK(names(encoder) == std::vector<std::string>{"self_attn", "linear1", "dropout", "linear2", "norm1", "norm2",
                                                   "dropout1", "dropout2"});
  const nn::TransformerDecoderLayer decoder(4, 2, {.dim_feedforward = 8});
  CHECK(names(decoder) == std::vector<std::string>{"self_attn", "multihead_attn", "linear1", "dropout", "linear2",
                                                   "norm1", "norm2", "norm3", "dropout1", "dropout2", "dropout3"});
  const nn::TransformerDecoderLayer bare(4, 2, {.dim_feedforward = 8, .bias = false});
  for (const std::string& key : bare.state_dict().keys()) CHECK(key.find("bias") == std::string::npos);
}

TEST_CASE("dropout in training only, in each of its places") {
  xg::manual_seed(2);
  nn::TransformerEncoderLayer layer(8, 2, {.dim_feedforward = 16, .dropout = 0.5});
  const Tensor x = xg::randn({3, 2, 8});
  CHECK(distance(layer(x).detach(), layer(x).detach()) > 0);
  layer.eval();
  CHECK(distance(layer(x).detach(), layer(x).detach()) == 0);
}

TEST_CASE("a decoder layer is its parts") {
  for (const bool norm_first : {false, true}) {
    nn::TransformerDecoderLayer d(4, 2,
                                  {.dim_feedforward = 8,
                                   .dropout = 0,
                                   .activation = nn::TransformerActivation::gelu,
                                   .batch_first = true,
                                   .norm_first = norm_first});
    d.to(xg::float64);
    const Tensor x = some({2, 3, 4}, 1), memory = some({2, 5, 4}, 2);
    Tensor padding = xg::zeros({2, 5}, {.dtype = xg::bool_});
    padding.slice(1, 3, 5).fill_(true);
    const auto self = [&](const Tensor& t) { return d.self_attn(t, t, t, {.is_causal = true}).first; };
    const auto cross = [&](const Tensor& t) {
      return d.multihead_attn(t, memory, memory, {.key_padding_mask = padding}).first;
    };
    const auto forward = [&](const Tensor& t) { return d.linear2(xg::gelu(d.linear1(t))); };
    Tensor y = x;
    if (norm_first) {
      y = y + self(d.norm1(y));
      y = y + cross(d.norm2(y));
      y = y + forward(d.norm3(y));
    } else {
      y = d.norm1(y + self(y));
      y = d.norm2(y + cross(y));
      y = d.norm3(y + forward(y));
    }
    const Tensor out = d(x, memory, {.memory_key_padding_mask = padding, .tgt_is_causal = true});
    CHECK(distance(out.detach(), y.detach()) < 1e-12);
    // What comes later changes nothing that came before.
    const Tensor changed = x.clone();
    changed.select(1, 2).fill_(9);
    const Tensor other = d(changed, memory, {.memory_key_padding_mask = padding, .tgt_is_causal = true});
    CHECK(distance(other.narrow(1, 0, 2).detach(), out.narrow(1, 0, 2).detach()) < 1e-12);
    CHECK(distance(other.detach(), out.detach()) > 1e-3);
  }
}

TEST_CASE("a decoder stacks its layers") {
  nn::TransformerDecoderLayer layer(4, 2, {.dim_feedforward = 8, .dropout = 0});
  nn::TransformerDecoder decoder(layer, 2, nn::LayerNorm({4}));
  const Tensor x = xg::randn({3, 2, 4}), memory = xg::randn({5, 2, 4});
  const Tensor y = (*decoder.norm)(layer(layer(x, memory), memory));
  CHECK(distance(decoder(x, memory).detach(), y.detach()) < 1e-6);
  CHECK(decoder.state_dict().contains("layers.1.multihead_attn.out_proj.bias"));
}

TEST_CASE("Transformer is an encoder and a decoder") {
  xg::manual_seed(3);
  nn::Transformer model(64, 4, {.num_encoder_layers = 1, .num_decoder_layers = 2, .dim_feedforward = 32, .dropout = 0});
  CHECK(names(model) == std::vector<std::string>{"encoder", "decoder"});
  const auto state = model.state_dict();
  for (const char* key : {"encoder.layers.0.linear1.weight", "encoder.norm.bias", "decoder.layers.1.norm3.weight",
                          "decoder.layers.0.multihead_attn.in_proj_bias", "decoder.norm.weight"})
    CHECK_MESSAGE(state.contains(key), key);
  const double bound = std::sqrt(6.0 / (64 + 32)),
               largest = model.encoder.layers[0].linear1.weight.abs().max().item<double>();
  CHECK(largest <= bound);
  CHECK(largest > 0.97 * bound);
  const Tensor src = xg::randn({5, 2, 64}), tgt = xg::randn({3, 2, 64});
  const Tensor mask = nn::Transformer::generate_square_subsequent_mask(3);
  CHECK(mask.to_vector<double>() == std::vector<double>{0, -INFINITY, -INFINITY, 0, 0, -INFINITY, 0, 0, 0});
  Tensor padding = xg::zeros({2, 5}, {.dtype = xg::bool_});
  padding.slice(1, 4, 5).fill_(true);
  const Tensor memory = model.encoder(src, {.src_key_padding_mask = padding});
  const Tensor expected = model.decoder(tgt, memory, {.memory_key_padding_mask = padding, .tgt_is_causal = true});
  const Tensor y =
      model(src, tgt, {.tgt_mask = mask, .src_key_padding_mask = padding, .memory_key_padding_mask = padding});
  CHECK(y.sizes() == Shape{3, 2, 64});
  CHECK(distance(y.detach(), expected.detach()) < 1e-5);
}

TEST_CASE("whole layers pass a gradient check") {
  struct Net : nn::Module {
    nn::TransformerEncoder encoder = register_module(
        "encoder", nn::TransformerEncoder(
                       nn::TransformerEncoderLayer(
                           4, 2, {.dim_feedforward = 5, .dropout = 0, .activation = nn::TransformerActivation::gelu}),
                       2));
    Tensor forward(const Tensor& x) { return encoder(x, {.is_causal = true}); }
  } net;
  net.to(xg::float64);
  CHECK(xg::gradcheck_module(net, {some({3, 2, 4}, 1).requires_grad_()}));
}

TEST_CASE("misuse is named") {
  CHECK(mentions(message_of<xg::ValueError>([] { nn::TransformerEncoderLayer(5, 2); }),
                 {"MultiheadAttention", "5", "2", "transformer_test.cpp"}));
  const nn::TransformerEncoderLayer layer(4, 2, {.dim_feedforward = 8});
  CHECK(mentions(message_of<xg::ValueError>([&] { nn::TransformerEncoder(layer, -1); }),
                 {"TransformerEncoder", "num_layers", "-1", "transformer_test.cpp"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] {
                   layer(xg::zeros({2, 3, 5}));
                 }),
                 {"[2, 3, 5]", "transformer_test.cpp"}));
}
