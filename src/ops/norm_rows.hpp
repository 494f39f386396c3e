// What the norms over the last dimensions share: a row is what is normalised together.
#pragma once
#include <xgrad/tensor.hpp>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/check.hpp"
#include "core/tensor_impl.hpp"

namespace xgrad::detail {

struct Rows {
  std::int64_t count, size;
};

// Rows that share a partial sum of the weight's gradient: at most 64 sums, whatever the number of threads.
inline std::int64_t rows_per_block(std::int64_t count) { return std::max<std::int64_t>(16, (count + 63) / 64); }

template <class T>
Tensor add_blocks(const std::vector<T>& blocks, std::int64_t count, const Shape& shape) {
  Tensor result = make_tensor(shape, dtype_of<T>);
  T* out = data<T>(result);
  const std::int64_t size = result.numel();
  std::fill(out, out + size, T(0));
  for (std::int64_t block = 0; block < count; ++block)
    for (std::int64_t i = 0; i < size; ++i) out[i] += blocks[static_cast<std::size_t>(block * size + i)];
  return result;
}

// The rows of x, which must end in normalized_shape: ShapeError, DtypeError.
inline Rows rows_of(const char* op, const Arg& x, const Shape& normalized_shape) {
  check_floating(op, x.tensor(), x.here());
  const Shape& shape = x->sizes();
  check<ShapeError>(
      !normalized_shape.empty() && shape.size() >= normalized_shape.size() &&
          std::equal(normalized_shape.begin(), normalized_shape.end(), shape.end() - normalized_shape.size()),
      x.here(), "{}: x must end in normalized_shape {}, got {}", op, normalized_shape, shape);
  const std::int64_t size = numel(normalized_shape);
  return {size > 0 ? x->numel() / size : 0, size};
}
inline std::vector<std::int64_t> last_dims(const Shape& normalized_shape) {
  std::vector<std::int64_t> dims;
  for (std::size_t i = 0; i < normalized_shape.size(); ++i) dims.push_back(-1 - static_cast<std::int64_t>(i));
  return dims;
}

// A weight or bias: undefined, or of that shape and x's dtype.
inline void check_affine(const char* op, const char* name, const Tensor& tensor, const Shape& shape,
                         const char* shape_name, const Arg& x) {
  if (!tensor.defined()) return;
  check<ShapeError>(tensor.sizes() == shape, x.here(), "{}: {} must be {} as {}, got {}", op, name, shape, shape_name,
                    tensor.sizes());
  check<DtypeError>(tensor.dtype() == x->dtype(), x.here(), "{}: {} must be {} as x, got {}", op, name, x->dtype(),
                    tensor.dtype());
}

}  // namespace xgrad::detail
