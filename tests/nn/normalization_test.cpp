// Norm layers: three inputs in training and one in evaluation give PyTorch's values, gradients and running statistics
// (tests/reference/norm_layers.py), under PyTorch's keys; they print as PyTorch's do.
#include <xgrad/xgrad.hpp>

#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "reference/book.hpp"
#include "support/errors.hpp"

namespace xg = xgrad;
namespace nn = xgrad::nn;
using test::mentions;
using test::message_of;
using xg::Tensor;

namespace {

using Names = std::vector<std::string>;

const xg::StateDict& numbers() {
  static const xg::StateDict all = xg::load((reference::own_folder() / "norm_layers.safetensors").string());
  return all;
}

void check_close(const Tensor& actual, const Tensor& expected, const reference::Tolerance& tolerance) {
  CHECK(reference::difference(actual, expected, tolerance) == "");
}

template <class Layer>
void follow(const std::string& name, Layer layer, const Names& keys, xg::Dtype dtype,
            const reference::Tolerance& tolerance) {
  CAPTURE(name);
  CHECK(layer.state_dict().keys() == keys);
  layer.to(dtype);
  layer.load_state_dict(reference::part(numbers(), name + "/initial/"));
  for (const std::string step : {"0", "1", "2", "eval"}) {
    CAPTURE(step);
    layer.train(step != "eval");
    const std::string place = name + "/" + step + "/";
    const auto given = [&](const std::string& key) { return numbers().at(place + key).to(dtype); };
    const Tensor x = given("x").requires_grad_();
    const Tensor y = layer(x);
    check_close(y, given("y"), tolerance);
    xg::TensorList inputs{x};
    for (const Tensor& parameter : layer.parameters()) inputs.push_back(parameter);
    const xg::TensorList gradients = xg::grad({y}, inputs, {.grad_outputs = {given("cotangent")}});
    check_close(gradients[0], given("grad/x"), tolerance);
    std::size_t next = 1;
    for (const auto& [key, parameter] : layer.named_parameters())
      check_close(gradients[next++], given("grad/" + key), tolerance);
    const xg::StateDict state = layer.state_dict();
    for (const auto& [key, tensor] : reference::part(numbers(), place + "state/"))
      check_close(state.at(key), key == "num_batches_tracked" ? tensor : tensor.to(dtype), tolerance);
    // Without a tape the values are the same. (A step of training would move the statistics once more.)
    if (step != "eval") continue;
    const xg::NoGradGuard no_grad;
    CHECK(xg::equal(layer(x), y));
  }
}

template <class Make>
void follow(const std::string& name, const Names& keys, Make make) {
  follow(name, make(), keys, xg::float64, {.rtol = 1e-10, .atol = 1e-12});
  follow(name, make(), keys, xg::float32, {.rtol = 2e-4, .atol = 2e-5});
}

const Names affine{"weight", "bias"}, running{"running_mean", "running_var", "num_batches_tracked"},
    both{"weight", "bias", "running_mean", "running_var", "num_batches_tracked"};

}  // namespace

TEST_CASE("batch norms over steps of training") {
  follow("batch1d", both, [] { return nn::BatchNorm1d(3); });
  follow("batch1d_mean", both, [] { return nn::BatchNorm1d(3, {.momentum = {}}); });
  follow("batch2d", running, [] { return nn::BatchNorm2d(2, {.eps = 1e-3, .momentum = 0.3, .affine = false}); });
  follow("batch3d", both, [] { return nn::BatchNorm3d(2); });
  follow("batch3d_own", affine, [] { return nn::BatchNorm3d(2, {.track_running_stats = false}); });
}

TEST_CASE("instance norms over steps of training, with a batch and without") {
  follow("instance1d", {}, [] { return nn::InstanceNorm1d(3); });
  follow("instance1d_both", both, [] { return nn::InstanceNorm1d(3, {.affine = true, .track_running_stats = true}); });
  follow("instance2d_affine", affine, [] { return nn::InstanceNorm2d(2, {.eps = 0.01, .affine = true}); });
  follow("instance2d_both", both,
         [] { return nn::InstanceNorm2d(2, {.momentum = 0.25, .affine = true, .track_running_stats = true}); });
  follow("instance3d_running", running, [] { return nn::InstanceNorm3d(2, {.track_running_stats = true}); });
}

