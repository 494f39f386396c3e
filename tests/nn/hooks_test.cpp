// What happens around a layer's forward: hooks, its place in errors; containers; parameters without a shape.
#include <xgrad/xgrad.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "support/errors.hpp"

namespace xg = xgrad;
namespace nn = xgrad::nn;
using test::mentions;
using test::message_of;
using xg::Tensor;
using xg::TensorList;

namespace {

struct Block : nn::Layer {
  nn::Linear linear1 = register_module("linear1", nn::Linear(4, 4));
  Tensor forward(const xg::Arg& x) const override { return linear1(x); }
};

struct Net : nn::Module {
  nn::ModuleList<Block> layers = register_module("layers", nn::ModuleList<Block>(Block(), Block()));
  nn::Sequential head = register_module("head", nn::Sequential(nn::Linear(4, 2), xg::relu, nn::Linear(3, 1)));
  Tensor forward(const Tensor& x) { return head(layers[1](layers[0](x))); }
};

std::vector<double> numbers(const Tensor& x) { return x.to_vector<double>(); }

}  // namespace

TEST_CASE("an error names the layer's place in the model") {
  Net net;
  const std::string deep = message_of<xg::ShapeError>([&] { net.layers[1](xg::ones({2, 5})); });
  CHECK(deep.starts_with("layers.1.linear1: linear: "));
  CHECK(mentions(deep, {"[2, 5]", "hooks_test.cpp"}));
  CHECK(message_of<xg::ShapeError>([&] { net.forward(xg::ones({2, 4})); }).starts_with("head.2: linear: "));
  // Outside of a model, and after the error, there is no place to name.
  CHECK(message_of<xg::ShapeError>([] { nn::Linear(3, 1)(xg::ones({2, 4})); }).starts_with("linear: "));
  CHECK(message_of<xg::ShapeError>([] { xg::ones({2}).matmul(xg::ones({3})); }).starts_with("matmul: "));

  // A model that is moved is still the one its layers belong to; one that is gone is not.
  const Net moved = std::move(net);
  CHECK(message_of<xg::ShapeError>([&] { moved.layers[0](xg::ones({5})); }).starts_with("layers.0.linear1: "));
  Block block = nn::ModuleList<Block>().register_module("inner", Block());
  CHECK(message_of<xg::ShapeError>([&] { block(xg::ones({5})); }).starts_with("linear1: linear: "));
}

TEST_CASE("forward hooks see inputs and outputs, may replace them, and can be removed") {
  nn::Linear layer(2, 2, {.bias = false});
  {
    xg::NoGradGuard no_grad;
    layer.weight.copy_(xg::tensor({{1.0, 2.0}, {3.0, 4.0}}));
  }
  const Tensor x = xg::tensor({1.0, 1.0});
  std::vector<std::string> order;
  const auto pre = layer.register_forward_pre_hook([&](const nn::Module& module, const TensorList& inputs) {
    order.push_back("pre " + module.type_name());
    return TensorList{inputs[0] * 2};
  });
  const auto post =
      layer.register_forward_hook([&](const nn::Module&, const TensorList& inputs, const TensorList& outputs) {
        order.push_back("post");
        CHECK(numbers(inputs[0]) == std::vector<double>{2, 2});
        CHECK(numbers(outputs[0]) == std::vector<double>{6, 14});
        return TensorList{};
      });
  const auto replacing = layer.register_forward_hook(
      [&](const nn::Module&, const TensorList&, const TensorList& outputs) { return TensorList{outputs[0] + 1}; });
  CHECK(numbers(layer(x)) == std::vector<double>{7, 15});
  CHECK(order == std::vector<std::string>{"pre Linear", "post"});
  CHECK(numbers(layer.forward(x)) == std::vector<double>{3, 7});  // forward() is without hooks
  layer.remove_hook(replacing);
  CHECK(numbers(layer(x)) == std::vector<double>{6, 14});
  layer.remove_hook(pre), layer.remove_hook(post), layer.remove_hook(post);
  CHECK(numbers(layer(x)) == std::vector<double>{3, 7});
  CHECK(order.size() == 4);

  layer.register_forward_pre_hook([](const nn::Module&, const TensorList& in) { return TensorList{in[0], in[0]}; });
  CHECK(mentions(message_of<xg::ValueError>([&] { layer(x); }), {"Linear", "pre-hook", "2", "1"}));
  CHECK_THROWS_AS(layer.register_forward_hook({}), xg::ValueError);
}

TEST_CASE("hooks of a layer with several inputs and results") {
  nn::LSTM lstm(3, 2);
  std::size_t inputs_seen = 0, outputs_seen = 0;
  lstm.register_forward_hook([&](const nn::Module&, const TensorList& inputs, const TensorList& outputs) {
    inputs_seen = inputs.size();
    outputs_seen = outputs.size();
    CHECK_FALSE(inputs[1].defined());
    return TensorList{outputs[0] * 0, outputs[1], outputs[2] + 5};
  });
  const Tensor x = xg::rand({4, 1, 3});
  const auto [plain, plain_state] = lstm.forward(x);
  const auto [output, state] = lstm(x);
  CHECK(inputs_seen == 3);
  CHECK(outputs_seen == 3);
  CHECK(output.abs().sum().item<double>() == 0);
  CHECK(xg::allclose(state.c_n, plain_state.c_n + 5));
  CHECK(xg::equal(state.h_n, plain_state.h_n));
}

