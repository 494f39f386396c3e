// Steps by the gradient's rows: the same bits as by the whole gradient, for every optimizer and number of threads.
#include <xgrad/xgrad.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <doctest/doctest.h>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "numeric.hpp"
#include "tape/node.hpp"

namespace xg = xgrad;
namespace optim = xgrad::optim;
using xg::Tensor;

namespace {

bool by_rows(const Tensor& table) { return xg::detail::impl(table).cell->rows != nullptr; }

struct Stepper {
  std::string name;
  std::unique_ptr<optim::Optimizer> (*make)(const Tensor&);
  bool leaves_others = false;  // rows without a gradient
};

template <class O>
std::unique_ptr<optim::Optimizer> made(O* optimizer) {
  return std::unique_ptr<optim::Optimizer>(optimizer);
}

const std::vector<Stepper> steppers = {
    {"SGD", [](const Tensor& t) { return made(new optim::SGD({t}, {.lr = 0.1})); }, true},
    {"SGD, maximize", [](const Tensor& t) { return made(new optim::SGD({t}, {.lr = 0.1, .maximize = true})); }, true},
    {"SGD, momentum", [](const Tensor& t) { return made(new optim::SGD({t}, {.lr = 0.1, .momentum = 0.9})); }},
    {"SGD, nesterov",
     [](const Tensor& t) {
       return made(new optim::SGD({t}, {.lr = 0.1, .momentum = 0.9, .weight_decay = 0.01, .nesterov = true}));
     }},
    {"SGD, decay", [](const Tensor& t) { return made(new optim::SGD({t}, {.lr = 0.1, .weight_decay = 0.01})); }},
    {"Adam", [](const Tensor& t) { return made(new optim::Adam({t}, {.lr = 0.1})); }},
    {"Adam, amsgrad",
     [](const Tensor& t) {
       return made(new optim::Adam({t}, {.lr = 0.1, .weight_decay = 0.01, .amsgrad = true, .maximize = true}));
     }},
    {"AdamW", [](const Tensor& t) { return made(new optim::AdamW({t}, {.lr = 0.1})); }},
    {"RMSprop", [](const Tensor& t) { return made(new optim::RMSprop({t}, {.lr = 0.1})); }},
    {"RMSprop, centered",
     [](const Tensor& t) { return made(new optim::RMSprop({t}, {.lr = 0.1, .momentum = 0.5, .centered = true})); }},
    {"Adagrad", [](const Tensor& t) { return made(new optim::Adagrad({t}, {.lr = 0.1, .lr_decay = 0.1})); }, true},
    {"Adagrad, decay",
     [](const Tensor& t) { return made(new optim::Adagrad({t}, {.lr = 0.1, .weight_decay = 0.01})); }},
    {"SparseAdam", [](const Tensor& t) { return made(new optim::SparseAdam({t}, {.lr = 0.1})); }, true},
    {"Adadelta", [](const Tensor& t) { return made(new optim::Adadelta({t}, {.lr = 2})); }},
    {"Adadelta, decay",
     [](const Tensor& t) { return made(new optim::Adadelta({t}, {.lr = 2, .weight_decay = 0.01})); }},
    {"Adamax", [](const Tensor& t) { return made(new optim::Adamax({t}, {.lr = 0.1})); }},
    {"NAdam", [](const Tensor& t) { return made(new optim::NAdam({t}, {.lr = 0.1})); }},
    {"NAdam, decoupled",
     [](const Tensor& t) {
       return made(new optim::NAdam({t}, {.lr = 0.1, .weight_decay = 0.01, .decoupled_weight_decay = true}));
     }},
    {"RAdam",
     [](const Tensor& t) {
       return made(new optim::RAdam({t}, {.lr = 0.1, .betas = {0.8, 0.9}}));
     }},
    {"RAdam, decoupled",
     [](const Tensor& t) {
       return made(new optim::RAdam({t}, {.lr = 0.1, .weight_decay = 0.01, .decoupled_weight_decay = true}));
     }},
    {"Rprop", [](const Tensor& t) { return made(new optim::Rprop({t}, {.lr = 0.1})); }},
    {"ASGD", [](const Tensor& t) { return made(new optim::ASGD({t}, {.lr = 0.1, .t0 = 1})); }},
    {"ASGD, decay", [](const Tensor& t) { return made(new optim::ASGD({t}, {.lr = 0.1, .weight_decay = 0.01})); }},
    {"Lion", [](const Tensor& t) { return made(new optim::Lion({t}, {.lr = 0.1})); }},
    {"Lion, decay", [](const Tensor& t) { return made(new optim::Lion({t}, {.lr = 0.1, .weight_decay = 0.01})); }},
};

Tensor make_table(const xg::Shape& shape, xg::Dtype dtype) {
  xg::manual_seed(5);
  return xg::randn(shape, {.dtype = dtype, .requires_grad = true});
}

// Looks up a quarter as many rows as there are, other ones at each step and some of them more than once.
Tensor loss_of(const Tensor& table, int step) {
  xg::manual_seed(100 + static_cast<std::uint64_t>(step));
  const std::int64_t count = table.sizes()[0] / 4;
  const Tensor index = xg::randint(step * count / 2, (step + 2) * count / 2, {count});
  return (xg::embedding(table, index) * xg::randn({count, table.sizes()[1]}, {.dtype = table.dtype()})).sum();
}

// Three steps; the second table's gradient is looked at before each.
void compare(const Stepper& stepper, const xg::Shape& shape, xg::Dtype dtype) {
  INFO(stepper.name);
  const Tensor lazy = make_table(shape, dtype), whole = make_table(shape, dtype), start = lazy.detach().clone();
  const auto lazy_optimizer = stepper.make(lazy), whole_optimizer = stepper.make(whole);
  for (int step = 0; step < 3; ++step) {
    lazy.zero_grad(), whole.zero_grad();
    loss_of(lazy, step).backward(), loss_of(whole, step).backward();
    REQUIRE(by_rows(lazy));
    REQUIRE(whole.grad().defined());
    REQUIRE_FALSE(by_rows(whole));
    const std::int64_t version = lazy.version();
    lazy_optimizer->step(), whole_optimizer->step();
    CHECK(by_rows(lazy));
    CHECK(lazy.version() > version);
  }
  CHECK(xg::equal(lazy.detach(), whole.detach()));
  CHECK_FALSE(xg::equal(lazy.detach(), start));
  const xg::StateDict state = lazy_optimizer->state_dict(), expected = whole_optimizer->state_dict();
  REQUIRE(state.size() == expected.size());
  for (const auto& entry : state) {
    INFO(entry.first);
    CHECK(xg::equal(entry.second, expected.at(entry.first)));
  }
  // No step looked up the last rows.
  const std::int64_t last = shape[0] - 1;
  if (stepper.leaves_others) CHECK(xg::equal(lazy.detach()[last], start[last]));
}

}  // namespace

