// One tensor, or one module, in two places of a model: it is trained once, and saved and loaded under both names, as in
// PyTorch.
#include <xgrad/xgrad.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <string>
#include <utility>
#include <vector>

#include "support/errors.hpp"
#include "support/files.hpp"

namespace xg = xgrad;
namespace nn = xgrad::nn;
using test::mentions;
using test::message_of;
using xg::Tensor;

namespace {

using Names = std::vector<std::string>;

// Predicts a number after a number, by the table it also reads them from.
struct Apart : nn::Module {
  nn::Embedding embed = register_module("embed", nn::Embedding(5, 3));
  nn::Linear head = register_module("head", nn::Linear(3, 5));
  Tensor forward(const Tensor& x) { return head(xg::tanh(embed(x))); }
};
struct Tied : Apart {
  Tied() { head.weight = head.register_parameter("weight", embed.weight); }
};

const Tensor& words() {
  static const Tensor list = xg::tensor({0, 1, 4, 1});
  return list;
}
template <class Model>
Tensor loss_of(Model& model) {
  return nn::functional::cross_entropy(model.forward(words()), xg::tensor({1, 4, 1, 3}));
}

// The same numbers in tensors of their own.
Apart copy_of(const Tied& tied) {
  Apart apart;
  apart.load_state_dict(tied.state_dict());
  return apart;
}

}  // namespace

TEST_CASE("a tied parameter is listed once and gets the gradients of all its places") {
  xg::manual_seed(1);
  Tied tied;
  Names names;
  for (const auto& [name, parameter] : tied.named_parameters()) names.push_back(name);
  CHECK(names == Names{"embed.weight", "head.bias"});
  CHECK(tied.get_parameter("head.weight").is_same(tied.embed.weight));
  CHECK(tied.state_dict().keys() == Names{"embed.weight", "head.weight", "head.bias"});

  Apart apart = copy_of(tied);
  loss_of(tied).backward();
  loss_of(apart).backward();
  const Tensor sum = apart.embed.weight.grad() + apart.head.weight.grad();
  CHECK(xg::allclose(tied.embed.weight.grad(), sum));
  const Tensor bias = tied.head.bias.grad();
  const double norm = std::sqrt(sum.square().sum().item<double>() + bias.square().sum().item<double>());
  CHECK(nn::utils::clip_grad_norm_(tied.parameters(), 1e-3) == doctest::Approx(norm).epsilon(1e-5));
  CHECK(xg::allclose(tied.embed.weight.grad(), sum * (1e-3 / norm), {.rtol = 1e-3}));
  tied.zero_grad();
  CHECK_FALSE(tied.head.weight.grad().defined());
}

TEST_CASE("an optimizer steps a tied parameter once, with one state") {
  xg::manual_seed(2);
  const auto check = [](auto make) {
    Tied tied;
    const Tensor alone = tied.embed.weight.detach().clone().requires_grad_();
    const Tensor bias = tied.head.bias.detach().clone().requires_grad_();
    auto ours = make(tied.parameters()), other = make(xg::TensorList{alone, bias});
    for (int step = 0; step < 4; ++step) {
      Apart apart = copy_of(tied);
      loss_of(apart).backward();
      alone.set_grad(apart.embed.weight.grad() + apart.head.weight.grad());
      bias.set_grad(apart.head.bias.grad());
      ours.zero_grad();
      loss_of(tied).backward();
      ours.step();
      other.step();
    }
    CHECK(xg::allclose(tied.head.weight, alone, {.rtol = 1e-5, .atol = 1e-6}));
    CHECK(xg::allclose(tied.head.bias, bias, {.rtol = 1e-5, .atol = 1e-6}));
    CHECK(tied.embed.weight.is_same(tied.head.weight));
  };
  check([](const xg::TensorList& list) {
    return xg::optim::SGD(list, {.lr = 0.1, .momentum = 0.9, .weight_decay = 0.1});
  });
  check([](const xg::TensorList& list) { return xg::optim::AdamW(list, {.lr = 0.01}); });
  Tied tied;
  CHECK(mentions(message_of<xg::ValueError>([&] {
                   xg::optim::SGD({tied.embed.weight, tied.head.weight}, {.lr = 0.1});
                 }),
                 {"SGD", "parameter 1", "twice"}));
}

