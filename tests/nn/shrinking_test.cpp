// Model summary, pruning, int8 quantisation.
#include <xgrad/xgrad.hpp>

#include <cmath>
#include <cstdlib>
#include <doctest/doctest.h>
#include <limits>
#include <string>
#include <vector>

#include "support/errors.hpp"

namespace xg = xgrad;
namespace nn = xgrad::nn;
namespace prune = xgrad::nn::utils::prune;
using test::mentions;
using test::message_of;
using xg::Tensor;

namespace {

struct Net : nn::Module {
  nn::Conv2d conv = register_module("conv", nn::Conv2d(1, 4, 3, {.padding = 1}));
  nn::BatchNorm2d norm = register_module("norm", nn::BatchNorm2d(4));
  nn::Sequential head = register_module("head", nn::Sequential(nn::Flatten(), nn::Linear(4 * 6 * 6, 5)));
  Tensor forward(const Tensor& x) { return head(xg::relu(norm(conv(x)))); }
};

const nn::LayerSummary& row(const nn::ModelSummary& summary, const std::string& name) {
  for (const nn::LayerSummary& layer : summary.layers)
    if (layer.name == name) return layer;
  FAIL("no row ", name);
  std::abort();
}

std::vector<double> numbers(const Tensor& x) { return x.detach().to_vector<double>(); }

}  // namespace

TEST_CASE("a summary counts parameters and multiply-adds and leaves the model as it was") {
  Net net;
  net.norm.eval();
  net.conv.bias.requires_grad_(false);
  const nn::ModelSummary summary = nn::summary(net, xg::rand({2, 1, 6, 6}));
  CHECK(row(summary, "").type == "Net");
  CHECK((row(summary, "").outputs == std::vector<xg::Shape>{{2, 5}}));
  CHECK((row(summary, "conv").outputs == std::vector<xg::Shape>{{2, 4, 6, 6}}));
  CHECK(row(summary, "conv").parameters == 4 * 9 + 4);
  CHECK(row(summary, "conv").trainable == 4 * 9);
  CHECK(row(summary, "conv").multiply_adds == 2 * 4 * 36 * 9);
  CHECK(row(summary, "norm").multiply_adds == 0);
  CHECK(row(summary, "head.1").multiply_adds == 2 * 144 * 5);
  CHECK(row(summary, "head").multiply_adds == 2 * 144 * 5);
  CHECK(row(summary, "").multiply_adds == 2 * 4 * 36 * 9 + 2 * 144 * 5);
  CHECK(row(summary, "").parameters == 40 + 8 + 144 * 5 + 5);
  CHECK(summary.parameter_bytes == 4 * (40 + 8 + 725));
  CHECK(summary.buffer_bytes == 4 * 8 + 8);

  CHECK(net.is_training());
  CHECK(net.conv.is_training());
  CHECK_FALSE(net.norm.is_training());
  CHECK(net.norm.num_batches_tracked.item<std::int64_t>() == 0);
  int calls = 0;
  net.conv.register_forward_hook([&](const nn::Module&, const xg::TensorList&, const xg::TensorList&) {
    ++calls;
    return xg::TensorList();
  });
  nn::summary(net, xg::rand({1, 1, 6, 6}));
  net.forward(xg::rand({1, 1, 6, 6}));
  CHECK(calls == 2);

  const std::string table = summary.to_string();
  CHECK(mentions(table, {"Layer", "Multiply-adds", "Net", "  conv: Conv2d", "    1: Linear", "[2, 4, 6, 6]", "2,592",
                         "773 parameters, 769 of them trained"}));
  // An input that does not fit: the error is the model's, and nothing is left behind.
  CHECK(message_of<xg::ShapeError>([&] { nn::summary(net, xg::rand({1, 1, 5, 5})); }).starts_with("head.1: linear"));
  CHECK(net.is_training());
}

TEST_CASE("multiply-adds of attention, recurrent layers and products") {
  struct Attends : nn::Module {
    nn::MultiheadAttention attention = register_module("attention", nn::MultiheadAttention(8, 2));
    Tensor forward(const Tensor& x) { return attention(x, x, x, {.need_weights = false}).first; }
  } attends;
  // Projections in and out, scores and their use.
  CHECK(nn::summary(attends, xg::rand({5, 3, 8})).layers[0].multiply_adds == 15 * 8 * 24 + 15 * 64 + 2 * 3 * 5 * 5 * 8);
  nn::LSTM lstm(6, 4);
  CHECK(nn::summary(lstm, xg::rand({7, 2, 6})).layers[0].multiply_adds == 7 * 2 * 16 * (6 + 4));
  nn::GRU gru(6, 4, {.bidirectional = true});
  CHECK(nn::summary(gru, xg::rand({7, 2, 6})).layers[0].multiply_adds == 2 * 7 * 2 * 12 * (6 + 4));
}

