#include <xgrad/autograd.hpp>
#include <xgrad/nn/recurrent.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/equality.hpp>
#include <xgrad/ops/shape.hpp>
#include <xgrad/optim/adam.hpp>
#include <xgrad/random.hpp>
#include <xgrad/testing.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <string>
#include <type_traits>
#include <vector>

#include "numeric.hpp"
#include "reference/book.hpp"
#include "support/errors.hpp"

namespace xg = xgrad;
namespace nn = xgrad::nn;
using test::mentions;
using test::message_of;
using xg::Tensor;
using xg::TensorList;

namespace {

using Names = std::vector<std::string>;
Names names(const nn::Module& module) {
  Names result;
  for (const auto& [name, tensor] : module.named_parameters()) result.push_back(name);
  return result;
}

nn::LSTM double_lstm(const nn::LSTMOptions& options) {
  nn::LSTM lstm(3, 4, options);
  lstm.to(xg::float64);
  return lstm;
}
const xg::TensorOptions f64{.dtype = xg::float64, .requires_grad = true};

}  // namespace

TEST_CASE("layers of every depth and direction are PyTorch's, with parameters by PyTorch's names") {
  const auto& book = reference::own_book();
  int count = 0;
  for (const auto& entry : book.cases()) {
    const std::string id = entry.at("id"), op = entry.value("op", "");
    if (op != "rnn_tanh" && op != "rnn_relu" && op != "gru" && op != "lstm") continue;
    ++count;
    INFO(id);
    const auto& a = entry.at("attrs");
    const auto stored = [&](const std::string& name) { return book.tensor(id + "/in/" + name); };
    const auto check = [&](auto&& layer, const auto& state) {
      layer.to(xg::float64);
      std::size_t inputs = op == "lstm" ? 3 : 2;
      for (const auto& [name, parameter] : layer.named_parameters()) {
        CHECK(entry.at("inputs").at(inputs++).at("name") == name);
        const xg::NoGradGuard no_grad;
        parameter.copy_(stored(name));
      }
      CHECK(inputs == entry.at("inputs").size());
      const auto result = layer(stored("input"), state);
      TensorList outputs{result.first};
      if constexpr (std::is_same_v<std::decay_t<decltype(state)>, Tensor>)
        outputs.push_back(result.second);
      else
        for (const Tensor& last : TensorList(result.second)) outputs.push_back(last);
      for (std::size_t i = 0; i < outputs.size(); ++i)
        CHECK(reference::difference(outputs[i].detach(), book.tensor(id + "/out/" + std::to_string(i))) == "");
    };
    const std::int64_t width = a.at("input_size"), size = a.at("hidden_size"), layers = a.at("num_layers");
    const bool bias = a.at("bias"), first = a.at("batch_first"), both = a.at("bidirectional");
    if (op == "lstm")
      check(nn::LSTM(width, size, {.num_layers = layers, .bias = bias, .batch_first = first, .bidirectional = both}),
            nn::LSTMState{stored("hx"), stored("cx")});
    else if (op == "gru")
      check(nn::GRU(width, size, {.num_layers = layers, .bias = bias, .batch_first = first, .bidirectional = both}),
            stored("hx"));
    else
      check(nn::RNN(width, size,
                    {.num_layers = layers,
                     .nonlinearity = op.substr(4),
                     .bias = bias,
                     .batch_first = first,
                     .bidirectional = both}),
            stored("hx"));
  }
  CHECK(count == 16);
}

