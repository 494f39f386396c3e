// Layers over lines, images and volumes: names, parameters, beginnings and printing are PyTorch's, options reach the
// functions. Texts and numbers are PyTorch 1.13's; circular padding, which 1.13 lacks, prints as its other padding.
#include <xgrad/xgrad.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/errors.hpp"

namespace xg = xgrad;
namespace nn = xgrad::nn;
namespace F = xgrad::nn::functional;
using test::mentions;
using test::message_of;
using xg::Tensor;

namespace {

void check_text(const nn::Module& module, const std::string& text) { CHECK(module.to_string() == text); }
void check_same(const Tensor& a, const Tensor& b) { CHECK(xg::equal(a, b)); }

// A layer of one channel whose weight is 1, 10, 100, ...: its results show which elements were multiplied by what.
template <class Conv>
Conv with_decimal_weight(Conv layer) {
  layer.to(xg::float64);
  xg::NoGradGuard no_grad;
  std::vector<double> powers;
  for (std::int64_t i = 0; i < layer.weight.numel(); ++i) powers.push_back(std::pow(10.0, static_cast<double>(i)));
  layer.weight.copy_(xg::tensor(powers).reshape(layer.weight.sizes()));
  return layer;
}
Tensor counted(const xg::Shape& shape) {
  std::int64_t count = 1;
  for (const std::int64_t size : shape) count *= size;
  return xg::arange(1, count + 1, 1, {.dtype = xg::float64}).reshape(shape);
}
using Numbers = std::vector<double>;
Numbers numbers(const Tensor& x) { return x.to_vector<double>(); }

// Keys and shapes, and numbers that are uniform within 1 / sqrt(fan).
template <class Conv>
void check_weights(const Conv& layer, const xg::Shape& weight, std::int64_t bias, double fan) {
  using Names = std::vector<std::string>;
  CHECK(layer.state_dict().keys() == (bias > 0 ? Names{"weight", "bias"} : Names{"weight"}));
  CHECK(layer.weight.sizes() == weight);
  const double bound = 1 / std::sqrt(fan);
  CHECK(layer.weight.abs().max().template item<double>() <= bound);
  CHECK(layer.weight.abs().max().template item<double>() > 0.9 * bound);
  CHECK(layer.weight.std().template item<double>() == doctest::Approx(bound / std::sqrt(3.0)).epsilon(0.1));
  CHECK(std::abs(layer.weight.mean().template item<double>()) < 0.1 * bound);
  CHECK(layer.bias.defined() == (bias > 0));
  if (bias == 0) return;
  CHECK(layer.bias.sizes() == xg::Shape{bias});
  CHECK(layer.bias.abs().max().template item<double>() <= bound);
  CHECK(layer.bias.abs().max().template item<double>() > 0.5 * bound);
}

}  // namespace

TEST_CASE("convolutions print as PyTorch's") {
  check_text(nn::Conv1d(4, 6, 3, {.padding = 1, .groups = 2, .bias = false}),
             "Conv1d(4, 6, kernel_size=(3,), stride=(1,), padding=(1,), groups=2, bias=False)");
  check_text(nn::Conv1d(4, 6, 3, {.padding = "same"}), "Conv1d(4, 6, kernel_size=(3,), stride=(1,), padding=same)");
  check_text(nn::Conv2d(4, 6, {3, 5}, {.stride = 2, .padding = {1, 2}, .dilation = {1, 2}, .padding_mode = "circular"}),
             "Conv2d(4, 6, kernel_size=(3, 5), stride=(2, 2), padding=(1, 2), dilation=(1, 2), "
             "padding_mode=circular)");
  check_text(nn::Conv2d(4, 6, 3, {.padding = "valid"}),
             "Conv2d(4, 6, kernel_size=(3, 3), stride=(1, 1), padding=valid)");
  check_text(nn::Conv3d(2, 4, 3, {.padding = 1, .groups = 2, .padding_mode = "reflect"}),
             "Conv3d(2, 4, kernel_size=(3, 3, 3), stride=(1, 1, 1), padding=(1, 1, 1), groups=2, "
             "padding_mode=reflect)");
  check_text(nn::ConvTranspose1d(4, 6, 3, {.stride = 2, .output_padding = 1}),
             "ConvTranspose1d(4, 6, kernel_size=(3,), stride=(2,), output_padding=(1,))");
  check_text(
      nn::ConvTranspose2d(
          4, 6, 3, {.stride = 2, .padding = 1, .output_padding = {1, 0}, .groups = 2, .bias = false, .dilation = 2}),
      "ConvTranspose2d(4, 6, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), dilation=(2, 2), "
      "output_padding=(1, 0), groups=2, bias=False)");
  check_text(nn::ConvTranspose3d(2, 3, 2), "ConvTranspose3d(2, 3, kernel_size=(2, 2, 2), stride=(1, 1, 1))");
}

