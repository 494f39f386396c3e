// Weights computed from other parameters, against PyTorch (tests/reference/parametrization_cases.py).
#include <xgrad/autograd.hpp>
#include <xgrad/checkpoint.hpp>
#include <xgrad/nn/activation.hpp>
#include <xgrad/nn/conv.hpp>
#include <xgrad/nn/embedding.hpp>
#include <xgrad/nn/lazy.hpp>
#include <xgrad/nn/linear.hpp>
#include <xgrad/nn/parametrizations.hpp>
#include <xgrad/nn/prune.hpp>
#include <xgrad/nn/quantization.hpp>
#include <xgrad/nn/recurrent.hpp>
#include <xgrad/nn/sequential.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/equality.hpp>
#include <xgrad/optim/sgd.hpp>
#include <xgrad/random.hpp>
#include <xgrad/testing.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "reference/book.hpp"
#include "support/errors.hpp"

namespace xg = xgrad;
namespace nn = xgrad::nn;
namespace utils = xgrad::nn::utils;
using test::mentions;
using test::message_of;
using xg::Tensor;
using xg::TensorList;

namespace {

Tensor call(const nn::Layer& layer, const Tensor& x) { return layer(x); }
Tensor call(const nn::LSTM& layer, const Tensor& x) { return layer(x).first; }
Tensor call(const nn::GRU& layer, const Tensor& x) { return layer(x).first; }

// A case of the book, and how its layer is used.
struct Case {
  const reference::Book& book;
  const reference::json& entry;

  Tensor stored(const std::string& name) const { return book.tensor(entry.at("id").get<std::string>() + '/' + name); }
  std::string wrong(const Tensor& actual, const std::string& name) const {
    return reference::difference(actual.detach(), stored(name), {1e-11, 1e-13});
  }

  template <class Layer>
  void check(Layer layer) const {
    const auto& a = entry.at("arguments");
    const bool spectral = entry.at("id").get<std::string>().starts_with("spectral");
    const std::string name = a.value("name", "weight");
    const Tensor weight = layer.get_parameter(name);
    std::optional<std::int64_t> dim;
    if (a.contains("dim") && !a.at("dim").is_null()) dim = a.at("dim").get<std::int64_t>();
    if (spectral)
      utils::spectral_norm(layer, name, a.value("n_power_iterations", 1), a.value("eps", 1e-12), dim);
    else
      utils::weight_norm(layer, name, a.contains("dim") ? dim : 0);
    layer.to(xg::float64);

    xg::StateDict before;
    std::vector<std::string> keys;
    const xg::StateDict own = layer.state_dict();
    for (const auto& [key, tensor] : own) keys.push_back(key);
    CHECK(keys == entry.at("keys").get<std::vector<std::string>>());
    for (const std::string& key : keys) before.insert(key, stored("before/" + key));
    layer.load_state_dict(before);

    const TensorList x{stored("x/0"), stored("x/1")}, factors{stored("cot/0"), stored("cot/1")};
    const TensorList outputs{call(layer, x[0]), call(layer, x[1])};
    CHECK(wrong(outputs[0], "out/0") == "");
    CHECK(wrong(outputs[1], "out/1") == "");
    ((outputs[0] * factors[0]).sum() + (outputs[1] * factors[1]).sum()).backward();
    for (const auto& entry : layer.named_parameters()) {
      INFO(entry.first);
      CHECK(wrong(entry.second.grad(), "grad/" + entry.first) == "");
    }
    xg::optim::SGD optimizer(layer.parameters(), {.lr = 0.02, .momentum = 0.9});
    for (std::size_t step = 0; step < 3; ++step) {
      optimizer.zero_grad();
      (call(layer, x[step % 2]) * factors[step % 2]).sum().backward();
      optimizer.step();
    }
    const auto unchanged = [&] {
      const xg::StateDict state = layer.state_dict();
      for (const auto& entry : state) {
        INFO(entry.first);
        CHECK(wrong(entry.second, "after/" + entry.first) == "");
      }
    };
    unchanged();
    layer.eval();
    {
      const xg::NoGradGuard no_grad;
      CHECK(wrong(call(layer, x[0]), "eval") == "");
      CHECK(wrong(call(layer, x[0]), "eval") == "");
    }
    CHECK(wrong(call(layer, x[0]), "eval") == "");
    unchanged();

    if (spectral)
      utils::remove_spectral_norm(layer, name);
    else
      utils::remove_weight_norm(layer, name);
    CHECK(weight.is_same(layer.get_parameter(name)));
    CHECK(weight.is_leaf());
    CHECK(weight.requires_grad());
    CHECK(wrong(weight, "removed") == "");
    CHECK(layer.named_buffers().empty());
    CHECK(wrong(call(layer, x[0]), "eval") == "");
    (call(layer, x[0]) * factors[0]).sum().backward();
    CHECK(weight.grad().defined());
  }
};

}  // namespace

