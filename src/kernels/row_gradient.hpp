// The gradient of a table that was looked up by rows: zero but in a few of them, and kept so until somebody wants to
// see it whole.
#pragma once
#include <xgrad/tensor.hpp>

#include <cstdint>
#include <vector>

namespace xgrad::detail {

struct RowGradient {
  Tensor index;   // int64 [n], of different rows
  Tensor values;  // [n, columns], of the gradient alone
  std::int64_t rows = 0;
};

// The gradient whose row index[k] is the sum of such values[k], from zero in the order of the list; a negative index
// stands for nothing. values has the shape of index and then columns, and any strides.
RowGradient sum_rows(const Tensor& index, const Tensor& values, std::int64_t rows);

// As a table.
Tensor to_dense(const RowGradient& gradient);

// Of every row of the table its number in the gradient's list; -1 for one without a gradient.
std::vector<std::int64_t> places_of_rows(const RowGradient& gradient);

// table -= scale * gradient, in its rows. The table is contiguous; unrecorded.
void subtract_rows(const Tensor& table, const RowGradient& gradient, double scale);

}  // namespace xgrad::detail
