// The table's rows of losses of pairs and of classes.
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/cross_entropy.hpp>
#include <xgrad/ops/loss.hpp>
#include <xgrad/ops/segmentation_loss.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <functional>
#include <string>
#include <vector>

#include "support/op_table.hpp"

namespace xg = xgrad;
using namespace table;
using xg::Reduction;
using xg::Shape;
using xg::Tensor;

namespace {

using T = const Tensor&;
using Numbers = std::vector<double>;

Array one(double value) {
  Array array;
  array.values.push_back(value);
  return array;
}

// An elementwise loss of two arguments, under each reduction.
Oracle loss(std::function<double(double, double)> f, Reduction reduction) {
  return [=](const Arrays& in) {
    Array y = pairs(f)(in)[0];
    if (reduction == Reduction::none) return Arrays{y};
    double sum = 0;
    for (double v : y.values) sum += v;
    return Arrays{one(reduction == Reduction::mean ? sum / static_cast<double>(y.values.size()) : sum)};
  };
}
template <class F>
void run_loss(const std::string& name, F call, std::function<double(double, double)> f,
              std::vector<Range> ranges = {{}}) {
  const auto of = [call](Reduction reduction) { return on([=](T x, T t) { return call(x, t, reduction); }); };
  const Shapes some_shapes{{{2, 3}, {2, 3}}, {Shape{}, Shape{}}, {{1}, {1}}, {{2, 1, 2}, {2, 1, 2}}};
  const std::vector<Misuse> misuse{
      {[=] {
         call(some({2, 3}), some({3}), Reduction::mean);
       },
       {name, "[2, 3]", "[3]"}},
      {[=] { call(some({2}), xg::ones({2}, {.dtype = xg::float64}), Reduction::mean); }, {name, "float32", "float64"}}};
  run({name, of(Reduction::mean), some_shapes, loss(f, Reduction::mean), ranges, misuse});
  run({name, of(Reduction::sum), {{{2, 3}, {2, 3}}, {{0, 3}, {0, 3}}}, loss(f, Reduction::sum), ranges});
  run({name, of(Reduction::none), {{{2, 3}, {2, 3}}, {{0, 3}, {0, 3}}}, loss(f, Reduction::none), ranges});
}

// Of rows of log-probabilities and classes, weighted.
const Numbers weights{0.5, 2, 1};
Tensor weight_like(T x) { return xg::tensor(weights).to(x.dtype()); }
const Index classes{2, 0, -100, 1};
Tensor targets() { return xg::tensor({2, 0, -100, 1}); }
double weighted(const std::vector<Numbers>& rows) {
  double sum = 0, total = 0;
  for (std::size_t n = 0; n < rows.size(); ++n) {
    if (classes[n] < 0) continue;
    const auto c = static_cast<std::size_t>(classes[n]);
    sum -= weights[c] * rows[n][c];
    total += weights[c];
  }
  return sum / total;
}
std::vector<Numbers> rows_of(const Array& x) {
  std::vector<Numbers> rows;
  for (std::int64_t n = 0; n < x.shape[0]; ++n)
    rows.emplace_back(x.values.begin() + n * x.shape[1], x.values.begin() + (n + 1) * x.shape[1]);
  return rows;
}

// Lin et al. with the target as a probability: both classes' entropy under the power of being wrong.
std::function<double(double, double)> focal(double alpha, double gamma) {
  return [=](double x, double t) {
    const double s = 1 / (1 + std::exp(-x)), a = alpha < 0 ? 1 : alpha * t + (1 - alpha) * (1 - t);
    return a * std::pow(t * (1 - s) + (1 - t) * s, gamma) * (-t * std::log(s) - (1 - t) * std::log(1 - s));
  };
}

}  // namespace

