// Oracles for gradients: central differences in float64, of the first and of any higher order.
#pragma once
#include <xgrad/autograd.hpp>
#include <xgrad/ops/creation.hpp>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <doctest/doctest.h>
#include <functional>
#include <vector>

namespace numeric {

using xgrad::Shape;
using xgrad::Tensor;
using xgrad::TensorList;

// Numbers in [-1, 1), the same for the same seed.
inline std::vector<double> random_values(std::int64_t count, std::uint64_t seed) {
  std::vector<double> values(static_cast<std::size_t>(count));
  std::uint64_t state = seed * 0x9E3779B97F4A7C15u + 1;
  for (double& value : values) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    value = static_cast<double>(state >> 11) / static_cast<double>(std::uint64_t{1} << 52) - 1;
  }
  return values;
}
inline Tensor random(const Shape& shape, std::uint64_t seed, xgrad::Dtype dtype = xgrad::float64) {
  return xgrad::tensor(std::span<const double>(random_values(xgrad::numel(shape), seed)), shape).to(dtype);
}

// Whether two float32 tensors hold the same bits.
inline bool same_bits(const Tensor& a, const Tensor& b) {
  const auto x = a.to_vector<float>(), y = b.to_vector<float>();
  return x.size() == y.size() && std::memcmp(x.data(), y.data(), x.size() * sizeof(float)) == 0;
}

// The largest |a - b|; infinite for different sizes, NaN differs from everything.
inline double distance(const Tensor& a, const Tensor& b) {
  if (!(a.sizes() == b.sizes())) return INFINITY;
  const auto x = a.to(xgrad::float64).to_vector<double>(), y = b.to(xgrad::float64).to_vector<double>();
  double largest = 0;
  for (std::size_t i = 0; i < x.size(); ++i)
    if (!(std::abs(x[i] - y[i]) <= largest)) largest = std::abs(x[i] - y[i]);
  return largest;
}

inline double inner(const TensorList& outputs, const TensorList& cotangents) {
  double sum = 0;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (!outputs[i].defined()) continue;
    const auto x = outputs[i].detach().to_vector<double>(), y = cotangents[i].detach().to_vector<double>();
    for (std::size_t j = 0; j < x.size(); ++j) sum += x[j] * y[j];
  }
  return sum;
}

using Call = std::function<TensorList(const TensorList&)>;

// Gradients of <outputs, cotangents>, zero where the outputs do not depend on an input.
inline TensorList gradients(const TensorList& outputs, const TensorList& inputs, const TensorList& cotangents,
                            bool create_graph) {
  TensorList recorded, weights;
  for (std::size_t i = 0; i < outputs.size(); ++i)
    if (outputs[i].defined() && outputs[i].requires_grad()) {
      recorded.push_back(outputs[i]);
      weights.push_back(cotangents[i]);
    }
  TensorList found(inputs.size());
  if (!recorded.empty())
    found = xgrad::grad(
        recorded, inputs,
        {.grad_outputs = weights, .retain_graph = true, .create_graph = create_graph, .allow_unused = true});
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (!found[i].defined()) found[i] = xgrad::zeros_like(inputs[i]);
  return found;
}

// Compares the gradients of `call` by every input (leaves of float64 that require grad) with central differences; then,
// for orders above 1, those of the gradients by the inputs and the cotangents. With and without create_graph agree.
inline void check_gradients(const Call& call, TensorList inputs, int order = 2, double tolerance = 1e-7) {
  const TensorList outputs = call(inputs);
  TensorList cotangents;
  for (std::size_t i = 0; i < outputs.size(); ++i)
    cotangents.push_back(random(outputs[i].sizes(), 7919 + i + static_cast<std::uint64_t>(order)).requires_grad_());
  const TensorList analytical = gradients(outputs, inputs, cotangents, false);
  const TensorList recorded = gradients(outputs, inputs, cotangents, true);
  constexpr double step = 1e-5;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    CAPTURE(order);
    CAPTURE(i);
    CHECK(analytical[i].sizes() == inputs[i].sizes());
    CHECK(distance(analytical[i].detach(), recorded[i].detach()) <= 1e-12);
    const auto found = analytical[i].detach().to_vector<double>();
    double* element = inputs[i].data<double>();
    double worst = 0;
    for (std::size_t j = 0; j < found.size(); ++j) {
      const double before = element[j];
      element[j] = before + step;
      const double above = inner(call(inputs), cotangents);
      element[j] = before - step;
      const double below = inner(call(inputs), cotangents);
      element[j] = before;
      const double error = std::abs((above - below) / (2 * step) - found[j]) / std::max(1.0, std::abs(found[j]));
      if (!(error <= worst)) worst = error;
    }
    CHECK(worst <= tolerance);
  }
  if (order <= 1) return;
  const std::size_t count = inputs.size();
  TensorList both = inputs;
  both.insert(both.end(), cotangents.begin(), cotangents.end());
  check_gradients(
      [&call, count](const TensorList& all) {
        const TensorList first(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count));
        const TensorList weights(all.begin() + static_cast<std::ptrdiff_t>(count), all.end());
        return gradients(call(first), first, weights, true);
      },
      both, order - 1, tolerance);
}

}  // namespace numeric
