// Layers that find out their input's channels. Keys, shapes and texts are PyTorch 1.13's.
#include <xgrad/xgrad.hpp>

#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "support/errors.hpp"

namespace xg = xgrad;
namespace nn = xgrad::nn;
using test::mentions;
using test::message_of;
using xg::Tensor;

namespace {

// Before and after a first input, beside the ordinary layer made with the same random numbers.
template <class Lazy, class Ordinary>
void check_lazy(Lazy lazy, const Ordinary& ordinary, const Tensor& x, const std::string& before) {
  const std::string after = ordinary.to_string();
  INFO(before);
  CHECK(lazy.to_string() == before);
  CHECK(lazy.state_dict().empty());
  CHECK(lazy.weight.numel() == 0);
  xg::manual_seed(7);
  const Tensor y = lazy(x);
  CHECK(lazy.to_string() == after);
  CHECK(lazy.state_dict().keys() == ordinary.state_dict().keys());
  CHECK(xg::equal(lazy.weight, ordinary.weight));
  CHECK(lazy.bias.defined() == ordinary.bias.defined());
  CHECK(xg::equal(y, ordinary(x)));
  CHECK(xg::equal(lazy(x), y));  // the second call changes nothing
}

// The same of a norm, whose count of batches is there from the beginning.
template <class Lazy, class Ordinary>
void check_lazy_norm(Lazy lazy, const Ordinary& ordinary, const Tensor& x, const std::string& before) {
  INFO(before);
  const std::vector<std::string> keys = ordinary.state_dict().keys();
  CHECK(lazy.to_string() == before);
  CHECK(lazy.state_dict().size() == (ordinary.num_batches_tracked.defined() ? 1 : 0));
  CHECK(lazy.parameters().size() == ordinary.parameters().size());
  CHECK(lazy.buffers().size() == ordinary.buffers().size());
  const Tensor y = lazy(x);
  CHECK(xg::equal(y, ordinary(x)));
  CHECK(lazy.to_string() == ordinary.to_string());
  CHECK(lazy.state_dict().keys() == keys);
  for (const auto& [name, tensor] : ordinary.state_dict()) CHECK(xg::equal(lazy.state_dict().at(name), tensor));
  for (const Tensor& parameter : lazy.parameters()) CHECK(parameter.requires_grad());
  lazy.eval();
  CHECK(lazy(x).sizes() == x.sizes());
}

template <class Make>
auto seeded(Make make) {
  xg::manual_seed(7);
  return make();
}

}  // namespace

