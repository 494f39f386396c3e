// Averages of weights, and gradients added up over several backward passes.
#include <xgrad/autograd.hpp>
#include <xgrad/nn/linear.hpp>
#include <xgrad/nn/normalization.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/loss.hpp>
#include <xgrad/optim/averaged.hpp>
#include <xgrad/optim/sgd.hpp>
#include <xgrad/random.hpp>

#include <cmath>
#include <cstdint>
#include <doctest/doctest.h>
#include <limits>
#include <memory>
#include <vector>

#include "support/errors.hpp"

namespace xg = xgrad;
namespace optim = xgrad::optim;
using test::mentions;
using test::message_of;
using xg::Tensor;
using Numbers = std::vector<double>;

namespace {

// A linear layer, fitted to three points by six steps; after each, f() is called.
template <class F>
void fit(xg::nn::Linear& net, F&& f) {
  const Tensor x = xg::tensor(Numbers{1, 2, 3, -1, 0.5, 0.25}).reshape({3, 2}),
               y = xg::tensor(Numbers{1, 2, -1}).reshape({3, 1});
  optim::SGD sgd(net.parameters(), {.lr = 0.1});
  for (int i = 0; i < 6; ++i) {
    sgd.zero_grad();
    xg::mse_loss(net(x), y).backward();
    sgd.step();
    f();
  }
}
xg::nn::Linear start() {
  xg::nn::Linear net(2, 1);
  net.to(xg::float64);
  const xg::NoGradGuard no_grad;
  net.weight.copy_(xg::tensor(Numbers{1, -2}).reshape({1, 2}));
  net.bias.fill_(0.5);
  return net;
}
Numbers numbers(const xg::TensorList& tensors) {
  Numbers all;
  for (const Tensor& tensor : tensors)
    for (const double value : tensor.to_vector<double>()) all.push_back(value);
  return all;
}
bool near(const Numbers& actual, const Numbers& expected, double tolerance) {
  if (actual.size() != expected.size()) return false;
  for (std::size_t i = 0; i < actual.size(); ++i)
    if (!(std::abs(actual[i] - expected[i]) <= tolerance)) return false;
  return true;
}

}  // namespace

// torch.optim.swa_utils.AveragedModel of PyTorch 1.13, float64, over the same six steps.
TEST_CASE("averages are PyTorch's") {
  const Numbers last{0.4280009613672369, -0.23871580480577131, 0.34561849890182766},
      moving{0.44940317379921285, -0.9758576523137568, 0.3973725069187201},
      equal{0.4123702221245541, -0.6424908465556444, 0.39804849639598844};
  xg::nn::Linear net = start();
  optim::ExponentialMovingAverage ema(net, {.decay = 0.9});
  optim::StochasticWeightAverage swa(net.parameters());
  CHECK(numbers(ema.averages()) == Numbers{1, -2, 0.5});
  fit(net, [&] { ema.update(), swa.update(); });
  CHECK(ema.n_averaged() == 6);
  CHECK(near(numbers(net.parameters()), last, 1e-14));
  CHECK(near(numbers(ema.averages()), moving, 1e-14));
  CHECK(near(numbers(swa.averages()), equal, 1e-14));

  SUBCASE("a guard exchanges them, and no element changes on the way") {
    const Numbers weights = numbers(net.parameters()), averages = numbers(ema.averages());
    {
      const auto guard = ema.swap();
      CHECK(numbers(net.parameters()) == averages);
      CHECK(net.weight.is_leaf());
      CHECK(net.weight.requires_grad());
    }
    CHECK(numbers(net.parameters()) == weights);
    CHECK(numbers(ema.averages()) == averages);
    ema.copy_to();
    CHECK(numbers(net.parameters()) == averages);
  }
  SUBCASE("a graph from before the exchange is not run on other weights") {
    const Tensor x = xg::ones({4, 2}, {.dtype = xg::float64, .requires_grad = true}), loss = net(x).sum();
    const auto guard = ema.swap();
    CHECK_THROWS_AS(loss.backward(), xg::AutogradError);
  }
}

