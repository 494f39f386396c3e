// Optimizers whose steps no case of PyTorch's is about, what closures do, and misuse. The reference runner follows the
// rest.
#include <xgrad/optim/lbfgs.hpp>
#include <xgrad/xgrad.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <limits>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
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

const optim::LBFGSOptions wolfe{.max_iter = 4, .line_search_fn = "strong_wolfe"};

// The loss of `of`, evaluated with its gradients.
template <class F>
optim::Closure evaluating(optim::Optimizer& optimizer, F of) {
  return [&optimizer, of] {
    optimizer.zero_grad();
    Tensor loss = of();
    loss.backward();
    return loss;
  };
}
Tensor valley(const Tensor& a, const Tensor& b) { return (10 * (b - a.square()).square() + (1 - a).square()).sum(); }

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
  const double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor q = numbers({0, 0, 0, 0, 0, 0});
  optim::Lion ends({q}, {.lr = 0.5});
  q.set_grad(numbers({inf, -inf, -0.0, 1e-320, -1e-320, nan}).detach());
  ends.step();
  const std::vector<double> moved = q.detach().to_vector<double>();
  for (std::size_t i = 0; i < 5; ++i) CHECK(moved[i] == std::vector<double>{-0.5, 0.5, 0, -0.5, 0.5}[i]);
  CHECK(std::isnan(moved[5]));
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

TEST_CASE("LBFGS finds the minimum of a quadratic form") {
  // 1/2 x A x - b x, whose minimum solves A x = b: x = (1, -2, 3).
  const Tensor a = xg::tensor({{4.0, 1.0, 0.0}, {1.0, 3.0, 1.0}, {0.0, 1.0, 2.0}}, {.dtype = xg::float64});
  const Tensor b = xg::tensor({2.0, -2.0, 4.0}, {.dtype = xg::float64}), x = numbers({5, 5, 5});
  optim::LBFGS lbfgs(
      {x}, {.max_iter = 40, .tolerance_grad = 1e-10, .tolerance_change = 1e-18, .line_search_fn = "strong_wolfe"});
  lbfgs.step(evaluating(lbfgs, [&] { return 0.5 * x.dot(a.matmul(x)) - b.dot(x); }));
  const std::vector<double> expected{1, -2, 3}, found = x.detach().to_vector<double>();
  for (std::size_t i = 0; i < 3; ++i) CHECK(found[i] == doctest::Approx(expected[i]).epsilon(1e-9));
  CHECK(lbfgs.state_dict().at("state.0.n_iter").item<int>() < 20);
}

TEST_CASE("the search ends after 25 evaluations behind the first, and where a bracket is too short") {
  const Tensor x = numbers({0}), y = numbers({1e-11});
  const auto evaluations = [](const optim::LBFGS& l) { return l.state_dict().at("state.0.func_evals").item<int>(); };
  optim::LBFGS down({x}, {.max_iter = 1, .line_search_fn = "strong_wolfe"});
  down.step(evaluating(down, [&] { return -x.sum(); }));  // each step is ten times as long as the one before
  CHECK(evaluations(down) == 27);
  CHECK(x.detach().item<double>() == doctest::Approx(1e25));
  optim::LBFGS narrow({y}, {.lr = 5e-10, .max_iter = 1, .line_search_fn = "strong_wolfe"});
  narrow.step(evaluating(narrow, [&] { return (1e10 * y).sin().sum(); }));
  CHECK(evaluations(narrow) == 2);
  CHECK(y.detach().item<double>() == 1e-11);
}