TEST_CASE("LSTMCell is a step of PyTorch's LSTM") {
  int count = 0;
  for (const auto& entry : reference::own_book().cases()) {
    if (entry.at("id") != "lstm/0") continue;
    ++count;
    const auto stored = [&](const char* name) {
      return reference::own_book().tensor(std::string("lstm/0/in/") + name);
    };
    nn::LSTMCell cell(entry.at("attrs").at("input_size"), entry.at("attrs").at("hidden_size"));
    cell.to(xg::float64);
    CHECK(names(cell) == Names{"weight_ih", "weight_hh", "bias_ih", "bias_hh"});
    const Tensor x = stored("input");
    nn::LSTMState state{stored("hx").select(0, 0), stored("cx").select(0, 0)};
    const xg::NoGradGuard no_grad;
    for (const auto& [name, parameter] : cell.named_parameters()) parameter.copy_(stored((name + "_l0").c_str()));
    TensorList outputs;
    nn::LSTMState alone{state.h_n.select(0, 1), state.c_n.select(0, 1)};
    for (std::int64_t t = 0; t < x.size(0); ++t) {
      state = cell(x[t], state);
      outputs.push_back(state.h_n);
      alone = cell(x[t][1], alone);
      CHECK(xg::equal(alone.h_n, state.h_n[1]));
      CHECK(xg::equal(alone.c_n, state.c_n[1]));
    }
    CHECK(reference::difference(xg::stack(outputs), reference::own_book().tensor("lstm/0/out/0")) == "");
    CHECK(reference::difference(state.c_n.unsqueeze(0), reference::own_book().tensor("lstm/0/out/2")) == "");
  }
  CHECK(count == 1);
}

TEST_CASE("derivatives of every kind of layer") {
  xg::manual_seed(1);
  for (const nn::LSTMOptions& options :
       {nn::LSTMOptions{}, nn::LSTMOptions{.num_layers = 2}, nn::LSTMOptions{.bias = false},
        nn::LSTMOptions{.batch_first = true}, nn::LSTMOptions{.bidirectional = true}, nn::LSTMOptions{.proj_size = 2},
        nn::LSTMOptions{.num_layers = 2, .batch_first = true, .bidirectional = true, .proj_size = 2}}) {
    const nn::LSTM lstm = double_lstm(options);
    INFO(lstm.to_string());
    CHECK(xg::gradcheck_module(lstm, {xg::randn({2, 2, 3}, f64)}));
    CHECK(xg::gradcheck_module(lstm, {xg::randn({2, 3}, f64)}));
    const std::int64_t count = options.num_layers * (options.bidirectional ? 2 : 1);
    const std::int64_t size = options.proj_size > 0 ? options.proj_size : 4;
    const auto f = [&](const Tensor& x, const Tensor& h, const Tensor& c) { return lstm.forward(x, {h, c}); };
    const TensorList inputs{xg::randn({2, 2, 3}, f64), xg::randn({count, 2, size}, f64), xg::randn({count, 2, 4}, f64)};
    CHECK(xg::gradcheck(f, inputs));
    CHECK(xg::gradgradcheck(f, inputs));
  }
}

TEST_CASE("plain and gated layers and cells") {
  xg::manual_seed(5);
  const Tensor x = xg::randn({4, 2, 3}, {.dtype = xg::float64}), start = xg::randn({1, 2, 4}, {.dtype = xg::float64});
  // A cell, step by step, is the layer with its weights.
  const auto same_steps = [&](auto& layer, auto& cell) {
    layer.to(xg::float64), cell.to(xg::float64);
    CHECK(names(cell) == Names{"weight_ih", "weight_hh", "bias_ih", "bias_hh"});
    CHECK(names(layer) == Names{"weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"});
    const xg::NoGradGuard no_grad;
    for (const auto& [name, parameter] : cell.named_parameters()) parameter.copy_(layer.get_parameter(name + "_l0"));
    const auto [output, h_n] = layer(x, start);
    Tensor h = start[0], alone = start[0][1];
    for (std::int64_t t = 0; t < 4; ++t) {
      h = cell(x[t], h);
      alone = cell(x[t][1], alone);
      CHECK(xg::allclose(h, output[t], {.rtol = 1e-12}));
      CHECK(xg::allclose(alone, output[t][1], {.rtol = 1e-12}));
    }
    CHECK(xg::allclose(h_n[0], h, {.rtol = 1e-12}));
    CHECK(xg::equal(cell(x[0]), cell(x[0], xg::zeros({2, 4}, {.dtype = xg::float64}))));
  };
  for (const char* f : {"tanh", "relu"}) {
    nn::RNN layer(3, 4, {.nonlinearity = f});
    nn::RNNCell cell(3, 4, {.nonlinearity = f});
    same_steps(layer, cell);
  }
  nn::GRU layer(3, 4);
  nn::GRUCell cell(3, 4);
  same_steps(layer, cell);

  nn::GRU deep(3, 4, {.num_layers = 2, .batch_first = true, .bidirectional = true});
  deep.to(xg::float64);
  CHECK((deep.get_parameter("weight_ih_l1_reverse").sizes() == xg::Shape{12, 8}));
  const auto [output, h_n] = deep(x.transpose(0, 1));
  CHECK((output.sizes() == xg::Shape{2, 4, 8}));
  CHECK((h_n.sizes() == xg::Shape{4, 2, 4}));
  CHECK(xg::equal(h_n[3], output.select(1, 0).narrow(1, 4, 4)));
  nn::RNN plain(3, 4, {.num_layers = 2, .nonlinearity = "relu", .bidirectional = true});
  plain.to(xg::float64);
  for (const nn::Module* module : {static_cast<const nn::Module*>(&deep), static_cast<const nn::Module*>(&plain)})
    CHECK(module->parameters().size() == 16);
  CHECK(xg::gradcheck_module(deep, {xg::randn({2, 2, 3}, f64)}));
  CHECK(xg::gradcheck_module(plain, {xg::randn({2, 3}, f64), xg::randn({4, 4}, f64)}));
}

