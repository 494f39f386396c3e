#include <xgrad/xgrad.hpp>

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <set>
#include <string>
#include <vector>

#include "support/errors.hpp"

namespace xg = xgrad;
namespace nn = xgrad::nn;
using test::mentions;
using test::message_of;
using xg::Tensor;

namespace {

// Uniform in (-bound, bound): inside, near the ends, and with its variance.
void check_uniform(const Tensor& t, double bound) {
  double largest = 0, squares = 0;
  for (double v : t.to_vector<double>()) {
    largest = std::max(largest, std::abs(v));
    squares += v * v / static_cast<double>(t.numel());
  }
  CHECK(largest <= bound);
  CHECK(largest > 0.97 * bound);
  CHECK(squares == doctest::Approx(bound * bound / 3).epsilon(0.1));
}

}  // namespace

TEST_CASE("Linear is x W^T + b") {
  nn::Linear layer(3, 2);
  {
    xg::NoGradGuard no_grad;
    layer.weight.copy_(xg::tensor({{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}}));
    layer.bias.copy_(xg::tensor({0.5, -0.5}));
  }
  const Tensor y = layer(xg::tensor({{1.0, 0.0, -1.0}}));
  CHECK(y.to_vector<double>() == std::vector<double>{-1.5, -2.5});
  CHECK((layer(xg::zeros({4, 5, 3})).sizes() == xg::Shape{4, 5, 2}));
  CHECK_FALSE(nn::Linear(3, 2, {.bias = false}).bias.defined());
  CHECK(mentions(message_of<xg::ShapeError>([&] {
                   layer(xg::zeros({2, 4}));
                 }),
                 {"[2, 4]", "[2, 3]", "layers_test.cpp"}));
  CHECK(mentions(message_of<xg::ValueError>([] { nn::Linear(-1, 2); }), {"Linear", "-1", "layers_test.cpp"}));
}

TEST_CASE("weights start as PyTorch's: uniform within 1 / sqrt(fan_in)") {
  xg::manual_seed(1);
  nn::Linear linear(64, 100);
  check_uniform(linear.weight, 1 / 8.0);
  check_uniform(linear.bias, 1 / 8.0);
  nn::Embedding table(200, 50);
  double squares = 0;
  for (double v : table.weight.to_vector<double>()) squares += v * v / 10000;
  CHECK(squares == doctest::Approx(1).epsilon(0.05));
}

TEST_CASE("Conv2d slides its kernel") {
  nn::Conv2d layer(1, 1, 2, {.stride = {1, 2}, .padding = {0, 1}});
  {
    xg::NoGradGuard no_grad;
    layer.weight.copy_(xg::tensor({{{{1.0, 10.0}, {100.0, 1000.0}}}}));
    layer.bias.fill_(0.5);
  }
  const Tensor y = layer(xg::tensor({{{{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}}}}));
  CHECK((y.sizes() == xg::Shape{1, 1, 1, 2}));
  CHECK(y.to_vector<double>() == std::vector<double>{10 * 1 + 1000 * 4 + 0.5, 2 + 30 + 500 + 6000 + 0.5});

  xg::manual_seed(2);
  nn::Conv2d grouped(8, 64, {3, 5}, {.groups = 2, .bias = false});
  CHECK((grouped.weight.sizes() == xg::Shape{64, 4, 3, 5}));
  check_uniform(grouped.weight, 1 / std::sqrt(4 * 3 * 5.0));
  CHECK_FALSE(grouped.bias.defined());
  CHECK(grouped.to_string() == "Conv2d(8, 64, kernel_size=(3, 5), stride=(1, 1), groups=2, bias=False)");
  CHECK(nn::Conv2d(1, 2, 3, {.padding = 1}).to_string() ==
        "Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))");
  CHECK(mentions(message_of<xg::ShapeError>([] {
                   nn::Conv2d(3, 8, 3)(xg::zeros({1, 4, 8, 8}));
                 }),
                 {"conv2d", "[1, 4, 8, 8]", "layers_test.cpp"}));
  CHECK(mentions(message_of<xg::ValueError>([] { nn::Conv2d(3, 8, 3, {.groups = 2}); }), {"Conv2d", "groups"}));
  CHECK(mentions(message_of<xg::ValueError>([] { nn::Conv2d(3, 0, 3); }), {"Conv2d", "out_channels 0"}));
}

