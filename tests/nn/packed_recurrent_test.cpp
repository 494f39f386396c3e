// Recurrent layers that take packed sequences, against PyTorch (tests/reference/packed_cases.py).
#include <xgrad/autograd.hpp>
#include <xgrad/nn/recurrent.hpp>
#include <xgrad/nn/rnn_utils.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/equality.hpp>
#include <xgrad/ops/join.hpp>
#include <xgrad/random.hpp>
#include <xgrad/testing.hpp>
#include <xgrad/threads.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <initializer_list>
#include <string>
#include <type_traits>
#include <vector>

#include "core/work.hpp"
#include "reference/book.hpp"
#include "support/errors.hpp"

namespace xg = xgrad;
namespace nn = xgrad::nn;
namespace rnn = xgrad::nn::utils::rnn;
using rnn::PackedSequence;
using test::mentions;
using test::message_of;
using xg::Tensor;
using xg::TensorList;

namespace {

using Numbers = std::vector<std::int64_t>;
const xg::TensorOptions f64{.dtype = xg::float64, .requires_grad = true};

Numbers numbers(const Tensor& tensor) { return tensor.to_vector<std::int64_t>(); }

// What a layer makes of packed x: the packed output, and h, or h and c.
struct Result {
  PackedSequence output;
  TensorList states;
};
Result run(const nn::LSTM& layer, const PackedSequence& x, const TensorList& states) {
  auto [output, last] = states.empty() ? layer(x) : layer(x, {states[0], states[1]});
  return {output, last};
}
template <class Layer>
Result run(const Layer& layer, const PackedSequence& x, const TensorList& states) {
  auto [output, last] = states.empty() ? layer(x) : layer(x, states[0]);
  return {output, {last}};
}

// A case of the book.
class Case {
 public:
  Case(const reference::Book& book, const reference::json& entry)
      : book_(book),
        entry_(entry),
        id_(entry.at("id")),
        options_(entry.at("options")),
        first_(options_.value("batch_first", false)),
        sort_(entry.value("sort", false)) {}

  // Calls f with the layer.
  template <class F>
  void with_layer(const F& f) const {
    const std::string kind = entry_.at("layer");
    const std::int64_t size = entry_.at("hidden_size"), layers = options_.value("num_layers", 1);
    const bool bias = options_.value("bias", true), both = options_.value("bidirectional", false);
    if (kind == "LSTM")
      f(nn::LSTM(3, size,
                 {.num_layers = layers,
                  .bias = bias,
                  .batch_first = first_,
                  .bidirectional = both,
                  .proj_size = options_.value("proj_size", 0)}));
    else if (kind == "GRU")
      f(nn::GRU(3, size, {.num_layers = layers, .bias = bias, .batch_first = first_, .bidirectional = both}));
    else
      f(nn::RNN(3, size,
                {.num_layers = layers,
                 .nonlinearity = options_.value("nonlinearity", "tanh"),
                 .bias = bias,
                 .batch_first = first_,
                 .bidirectional = both}));
  }
  Tensor stored(const std::string& name) const { return book_.tensor(id_ + '/' + name); }
  std::string wrong(const Tensor& actual, const std::string& name, const reference::Tolerance& tolerance = {}) const {
    return reference::difference(actual.detach().to(xg::float64), stored(name), tolerance);
  }
  PackedSequence pack(const Tensor& x) const {
    return rnn::pack_padded_sequence(x, entry_.at("lengths").get<Numbers>(),
                                     {.batch_first = first_, .enforce_sorted = !sort_});
  }
  Tensor pad(const PackedSequence& output, Tensor* lengths = nullptr) const {
    rnn::PadPackedSequenceOptions options{.batch_first = first_, .padding_value = entry_.value("padding_value", 0.0)};
    if (entry_.contains("total_length")) options.total_length = entry_.at("total_length").get<std::int64_t>();
    auto [padded, same] = rnn::pad_packed_sequence(output, options);
    if (lengths) *lengths = same;
    return padded;
  }
  bool has_state() const { return entry_.value("state", false); }
  bool sorts() const { return sort_; }
  Numbers lengths() const { return entry_.at("lengths"); }
  const std::string& id() const { return id_; }

