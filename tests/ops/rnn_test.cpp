#include <xgrad/autograd.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/equality.hpp>
#include <xgrad/ops/linalg.hpp>
#include <xgrad/ops/pointwise.hpp>
#include <xgrad/ops/recurrent.hpp>
#include <xgrad/ops/shape.hpp>
#include <xgrad/testing.hpp>

#include <cstdint>
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "numeric.hpp"
#include "support/errors.hpp"
#include "support/twins.hpp"

namespace xg = xgrad;
using test::mentions;
using test::message_of;
using xg::Tensor;
using xg::TensorList;

namespace {

enum class Unit { tanh, relu, gated };
const char* const names[]{"tanh", "relu", "gated"};

// What a layer is called with, as a list for the checks: x, h0, w_ih, w_hh, b_ih, b_hh; what is left out is not there.
struct Sizes {
  Unit unit;
  std::int64_t steps, batch, input, hidden;
  bool state = true, b_ih = true, b_hh = true, reverse = false;

  std::int64_t gates() const { return unit == Unit::gated ? 3 : 1; }
};
std::string text(const Sizes& s) {
  return std::string(names[static_cast<int>(s.unit)]) + " T " + std::to_string(s.steps) + " B " +
         std::to_string(s.batch) + " I " + std::to_string(s.input) + " H " + std::to_string(s.hidden);
}

TensorList inputs_of(const Sizes& s, xg::Dtype dtype = xg::float64) {
  TensorList list;
  const auto add = [&](const xg::Shape& shape) {
    list.push_back(numeric::random(shape, 100 + list.size(), dtype).requires_grad_());
  };
  add({s.steps, s.batch, s.input});
  if (s.state) add({s.batch, s.hidden});
  add({s.gates() * s.hidden, s.input});
  add({s.gates() * s.hidden, s.hidden});
  if (s.b_ih) add({s.gates() * s.hidden});
  if (s.b_hh) add({s.gates() * s.hidden});
  return list;
}
struct Named {
  Tensor x, h0;
  xg::RecurrentWeights w;
};
Named named(const Sizes& s, const TensorList& list) {
  Named n;
  std::size_t i = 0;
  n.x = list[i++];
  if (s.state) n.h0 = list[i++];
  n.w.w_ih = list[i++];
  n.w.w_hh = list[i++];
  if (s.b_ih) n.w.b_ih = list[i++];
  if (s.b_hh) n.w.b_hh = list[i++];
  return n;
}
TensorList layer(const Sizes& s, const TensorList& list) {
  const Named n = named(s, list);
  const auto [output, h] = s.unit == Unit::gated
                               ? xg::gru_layer(n.x, n.w, n.h0, s.reverse)
                               : xg::rnn_layer(n.x, n.w, n.h0, names[static_cast<int>(s.unit)], s.reverse);
  return {output, h};
}

// The same of primitive operations, gate by gate.
TensorList oracle(const Sizes& s, const TensorList& list) {
  const Named n = named(s, list);
  Tensor h = n.h0.defined() ? n.h0 : xg::zeros({s.batch, s.hidden}, {.dtype = n.x.dtype()});
  TensorList outputs(static_cast<std::size_t>(s.steps));
  for (std::int64_t step = 0; step < s.steps; ++step) {
    const std::int64_t t = s.reverse ? s.steps - 1 - step : step;
    const auto share = [&](const Tensor& of, const Tensor& w, const Tensor& b, std::int64_t gate) {
      const Tensor product = xg::matmul(of, w.narrow(0, gate * s.hidden, s.hidden).t());
      return b.defined() ? product + b.narrow(0, gate * s.hidden, s.hidden) : product;
    };
    const auto own = [&](std::int64_t gate) { return share(n.x.select(0, t), n.w.w_ih, n.w.b_ih, gate); };
    const auto its = [&](std::int64_t gate) { return share(h, n.w.w_hh, n.w.b_hh, gate); };
    if (s.unit == Unit::tanh) {
      h = xg::tanh(own(0) + its(0));
    } else if (s.unit == Unit::relu) {
      h = xg::relu(own(0) + its(0));
    } else {
      const Tensor r = xg::sigmoid(own(0) + its(0)), z = xg::sigmoid(own(1) + its(1)),
                   next = xg::tanh(own(2) + r * its(2));
      h = (1 - z) * next + z * h;
    }
    outputs[static_cast<std::size_t>(t)] = h;
  }
  return {xg::stack(outputs), h};
}

std::vector<Sizes> small() {
  std::vector<Sizes> all;
  for (Unit unit : {Unit::tanh, Unit::relu, Unit::gated})
    for (const Sizes& s : {Sizes{unit, 3, 2, 2, 3}, Sizes{unit, 2, 3, 1, 2, false},
                           Sizes{unit, 2, 2, 3, 2, true, false}, Sizes{unit, 2, 2, 3, 2, true, true, false},
                           Sizes{unit, 3, 1, 2, 3, false, false, false, true}, Sizes{unit, 1, 1, 1, 1}})
      all.push_back(s);
  return all;
}

// Either with its sizes.
auto call_of(TensorList (*f)(const Sizes&, const TensorList&), const Sizes& s) {
  return [f, &s](const TensorList& list) { return f(s, list); };
}

}  // namespace