TEST_CASE("every optimizer steps by rows as by the whole gradient") {
  for (const Stepper& stepper : steppers)
    for (const xg::Dtype dtype : {xg::float32, xg::float64})
      for (const xg::Shape& shape : {xg::Shape{100, 7}, {1000, 1}, {9000, 8}, {12, 5000}, {16, 0}}) {
        if (shape[1] > 0) compare(stepper, shape, dtype);
        const Tensor table = make_table(shape, dtype);
        const auto optimizer = stepper.make(table);
        loss_of(table, 0).backward();
        optimizer->step();  // a table without columns, too
      }
}

TEST_CASE("steps by rows do not depend on the number of threads") {
  const int threads = xg::get_num_threads();
  for (const Stepper& stepper : steppers) {
    INFO(stepper.name);
    std::vector<Tensor> results;
    for (const int n : {1, 2, 3}) {
      xg::set_num_threads(n);
      const Tensor table = make_table({40000, 16}, xg::float32);
      const auto optimizer = stepper.make(table);
      for (int step = 0; step < 2; ++step) {
        table.zero_grad();
        loss_of(table, step).backward();
        REQUIRE(by_rows(table));
        optimizer->step();
      }
      results.push_back(table.detach());
    }
    CHECK(numeric::same_bits(results[0], results[1]));
    CHECK(numeric::same_bits(results[0], results[2]));
  }
  xg::set_num_threads(threads);
}