TEST_CASE("norms of every kind of layer are PyTorch's: keys, outputs, gradients, training, removal") {
  const reference::Book book(reference::own_folder() / "parametrizations");
  int count = 0;
  for (const auto& entry : book.cases()) {
    const Case now{book, entry};
    const std::string id = entry.at("id"), layer = id.substr(id.find('/') + 1);
    INFO(id);
    ++count;
    if (id == "weight/linear_columns")
      now.check(nn::Linear(4, 3, {.bias = false}));
    else if (layer.starts_with("linear"))
      now.check(nn::Linear(4, 3));
    else if (layer == "conv1d")
      now.check(nn::Conv1d(2, 3, 2));
    else if (id == "weight/conv2d")
      now.check(nn::Conv2d(2, 4, 3, {.groups = 2}));
    else if (layer == "conv2d")
      now.check(nn::Conv2d(2, 3, 3));
    else if (layer == "conv_transpose1d")
      now.check(nn::ConvTranspose1d(2, 3, 2));
    else if (layer == "conv_transpose2d")
      now.check(nn::ConvTranspose2d(2, 3, 2));
    else if (layer == "embedding")
      now.check(nn::Embedding(6, 3));
    else if (layer == "lstm")
      now.check(nn::LSTM(3, 4));
    else if (layer == "gru")
      now.check(nn::GRU(3, 4));
    else
      --count;
  }
  CHECK(count == 14);
}

TEST_CASE("derivatives by the parameters, to second order") {
  xg::manual_seed(1);
  nn::Linear normed = utils::weight_norm(nn::Linear(3, 2)), spectral = utils::spectral_norm(nn::Linear(3, 2));
  spectral.eval();
  for (nn::Linear* layer : {&normed, &spectral}) {
    layer->to(xg::float64);
    struct Model : nn::Module {
      explicit Model(nn::Linear layer) : linear(register_module("linear", std::move(layer))) {}
      Tensor forward(const Tensor& x) { return linear(x).tanh(); }
      nn::Linear linear;
    } model(std::move(*layer));
    const Tensor x = xg::randn({4, 3}, {.dtype = xg::float64, .requires_grad = true});
    CHECK(xg::gradcheck_module(model, {x}));
    // The length of the gradient, whose derivative goes twice through the norm.
    struct Twice : nn::Module {
      explicit Twice(Model m) : model(register_module("model", std::move(m))) {}
      Tensor forward(const Tensor& x) {
        TensorList parameters = model.parameters();
        const TensorList g = xg::grad({model.forward(x).sum()}, parameters, {.create_graph = true});
        Tensor sum = x.sum() * 0;
        for (const Tensor& part : g) sum = sum + part.square().sum();
        return sum;
      }
      Model model;
    } twice(std::move(model));
    CHECK(xg::gradcheck_module(twice, {x}));
  }
}

TEST_CASE("graphs of several calls live side by side, whatever becomes of the weight") {
  xg::manual_seed(2);
  nn::Linear layer = utils::spectral_norm(nn::Linear(4, 3));
  const Tensor x = xg::randn({2, 4});
  // Each call in training has a weight of its own; its graph keeps that.
  const Tensor a = layer(x), first = layer.weight.detach().clone();
  const Tensor input = xg::randn({2, 4}).requires_grad_();
  const Tensor b = layer(input), second = layer.weight.detach().clone();
  {
    const xg::NoGradGuard no_grad;
    layer(x);
  }
  CHECK_FALSE(xg::equal(first, second));
  CHECK_FALSE(xg::equal(layer.weight, second));
  a.sum().backward();
  b.sum().backward();
  CHECK(xg::allclose(input.grad(), xg::ones({2, 3}).matmul(second)));
  // Frozen parameters: the input's gradient is by the weight of its own call.
  layer.requires_grad_(false);
  input.zero_grad();
  const Tensor c = layer(input), third = layer.weight.clone();
  CHECK_FALSE(layer.weight.requires_grad());
  layer(x);
  CHECK_FALSE(xg::equal(layer.weight, third));
  c.sum().backward();
  CHECK(xg::allclose(input.grad(), xg::ones({2, 3}).matmul(third)));
  // What is no longer up to date is refused as ever.
  layer.requires_grad_(true);
  const Tensor d = layer(x);
  {
    const xg::NoGradGuard no_grad;
    layer.get_parameter("weight_orig").mul_(2);
  }
  CHECK_THROWS_AS(d.sum().backward(), xg::AutogradError);
}