TEST_CASE("derivatives to second order, with every set of arguments") {
  for (const Sizes& s : small()) {
    INFO(text(s));
    const auto f = [&s](const TensorList& list) { return layer(s, list); };
    CHECK(xg::gradcheck(f, inputs_of(s)));
    CHECK(xg::gradgradcheck(f, inputs_of(s)));
  }
}

TEST_CASE("third order") {
  const Sizes s{Unit::gated, 2, 1, 1, 2};
  numeric::check_gradients([&s](const TensorList& list) { return layer(s, list); }, inputs_of(s), 3, 1e-5);
}

TEST_CASE("values and gradients are those of primitive operations, for sizes around those of vectors") {
  std::vector<Sizes> all = small();
  for (Unit unit : {Unit::tanh, Unit::relu, Unit::gated})
    for (std::int64_t hidden : {1, 4, 7, 8, 15, 16, 17, 33, 65})
      for (std::int64_t batch : {1, 6, 13})
        all.push_back({unit, 3, batch, 5, hidden, true, true, true, hidden % 2 == 0});
  for (const Sizes& s : all) {
    INFO(text(s));
    test::check_twins(call_of(layer, s), call_of(oracle, s), inputs_of(s), 3e-5);
  }
}

TEST_CASE("only the gradients asked for, from either output") {
  for (Unit unit : {Unit::tanh, Unit::relu, Unit::gated}) {
    const Sizes s{unit, 3, 2, 4, 5};
    INFO(text(s));
    test::check_single_gradients(call_of(layer, s), call_of(oracle, s), inputs_of(s));
  }
}

TEST_CASE("a retained graph gives the same again; changing an output before backward is noticed") {
  for (Unit unit : {Unit::tanh, Unit::gated}) {
    const Sizes s{unit, 3, 2, 2, 4};
    const TensorList inputs = inputs_of(s), outputs = layer(s, inputs);
    const Tensor loss = outputs[0].square().sum() + outputs[1].sum();
    const TensorList once = xg::grad({loss}, inputs, {.retain_graph = true}), again = xg::grad({loss}, inputs);
    for (std::size_t i = 0; i < inputs.size(); ++i) CHECK(xg::equal(once[i], again[i]));
    const TensorList changed = layer(s, inputs);
    changed[0].zero_();
    CHECK(mentions(message_of<xg::AutogradError>([&] { changed[1].sum().backward(); }), {"_layer"}));
  }
}

TEST_CASE("biases, weights and cotangents of any layout, in place of the gates or not") {
  for (Unit unit : {Unit::tanh, Unit::relu, Unit::gated})
    for (bool of_x : {true, false}) {
      const Sizes s{unit, 3, 2, 2, 3, true, of_x, !of_x};
      INFO(text(s));
      const TensorList plain = inputs_of(s);
      TensorList lying = plain;
      const auto across = [](const Tensor& t) { return t.t().contiguous().t(); };
      lying[2] = across(plain[2]), lying[3] = across(plain[3]);
      lying[4] = xg::stack({plain[4], plain[4]}, 1).select(1, 1);
      const auto gradients = [&](const TensorList& outputs, bool retain) {
        const Tensor loss = outputs[0].transpose(0, 1).sum() + outputs[1].t().sum() + outputs[1].sum();
        return xg::grad({loss}, plain, {.retain_graph = retain});
      };
      const TensorList wanted = gradients(oracle(s, plain), false);
      for (bool retain : {true, false}) {
        const TensorList found = gradients(layer(s, lying), retain);
        for (std::size_t i = 0; i < wanted.size(); ++i) CHECK(numeric::distance(found[i], wanted[i]) <= 1e-13);
      }
    }
}

TEST_CASE("no input, and no state, are sizes like others") {
  for (Unit unit : {Unit::relu, Unit::gated})
    for (const Sizes& s : {Sizes{unit, 2, 2, 0, 3}, Sizes{unit, 2, 2, 3, 0}}) {
      INFO(text(s));
      const TensorList inputs = inputs_of(s), found = test::outputs_and_gradients(call_of(layer, s), inputs),
                       wanted = test::outputs_and_gradients(call_of(oracle, s), inputs);
      for (std::size_t i = 0; i < wanted.size(); ++i)
        if (wanted[i].numel() == 0)
          CHECK(found[i].sizes() == wanted[i].sizes());
        else
          CHECK(numeric::distance(found[i].detach(), wanted[i].detach()) <= 1e-13);
    }
}

TEST_CASE("an empty batch gives zeros for the weights") {
  for (Unit unit : {Unit::relu, Unit::gated}) {
    const Sizes s{unit, 2, 0, 3, 4};
    const TensorList inputs = inputs_of(s), outputs = layer(s, inputs);
    CHECK((outputs[0].sizes() == xg::Shape{2, 0, 4}));
    const TensorList gradients = xg::grad({outputs[0].sum()}, inputs);
    for (std::size_t i = 2; i < inputs.size(); ++i)
      CHECK(xg::equal(gradients[i], xg::zeros(inputs[i].sizes(), {.dtype = xg::float64})));
  }
}