  // Outputs and gradients, in float64 and float32, recorded and not.
  template <class Layer>
  void check(Layer&& layer, xg::Dtype dtype) const {
    const reference::Tolerance tolerance =
        dtype == xg::float64 ? reference::Tolerance{1e-11, 1e-13} : reference::Tolerance{2e-4, 2e-5};
    layer.to(dtype);
    {
      const xg::NoGradGuard no_grad;
      for (const auto& [name, parameter] : layer.named_parameters())
        parameter.copy_(stored("weight/" + name).to(dtype));
    }
    const auto input = [&](const std::string& name) { return stored(name).to(dtype).detach().requires_grad_(); };
    const Tensor x = input("x");
    TensorList states;
    if (has_state()) states.push_back(input("h_0"));
    if (has_state() && std::is_same_v<std::decay_t<Layer>, nn::LSTM>) states.push_back(input("c_0"));

    const PackedSequence packed = pack(x);
    CHECK(wrong(packed.data, "data", tolerance) == "");
    CHECK(numbers(packed.batch_sizes) == numbers(stored("batch_sizes")));
    CHECK(packed.sorted_indices.defined() == sorts());
    if (sorts()) CHECK(numbers(packed.sorted_indices) == numbers(stored("sorted_indices")));

    const Result result = run(layer, packed, states);
    CHECK(wrong(result.output.data, "out/data", tolerance) == "");
    Tensor lengths;
    const Tensor padded = pad(result.output, &lengths);
    CHECK(numbers(lengths) == this->lengths());
    CHECK(wrong(padded, "out/padded", tolerance) == "");
    Tensor total = (padded * stored("cot/padded").to(dtype)).sum();
    const char* names[] = {"h_n", "c_n"};
    for (std::size_t i = 0; i < result.states.size(); ++i) {
      CHECK(wrong(result.states[i], std::string("out/") + names[i], tolerance) == "");
      total = total + (result.states[i] * stored(std::string("cot/") + names[i]).to(dtype)).sum();
    }

    TensorList inputs{x};
    std::vector<std::string> keys{"x", "h_0", "c_0"};
    inputs.insert(inputs.end(), states.begin(), states.end());
    keys.resize(inputs.size());
    for (const auto& [name, parameter] : layer.named_parameters()) {
      inputs.push_back(parameter);
      keys.push_back(name);
    }
    for (const bool create_graph : {true, false}) {
      const TensorList gradients = xg::grad({total}, inputs, {.retain_graph = true, .create_graph = create_graph});
      for (std::size_t i = 0; i < inputs.size(); ++i) {
        INFO(keys[i], create_graph ? " recorded" : "");
        CHECK(wrong(gradients[i], "grad/" + keys[i], tolerance) == "");
      }
    }

    const xg::NoGradGuard no_grad;
    const Result again = run(layer, packed, states);
    CHECK(xg::equal(again.output.data, result.output.data));
    for (std::size_t i = 0; i < result.states.size(); ++i) CHECK(xg::equal(again.states[i], result.states[i]));
  }

 private:
  const reference::Book& book_;
  const reference::json& entry_;
  std::string id_;
  const reference::json& options_;
  bool first_, sort_;
};

}  // namespace

TEST_CASE("layers on packed sequences are PyTorch's: outputs, states at each sequence's end, gradients") {
  const reference::Book book(reference::own_folder() / "packed");
  for (const auto& entry : book.cases()) {
    const Case now(book, entry);
    INFO(now.id());
    for (const xg::Dtype dtype : {xg::float64, xg::float32})
      now.with_layer([&](auto&& layer) { now.check(layer, dtype); });
  }
  CHECK(book.cases().size() == 17);
}

