// The table's rows of embedding_bag.
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/embedding_bag.hpp>

#include <algorithm>
#include <doctest/doctest.h>
#include <vector>

#include "support/op_table.hpp"

namespace xg = xgrad;
using namespace table;
using xg::Shape;
using xg::Tensor;

namespace {

using T = const Tensor&;

// Of bags {2, 0, 2}, {} and {1}.
std::vector<Row> bags() {
  const auto call = [](const char* mode) {
    return [mode](T weight) {
      return xg::embedding_bag(xg::tensor({2, 0, 2, 1}), weight, xg::tensor({0, 3, 3}), {.mode = mode});
    };
  };
  const auto of = [](double (*f)(double, double)) {
    return indexed(
        [](const Arrays& in) {
          return Shape{3, in[0].shape[1]};
        },
        [f](const Arrays& in, const Index& i) {
          if (i[0] != 0) return i[0] == 1 ? 0.0 : at(in[0], {1, i[1]});
          return f(at(in[0], {2, i[1]}), at(in[0], {0, i[1]}));
        });
  };
  const Shapes tables{{{3, 2}}, {{4, 1}}, {{3, 0}}};
  return {
      {"embedding_bag",
       on(call("sum")),
       tables,
       of([](double twice, double once) { return 2 * twice + once; }),
       {{}},
       refuses(
           [=] {
             call("sum")(some({2, 2}));
           },
           {"embedding_bag", "2"})},
      {"embedding_bag", on(call("mean")), tables, of([](double twice, double once) { return (2 * twice + once) / 3; })},
      {"embedding_bag", on(call("max")), tables, of([](double a, double b) { return std::max(a, b); })},
      {"embedding_bag",
       on([](T weight, T factors) {
         return xg::embedding_bag(xg::tensor({{0, 1}, {1, 1}}), weight, {},
                                  {.mode = "sum", .per_sample_weights = factors});
       }),
       {{{2, 3}, {2, 2}}, {{3, 1}, {2, 2}}},
       indexed(
           [](const Arrays& in) {
             return Shape{2, in[0].shape[1]};
           },
           [](const Arrays& in, const Index& i) {
             return at(in[1], {i[0], 0}) * at(in[0], {i[0], i[1]}) + at(in[1], {i[0], 1}) * at(in[0], {1, i[1]});
           })},
  };
}

}  // namespace

TEST_CASE("bags") {
  for (const Row& row : bags()) run(row);
}