TEST_CASE("a resumed LBFGS gives the same bits, also after a closure that threw") {
  for (const xg::Dtype dtype : {xg::float32, xg::float64})
    for (const bool search : {false, true}) {
      const optim::LBFGSOptions options{.lr = search ? 1 : 0.02,
                                        .max_iter = 3,
                                        .history_size = 4,
                                        .line_search_fn = search ? wolfe.line_search_fn : std::nullopt};
      const auto make = [&](const std::vector<double>& values) {
        return numbers(values).detach().to(dtype).requires_grad_();
      };
      // The third parameter never has a gradient.
      std::vector<Tensor> p{make({-1, 0.5}), make({1, -1}), make({7})}, q;
      optim::LBFGS first({p[0], p[1], p[2]}, options);
      const auto train = [](optim::LBFGS& lbfgs, const std::vector<Tensor>& on) {
        return lbfgs.step(evaluating(lbfgs, [&] { return valley(on[0], on[1]); })).item<double>();
      };
      for (int i = 0; i < 3; ++i) train(first, p);

      const std::vector<double> before = p[0].to_vector<double>();
      const xg::StateDict state = first.state_dict().clone();
      int calls = 0;
      CHECK_THROWS_AS(first.step([&]() -> Tensor {
        if (++calls == 3) throw std::runtime_error("no more");
        first.zero_grad();
        Tensor loss = valley(p[0], p[1]);
        loss.backward();
        return loss;
      }),
                      std::runtime_error);
      CHECK(p[0].to_vector<double>() == before);
      CHECK(first.state_dict().keys() == state.keys());
      for (const auto& [key, value] : first.state_dict()) CHECK(xg::equal(value, state.at(key)));

      for (const Tensor& x : p) q.push_back(x.detach().clone().requires_grad_());
      optim::LBFGS second({q[0], q[1], q[2]}, options);
      second.load_state_dict(state);
      for (int i = 0; i < 4; ++i) CHECK(train(first, p) == train(second, q));
      for (std::size_t i = 0; i < 3; ++i) CHECK(p[i].to_vector<double>() == q[i].to_vector<double>());
      CHECK(p[2].to_vector<double>() == std::vector<double>{7});
    }
}

TEST_CASE("LBFGS takes gradients by rows, a dtype that changes, sizes 0 and 0-d, and no notice of threads") {
  const Tensor index = xg::tensor({1, 3, 1}), start = xg::arange(10.0, {.dtype = xg::float64}).reshape({5, 2});
  const Tensor table = start.clone().requires_grad_(), whole = start.clone().requires_grad_();
  optim::LBFGS by_rows({table}, wolfe), dense({whole}, wolfe);
  by_rows.step(evaluating(by_rows, [&] { return xg::embedding(table, index).square().sum(); }));
  dense.step(evaluating(dense, [&] { return whole.index_select(0, index).square().sum(); }));
  CHECK(xg::allclose(table.detach(), whole.detach()));
  CHECK(!xg::equal(table.detach(), start));

  xg::nn::Linear net(2, 1);
  optim::LBFGS trained(net.parameters(), wolfe);
  const auto step = [&](xg::Dtype dtype) {
    const Tensor x = xg::ones({3, 2}, {.dtype = dtype});
    return trained.step(evaluating(trained, [&] { return (net.forward(x) - 4).square().mean(); })).item<double>();
  };
  const double loss = step(xg::float32);
  net.to(xg::float64);
  CHECK(step(xg::float64) < loss);
  for (const auto& [key, value] : trained.state_dict())
    if (value.dim() > 0) CHECK(value.dtype() == xg::float64);

  const Tensor none = numbers({}), one = xg::full({}, 3.0, {.requires_grad = true});
  optim::LBFGS nothing({none}, wolfe), scalar({one}, wolfe);
  CHECK(nothing.step(evaluating(nothing, [&] { return none.sum(); })).item<double>() == 0);
  scalar.step(evaluating(scalar, [&] { return one.square(); }));
  CHECK(std::abs(one.detach().item<double>()) < 1e-3);

  std::vector<std::vector<float>> results;
  const int threads = xg::get_num_threads();
  for (const int count : {1, 2}) {
    xg::set_num_threads(count);
    const Tensor x = xg::linspace(-2, 2, 200003, {.requires_grad = true});
    optim::LBFGS lbfgs({x}, wolfe);
    for (int i = 0; i < 2; ++i) lbfgs.step(evaluating(lbfgs, [&] { return ((2 * x).sin() + x.square()).sum(); }));
    results.push_back(x.detach().to_vector<float>());
  }
  xg::set_num_threads(threads);
  CHECK(results[0] == results[1]);
}

