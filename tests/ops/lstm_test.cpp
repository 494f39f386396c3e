#include <xgrad/autograd.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/equality.hpp>
#include <xgrad/ops/linalg.hpp>
#include <xgrad/ops/lstm.hpp>
#include <xgrad/ops/pointwise.hpp>
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

// What a layer is called with, as a list for the checks: x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr; undefined ones left
// out.
struct Kind {
  bool states = true, biases = true;
  std::int64_t projected = 0;
  bool reverse = false;
};
struct Sizes {
  std::int64_t steps, batch, input, hidden;
  Kind kind{};
};
std::string text(const Sizes& s) {
  return "T " + std::to_string(s.steps) + " B " + std::to_string(s.batch) + " I " + std::to_string(s.input) + " H " +
         std::to_string(s.hidden) + (s.kind.states ? "" : " no states") + (s.kind.biases ? "" : " no biases") +
         (s.kind.projected > 0 ? " P " + std::to_string(s.kind.projected) : "") + (s.kind.reverse ? " reverse" : "");
}

TensorList inputs_of(const Sizes& s, xg::Dtype dtype = xg::float64) {
  const std::int64_t size = s.kind.projected > 0 ? s.kind.projected : s.hidden;
  TensorList list;
  const auto add = [&](const xg::Shape& shape) {
    list.push_back(numeric::random(shape, 100 + list.size(), dtype).requires_grad_());
  };
  add({s.steps, s.batch, s.input});
  if (s.kind.states) add({s.batch, size}), add({s.batch, s.hidden});
  add({4 * s.hidden, s.input});
  add({4 * s.hidden, size});
  if (s.kind.biases) add({4 * s.hidden}), add({4 * s.hidden});
  if (s.kind.projected > 0) add({s.kind.projected, s.hidden});
  return list;
}
struct Named {
  Tensor x, h0, c0;
  xg::RecurrentWeights w;
};
Named named(const Sizes& s, const TensorList& list) {
  Named n;
  std::size_t i = 0;
  n.x = list[i++];
  if (s.kind.states) n.h0 = list[i], n.c0 = list[i + 1], i += 2;
  n.w.w_ih = list[i++];
  n.w.w_hh = list[i++];
  if (s.kind.biases) n.w.b_ih = list[i], n.w.b_hh = list[i + 1], i += 2;
  if (s.kind.projected > 0) n.w.w_hr = list[i];
  return n;
}
TensorList layer(const Sizes& s, const TensorList& list) {
  const Named n = named(s, list);
  return xg::lstm_layer(n.x, n.w, n.h0, n.c0, s.kind.reverse);
}

// The same of primitive operations, gate by gate.
TensorList oracle(const Sizes& s, const TensorList& list) {
  const Named n = named(s, list);
  const xg::TensorOptions like{.dtype = n.x.dtype()};
  Tensor h = n.h0.defined() ? n.h0 : xg::zeros({s.batch, s.kind.projected > 0 ? s.kind.projected : s.hidden}, like);
  Tensor c = n.c0.defined() ? n.c0 : xg::zeros({s.batch, s.hidden}, like);
  TensorList outputs(static_cast<std::size_t>(s.steps));
  for (std::int64_t step = 0; step < s.steps; ++step) {
    const std::int64_t t = s.kind.reverse ? s.steps - 1 - step : step;
    const auto argument = [&](std::int64_t gate) {
      const auto part = [&](const Tensor& w) { return w.narrow(0, gate * s.hidden, s.hidden); };
      Tensor z = xg::matmul(n.x.select(0, t), part(n.w.w_ih).t()) + xg::matmul(h, part(n.w.w_hh).t());
      if (s.kind.biases) z = z + part(n.w.b_ih) + part(n.w.b_hh);
      return z;
    };
    const Tensor i = xg::sigmoid(argument(0)), f = xg::sigmoid(argument(1)), g = xg::tanh(argument(2)),
                 o = xg::sigmoid(argument(3));
    c = f * c + i * g;
    h = o * xg::tanh(c);
    if (s.kind.projected > 0) h = xg::matmul(h, n.w.w_hr.t());
    outputs[static_cast<std::size_t>(t)] = h;
  }
  return {xg::stack(outputs), h, c};
}

