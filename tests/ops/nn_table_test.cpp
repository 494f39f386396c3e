// The table's rows of softmax, attention, losses and dropout.
#include <xgrad/ops/attention.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/cross_entropy.hpp>
#include <xgrad/ops/dropout.hpp>
#include <xgrad/ops/loss.hpp>
#include <xgrad/ops/softmax.hpp>

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
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
Tensor some(const Shape& shape) { return xg::ones(shape); }

Numbers log_softmax(const Numbers& x) {
  double total = 0;
  for (double v : x) total += std::exp(v);
  Numbers y = x;
  for (double& v : y) v -= std::log(total);
  return y;
}
Numbers softmax(const Numbers& x) {
  Numbers y = log_softmax(x);
  for (double& v : y) v = std::exp(v);
  return y;
}

Array one(double value) {
  Array array;
  array.values.push_back(value);
  return array;
}

// An elementwise loss of two arguments of one shape, under each reduction.
Oracle loss(double (*f)(double, double), Reduction reduction) {
  return [=](const Arrays& in) {
    Array y = pairs(f)(in)[0];
    if (reduction == Reduction::none) return Arrays{y};
    double sum = 0;
    for (double v : y.values) sum += v;
    return Arrays{one(reduction == Reduction::mean ? sum / static_cast<double>(y.values.size()) : sum)};
  };
}
template <class F>
void run_loss(const std::string& name, F call, double (*f)(double, double), std::vector<Range> ranges = {{}}) {
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

}  // namespace

TEST_CASE("softmax") {
  const auto bad = [](const char* name, auto f) {
    return std::vector<Misuse>{{[=] {
                                  f(some({2, 3}), 2);
                                },
                                {name, "2"}},
                               {[=] {
                                  f(xg::tensor({1, 2}), 0);
                                },
                                {name, "int64"}}};
  };
  run({"softmax",
       on([](T x) { return xg::softmax(x, -1); }),
       unary,
       lines(-1, softmax),
       {{}},
       bad("softmax", [](T x, int d) { xg::softmax(x, d); })});
  run({"softmax", on([](T x) { return xg::softmax(x, 0); }), unary, lines(0, softmax)});
  run({"log_softmax",
       on([](T x) { return xg::log_softmax(x, -1); }),
       unary,
       lines(-1, log_softmax),
       {{}},
       bad("log_softmax", [](T x, int d) { xg::log_softmax(x, d); })});
  run({"log_softmax", on([](T x) { return xg::log_softmax(x, 0); }), unary, lines(0, log_softmax)});
}

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

TEST_CASE("attention") {
  // softmax(q k^T scale + mask) v in plain loops; the mask is the fourth input or, where there is none, the causal one.
  const auto oracle = [](double scale) {
    return indexed(
        [](const Arrays& in) {
          Shape shape = in[0].shape;
          shape[shape.size() - 1] = in[2].shape.back();
          return shape;
        },
        [scale](const Arrays& in, const Index& index) {
          const auto matrix = [&](const Array& x, std::int64_t row, std::int64_t col) {
            Index own(index.begin(), index.end() - 2);
            own.erase(own.begin(), own.end() - static_cast<std::ptrdiff_t>(x.shape.size() - 2));
            own.insert(own.end(), {row, col});
            return at(x, own);
          };
          const std::int64_t i = index[index.size() - 2], keys = in[1].shape[in[1].shape.size() - 2];
          Numbers scores;
          for (std::int64_t j = 0; j < (in.size() > 3 ? keys : std::min(keys, i + 1)); ++j) {
            double score = 0;
            for (std::int64_t l = 0; l < in[0].shape.back(); ++l) score += matrix(in[0], i, l) * matrix(in[1], j, l);
            scores.push_back(score * scale + (in.size() > 3 ? matrix(in[3], i, j) : 0));
          }
          double sum = 0;
          const Numbers p = softmax(scores);
          for (std::size_t j = 0; j < p.size(); ++j)
            sum += p[j] * matrix(in[2], static_cast<std::int64_t>(j), index.back());
          return sum;
        });
  };
  run({"scaled_dot_product_attention",
       on([](T q, T k, T v, T mask) { return xg::scaled_dot_product_attention(q, k, v, {.attn_mask = mask}); }),
       {{{3, 4}, {5, 4}, {5, 2}, {3, 5}}, {{2, 3, 4}, {2, 5, 4}, {2, 5, 1}, {3, 5}}, {{0, 4}, {1, 4}, {1, 2}, {0, 1}}},
       oracle(0.5),
       {{}},
       {{[] {
           xg::scaled_dot_product_attention(some({3, 4}), some({5, 3}), some({5, 2}));
         },
         {"scaled_dot_product_attention", "[3, 4]", "[5, 3]"}},
        {[] {
           xg::scaled_dot_product_attention(some({3, 4}), some({5, 4}), some({5, 2}), {.attn_mask = some({2, 5})});
         },
         {"scaled_dot_product_attention", "[2, 5]"}}}});
  run({"scaled_dot_product_attention",
       on([](T q, T k, T v) { return xg::scaled_dot_product_attention(q, k, v, {.is_causal = true, .scale = 0.7}); }),
       {{{3, 4}, {5, 4}, {5, 2}}, {{2, 4, 1}, {2, 2, 1}, {2, 2, 3}}, {{1, 1}, {1, 1}, {1, 1}}},
       oracle(0.7)});
}

TEST_CASE("dropout without a choice") {
  const auto same = each([](double x) { return x; });
  run({"dropout",
       on([](T x) { return xg::dropout(x, 0.5, false); }),
       unary,
       same,
       {{}},
       refuses([] { xg::dropout(some({2}), 1.5); }, {"dropout", "1.5"})});
  run({"dropout", on([](T x) { return xg::dropout(x, 0.0, true); }), unary, same});
  run({"dropout", on([](T x) { return xg::dropout(x, 1.0, true); }), unary, each([](double) { return 0.0; })});
}
