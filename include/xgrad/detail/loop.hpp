// The strided, broadcasting, parallel loop behind every pointwise operation, for code that is compiled elsewhere: the
// library's own kernels and the lambdas of elementwise.hpp.
#pragma once
#include <xgrad/shape.hpp>

#include <cstddef>
#include <cstdint>

namespace xgrad::detail {

// What a kernel gets: `count` elements of every operand. Operand k begins at data[k] and goes on element by element
// (step 1) or stays (step 0). An output with step 0 has the sum of what it would get added to its one element, one with
// step 1 is added to where add[k] is set and overwritten otherwise. Operands that were left out have null data.
struct Strip {
  std::int64_t count;
  std::byte* const* data;
  const std::int64_t* step;
  const bool* add;
};
using StripFunction = void (*)(const void* context, const Strip& strip);

enum class LoopRole : std::uint8_t { input, output, accumulate };

// An operand of a loop over a shape. Strides are in elements, one per dimension. Where an output has stride 0 along a
// dimension, its gradient sums along it: such outputs are contiguous float or double memory of `extent` elements.
struct LoopOperand {
  std::byte* data = nullptr;  // null: left out
  Shape strides{};
  std::int64_t extent = 0;
  std::uint8_t size = 0;  // bytes of an element
  LoopRole role = LoopRole::input;
};

inline constexpr std::size_t max_loop_operands = 20;

// Runs a kernel over all elements of a shape. The order of work and of sums depends on the geometry and on `cost` (of
// one element, in simple operations) only, never on the number of threads.
void run_loop(const Shape& shape, LoopOperand* operands, std::size_t count, std::int64_t cost, StripFunction function,
              const void* context);
// The same where every operand goes on element by element (step 1) or stays (step 0; inputs only).
void run_linear_loop(std::int64_t total, std::byte* const* data, const std::int64_t* step, const std::uint8_t* size,
                     const bool* add, std::size_t count, std::int64_t cost, StripFunction function,
                     const void* context);

}  // namespace xgrad::detail