TEST_CASE("magnitude pruning takes the smallest elements, and more of the rest the next time") {
  nn::Linear layer(4, 2, {.bias = false});
  {
    xg::NoGradGuard no_grad;
    layer.weight.copy_(xg::tensor({{0.1, -5.0, 0.2, 3.0}, {-0.3, 0.4, 2.0, -0.5}}));
  }
  const Tensor mask = prune::l1_unstructured(layer, "weight", 3);
  CHECK(numbers(mask) == std::vector<double>{0, 1, 0, 1, 0, 1, 1, 1});
  CHECK(numbers(layer.weight.abs().gt(0)) == numbers(mask));
  CHECK(prune::is_pruned(layer));
  CHECK(prune::sparsity({layer.weight}) == 3.0 / 8);
  prune::l1_unstructured(layer, "weight", 0.4);  // 2 of the 5 left
  CHECK(numbers(layer.get_buffer("weight_mask")) == std::vector<double>{0, 1, 0, 1, 0, 0, 1, 0});
  prune::remove(layer, "weight");
  CHECK_FALSE(prune::is_pruned(layer));
  CHECK(layer.named_buffers().empty());
  CHECK(numbers(layer.weight)[1] == -5);

  CHECK(mentions(message_of<xg::ValueError>([&] { prune::l1_unstructured(layer, "bias", 1); }), {"Linear", "bias"}));
  CHECK_THROWS_AS(prune::l1_unstructured(layer, "weight", 1.5), xg::ValueError);
  CHECK_THROWS_AS(prune::l1_unstructured(layer, "weight", 9), xg::ValueError);
  CHECK_THROWS_AS(prune::l1_unstructured(layer, "weight", std::numeric_limits<double>::quiet_NaN()), xg::ValueError);
  CHECK_THROWS_AS(prune::remove(layer, "weight"), xg::ValueError);
  CHECK_THROWS_AS(prune::custom_from_mask(layer, "weight", xg::ones({8})), xg::ShapeError);
  CHECK_FALSE(prune::is_pruned(layer));
}

TEST_CASE("slices, all parameters together, and masks of one's own") {
  nn::Linear layer(2, 3);
  {
    xg::NoGradGuard no_grad;
    layer.weight.copy_(xg::tensor({{3.0, 3.0}, {0.0, 4.0}, {1.0, 1.0}}));
  }
  CHECK(numbers(prune::ln_structured(layer, "weight", 1, 2, 0)) == std::vector<double>{1, 1, 1, 1, 0, 0});
  CHECK(numbers(prune::ln_structured(layer, "weight", 1, std::numeric_limits<double>::infinity(), 0)) ==
        std::vector<double>{0, 0, 1, 1, 0, 0});
  CHECK(numbers(prune::ln_structured(layer, "weight", 1, 1, -1)) == std::vector<double>{0, 0, 0, 1, 0, 0});

  nn::Linear a(2, 1, {.bias = false}), b(2, 1, {.bias = false});
  {
    xg::NoGradGuard no_grad;
    a.weight.copy_(xg::tensor({{1.0, 5.0}}));
    b.weight.copy_(xg::tensor({{2.0, 3.0}}));
  }
  prune::global_l1_unstructured({{&a, "weight"}, {&b, "weight"}}, 0.5);
  CHECK(numbers(a.weight) == std::vector<double>{0, 5});
  CHECK(numbers(b.weight) == std::vector<double>{0, 3});
  CHECK_THROWS_AS(prune::global_l1_unstructured({{&a, "weight"}, {&a, "weight"}}, 1), xg::ValueError);

  xg::Generator generator(3);
  nn::Linear wide(100, 100);
  prune::random_unstructured(wide, "weight", 0.25, generator);
  CHECK(prune::sparsity({wide.weight}) == 0.25);
  prune::random_structured(wide, "weight", 10, 0, generator);
  CHECK(prune::sparsity({wide.weight}) > 0.3);
}

TEST_CASE("masks survive training with momentum, saving and loading") {
  xg::manual_seed(1);
  nn::Linear layer(8, 8);
  xg::optim::Adam optimizer(layer.parameters(), {.lr = 0.1, .weight_decay = 0.1});
  const Tensor x = xg::randn({16, 8}), y = xg::randn({16, 8});
  const auto step = [&] {
    optimizer.zero_grad();
    nn::functional::mse_loss(layer(x), y).backward();
    optimizer.step();
  };
  for (int i = 0; i < 5; ++i) step();  // momentum that would move what is pruned next
  prune::l1_unstructured(layer, "weight", 0.5);
  const std::vector<double> mask = numbers(layer.get_buffer("weight_mask"));
  for (int i = 0; i < 20; ++i) step();
  layer(x);
  CHECK(numbers(layer.weight.ne(0)) == mask);
  CHECK(prune::sparsity({layer.weight}) == 0.5);

  nn::Linear other(8, 8);
  prune::l1_unstructured(other, "weight", 0.0);
  other.load_state_dict(layer.state_dict());
  CHECK(xg::equal(other(x), layer(x)));
  CHECK(numbers(other.get_buffer("weight_mask")) == mask);
  layer.to(xg::float64);
  CHECK(numbers(layer(x.to(xg::float64)).ne(0)).size() == 128);
}

