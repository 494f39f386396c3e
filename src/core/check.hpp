// The wording of errors, and checks that many operations share.
#pragma once
#include <xgrad/detail/module_call.hpp>
#include <xgrad/fmt.hpp>
#include <xgrad/tensor.hpp>

#include <string>

namespace xgrad::detail {

// " at file:line", or nothing for an unknown place.
std::string at(Here here);
// What is being called in this thread; null outside of layers. Its text begins messages.
const ErrorContext*& error_context() noexcept;
std::string error_context_text();

// Throws E with the layer that is being called, the message and the place. The message begins with the operation's
// name: "matmul: ...".
template <class E, class... Args>
[[noreturn, gnu::cold, gnu::noinline]] void raise(Here here, fmt::format_string<Args...> format, Args&&... args) {
  throw E(error_context_text() + fmt::format(format, std::forward<Args>(args)...) + at(here));
}
template <class E, class... Args>
void check(bool condition, Here here, fmt::format_string<Args...> format, Args&&... args) {
  if (!condition) [[unlikely]]
    raise<E>(here, format, std::forward<Args>(args)...);
}

// A dimension from -dim..dim-1 to 0..dim-1. A 0-d tensor takes 0 and -1. IndexError otherwise.
std::int64_t wrap_dim(const char* op, std::int64_t dim, std::int64_t rank, Here here);
// All of a list, distinct; empty means all dimensions. Result ascending.
Shape wrap_dims(const char* op, const std::vector<std::int64_t>& dims, std::int64_t rank, Here here);

// DtypeError unless floating.
void check_floating(const char* op, const Tensor& tensor, Here here);
// DtypeError unless both have the same dtype.
void check_same_dtype(const char* op, const Tensor& a, const Tensor& b, Here here);
// The common shape of broadcasting operands; ShapeError that names the op.
Shape broadcast_shapes(const char* op, const Shape& a, const Shape& b, Here here);

// The dtype two operands meet in: equal ones stay; a number adopts a floating tensor's; a floating number with an
// integer or bool tensor gives the default dtype; integers with a floating tensor give the float; bool with int64
// gives int64; float32 with float64 is a DtypeError, and so are the storage types.
Dtype promote(const char* op, const Operand& a, const Operand& b, Here here);

}  // namespace xgrad::detail