TEST_CASE("pooling layers") {
  const Tensor x = xg::tensor({{{{1.0, 2.0, 3.0, 4.0}, {5.0, 6.0, 7.0, 8.0}}}});
  CHECK(nn::MaxPool2d(2)(x).to_vector<double>() == std::vector<double>{6, 8});
  CHECK(nn::MaxPool2d(2, {.stride = 1})(x).to_vector<double>() == std::vector<double>{6, 7, 8});
  CHECK(nn::AvgPool2d(2)(x).to_vector<double>() == std::vector<double>{3.5, 5.5});
  CHECK(nn::AdaptiveAvgPool2d(1)(x).to_vector<double>() == std::vector<double>{4.5});
  CHECK(nn::MaxPool2d(2).to_string() == "MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)");
}

TEST_CASE("whole modules pass a gradient check") {
  xg::manual_seed(3);
  struct Net : nn::Module {
    nn::Conv2d conv = register_module("conv", nn::Conv2d(2, 3, 2));
    nn::BatchNorm2d norm = register_module("norm", nn::BatchNorm2d(3));
    nn::LayerNorm last = register_module("last", nn::LayerNorm({3}));
    nn::Linear head = register_module("head", nn::Linear(12, 3));
    Tensor forward(const Tensor& x) { return last(head(xg::tanh(norm(conv(x))).flatten(1))); }
  } net;
  net.to(xg::float64);
  CHECK(xg::gradcheck_module(net, {xg::randn({2, 2, 3, 3}, {.dtype = xg::float64, .requires_grad = true})}));
}

TEST_CASE("Embedding looks up rows; its padding row is zero and stays") {
  nn::Embedding table(5, 3, {.padding_idx = -2});
  CHECK(table.to_string() == "Embedding(5, 3, padding_idx=3)");
  CHECK(table.weight.select(0, 3).to_vector<float>() == std::vector<float>(3, 0));
  const Tensor rows = table(xg::tensor({{1, 3}, {1, 0}}));
  CHECK((rows.sizes() == xg::Shape{2, 2, 3}));
  rows.sum().backward();
  CHECK(table.weight.grad().sum(1).to_vector<float>() == std::vector<float>{3, 6, 0, 0, 0});
  CHECK(mentions(message_of<xg::IndexError>([&] {
                   table(xg::tensor({3, 12}));
                 }),
                 {"embedding", "12", "5", "layers_test.cpp"}));
  CHECK(mentions(message_of<xg::IndexError>([] { nn::Embedding(4, 2, {.padding_idx = 4}); }), {"Embedding", "4"}));
}

TEST_CASE("EmbeddingBag reduces bags of rows; its padding row is zero and counts in none") {
  nn::EmbeddingBag bags(5, 3, {.mode = "sum", .padding_idx = -2});
  CHECK(bags.to_string() == "EmbeddingBag(5, 3, mode=sum, padding_idx=3)");
  CHECK(bags.weight.select(0, 3).to_vector<float>() == std::vector<float>(3, 0));
  const Tensor rows = bags(xg::tensor({1, 3, 1, 0}), xg::tensor({0, 3, 4}));
  CHECK((rows.sizes() == xg::Shape{3, 3}));
  CHECK(xg::equal(rows[0], bags.weight[1] + bags.weight[1]));
  CHECK(xg::equal(rows[1], bags.weight[0]));
  rows.sum().backward();
  CHECK(bags.weight.grad().sum(1).to_vector<float>() == std::vector<float>{3, 6, 0, 0, 0});
  const Tensor weighted = bags(xg::tensor({{1, 0}}), {}, xg::tensor({{2.0f, -1.0f}}));
  CHECK(xg::allclose(weighted[0], 2 * bags.weight[1] - bags.weight[0]));
  nn::EmbeddingBag means(4, 2, {.scale_grad_by_freq = true, .include_last_offset = true});
  CHECK(means.to_string() == "EmbeddingBag(4, 2, scale_grad_by_freq=True, mode=mean)");
  CHECK((means(xg::tensor({1, 2, 3}), xg::tensor({0, 2, 3})).sizes() == xg::Shape{2, 2}));
  CHECK(mentions(message_of<xg::ValueError>([] { nn::EmbeddingBag(4, 2, {.mode = "prod"}); }),
                 {"EmbeddingBag", "prod", "layers_test.cpp"}));
  CHECK(
      mentions(message_of<xg::IndexError>([] { nn::EmbeddingBag(4, 2, {.padding_idx = 4}); }), {"EmbeddingBag", "4"}));
}

