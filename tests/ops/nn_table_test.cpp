// The table's rows of softmax, attention and dropout.
#include <xgrad/ops/attention.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/dropout.hpp>
#include <xgrad/ops/softmax.hpp>

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "support/op_table.hpp"

namespace xg = xgrad;
using namespace table;
using xg::Shape;
using xg::Tensor;

namespace {

using T = const Tensor&;
using Numbers = std::vector<double>;

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
  run({"softmin",
       on([](T x) { return xg::softmin(x, -1); }),
       unary,
       lines(-1,
             [](Numbers x) {
               for (double& v : x) v = -v;
               return softmax(x);
             }),
       {{}},
       bad("softmin", [](T x, int d) { xg::softmin(x, d); })});
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

TEST_CASE("dropout of channels and dropout that keeps moments, without a choice") {
  using Function = Tensor (*)(const xg::Arg&, double, bool);
  const struct {
    const char* name;
    Function function;
    Shapes shapes;
    Shape refused;
    const char* words;
  } functions[] = {{"dropout1d", xg::dropout1d, {{{2, 3}}, {{2, 3, 2}}, {{0, 3, 2}}}, {3}, "[3]"},
                   {"dropout2d", xg::dropout2d, {{{2, 3, 2}}, {{2, 1, 2, 3}}, {{0, 3, 2, 2}}}, {2, 3}, "[2, 3]"},
                   {"dropout3d", xg::dropout3d, {{{1, 2, 2, 2}}, {{2, 2, 1, 2, 1}}, {{0, 1, 2, 2, 2}}}, {2}, "[2]"},
                   {"alpha_dropout", xg::alpha_dropout, unary, {}, ""},
                   {"feature_alpha_dropout", xg::feature_alpha_dropout, {{{2, 3}}, {{2, 3, 2}}, {{0, 2}}}, {3}, "[3]"}};
  for (const auto& f : functions) {
    const auto with = [function = f.function](double p, bool training) {
      return on([=](T x) { return function(x, p, training); });
    };
    std::vector<Misuse> misuse = refuses([=] { f.function(some(f.shapes[0][0]), 1.5, true); }, {f.name, "1.5"});
    misuse.push_back({[=] { f.function(xg::zeros(f.shapes[0][0], {.dtype = xg::int64}), 0.5, true); }, {f.name}});
    if (!f.refused.empty()) misuse.push_back({[=] { f.function(some(f.refused), 0.5, false); }, {f.name, f.words}});
    const auto same = each([](double x) { return x; });
    run({f.name, with(0.5, false), f.shapes, same, {{}}, misuse});
    run({f.name, with(0, true), f.shapes, same});
    run({f.name, with(1, true), f.shapes, each([](double) { return 0.0; })});
  }
}