TEST_CASE("the same bits for any number of threads") {
  for (Unit unit : {Unit::tanh, Unit::gated})
    for (const Sizes& s : {Sizes{unit, 9, 3, 40, 100}, Sizes{unit, 9, 50, 40, 100}}) {
      INFO(text(s));
      test::check_threads(call_of(layer, s), inputs_of(s, xg::float32));
    }
}

TEST_CASE("functions of layers: what a state left out, one sequence alone, and dropout mean") {
  const auto weights = [](std::int64_t gates, std::int64_t width) {
    return TensorList{numeric::random({gates * 4, width}, 1), numeric::random({gates * 4, 4}, 2),
                      numeric::random({gates * 4}, 3), numeric::random({gates * 4}, 4)};
  };
  TensorList params = weights(3, 3);
  for (const Tensor& w : weights(3, 4)) params.push_back(w);
  const Tensor x = numeric::random({5, 2, 3}, 5), h = xg::zeros({2, 2, 4}, {.dtype = xg::float64});
  const auto [output, h_n] = xg::gru(x, h, params, true, 2, 0, false, false, false);
  CHECK(xg::equal(xg::gru(x, {}, params, true, 2, 0, false, false, false).first, output));
  CHECK(xg::equal(xg::gru(x, {}, params, true, 2, 0.5, false, false, false).first, output));
  CHECK_FALSE(xg::equal(xg::gru(x, {}, params, true, 2, 0.5, true, false, false).first, output));
  const auto [swapped, same] = xg::gru(x.transpose(0, 1), h, params, true, 2, 0, false, false, true);
  CHECK(xg::equal(swapped.transpose(0, 1), output));
  CHECK(xg::equal(same, h_n));
  const auto [alone, last] = xg::gru(x.select(1, 1), h.select(1, 1), params, true, 2, 0, false, false, true);
  CHECK(xg::allclose(alone, output.select(1, 1), {.rtol = 1e-12}));
  CHECK(xg::allclose(last, h_n.select(1, 1), {.rtol = 1e-12}));
  // An LSTM without states, too.
  CHECK(xg::lstm(x, {}, weights(4, 3), true, 1, 0, false, false, false).size() == 3);
}

TEST_CASE("misuse is named") {
  const Tensor x = xg::ones({2, 3, 4});
  const auto w = [](std::int64_t rows, std::int64_t columns) { return xg::ones({rows, columns}); };
  CHECK(mentions(message_of<xg::ShapeError>([&] {
                   xg::gru_layer(x, {w(14, 4), w(14, 5)});
                 }),
                 {"gru_layer: w_ih must be [3 H, I], got [14, 4]", "rnn_test.cpp"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] {
                   xg::rnn_layer(x, {w(5, 4), w(5, 4)});
                 }),
                 {"rnn_layer: w_hh must be [5, 5], got [5, 4]"}));
  CHECK(mentions(message_of<xg::ValueError>([&] {
                   xg::rnn_layer(x, {w(5, 4), w(5, 5)}, {}, "sigmoid");
                 }),
                 {"rnn_layer", "tanh or relu", "sigmoid"}));
  CHECK(mentions(message_of<xg::ValueError>([&] {
                   xg::gru_layer(x, {w(15, 4), w(15, 5), {}, {}, w(2, 5)});
                 }),
                 {"gru_layer", "w_hr"}));
  const TensorList good{w(5, 4), w(5, 5)};
  CHECK(mentions(message_of<xg::ValueError>([&] { xg::rnn_tanh(x, {}, good, true, 1, 0, false, false, false); }),
                 {"rnn_tanh", "4 parameters", "1 layers", "2"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] {
                   xg::rnn_relu(x, xg::ones({1, 2, 5}), good, false, 1, 0, false, false, false);
                 }),
                 {"rnn_relu: hx must be [1, 3, 5], got [1, 2, 5]"}));
  CHECK(mentions(
      message_of<xg::ShapeError>([&] { xg::rnn_relu(xg::ones({4}), {}, good, false, 1, 0, false, false, false); }),
      {"rnn_relu: x must be", "[4]"}));
  CHECK(mentions(message_of<xg::ValueError>([&] {
                   xg::lstm(x, {xg::ones({1, 3, 5})}, {w(20, 4), w(20, 5)}, false, 1, 0, false, false, false);
                 }),
                 {"lstm", "h and c"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { xg::rnn_tanh(x, {}, good, false, 1, 1.5, true, false, false); }),
                 {"rnn_tanh: dropout must be in [0, 1], got 1.5"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] {
                   xg::lstm(x, {}, {w(20, 4), w(20, 2), xg::ones({2})}, false, 1, 0, false, false, false);
                 }),
                 {"lstm", "two dimensions", "got [2]"}));
  CHECK(mentions(message_of<xg::ValueError>([&] {
                   xg::lstm(x, {}, {w(20, 4), w(20, 2), {}}, false, 1, 0, false, false, false);
                 }),
                 {"lstm", "undefined"}));
}