TEST_CASE("convolutions begin with PyTorch's weights") {
  xg::manual_seed(4);
  check_weights(nn::Conv1d(8, 64, 5), {64, 8, 5}, 64, 8 * 5);
  check_weights(nn::Conv2d(8, 64, {3, 2}, {.groups = 4, .bias = false}), {64, 2, 3, 2}, 0, 2 * 6);
  check_weights(nn::Conv3d(4, 32, {1, 2, 3}, {.groups = 2}), {32, 2, 1, 2, 3}, 32, 2 * 6);
  check_weights(nn::ConvTranspose1d(64, 8, 5), {64, 8, 5}, 8, 8 * 5);
  check_weights(nn::ConvTranspose2d(64, 16, {3, 2}, {.groups = 4}), {64, 4, 3, 2}, 16, 4 * 6);
  check_weights(nn::ConvTranspose3d(32, 4, {1, 2, 3}, {.bias = false}), {32, 4, 1, 2, 3}, 0, 4 * 6);
}

TEST_CASE("options of convolutions reach the functions") {
  xg::manual_seed(5);
  const Tensor line = xg::randn({2, 4, 9}), image = xg::randn({2, 4, 9, 8}), volume = xg::randn({2, 4, 5, 6, 7});
  const nn::Conv1d c1(4, 6, 3, {.stride = 2, .padding = 1, .dilation = 2, .groups = 2});
  check_same(c1(line), F::conv1d(line, c1.weight, c1.bias, {.stride = 2, .padding = 1, .dilation = 2, .groups = 2}));
  check_same(c1(line[0]), c1(line)[0]);
  const nn::Conv2d c2(4, 6, {3, 2}, {.padding = "same", .dilation = {2, 1}, .bias = false});
  check_same(c2(image), F::conv2d(image, c2.weight, {}, {.padding = "same", .dilation = {2, 1}}));
  const nn::Conv3d c3(4, 6, 2, {.stride = {1, 2, 3}, .padding = {0, 1, 1}});
  check_same(c3(volume), F::conv3d(volume, c3.weight, c3.bias, {.stride = {1, 2, 3}, .padding = {0, 1, 1}}));
  const nn::ConvTranspose1d t1(4, 6, 3, {.stride = 3, .padding = 1, .output_padding = 2, .groups = 2, .dilation = 2});
  check_same(t1(line),
             F::conv_transpose1d(line, t1.weight, t1.bias,
                                 {.stride = 3, .padding = 1, .output_padding = 2, .groups = 2, .dilation = 2}));
  const nn::ConvTranspose2d t2(4, 6, {3, 2}, {.stride = {2, 1}, .output_padding = {1, 0}, .bias = false});
  check_same(t2(image), F::conv_transpose2d(image, t2.weight, {}, {.stride = {2, 1}, .output_padding = {1, 0}}));
  const nn::ConvTranspose3d t3(4, 6, 2, {.padding = 1, .dilation = {1, 2, 3}});
  check_same(t3(volume), F::conv_transpose3d(volume, t3.weight, t3.bias, {.padding = 1, .dilation = {1, 2, 3}}));
}