TEST_CASE("resuming at any step gives the same bits") {
  for (const auto dtype : {xg::float32, xg::float64})
    for (int stop = 0; stop < 6; ++stop) {
      const auto value = [&](int k, const Tensor& p) {
        const xg::NoGradGuard no_grad;
        p.copy_(xg::arange(1, 8, {.dtype = dtype}) / (k + 1.5));
      };
      const Tensor p = xg::zeros({7}, {.dtype = dtype, .requires_grad = true}),
                   q = xg::zeros({7}, {.dtype = dtype, .requires_grad = true});
      optim::ExponentialMovingAverage through({p}, {.decay = 0.7});
      auto moving = std::make_unique<optim::ExponentialMovingAverage>(xg::TensorList{q},
                                                                      optim::ExponentialMovingAverageOptions{0.7});
      optim::StochasticWeightAverage all({p});
      auto equal = std::make_unique<optim::StochasticWeightAverage>(xg::TensorList{q});
      for (int k = 0; k < 6; ++k) {
        value(k, p), value(k, q);
        through.update(), moving->update(), all.update(), equal->update();
        if (k != stop) continue;
        const xg::StateDict first = moving->state_dict().clone(), second = equal->state_dict().clone();
        moving = std::make_unique<optim::ExponentialMovingAverage>(xg::TensorList{q},
                                                                   optim::ExponentialMovingAverageOptions{0.7});
        equal = std::make_unique<optim::StochasticWeightAverage>(xg::TensorList{q});
        moving->load_state_dict(first), equal->load_state_dict(second);
      }
      CHECK(numbers(moving->averages()) == numbers(through.averages()));
      CHECK(numbers(equal->averages()) == numbers(all.averages()));
      CHECK(equal->n_averaged() == 6);
    }
}

TEST_CASE("buffers take part where asked for: reals are averaged, counts copied") {
  xg::manual_seed(0);
  xg::nn::BatchNorm1d norm(2);
  optim::ExponentialMovingAverage with(norm, {.decay = 0.5, .use_buffers = true}), without(norm, {.decay = 0.5});
  CHECK(with.averages().size() == 5);
  CHECK(without.averages().size() == 2);
  Numbers expected;
  for (int i = 0; i < 3; ++i) {
    norm(xg::randn({8, 2}) + static_cast<double>(i));
    with.update();
    const Numbers mean = norm.running_mean.to_vector<double>();
    if (i == 0) expected = mean;
    for (std::size_t k = 0; k < 2; ++k) expected[k] = 0.5 * expected[k] + 0.5 * mean[k];
  }
  CHECK(near(with.averages()[2].to_vector<double>(), expected, 1e-6));
  CHECK(with.averages()[4].to_vector<std::int64_t>() == std::vector<std::int64_t>{3});
  const Numbers mean = norm.running_mean.to_vector<double>();
  {
    const auto guard = with.swap();
    CHECK(near(norm.running_mean.to_vector<double>(), expected, 1e-6));
  }
  CHECK(norm.running_mean.to_vector<double>() == mean);
}

TEST_CASE("parameters of any layout, size and value; those that change their dtype") {
  const Tensor empty = xg::zeros({0, 3}, {.requires_grad = true});
  const Tensor turned = xg::tensor(Numbers{1, 2, 3, 4, 5, 6}).reshape({2, 3}).t().detach().requires_grad_();
  const Tensor odd = xg::tensor(Numbers{std::nan(""), std::numeric_limits<double>::infinity()}).requires_grad_();
  optim::ExponentialMovingAverage ema({empty, turned, odd}, {.decay = 0.25});
  ema.update();
  {
    const xg::NoGradGuard no_grad;
    turned.mul_(5);
  }
  ema.update();
  CHECK(ema.averages()[1].to_vector<double>() == Numbers{4, 16, 8, 20, 12, 24});
  CHECK(std::isnan(ema.averages()[2].to_vector<double>()[0]));
  CHECK(std::isinf(ema.averages()[2].to_vector<double>()[1]));
  {
    const auto guard = ema.swap();
    CHECK(turned.to_vector<double>() == Numbers{4, 16, 8, 20, 12, 24});
    CHECK_FALSE(turned.is_contiguous());
  }
  CHECK(turned.to_vector<double>() == Numbers{5, 20, 10, 25, 15, 30});

  xg::nn::Linear net(3, 2);
  optim::StochasticWeightAverage swa(net);
  swa.update();
  net.to(xg::float64);
  swa.update();
  CHECK(swa.averages()[0].dtype() == xg::float64);
  CHECK(near(numbers(swa.averages()), numbers(net.parameters()), 1e-15));
}