TEST_CASE("a packed sequence's derivatives, to second order") {
  xg::manual_seed(1);
  const Tensor sizes = xg::tensor({3, 2, 2, 1}), sorted = xg::tensor({1, 2, 0});
  const Tensor data = xg::randn({8, 2}, f64), h = xg::randn({2, 3, 3}, f64), c = xg::randn({2, 3, 3}, f64);
  const auto check = [](const auto& f, const TensorList& inputs) {
    CHECK(xg::gradcheck(f, inputs));
    CHECK(xg::gradgradcheck(f, inputs));
  };
  nn::LSTM lstm(2, 3, {.bidirectional = true});
  nn::LSTM projected(2, 4, {.proj_size = 3});
  nn::GRU gru(2, 3, {.bidirectional = true});
  nn::RNN tanh(2, 3, {.bidirectional = true});
  nn::RNN relu(2, 3, {.nonlinearity = "relu"});
  for (nn::Module* layer : std::initializer_list<nn::Module*>{&lstm, &projected, &gru, &tanh, &relu})
    layer->to(xg::float64);
  const auto flat = [](const auto& result) { return TensorList{result.first.data, result.second}; };
  check(
      [&](const Tensor& x, const Tensor& h, const Tensor& c) {
        const auto [output, state] = lstm(PackedSequence(x, sizes, sorted), {h, c});
        return TensorList{output.data, state.h_n, state.c_n};
      },
      {data, h, c});
  check(
      [&](const Tensor& x) {
        const auto [output, state] = projected(PackedSequence(x, sizes));
        return TensorList{output.data, state.h_n, state.c_n};
      },
      {data});
  for (const nn::RNN* layer : {&tanh, &relu})
    check(
        [&](const Tensor& x, const Tensor& h) {
          return flat((*layer)(PackedSequence(x, sizes), h.narrow(0, 0, layer == &tanh ? 2 : 1)));
        },
        {data, h});
  check([&](const Tensor& x, const Tensor& h) { return flat(gru(PackedSequence(x, sizes, sorted), h)); }, {data, h});
  // Of the weights, with only some of the outputs in use.
  for (const bool reverse : {false, true}) {
    const TensorList weights{xg::randn({12, 2}, f64), xg::randn({12, 3}, f64), xg::randn({12}, f64)};
    check(
        [&](const Tensor& w_ih, const Tensor& w_hh, const Tensor& b) {
          return xg::lstm_layer(data.detach(), {w_ih, w_hh, b}, h[0].detach(), {}, reverse, sizes)[reverse ? 1 : 2];
        },
        weights);
    check(
        [&](const Tensor& w_ih, const Tensor& w_hh, const Tensor& b) {
          return xg::gru_layer(data.detach(), {w_ih.narrow(0, 0, 9), w_hh.narrow(0, 0, 9), {}, b.narrow(0, 0, 9)},
                               h[0].detach(), reverse, sizes)
              .first;
        },
        weights);
  }
}

TEST_CASE("no work is done on padding, and threads change nothing") {
  const Numbers lengths{40, 40, 39, 30, 30, 29, 12, 12, 12, 11, 9, 9, 9, 9, 8, 7, 7, 6, 3, 2, 1, 1, 1, 1, 1, 1};
  std::int64_t rows = 0;
  for (const std::int64_t length : lengths) rows += length;
  xg::manual_seed(2);
  nn::LSTM lstm(16, 40, {.bidirectional = true});
  const Tensor x = xg::randn({40, 26, 16});
  const PackedSequence packed = rnn::pack_padded_sequence(x, lengths);
  const std::int64_t before = xg::detail::multiply_adds;
  const auto [output, state] = lstm(packed);
  CHECK(xg::detail::multiply_adds - before == 2 * rows * 160 * (16 + 40));
  const int threads = xg::get_num_threads();
  for (const int count : {1, 2, 3}) {
    xg::set_num_threads(count);
    const auto again = lstm(packed);
    CHECK(xg::equal(again.first.data, output.data));
    CHECK(xg::equal(again.second.c_n, state.c_n));
  }
  xg::set_num_threads(threads);
  // What lies beyond the ends is not looked at, and gets no gradient.
  Tensor spoiled = x.clone();
  for (std::size_t b = 0; b < lengths.size(); ++b)
    spoiled.select(1, static_cast<std::int64_t>(b)).narrow(0, lengths[b], 40 - lengths[b]).fill_(NAN);
  spoiled.requires_grad_();
  const auto clean = lstm(rnn::pack_padded_sequence(spoiled, lengths));
  CHECK(xg::equal(clean.first.data, output.data));
  clean.first.data.sum().backward();
  CHECK_FALSE(spoiled.grad().isnan().any().item<bool>());
  CHECK(spoiled.grad().select(1, 3).narrow(0, 30, 10).eq(0).all().item<bool>());
}