TEST_CASE("parameters have PyTorch's names, order, shapes and first values") {
  CHECK(names(nn::LSTM(2, 3)) == Names{"weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"});
  CHECK(names(nn::LSTM(2, 3, {.num_layers = 2, .bias = false, .bidirectional = true})) ==
        Names{"weight_ih_l0", "weight_hh_l0", "weight_ih_l0_reverse", "weight_hh_l0_reverse", "weight_ih_l1",
              "weight_hh_l1", "weight_ih_l1_reverse", "weight_hh_l1_reverse"});
  const nn::LSTM lstm(5, 6, {.num_layers = 2, .bidirectional = true, .proj_size = 4});
  CHECK(names(lstm) ==
        Names{"weight_ih_l0",         "weight_hh_l0",         "bias_ih_l0",           "bias_hh_l0",
              "weight_hr_l0",         "weight_ih_l0_reverse", "weight_hh_l0_reverse", "bias_ih_l0_reverse",
              "bias_hh_l0_reverse",   "weight_hr_l0_reverse", "weight_ih_l1",         "weight_hh_l1",
              "bias_ih_l1",           "bias_hh_l1",           "weight_hr_l1",         "weight_ih_l1_reverse",
              "weight_hh_l1_reverse", "bias_ih_l1_reverse",   "bias_hh_l1_reverse",   "weight_hr_l1_reverse"});
  CHECK((lstm.get_parameter("weight_ih_l0").sizes() == xg::Shape{24, 5}));
  CHECK((lstm.get_parameter("weight_hh_l0").sizes() == xg::Shape{24, 4}));
  CHECK((lstm.get_parameter("weight_hr_l0").sizes() == xg::Shape{4, 6}));
  CHECK((lstm.get_parameter("weight_ih_l1_reverse").sizes() == xg::Shape{24, 8}));
  CHECK(lstm.weights(1, true).w_ih.is_same(lstm.get_parameter("weight_ih_l1_reverse")));
  CHECK(lstm.state_dict().size() == 20);

  xg::manual_seed(2);
  const nn::LSTM wide(30, 64);
  for (const auto& entry : wide.named_parameters()) {
    const Tensor& parameter = entry.second;
    CAPTURE(entry.first);
    double largest = 0, squares = 0;
    for (double v : parameter.to_vector<double>()) {
      largest = std::max(largest, std::abs(v));
      squares += v * v / static_cast<double>(parameter.numel());
    }
    CHECK(largest <= 0.125);
    CHECK(largest > 0.12);
    CHECK(squares == doctest::Approx(0.125 * 0.125 / 3).epsilon(0.15));
  }
}