TEST_CASE("a quantised Linear is what its formula says") {
  xg::manual_seed(4);
  for (const xg::Dtype dtype : {xg::float32, xg::float64}) {
    nn::Linear layer(37, 11), exact(37, 11);
    layer.to(dtype), exact.to(dtype);
    exact.load_state_dict(layer.state_dict().clone());
    const Tensor x = xg::randn({3, 5, 37}, {.dtype = dtype});
    const auto report = nn::quantization::quantize_dynamic(layer);
    CHECK(report.layers.size() == 1);
    CHECK(report.layers[0].weight_error > 0);
    CHECK(report.layers[0].weight_error < 0.01);
    CHECK(layer.to_string() == "QuantizedLinear(in_features=37, out_features=11, dtype=int8)");

    // The formula in float64, from the exact weights.
    const auto rounded = [](const std::vector<double>& v, std::size_t begin, std::size_t n) {
      double largest = 0;
      for (std::size_t i = 0; i < n; ++i) largest = std::max(largest, std::abs(v[begin + i]));
      std::vector<double> result;
      for (std::size_t i = 0; i < n; ++i)
        result.push_back(std::nearbyint(v[begin + i] * 127 / largest) * largest / 127);
      return result;
    };
    const std::vector<double> xs = numbers(x), ws = numbers(exact.weight), bs = numbers(exact.bias);
    xg::NoGradGuard no_grad;
    const std::vector<double> got = numbers(layer(x));
    double worst = 0;
    for (std::size_t r = 0; r < 15; ++r)
      for (std::size_t o = 0; o < 11; ++o) {
        const auto row = rounded(xs, 37 * r, 37), weights = rounded(ws, 37 * o, 37);
        double sum = bs[o];
        for (std::size_t i = 0; i < 37; ++i) sum += row[i] * weights[i];
        worst = std::max(worst, std::abs(got[11 * r + o] - sum));
      }
    // A number on the border between two roundings may go either way in float32.
    CHECK(worst < (dtype == xg::float32 ? 2e-2 : 1e-12));
  }
}

TEST_CASE("quantised models: memory, files, errors, and rows that are not finite") {
  xg::manual_seed(5);
  nn::Sequential net(nn::Linear(64, 128), xg::relu, nn::Linear(128, 10, {.bias = false}));
  const Tensor x = xg::randn({40, 64});
  const Tensor before = net(x).detach();
  const auto report = nn::quantization::quantize_dynamic(net);
  CHECK(report.layers[1].name == "2");
  CHECK(report.bytes_before == 4 * (64 * 128 + 128 + 1280));
  CHECK(report.bytes_after == 64 * 128 + 1280 + 4 * 128 + 8 * 138);
  CHECK(net.at<nn::Linear>(0).weight.numel() == 0);
  xg::NoGradGuard no_grad;
  const Tensor after = net(x);
  CHECK((after - before).norm().item<double>() < 0.02 * before.norm().item<double>());

  nn::Sequential twin(nn::Linear(64, 128), xg::relu, nn::Linear(128, 10, {.bias = false}));
  nn::quantization::quantize_dynamic(twin);
  twin.load_state_dict(net.state_dict());
  CHECK(xg::equal(twin(x), after));

  Tensor odd = xg::zeros({3, 64});
  odd.select(0, 1).fill_(std::numeric_limits<float>::infinity());
  const Tensor y = net.at<nn::Linear>(0)(odd);
  CHECK(xg::allclose(y.select(0, 0), net.at<nn::Linear>(0).bias));
  CHECK(y.select(0, 1).isnan().all().item<bool>());

  CHECK(message_of<xg::ShapeError>([&] { net(xg::ones({2, 3})); }).starts_with("0: quantized linear: "));
  CHECK_THROWS_AS(net(x.to(xg::float64)), xg::DtypeError);
  CHECK_THROWS_AS(nn::quantization::quantize_dynamic(net), xg::ValueError);
  {
    xg::EnableGradGuard recording;
    CHECK_THROWS_AS(net(x.clone().requires_grad_()), xg::AutogradError);
  }
  nn::Linear broken(2, 2);
  broken.weight.fill_(std::numeric_limits<float>::quiet_NaN());
  CHECK_THROWS_AS(nn::quantization::quantize_dynamic(broken), xg::ValueError);
  CHECK(broken.named_parameters().size() == 2);
}