TEST_CASE("a weight norm's length and direction, and what a spectral norm is") {
  xg::manual_seed(3);
  nn::Linear layer(5, 4);
  const Tensor before = layer.weight.detach().clone(), x = xg::randn({3, 5});
  const Tensor expected = layer(x).detach();
  utils::weight_norm(layer);
  CHECK((layer.get_parameter("weight_g").sizes() == xg::Shape{4, 1}));
  CHECK(xg::allclose(layer.weight, before));
  CHECK(xg::allclose(layer(x), expected, {.rtol = 1e-5, .atol = 1e-6}));
  CHECK(layer.named_parameters().size() == 3);
  {
    const xg::NoGradGuard no_grad;
    layer.get_parameter("weight_v").mul_(7);
    CHECK(xg::allclose(layer(x), expected, {.rtol = 1e-5, .atol = 1e-6}));
    layer.get_parameter("weight_g").fill_(2);
    layer(x);
  }
  for (const double length : layer.weight.norm(2, 1).to_vector<double>()) CHECK(length == doctest::Approx(2));

  nn::Sequential net(nn::Conv2d(3, 6, 3), nn::Linear(4, 4));
  utils::spectral_norm(net.at<nn::Conv2d>(0), "weight", 50);
  const Tensor image = xg::randn({1, 3, 6, 6});
  net(image);
  const Tensor matrix = net.at<nn::Conv2d>(0).weight.detach().reshape({6, 27});
  // The largest eigenvalue of W W^T by many steps of its own.
  Tensor u = xg::ones({6});
  for (int i = 0; i < 500; ++i) {
    u = matrix.matmul(matrix.t().matmul(u));
    u = u / u.norm();
  }
  CHECK(matrix.t().matmul(u).norm().item<double>() == doctest::Approx(1).epsilon(1e-4));

  // All layers of a model through their handles, as with torch's net.apply.
  nn::Sequential model(nn::ConvTranspose2d(2, 3, 2), nn::ReLU(), nn::Conv2d(3, 1, 2));
  model.apply([](nn::Module& module) {
    if (module.type_name().starts_with("Conv")) utils::spectral_norm(module);
  });
  CHECK((model.get_buffer("0.weight_u").sizes() == xg::Shape{3}));
  CHECK((model.get_buffer("2.weight_u").sizes() == xg::Shape{1}));
  const Tensor start = model.get_buffer("0.weight_u").clone();
  model.eval();
  model(xg::randn({1, 2, 4, 4}));
  CHECK(xg::equal(model.get_buffer("0.weight_u"), start));
  model.train();
  model(xg::randn({1, 2, 4, 4})).sum().backward();
  CHECK_FALSE(xg::equal(model.get_buffer("0.weight_u"), start));
  for (const Tensor& parameter : model.parameters()) CHECK(parameter.grad().defined());

  // The values of the last call by a state that was loaded, also where nothing is recorded.
  nn::Linear twin = utils::weight_norm(nn::Linear(5, 4));
  const xg::NoGradGuard no_grad;
  twin(x);
  twin.load_state_dict(layer.state_dict());
  CHECK(xg::equal(twin(x), layer(x)));
  layer.to(xg::float64);
  CHECK(layer(x.to(xg::float64)).dtype() == xg::float64);
  CHECK(xg::allclose(layer(x.to(xg::float64)).to(xg::float32), twin(x), {.rtol = 1e-5, .atol = 1e-6}));
}

TEST_CASE("under a checkpoint a layer with a norm does what it does without") {
  for (const bool spectral : {false, true}) {
    CAPTURE(spectral);
    const auto run = [&](bool checkpointed) {
      xg::manual_seed(3);
      nn::Linear layer(4, 3);
      layer.to(xg::float64);
      if (spectral)
        utils::spectral_norm(layer);
      else
        utils::weight_norm(layer);
      const Tensor x = xg::randn({5, 4}, {.dtype = xg::float64, .requires_grad = true});
      TensorList seen;
      for (int step = 0; step < 2; ++step) {
        const Tensor y = checkpointed ? xg::checkpoint(layer, {x}) : layer(x);
        y.square().sum().backward();
        for (const auto& [name, tensor] : layer.state_dict()) seen.push_back(tensor.clone());
      }
      for (const Tensor& parameter : layer.parameters()) seen.push_back(parameter.grad());
      seen.push_back(x.grad());
      return seen;
    };
    const TensorList with = run(true), without = run(false);
    REQUIRE(with.size() == without.size());
    for (std::size_t i = 0; i < with.size(); ++i) {
      CAPTURE(i);
      CHECK(xg::equal(with[i], without[i]));
    }
  }
}

