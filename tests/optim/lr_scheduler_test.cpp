// Schedules: PyTorch's sequences, states, misuse.
#include <xgrad/ops/creation.hpp>
#include <xgrad/optim/lr_scheduler.hpp>
#include <xgrad/optim/sgd.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <memory>
#include <string>
#include <vector>

#include "reference/book.hpp"

namespace xg = xgrad;
namespace optim = xgrad::optim;
using Json = reference::json;

namespace {

std::unique_ptr<optim::LRScheduler> build(const Json& one, optim::Optimizer& optimizer) {
  const std::string name = one.at("scheduler");
  const Json& attrs = one.at("attrs");
  if (name == "StepLR")
    return std::make_unique<optim::StepLR>(optimizer, attrs.at("step_size").get<int>(), attrs.value("gamma", 0.1));
  if (name == "ExponentialLR")
    return std::make_unique<optim::ExponentialLR>(optimizer, attrs.at("gamma").get<double>());
  return nullptr;
}

}  // namespace

TEST_CASE("the sequences are PyTorch's, also after resuming") {
  int followed = 0;
  for (const Json& one : reference::own_book().cases()) {
    if (one.at("kind") != "lr_scheduler") continue;
    const xg::Tensor p = xg::ones({1}, {.requires_grad = true});
    auto optimizer = std::make_unique<optim::SGD>(xg::TensorList{p}, optim::SGDOptions{.lr = one.at("base_lr")});
    auto schedule = build(one, *optimizer);
    if (!schedule) continue;
    INFO(one.at("id").get<std::string>());
    ++followed;
    const auto expected = one.at("lr").get<std::vector<double>>();
    for (std::size_t k = 0; k < expected.size(); ++k) {
      CHECK(std::abs(optimizer->lr() - expected[k]) <= 1e-12 * expected[k]);
      CHECK(schedule->last_epoch() == static_cast<std::int64_t>(k));
      schedule->step();
      if (k == 7) {
        const xg::StateDict rates = optimizer->state_dict().clone(), epochs = schedule->state_dict().clone();
        optimizer = std::make_unique<optim::SGD>(xg::TensorList{p}, optim::SGDOptions{.lr = one.at("base_lr")});
        schedule = build(one, *optimizer);
        optimizer->load_state_dict(rates);
        schedule->load_state_dict(epochs);
      }
    }
  }
  CHECK(followed == 3);
}

TEST_CASE("every group keeps its own rate, and schedules combine") {
  const xg::Tensor a = xg::ones({1}, {.requires_grad = true}), b = xg::ones({1}, {.requires_grad = true});
  optim::SGD sgd({{{a}, {.lr = 1.0}}, {{b}, {.lr = 0.5}}});
  optim::StepLR steps(sgd, 2);
  optim::ExponentialLR decay(sgd, 0.5);
  for (int i = 0; i < 2; ++i) steps.step(), decay.step();
  CHECK(sgd.lr(0) == doctest::Approx(0.025));
  CHECK(sgd.lr(1) == doctest::Approx(0.0125));
}

TEST_CASE("a schedule of one's own derives from LRScheduler") {
  struct Warmup : optim::LRScheduler {
    explicit Warmup(optim::Optimizer& optimizer) : LRScheduler(optimizer) {}
    double next(double, std::int64_t epoch, std::size_t) const override { return 0.1 * static_cast<double>(epoch); }
  };
  const xg::Tensor a = xg::ones({1}, {.requires_grad = true});
  optim::SGD sgd({a}, {.lr = 0});
  Warmup warmup(sgd);
  warmup.step(), warmup.step();
  CHECK(sgd.lr() == doctest::Approx(0.2));
}

TEST_CASE("misuse is a ValueError") {
  const xg::Tensor a = xg::ones({1}, {.requires_grad = true});
  optim::SGD sgd({a}, {.lr = 1});
  CHECK_THROWS_AS(optim::StepLR(sgd, 0), xg::ValueError);
  CHECK_THROWS_AS(optim::StepLR(sgd, 1, -0.1), xg::ValueError);
  CHECK_THROWS_AS(optim::ExponentialLR(sgd, std::nan("")), xg::ValueError);
  optim::ExponentialLR schedule(sgd, 0.5);
  schedule.step();
  CHECK_THROWS_AS(schedule.load_state_dict({}), xg::ValueError);
  CHECK_THROWS_AS(schedule.load_state_dict({{"last_epoch", xg::ones({2})}}), xg::ValueError);
  CHECK(schedule.last_epoch() == 1);
}