TEST_CASE("the outputs' shapes, and a state handed on") {
  const nn::LSTM lstm = double_lstm({.num_layers = 2, .bidirectional = true, .proj_size = 2});
  const Tensor x = xg::randn({5, 2, 3}, {.dtype = xg::float64});
  const auto [output, state] = lstm(x);
  CHECK((output.sizes() == xg::Shape{5, 2, 4}));
  CHECK((state.h_n.sizes() == xg::Shape{4, 2, 2}));
  CHECK((state.c_n.sizes() == xg::Shape{4, 2, 4}));
  // The last layer's states are the ends of the output, on either side.
  CHECK(xg::equal(state.h_n[2], output[4].narrow(1, 0, 2)));
  CHECK(xg::equal(state.h_n[3], output[0].narrow(1, 2, 2)));
  // Zeros are what no state means; one sequence alone is a batch of one.
  const TensorList zeros{xg::zeros({4, 2, 2}, {.dtype = xg::float64}), xg::zeros({4, 2, 4}, {.dtype = xg::float64})};
  CHECK(xg::allclose(lstm(x, {zeros[0], zeros[1]}).first, output, {.rtol = 1e-12}));
  const auto [alone, alone_state] = lstm(x.select(1, 1), {zeros[0].select(1, 1), {}});
  CHECK(xg::allclose(alone, output.select(1, 1), {.rtol = 1e-12}));
  CHECK(xg::allclose(alone_state.c_n, state.c_n.select(1, 1), {.rtol = 1e-12}));

  const nn::LSTM plain = double_lstm({});
  const auto whole = plain(x);
  const auto first = plain(x.narrow(0, 0, 2));
  const auto second = plain(x.narrow(0, 2, 3), first.second);
  CHECK(xg::allclose(xg::cat({first.first, second.first}), whole.first, {.rtol = 1e-12}));
  CHECK(xg::allclose(second.second.c_n, whole.second.c_n, {.rtol = 1e-12}));

  nn::LSTM rows = double_lstm({.batch_first = true});
  rows.load_state_dict(plain.state_dict());
  const auto [swapped, swapped_state] = rows(x.transpose(0, 1));
  CHECK((swapped.sizes() == xg::Shape{2, 5, 4}));
  CHECK(xg::allclose(swapped.transpose(0, 1), whole.first, {.rtol = 1e-12}));
  CHECK((swapped_state.h_n.sizes() == xg::Shape{1, 2, 4}));
}

TEST_CASE("dropout lies between layers, in training only") {
  xg::manual_seed(3);
  nn::LSTM lstm(3, 8, {.num_layers = 2, .dropout = 0.5});
  const Tensor x = xg::randn({4, 2, 3});
  const Tensor a = lstm(x).first, b = lstm(x).first;
  CHECK_FALSE(xg::equal(a, b));
  // The first layer is before any dropout, and nothing of the last one's output is dropped.
  CHECK(xg::equal(lstm(x).second.h_n[0], lstm(x).second.h_n[0]));
  CHECK(xg::equal(lstm(x).second.c_n[0], lstm(x).second.c_n[0]));
  for (double v : a.to_vector<double>()) CHECK(v != 0);
  lstm.eval();
  CHECK(xg::equal(lstm(x).first, lstm(x).first));
  nn::LSTM one(3, 8, {.dropout = 0.5});
  CHECK(xg::equal(one(x).first, one(x).first));
}

TEST_CASE("an LSTM learns what came first") {
  xg::manual_seed(4);
  nn::LSTM lstm(1, 8, {.batch_first = true, .proj_size = 1});
  const Tensor x = xg::randn({32, 6, 1}), y = (x.select(1, 0) > 0).to(xg::float32) - 0.5;
  xg::optim::Adam optimizer(lstm.parameters(), {.lr = 0.05});
  double loss = 1;
  for (int step = 0; step < 200; ++step) {
    optimizer.zero_grad();
    const Tensor error = (lstm(x).second.h_n[0] - y).square().mean();
    error.backward();
    optimizer.step();
    loss = error.item<double>();
  }
  CHECK(loss < 0.02);
}

TEST_CASE("layers print as PyTorch's") {
  CHECK(nn::LSTM(10, 20).to_string() == "LSTM(10, 20)");
  CHECK(
      nn::LSTM(
          10, 20,
          {.num_layers = 2, .bias = false, .batch_first = true, .dropout = 0.5, .bidirectional = true, .proj_size = 5})
          .to_string() ==
      "LSTM(10, 20, proj_size=5, num_layers=2, bias=False, batch_first=True, dropout=0.5, bidirectional=True)");
  CHECK(nn::LSTMCell(2, 3, {.bias = false}).to_string() == "LSTMCell(2, 3, bias=False)");
  CHECK(nn::RNN(2, 3, {.nonlinearity = "relu"}).to_string() == "RNN(2, 3)");
  CHECK(nn::GRU(2, 3, {.num_layers = 2, .dropout = 0.1}).to_string() == "GRU(2, 3, num_layers=2, dropout=0.1)");
  CHECK(nn::RNNCell(2, 3, {.nonlinearity = "relu"}).to_string() == "RNNCell(2, 3, nonlinearity=relu)");
  CHECK(nn::GRUCell(2, 3).to_string() == "GRUCell(2, 3)");
}

