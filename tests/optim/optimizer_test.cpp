// Optimizers: closed forms of a step, states, misuse.
#include <xgrad/xgrad.hpp>

#include <cmath>
#include <cstdint>
#include <doctest/doctest.h>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "core/tensor_impl.hpp"
#include "support/errors.hpp"

namespace xg = xgrad;
namespace optim = xgrad::optim;
using test::mentions;
using test::message_of;
using xg::Tensor;
using xg::TensorList;

namespace {

Tensor from_values(const std::vector<double>& values, const xg::Shape& shape, xg::Dtype dtype = xg::float64) {
  return xg::tensor(std::span<const double>(values), shape).to(dtype);
}

struct Family {
  const char* name;
  std::unique_ptr<optim::Optimizer> (*make)(const TensorList&);
};
const std::vector<Family> families = {
    {"SGD",
     [](const TensorList& p) -> std::unique_ptr<optim::Optimizer> {
       return std::make_unique<optim::SGD>(p, optim::SGDOptions{.lr = 0.1, .momentum = 0.9});
     }},
    {"Adam",
     [](const TensorList& p) -> std::unique_ptr<optim::Optimizer> {
       return std::make_unique<optim::Adam>(p, optim::AdamOptions{.lr = 0.1, .amsgrad = true});
     }},
    {"AdamW",
     [](const TensorList& p) -> std::unique_ptr<optim::Optimizer> {
       return std::make_unique<optim::AdamW>(p, optim::AdamWOptions{.lr = 0.1});
     }},
    {"RMSprop",
     [](const TensorList& p) -> std::unique_ptr<optim::Optimizer> {
       return std::make_unique<optim::RMSprop>(p, optim::RMSpropOptions{.lr = 0.1, .momentum = 0.5, .centered = true});
     }},
    {"Adagrad",
     [](const TensorList& p) -> std::unique_ptr<optim::Optimizer> {
       return std::make_unique<optim::Adagrad>(p, optim::AdagradOptions{.lr = 0.1, .lr_decay = 0.1});
     }},
    {"SparseAdam",
     [](const TensorList& p) -> std::unique_ptr<optim::Optimizer> {
       return std::make_unique<optim::SparseAdam>(p, optim::SparseAdamOptions{.lr = 0.1});
     }},
    {"Adadelta",
     [](const TensorList& p) -> std::unique_ptr<optim::Optimizer> {
       return std::make_unique<optim::Adadelta>(p, optim::AdadeltaOptions{.lr = 2, .eps = 1e-3});
     }},
    {"Adamax",
     [](const TensorList& p) -> std::unique_ptr<optim::Optimizer> {
       return std::make_unique<optim::Adamax>(p, optim::AdamaxOptions{.lr = 0.1});
     }},
    {"NAdam",
     [](const TensorList& p) -> std::unique_ptr<optim::Optimizer> {
       return std::make_unique<optim::NAdam>(p, optim::NAdamOptions{.lr = 0.1, .weight_decay = 0.1});
     }},
    {"RAdam",
     [](const TensorList& p) -> std::unique_ptr<optim::Optimizer> {
       return std::make_unique<optim::RAdam>(p, optim::RAdamOptions{.lr = 0.1, .betas = {0.8, 0.9}});
     }},
    {"Rprop",
     [](const TensorList& p) -> std::unique_ptr<optim::Optimizer> {
       return std::make_unique<optim::Rprop>(p, optim::RpropOptions{.lr = 0.1});
     }},
    {"ASGD",
     [](const TensorList& p) -> std::unique_ptr<optim::Optimizer> {
       return std::make_unique<optim::ASGD>(p, optim::ASGDOptions{.lr = 0.1, .lambd = 0.1, .t0 = 2});
     }},
    {"Lion",
     [](const TensorList& p) -> std::unique_ptr<optim::Optimizer> {
       return std::make_unique<optim::Lion>(p, optim::LionOptions{.lr = 0.1, .weight_decay = 0.1});
     }},
};

Tensor leaf(const std::vector<double>& values, xg::Dtype dtype = xg::float64) {
  return from_values(values, {static_cast<std::int64_t>(values.size())}, dtype).requires_grad_();
}

template <class O, class Options>
void check_climb() {
  const Tensor up = leaf({0}), down = leaf({0});
  O a({up}, Options{.maximize = true}), b({down});
  for (int i = 0; i < 3; ++i) {
    up.set_grad(from_values({1.5}, {1})), down.set_grad(from_values({1.5}, {1}));
    a.step(), b.step();
  }
  CHECK(up.item<double>() == -down.item<double>());
  CHECK(up.item<double>() > 0);
}

}  // namespace