TEST_CASE("losses of pairs") {
  const Range probability{0.1, 0.9};
  run_loss(
      "mse_loss", [](T x, T t, Reduction r) { return xg::mse_loss(x, t, {.reduction = r}); },
      [](double x, double t) { return (x - t) * (x - t); });
  run_loss(
      "l1_loss", [](T x, T t, Reduction r) { return xg::l1_loss(x, t, {.reduction = r}); },
      [](double x, double t) { return std::fabs(x - t); });
  run_loss(
      "smooth_l1_loss", [](T x, T t, Reduction r) { return xg::smooth_l1_loss(x, t, {.reduction = r, .beta = 0.7}); },
      [](double x, double t) {
        const double d = std::fabs(x - t);
        return d < 0.7 ? d * d / 1.4 : d - 0.35;
      });
  run_loss(
      "huber_loss", [](T x, T t, Reduction r) { return xg::huber_loss(x, t, {.reduction = r, .delta = 0.7}); },
      [](double x, double t) {
        const double d = std::fabs(x - t);
        return d <= 0.7 ? d * d / 2 : 0.7 * (d - 0.35);
      });
  run_loss(
      "binary_cross_entropy", [](T x, T t, Reduction r) { return xg::binary_cross_entropy(x, t, {.reduction = r}); },
      [](double x, double t) { return -t * std::log(x) - (1 - t) * std::log(1 - x); }, {probability});
  run_loss(
      "binary_cross_entropy_with_logits",
      [](T x, T t, Reduction r) { return xg::binary_cross_entropy_with_logits(x, t, {.reduction = r}); },
      [](double x, double t) { return (1 - t) * x + std::log(1 + std::exp(-x)); }, {{}, probability});
  run_loss(
      "kl_div", [](T x, T t, Reduction r) { return xg::kl_div(x, t, {.reduction = r}); },
      [](double x, double t) { return t * (std::log(t) - x); }, {{}, probability});
}

TEST_CASE("losses of classes") {
  const Shapes batch{{{4, 3}}};
  run({"nll_loss",
       on([](T x) { return xg::nll_loss(x, targets(), {.weight = weight_like(x)}); }),
       batch,
       [](const Arrays& in) { return Arrays{one(weighted(rows_of(in[0])))}; },
       {{}},
       {{[] {
           xg::nll_loss(some({2, 3}), xg::tensor({0, 3}));
         },
         {"nll_loss", "3"}},
        {[] {
           xg::nll_loss(some({2, 3}), xg::tensor({0}));
         },
         {"nll_loss", "[2, 3]", "[1]"}}}});
  run({"cross_entropy",
       on([](T x) { return xg::cross_entropy(x, targets(), {.weight = weight_like(x)}); }),
       batch,
       [](const Arrays& in) {
         std::vector<Numbers> rows = rows_of(in[0]);
         for (Numbers& row : rows) row = log_softmax(row);
         return Arrays{one(weighted(rows))};
       },
       {{}},
       {{[] {
           xg::cross_entropy(some({2, 3}), xg::tensor({0, 3}));
         },
         {"cross_entropy", "3"}},
        {[] {
           xg::cross_entropy(some({2, 3}), xg::tensor({0}));
         },
         {"cross_entropy", "[2, 3]", "[1]"}}}});
  run({"cross_entropy",
       on([](T x, T p) { return xg::cross_entropy(x, p, {.reduction = Reduction::none}); }),
       {{{2, 3}, {2, 3}}},
       [](const Arrays& in) {
         Array y{{in[0].shape[0]}, {}};
         for (std::int64_t n = 0; n < y.shape[0]; ++n) {
           const Numbers x = log_softmax(rows_of(in[0])[static_cast<std::size_t>(n)]);
           double sum = 0;
           for (std::int64_t c = 0; c < 3; ++c) sum -= at(in[1], {n, c}) * x[static_cast<std::size_t>(c)];
           y.values.push_back(sum);
         }
         return Arrays{y};
       },
       {{}, {0.1, 0.9}}});
}

TEST_CASE("losses of labels") {
  const auto call = [](Reduction reduction) {
    return on([=](T x, T t) {
      return xg::multilabel_soft_margin_loss(x, t, {.weight = weight_like(x), .reduction = reduction});
    });
  };
  const auto losses = indexed([](const Arrays& in) { return Shape{in[0].shape[0]}; },
                              [](const Arrays& in, const Index& i) {
                                double sum = 0;
                                for (std::int64_t c = 0; c < 3; ++c) {
                                  const double x = at(in[0], {i[0], c}), t = at(in[1], {i[0], c});
                                  sum +=
                                      weights[static_cast<std::size_t>(c)] * ((1 - t) * x + std::log(1 + std::exp(-x)));
                                }
                                return sum / 3;
                              });
  const std::vector<Range> ranges{{}, {0.1, 0.9}};
  run({"multilabel_soft_margin_loss",
       call(Reduction::none),
       {{{2, 3}, {2, 3}}, {{0, 3}, {0, 3}}},
       losses,
       ranges,
       {{[=] {
           xg::multilabel_soft_margin_loss(some({2, 3}), some({3}));
         },
         {"multilabel_soft_margin_loss", "[2, 3]", "[3]"}},
        {[=] {
           xg::multilabel_soft_margin_loss(some({2, 3}), some({2, 3}), {.weight = some({2})});
         },
         {"multilabel_soft_margin_loss", "[2]"}}}});
  run({"multilabel_soft_margin_loss",
       call(Reduction::mean),
       {{{2, 3}, {2, 3}}},
       [=](const Arrays& in) { return Arrays{one((losses(in)[0].values[0] + losses(in)[0].values[1]) / 2)}; },
       ranges});
}

