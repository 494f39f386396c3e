#include "ops/matrices.hpp"

#include <xgrad/ops/creation.hpp>

#include <cmath>
#include <limits>

#include "kernels/copy.hpp"
#include "ops/product.hpp"
#include "ops/shape.hpp"

namespace xgrad::detail {

Shape Stack::with(std::int64_t a, std::int64_t b) const {
  Shape shape = batch;
  shape.push_back(a);
  shape.push_back(b);
  return shape;
}
Shape Stack::with(std::int64_t a) const {
  Shape shape = batch;
  shape.push_back(a);
  return shape;
}

Stack stack_of(const char* op, const Tensor& x, Here here) {
  const Shape& shape = x.sizes();
  check<ShapeError>(shape.size() >= 2, here, "{}: expected matrices, [..., m, n], got {}", op, shape);
  check_floating(op, x, here);
  Stack stack;
  for (std::size_t d = 0; d + 2 < shape.size(); ++d) {
    stack.batch.push_back(shape[d]);
    stack.count *= shape[d];
  }
  stack.rows = shape[shape.size() - 2];
  stack.cols = shape.back();
  constexpr std::int64_t most = std::numeric_limits<int>::max();
  check<ShapeError>(stack.rows <= most && stack.cols <= most, here,
                    "{}: expected matrices of less than 2^31 rows, got {}", op, shape);
  return stack;
}

Stack square_stack_of(const char* op, const Tensor& x, Here here) {
  Stack stack = stack_of(op, x, here);
  check<ShapeError>(stack.rows == stack.cols, here, "{}: expected square matrices, [..., n, n], got {}", op, x.sizes());
  return stack;
}

void check_finite(const char* op, const Tensor& x, Here here) {
  const Tensor values = dense(x);
  const bool finite = dispatch_floating(impl(values).dtype, [&]<class T>() {
    const T *from = data<T>(values), *end = from + impl(values).numel;
    return std::all_of(from, end, [](T v) { return std::isfinite(v); });
  });
  check<ValueError>(finite, here, "{}: expected finite numbers, got an infinity or NaN", op);
}

std::string matrix_number(const Stack& stack, std::int64_t index) {
  return stack.batch.empty() ? "" : fmt::format(" (matrix {} of the batch)", index);
}

bool is_vector_side(const Tensor& a, const Tensor& b) {
  const Shape& shape = impl(a).shape;
  return b.dim() == 1 || b.sizes() == Shape(shape.data(), shape.size() - 1);
}

Tensor row_copy(const Tensor& x) {
  Tensor copy = make_tensor(impl(x).shape, impl(x).dtype);
  copy_elements(copy, x);
  return copy;
}

Tensor make_columns(const Shape& shape, Dtype dtype) {
  Shape strides = contiguous_strides(shape);
  const std::size_t rank = shape.size();
  strides[rank - 2] = 1;
  strides[rank - 1] = std::max<std::int64_t>(1, shape[rank - 2]);
  return make_tensor(shape, dtype, strides);
}

Tensor column_copy(const Tensor& x) {
  Tensor copy = make_columns(impl(x).shape, impl(x).dtype);
  copy_elements(copy, x);
  return copy;
}

Tensor identity(std::int64_t n, Dtype dtype) { return eye(n, {.dtype = dtype}); }

Tensor times(Here here, const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b) {
  return product("matmul", here, a, b, transpose_a, transpose_b);
}

Tensor scale_columns(Here here, const Tensor& x, const Tensor& factors) {
  return x.mul({factors.unsqueeze(-2, here), here});
}
Tensor scale_rows(Here here, const Tensor& x, const Tensor& factors) {
  return x.mul({factors.unsqueeze(-1, here), here});
}

// y[..., i, j] = x[..., k] where k is the place of i, j on the diagonal; the gradient is that diagonal.
Tensor diagonal_matrix(const Tensor& x, std::int64_t offset, Here here) {
  Shape shape = impl(x).shape;
  const std::int64_t n = shape.back() + std::abs(offset);
  shape[shape.size() - 1] = n;
  shape.push_back(n);
  Geometry region = row_major(shape);
  region.offset = offset >= 0 ? offset : -offset * n;
  region.strides.erase(shape.size() - 1);
  region.strides[shape.size() - 2] = n + 1;
  region.shape = impl(x).shape;
  if (impl(x).numel == 0) region.offset = 0;
  return region_scatter(x, shape, region, here);
}

}  // namespace xgrad::detail