TEST_CASE("a table that is not contiguous, and steps that make nan of zeros") {
  for (const Stepper& stepper : steppers) {
    INFO(stepper.name);
    const Tensor plain = make_table({100, 7}, xg::float64);
    const Tensor turned = plain.detach().t().contiguous().detach().t().detach().requires_grad_();
    REQUIRE_FALSE(turned.is_contiguous());
    const auto a = stepper.make(plain), b = stepper.make(turned);
    loss_of(plain, 0).backward(), loss_of(turned, 0).backward();
    a->step(), b->step();
    CHECK(xg::equal(plain.detach(), turned.detach()));
  }
  const Tensor table = make_table({100, 7}, xg::float64);
  optim::Adagrad adagrad({table}, {.eps = 0});
  loss_of(table, 0).backward();
  adagrad.step();
  CHECK(std::isnan(table.detach()[99][0].item<double>()));  // 0 / 0, as the formula says
}

TEST_CASE("SparseAdam follows PyTorch's") {
  // Rows 4 to 11 are never looked up; the numbers are torch.optim.SparseAdam's, float64, of rows 0 to 4.
  constexpr std::int64_t rows = 12, columns = 2;
  const std::vector<double> values{
      0.99306779383389299,  0.98718264842766712, -0.034010679184479614, -0.83599680263925957, -0.95892427466313845,
      -0.27941549819892586, 0.73754085235493638, 1.1011418234975479,    0.41211848524175659,  -0.54402111088936977},
      climbed{0.68987417578190002,  0.8314122052236963,   0.31625069530421401, -0.67760818797659683,
              -0.95892427466313845, -0.27941549819892586, 0.57643234508264174, 0.87757466974921605,
              0.41211848524175659,  -0.54402111088936977},
      first{-0.20081350951186766,
            -0.0021881030034163473,
            0.02254226979835533,
            0.023123241142123829,
            0,
            0,
            0.082808504400640012,
            -0.090305508398970752,
            0,
            0},
      second{0.043218264951181806,
             0.055242856727382994,
             0.045868755251377145,
             0.054362539465105872,
             0,
             0,
             0.081264716365187978,
             0.059961343796992111,
             0,
             0};
  const xg::Tensor indices = xg::tensor({{1, 3, 1}, {3, 0, 3}, {1, 1, 0}, {3, 3, 1}});
  const auto row_of = [](double (*f)(double), double start, std::int64_t count) {
    std::vector<double> list;
    for (std::int64_t i = 0; i < count; ++i) list.push_back(f(start + static_cast<double>(i)));
    return list;
  };
  const auto close = [](const Tensor& tensor, const std::vector<double>& expected) {
    const std::vector<double> got = tensor.to_vector<double>();
    for (std::size_t i = 0; i < expected.size(); ++i) CHECK(got[i] == doctest::Approx(expected[i]).epsilon(1e-12));
  };
  for (const bool looked_at : {false, true})
    for (const bool maximize : {false, true}) {
      const std::vector<double> start = row_of(std::sin, 1, rows * columns);
      const Tensor table = xg::tensor(std::span<const double>(start), {rows, columns}).requires_grad_();
      optim::SparseAdam adam({table}, {.lr = 0.1, .betas = {0.8, 0.95}, .eps = 1e-3, .maximize = maximize});
      for (std::int64_t step = 0; step < 4; ++step) {
        adam.zero_grad();
        const std::vector<double> weight = row_of(std::cos, 1 + 6 * static_cast<double>(step), 6);
        (xg::embedding(table, indices[step]) * xg::tensor(std::span<const double>(weight), {3, columns}))
            .sum()
            .backward();
        REQUIRE(by_rows(table));
        if (looked_at) CHECK(table.grad().defined());
        adam.step();
      }
      close(table.detach(), maximize ? climbed : values);
      close(adam.state_dict().at("state.0.exp_avg"),
            maximize ? xg::tensor(std::span<const double>(first), {10}).neg().to_vector<double>() : first);
      close(adam.state_dict().at("state.0.exp_avg_sq"), second);
      CHECK(adam.state_dict().at("state.0.step").item<std::int64_t>() == 4);
      const std::vector<double> got = table.detach().to_vector<double>();
      CHECK(std::equal(got.begin() + 4 * columns, got.end(), start.begin() + 4 * columns));
    }
}

