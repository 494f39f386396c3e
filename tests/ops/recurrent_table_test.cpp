// The table's rows of recurrent layers.
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/recurrent.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <functional>
#include <utility>
#include <vector>

#include "support/op_table.hpp"

namespace xg = xgrad;
using namespace table;
using xg::Shape;
using xg::Tensor;
using xg::TensorList;

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

// x, h0, w_ih, w_hh, b_ih, b_hh; f makes the next h of the shares of x and of h, gate by gate, and of h.
using Cell = std::function<double(const std::vector<double>&, const std::vector<double>&, double)>;
Oracle recurrent(std::int64_t gates, Cell f) {
  return [=](const Arrays& in) {
    const std::int64_t steps = in[0].shape[0], batch = in[0].shape[1], width = in[0].shape[2], size = in[1].shape[1];
    Array y{{steps, batch, size}, {}}, h = in[1];
    for (std::int64_t t = 0; t < steps; ++t) {
      Array next{h.shape, {}};
      for (std::int64_t b = 0; b < batch; ++b)
        for (std::int64_t j = 0; j < size; ++j) {
          std::vector<double> own, its;
          for (std::int64_t gate = 0; gate < gates; ++gate) {
            const std::int64_t row = gate * size + j;
            own.push_back(at(in[4], {row}));
            its.push_back(at(in[5], {row}));
            for (std::int64_t k = 0; k < width; ++k) own.back() += at(in[0], {t, b, k}) * at(in[2], {row, k});
            for (std::int64_t k = 0; k < size; ++k) its.back() += at(h, {b, k}) * at(in[3], {row, k});
          }
          next.values.push_back(f(own, its, at(h, {b, j})));
        }
      h = next;
      y.values.insert(y.values.end(), h.values.begin(), h.values.end());
    }
    return Arrays{y, h};
  };
}
const Oracle tanh_units = recurrent(1, [](const auto& x, const auto& h, double) { return std::tanh(x[0] + h[0]); });
const Oracle relu_units = recurrent(1, [](const auto& x, const auto& h, double) { return std::fmax(x[0] + h[0], 0); });
const Oracle gated_units = recurrent(3, [](const auto& x, const auto& h, double before) {
  const double r = sigmoid(x[0] + h[0]), z = sigmoid(x[1] + h[1]), n = std::tanh(x[2] + r * h[2]);
  return (1 - z) * n + z * before;
});
Shapes layer_shapes(std::int64_t g) {
  return {{{2, 2, 3}, {2, 2}, {2 * g, 3}, {2 * g, 2}, {2 * g}, {2 * g}},
          {{1, 1, 1}, {1, 3}, {3 * g, 1}, {3 * g, 3}, {3 * g}, {3 * g}}};
}
// A function of layers with one layer of one direction.
template <class F>
Call one_layer(F f) {
  return on([f](T x, T h, T w_ih, T w_hh, T b_ih, T b_hh) {
    const auto [output, h_n] = f(x, h.unsqueeze(0), TensorList{w_ih, w_hh, b_ih, b_hh}, true, 1, 0, true, false, false);
    return std::pair{output, h_n.squeeze(0)};
  });
}
template <class F>
std::vector<Misuse> too_few(const char* name, F f) {
  return refuses(
      [f] {
        f(xg::ones({2, 2, 3}), Tensor(), TensorList{}, true, 1, 0, true, false, false);
      },
      {name, "4 parameters"});
}

}  // namespace

TEST_CASE("rnn_layer and gru_layer") {
  const auto unfit = [](const char* name, auto f) {
    return refuses(
        [f] {
          f(xg::ones({2, 2, 3}), xg::RecurrentWeights{xg::ones({6, 2}), xg::ones({6, 6})});
        },
        {name, "w_ih", "[6, 3]", "[6, 2]"});
  };
  for (const char* f : {"tanh", "relu"})
    run({"rnn_layer",
         on([=](T x, T h, T w_ih, T w_hh, T b_ih, T b_hh) {
           return xg::rnn_layer(x, {w_ih, w_hh, b_ih, b_hh}, h, f);
         }),
         layer_shapes(1),
         *f == 't' ? tanh_units : relu_units,
         {{}},
         unfit("rnn_layer", [](T x, const xg::RecurrentWeights& w) { xg::rnn_layer(x, w); })});
  run({"gru_layer",
       on([](T x, T h, T w_ih, T w_hh, T b_ih, T b_hh) {
         return xg::gru_layer(x, {w_ih, w_hh, b_ih, b_hh}, h);
       }),
       layer_shapes(3),
       gated_units,
       {{}},
       unfit("gru_layer", [](T x, const xg::RecurrentWeights& w) { xg::gru_layer(x, w); })});
}

TEST_CASE("functions of layers") {
  run({"rnn_tanh", one_layer(xg::rnn_tanh), layer_shapes(1), tanh_units, {{}}, too_few("rnn_tanh", xg::rnn_tanh)});
  run({"rnn_relu", one_layer(xg::rnn_relu), layer_shapes(1), relu_units, {{}}, too_few("rnn_relu", xg::rnn_relu)});
  run({"gru", one_layer(xg::gru), layer_shapes(3), gated_units, {{}}, too_few("gru", xg::gru)});
  run({"lstm",
       on([](T x, T h, T c, T w_ih, T w_hh, T b_ih, T b_hh) {
         TensorList results =
             xg::lstm(x, {h.unsqueeze(0), c.unsqueeze(0)}, {w_ih, w_hh, b_ih, b_hh}, true, 1, 0, true, false, false);
         for (std::size_t i : {1, 2}) results[i] = results[i].squeeze(0);
         return results;
       }),
       {{{2, 2, 3}, {2, 2}, {2, 2}, {8, 3}, {8, 2}, {8}, {8}}},
       lstm,
       {{}},
       refuses(
           [] {
             xg::lstm(xg::ones({2, 2, 3}), {}, {}, true, 1, 0, true, false, false);
           },
           {"lstm", "4 parameters"})});
}

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
