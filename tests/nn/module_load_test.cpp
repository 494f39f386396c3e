// What load_state_dict says of a state that is not quite the module's.
#include <xgrad/nn/lazy.hpp>
#include <xgrad/nn/linear.hpp>
#include <xgrad/nn/module.hpp>
#include <xgrad/nn/sequential.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/equality.hpp>

#include <doctest/doctest.h>
#include <string>
#include <utility>
#include <vector>

#include "support/errors.hpp"

namespace xg = xgrad;
namespace nn = xgrad::nn;
using test::mentions;
using test::message_of;
using xg::Tensor;

namespace {
using Names = std::vector<std::string>;

struct Net : nn::Module {
  nn::Linear body = register_module("body", nn::Linear(2, 3));
  nn::Linear head = register_module("head", nn::Linear(3, 4));
  Tensor count = register_buffer("count", xg::zeros({}, {.dtype = xg::int64}));
};

// The net's state with another head, one name too few and one too many.
xg::StateDict odd_state(const Net& net) {
  xg::StateDict state = net.state_dict().clone();
  state.erase("body.bias");
  state.insert_or_assign("body.weight", xg::full({3, 2}, 7.0));
  state.insert_or_assign("head.weight", xg::zeros({5, 3}));
  state.insert_or_assign("head.bias", xg::zeros({5}));
  state.insert("extra.weight", xg::zeros({1}));
  return state;
}
}  // namespace

TEST_CASE("a state that fits leaves nothing to report") {
  Net from, to;
  const nn::LoadReport report = to.load_state_dict(from.state_dict());
  CHECK(report.complete());
  CHECK(report.missing_keys.empty());
  CHECK(report.unexpected_keys.empty());
  CHECK(report.mismatched.empty());
  CHECK(xg::equal(to.head.weight, from.head.weight));
}

TEST_CASE("one message lists all that does not fit, and nothing is changed") {
  Net net;
  xg::StateDict state = odd_state(net);
  state.insert_or_assign("count", xg::zeros({}));
  const xg::StateDict before = net.state_dict().clone();
  const std::string message = message_of<xg::ShapeError>([&] { net.load_state_dict(state); });
  CHECK(mentions(message, {"load_state_dict: \"head.weight\" has shape [5, 3] in the state, the module's is [4, 3]",
                           "\"head.bias\" has shape [5] in the state, the module's is [4]",
                           "\"count\" is float32 in the state, the module's is int64", "missing \"body.bias\"",
                           "unexpected \"extra.weight\"", "module_load_test.cpp:"}));
  // Names alone are not the matter here.
  const std::string lenient = message_of<xg::ShapeError>([&] { net.load_state_dict(state, {.strict = false}); });
  CHECK(mentions(lenient, {"\"head.weight\"", "\"head.bias\"", "\"count\""}));
  CHECK(lenient.find("extra.weight") == std::string::npos);
  CHECK(lenient.find("body.bias") == std::string::npos);
  const std::string dtypes =
      message_of<xg::DtypeError>([&] { net.load_state_dict(std::move(state), {.ignore_mismatched_sizes = true}); });
  CHECK(mentions(dtypes, {"\"count\" is float32", "missing \"body.bias\"", "unexpected \"extra.weight\""}));
  CHECK(dtypes.find("head.weight") == std::string::npos);
  CHECK(state.size() == 5);
  for (const auto& [name, tensor] : net.state_dict()) CHECK(xg::equal(tensor, before.at(name)));
}