TEST_CASE("pruned and quantised layers with a norm") {
  xg::manual_seed(4);
  nn::Linear layer = utils::weight_norm(nn::Linear(8, 4)), twin(8, 4);
  const Tensor x = xg::randn({5, 8});
  utils::prune::l1_unstructured(layer, "weight_v", 0.5);
  layer(x);
  CHECK(utils::prune::sparsity({layer.weight}) == 0.5);
  {
    // Moved as by an optimizer's momentum, and masked again before the weight is computed.
    const xg::NoGradGuard no_grad;
    layer.get_parameter("weight_v").add_(0.01);
  }
  layer(x);
  CHECK(utils::prune::sparsity({layer.weight}) == 0.5);
  utils::prune::remove(layer, "weight_v");

  const xg::NoGradGuard no_grad;
  // The layer is told the length it has now, before any call.
  layer.get_parameter("weight_g").mul_(3);
  twin.weight.copy_(layer.weight * 3);
  twin.bias.copy_(layer.bias);
  const auto report = nn::quantization::quantize_dynamic(layer);
  nn::quantization::quantize_dynamic(twin);
  CHECK(report.layers.size() == 1);
  CHECK(xg::allclose(layer(x), twin(x), {.rtol = 1e-3, .atol = 1e-3}));
  CHECK(layer.named_parameters().size() == 1);
  CHECK(layer.to_string() == "QuantizedLinear(in_features=8, out_features=4, dtype=int8)");
}

TEST_CASE("misuse is named and changes nothing") {
  nn::Linear layer(3, 2);
  const auto refused = [](auto&& f) { return message_of<xg::ValueError>(f); };
  CHECK(mentions(refused([&] { utils::weight_norm(layer, "scale"); }),
                 {"weight_norm: Linear has no parameter \"scale\"", "parametrizations_test.cpp"}));
  CHECK(mentions(message_of<xg::IndexError>([&] { utils::weight_norm(layer, "weight", 2); }),
                 {"weight_norm", "[2, 3]", "got 2"}));
  CHECK(mentions(message_of<xg::IndexError>([&] { utils::spectral_norm(layer, "weight", 1, 1e-12, 2); }),
                 {"spectral_norm", "got 2"}));
  CHECK(mentions(refused([&] { utils::spectral_norm(layer, "weight", 0); }), {"n_power_iterations", "got 0"}));
  CHECK(mentions(refused([&] { utils::remove_weight_norm(layer); }), {"remove_weight_norm", "has no weight_norm"}));
  CHECK(layer.named_parameters().size() == 2);
  CHECK(layer.named_buffers().empty());
  utils::weight_norm(layer);
  CHECK(mentions(refused([&] { utils::weight_norm(layer); }), {"weight_norm", "Linear has a weight_norm already"}));
  CHECK(mentions(refused([&] { utils::spectral_norm(layer); }), {"spectral_norm", "has a weight_norm already"}));
  CHECK(mentions(refused([&] { utils::remove_spectral_norm(layer); }), {"remove_spectral_norm"}));
  // The bias may have one of its own.
  utils::weight_norm(layer, "bias", std::nullopt);
  CHECK(layer.get_parameter("bias_g").dim() == 0);
  utils::remove_weight_norm(layer);
  utils::remove_weight_norm(layer, "bias");
  CHECK(layer.named_parameters().size() == 2);

  nn::LazyLinear lazy(3);
  CHECK(mentions(refused([&] { utils::weight_norm(lazy); }), {"has no shape yet"}));
  utils::prune::l1_unstructured(layer, "weight", 1);
  CHECK(mentions(refused([&] { utils::weight_norm(layer); }), {"is pruned", "weight_v"}));
  struct Taken : nn::Module {
    Tensor weight = register_parameter("weight", xg::ones({2}));
    Tensor g = register_buffer("weight_g", xg::ones({2}));
  } taken;
  CHECK(mentions(refused([&] { utils::weight_norm(taken); }), {"Taken has a \"weight_g\""}));
  CHECK(taken.named_parameters().size() == 1);
  nn::Linear empty(0, 2);
  CHECK(mentions(refused([&] { utils::spectral_norm(empty); }), {"no elements", "[2, 0]"}));
}
