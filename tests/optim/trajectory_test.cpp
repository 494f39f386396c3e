// Optimizers whose steps no case of PyTorch's is about, what closures do, and misuse. The reference runner follows the
// rest.
#include <xgrad/xgrad.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <span>
#include <string>
#include <vector>

#include "support/errors.hpp"

namespace xg = xgrad;
namespace optim = xgrad::optim;
using test::mentions;
using test::message_of;
using xg::Tensor;

namespace {

Tensor numbers(const std::vector<double>& values) {
  return xg::tensor(std::span<const double>(values)).requires_grad_();
}

template <class Optimizer, class Options>
void turns_round() {
  std::vector<double> moved;
  for (const bool maximize : {false, true}) {
    const Tensor p = numbers({0});
    Optimizer optimizer({p}, Options{.maximize = maximize});
    for (int i = 0; i < 3; ++i) {
      p.set_grad(xg::tensor({1.0}, {.dtype = xg::float64}));
      optimizer.step();
    }
    moved.push_back(p.detach().item<double>());
  }
  CHECK(moved[0] < 0);
  CHECK(moved[1] == doctest::Approx(-moved[0]));
}

}  // namespace

TEST_CASE("Lion steps by the sign of its mean") {
  const Tensor p = numbers({1, -2, 0.5, 3});
  optim::Lion lion({p}, {.lr = 0.1, .betas = {0.9, 0.99}, .weight_decay = 0.2});
  std::vector<double> value{1, -2, 0.5, 3}, mean(4);
  for (int step = 1; step <= 20; ++step) {
    std::vector<double> gradient;
    for (int i = 0; i < 4; ++i) gradient.push_back(i == 3 ? 0 : std::sin(step * (i + 1.0)));
    p.set_grad(numbers(gradient).detach());
    lion.step();
    for (std::size_t i = 0; i < 4; ++i) {
      const double c = 0.9 * mean[i] + 0.1 * gradient[i];
      value[i] = value[i] * (1 - 0.1 * 0.2) - 0.1 * (c > 0 ? 1 : c < 0 ? -1 : 0);
      mean[i] = 0.99 * mean[i] + 0.01 * gradient[i];
      CHECK(p.detach().to_vector<double>()[i] == doctest::Approx(value[i]).epsilon(1e-13));
    }
  }
}

TEST_CASE("maximize turns every optimizer round") {
  turns_round<optim::Adadelta, optim::AdadeltaOptions>();
  turns_round<optim::Adamax, optim::AdamaxOptions>();
  turns_round<optim::NAdam, optim::NAdamOptions>();
  turns_round<optim::RAdam, optim::RAdamOptions>();
  turns_round<optim::Rprop, optim::RpropOptions>();
  turns_round<optim::Lion, optim::LionOptions>();
}

TEST_CASE("decoupled decay shrinks parameters apart from the gradient") {
  const Tensor n = numbers({2}), r = numbers({2});
  optim::NAdam nadam({n}, {.lr = 0.1, .weight_decay = 0.5, .decoupled_weight_decay = true});
  optim::RAdam radam({r}, {.lr = 0.1, .weight_decay = 0.5, .decoupled_weight_decay = true});
  for (const Tensor& p : {n, r}) p.set_grad(xg::tensor({0.0}, {.dtype = xg::float64}));
  nadam.step(), radam.step();
  CHECK(n.detach().item<double>() == doctest::Approx(2 * 0.95));
  CHECK(r.detach().item<double>() == doctest::Approx(2 * 0.95));
}

TEST_CASE("a closure is called with recording on, and its loss returned") {
  const Tensor p = numbers({3});
  optim::SGD sgd({p}, {.lr = 0.5});
  xg::NoGradGuard no_grad;
  const Tensor loss = sgd.step([&] {
    sgd.zero_grad();
    const Tensor y = p.square().sum();
    y.backward();
    return y;
  });
  CHECK(loss.item<double>() == 9);
  CHECK(p.detach().item<double>() == 0);
  CHECK_THROWS_AS(sgd.step(optim::Closure()), xg::ValueError);
}

TEST_CASE("options out of range are ValueErrors that name optimizer and option") {
  const xg::TensorList p{numbers({1})};
  CHECK(mentions(message_of<xg::ValueError>([&] { optim::Adadelta(p, {.rho = 1.5}); }), {"Adadelta", "rho", "1.5"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { optim::Adamax(p, {.betas = {1, 0.9}}); }), {"Adamax", "betas"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { optim::NAdam(p, {.momentum_decay = -1}); }), {"momentum_decay"}));
  CHECK_THROWS_AS(optim::RAdam(p, {.eps = -1}), xg::ValueError);
  CHECK(mentions(message_of<xg::ValueError>([&] { optim::Rprop(p, {.etas = {1.2, 0.5}}); }), {"Rprop", "etas"}));
  CHECK_THROWS_AS(optim::Rprop(p, {.step_sizes = {1, 0.5}}), xg::ValueError);
  CHECK_THROWS_AS(optim::ASGD(p, {.lambd = std::nan("")}), xg::ValueError);
  CHECK_THROWS_AS(optim::Lion(p, {.lr = -1}), xg::ValueError);
}
