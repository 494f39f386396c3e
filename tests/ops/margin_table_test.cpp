// The table's rows of losses of margins and likelihoods, and of ctc_loss.
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/ctc_loss.hpp>
#include <xgrad/ops/likelihood_loss.hpp>
#include <xgrad/ops/margin_loss.hpp>
#include <xgrad/ops/softmax.hpp>

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "support/op_table.hpp"

namespace xg = xgrad;
using namespace table;
using xg::Reduction;
using xg::Shape;
using xg::Tensor;
using xg::TensorList;

namespace {

using T = const Tensor&;
using Numbers = std::vector<double>;
// Signs as a tensor of x's dtype.
Tensor signs_like(T x, const Numbers& signs) { return xg::tensor(signs).to(x.dtype()); }

Oracle reduced_losses(const Oracle& losses, Reduction reduction) {
  return [=](const Arrays& in) {
    const Array all = losses(in)[0];
    if (reduction == Reduction::none) return Arrays{all};
    double sum = 0;
    for (double v : all.values) sum += v;
    Array result;
    result.values.push_back(reduction == Reduction::sum ? sum : sum / static_cast<double>(all.values.size()));
    return Arrays{result};
  };
}
// A row under each reduction; shapes of no elements have no mean.
template <class F>
void run_losses(const std::string& name, F call, const Shapes& shapes, const Oracle& losses,
                const std::vector<Range>& ranges, std::vector<Misuse> misuse = {}) {
  misuse.push_back({[=] { call(TensorList(shapes[0].size(), some(shapes[0][0])), Reduction::batchmean); }, {name}});
  for (const Reduction reduction : {Reduction::none, Reduction::sum, Reduction::mean}) {
    Shapes some_shapes;
    for (const auto& list : shapes)
      if (reduction != Reduction::mean || xg::numel(list[0]) > 0) some_shapes.push_back(list);
    run({name, [=](const TensorList& in) { return TensorList{call(in, reduction)}; }, some_shapes,
         reduced_losses(losses, reduction), ranges, reduction == Reduction::none ? misuse : std::vector<Misuse>{}});
  }
}
const Shapes pair_shapes{{{2, 3}, {2, 3}}, {Shape{}, Shape{}}, {{1}, {1}}, {{0, 3}, {0, 3}}, {{2, 1, 2}, {2, 1, 2}}};

std::vector<Misuse> pair_misuse(const std::string& name, const std::function<Tensor(T, T)>& call) {
  return operand_misuse(name, call);
}

double distance(const Array& x, const Array& y, std::int64_t row, double p, double eps) {
  double sum = 0;
  for (std::int64_t i = 0; i < x.shape.back(); ++i)
    sum += std::pow(std::fabs(at(x, {row, i}) - at(y, {row, i}) + eps), p);
  return std::pow(sum, 1 / p);
}

// -log of the probabilities of all paths that read as the target, one by one.
double ctc(const Array& x, std::int64_t n, std::int64_t steps, const Index& target, std::int64_t blank) {
  const std::int64_t classes = x.shape[2];
  double total = 0;
  Index path(static_cast<std::size_t>(steps), 0);
  const auto visit = [&](const auto& self, std::int64_t t, double log_probability) -> void {
    if (t < steps) {
      for (std::int64_t c = 0; c < classes; ++c) {
        path[static_cast<std::size_t>(t)] = c;
        self(self, t + 1, log_probability + at(x, {t, n, c}));
      }
      return;
    }
    Index read;
    for (std::size_t i = 0; i < path.size(); ++i)
      if (path[i] != blank && (i == 0 || path[i] != path[i - 1])) read.push_back(path[i]);
    if (read == target) total += std::exp(log_probability);
  };
  visit(visit, 0, 0);
  return -std::log(total);
}

}  // namespace