TEST_CASE("norms of groups, by neighbours, and of the last dimensions") {
  follow("group", affine, [] { return nn::GroupNorm(2, 6); });
  follow("group_plain", {}, [] { return nn::GroupNorm(3, 6, {.eps = 0.1, .affine = false}); });
  follow("response", {}, [] { return nn::LocalResponseNorm(3); });
  follow("response_options", {}, [] { return nn::LocalResponseNorm(2, {.alpha = 0.5, .beta = 1.25, .k = 2}); });
  follow("layer", affine, [] { return nn::LayerNorm({2, 3}); });
  follow("rms", {"weight"}, [] { return nn::RMSNorm({2, 3}); });
  follow("rms_eps", {"weight"}, [] { return nn::RMSNorm({4}, {.eps = 0.25}); });
}

TEST_CASE("norms begin with ones and zeros, and print as PyTorch's") {
  const auto check = [](const nn::Module& module, const std::string& text) { CHECK(module.to_string() == text); };
  check(nn::BatchNorm1d(3), "BatchNorm1d(3, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)");
  check(nn::BatchNorm2d(3, {.momentum = {}, .affine = false}),
        "BatchNorm2d(3, eps=1e-05, momentum=None, affine=False, track_running_stats=True)");
  check(nn::BatchNorm3d(4, {.eps = 0.001, .momentum = 1, .track_running_stats = false}),
        "BatchNorm3d(4, eps=0.001, momentum=1.0, affine=True, track_running_stats=False)");
  check(nn::InstanceNorm1d(3), "InstanceNorm1d(3, eps=1e-05, momentum=0.1, affine=False, track_running_stats=False)");
  check(nn::InstanceNorm2d(3, {.affine = true}),
        "InstanceNorm2d(3, eps=1e-05, momentum=0.1, affine=True, track_running_stats=False)");
  check(nn::InstanceNorm3d(3, {.momentum = 0.5, .track_running_stats = true}),
        "InstanceNorm3d(3, eps=1e-05, momentum=0.5, affine=False, track_running_stats=True)");
  check(nn::GroupNorm(2, 4), "GroupNorm(2, 4, eps=1e-05, affine=True)");
  check(nn::LocalResponseNorm(3), "LocalResponseNorm(3, alpha=0.0001, beta=0.75, k=1.0)");
  check(nn::LayerNorm({4}), "LayerNorm((4,), eps=1e-05, elementwise_affine=True)");
  check(nn::RMSNorm({2, 3}), "RMSNorm((2, 3), eps=None, elementwise_affine=True)");
  check(nn::RMSNorm({4}, {.eps = 1e-6, .elementwise_affine = false}),
        "RMSNorm((4,), eps=1e-06, elementwise_affine=False)");
  CHECK(nn::RMSNorm({4}, {.elementwise_affine = false}).state_dict().empty());
  const auto begins = [](const xg::StateDict& state) {
    for (const auto& [key, tensor] : state) {
      const double first = key == "weight" || key == "running_var" ? 1 : 0;
      CHECK(xg::equal(tensor, xg::full_like(tensor, first)));
      CHECK(tensor.dtype() == (key == "num_batches_tracked" ? xg::int64 : xg::float32));
    }
  };
  begins(nn::BatchNorm3d(2).state_dict());
  begins(nn::InstanceNorm2d(2, {.affine = true, .track_running_stats = true}).state_dict());
  begins(nn::GroupNorm(2, 4).state_dict());
  begins(nn::RMSNorm({2, 3}).state_dict());
}

TEST_CASE("without eps, RMSNorm takes that of its input's dtype") {
  const nn::RMSNorm norm({2}, {.elementwise_affine = false});
  const double tiny = 1e-4;  // its square is below float32's eps, 2^-23, and above float64's
  const float y = norm(xg::full({2}, tiny))[0].item<float>();
  CHECK(y == doctest::Approx(tiny / std::sqrt(tiny * tiny + 1.1920928955078125e-07)).epsilon(1e-5));
  CHECK(norm(xg::full({2}, tiny, {.dtype = xg::float64}))[0].item<double>() == doctest::Approx(1).epsilon(1e-7));
}