TEST_CASE("Dropout follows train and eval") {
  nn::Dropout layer(0.5);
  const Tensor x = xg::ones({1000});
  CHECK(layer(x).sum().item<double>() != 1000);
  layer.eval();
  CHECK(layer(x).is_same(x));
  CHECK(mentions(message_of<xg::ValueError>([] { nn::Dropout(-0.1); }), {"Dropout", "-0.1"}));
}

TEST_CASE("BatchNorm keeps running statistics and uses them in evaluation") {
  nn::BatchNorm1d norm(1, {.momentum = 0.5});
  const Tensor x = xg::tensor({{1.0}, {3.0}, {8.0}});  // mean 4, variance 26/3 or, over n - 1, 13
  norm(x);
  CHECK(norm.running_mean.item<double>() == doctest::Approx(2));
  CHECK(norm.running_var.item<double>() == doctest::Approx(7));
  CHECK(norm.num_batches_tracked.item<std::int64_t>() == 1);
  norm.eval();
  const auto y = norm(x).to_vector<double>();
  CHECK(y[2] == doctest::Approx((8 - 2) / std::sqrt(7 + 1e-5)));
  CHECK(norm.num_batches_tracked.item<std::int64_t>() == 1);

  nn::BatchNorm1d cumulative(1, {.momentum = {}});
  cumulative(x);
  cumulative(x + 6);
  CHECK(cumulative.running_mean.item<double>() == doctest::Approx((4 + 10) / 2.0));

  nn::BatchNorm2d bare(2, {.affine = false, .track_running_stats = false});
  CHECK(bare.parameters().empty());
  CHECK(bare.state_dict().empty());
  bare.eval();
  const auto z = bare(xg::randn({3, 2, 4, 4})).mean(xg::Dims{0, 2, 3}).to_vector<double>();
  CHECK(std::abs(z[0]) < 1e-6);
  CHECK(mentions(message_of<xg::ShapeError>([&] { bare(xg::zeros({3, 2})); }), {"BatchNorm2d", "[3, 2]"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] { norm(xg::zeros({3})); }), {"BatchNorm1d", "[3]"}));
}

TEST_CASE("LayerNorm over the last dimensions") {
  nn::LayerNorm norm({2, 3});
  CHECK(norm.to_string() == "LayerNorm((2, 3), eps=1e-05, elementwise_affine=True)");
  CHECK(nn::LayerNorm({4}, {.elementwise_affine = false}).to_string() ==
        "LayerNorm((4,), eps=1e-05, elementwise_affine=False)");
  CHECK(norm(xg::randn({5, 2, 3})).mean(xg::Dims{1, 2}).abs().max().item<double>() < 1e-6);
  CHECK(norm.state_dict().keys() == std::vector<std::string>{"weight", "bias"});
  CHECK(nn::LayerNorm({4}, {.bias = false}).state_dict().keys() == std::vector<std::string>{"weight"});
}

TEST_CASE("Flatten and Identity") {
  CHECK((nn::Flatten()(xg::zeros({2, 3, 4})).sizes() == xg::Shape{2, 12}));
  CHECK((nn::Flatten({.start_dim = 0, .end_dim = 1})(xg::zeros({2, 3, 4})).sizes() == xg::Shape{6, 4}));
  const Tensor x = xg::zeros({1});
  CHECK(nn::Identity()(x).is_same(x));
}