TEST_CASE("pairs and triples") {
  const Numbers signs{1, -1, -1, 1, 1, -1};
  const auto sign_of = [=](const Array& x, const Index& i) {
    std::int64_t flat = 0;
    for (std::size_t d = 0; d < i.size(); ++d) flat = flat * x.shape[d] + i[d];
    return signs[static_cast<std::size_t>(flat)];
  };
  const auto shape = [](const Arrays& in) { return in[0].shape; };
  const auto sized = [=](T x) { return signs_like(x, {signs.begin(), signs.begin() + x.numel()}).reshape(x.sizes()); };
  run_losses(
      "hinge_embedding_loss",
      [=](const TensorList& in, Reduction r) {
        return xg::hinge_embedding_loss(in[0], sized(in[0]), {.margin = 0.7, .reduction = r});
      },
      {{{2, 3}}, {Shape{}}, {{1}}, {{0, 3}}, {{2, 1, 2}}},
      indexed(shape,
              [=](const Arrays& in, const Index& i) {
                const double x = at(in[0], i);
                return sign_of(in[0], i) == 1 ? x : std::fmax(0, 0.7 - x);
              }),
      {{}}, pair_misuse("hinge_embedding_loss", [](T x, T t) { return xg::hinge_embedding_loss(x, t); }));
  run_losses(
      "margin_ranking_loss",
      [=](const TensorList& in, Reduction r) {
        return xg::margin_ranking_loss(in[0], in[1], sized(in[0]), {.margin = 0.3, .reduction = r});
      },
      pair_shapes,
      indexed(shape,
              [=](const Arrays& in, const Index& i) {
                return std::fmax(0, 0.3 - sign_of(in[0], i) * (at(in[0], i) - at(in[1], i)));
              }),
      {{}}, pair_misuse("margin_ranking_loss", [](T x, T t) { return xg::margin_ranking_loss(x, x, t); }));
  run_losses(
      "soft_margin_loss",
      [](const TensorList& in, Reduction r) { return xg::soft_margin_loss(in[0], in[1], {.reduction = r}); },
      pair_shapes, pairs([](double x, double t) { return std::log(1 + std::exp(-t * x)); }), {{}},
      pair_misuse("soft_margin_loss", [](T x, T t) { return xg::soft_margin_loss(x, t); }));
  run_losses(
      "cosine_embedding_loss",
      [=](const TensorList& in, Reduction r) {
        return xg::cosine_embedding_loss(in[0], in[1], signs_like(in[0], {1, -1, 0}), {.margin = -0.5, .reduction = r});
      },
      {{{3, 4}, {3, 4}}, {{3, 2}, {1, 2}}},
      indexed([](const Arrays& in) { return Shape{in[0].shape[0]}; },
              [](const Arrays& in, const Index& i) {
                double product = 0, first = 1e-12, second = 1e-12;
                for (std::int64_t d = 0; d < in[0].shape[1]; ++d) {
                  const double a = at(in[0], {i[0], d}), b = at(in[1], {in[1].shape[0] == 1 ? 0 : i[0], d});
                  product += a * b, first += a * a, second += b * b;
                }
                const double cosine = product / std::sqrt(first * second);
                return i[0] == 0 ? 1 - cosine : i[0] == 1 ? std::fmax(0, cosine + 0.5) : 0.0;
              }),
      {{0.2, 2}, {-0.3, 2}},
      {{[] {
          xg::cosine_embedding_loss(some({3, 4}), some({3, 4}), some({3, 1}));
        },
        {"cosine_embedding_loss", "[3, 4]", "[3, 1]"}}});
  for (const bool swap : {false, true})
    run_losses("triplet_margin_loss",
               [=](const TensorList& in, Reduction r) {
                 return xg::triplet_margin_loss(in[0], in[1], in[2],
                                                {.margin = 2, .p = 3, .eps = 0.01, .swap = swap, .reduction = r});
               },
               {{{3, 4}, {3, 4}, {3, 4}}, {{1, 2}, {1, 2}, {1, 2}}, {{0, 2}, {0, 2}, {0, 2}}},
               indexed([](const Arrays& in) { return Shape{in[0].shape[0]}; },
                       [=](const Arrays& in, const Index& i) {
                         double far = distance(in[0], in[2], i[0], 3, 0.01);
                         if (swap) far = std::fmin(far, distance(in[1], in[2], i[0], 3, 0.01));
                         return std::fmax(0, 2 + distance(in[0], in[1], i[0], 3, 0.01) - far);
                       }),
               {{}},
               {{[] {
                   xg::triplet_margin_loss(some({3, 4}), some({3, 4}), some({4}));
                 },
                 {"triplet_margin_loss", "[3, 4]", "[4]"}}});
}

