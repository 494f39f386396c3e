// The table's rows of recurrent layers.
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/lstm.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <vector>

#include "support/op_table.hpp"

namespace xg = xgrad;
using namespace table;
using xg::Shape;
using xg::Tensor;

namespace {

using T = const Tensor&;

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// x, h0, c0, w_ih, w_hh, b_ih, b_hh.
Arrays lstm(const Arrays& in) {
  const std::int64_t steps = in[0].shape[0], batch = in[0].shape[1], width = in[0].shape[2], size = in[1].shape[1];
  Array y{{steps, batch, size}, {}}, h = in[1], c = in[2];
  for (std::int64_t t = 0; t < steps; ++t) {
    Array next{h.shape, {}}, next_c{c.shape, {}};
    for (std::int64_t b = 0; b < batch; ++b)
      for (std::int64_t j = 0; j < size; ++j) {
        double z[4];
        for (std::int64_t gate = 0; gate < 4; ++gate) {
          const std::int64_t row = gate * size + j;
          double& sum = z[gate] = at(in[5], {row}) + at(in[6], {row});
          for (std::int64_t k = 0; k < width; ++k) sum += at(in[0], {t, b, k}) * at(in[3], {row, k});
          for (std::int64_t k = 0; k < size; ++k) sum += at(h, {b, k}) * at(in[4], {row, k});
        }
        const double cell = sigmoid(z[1]) * at(c, {b, j}) + sigmoid(z[0]) * std::tanh(z[2]);
        next_c.values.push_back(cell);
        next.values.push_back(sigmoid(z[3]) * std::tanh(cell));
      }
    h = next, c = next_c;
    y.values.insert(y.values.end(), h.values.begin(), h.values.end());
  }
  return {y, h, c};
}

}  // namespace

TEST_CASE("lstm_layer") {
  run({"lstm_layer",
       on([](T x, T h, T c, T w_ih, T w_hh, T b_ih, T b_hh) {
         return xg::lstm_layer(x, {w_ih, w_hh, b_ih, b_hh}, h, c);
       }),
       {{{2, 2, 3}, {2, 2}, {2, 2}, {8, 3}, {8, 2}, {8}, {8}},
        {{1, 1, 1}, {1, 3}, {1, 3}, {12, 1}, {12, 3}, {12}, {12}}},
       lstm,
       {{}},
       refuses(
           [] {
             xg::lstm_layer(xg::ones({2, 2, 3}), {xg::ones({8, 2}), xg::ones({8, 2})});
           },
           {"lstm_layer", "w_ih", "[8, 3]", "[8, 2]"})});
}