TEST_CASE("padding modes of convolutions") {
  const auto line = [](const char* mode) {
    const nn::Conv1d layer =
        with_decimal_weight(nn::Conv1d(1, 1, 4, {.padding = "same", .bias = false, .padding_mode = mode}));
    return numbers(layer(counted({1, 1, 6})));
  };
  CHECK(line("zeros") == Numbers{3210, 4321, 5432, 6543, 654, 65});
  CHECK(line("reflect") == Numbers{3212, 4321, 5432, 6543, 5654, 4565});
  CHECK(line("replicate") == Numbers{3211, 4321, 5432, 6543, 6654, 6665});
  CHECK(line("circular") == Numbers{3216, 4321, 5432, 6543, 1654, 2165});
  const auto image = [](const char* mode) {
    const nn::Conv2d layer = with_decimal_weight(
        nn::Conv2d(1, 1, {2, 3}, {.stride = 2, .padding = {1, 2}, .bias = false, .padding_mode = mode}));
    const Tensor y = layer(counted({1, 1, 3, 4}));
    CHECK(y.sizes() == xg::Shape{1, 1, 2, 3});
    return numbers(y);
  };
  CHECK(image("reflect") == Numbers{123567, 321765, 343787, 1011567, 1209765, 1231787});
  CHECK(image("replicate") == Numbers{111111, 321321, 443443, 999555, 1209765, 1331887});
  CHECK(image("circular") == Numbers{144031, 322209, 144031, 1031587, 1209765, 1031587});
  const nn::Conv3d volume =
      with_decimal_weight(nn::Conv3d(1, 1, 2, {.padding = {1, 0, 1}, .bias = false, .padding_mode = "circular"}));
  CHECK(numbers(volume(counted({1, 1, 2, 2, 2}))) ==
        Numbers{34127856, 43218765, 34127856, 78563412, 87654321, 78563412, 34127856, 43218765, 34127856});
  const nn::Conv1d valid(2, 3, 3, {.padding = "valid", .padding_mode = "circular"});
  const Tensor x = xg::randn({2, 5});
  check_same(valid(x), F::conv1d(x, valid.weight, valid.bias));
}

TEST_CASE("a transposed convolution takes an output size") {
  nn::ConvTranspose1d line =
      with_decimal_weight(nn::ConvTranspose1d(1, 1, 3, {.stride = 3, .padding = 1, .bias = false}));
  const Tensor x = counted({1, 1, 3});
  const Numbers all{10, 100, 2, 20, 200, 3, 30, 300, 0};
  for (const std::int64_t size : {7, 8, 9}) CHECK(numbers(line(x, size)) == Numbers(all.begin(), all.begin() + size));
  check_same(line.forward(x[0], 8), line(x, 8)[0]);
  const nn::ConvTranspose2d image(2, 3, 3, {.stride = {2, 3}});
  CHECK(image(xg::zeros({1, 2, 4, 5}), {10, 16}).sizes() == xg::Shape{1, 3, 10, 16});
  const nn::ConvTranspose3d volume(2, 3, 3, {.stride = 2});
  CHECK(volume(xg::zeros({2, 2, 3, 4}), {6, 7, 10}).sizes() == xg::Shape{3, 6, 7, 10});
  for (const std::int64_t size : {6, 10})
    CHECK(mentions(message_of<xg::ValueError>([&] { line(x, size); }),
                   {"ConvTranspose1d", "[7]", "[3]", std::to_string(size), "spatial_test.cpp"}));
  CHECK_THROWS_AS(image(xg::zeros({4, 5}), {10, 16}), xg::ShapeError);
  int calls = 0;
  line.register_forward_hook([&](const nn::Module&, const xg::TensorList&, const xg::TensorList&) {
    ++calls;
    return xg::TensorList{};
  });
  line(x, 7), line(x);
  CHECK(calls == 2);
}

