// What the library needs to know of a function made by elementwise().
#pragma once
#include <xgrad/detail/loop.hpp>
#include <xgrad/tensor.hpp>

#include <array>
#include <cstddef>
#include <memory>

namespace xgrad::detail {

// Each input has a gradient among the operands of a loop, beside the incoming one.
inline constexpr std::size_t most_elementwise_inputs = max_loop_operands / 2 - 1;

// Kernels are given for float32 and float64.
struct ElementwiseTable {
  std::size_t inputs;
  // Operands: the result, the inputs.
  std::array<StripFunction, 2> value;
  // Per input, operands: the result, its slope along that input, the inputs.
  std::array<std::array<StripFunction, most_elementwise_inputs>, 2> value_and_slope;
  // Operands: the gradients of all inputs, the incoming gradient, the inputs.
  std::array<StripFunction, 2> gradient;
  // The lambda on tensors.
  Tensor (*formula)(const void* lambda, const Tensor* inputs);
  // A copy of the lambda that lives as long as the tape needs it.
  std::shared_ptr<const void> (*keep)(const void* lambda);
};

Tensor apply_elementwise(const ElementwiseTable& table, const void* lambda, const Operand* inputs);

}  // namespace xgrad::detail