TEST_CASE("SparseAdam leaves rows whose gradient is zero, wherever the gradient comes from") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto run = [&](const Tensor& table, const Tensor& gradient) {
    optim::SparseAdam adam({table}, {.lr = 0.1});
    table.set_grad(xg::ones(table.sizes(), {.dtype = xg::float64}));
    adam.step();
    table.set_grad(gradient);
    adam.step();
    return adam.state_dict().clone();
  };
  const auto fresh = [](const xg::Shape& shape) {
    return xg::zeros(shape, {.dtype = xg::float64, .requires_grad = true});
  };
  const Tensor table = fresh({4, 2}), before = fresh({4, 2});
  const xg::StateDict state =
      run(table, xg::tensor({{0.0, 0.0}, {0.0, 2.0}, {-0.0, 0.0}, {nan, 0.0}}, {.dtype = xg::float64}));
  const xg::StateDict old = run(before, xg::zeros({4, 2}, {.dtype = xg::float64}));
  for (const std::int64_t r : {0, 2}) {
    CHECK(xg::equal(table.detach()[r], before.detach()[r]));
    for (const char* name : {"state.0.exp_avg", "state.0.exp_avg_sq"})
      CHECK(xg::equal(state.at(name)[r], old.at(name)[r]));
  }
  // Both places of a row that has a gradient, by the formula.
  const auto expected = [](double g) {
    double m = 0, v = 0, p = 0;
    for (int t = 1; t <= 2; ++t) {
      const double d = t == 1 ? 1 : g;
      m = 0.9 * m + 0.1 * d, v = 0.999 * v + 0.001 * d * d;
      p -= 0.1 * std::sqrt(1 - std::pow(0.999, t)) / (1 - std::pow(0.9, t)) * m / (std::sqrt(v) + 1e-8);
    }
    return p;
  };
  CHECK(table.detach()[1][0].item<double>() == doctest::Approx(expected(0)));
  CHECK(table.detach()[1][1].item<double>() == doctest::Approx(expected(2)));
  CHECK(std::isnan(table.detach()[3][0].item<double>()));
  CHECK(state.at("state.0.step").item<std::int64_t>() == 2);

  // A row of a vector is an element, one of a number the number, one of an image its channels.
  const Tensor vector = fresh({3}), number = fresh({}), deep = fresh({2, 3, 4});
  run(vector, xg::tensor({0.0, 2.0, 0.0}, {.dtype = xg::float64}));
  run(number, xg::full({}, 2.0, {.dtype = xg::float64}));
  const Tensor slope = xg::zeros({2, 3, 4}, {.dtype = xg::float64});
  slope[1][2][3].fill_(2);
  run(deep, slope);
  CHECK(vector.detach()[0].item<double>() == doctest::Approx(before.detach()[0][0].item<double>()));
  CHECK(vector.detach()[1].item<double>() == doctest::Approx(expected(2)));
  CHECK(number.item<double>() == doctest::Approx(expected(2)));
  CHECK(deep.detach()[0][0][0].item<double>() == doctest::Approx(before.detach()[0][0].item<double>()));
  CHECK(deep.detach()[1][0][0].item<double>() == doctest::Approx(expected(0)));
  CHECK(deep.detach()[1][2][3].item<double>() == doctest::Approx(expected(2)));

  // Twice the same rows: added up, and by rows no longer.
  const Tensor once = make_table({100, 7}, xg::float64), twice = make_table({100, 7}, xg::float64);
  optim::SparseAdam a({once}), b({twice});
  (2 * loss_of(once, 0)).backward();
  loss_of(twice, 0).backward(), loss_of(twice, 0).backward();
  REQUIRE(by_rows(once));
  REQUIRE_FALSE(by_rows(twice));
  a.step(), b.step();
  CHECK(xg::allclose(once.detach(), twice.detach()));
}