TEST_CASE("LBFGS says what it was not given, and a loss that is not a number ends a step") {
  static_assert(!std::is_constructible_v<optim::LBFGS, std::vector<optim::ParameterGroup<optim::LBFGSOptions>>>);
  const Tensor p = numbers({1, 2}), single = xg::ones({2}, {.requires_grad = true});
  const auto refused = [&](const optim::LBFGSOptions& options, std::initializer_list<std::string_view> words) {
    CHECK(mentions(message_of<xg::ValueError>([&] { optim::LBFGS({p}, options); }), words));
  };
  refused({.lr = -1}, {"LBFGS", "lr", "-1", "trajectory_test.cpp"});
  refused({.max_iter = -1}, {"max_iter", "-1"});
  refused({.max_eval = -2}, {"max_eval", "-2"});
  refused({.tolerance_grad = std::nan("")}, {"tolerance_grad", "nan"});
  refused({.tolerance_change = -1}, {"tolerance_change"});
  refused({.history_size = 0}, {"history_size", "0"});
  refused({.line_search_fn = "armijo"}, {"line_search_fn", "armijo", "strong_wolfe"});
  CHECK_THROWS_AS(optim::LBFGS({}), xg::ValueError);

  optim::LBFGS lbfgs({p}, wolfe);
  optim::Optimizer& any = lbfgs;
  CHECK(mentions(message_of<xg::ValueError>([&] { any.step(); }), {"LBFGS", "closure"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { any.step(optim::Closure()); }), {"LBFGS", "closure"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { any.step([&] { return p.detach(); }); }), {"one number", "[2]"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { any.step([] { return Tensor(); }); }), {"undefined"}));
  optim::LBFGS mixed({p, single}, wolfe);
  CHECK(mentions(message_of<xg::DtypeError>([&] { mixed.step([] { return Tensor(); }); }), {"float64", "float32"}));
  CHECK(p.detach().to_vector<double>() == std::vector<double>{1, 2});
  CHECK(lbfgs.state_dict().keys() == std::vector<std::string>{"groups.0.lr"});

  any.step(evaluating(any, [&] { return p.square().sum(); }));
  const xg::StateDict good = any.state_dict().clone();
  optim::LBFGS other({numbers({1, 2, 3})});
  CHECK(mentions(message_of<xg::ShapeError>([&] { other.load_state_dict(good); }), {"state.0.d", "[2]", "[3]"}));
  xg::StateDict bad = good;
  bad.erase("state.0.old_stps.0");
  CHECK(mentions(message_of<xg::ValueError>([&] { any.load_state_dict(bad); }), {"LBFGS", "state.0.old_stps.0"}));
  bad = good;
  bad.insert("state.1.d", xg::ones({2}));
  CHECK(mentions(message_of<xg::ValueError>([&] { any.load_state_dict(bad); }), {"no place", "state.1.d"}));
  bad = good;
  bad.insert_or_assign("state.0.n_iter", xg::full({}, -1, {.dtype = xg::int64}));
  CHECK(mentions(message_of<xg::ValueError>([&] { any.load_state_dict(bad); }), {"n_iter", "-1"}));
  for (const auto& [key, value] : any.state_dict()) CHECK(xg::equal(value, good.at(key)));

  for (const bool search : {false, true}) {
    const Tensor x = numbers({1});
    optim::LBFGS lost({x}, {.line_search_fn = search ? wolfe.line_search_fn : std::nullopt});
    const double nan = std::numeric_limits<double>::quiet_NaN();
    CHECK(std::isnan(lost.step(evaluating(lost, [&] { return (x * nan).sum(); })).item<double>()));
    CHECK(std::isnan(x.detach().item<double>()));
  }
}
