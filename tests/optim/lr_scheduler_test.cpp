// Schedules: groups, combinations, states, misuse. The sequences themselves are checked by the reference runner.
#include <xgrad/xgrad.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <vector>

#include "support/errors.hpp"

namespace xg = xgrad;
namespace optim = xgrad::optim;
using test::mentions;
using test::message_of;

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

TEST_CASE("schedules of functions, constants, milestones and chains") {
  const xg::Tensor a = xg::ones({1}, {.requires_grad = true}), b = xg::ones({1}, {.requires_grad = true});
  {
    optim::SGD sgd({{{a}, {.lr = 1.0}}, {{b}, {.lr = 0.5}}});
    optim::LambdaLR schedule(
        sgd, {[](std::int64_t n) { return 1 / (1.0 + static_cast<double>(n)); }, [](std::int64_t) { return 2.0; }});
    CHECK(sgd.lr(1) == 1);
    schedule.step(), schedule.step();
    CHECK(sgd.lr(0) == doctest::Approx(1.0 / 3));
    CHECK(sgd.lr(1) == 1);
  }
  {
    optim::SGD sgd({a}, {.lr = 1});
    optim::MultiplicativeLR schedule(sgd, [](std::int64_t n) { return n == 2 ? 0.5 : 1.0; });
    for (int i = 0; i < 4; ++i) schedule.step();
    CHECK(sgd.lr() == 0.5);
  }
  {
    optim::SGD sgd({a}, {.lr = 1});
    optim::ConstantLR warm(sgd, 0.5, 3);
    optim::MultiStepLR steps(sgd, {4, 4, 2}, 0.1);
    optim::ChainedScheduler both({&warm, &steps});
    const double expected[] = {0.5, 0.5, 0.05, 0.1, 0.001};
    for (const double lr : expected) {
      CHECK(sgd.lr() == doctest::Approx(lr));
      both.step();
    }
    CHECK(both.last_epoch() == 5);
    CHECK(steps.last_epoch() == 5);
  }
}

TEST_CASE("momentum goes the other way, in the option that the optimizer has") {
  const xg::Tensor a = xg::ones({1}, {.requires_grad = true});
  optim::Adam adam({a}, {.lr = 1});
  optim::CyclicLR schedule(adam, 0.1, 1, {.step_size_up = 2, .base_momentum = 0.5, .max_momentum = 0.9});
  CHECK(adam.lr() == doctest::Approx(0.1));
  CHECK(adam.options().betas.first == 0.9);
  schedule.step(), schedule.step();
  CHECK(adam.lr() == doctest::Approx(1));
  CHECK(adam.options().betas.first == doctest::Approx(0.5));
  // A new optimizer has its own betas until the schedule's state is loaded.
  optim::Adam next({a}, {.lr = 1});
  optim::CyclicLR again(next, 0.1, 1, {.step_size_up = 2, .base_momentum = 0.5, .max_momentum = 0.9});
  again.load_state_dict(schedule.state_dict());
  CHECK(next.options().betas.first == doctest::Approx(0.5));
  optim::Adagrad neither({a});
  CHECK_THROWS_AS(optim::CyclicLR(neither, 0.1, 1), xg::ValueError);
}

