// Changing what a tensor holds while keeping which tensor it is.
#pragma once
#include <xgrad/tensor.hpp>

namespace xgrad::detail {

// Converts `tensor` to a floating dtype for everybody who holds it: handles, registry and optimizer keep the same
// tensor, a leaf stays a leaf, a gradient is converted too. Memory and strides are new; views of the old data, and
// graphs recorded from it, no longer belong to it (running such a graph backward is an AutogradError).
void convert_in_place(const Tensor& tensor, Dtype dtype);

// Gives a leaf another shape and new memory, whose elements are not set; its gradient is dropped. The rest as above.
void reshape_in_place(const Tensor& tensor, const Shape& shape);

// Gives a tensor the memory and the history of a value that nobody else holds; a gradient of its own is dropped.
// Graphs that are recorded from it afterwards keep what it was then, whatever it becomes; those of a leaf that required
// grad before are out of date. The first value has no history.
void renew(const Tensor& tensor, const Tensor& value);
// Makes a renewed tensor an ordinary leaf without history, which holds its present value.
void settle(const Tensor& tensor);

}  // namespace xgrad::detail