TEST_CASE("lazy layers become the ordinary ones with their first input") {
  check_lazy(nn::LazyLinear(4), seeded([] { return nn::Linear(3, 4); }), xg::ones({2, 5, 3}),
             "LazyLinear(in_features=0, out_features=4, bias=True)");
  check_lazy(nn::LazyLinear(4, {.bias = false}), seeded([] { return nn::Linear(3, 4, {.bias = false}); }),
             xg::ones({3}), "LazyLinear(in_features=0, out_features=4, bias=False)");
  check_lazy(nn::LazyConv1d(4, 3, {.groups = 2}), seeded([] { return nn::Conv1d(6, 4, 3, {.groups = 2}); }),
             xg::ones({1, 6, 5}), "LazyConv1d(0, 4, kernel_size=(3,), stride=(1,), groups=2)");
  check_lazy(nn::LazyConv2d(4, {3, 2}, {.padding = "same", .padding_mode = "circular"}), seeded([] {
               return nn::Conv2d(6, 4, {3, 2}, {.padding = "same", .padding_mode = "circular"});
             }),
             xg::ones({6, 5, 5}),
             "LazyConv2d(0, 4, kernel_size=(3, 2), stride=(1, 1), padding=same, padding_mode=circular)");
  check_lazy(nn::LazyConv3d(4, 3), seeded([] { return nn::Conv3d(6, 4, 3); }), xg::ones({1, 6, 5, 5, 5}),
             "LazyConv3d(0, 4, kernel_size=(3, 3, 3), stride=(1, 1, 1))");
  check_lazy(nn::LazyConvTranspose1d(4, 3, {.groups = 2, .bias = false}),
             seeded([] { return nn::ConvTranspose1d(6, 4, 3, {.groups = 2, .bias = false}); }), xg::ones({1, 6, 5}),
             "LazyConvTranspose1d(0, 4, kernel_size=(3,), stride=(1,), groups=2, bias=False)");
  check_lazy(nn::LazyConvTranspose2d(4, 3, {.stride = 2, .output_padding = 1}),
             seeded([] { return nn::ConvTranspose2d(6, 4, 3, {.stride = 2, .output_padding = 1}); }),
             xg::ones({1, 6, 5, 5}),
             "LazyConvTranspose2d(0, 4, kernel_size=(3, 3), stride=(2, 2), output_padding=(1, 1))");
  check_lazy(nn::LazyConvTranspose3d(4, 3), seeded([] { return nn::ConvTranspose3d(6, 4, 3); }),
             xg::ones({1, 6, 5, 5, 5}), "LazyConvTranspose3d(0, 4, kernel_size=(3, 3, 3), stride=(1, 1, 1))");
  nn::LazyConvTranspose1d sized(2, 3, {.stride = 2});
  CHECK(sized(xg::ones({1, 4, 3}), 8).sizes() == xg::Shape{1, 2, 8});
}

TEST_CASE("lazy norms become the ordinary ones with their first input") {
  xg::manual_seed(3);
  const Tensor lines = xg::randn({4, 3, 5}), images = xg::randn({4, 3, 2, 5}), volumes = xg::randn({4, 3, 2, 2, 3});
  check_lazy_norm(nn::LazyBatchNorm1d(), nn::BatchNorm1d(3), lines,
                  "LazyBatchNorm1d(0, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)");
  check_lazy_norm(nn::LazyBatchNorm1d(), nn::BatchNorm1d(3), lines.select(2, 0),
                  "LazyBatchNorm1d(0, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)");
  check_lazy_norm(nn::LazyBatchNorm2d({.eps = 0.01, .momentum = {}, .affine = false}),
                  nn::BatchNorm2d(3, {.eps = 0.01, .momentum = {}, .affine = false}), images,
                  "LazyBatchNorm2d(0, eps=0.01, momentum=None, affine=False, track_running_stats=True)");
  check_lazy_norm(nn::LazyBatchNorm3d({.track_running_stats = false}),
                  nn::BatchNorm3d(3, {.track_running_stats = false}), volumes,
                  "LazyBatchNorm3d(0, eps=1e-05, momentum=0.1, affine=True, track_running_stats=False)");
  const nn::InstanceNormOptions both{.affine = true, .track_running_stats = true};
  check_lazy_norm(nn::LazyInstanceNorm1d(), nn::InstanceNorm1d(3, both), lines,
                  "LazyInstanceNorm1d(0, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)");
  check_lazy_norm(nn::LazyInstanceNorm2d(), nn::InstanceNorm2d(3, both), images[0],  // without a batch
                  "LazyInstanceNorm2d(0, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)");
  const nn::LazyInstanceNorm1d plain({.affine = false, .track_running_stats = false});  // has nothing to find out
  CHECK(xg::equal(plain(lines), nn::InstanceNorm1d(3)(lines)));
  CHECK(plain.state_dict().empty());
  check_lazy_norm(nn::LazyInstanceNorm3d({.momentum = 0.5, .track_running_stats = false}),
                  nn::InstanceNorm3d(3, {.momentum = 0.5, .affine = true}), volumes,
                  "LazyInstanceNorm3d(0, eps=1e-05, momentum=0.5, affine=True, track_running_stats=False)");
}

