// Whether tensors are the same, exactly or nearly.
#pragma once
#include <xgrad/tensor.hpp>

namespace xgrad {

// Whether a and b have the same shape and the same elements (a NaN equals nothing). DtypeError for different dtypes.
bool equal(const Arg& a, const Arg& b);
// Whether |a - b| <= atol + rtol |b| for every element; infinities are close when equal, NaN to NaN with equal_nan
// only. Shapes broadcast. DtypeError for different dtypes, ShapeError for shapes that do not broadcast.
bool allclose(const Arg& a, const Arg& b, const AllcloseOptions& options = {});
// The same element by element, as a bool tensor.
Tensor isclose(const Arg& a, const Arg& b, const AllcloseOptions& options = {});

}  // namespace xgrad