const std::vector<Sizes> small{{3, 2, 2, 3},
                               {2, 3, 1, 2, {.states = false}},
                               {2, 2, 3, 2, {.biases = false, .reverse = true}},
                               {3, 2, 2, 3, {.projected = 2}},
                               {2, 1, 2, 3, {.states = false, .biases = false, .projected = 1, .reverse = true}},
                               {1, 1, 1, 1}};

// Either with its sizes.
auto call_of(TensorList (*f)(const Sizes&, const TensorList&), const Sizes& s) {
  return [f, &s](const TensorList& list) { return f(s, list); };
}

}  // namespace

TEST_CASE("derivatives to second order, with every set of arguments") {
  for (const Sizes& s : small) {
    INFO(text(s));
    const auto f = [&s](const TensorList& list) { return layer(s, list); };
    CHECK(xg::gradcheck(f, inputs_of(s)));
    CHECK(xg::gradgradcheck(f, inputs_of(s)));
  }
}

TEST_CASE("third order") {
  const Sizes s{2, 1, 1, 2};
  numeric::check_gradients([&s](const TensorList& list) { return layer(s, list); }, inputs_of(s), 3, 1e-5);
}

TEST_CASE("values and gradients are those of primitive operations, for sizes around those of vectors") {
  std::vector<Sizes> all = small;
  for (std::int64_t hidden : {1, 4, 7, 8, 15, 16, 17, 33, 65})
    for (std::int64_t batch : {1, 6, 13}) all.push_back({3, batch, 5, hidden, {.reverse = hidden % 2 == 0}});
  all.push_back({4, 7, 3, 20, {.states = false, .projected = 17}});
  all.push_back({4, 7, 3, 20, {.projected = 3, .reverse = true}});
  all.push_back({2, 40, 9, 70, {.projected = 65}});
  all.push_back({1, 1, 3, 20});
  for (const Sizes& s : all) {
    INFO(text(s));
    test::check_twins(call_of(layer, s), call_of(oracle, s), inputs_of(s), 1e-5);
  }
}

TEST_CASE("only the gradients asked for, from any of the outputs") {
  // c of the last time does not depend on how the last h is projected, but on the ones before.
  const Sizes s{3, 2, 4, 5, {.projected = 3}};
  test::check_single_gradients(call_of(layer, s), call_of(oracle, s), inputs_of(s));
}

TEST_CASE("a retained graph gives the same again; gradients of both biases are apart") {
  const Sizes s{3, 2, 2, 4};
  const TensorList inputs = inputs_of(s), outputs = layer(s, inputs);
  const Tensor loss = outputs[0].square().sum() + outputs[2].sum();
  const TensorList once = xg::grad({loss}, inputs, {.retain_graph = true}), again = xg::grad({loss}, inputs);
  for (std::size_t i = 0; i < inputs.size(); ++i) CHECK(xg::equal(once[i], again[i]));
  layer(s, inputs)[0].sum().backward();
  const Tensor b_ih = inputs[5].grad(), b_hh = inputs[6].grad();
  CHECK(xg::equal(b_ih, b_hh));
  b_ih.fill_(0);
  CHECK_FALSE(xg::equal(b_ih, b_hh));
}

TEST_CASE("the outputs are apart from each other, and changing the sequence before backward is noticed") {
  const Sizes s{2, 1, 1, 2};
  const TensorList outputs = layer(s, inputs_of(s));
  const auto before = outputs[1].to_vector<double>();
  outputs[0].zero_();
  CHECK(outputs[1].to_vector<double>() == before);
  CHECK(mentions(message_of<xg::AutogradError>([&] { outputs[1].sum().backward(); }), {"lstm_layer"}));
}