TEST_CASE("misuse is named and changes nothing") {
  const Tensor p = xg::ones({2}, {.requires_grad = true}), q = xg::ones({3}, {.requires_grad = true});
  CHECK(mentions(message_of<xg::ValueError>([&] { optim::ExponentialMovingAverage({p}, {.decay = 1.5}); }),
                 {"ExponentialMovingAverage", "decay", "1.5", "averaged_test.cpp"}));
  CHECK_THROWS_AS(optim::ExponentialMovingAverage({p}, {.decay = std::nan("")}), xg::ValueError);
  CHECK(mentions(message_of<xg::ValueError>([&] { optim::StochasticWeightAverage({p}, {.use_buffers = true}); }),
                 {"StochasticWeightAverage", "use_buffers"}));
  CHECK_THROWS_AS(optim::StochasticWeightAverage(xg::TensorList{}), xg::ValueError);
  CHECK(mentions(message_of<xg::ValueError>([&] { optim::StochasticWeightAverage(xg::TensorList{p, p}); }), {"twice"}));
  CHECK(mentions(message_of<xg::DtypeError>([&] {
                   optim::StochasticWeightAverage({xg::tensor({1, 2})});
                 }),
                 {"parameter 0", "int64"}));

  optim::ExponentialMovingAverage ema({p}, {.decay = 0.5});
  ema.update();
  const xg::StateDict good = ema.state_dict().clone();
  xg::StateDict state = good;
  state.insert_or_assign("averages.0", xg::zeros({3}));
  CHECK(mentions(message_of<xg::ShapeError>([&] { ema.load_state_dict(state); }), {"averages.0", "[3]", "[2]"}));
  state = good;
  state.insert_or_assign("n_averaged", xg::tensor({-1}));
  CHECK(mentions(message_of<xg::ValueError>([&] { ema.load_state_dict(state); }), {"n_averaged", "-1"}));
  state = good;
  state.insert("averages.1", xg::zeros({2}));
  CHECK_THROWS_AS(ema.load_state_dict(state), xg::ValueError);
  CHECK_THROWS_AS(ema.load_state_dict({}), xg::ValueError);
  CHECK(ema.n_averaged() == 1);
  CHECK(numbers(ema.averages()) == Numbers{1, 1});

  const auto guard = ema.swap();
  CHECK(mentions(message_of<xg::Error>([&] { ema.update(); }), {"ExponentialMovingAverage", "update", "swap"}));
  CHECK_THROWS_AS(static_cast<void>(ema.swap()), xg::Error);
  CHECK_THROWS_AS(ema.copy_to(), xg::Error);
  CHECK_THROWS_AS(ema.state_dict(), xg::Error);
  CHECK_THROWS_AS(ema.load_state_dict(good), xg::Error);
}

// The loss of a batch of k parts of equal size is the mean of theirs.
TEST_CASE("k scaled backward passes add up to the gradient of the whole batch") {
  xg::manual_seed(1);
  xg::nn::Linear net(5, 3);
  net.to(xg::float64);
  const Tensor x = xg::randn({12, 5}, {.dtype = xg::float64}), y = xg::randn({12, 3}, {.dtype = xg::float64});
  xg::mse_loss(net(x), y).backward();
  const Numbers whole = numbers({net.weight.grad(), net.bias.grad()});
  for (const std::int64_t parts : {1, 2, 3, 4, 12}) {
    net.zero_grad();
    const std::int64_t size = 12 / parts;
    for (std::int64_t k = 0; k < parts; ++k) {
      const Tensor loss = xg::mse_loss(net(x.narrow(0, k * size, size)), y.narrow(0, k * size, size));
      (loss / static_cast<double>(parts)).backward();
    }
    CHECK(near(numbers({net.weight.grad(), net.bias.grad()}), whole, 1e-14));
  }
}