TEST_CASE("convolutions with padding modes pass a gradient check") {
  for (const char* mode : {"reflect", "replicate", "circular"}) {
    nn::Conv2d layer(2, 3, {2, 3}, {.padding = {1, 2}, .padding_mode = mode});
    layer.to(xg::float64);
    CHECK(xg::gradcheck_module(layer, {xg::randn({1, 2, 3, 4}, {.dtype = xg::float64, .requires_grad = true})}));
  }
}

TEST_CASE("what no convolution has is refused by the constructor") {
  const auto check = [](auto make, std::initializer_list<std::string_view> words) {
    CHECK(mentions(message_of<xg::ValueError>(make), words));
  };
  check([] { nn::Conv1d(0, 2, 3); }, {"Conv1d", "in_channels 0", "spatial_test.cpp"});
  check([] { nn::Conv3d(1, 2, {3, 0, 3}); }, {"Conv3d", "(3, 0, 3)"});
  check([] { nn::Conv1d(4, 6, 3, {.groups = 3}); }, {"Conv1d", "groups 3", "in_channels 4"});
  check([] { nn::Conv1d(4, 6, 3, {.groups = 0}); }, {"Conv1d", "groups 0"});
  check([] { nn::Conv2d(1, 1, 3, {.stride = {1, 0}}); }, {"Conv2d", "stride", "[1, 0]"});
  check([] { nn::Conv2d(1, 1, 3, {.padding = -1}); }, {"Conv2d", "padding", "-1"});
  check([] { nn::Conv2d(1, 1, 3, {.padding = "full"}); }, {"Conv2d", "same", "full"});
  check([] { nn::Conv2d(1, 1, 3, {.stride = 2, .padding = "same"}); }, {"Conv2d", "same", "(2, 2)"});
  check([] { nn::Conv2d(1, 1, 3, {.padding_mode = "mirror"}); }, {"Conv2d", "padding_mode", "mirror"});
  check([] { nn::ConvTranspose2d(1, 3, 3, {.groups = 2}); }, {"ConvTranspose2d", "groups 2"});
  check([] { nn::ConvTranspose3d(1, 0, 3); }, {"ConvTranspose3d", "out_channels 0"});
  const nn::Conv1d reflecting(1, 1, 7, {.padding = 3, .padding_mode = "reflect"});
  CHECK(mentions(message_of<xg::ShapeError>([&] {
                   reflecting(xg::ones({1, 3}));
                 }),
                 {"pad", "reflect", "[1, 3]", "spatial_test.cpp"}));
}

TEST_CASE("pooling prints as PyTorch's") {
  check_text(nn::MaxPool1d(2), "MaxPool1d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)");
  check_text(nn::MaxPool2d({2, 3}, {.stride = 1, .padding = 1, .ceil_mode = true}),
             "MaxPool2d(kernel_size=(2, 3), stride=1, padding=1, dilation=1, ceil_mode=True)");
  check_text(nn::MaxPool3d(3, {.dilation = 2}),
             "MaxPool3d(kernel_size=3, stride=3, padding=0, dilation=2, ceil_mode=False)");
  check_text(nn::MaxUnpool1d(2), "MaxUnpool1d(kernel_size=(2,), stride=(2,), padding=(0,))");
  check_text(nn::MaxUnpool2d(2, {.stride = 3, .padding = 1}),
             "MaxUnpool2d(kernel_size=(2, 2), stride=(3, 3), padding=(1, 1))");
  check_text(nn::MaxUnpool3d({1, 2, 3}), "MaxUnpool3d(kernel_size=(1, 2, 3), stride=(1, 2, 3), padding=(0, 0, 0))");
  check_text(nn::AvgPool1d(2), "AvgPool1d(kernel_size=(2,), stride=(2,), padding=(0,))");
  check_text(nn::AvgPool2d(3, {.stride = 2, .padding = 1, .count_include_pad = false}),
             "AvgPool2d(kernel_size=3, stride=2, padding=1)");
  check_text(nn::AvgPool3d({1, 2, 3}), "AvgPool3d(kernel_size=(1, 2, 3), stride=(1, 2, 3), padding=0)");
  check_text(nn::LPPool1d(2, 3), "LPPool1d(norm_type=2, kernel_size=3, stride=None, ceil_mode=False)");
  check_text(nn::LPPool2d(1.5, {2, 3}, {.stride = 2, .ceil_mode = true}),
             "LPPool2d(norm_type=1.5, kernel_size=(2, 3), stride=2, ceil_mode=True)");
  check_text(nn::LPPool3d(2, 3), "LPPool3d(norm_type=2, kernel_size=3, stride=None, ceil_mode=False)");
  check_text(nn::AdaptiveMaxPool1d(3), "AdaptiveMaxPool1d(output_size=3)");
  check_text(nn::AdaptiveMaxPool2d({3, std::nullopt}), "AdaptiveMaxPool2d(output_size=(3, None))");
  check_text(nn::AdaptiveMaxPool3d(2), "AdaptiveMaxPool3d(output_size=2)");
  check_text(nn::AdaptiveAvgPool1d(3), "AdaptiveAvgPool1d(output_size=3)");
  check_text(nn::AdaptiveAvgPool2d({2, 3}), "AdaptiveAvgPool2d(output_size=(2, 3))");
  check_text(nn::AdaptiveAvgPool3d({std::nullopt, 1, 2}), "AdaptiveAvgPool3d(output_size=(None, 1, 2))");
}