TEST_CASE("a backward hook sees the gradients at both ends and may change the inputs'") {
  nn::Linear layer(2, 1, {.bias = false});
  {
    xg::NoGradGuard no_grad;
    layer.weight.copy_(xg::tensor({{3.0, 5.0}}));
  }
  const Tensor x = xg::tensor({1.0, 2.0}).requires_grad_();
  int calls = 0;
  const auto hook = layer.register_full_backward_hook(
      [&](const nn::Module& module, const TensorList& grad_inputs, const TensorList& grad_outputs) {
        ++calls;
        CHECK(module.type_name() == "Linear");
        CHECK(numbers(grad_inputs[0]) == std::vector<double>{6, 10});
        CHECK(numbers(grad_outputs[0]) == std::vector<double>{2});
        return TensorList{grad_inputs[0] * 10};
      });
  (layer(x) * 2).sum().backward();
  CHECK(calls == 1);
  CHECK(numbers(x.grad()) == std::vector<double>{60, 100});
  CHECK(numbers(layer.weight.grad()) == std::vector<double>{2, 4});
  layer.remove_hook(hook);

  // Data without a gradient: the hook still meets the outputs' gradient.
  layer.register_full_backward_hook([&](const nn::Module&, const TensorList& grad_inputs, const TensorList& outputs) {
    ++calls;
    CHECK(grad_inputs.empty());
    CHECK(numbers(outputs[0]) == std::vector<double>{1});
    return TensorList{};
  });
  layer(x.detach()).sum().backward();
  CHECK(calls == 2);
  CHECK(numbers(layer.weight.grad()) == std::vector<double>{3, 6});
}

TEST_CASE("gradients of gradients go through hooked layers") {
  nn::Tanh layer;
  layer.register_full_backward_hook(
      [](const nn::Module&, const TensorList&, const TensorList&) { return TensorList{}; });
  const Tensor x = xg::tensor(0.5, {.dtype = xg::float64, .requires_grad = true});
  const Tensor slope = xg::grad({layer(x)}, {x}, {.create_graph = true})[0];
  const double y = std::tanh(0.5);
  CHECK(xg::grad({slope}, {x})[0].item<double>() == doctest::Approx(-2 * y * (1 - y * y)).epsilon(1e-12));
}

TEST_CASE("lists and dictionaries of modules and parameters") {
  nn::ModuleList<> mixed(nn::Linear(2, 3), nn::ReLU());
  mixed.push_back(nn::Linear(3, 1));
  Tensor x = xg::ones({4, 2});
  for (nn::Layer& layer : mixed) x = layer(x);
  CHECK((x.sizes() == xg::Shape{4, 1}));
  CHECK(mixed.size() == 3);
  CHECK(mixed[-1].type_name() == "Linear");
  CHECK(mixed.named_parameters()[2].first == "2.weight");
  CHECK(mentions(message_of<xg::IndexError>([&] { mixed[3]; }), {"ModuleList", "3"}));

  nn::ModuleDict<nn::Linear> dict;
  dict.insert("left", nn::Linear(2, 2)).insert("right", nn::Linear(2, 1));
  CHECK((dict["right"](xg::ones({2})).sizes() == xg::Shape{1}));
  CHECK(dict.keys() == std::vector<std::string>{"left", "right"});
  CHECK(dict.named_parameters()[0].first == "left.weight");
  CHECK(mentions(message_of<xg::ValueError>([&] { dict["middle"]; }), {"ModuleDict", "middle"}));
  CHECK_THROWS_AS(dict.insert("left", nn::Linear(2, 2)), xg::ValueError);

  nn::ParameterList list({xg::ones({2}), xg::zeros({3})});
  CHECK(list[1].requires_grad());
  CHECK(list.named_parameters()[1].first == "1");
  CHECK_THROWS_AS(list[2], xg::IndexError);
  nn::ParameterDict parameters({{"alpha", xg::ones({1})}});
  CHECK(parameters["alpha"].requires_grad());
  CHECK(parameters.contains("alpha"));
  CHECK_THROWS_AS(parameters["beta"], xg::ValueError);
}

TEST_CASE("a parameter without a shape gets it for everybody who holds it") {
  struct Scale : nn::Layer {
    Tensor weight = register_uninitialized_parameter("weight");
    Tensor forward(const xg::Arg& x) const override {
      if (is_uninitialized(weight)) {
        materialize(weight, {x->size(-1)});
        xg::NoGradGuard no_grad;
        weight.fill_(2);
      }
      return x.tensor() * weight;
    }
  };
  Scale scale;
  CHECK(scale.state_dict().size() == 0);
  xg::optim::SGD optimizer(scale.parameters(), {.lr = 1});
  scale(xg::ones({5, 3})).sum().backward();
  CHECK((scale.weight.sizes() == xg::Shape{3}));
  optimizer.step();
  CHECK(numbers(scale.weight) == std::vector<double>{-3, -3, -3});

  Scale loaded;
  loaded.load_state_dict(scale.state_dict());
  CHECK(numbers(loaded(xg::ones({3}))) == std::vector<double>{-3, -3, -3});
  CHECK_THROWS_AS(loaded(xg::ones({4})), xg::ShapeError);
}