TEST_CASE("misuse is named") {
  const auto refused = [](auto&& f) { return message_of<xg::ValueError>(f); };
  CHECK(mentions(refused([] { nn::LSTM(0, 3); }), {"LSTM", "input_size 0", "recurrent_test.cpp"}));
  CHECK(mentions(refused([] { nn::LSTM(2, 3, {.num_layers = 0}); }), {"LSTM", "num_layers", "0"}));
  CHECK(mentions(refused([] { nn::LSTM(2, 3, {.dropout = 1.5}); }), {"LSTM", "dropout", "1.5"}));
  CHECK(mentions(refused([] { nn::LSTM(2, 3, {.proj_size = 3}); }), {"LSTM", "proj_size", "hidden_size 3"}));
  CHECK(mentions(refused([] { nn::LSTMCell(2, -1); }), {"LSTMCell", "-1"}));
  CHECK(mentions(refused([] { nn::RNN(2, 3, {.nonlinearity = "sin"}); }), {"RNN", "sin", "recurrent_test.cpp"}));
  CHECK(mentions(refused([] { nn::RNNCell(2, 3, {.nonlinearity = "sin"}); }), {"RNNCell", "sin"}));
  CHECK(mentions(refused([] { nn::GRU(2, 0); }), {"GRU", "hidden_size 0"}));
  // What is refused takes no random numbers.
  xg::manual_seed(6);
  const Tensor expected = xg::rand({3});
  xg::manual_seed(6);
  CHECK_THROWS_AS(nn::RNN(2, 3, {.nonlinearity = "sin"}), xg::ValueError);
  CHECK_THROWS_AS(nn::RNNCell(2, 3, {.nonlinearity = "sin"}), xg::ValueError);
  CHECK(xg::equal(xg::rand({3}), expected));
  const nn::LSTM lstm(2, 3, {.batch_first = true}), other(2, 3);
  CHECK(mentions(message_of<xg::ShapeError>([&] {
                   lstm(xg::zeros({4, 5, 3}));
                 }),
                 {"LSTM: x must be [B, T, 2] or [T, 2], got [4, 5, 3]", "recurrent_test.cpp"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] { lstm(xg::zeros({2})); }), {"LSTM", "[2]"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] { lstm(xg::zeros({4, 0, 2})); }), {"LSTM", "[4, 0, 2]", "length 0"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] {
                   lstm(xg::zeros({4, 5, 2}), {xg::zeros({1, 5, 3}), {}});
                 }),
                 {"LSTM: h_0 must be [1, 4, 3], got [1, 5, 3]", "[4, 5, 2]"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] {
                   other(xg::zeros({5, 2}), {{}, xg::zeros({1, 1, 3})});
                 }),
                 {"LSTM: c_0 must be [1, 3], got [1, 1, 3]"}));
  CHECK(mentions(message_of<xg::DtypeError>([&] {
                   lstm(xg::zeros({4, 5, 2}, {.dtype = xg::float64}));
                 }),
                 {"lstm_layer", "float32", "float64", "recurrent_test.cpp"}));
  CHECK(mentions(message_of<xg::IndexError>([&] { other.weights(1); }), {"LSTM", "layer 1"}));
  CHECK(mentions(message_of<xg::IndexError>([&] { other.weights(0, true); }), {"LSTM", "reverse"}));
  const nn::LSTMCell cell(2, 3);
  CHECK(mentions(message_of<xg::ShapeError>([&] {
                   cell(xg::zeros({4, 3}));
                 }),
                 {"LSTMCell: x must be [B, 2] or [2], got [4, 3]", "recurrent_test.cpp"}));
  CHECK(mentions(message_of<xg::ShapeError>([&] {
                   cell(xg::zeros({2}), {xg::zeros({1, 3}), {}});
                 }),
                 {"LSTMCell: h must be [3], got [1, 3]"}));
}