TEST_CASE("options of pooling reach the functions") {
  xg::manual_seed(6);
  const Tensor line = xg::randn({2, 3, 9}), image = xg::randn({2, 3, 9, 8}), volume = xg::randn({2, 3, 5, 6, 7});
  const auto check_both = [](const auto& layer, const Tensor& x, const std::pair<Tensor, Tensor>& wanted) {
    const auto [y, indices] = layer.forward_with_indices(x);
    check_same(y, wanted.first);
    check_same(indices, wanted.second);
    check_same(layer(x), y);
    check_same(layer.forward(x), y);
  };
  check_both(nn::MaxPool1d(3, {.stride = 2, .padding = 1, .dilation = 2, .ceil_mode = true}), line,
             F::max_pool1d_with_indices(line, 3, {.stride = 2, .padding = 1, .dilation = 2, .ceil_mode = true}));
  check_both(nn::MaxPool2d({3, 2}, {.padding = {1, 0}}), image,
             F::max_pool2d_with_indices(image, {3, 2}, {.padding = {1, 0}}));
  check_both(nn::MaxPool3d(2, {.stride = {1, 2, 3}}), volume,
             F::max_pool3d_with_indices(volume, 2, {.stride = {1, 2, 3}}));
  check_both(nn::AdaptiveMaxPool1d(4), line, F::adaptive_max_pool1d_with_indices(line, 4));
  check_both(nn::AdaptiveMaxPool2d({std::nullopt, 3}), image,
             F::adaptive_max_pool2d_with_indices(image, {std::nullopt, 3}));
  check_both(nn::AdaptiveMaxPool3d({2, 3, 4}), volume, F::adaptive_max_pool3d_with_indices(volume, {2, 3, 4}));

  check_same(nn::AvgPool1d(3, {.stride = 2, .padding = 1, .count_include_pad = false})(line),
             F::avg_pool1d(line, 3, {.stride = 2, .padding = 1, .count_include_pad = false}));
  check_same(nn::AvgPool2d({3, 2}, {.ceil_mode = true, .divisor_override = 5})(image),
             F::avg_pool2d(image, {3, 2}, {.ceil_mode = true, .divisor_override = 5}));
  check_same(nn::AvgPool3d(2, {.padding = 1})(volume), F::avg_pool3d(volume, 2, {.padding = 1}));
  check_same(nn::LPPool1d(2, 3, {.stride = 1})(line), F::lp_pool1d(line, 2, 3, {.stride = 1}));
  check_same(nn::LPPool2d(2, {3, 2}, {.ceil_mode = true})(image), F::lp_pool2d(image, 2, {3, 2}, {.ceil_mode = true}));
  check_same(nn::LPPool3d(4, 2, {.stride = {1, 2, 3}})(volume), F::lp_pool3d(volume, 4, 2, {.stride = {1, 2, 3}}));
  check_same(nn::AdaptiveAvgPool1d(4)(line), F::adaptive_avg_pool1d(line, 4));
  check_same(nn::AdaptiveAvgPool2d({2, std::nullopt})(image), F::adaptive_avg_pool2d(image, {2, std::nullopt}));
  check_same(nn::AdaptiveAvgPool3d(2)(volume), F::adaptive_avg_pool3d(volume, 2));
  CHECK(mentions(message_of<xg::ShapeError>([&] { nn::MaxPool2d(2)(line[0]); }),
                 {"max_pool2d", "[3, 9]", "spatial_test.cpp"}));
}