TEST_CASE("a resumed optimizer gives the same bits") {
  for (const Family& family : families) {
    INFO(family.name);
    for (xg::Dtype dtype : {xg::float32, xg::float64}) {
      Tensor a = leaf({0.3, -0.7, 1.1}, dtype), b = leaf({2.0}, dtype);
      const auto gradients = [&](int step, const Tensor& p, const Tensor& q) {
        p.set_grad(from_values({std::sin(step), std::cos(step), 0.1 * step}, {3}, dtype));
        if (step % 2)
          q.set_grad(from_values({0.5 * step}, {1}, dtype));  // q is not trained in every step
        else
          q.zero_grad();
      };
      auto first = family.make({a, b});
      for (int step = 0; step < 5; ++step) gradients(step, a, b), first->step();
      first->set_lr(0.05);
      const Tensor c = a.clone().detach().requires_grad_(), d = b.clone().detach().requires_grad_();
      auto second = family.make({c, d});
      second->load_state_dict(first->state_dict().clone());
      CHECK(second->lr() == 0.05);
      for (int step = 5; step < 10; ++step) {
        gradients(step, a, b), gradients(step, c, d);
        first->step(), second->step();
      }
      CHECK(a.to_vector<double>() == c.to_vector<double>());
      CHECK(b.to_vector<double>() == d.to_vector<double>());
    }
  }
}

TEST_CASE("large parameters are updated element by element as small ones") {
  for (const Family& family : families) {
    INFO(family.name);
    const std::int64_t n = 100003;
    std::vector<double> start(static_cast<std::size_t>(n)), slope(static_cast<std::size_t>(n));
    for (std::size_t i = 0; i < start.size(); ++i)
      start[i] = std::sin(0.1 * static_cast<double>(i)), slope[i] = 1 - start[i];
    const Tensor whole = from_values(start, {n}, xg::float32).requires_grad_();
    auto big = family.make({whole});
    for (int step = 0; step < 3; ++step) whole.set_grad(from_values(slope, {n}, xg::float32)), big->step();
    const std::vector<float> result = whole.to_vector<float>();
    for (std::size_t at :
         {std::size_t{0}, std::size_t{17}, std::size_t{32767}, std::size_t{32768}, std::size_t{100002}}) {
      const Tensor one = from_values({start[at]}, {1}, xg::float32).requires_grad_();
      auto small = family.make({one});
      for (int step = 0; step < 3; ++step) one.set_grad(from_values({slope[at]}, {1}, xg::float32)), small->step();
      CHECK(result[at] == doctest::Approx(one.item<double>()).epsilon(1e-6));
    }
  }
}

TEST_CASE("a step changes what has a gradient, in place, unrecorded, and counts as a change") {
  for (const Family& family : families) {
    INFO(family.name);
    const Tensor a = leaf({1, 2}), b = leaf({3});
    auto optimizer = family.make({a, b});
    a.set_grad(from_values({0.5, -0.5}, {2}));
    const double* address = a.data<double>();
    const std::int64_t version = a.version(), untouched = b.version();
    optimizer->step();
    CHECK(a.data<double>() == address);
    CHECK(a.version() > version);
    CHECK(a.is_leaf());
    CHECK(a.requires_grad());
    CHECK(a.to_vector<double>() != std::vector<double>{1, 2});
    CHECK(b.to_vector<double>() == std::vector<double>{3});
    CHECK(b.version() == untouched);
    CHECK(!optimizer->state_dict().contains("state.1.step"));
    optimizer->zero_grad();
    CHECK(!a.grad().defined());
    // Nothing moves without gradients.
    const std::vector<double> before = a.to_vector<double>();
    optimizer->step();
    CHECK(a.to_vector<double>() == before);
  }
}

TEST_CASE("sizes 0 and 0-d, an expanded gradient, a gradient that is the parameter") {
  for (const Family& family : families) {
    INFO(family.name);
    const Tensor none = xg::zeros({0, 3}, {.requires_grad = true});
    const Tensor one = xg::full({}, 1.0, {.dtype = xg::float64, .requires_grad = true}), flat = leaf({1, 1}),
                 own = leaf({1, 1});
    auto optimizer = family.make({none, one, flat, own});
    none.set_grad(xg::zeros({0, 3}));
    one.set_grad(xg::ones({}, {.dtype = xg::float64}));
    flat.set_grad(xg::detail::make_view(xg::ones({}, {.dtype = xg::float64}), {2}, {0}, 0));
    own.set_grad(own.detach());
    optimizer->step();
    CHECK(one.item<double>() < 1);
    CHECK(flat.to_vector<double>() == std::vector<double>(2, one.item<double>()));
    CHECK(own.to_vector<double>() == std::vector<double>(2, one.item<double>()));
  }
}