TEST_CASE("hooks see a packed call, dropout lies between layers, states go on") {
  xg::manual_seed(3);
  nn::LSTM lstm(2, 4, {.num_layers = 2, .dropout = 0.5});
  const PackedSequence x = rnn::pack_sequence({xg::randn({1, 2}), xg::randn({3, 2})}, false);
  CHECK_FALSE(xg::equal(lstm(x).first.data, lstm(x).first.data));
  lstm.eval();
  const auto [output, state] = lstm(x);
  CHECK(xg::equal(lstm(x).first.data, output.data));
  CHECK(numbers(output.sorted_indices) == numbers(x.sorted_indices));
  // The states handed on belong to the same sequences.
  const auto whole = lstm(rnn::pack_sequence({xg::cat({rnn::unpack_sequence(x)[0], xg::ones({2, 2})}),
                                              xg::cat({rnn::unpack_sequence(x)[1], xg::ones({2, 2})})},
                                             false));
  const auto more = lstm(rnn::pack_sequence({xg::ones({2, 2}), xg::ones({2, 2})}, false), state);
  CHECK(xg::allclose(more.second.c_n, whole.second.c_n));
  CHECK(xg::allclose(more.second.h_n, whole.second.h_n));

  std::size_t inputs = 0, outputs = 0;
  lstm.register_forward_hook([&](const nn::Module&, const TensorList& in, const TensorList& out) {
    inputs = in.size(), outputs = out.size();
    TensorList doubled = out;
    doubled[0] = out[0] * 2;
    return doubled;
  });
  CHECK(xg::equal(lstm(x).first.data, output.data * 2));
  CHECK(inputs == 6);
  CHECK(outputs == 6);
}

TEST_CASE("misuse is named") {
  const PackedSequence packed = rnn::pack_padded_sequence(xg::zeros({4, 3, 2}), {4, 3, 1});
  const auto spoiled = [&](const Tensor& sizes) { return PackedSequence(packed.data, sizes); };
  const auto refused = [](auto&& f) { return message_of<xg::ValueError>(f); };
  const auto misshapen = [](auto&& f) { return message_of<xg::ShapeError>(f); };
  const nn::LSTM lstm(2, 3);
  const nn::GRU gru(2, 3);
  CHECK(mentions(refused([&] {
                   lstm(spoiled(xg::tensor({3, 2, 2, 0})));
                 }),
                 {"LSTM", "above 0", "packed_recurrent_test.cpp"}));
  CHECK(mentions(refused([&] { lstm(spoiled(xg::tensor({3, 2}))); }), {"LSTM", "batch_sizes must add up", "got 5"}));
  CHECK(mentions(message_of<xg::DtypeError>([&] { lstm(spoiled(xg::tensor({3.0, 5.0}))); }), {"LSTM", "int64"}));
  CHECK(mentions(refused([&] { gru(PackedSequence()); }), {"GRU", "no data"}));
  CHECK(mentions(misshapen([&] {
                   gru(PackedSequence(xg::zeros({8, 3}), packed.batch_sizes));
                 }),
                 {"GRU: the data of x must be [S, 2], got [8, 3]"}));
  CHECK(mentions(misshapen([&] { lstm(packed, {xg::zeros({1, 2, 3}), {}}); }), {"LSTM: h_0 must be [1, 3, 3]"}));
  CHECK(mentions(message_of<xg::DtypeError>([&] { lstm(packed.to(xg::float64)); }), {"lstm_layer", "float64"}));
}