TEST_CASE("MaxUnpool puts maxima back") {
  const Tensor x = counted({1, 1, 2, 5});
  const std::pair<Tensor, Tensor> pooled = nn::MaxPool2d(2).forward_with_indices(x);
  const Tensor &y = pooled.first, &indices = pooled.second;
  const nn::MaxUnpool2d unpool(2);
  CHECK_THROWS_AS(unpool(y, indices), xg::IndexError);  // a plane of [2, 4] lacks the last maximum's place
  const Tensor back = unpool(y, indices, {2, 5});
  CHECK(back.sizes() == x.sizes());
  CHECK(numbers(back) == Numbers{0, 0, 0, 0, 0, 0, 7, 0, 9, 0});
  check_same(unpool.forward(y, indices, {2, 5}), back);
  check_same(nn::MaxUnpool2d(2, {.output_size = xg::IntPair(2, 5)})(y, indices), back);

  const auto [even, inside] = nn::MaxPool2d(2).forward_with_indices(counted({1, 1, 2, 4}));
  CHECK(numbers(unpool(even, inside)) == Numbers{0, 0, 0, 0, 0, 6, 0, 8});
  const auto [l, at] = nn::MaxPool1d(3).forward_with_indices(counted({1, 8}));
  CHECK(numbers(nn::MaxUnpool1d(3)(l, at, 8)) == Numbers{0, 0, 3, 0, 0, 6, 0, 0});
  const auto [v, places] = nn::MaxPool3d(2).forward_with_indices(counted({1, 1, 3, 2, 2}));
  CHECK(numbers(nn::MaxUnpool3d(2)(v, places, {3, 2, 2})) == Numbers{0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0});
  CHECK(mentions(message_of<xg::ValueError>([&] { unpool(y, indices, {2, 7}); }), {"max_unpool2d", "7"}));
  CHECK_THROWS_AS(unpool(y, indices.to(xg::float64)), xg::DtypeError);
}