TEST_CASE("Adam's eps stands outside the root") {
  const Tensor p = leaf({0});
  optim::Adam adam({p}, {.lr = 1, .eps = 0.5});
  p.set_grad(from_values({1e-4}, {1}));
  adam.step();
  CHECK(p.item<double>() == doctest::Approx(-1e-4 / (1e-4 + 0.5)));  // not 1e-4 / sqrt(1e-8 + 0.5)
}

TEST_CASE("AdamW decays apart from the gradient, Adam through it") {
  const Tensor p = leaf({2}), q = leaf({2});
  optim::AdamW decoupled({p}, {.lr = 0.1, .weight_decay = 0.5});
  optim::Adam coupled({q}, {.lr = 0.1, .weight_decay = 0.5});
  p.set_grad(from_values({0}, {1})), q.set_grad(from_values({0}, {1}));
  decoupled.step(), coupled.step();
  CHECK(p.item<double>() == doctest::Approx(2 * (1 - 0.1 * 0.5)));
  CHECK(q.item<double>() == doctest::Approx(2 - 0.1));  // the first step's length is lr
}

TEST_CASE("Adagrad's sum begins at its initial value, and its rate falls") {
  const Tensor p = leaf({0});
  optim::Adagrad adagrad({p}, {.lr = 1, .lr_decay = 0.5, .initial_accumulator_value = 7, .eps = 1});
  p.set_grad(from_values({3}, {1}));
  adagrad.step();
  CHECK(p.item<double>() == doctest::Approx(-3.0 / (4 + 1)));
  adagrad.step();
  CHECK(p.item<double>() == doctest::Approx(-3.0 / (4 + 1) - 1 / 1.5 * 3 / (5 + 1)));
  CHECK(adagrad.state_dict().at("state.0.sum").item<double>() == 25);

  // Three steps of torch.optim.Adagrad.
  const Tensor q = leaf({0.5, -1, 2});
  optim::Adagrad both({q}, {.lr = 0.2, .lr_decay = 0.1, .weight_decay = 0.1, .initial_accumulator_value = 0.5});
  for (int k = 0; k < 3; ++k) q.set_grad(from_values({1, -0.5 * k, 0.25 + k}, {3})), both.step();
  const std::vector<double> values{0.1307621667276761, -0.72884247170710703, 1.5981450978727432},
      sums{3.7147446362512815, 2.0450350600579341, 8.6475714588532142};
  for (std::int64_t i = 0; i < 3; ++i) {
    CHECK(q.detach()[i].item<double>() == doctest::Approx(values[static_cast<std::size_t>(i)]).epsilon(1e-12));
    CHECK(both.state_dict().at("state.0.sum")[i].item<double>() ==
          doctest::Approx(sums[static_cast<std::size_t>(i)]).epsilon(1e-12));
  }
}

TEST_CASE("maximize climbs as far as minimizing descends") {
  check_climb<optim::RMSprop, optim::RMSpropOptions>();
  check_climb<optim::Adagrad, optim::AdagradOptions>();
  check_climb<optim::SparseAdam, optim::SparseAdamOptions>();
}

TEST_CASE("learning rates and options are read and set by group") {
  const Tensor a = leaf({1}), b = leaf({1}), c = leaf({1});
  optim::SGD sgd({{{a}, {.lr = 0.1}}, {{b}, {.lr = 0.2, .momentum = 0.5}}});
  CHECK(sgd.group_count() == 2);
  CHECK(sgd.lr() == 0.1);
  CHECK(sgd.lr(1) == 0.2);
  sgd.add_param_group({{c}, {.lr = 0.3}});
  CHECK(sgd.parameters(2)[0].is_same(c));
  sgd.set_group_lr(1, 0.7);
  CHECK(sgd.lr(0) == 0.1);
  CHECK(sgd.lr(1) == 0.7);
  sgd.set_lr(0.5);
  for (std::size_t g = 0; g < 3; ++g) CHECK(sgd.lr(g) == 0.5);
  sgd.options(1).momentum = 0;
  b.set_grad(from_values({1}, {1}));
  sgd.step();
  CHECK(b.item<double>() == 0.5);
  CHECK(mentions(message_of<xg::IndexError>([&] { sgd.lr(3); }), {"group 3", "there are 3"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { sgd.set_lr(-1); }), {"lr", "-1", "optimizer_test.cpp"}));
  CHECK(sgd.lr() == 0.5);
}

