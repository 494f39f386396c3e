#include <xgrad/autograd.hpp>
#include <xgrad/nn/activation.hpp>
#include <xgrad/nn/dropout.hpp>
#include <xgrad/nn/linear.hpp>
#include <xgrad/nn/sequential.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/equality.hpp>
#include <xgrad/ops/pointwise.hpp>

#include <doctest/doctest.h>
#include <string>
#include <type_traits>
#include <vector>

#include "support/errors.hpp"

namespace xg = xgrad;
namespace nn = xgrad::nn;
using test::mentions;
using test::message_of;
using xg::Tensor;

namespace {

// A module without operator(), as users write them.
struct Twice : nn::Module {
  nn::Linear fc = register_module("fc", nn::Linear(3, 3));
  Tensor forward(const Tensor& x) { return fc(fc(x)); }
};

}  // namespace

static_assert(!std::is_copy_constructible_v<nn::Sequential> && std::is_move_constructible_v<nn::Sequential>);

TEST_CASE("a Sequential calls anything callable, in order") {
  int calls = 0;
  nn::Sequential net(
      nn::Linear(2, 3), xg::relu, Twice(), [](const Tensor& x) { return x * 2; },
      [&calls](auto x) {
        ++calls;
        return x + 1;
      },
      nn::Sequential(nn::Linear(3, 3), nn::Tanh()), nn::named("head", nn::Linear(3, 1)));
  const Tensor x = xg::tensor({{0.5, -1.0}, {2.0, 1.0}});
  const Tensor y = net(x);
  Tensor z = net.at<nn::Linear>(0)(x).relu();
  z = net.at<Twice>(2).forward(z) * 2 + 1;
  z = net.at<nn::Sequential>(5).at<nn::Linear>(0)(z).tanh();
  z = net.at<nn::Linear>(6)(z);
  CHECK(xg::equal(y, z));
  CHECK(calls == 1);

  CHECK(net.state_dict().keys() == std::vector<std::string>{"0.weight", "0.bias", "2.fc.weight", "2.fc.bias",
                                                            "5.0.weight", "5.0.bias", "head.weight", "head.bias"});
  CHECK(net.to_string() ==
        "Sequential(\n"
        "  (0): Linear(in_features=2, out_features=3, bias=True)\n"
        "  (1): Function()\n"
        "  (2): Twice(\n"
        "    (fc): Linear(in_features=3, out_features=3, bias=True)\n"
        "  )\n"
        "  (3): Function()\n"
        "  (4): Function()\n"
        "  (5): Sequential(\n"
        "    (0): Linear(in_features=3, out_features=3, bias=True)\n"
        "    (1): Tanh()\n"
        "  )\n"
        "  (head): Linear(in_features=3, out_features=1, bias=True)\n"
        ")");
}

TEST_CASE("a Sequential is a member like any other, moves, and trains") {
  struct Net : nn::Module {
    nn::Sequential body = register_module("body", nn::Sequential(nn::Linear(2, 2), nn::Dropout(0.5)));
    Tensor forward(const Tensor& x) { return body(x); }
  } net;
  net.eval();
  const Tensor x = xg::ones({1, 2});
  const Tensor before = net.forward(x).detach();
  Net moved = std::move(net);
  CHECK(xg::equal(moved.forward(x), before));
  moved.forward(x).sum().backward();
  CHECK(moved.get_parameter("body.0.weight").grad().defined());
  CHECK(mentions(message_of<xg::Error>([&] { net.forward(x); }), {"Sequential", "moved from"}));
}

TEST_CASE("layers can be added later; an empty one passes on") {
  nn::Sequential net;
  const Tensor x = xg::ones({1, 2});
  CHECK(net(x).is_same(x));
  net.push_back(nn::Linear(2, 3)).push_back("act", xg::tanh).push_back(nn::named("out", nn::Linear(3, 1)));
  CHECK(net.size() == 3);
  CHECK((net(x).sizes() == xg::Shape{1, 1}));
  CHECK(mentions(message_of<xg::ValueError>([&] { net.push_back("out", nn::ReLU()); }), {"Sequential", "\"out\""}));
  CHECK(net.size() == 3);
  CHECK(mentions(message_of<xg::IndexError>([&] { net.at<nn::ReLU>(3); }), {"3"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { net.at<nn::ReLU>(0); }), {"Linear"}));
}

TEST_CASE("errors name the line of the call, through functions and layers") {
  nn::Sequential net(nn::Sequential(nn::Linear(2, 3)), xg::relu);
  CHECK(mentions(message_of<xg::ShapeError>([&] { net(xg::ones({1, 4})); }), {"[1, 4]", "sequential_test.cpp"}));
}