TEST_CASE("triples by a distance of one's own") {
  const auto dot = [](const Array& x, const Array& y, std::int64_t row) {
    double sum = 0;
    for (std::int64_t i = 0; i < x.shape[1]; ++i) sum += at(x, {row, i}) * at(y, {row, i});
    return -sum;
  };
  for (const bool swap : {false, true})
    run_losses("triplet_margin_with_distance_loss",
               [=](const TensorList& in, Reduction r) {
                 return xg::triplet_margin_with_distance_loss(
                     in[0], in[1], in[2],
                     {.distance_function = [](T x, T y) { return -(x * y).sum(-1); },
                      .margin = 3,
                      .swap = swap,
                      .reduction = r});
               },
               {{{3, 4}, {3, 4}, {3, 4}}, {{0, 2}, {0, 2}, {0, 2}}},
               indexed([](const Arrays& in) { return Shape{in[0].shape[0]}; },
                       [=](const Arrays& in, const Index& i) {
                         double far = dot(in[0], in[2], i[0]);
                         if (swap) far = std::fmin(far, dot(in[1], in[2], i[0]));
                         return std::fmax(0, 3 + dot(in[0], in[1], i[0]) - far);
                       }),
               {{}},
               {{[] {
                   xg::triplet_margin_with_distance_loss(some({3, 4}), some({3, 4}), some({4}));
                 },
                 {"triplet_margin_with_distance_loss", "[3, 4]", "[4]"}}});
  run({"triplet_margin_with_distance_loss",
       on([](T a, T p, T n) { return xg::triplet_margin_with_distance_loss(a, p, n, {.reduction = Reduction::none}); }),
       {{{3, 4}, {3, 4}, {3, 4}}},
       indexed([](const Arrays& in) { return Shape{in[0].shape[0]}; },
               [](const Arrays& in, const Index& i) {
                 return std::fmax(0, 1 + distance(in[0], in[1], i[0], 2, 1e-6) - distance(in[0], in[2], i[0], 2, 1e-6));
               })});
}

TEST_CASE("rows of classes") {
  const Index classes{2, 0, 1};
  const Numbers weights{0.5, 2, 1};
  const auto targets = [] { return xg::tensor({2, 0, 1}); };
  for (const int p : {1, 2})
    run_losses("multi_margin_loss",
               [=](const TensorList& in, Reduction r) {
                 const Tensor w = xg::tensor(weights).to(in[0].dtype());
                 return xg::multi_margin_loss(in[0], targets(), {.p = p, .margin = 0.9, .weight = w, .reduction = r});
               },
               {{{3, 3}}},
               indexed([](const Arrays& in) { return Shape{in[0].shape[0]}; },
                       [=](const Arrays& in, const Index& i) {
                         const std::int64_t t = classes[static_cast<std::size_t>(i[0])];
                         double sum = 0;
                         for (std::int64_t c = 0; c < 3; ++c)
                           if (c != t)
                             sum += std::pow(std::fmax(0, 0.9 - at(in[0], {i[0], t}) + at(in[0], {i[0], c})), p);
                         return sum * weights[static_cast<std::size_t>(t)] / 3;
                       }),
               {{}},
               {{[] {
                   xg::multi_margin_loss(some({2, 3}), xg::tensor({0, 3}));
                 },
                 {"multi_margin_loss", "0..2", "3"}},
                {[] {
                   xg::multi_margin_loss(some({2, 3}), xg::tensor({0}));
                 },
                 {"multi_margin_loss", "[2, 3]", "[1]"}},
                {[] {
                   xg::multi_margin_loss(some({1, 3}), xg::tensor({0}), {.p = 3});
                 },
                 {"multi_margin_loss", "p", "3"}}});
  const std::vector<Index> labels{{3, 0}, {}, {1}};
  run_losses("multilabel_margin_loss",
             [](const TensorList& in, Reduction r) {
               const Tensor t = xg::tensor({{3, 0, -1, 1}, {-1, 2, 2, 2}, {1, -1, 9, 9}});
               return xg::multilabel_margin_loss(in[0], t, {.reduction = r});
             },
             {{{3, 4}}},
             indexed([](const Arrays& in) { return Shape{in[0].shape[0]}; },
                     [=](const Arrays& in, const Index& i) {
                       const Index& own = labels[static_cast<std::size_t>(i[0])];
                       double sum = 0;
                       for (const std::int64_t t : own)
                         for (std::int64_t c = 0; c < 4; ++c)
                           if (std::find(own.begin(), own.end(), c) == own.end())
                             sum += std::fmax(0, 1 - at(in[0], {i[0], t}) + at(in[0], {i[0], c}));
                       return sum / 4;
                     }),
             {{}},
             {{[] {
                 xg::multilabel_margin_loss(some({2, 3}), xg::tensor({{0, 3, 1}, {0, 1, 2}}));
               },
               {"multilabel_margin_loss", "0..2", "3"}},
              {[] {
                 xg::multilabel_margin_loss(some({2, 3}), xg::tensor({0, 1, 2}));
               },
               {"multilabel_margin_loss", "[2, 3]", "[3]"}}});
}