TEST_CASE("options switched on between steps start afresh") {
  const Tensor p = leaf({0}), q = leaf({0}), r = leaf({0});
  optim::SGD sgd({p}, {.lr = 1});
  optim::Adam adam({q}, {.lr = 1});
  optim::RMSprop rms({r}, {.lr = 1});
  const auto step = [&] {
    for (const Tensor& x : {p, q, r}) x.set_grad(from_values({1}, {1}));
    sgd.step(), adam.step(), rms.step();
  };
  step();
  sgd.options().momentum = 0.5;
  adam.options().amsgrad = true;
  rms.options().centered = true;
  rms.options().momentum = 0.5;
  step(), step();
  CHECK(p.item<double>() == -1 - 1 - 1.5);
  CHECK(q.item<double>() == doctest::Approx(-3).epsilon(1e-6));
  CHECK(std::isfinite(r.item<double>()));
}

TEST_CASE("parameters converted between steps go on with their state") {
  for (const Family& family : families) {
    INFO(family.name);
    const Tensor p = leaf({1, -1}, xg::float32);
    auto optimizer = family.make({p});
    p.set_grad(from_values({1, 2}, {2}, xg::float32));
    optimizer->step();
    const xg::StateDict state = optimizer->state_dict().clone();
    const Tensor wide = p.detach().to(xg::float64).requires_grad_();
    auto next = family.make({wide});
    next->load_state_dict(state);
    for (const auto& [name, tensor] : next->state_dict())
      if (tensor.dim() > 0) CHECK(tensor.dtype() == xg::float64);
    wide.set_grad(from_values({1, 2}, {2}));
    next->step();
    CHECK(std::isfinite(wide.to_vector<double>()[0]));
  }
}

TEST_CASE("misuse is named, and changes nothing") {
  const Tensor a = leaf({1, 2});
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(mentions(message_of<xg::ValueError>([&] { optim::SGD({}, {.lr = 0.1}); }), {"SGD", "empty"}));
  CHECK(mentions(message_of<xg::ValueError>([&] {
                   optim::Adam({a, Tensor()});
                 }),
                 {"Adam", "parameter 1", "undefined"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { optim::Adam({a, a}); }), {"Adam", "parameter 1", "twice"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { optim::AdamW({a.clone()}); }),
                 {"AdamW", "parameter 0", "clone", "leaves", "optimizer_test.cpp"}));
  CHECK(mentions(message_of<xg::DtypeError>([&] { optim::RMSprop({xg::tensor({1, 2})}); }), {"RMSprop", "int64"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { optim::SGD({a}, {.lr = -1}); }), {"SGD", "lr", "-1"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { optim::SGD({a}, {.lr = nan}); }), {"SGD", "lr", "nan"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { optim::SGD({a}, {.nesterov = true}); }), {"nesterov", "momentum"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { optim::Adam({a}, {.betas = {0.9, 1.0}}); }), {"betas", "0.9"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { optim::Adam({a}, {.eps = -1}); }), {"eps"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { optim::RMSprop({a}, {.alpha = -1}); }), {"alpha"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { optim::Adagrad({a}, {.lr_decay = -1}); }), {"Adagrad", "lr_decay"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { optim::Adagrad({a}, {.initial_accumulator_value = nan}); }),
                 {"initial_accumulator_value", "nan"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { optim::SparseAdam({a}, {.eps = 0}); }), {"SparseAdam", "eps", "0"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { optim::SparseAdam({a}, {.betas = {1, 0.9}}); }), {"betas"}));

  optim::SGD one({a}, {.lr = 0.5});
  CHECK(mentions(message_of<xg::ValueError>([&] { one.add_param_group({{a}}); }), {"twice"}));
  CHECK(one.group_count() == 1);

  const Tensor b = leaf({1, 2, 3});
  optim::Adam from({b}), to({a}, {.lr = 0.25});
  b.set_grad(from_values({1, 1, 1}, {3}));
  from.step();
  CHECK(mentions(message_of<xg::ShapeError>([&] { to.load_state_dict(from.state_dict()); }),
                 {"state.0.exp_avg", "[3]", "[2]"}));
  xg::StateDict partial = from.state_dict();
  partial.erase("state.0.exp_avg_sq");
  CHECK(mentions(message_of<xg::ValueError>([&] { from.load_state_dict(partial); }), {"Adam", "state.0.exp_avg_sq"}));
  xg::StateDict more = from.state_dict();
  more.insert("state.1.step", xg::tensor({1}));
  CHECK(mentions(message_of<xg::ValueError>([&] { from.load_state_dict(more); }), {"no place", "state.1.step"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { from.load_state_dict({}); }), {"groups.0.lr"}));
  CHECK(to.lr() == 0.25);
  CHECK(!to.state_dict().contains("state.0.step"));
}
