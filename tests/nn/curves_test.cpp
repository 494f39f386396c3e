// Whole trainings: from the same weights and data, 200 steps in float64 give PyTorch's loss curve and weights
// (tests/reference/curves.py). Weights are loaded and compared under PyTorch's own keys.
#include <xgrad/xgrad.hpp>

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <functional>
#include <string>
#include <vector>

#include "reference/book.hpp"

namespace xg = xgrad;
namespace nn = xgrad::nn;
namespace optim = xgrad::optim;
using xg::Tensor;

namespace {

struct Mlp : nn::Module {
  nn::Sequential net = register_module(
      "net", nn::Sequential(nn::Linear(6, 24), nn::Tanh(), nn::Linear(24, 16), nn::GELU(), nn::Linear(16, 3)));
  Tensor forward(const Tensor& x) { return net(x); }
};

struct Cnn : nn::Module {
  nn::Conv2d conv1 = register_module("conv1", nn::Conv2d(1, 6, 3, {.padding = 1}));
  nn::BatchNorm2d norm1 = register_module("norm1", nn::BatchNorm2d(6));
  nn::Conv2d conv2 = register_module("conv2", nn::Conv2d(6, 8, 3, {.stride = 2, .bias = false}));
  nn::BatchNorm2d norm2 = register_module("norm2", nn::BatchNorm2d(8, {.momentum = {}}));
  nn::Linear fc = register_module("fc", nn::Linear(8, 4));
  Tensor forward(const Tensor& x) {
    const Tensor y = xg::max_pool2d(xg::relu(norm1(conv1(x))), 2);
    return fc(xg::relu(norm2(conv2(y))).mean({2, 3}));
  }
};

struct Lstm : nn::Module {
  nn::Embedding embed = register_module("embed", nn::Embedding(12, 8));
  nn::LSTM lstm =
      register_module("lstm", nn::LSTM(8, 10, {.num_layers = 2, .batch_first = true, .bidirectional = true}));
  nn::Linear head = register_module("head", nn::Linear(20, 12));
  Tensor forward(const Tensor& x) { return head(lstm(embed(x)).first).flatten(0, 1); }
};

struct Encoder : nn::Module {
  nn::Linear project = register_module("project", nn::Linear(5, 16));
  nn::TransformerEncoder encoder = register_module(
      "encoder", nn::TransformerEncoder(nn::TransformerEncoderLayer(16, 4,
                                                                    {.dim_feedforward = 32,
                                                                     .dropout = 0,
                                                                     .activation = nn::TransformerActivation::gelu,
                                                                     .batch_first = true,
                                                                     .norm_first = true}),
                                        2, nn::LayerNorm({16})));
  nn::Linear head = register_module("head", nn::Linear(16, 2));
  Tensor forward(const Tensor& x) { return head(encoder(project(x)).mean({1})); }
};

template <class Model>
struct Training {
  explicit Training(const std::string& name)
      : file(xg::load((reference::own_folder() / "curves" / (name + ".safetensors")).string())),
        x(file.at("x")),
        y(file.at("y")) {
    model.to(xg::float64);
    model.load_state_dict(reference::part(file, "initial."));
  }

  using Loss = std::function<Tensor(const Tensor& output, const Tensor& target)>;
  // after_backward: what happens to the gradients. The schedule, if any, ends an epoch every 20 steps.
  void run(optim::Optimizer& optimizer, const Loss& loss_of, const std::function<void()>& after_backward,
           optim::LRScheduler* schedule) {
    const std::vector<double> expected = file.at("losses").to_vector<double>();
    REQUIRE(expected.size() == 200);
    double worst = 0;
    for (std::size_t step = 0; step < expected.size(); ++step) {
      const std::int64_t at = static_cast<std::int64_t>(step) * 16 % x.size(0);
      optimizer.zero_grad();
      const Tensor loss = loss_of(model.forward(x.narrow(0, at, 16)), y.narrow(0, at, 16));
      loss.backward();
      after_backward();
      optimizer.step();
      if (schedule && step % 20 == 19) schedule->step();
      const double deviation = std::abs(loss.item<double>() - expected[step]) / expected[step];
      worst = deviation > worst || std::isnan(deviation) ? deviation : worst;
    }
    MESSAGE("largest deviation of a loss: ", worst);
    CHECK(worst <= 1e-8);
    const xg::StateDict state = model.state_dict();
    for (const auto& [name, tensor] : reference::part(file, "final.")) {
      INFO(name);
      const Tensor& mine = state.at(name);
      if (tensor.is_floating_point())
        CHECK(reference::difference(mine, tensor, {1e-6, 1e-9}) == "");
      else
        CHECK(xg::equal(mine, tensor));
    }
  }

  Model model;
  xg::StateDict file;
  Tensor x, y;
};

void nothing() {}

}  // namespace

TEST_CASE("a multi-layer perceptron: momentum, weight decay, steps of the rate") {
  Training<Mlp> training("mlp");
  optim::SGD sgd(training.model.parameters(), {.lr = 0.05, .momentum = 0.9, .weight_decay = 1e-3, .nesterov = true});
  optim::StepLR schedule(sgd, 3, 0.5);
  training.run(
      sgd, [](const Tensor& a, const Tensor& b) { return xg::mse_loss(a, b); }, nothing, &schedule);
}

TEST_CASE("a convolutional network with batch normalisation: AdamW, label smoothing, a cosine") {
  Training<Cnn> training("cnn");
  optim::AdamW adamw(training.model.parameters(), {.lr = 3e-3, .weight_decay = 0.05});
  optim::CosineAnnealingLR schedule(adamw, 10);
  const nn::CrossEntropyLoss loss({.label_smoothing = 0.1});
  training.run(
      adamw, [&](const Tensor& a, const Tensor& b) { return loss(a, b); }, nothing, &schedule);
}

TEST_CASE("an LSTM of two layers and directions: Adam, clipped gradients") {
  Training<Lstm> training("lstm");
  optim::Adam adam(training.model.parameters(), {.lr = 5e-3});
  training.run(
      adam, [](const Tensor& a, const Tensor& b) { return xg::cross_entropy(a, b.flatten()); },
      [&] { nn::utils::clip_grad_norm_(training.model.parameters(), 0.5); }, nullptr);
}

TEST_CASE("a Transformer encoder: Adam with amsgrad, a rate that decays") {
  Training<Encoder> training("encoder");
  optim::Adam adam(training.model.parameters(), {.lr = 2e-3, .eps = 1e-4, .weight_decay = 1e-3, .amsgrad = true});
  optim::ExponentialLR schedule(adam, 0.8);
  training.run(
      adam, [](const Tensor& a, const Tensor& b) { return xg::cross_entropy(a, b); }, nothing, &schedule);
}
