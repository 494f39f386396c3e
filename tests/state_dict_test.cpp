#include <xgrad/ops/creation.hpp>
#include <xgrad/state_dict.hpp>

#include <doctest/doctest.h>
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
