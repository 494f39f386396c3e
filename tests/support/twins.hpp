// Checks of a fused operation against the same in primitive operations.
#pragma once
#include <xgrad/autograd.hpp>
#include <xgrad/ops/equality.hpp>
#include <xgrad/threads.hpp>

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>

#include "numeric.hpp"

namespace test {

using xgrad::Tensor;
using xgrad::TensorList;

// Outputs and the gradients of everything by cotangents of all outputs.
template <class Call>
TensorList outputs_and_gradients(const Call& call, const TensorList& inputs, bool create_graph = false) {
  TensorList outputs = call(inputs), cotangents;
  for (const Tensor& output : outputs)
    cotangents.push_back(numeric::random(output.sizes(), 7 + cotangents.size()).to(output.dtype()));
  TensorList list = outputs;
  for (const Tensor& g :
       xgrad::grad(outputs, inputs, {.grad_outputs = cotangents, .create_graph = create_graph, .allow_unused = true}))
    list.push_back(g);
  return list;
}

// Values and gradients are those of the oracle, recorded or not, and in float32 roughly.
template <class Call, class Oracle>
void check_twins(const Call& call, const Oracle& oracle, const TensorList& inputs, double rough) {
  const TensorList wanted = outputs_and_gradients(oracle, inputs);
  TensorList floats;
  for (const Tensor& input : inputs) floats.push_back(input.detach().to(xgrad::float32).requires_grad_());
  const TensorList found = outputs_and_gradients(call, inputs), recorded = outputs_and_gradients(call, inputs, true),
                   single = outputs_and_gradients(call, floats);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    CAPTURE(i);
    double scale = 1;
    for (double v : wanted[i].detach().to_vector<double>()) scale = std::max(scale, std::abs(v));
    CHECK(numeric::distance(found[i].detach(), wanted[i].detach()) <= 1e-13 * scale);
    CHECK(numeric::distance(recorded[i].detach(), wanted[i].detach()) <= 1e-13 * scale);
    CHECK(numeric::distance(single[i].detach(), wanted[i].detach()) <= rough * scale);
  }
}

// One gradient at a time, from each output alone, is the oracle's; without recording the outputs are the same.
template <class Call, class Oracle>
void check_single_gradients(const Call& call, const Oracle& oracle, const TensorList& inputs) {
  const TensorList outputs = call(inputs), wanted = oracle(inputs);
  for (std::size_t o = 0; o < outputs.size(); ++o) {
    const Tensor g = numeric::random(outputs[o].sizes(), 5);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      CAPTURE(o);
      CAPTURE(i);
      const auto one = [&](const TensorList& from) {
        return xgrad::grad({from[o]}, {inputs[i]},
                           {.grad_outputs = {g}, .retain_graph = true, .allow_unused = true})[0];
      };
      const Tensor found = one(outputs), expected = one(wanted);
      REQUIRE(found.defined());
      CHECK(numeric::distance(found, expected) <= 1e-13);
    }
  }
  // Nothing arrives where nothing is wanted.
  TensorList constants;
  for (const Tensor& input : inputs) constants.push_back(input.detach().requires_grad_(constants.empty()));
  call(constants)[0].sum().backward();
  CHECK(constants[0].grad().defined());
  for (std::size_t i = 1; i < constants.size(); ++i) CHECK_FALSE(constants[i].grad().defined());
  const xgrad::NoGradGuard no_grad;
  const TensorList plain = call(inputs);
  CHECK_FALSE(plain[0].requires_grad());
  for (std::size_t o = 0; o < outputs.size(); ++o) CHECK(xgrad::equal(plain[o], outputs[o]));
}

// The same bits for any number of threads.
template <class Call>
void check_threads(const Call& call, const TensorList& inputs) {
  const int threads = xgrad::get_num_threads();
  xgrad::set_num_threads(1);
  const TensorList one = outputs_and_gradients(call, inputs);
  for (int count : {2, 3, 8}) {
    xgrad::set_num_threads(count);
    const TensorList more = outputs_and_gradients(call, inputs);
    for (std::size_t i = 0; i < one.size(); ++i) CHECK(numeric::same_bits(one[i].detach(), more[i].detach()));
  }
  xgrad::set_num_threads(threads);
}

}  // namespace test