TEST_CASE("a lazy norm takes its channels from a state, its dtype from before, and no input that is none") {
  const nn::BatchNorm2d from(3);
  from(xg::randn({2, 3, 4, 4}));
  nn::LazyBatchNorm2d whole;
  whole.load_state_dict(from.state_dict());
  CHECK(whole.to_string() == from.to_string());
  CHECK(whole.num_batches_tracked.item<std::int64_t>() == 1);
  CHECK(xg::equal(whole.running_var, from.running_var));

  nn::LazyBatchNorm1d norm;
  norm.to(xg::float64);
  const xg::TensorOptions f64{.dtype = xg::float64};
  norm.load_state_dict(xg::StateDict{{"running_mean", xg::ones({3}, f64)}}, {.strict = false});
  const auto untouched = [&] {
    CHECK(norm.to_string().starts_with("LazyBatchNorm1d"));
    CHECK(norm.weight.numel() == 0);
    CHECK(norm.num_batches_tracked.item<std::int64_t>() == 0);
    CHECK(norm.running_mean.to_vector<double>() == std::vector<double>(3, 1));
  };
  CHECK(mentions(message_of<xg::ShapeError>([&] {
                   norm(xg::ones({2, 4}, f64));
                 }),
                 {"LazyBatchNorm1d", "3 channels", "[2, 4]", "lazy_test.cpp"}));
  CHECK(mentions(message_of<xg::ValueError>([&] {
                   norm(xg::ones({1, 3}, f64));
                 }),
                 {"LazyBatchNorm1d", "more than one", "[1, 3]", "lazy_test.cpp"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] { norm(xg::ones({3}, f64)); }), {"BatchNorm1d", "[3]"}));
  CHECK_THROWS_AS(norm(xg::ones({2, 0}, f64)), xg::ShapeError);
  CHECK_THROWS_AS(norm(xg::ones({2, 3})), xg::DtypeError);
  untouched();
  CHECK(norm(xg::tensor({{0.0, 1.0, 2.0}, {2.0, 1.0, 0.0}}, f64)).dtype() == xg::float64);
  CHECK(norm.running_mean.to_vector<double>() == std::vector<double>(3, 1));  // the batch's, too, are 1
  CHECK(norm.weight.dtype() == xg::float64);
  CHECK(norm.to_string() == nn::BatchNorm1d(3).to_string());

  nn::LazyInstanceNorm1d instances;
  CHECK_THROWS_AS(instances(xg::ones({3, 1})), xg::ValueError);
  CHECK_THROWS_AS(instances(xg::ones({3})), xg::ShapeError);
  CHECK(instances.weight.numel() == 0);
  instances.eval();
  CHECK(instances(xg::ones({3, 1})).sizes() == xg::Shape{3, 1});  // by the running statistics
}

TEST_CASE("a lazy model trains by an optimizer that was there before") {
  xg::manual_seed(8);
  nn::Sequential model(nn::LazyConv2d(3, 3), nn::ReLU(), nn::Flatten(), nn::LazyLinear(2));
  CHECK(model.parameters().size() == 4);
  xg::optim::SGD optimizer(model.parameters(), {.lr = 0.1});
  const Tensor x = xg::randn({4, 1, 5, 5});
  const auto step = [&] {
    optimizer.zero_grad();
    const Tensor loss = model(x).square().sum();
    loss.backward();
    optimizer.step();
    return loss.item<double>();
  };
  const double first = step();
  for (int i = 0; i < 5; ++i) step();
  CHECK(step() < first);
  CHECK(model.to_string() ==
        "Sequential(\n"
        "  (0): Conv2d(1, 3, kernel_size=(3, 3), stride=(1, 1))\n"
        "  (1): ReLU()\n"
        "  (2): Flatten(start_dim=1, end_dim=-1)\n"
        "  (3): Linear(in_features=27, out_features=2, bias=True)\n"
        ")");
}

