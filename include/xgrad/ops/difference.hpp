// Differences of neighbours along a dimension, and integrals of what lies between them.
//
// A dimension is the last one where it is left out; negative ones count from the end. Errors: IndexError for a
// dimension out of range, ShapeError for a tensor without dimensions and for sizes that do not meet.
#pragma once
#include <xgrad/tensor.hpp>

#include <cstdint>

namespace xgrad {

// x[i + 1] - x[i], n times over: n elements fewer along dim, at least none. prepend and append are set before and
// behind x first (but not for n = 0). Of bools: whether neighbours differ. ValueError for a negative n.
Tensor diff(const Arg& x, std::int64_t n = 1, std::int64_t dim = -1, const Tensor& prepend = {},
            const Tensor& append = {});

// Options of trapezoid and cumulative_trapezoid: the distance of neighbours, and the dimension.
struct TrapezoidOptions {
  double dx = 1;
  std::int64_t dim = -1;
};
// sum_i (y[i] + y[i + 1]) / 2 dx, the trapezoidal rule along dim; 0 of fewer than two.
Tensor trapezoid(const Arg& y, const TrapezoidOptions& options = {});
// The same with dx = x[i + 1] - x[i]: x is [n] along dim, or broadcasts to y but along dim, where it is of y's size.
Tensor trapezoid(const Arg& y, const Arg& x, std::int64_t dim = -1);
// The same sums up to each i: n - 1 along dim.
Tensor cumulative_trapezoid(const Arg& y, const TrapezoidOptions& options = {});
Tensor cumulative_trapezoid(const Arg& y, const Arg& x, std::int64_t dim = -1);

}  // namespace xgrad