TEST_CASE("views, and layers one after the other on one state") {
  const Sizes s{3, 2, 2, 3};
  const auto f = [&s](const TensorList& list) {
    TensorList in = list;
    in[0] = in[0].transpose(0, 1);
    in[4] = in[4].t();
    const TensorList first = layer(s, in);
    TensorList next = in;
    next[1] = first[1], next[2] = first[2];
    return layer(s, next);
  };
  TensorList inputs = inputs_of(s);
  inputs[0] = numeric::random({2, 3, 2}, 1).requires_grad_();
  inputs[4] = numeric::random({3, 12}, 2).requires_grad_();
  CHECK(xg::gradcheck(f, inputs));
  CHECK(xg::gradgradcheck(f, inputs));
}

TEST_CASE("an empty batch gives zeros for the weights") {
  const Sizes s{2, 0, 3, 4};
  const TensorList inputs = inputs_of(s), outputs = layer(s, inputs);
  CHECK((outputs[0].sizes() == xg::Shape{2, 0, 4}));
  CHECK((outputs[2].sizes() == xg::Shape{0, 4}));
  const TensorList gradients = xg::grad({outputs[0].sum()}, inputs, {.allow_unused = true});
  for (std::size_t i = 3; i < inputs.size(); ++i)
    CHECK(xg::equal(gradients[i], xg::zeros(inputs[i].sizes(), {.dtype = xg::float64})));
}

TEST_CASE("the same bits for any number of threads") {
  for (const Sizes& s : {Sizes{9, 3, 40, 100}, Sizes{9, 50, 40, 100}, Sizes{5, 70, 16, 90, {.projected = 70}},
                         Sizes{5, 2, 16, 200, {.projected = 90, .reverse = true}}}) {
    INFO(text(s));
    test::check_threads(call_of(layer, s), inputs_of(s, xg::float32));
  }
}

TEST_CASE("misuse is named") {
  const Sizes s{2, 3, 4, 5};
  const TensorList good = inputs_of(s, xg::float32);
  const auto with = [&](std::size_t i, const Tensor& t) {
    TensorList list = good;
    list[i] = t;
    return message_of<xg::Error>([&] { layer(s, list); });
  };
  const auto f32 = [](const xg::Shape& shape) { return xg::zeros(shape); };
  CHECK(mentions(with(0, f32({3, 4})), {"lstm_layer: x must be [T, B, I]", "[3, 4]", "lstm_test.cpp"}));
  CHECK(mentions(with(0, f32({0, 3, 4})), {"lstm_layer: x must be", "T above 0", "[0, 3, 4]"}));
  CHECK(mentions(with(0, xg::zeros({2, 3, 4}, {.dtype = xg::int64})), {"lstm_layer", "int64"}));
  CHECK(mentions(with(1, f32({3, 4})), {"lstm_layer: h0 must be [3, 5], got [3, 4]"}));
  CHECK(mentions(with(2, f32({5})), {"lstm_layer: c0 must be [3, 5], got [5]"}));
  CHECK(mentions(with(3, f32({20, 3})), {"lstm_layer: w_ih must be [20, 4], got [20, 3]", "[2, 3, 4]"}));
  CHECK(mentions(with(3, f32({18, 4})), {"lstm_layer: w_ih must be [4 H, I], got [18, 4]"}));
  CHECK(mentions(with(4, f32({20, 4})), {"lstm_layer: w_hh must be [20, 5], got [20, 4]"}));
  CHECK(mentions(with(4, {}), {"lstm_layer: w_hh is undefined"}));
  CHECK(mentions(with(6, f32({5})), {"lstm_layer: b_hh must be [20], got [5]"}));
  CHECK(mentions(with(5, xg::zeros({20}, {.dtype = xg::float64})), {"lstm_layer: b_ih must be float32", "float64"}));
  const Sizes projected{2, 3, 4, 5, {.projected = 2}};
  TensorList list = inputs_of(projected);
  list.back() = xg::zeros({5, 2}, {.dtype = xg::float64});
  CHECK(mentions(message_of<xg::ShapeError>([&] { layer(projected, list); }), {"w_hr must be [2, 5], got [5, 2]"}));
}