TEST_CASE("likelihoods") {
  run_losses(
      "poisson_nll_loss",
      [](const TensorList& in, Reduction r) {
        return xg::poisson_nll_loss(in[0], in[1], {.full = true, .reduction = r});
      },
      pair_shapes, pairs([](double x, double t) {
        return std::exp(x) - t * x + (t > 1 ? t * std::log(t) - t + 0.5 * std::log(2 * M_PI * t) : 0);
      }),
      {{}, {0.2, 3}}, pair_misuse("poisson_nll_loss", [](T x, T t) { return xg::poisson_nll_loss(x, t); }));
  run_losses("poisson_nll_loss",
             [](const TensorList& in, Reduction r) {
               return xg::poisson_nll_loss(in[0], in[1], {.log_input = false, .eps = 0.1, .reduction = r});
             },
             pair_shapes, pairs([](double x, double t) { return x - t * std::log(x + 0.1); }), {{0.2, 3}});
  run_losses("gaussian_nll_loss",
             [](const TensorList& in, Reduction r) {
               return xg::gaussian_nll_loss(in[0], in[1], in[2], {.full = true, .reduction = r});
             },
             {{{2, 3}, {2, 3}, {2, 3}}, {{2, 3}, {2, 1}, {2, 1}}, {{1}, {1}, {1}}, {{0, 3}, {0, 3}, {0, 1}}},
             triples([](double x, double t, double v) {
               return 0.5 * (std::log(v) + (x - t) * (x - t) / v + std::log(2 * M_PI));
             }),
             {{}, {}, {0.3, 2}},
             {{[] {
                 xg::gaussian_nll_loss(some({2, 3}), some({2, 3}), some({3}));
               },
               {"gaussian_nll_loss", "[2, 3]", "[3]"}},
              {[] {
                 xg::gaussian_nll_loss(some({2}), some({2}), xg::tensor({1.0, -1.0}));
               },
               {"gaussian_nll_loss", "-1"}}});
}

TEST_CASE("ctc_loss") {
  const std::vector<Index> targets{{1, 1}, {2}, {}};
  const auto call = [](Reduction reduction) {
    return on([=](T x) {
      const Tensor labels = xg::tensor({{1, 1}, {2, 0}, {0, 0}});
      return xg::ctc_loss(x, labels, {4, 3, 2}, {2, 1, 0}, {.reduction = reduction});
    });
  };
  const auto losses = [=](const Arrays& in) {
    Array all{{3}, {}};
    for (std::int64_t n = 0; n < 3; ++n)
      all.values.push_back(ctc(in[0], n, 4 - n, targets[static_cast<std::size_t>(n)], 0));
    return Arrays{all};
  };
  const std::vector<Range> ranges{{-3, -0.1}};
  run({"ctc_loss",
       call(Reduction::none),
       {{{4, 3, 3}}},
       losses,
       ranges,
       {{[] { xg::ctc_loss(some({4}), xg::tensor({1}), 4, 1); }, {"ctc_loss", "[4]"}},
        {[] {
           xg::ctc_loss(some({4, 1, 3}), xg::tensor({1, 1}), {4}, {1});
         },
         {"ctc_loss", "1", "[2]"}},
        {[] {
           xg::ctc_loss(some({4, 1, 3}), xg::tensor({3}), {4}, {1});
         },
         {"ctc_loss", "0..2", "3"}}}});
  run({"ctc_loss", call(Reduction::sum), {{{4, 3, 3}}}, reduced_losses(losses, Reduction::sum), ranges});
  run({"ctc_loss",
       call(Reduction::mean),
       {{{4, 3, 3}}},
       [=](const Arrays& in) {
         const Numbers l = losses(in)[0].values;
         Array mean;
         mean.values.push_back((l[0] / 2 + l[1] + l[2]) / 3);
         return Arrays{mean};
       },
       ranges});
}