TEST_CASE("a dtype that is set before the first input stays") {
  nn::LazyLinear linear(4);
  linear.to(xg::float64);
  CHECK(linear(xg::ones({2, 3}, {.dtype = xg::float64})).dtype() == xg::float64);
  CHECK(linear.weight.dtype() == xg::float64);
  CHECK(linear.bias.dtype() == xg::float64);
  CHECK(linear.weight.requires_grad());
}

TEST_CASE("a lazy layer takes its channels from a state") {
  const nn::ConvTranspose2d from(6, 4, 3, {.groups = 2});
  nn::LazyConvTranspose2d layer(4, 3, {.groups = 2});
  layer.load_state_dict(from.state_dict());
  CHECK(layer.to_string() == from.to_string());
  const Tensor x = xg::randn({1, 6, 5, 5});
  CHECK(xg::equal(layer(x), from(x)));
  CHECK_THROWS_AS(layer(xg::ones({1, 4, 5, 5})), xg::ShapeError);

  // A part of a state: the rest begins as usual with the first input, which must fit.
  nn::LazyLinear partial(4);
  const Tensor weight = xg::randn({4, 3});
  partial.load_state_dict(xg::StateDict{{"weight", weight}}, {.strict = false});
  CHECK(partial.to_string().starts_with("LazyLinear"));
  partial(xg::ones({3}));
  CHECK(xg::equal(partial.weight, weight));
  CHECK(partial.bias.sizes() == xg::Shape{4});
  CHECK(partial.to_string() == "Linear(in_features=3, out_features=4, bias=True)");

  nn::LazyLinear other(5);
  CHECK(mentions(message_of<xg::ShapeError>([&] { other.load_state_dict(partial.state_dict()); }),
                 {"load_state_dict", "weight", "[4, 3]", "[5, -1]", "lazy_test.cpp"}));
  CHECK(other.to_string().starts_with("LazyLinear"));
  nn::LazyConv1d conv(4, 3);
  CHECK_THROWS_AS(conv.load_state_dict(nn::Conv1d(2, 4, 5).state_dict()), xg::ShapeError);
}

TEST_CASE("an input that cannot be the first one leaves a lazy layer as it is") {
  nn::LazyConv2d conv(4, 3, {.groups = 2});
  CHECK(mentions(message_of<xg::ShapeError>([&] {
                   conv(xg::ones({5, 5}));
                 }),
                 {"LazyConv2d", "[5, 5]", "[N, C, H, W]", "lazy_test.cpp"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] {
                   conv(xg::ones({1, 3, 5, 5}));
                 }),
                 {"LazyConv2d", "groups 2", "got 3", "[1, 3, 5, 5]"}));
  CHECK_THROWS_AS(conv(xg::ones({1, 0, 5, 5})), xg::ShapeError);
  CHECK_THROWS_AS(conv(xg::ones({1, 2, 5, 5}, {.dtype = xg::float64})), xg::DtypeError);
  CHECK(conv.weight.numel() == 0);
  CHECK(conv(xg::ones({1, 2, 5, 5})).sizes() == xg::Shape{1, 4, 3, 3});

  nn::LazyLinear linear(4);
  CHECK(mentions(message_of<xg::ShapeError>([&] { linear(xg::tensor(1.0f)); }), {"LazyLinear", "[]"}));
  CHECK_THROWS_AS(linear(xg::tensor({1, 2})), xg::DtypeError);
  CHECK(linear.weight.numel() == 0);
  CHECK(mentions(message_of<xg::ValueError>([] { nn::LazyLinear(-1); }), {"Linear", "-1", "lazy_test.cpp"}));
  CHECK(mentions(message_of<xg::ValueError>([] { nn::LazyConv2d(0, 3); }), {"Conv2d", "out_channels 0"}));
  CHECK(mentions(message_of<xg::ValueError>([] { nn::LazyConv2d(3, 3, {.groups = 2}); }), {"groups 2"}));
}