TEST_CASE("a schedule that ends, one without a place to begin, and parts that do not fit") {
  const xg::Tensor a = xg::ones({1}, {.requires_grad = true});
  optim::SGD sgd({a}, {.lr = 1, .momentum = 0.9}), other({a}, {.lr = 1});
  optim::OneCycleLR cycle(sgd, 1, {.total_steps = 3});
  for (int i = 0; i < 3; ++i) cycle.step();
  const double lr = sgd.lr();
  CHECK_THROWS_AS(cycle.step(), xg::ValueError);
  CHECK(cycle.last_epoch() == 3);
  CHECK(sgd.lr() == lr);
  CHECK_THROWS_AS(optim::OneCycleLR(sgd, 1, {}), xg::ValueError);
  CHECK_THROWS_AS(optim::OneCycleLR(sgd, {1, 2}, {.total_steps = 3}), xg::ValueError);
  optim::StepLR mine(sgd, 1), theirs(other, 1);
  CHECK_THROWS_AS(optim::ChainedScheduler({&mine, &theirs}), xg::ValueError);
  CHECK_THROWS_AS(optim::ChainedScheduler(std::vector<optim::LRScheduler*>{}), xg::ValueError);
  CHECK_THROWS_AS(optim::SequentialLR(sgd, {&mine, &mine}, {0}), xg::ValueError);
  CHECK_THROWS_AS(optim::SequentialLR(sgd, {&mine}, {3}), xg::ValueError);

  // A state that does not fit changes no part.
  optim::ExponentialLR decay(sgd, 0.5);
  optim::SequentialLR both(sgd, {&mine, &decay}, {2});
  both.step();
  xg::StateDict state = both.state_dict().clone();
  both.step(), both.step();
  state.insert_or_assign("1.last_epoch", xg::tensor({-1}));
  CHECK_THROWS_AS(both.load_state_dict(state), xg::ValueError);
  CHECK(both.last_epoch() == 3);
  CHECK(mine.last_epoch() == 1);
  CHECK(decay.last_epoch() == 1);
  state = both.state_dict().clone();
  both.step();
  state.insert_or_assign("last_epoch", xg::tensor({-1}));
  CHECK_THROWS_AS(both.load_state_dict(state), xg::ValueError);
  CHECK(both.last_epoch() == 4);
  CHECK(decay.last_epoch() == 2);
}

TEST_CASE("a straight cycle ends at 0 in a loop that steps after its last batch") {
  const xg::Tensor a = xg::ones({1}, {.requires_grad = true});
  optim::SGD sgd({a}, {.lr = 1, .momentum = 0.9});
  optim::OneCycleLR cycle(sgd, 1, {.total_steps = 10, .anneal_strategy = "linear"});
  for (int i = 0; i < 9; ++i) cycle.step();
  CHECK(sgd.lr() == doctest::Approx(1 / 25.0 / 1e4));
  cycle.step();
  CHECK(sgd.lr() == 0);
  CHECK_THROWS_AS(cycle.step(), xg::ValueError);
}

TEST_CASE("a step that fails changes nothing, in chains and sequences too") {
  const xg::Tensor a = xg::ones({1}, {.requires_grad = true});
  optim::SGD sgd({a}, {.lr = 1, .momentum = 0.5});
  const auto broken = [](std::int64_t n) { return n == 2 ? std::nan("") : 1.0; };
  optim::CyclicLR cycle(sgd, 0.1, 1, {.step_size_up = 4});
  optim::MultiplicativeLR last(sgd, broken);
  optim::ChainedScheduler chain({&cycle, &last});
  chain.step();
  const double lr = sgd.lr(), momentum = sgd.options().momentum;
  CHECK(mentions(message_of<xg::ValueError>([&] { chain.step(); }), {"lr", "nan", "epoch 2"}));
  CHECK(sgd.lr() == lr);
  CHECK(sgd.options().momentum == momentum);
  for (const optim::LRScheduler* one : std::vector<optim::LRScheduler*>{&chain, &cycle, &last})
    CHECK(one->last_epoch() == 1);

  optim::SGD other({a}, {.lr = 1});
  optim::StepLR first(other, 5);
  optim::LambdaLR second(other, [](std::int64_t n) { return n == 1 ? -1.0 : 1.0; });
  optim::SequentialLR both(other, {&first, &second}, {2});
  both.step(), both.step();
  CHECK_THROWS_AS(both.step(), xg::ValueError);
  CHECK(both.last_epoch() == 2);
  CHECK(second.last_epoch() == 0);
  CHECK(other.lr() == 1);
}