TEST_CASE("what is let pass is reported, and the rest is loaded") {
  Net net;
  const xg::StateDict before = net.state_dict().clone();
  const nn::LoadReport report = net.load_state_dict(odd_state(net), {.strict = false, .ignore_mismatched_sizes = true});
  CHECK_FALSE(report.complete());
  CHECK(report.missing_keys == Names{"body.bias"});
  CHECK(report.unexpected_keys == Names{"extra.weight"});
  REQUIRE(report.mismatched.size() == 2);
  CHECK(report.mismatched[0].name == "head.weight");
  CHECK(report.mismatched[0].expected == xg::Shape{4, 3});
  CHECK(report.mismatched[0].got == xg::Shape{5, 3});
  CHECK(report.mismatched[1].name == "head.bias");
  CHECK(xg::equal(net.body.weight.detach(), xg::full({3, 2}, 7.0)));
  for (const char* kept : {"body.bias", "head.weight", "head.bias", "count"})
    CHECK(xg::equal(net.state_dict().at(kept), before.at(kept)));

  // A mismatch alone is no matter of names.
  xg::StateDict other_head = net.state_dict().clone();
  other_head.insert_or_assign("head.bias", xg::zeros({9}));
  CHECK(net.load_state_dict(other_head, {.ignore_mismatched_sizes = true}).mismatched.size() == 1);
}

TEST_CASE("a parameter that cannot be written stops the loading before it begins") {
  struct Expanded : nn::Module {
    Tensor first = register_parameter("first", xg::zeros({2}));
    Tensor second = register_buffer("second", xg::zeros({1}).expand({3}));
  } module;
  CHECK(mentions(message_of<xg::AutogradError>([&] {
                   module.load_state_dict({{"first", xg::ones({2})}, {"second", xg::ones({3})}});
                 }),
                 {"load_state_dict: \"second\"", "expanded"}));
  CHECK(xg::equal(module.first.detach(), xg::zeros({2})));
}

TEST_CASE("a lazy layer's unknown sizes are -1 in the report, and it stays lazy") {
  nn::Sequential net(nn::LazyLinear(5), nn::Linear(5, 1));
  xg::StateDict state{{"0.weight", xg::zeros({4, 3})},
                      {"0.bias", xg::zeros({5})},
                      {"1.weight", xg::full({1, 5}, 2.0)},
                      {"1.bias", xg::zeros({1})}};
  CHECK(mentions(message_of<xg::ShapeError>([&] { net.load_state_dict(state); }), {"\"0.weight\"", "[5, -1]"}));
  CHECK(net.to_string().find("LazyLinear") != std::string::npos);
  const nn::LoadReport report = net.load_state_dict(state, {.ignore_mismatched_sizes = true});
  REQUIRE(report.mismatched.size() == 1);
  CHECK(report.mismatched[0].expected == xg::Shape{5, -1});
  CHECK(net.get_parameter("0.weight").numel() == 0);
  CHECK(xg::equal(net.get_parameter("1.weight").detach(), xg::full({1, 5}, 2.0)));

  state.insert_or_assign("0.weight", xg::ones({5, 3}));
  CHECK(net.load_state_dict(state).complete());
  CHECK(net.get_parameter("0.weight").sizes() == xg::Shape{5, 3});
  CHECK(net.to_string().find("LazyLinear") == std::string::npos);
}

TEST_CASE("a lazy layer under two names takes one shape") {
  struct Twice : nn::Module {
    Twice() {
      register_module("a", nn::LazyLinear(2));
      register_module("b", std::move(named_children()[0].second));
    }
  } net;
  const auto state = [](std::int64_t a, std::int64_t b) {
    return xg::StateDict{{"a.weight", xg::ones({2, a})},
                         {"a.bias", xg::zeros({2})},
                         {"b.weight", xg::ones({2, b})},
                         {"b.bias", xg::zeros({2})}};
  };
  CHECK(mentions(message_of<xg::ShapeError>([&] { net.load_state_dict(state(3, 4)); }), {"\"b.weight\"", "[2, 4]"}));
  CHECK(net.get_parameter("a.weight").numel() == 0);
  CHECK(net.load_state_dict(state(3, 3)).complete());
  CHECK(net.get_parameter("b.weight").sizes() == xg::Shape{2, 3});
}