TEST_CASE("padding layers print and pad as PyTorch's") {
  check_text(nn::ConstantPad1d(2, 3.5), "ConstantPad1d(padding=(2, 2), value=3.5)");
  check_text(nn::ConstantPad2d({1, 2, 3, 4}, 0), "ConstantPad2d(padding=(1, 2, 3, 4), value=0)");
  check_text(nn::ConstantPad3d(1, -1.0), "ConstantPad3d(padding=(1, 1, 1, 1, 1, 1), value=-1.0)");
  check_text(nn::ZeroPad2d(1), "ZeroPad2d((1, 1, 1, 1))");
  check_text(nn::ReflectionPad1d({1, 2}), "ReflectionPad1d((1, 2))");
  check_text(nn::ReplicationPad3d({1, 2, 3, 4, 5, 6}), "ReplicationPad3d((1, 2, 3, 4, 5, 6))");
  check_text(nn::CircularPad2d(xg::Shape{1, 2, 3, 4}), "CircularPad2d((1, 2, 3, 4))");

  const Tensor line = xg::randn({2, 3, 5}), image = xg::randn({2, 3, 5, 6}), volume = xg::randn({2, 3, 4, 5, 6});
  const xg::Shape one{1, 2}, two{1, 2, 0, 3}, three{1, 2, 0, 3, 2, 1};
  const auto check = [&](const nn::Layer& layer, const Tensor& x, const xg::Shape& pad, const char* mode,
                         double value = 0) {
    INFO(layer.to_string());
    check_same(layer(x), F::pad(x, pad, mode, value));
    check_same(layer(x[0]), F::pad(x[0], pad, mode, value));
  };
  check(nn::ConstantPad1d(one, 2.5), line, one, "constant", 2.5);
  check(nn::ConstantPad2d(two, -1), image, two, "constant", -1);
  check(nn::ConstantPad3d(2, 7), volume, {2, 2, 2, 2, 2, 2}, "constant", 7);
  check(nn::ZeroPad1d(1), line, {1, 1}, "constant");
  check(nn::ZeroPad2d({-1, 2, 0, -2}), image, {-1, 2, 0, -2}, "constant");
  check(nn::ZeroPad3d(three), volume, three, "constant");
  check(nn::ReflectionPad1d(one), line, one, "reflect");
  check(nn::ReflectionPad2d(two), image, two, "reflect");
  check(nn::ReflectionPad3d(three), volume, three, "reflect");
  check(nn::ReplicationPad1d(3), line, {3, 3}, "replicate");
  check(nn::ReplicationPad2d(two), image, two, "replicate");
  check(nn::ReplicationPad3d(three), volume, three, "replicate");
  check(nn::CircularPad1d(one), line, one, "circular");
  check(nn::CircularPad2d(two), image, two, "circular");
  check(nn::CircularPad3d(three), volume, three, "circular");

  CHECK(mentions(message_of<xg::ValueError>([] {
                   nn::ReflectionPad2d({1, 2});
                 }),
                 {"ReflectionPad2d", "4", "(1, 2)", "spatial_test.cpp"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] { nn::ReflectionPad1d(5)(line); }), {"pad", "reflect", "[2, 3, 5]"}));
  CHECK_THROWS_AS(nn::ConstantPad1d(1, 0.5)(xg::tensor({1, 2})), xg::DtypeError);
}

TEST_CASE("Unfold and Fold") {
  check_text(nn::Fold({4, 5}, {2, 3}), "Fold(output_size=(4, 5), kernel_size=(2, 3), dilation=1, padding=0, stride=1)");
  check_text(nn::Fold(4, 2, {.stride = 2}), "Fold(output_size=4, kernel_size=2, dilation=1, padding=0, stride=2)");
  check_text(nn::Unfold(3, {.dilation = {1, 2}, .padding = 1}),
             "Unfold(kernel_size=3, dilation=(1, 2), padding=1, stride=1)");
  const Tensor x = xg::randn({2, 3, 6, 5});
  const Tensor columns = nn::Unfold({2, 3}, {.dilation = {2, 1}, .padding = 1, .stride = {1, 2}})(x);
  check_same(columns, F::unfold(x, {2, 3}, {.dilation = {2, 1}, .padding = 1, .stride = {1, 2}}));
  check_same(nn::Fold({6, 5}, {2, 3}, {.dilation = {2, 1}, .padding = 1, .stride = {1, 2}})(columns),
             F::fold(columns, {6, 5}, {2, 3}, {.dilation = {2, 1}, .padding = 1, .stride = {1, 2}}));
  CHECK(mentions(message_of<xg::ShapeError>([&] { nn::Fold({6, 5}, 3)(columns); }), {"fold", "spatial_test.cpp"}));
}