TEST_CASE("focal losses and dice") {
  for (const double gamma : {2.0, 1.5, 0.5, 0.0})
    for (const double alpha : {0.25, -1.0})
      run_loss("sigmoid_focal_loss",
               [=](T x, T t, Reduction r) {
                 return xg::sigmoid_focal_loss(x, t, {.alpha = alpha, .gamma = gamma, .reduction = r});
               },
               focal(alpha, gamma), {{}, {0.1, 0.9}});
  for (const Reduction reduction : {Reduction::mean, Reduction::sum, Reduction::none})
    run({"focal_loss",
         on([=](T x) {
           return xg::focal_loss(x, targets(), {.alpha = weight_like(x), .gamma = 1.5, .reduction = reduction});
         }),
         {{{4, 3}}},
         [=](const Arrays& in) {
           Array y{{4}, {}};
           double sum = 0;
           for (std::size_t n = 0; n < 4; ++n) {
             const Numbers logs = log_softmax(rows_of(in[0])[n]);
             const auto c = static_cast<std::size_t>(classes[n]);
             const double loss = classes[n] < 0 ? 0 : -weights[c] * std::pow(1 - std::exp(logs[c]), 1.5) * logs[c];
             y.values.push_back(loss);
             sum += loss;
           }
           if (reduction == Reduction::none) return Arrays{y};
           return Arrays{one(reduction == Reduction::sum ? sum : sum / 3)};
         },
         {{}},
         {{[] {
             xg::focal_loss(some({2, 3}), xg::tensor({0, 3}));
           },
           {"focal_loss", "0..2", "3"}},
          {[] {
             xg::focal_loss(some({2, 3}), xg::tensor({0}));
           },
           {"focal_loss", "[2, 3]", "[1]"}},
          {[] {
             xg::focal_loss(some({2, 3}), xg::tensor({0, 1}), {.alpha = some({2})});
           },
           {"focal_loss", "alpha", "[3]", "[2]"}},
          {[] {
             xg::focal_loss(some({2, 3}), xg::tensor({0, 1}), {.gamma = -1});
           },
           {"focal_loss", "gamma", "-1"}}}});
  for (const bool squared : {false, true})
    run({"dice_loss",
         on([=](T p, T t) {
           return xg::dice_loss(p, t, {.smooth = 0.3, .squared = squared, .reduction = Reduction::none});
         }),
         {{{2, 3}, {2, 3}}, {{3, 2, 2}, {3, 2, 2}}, {{2}, {2}}, {{0, 3}, {0, 3}}, {{2, 0}, {2, 0}}},
         [=](const Arrays& in) {
           Array y{{in[0].shape[0]}, {}};
           const std::size_t width =
               in[0].shape[0] == 0 ? 0 : in[0].values.size() / static_cast<std::size_t>(y.shape[0]);
           for (std::size_t n = 0; n < static_cast<std::size_t>(y.shape[0]); ++n) {
             double both = 0, all = 0;
             for (std::size_t i = n * width; i < (n + 1) * width; ++i) {
               const double p = in[0].values[i], t = in[1].values[i];
               both += p * t;
               all += squared ? p * p + t * t : p + t;
             }
             y.values.push_back(1 - (2 * both + 0.3) / (all + 0.3));
           }
           return Arrays{y};
         },
         {{0.1, 0.9}},
         {{[] {
             xg::dice_loss(some({2, 3}), some({3}));
           },
           {"dice_loss", "[2, 3]", "[3]"}},
          {[] { xg::dice_loss(some({}), some({})); }, {"dice_loss", "[]"}},
          {[] { xg::dice_loss(some({2}), some({2}), {.smooth = -1}); }, {"dice_loss", "smooth", "-1"}}}});
}