TEST_CASE("a loaded sequence has the momentum of the part that works") {
  const xg::Tensor a = xg::ones({1}, {.requires_grad = true});
  struct Run {
    optim::SGD sgd;
    optim::CyclicLR cycle{sgd, 0.1, 1, {.step_size_up = 4}};
    optim::OneCycleLR one{sgd, 1, {.total_steps = 20}};
    optim::SequentialLR both{sgd, {&cycle, &one}, {5}};
    explicit Run(const xg::Tensor& p) : sgd({p}, {.lr = 1, .momentum = 0.5}) {}
  };
  for (int stop = 0; stop < 10; ++stop) {
    Run through(a), resumed(a);
    for (int k = 0; k < stop; ++k) through.both.step();
    resumed.sgd.load_state_dict(through.sgd.state_dict());
    resumed.both.load_state_dict(through.both.state_dict().clone());
    for (int k = 0; k < 3; ++k) {
      CHECK(resumed.sgd.lr() == through.sgd.lr());
      CHECK(resumed.sgd.options().momentum == through.sgd.options().momentum);
      resumed.both.step(), through.both.step();
    }
  }
}

TEST_CASE("a chain that begins within a sequence multiplies its parts' factors") {
  const xg::Tensor a = xg::ones({1}, {.requires_grad = true});
  optim::SGD sgd({a}, {.lr = 1});
  optim::ConstantLR half(sgd, 0.5);
  optim::LinearLR tenth(sgd, {.start_factor = 0.1});
  optim::ChainedScheduler chain({&half, &tenth});
  optim::StepLR steps(sgd, 1);
  SUBCASE("first") {
    optim::SequentialLR schedule(sgd, {&chain, &steps}, {3});
    CHECK(sgd.lr() == doctest::Approx(0.05));
  }
  SUBCASE("second") {
    optim::SequentialLR schedule(sgd, {&steps, &chain}, {3});
    CHECK(sgd.lr() == 1);
    for (int k = 0; k < 3; ++k) schedule.step();
    CHECK(sgd.lr() == doctest::Approx(0.05));
    CHECK(half.last_epoch() == 0);
  }
}

TEST_CASE("metrics: plateaus in either direction, NaN, and early stopping") {
  const xg::Tensor a = xg::ones({1}, {.requires_grad = true});
  optim::SGD sgd({a}, {.lr = 1});
  optim::ReduceLROnPlateau plateau(
      sgd, {.mode = "max", .factor = 0.5, .patience = 1, .threshold = 0.1, .threshold_mode = "abs", .min_lr = 0.3});
  plateau.step(1), plateau.step(1.05);
  CHECK(sgd.lr() == 1);
  plateau.step(std::nan(""));
  CHECK(sgd.lr() == 0.5);
  plateau.step(1.2);
  CHECK(plateau.best() == 1.2);
  plateau.step(0), plateau.step(0);
  CHECK(sgd.lr() == 0.3);
  CHECK_THROWS_AS(optim::ReduceLROnPlateau(sgd, {.factor = 1}), xg::ValueError);
  CHECK_THROWS_AS(optim::ReduceLROnPlateau(sgd, {.mode = "least"}), xg::ValueError);

  optim::EarlyStopping stopping({.patience = 2, .min_delta = 0.1});
  CHECK_FALSE(stopping.step(1));
  CHECK(stopping.improved());
  CHECK_FALSE(stopping.step(0.95));
  CHECK_FALSE(stopping.improved());
  optim::EarlyStopping resumed({.patience = 2, .min_delta = 0.1});
  resumed.load_state_dict(stopping.state_dict());
  CHECK_FALSE(resumed.step(0.8));
  CHECK(resumed.best_epoch() == 2);
  CHECK_FALSE(resumed.step(std::nan("")));
  CHECK(resumed.step(0.8));
  CHECK(resumed.best() == 0.8);
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