TEST_CASE("upsampling and shuffling") {
  check_text(nn::Upsample({.scale_factor = 2}), "Upsample(scale_factor=2.0, mode=nearest)");
  check_text(nn::Upsample({.size = {3, 4}, .mode = "bilinear", .align_corners = true}),
             "Upsample(size=(3, 4), mode=bilinear)");
  check_text(nn::Upsample({.scale_factor = {2, 1.5}, .mode = "bicubic"}),
             "Upsample(scale_factor=(2.0, 1.5), mode=bicubic)");
  check_text(nn::Upsample({.size = 5, .mode = "linear"}), "Upsample(size=5, mode=linear)");
  check_text(nn::UpsamplingNearest2d({.scale_factor = 2}), "UpsamplingNearest2d(scale_factor=2.0, mode=nearest)");
  check_text(nn::UpsamplingBilinear2d({.size = {3, 4}}), "UpsamplingBilinear2d(size=(3, 4), mode=bilinear)");
  check_text(nn::PixelShuffle(2), "PixelShuffle(upscale_factor=2)");
  check_text(nn::PixelUnshuffle(3), "PixelUnshuffle(downscale_factor=3)");
  check_text(nn::ChannelShuffle(2), "ChannelShuffle(groups=2)");

  const Tensor x = xg::randn({2, 4, 6, 5});
  check_same(nn::Upsample({.size = {3, 9}, .mode = "bilinear", .align_corners = true})(x),
             F::interpolate(x, {.size = {3, 9}, .mode = "bilinear", .align_corners = true}));
  check_same(nn::Upsample({.scale_factor = {1.3, 0.7}, .mode = "bicubic", .recompute_scale_factor = true})(x),
             F::interpolate(x, {.scale_factor = {1.3, 0.7}, .mode = "bicubic", .recompute_scale_factor = true}));
  check_same(nn::Upsample({.size = 3, .mode = "linear"})(x[0]), F::interpolate(x[0], {.size = 3, .mode = "linear"}));
  check_same(nn::UpsamplingNearest2d({.scale_factor = 1.5})(x), F::interpolate(x, {.scale_factor = 1.5}));
  check_same(nn::UpsamplingBilinear2d({.scale_factor = 2})(x),
             F::interpolate(x, {.scale_factor = 2, .mode = "bilinear", .align_corners = true}));
  check_same(nn::PixelShuffle(2)(x), F::pixel_shuffle(x, 2));
  check_same(nn::PixelUnshuffle(3)(x.narrow(3, 0, 3)), F::pixel_unshuffle(x.narrow(3, 0, 3), 3));
  check_same(nn::ChannelShuffle(2)(x), F::channel_shuffle(x, 2));

  CHECK(mentions(message_of<xg::ValueError>([] { nn::Upsample({.mode = "nearest"}); }),
                 {"Upsample", "none", "spatial_test.cpp"}));
  CHECK(mentions(message_of<xg::ValueError>([] { nn::UpsamplingNearest2d({.size = 2, .scale_factor = 2}); }),
                 {"UpsamplingNearest2d", "both"}));
  CHECK(mentions(message_of<xg::ValueError>([] { nn::PixelShuffle(0); }), {"PixelShuffle", "upscale_factor", "0"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] { nn::PixelShuffle(3)(x); }), {"pixel_shuffle", "[2, 4, 6, 5]"}));
  CHECK_THROWS_AS(nn::Upsample({.size = 3, .mode = "bilinear"})(x[0]), xg::ShapeError);
}

TEST_CASE("a model of spatial layers names their places in errors and keeps its state") {
  nn::Sequential model(nn::ConstantPad2d(1, 0), nn::Conv2d(1, 2, 3), nn::MaxPool2d(2),
                       nn::Upsample({.scale_factor = 2}), nn::ConvTranspose2d(2, 1, 3));
  CHECK(model(xg::ones({1, 1, 4, 4})).sizes() == xg::Shape{1, 1, 6, 6});
  CHECK(message_of<xg::ShapeError>([&] { model(xg::ones({1, 3, 4, 4})); }).starts_with("1: conv2d: "));
  CHECK(model.state_dict().keys() == std::vector<std::string>{"1.weight", "1.bias", "4.weight", "4.bias"});
  nn::Conv2d from(2, 3, 3), to(2, 3, 3);
  to.load_state_dict(from.state_dict());
  check_same(to.weight, from.weight);
  const nn::Conv2d moved = std::move(from);
  check_same(moved(xg::ones({2, 5, 5})), to(xg::ones({2, 5, 5})));
  CHECK_THROWS_AS(from(xg::ones({2, 5, 5})), xg::Error);
}
