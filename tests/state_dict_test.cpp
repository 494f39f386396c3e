#include <xgrad/ops/creation.hpp>
#include <xgrad/state_dict.hpp>

#include <doctest/doctest.h>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "support/errors.hpp"

using test::mentions;
using test::message_of;
using xgrad::StateDict;
using xgrad::Tensor;

TEST_CASE("entries keep their order and are found by name") {
  StateDict state{{"b", xgrad::tensor({1.0})}, {"a", xgrad::tensor({2.0})}};
  state.insert("c", xgrad::tensor({3.0}));
  CHECK(state.keys() == std::vector<std::string>{"b", "a", "c"});
  CHECK(state.size() == 3);
  CHECK(state["a"].item<double>() == 2);
  CHECK(state.contains("c"));
  CHECK_FALSE(state.contains("d"));
  CHECK(state.find("d") == state.end());
  CHECK(state.find("c")->second.item<double>() == 3);

  state.insert_or_assign("b", xgrad::tensor({4.0}));
  CHECK(state.begin()->second.item<double>() == 4);
  CHECK(state.erase("b"));
  CHECK_FALSE(state.erase("b"));
  CHECK(state.keys() == std::vector<std::string>{"a", "c"});
  CHECK(state["c"].item<double>() == 3);
}

TEST_CASE("a map becomes a StateDict") {
  const std::map<std::string, Tensor> tensors{{"y", xgrad::tensor({2.0})}, {"x", xgrad::tensor({1.0})}};
  const StateDict state(tensors.begin(), tensors.end());
  CHECK(state.keys() == std::vector<std::string>{"x", "y"});
}

TEST_CASE("copies share tensors, clones do not") {
  const StateDict state{{"x", xgrad::tensor({1.0})}};
  const StateDict copy = state, clone = state.clone();
  CHECK(copy["x"].is_same(state["x"]));
  state["x"].data<float>()[0] = 5;
  CHECK(clone["x"].item<double>() == 1);
  CHECK(clone.keys() == state.keys());
}

TEST_CASE("release moves the entries out") {
  const Tensor one = xgrad::ones({1});
  StateDict state{{"b", one}, {"a", xgrad::zeros({2})}};
  const StateDict copy = state;
  const auto entries = std::move(state).release();
  REQUIRE(entries.size() == 2);
  CHECK(entries[0].first == "b");
  CHECK(entries[0].second.is_same(one));
  CHECK(entries[1].first == "a");
  CHECK(copy.size() == 2);
  state = StateDict();
  state.insert("b", one);
  CHECK(state["b"].is_same(one));
}

TEST_CASE("misuse is named and changes nothing") {
  StateDict state{{"x", xgrad::tensor({1.0})}};
  CHECK(mentions(message_of<xgrad::ValueError>([&] { state.insert("x", xgrad::tensor({2.0})); }),
                 {"StateDict.insert", "\"x\"", "state_dict_test.cpp:"}));
  CHECK(mentions(message_of<xgrad::ValueError>([&] { state.insert("", xgrad::tensor({2.0})); }), {"empty"}));
  CHECK(mentions(message_of<xgrad::ValueError>([&] { state.insert("y", Tensor()); }), {"\"y\"", "undefined"}));
  CHECK(mentions(message_of<xgrad::ValueError>([&] { state.at("weight"); }), {"\"weight\"", "state_dict_test.cpp:"}));
  CHECK(state.size() == 1);
  CHECK(state["x"].item<double>() == 1);
}

TEST_CASE("names get a prefix, lose it, or are chosen by it") {
  const StateDict state{{"a.w", xgrad::tensor({1.0})}, {"ab", xgrad::tensor({2.0})}, {"a.b.w", xgrad::tensor({3.0})}};
  const StateDict longer = state.with_prefix("net.");
  CHECK(longer.keys() == std::vector<std::string>{"net.a.w", "net.ab", "net.a.b.w"});
  CHECK(longer["net.ab"].is_same(state["ab"]));
  CHECK(longer.without_prefix("net.").keys() == state.keys());
  CHECK(state.without_prefix("a.").keys() == std::vector<std::string>{"w", "ab", "b.w"});
  CHECK(state.without_prefix("none.").keys() == state.keys());
  const StateDict part = state.part("a.");
  CHECK(part.keys() == std::vector<std::string>{"w", "b.w"});
  CHECK(part["b.w"].is_same(state["a.b.w"]));
  CHECK(state.part("none.").empty());
  CHECK(state.part("").keys() == state.keys());
  CHECK(StateDict().with_prefix("x").empty());
}

TEST_CASE("names are mapped by a function or by pairs") {
  const StateDict state{{"backbone.0.weight", xgrad::tensor({1.0})},
                        {"backbone2.weight", xgrad::tensor({2.0})},
                        {"head", xgrad::tensor({3.0})}};
  CHECK(state.renamed([](const std::string& name) { return name + "!"; }).keys() ==
        std::vector<std::string>{"backbone.0.weight!", "backbone2.weight!", "head!"});
  const StateDict moved = state.renamed({{"backbone", "encoder"}, {"head", "out.bias"}});
  CHECK(moved.keys() == std::vector<std::string>{"encoder.0.weight", "backbone2.weight", "out.bias"});
  CHECK(moved["out.bias"].is_same(state["head"]));
  // The first pair that fits counts, and names may change places.
  CHECK(state.renamed({{"backbone.0", "first"}, {"backbone2", "backbone.0"}}).keys() ==
        std::vector<std::string>{"first.weight", "backbone.0.weight", "head"});
  CHECK(state.renamed(std::vector<std::pair<std::string, std::string>>{}).keys() == state.keys());
}

TEST_CASE("names that meet, vanish or are not there are named") {
  const StateDict state{{"a.w", xgrad::tensor({1.0})}, {"w", xgrad::tensor({2.0})}};
  CHECK(mentions(message_of<xgrad::ValueError>([&] { state.without_prefix("a."); }),
                 {"StateDict.without_prefix", "\"a.w\" and \"w\" would both be \"w\"", "state_dict_test.cpp:"}));
  CHECK(mentions(message_of<xgrad::ValueError>([&] { state.part("w"); }), {"StateDict.part", "nothing", "\"w\""}));
  CHECK(mentions(message_of<xgrad::ValueError>([&] { state.renamed([](const std::string&) { return "x"; }); }),
                 {"StateDict.renamed", "\"a.w\" and \"w\"", "\"x\""}));
  CHECK(mentions(message_of<xgrad::ValueError>([&] {
                   state.renamed({{"b", "c"}});
                 }),
                 {"StateDict.renamed", "\"b\" fits none of the 2 names"}));
  CHECK_THROWS_AS(state.renamed(std::function<std::string(const std::string&)>()), xgrad::ValueError);
}