TEST_CASE("a tie outlasts files, loading and conversions") {
  xg::manual_seed(3);
  const Tied from;
  const test::TemporaryDirectory folder;
  const std::string file = folder / "tied.safetensors";
  xg::save(from.state_dict(), file);
  const auto tied_to = [](const Tied& model, const Tensor& values) {
    CHECK(model.embed.weight.is_same(model.head.weight));
    CHECK(model.get_parameter("head.weight").is_same(model.embed.weight));
    CHECK(xg::equal(model.embed.weight, values));
    CHECK(model.parameters().size() == 2);
  };
  {
    const xg::StateDict state = xg::load(file);
    CHECK(state.keys() == Names{"embed.weight", "head.weight", "head.bias"});
    CHECK(xg::equal(state.at("head.weight"), from.embed.weight));
    Tied lent, given;
    lent.load_state_dict(state);
    tied_to(lent, from.embed.weight);
    given.load_state_dict(xg::load(file));
    tied_to(given, from.embed.weight);
    given.to(xg::float64);
    tied_to(given, from.embed.weight.detach().to(xg::float64));

    Apart apart;
    apart.load_state_dict(xg::load(file));
    CHECK_FALSE(apart.embed.weight.is_same(apart.head.weight));
    CHECK(xg::equal(apart.embed.weight, apart.head.weight));
    apart.embed.weight.detach().zero_();
    CHECK(xg::equal(apart.head.weight, from.embed.weight));
  }

  // What is there under one of its names only is enough where names are not strict, and a later one wins.
  const Tensor ones = xg::ones({5, 3}), twos = ones * 2;
  Tied model;
  CHECK(mentions(message_of<xg::ValueError>([&] {
                   model.load_state_dict(xg::StateDict{{"embed.weight", ones}, {"head.bias", xg::zeros({5})}});
                 }),
                 {"missing", "head.weight"}));
  model.load_state_dict(xg::StateDict{{"embed.weight", ones}}, {.strict = false});
  tied_to(model, ones);
  model.load_state_dict(xg::StateDict{{"head.weight", ones}, {"embed.weight", twos}}, {.strict = false});
  tied_to(model, ones);  // head follows embed in the model
  model.requires_grad_(false);
  CHECK_FALSE(model.head.weight.requires_grad());
}

TEST_CASE("one module under two names") {
  struct Twice : nn::Module {
    nn::Linear first = register_module("first", nn::Linear(2, 2));
    nn::Module second = register_module("second", std::move(named_children()[0].second));
    nn::BatchNorm1d norm = register_module("norm", nn::BatchNorm1d(2));
  } model;
  CHECK(model.parameters().size() == 4);
  CHECK(model.named_modules().size() == 3);
  CHECK(model.state_dict().keys() == Names{"first.weight", "first.bias", "second.weight", "second.bias", "norm.weight",
                                           "norm.bias", "norm.running_mean", "norm.running_var",
                                           "norm.num_batches_tracked"});
  int visits = 0;
  model.apply([&](nn::Module&) { ++visits; });
  CHECK(visits == 3);
  model.eval();
  CHECK_FALSE(model.second.is_training());
  const Tensor weight = model.first.weight;
  model.first.load_state_dict(xg::StateDict{{"weight", xg::ones({2, 2})}, {"bias", xg::zeros({2})}});
  CHECK(model.second.get_parameter("weight").is_same(weight));
  CHECK(xg::equal(model.state_dict().at("second.weight"), xg::ones({2, 2})));
  CHECK(model.to_string() ==
        "Twice(\n"
        "  (first): Linear(in_features=2, out_features=2, bias=True)\n"
        "  (second): Linear(in_features=2, out_features=2, bias=True)\n"
        "  (norm): BatchNorm1d(2, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)\n"
        ")");
}