TEST_CASE("norms of inputs that are strided, empty, or one") {
  const Tensor x = xg::randn({4, 5, 3}).transpose(1, 2);
  nn::InstanceNorm1d instance(3, {.affine = true});
  CHECK(xg::equal(instance(x), instance(x.contiguous())));
  nn::BatchNorm1d batch(3);
  CHECK(xg::equal(batch(x), batch(x.contiguous())));  // a second step, whose batch is the same
  nn::GroupNorm group(3, 3);
  CHECK(xg::equal(group(x), group(x.contiguous())));

  CHECK(instance(xg::zeros({0, 3, 4})).sizes() == xg::Shape{0, 3, 4});
  CHECK(group(xg::zeros({0, 3, 4})).sizes() == xg::Shape{0, 3, 4});
  CHECK(nn::LocalResponseNorm(2)(xg::zeros({0, 3, 4})).sizes() == xg::Shape{0, 3, 4});
  CHECK(nn::RMSNorm({3})(xg::zeros({0, 3})).sizes() == xg::Shape{0, 3});
  const std::vector<double> before = batch.running_var.to_vector<double>();
  CHECK(batch(xg::zeros({0, 3, 4})).sizes() == xg::Shape{0, 3, 4});
  CHECK(batch.running_var.to_vector<double>() == before);

  CHECK_THROWS_AS(instance(xg::ones({2, 3, 1})), xg::ValueError);
  CHECK_THROWS_AS(batch(xg::ones({1, 3, 1})), xg::ValueError);
  CHECK(batch.running_var.to_vector<double>() == before);
  CHECK(batch.num_batches_tracked.item<std::int64_t>() == 3);
}

TEST_CASE("whole norms pass a gradient check") {
  const xg::TensorOptions leaf{.dtype = xg::float64, .requires_grad = true};
  xg::manual_seed(5);
  const auto check = [&](auto layer, const xg::Shape& shape) {
    layer.to(xg::float64);
    CHECK(xg::gradcheck_module(layer, {xg::randn(shape, leaf)}));
  };
  check(nn::BatchNorm3d(2, {.track_running_stats = false}), {2, 2, 1, 2, 2});
  check(nn::InstanceNorm2d(2, {.affine = true}), {2, 3, 2});
  check(nn::GroupNorm(2, 4), {2, 4, 2});
  check(nn::RMSNorm({3}), {2, 3});
  check(nn::LocalResponseNorm(3, {.alpha = 1}), {1, 4, 2});
}

TEST_CASE("misuse of norms is named") {
  const auto refused = [](auto f, std::initializer_list<std::string_view> words) {
    CHECK(mentions(message_of<xg::Error>(f), words));
  };
  refused([] { nn::BatchNorm3d(-1); }, {"BatchNorm3d", "-1", "normalization_test.cpp"});
  refused([] { nn::InstanceNorm2d(-1); }, {"InstanceNorm2d", "-1", "normalization_test.cpp"});
  refused([] { nn::GroupNorm(3, 4); }, {"GroupNorm", "3", "4", "normalization_test.cpp"});
  refused([] { nn::GroupNorm(0, 4); }, {"GroupNorm", "0"});
  refused([] { nn::LocalResponseNorm(0); }, {"LocalResponseNorm", "0", "normalization_test.cpp"});
  refused([] { nn::RMSNorm({}); }, {"RMSNorm", "empty", "normalization_test.cpp"});
  refused(
      [] {
        nn::BatchNorm3d(2)(xg::ones({1, 2, 3, 4}));
      },
      {"BatchNorm3d", "[N, C, D, H, W]", "[1, 2, 3, 4]", "normalization_test.cpp"});
  refused(
      [] {
        nn::InstanceNorm2d(2)(xg::ones({3, 2}));
      },
      {"InstanceNorm2d", "[N, C, H, W] or [C, H, W]", "[3, 2]", "normalization_test.cpp"});
  refused([] { nn::InstanceNorm1d(2, {.affine = true})(xg::ones({1, 3, 4})); }, {"instance_norm", "[2]", "[3]"});
  refused([] { nn::InstanceNorm1d(2)(xg::tensor({{1, 2}, {3, 4}})); }, {"InstanceNorm1d", "int64"});
  refused([] { nn::GroupNorm(2, 4)(xg::ones({1, 6, 3})); }, {"group_norm", "[4]", "[6]"});
  refused([] { nn::LocalResponseNorm(2)(xg::ones({1, 6})); }, {"local_response_norm", "[1, 6]"});
  refused([] { nn::RMSNorm({3})(xg::ones({2, 4})); }, {"rms_norm", "[3]", "[2, 4]"});
  nn::BatchNorm3d moved(2);
  const nn::BatchNorm3d other = std::move(moved);
  refused([&] { moved(xg::ones({1, 2, 1, 2, 2})); }, {"BatchNorm3d", "moved from"});
}