TEST_CASE("activations by their formulas") {
  const std::vector<double> values{-2.0, -0.5, 0.0, 0.5, 3.0};
  const Tensor x = xg::tensor(values);
  const auto check = [&](const Tensor& y, auto formula) {
    const auto got = y.to_vector<double>();
    for (std::size_t i = 0; i < values.size(); ++i) CHECK(got[i] == doctest::Approx(formula(values[i])).epsilon(1e-12));
  };
  const auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
  check(nn::Sigmoid()(x), sigmoid);
  check(nn::Tanh()(x), [](double v) { return std::tanh(v); });
  check(nn::ReLU()(x), [](double v) { return std::max(v, 0.0); });
  check(nn::SiLU()(x), [&](double v) { return v * sigmoid(v); });
  check(nn::LogSigmoid()(x), [&](double v) { return std::log(sigmoid(v)); });
  check(nn::SELU()(x),
        [](double v) { return 1.0507009873554804934 * (v > 0 ? v : 1.6732632423543772848 * (std::exp(v) - 1)); });
  check(nn::Mish()(x), [](double v) { return v * std::tanh(std::log(1 + std::exp(v))); });
  check(nn::Softsign()(x), [](double v) { return v / (1 + std::abs(v)); });
  check(nn::Tanhshrink()(x), [](double v) { return v - std::tanh(v); });
  check(nn::Hardsigmoid()(x), [](double v) { return std::clamp(v + 3, 0.0, 6.0) / 6; });
  check(nn::Hardswish()(x), [](double v) { return v * std::clamp(v + 3, 0.0, 6.0) / 6; });
  check(nn::ReLU6()(x), [](double v) { return std::clamp(v, 0.0, 6.0); });
  check(nn::LeakyReLU(0.2)(x), [](double v) { return v > 0 ? v : 0.2 * v; });
  check(nn::ELU(1.5)(x), [](double v) { return v > 0 ? v : 1.5 * (std::exp(v) - 1); });
  check(nn::GELU()(x), [](double v) { return v * 0.5 * (1 + std::erf(v / std::sqrt(2.0))); });
  check(nn::GELU(nn::GeluApproximation::tanh)(x),
        [](double v) { return 0.5 * v * (1 + std::tanh(std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v))); });
  check(nn::Softplus(2)(x), [](double v) { return std::log(1 + std::exp(2 * v)) / 2; });
  double total = 0;
  for (double v : values) total += std::exp(v);
  check(nn::Softmax(0)(x), [&](double v) { return std::exp(v) / total; });
  check(nn::LogSoftmax(-1)(x), [&](double v) { return v - std::log(total); });
  CHECK(nn::ReLU().to_string() == "ReLU()");
  CHECK(nn::LeakyReLU().to_string() == "LeakyReLU(negative_slope=0.01)");
}

TEST_CASE("losses as modules keep their options") {
  const Tensor x = xg::tensor({{0.2, -0.4, 0.3}, {1.0, 0.0, 0.5}}), t = xg::tensor({2, 0});
  const Tensor w = xg::tensor({1.0, 2.0, 3.0});
  namespace F = nn::functional;
  nn::CrossEntropyLoss loss({.weight = w, .label_smoothing = 0.1});
  CHECK(xg::equal(loss(x, t), F::cross_entropy(x, t, {.weight = w, .label_smoothing = 0.1})));
  CHECK(loss.state_dict().keys() == std::vector<std::string>{"weight"});
  CHECK(xg::equal(nn::NLLLoss({.reduction = nn::Reduction::sum})(x, t),
                  F::nll_loss(x, t, {.reduction = xg::Reduction::sum})));
  const Tensor y = xg::zeros({2, 3});
  CHECK(xg::equal(nn::MSELoss()(x, y), F::mse_loss(x, y)));
  CHECK(xg::equal(nn::MSELoss({.reduction = nn::Reduction::none})(x, y), x * x));
  CHECK(xg::equal(nn::L1Loss()(x, y), F::l1_loss(x, y)));
  CHECK(xg::equal(nn::SmoothL1Loss({.beta = 0.1})(x, y), F::smooth_l1_loss(x, y, {.beta = 0.1})));
  CHECK(xg::equal(nn::BCEWithLogitsLoss({.pos_weight = w})(x, y),
                  F::binary_cross_entropy_with_logits(x, y, {.pos_weight = w})));
  CHECK(xg::equal(nn::BCELoss()(x.sigmoid(), y), F::binary_cross_entropy(x.sigmoid(), y)));
}

TEST_CASE("penalties and their gradients") {
  const Tensor a = xg::tensor({1.0, -2.0}).requires_grad_(), b = xg::tensor({{3.0}}).requires_grad_();
  const Tensor l1 = nn::l1_regularization({a, b}, 0.5), l2 = nn::l2_regularization({a, b}, 0.5);
  CHECK(l1.item<double>() == doctest::Approx(3));
  CHECK(l2.item<double>() == doctest::Approx(7));
  (l1 + l2).backward();
  CHECK(a.grad().to_vector<double>() == std::vector<double>{1.5, -2.5});
  CHECK(b.grad().to_vector<double>() == std::vector<double>{3.5});
  CHECK(nn::l1_regularization({}, 1).item<double>() == 0);
}
