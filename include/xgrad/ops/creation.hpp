// Tensors from numbers: literals, vectors, foreign memory, constants, ranges.
//
// All of them take TensorOptions: `dtype` in place of the default stated for each, and `requires_grad`, which is a
// DtypeError unless the dtype is floating. A negative size, or more elements than memory can address, is a ShapeError.
#pragma once
#include <xgrad/tensor.hpp>

#include <algorithm>
#include <concepts>
#include <initializer_list>
#include <memory>
#include <type_traits>

namespace xgrad {

// A number or a nested braced list of them, as an argument of tensor(). Not to be kept: it refers to the list.
class NestedList {
 public:
  template <class T>
  requires std::is_arithmetic_v<T> NestedList(T value)
  noexcept : scalar_(value), is_scalar_(true) {}
  NestedList(Scalar value) noexcept : scalar_(value), is_scalar_(true) {}
  NestedList(std::initializer_list<NestedList> list) noexcept : scalar_(0), is_scalar_(false), list_(list) {}

  bool is_scalar() const noexcept { return is_scalar_; }
  Scalar scalar() const noexcept { return scalar_; }
  const NestedList* begin() const noexcept { return list_.begin(); }
  const NestedList* end() const noexcept { return list_.end(); }
  std::int64_t size() const noexcept { return static_cast<std::int64_t>(list_.size()); }

 private:
  Scalar scalar_;
  bool is_scalar_;
  std::initializer_list<NestedList> list_{};
};

// The tensor written as a nested list: tensor({{1.0, 2.0}, {3.0, 4.0}}) is [2, 2], tensor({3, 12}) is [2], tensor(3.5)
// is 0-d, tensor({}) is [0]. dtype: the default one where any literal is floating (and of an empty list), else int64
// where any is an integer, else bool. ShapeError where lists of one level differ in length.
Tensor tensor(const NestedList& values, const TensorOptions& options = {}, Here here = {});

namespace detail {
Tensor tensor_from(const void* values, std::int64_t count, Dtype dtype, const Shape& shape,
                   const TensorOptions& options, Here here);
template <class T>
concept Element = requires {
  DtypeOf<std::remove_cv_t<T>>::value;
};
}  // namespace detail

// A copy of the values, in the given shape. dtype: that of T. ShapeError unless the shape has as many elements.
template <detail::Element T, std::size_t N>
Tensor tensor(std::span<T, N> values, const Shape& shape, const TensorOptions& options = {}, Here here = {}) {
  return detail::tensor_from(values.data(), static_cast<std::int64_t>(values.size()), dtype_of<T>, shape, options,
                             here);
}
// A copy of the values, [n]. dtype: that of T.
template <detail::Element T, std::size_t N>
Tensor tensor(std::span<T, N> values, const TensorOptions& options = {}, Here here = {}) {
  return tensor(values, Shape{static_cast<std::int64_t>(values.size())}, options, here);
}
// A copy of the values, [n]. dtype: that of T, which for int is int32; int64 for integers that have no Dtype.
template <class T>
requires std::is_arithmetic_v<T> Tensor tensor(const std::vector<T>& values, const TensorOptions& options = {},
                                               Here here = {}) {
  if constexpr (std::is_same_v<T, bool>) {
    const auto copy = std::make_unique<bool[]>(values.size());
    std::copy(values.begin(), values.end(), copy.get());
    return tensor(std::span<const bool>(copy.get(), values.size()), options, here);
  } else if constexpr (detail::Element<T>) {
    return tensor(std::span<const T>(values), options, here);
  } else {
    using Wide = std::conditional_t<std::floating_point<T>, double, std::int64_t>;
    return tensor(std::vector<Wide>(values.begin(), values.end()), options, here);
  }
}

// All elements `value`. dtype: the default one of a floating value, int64 of an integer, bool of a bool.
Tensor full(const Shape& shape, Scalar value, const TensorOptions& options = {}, Here here = {});
// All elements 0. dtype: the default one.
Tensor zeros(const Shape& shape, const TensorOptions& options = {}, Here here = {});
// All elements 1. dtype: the default one.
Tensor ones(const Shape& shape, const TensorOptions& options = {}, Here here = {});
// Elements not set to anything. dtype: the default one.
Tensor empty(const Shape& shape, const TensorOptions& options = {}, Here here = {});

// The same in the shape of x. dtype: that of x. Contiguous, without history.
Tensor full_like(const Arg& x, Scalar value, const TensorOptions& options = {});
Tensor zeros_like(const Arg& x, const TensorOptions& options = {});
Tensor ones_like(const Arg& x, const TensorOptions& options = {});
Tensor empty_like(const Arg& x, const TensorOptions& options = {});

// start, start + step, ... below `end` (above it for a negative step): [ceil((end - start) / step)]. dtype: int64 where
// all arguments are integers, else the default one. ValueError: a step of 0, one that leads away from `end`, an end
// that is not finite.
Tensor arange(Scalar end, const TensorOptions& options = {}, Here here = {});
Tensor arange(Scalar start, Scalar end, const TensorOptions& options = {}, Here here = {});
Tensor arange(Scalar start, Scalar end, Scalar step, const TensorOptions& options = {}, Here here = {});
// `steps` numbers evenly from start to end, both included. dtype: the default one.
Tensor linspace(Scalar start, Scalar end, std::int64_t steps, const TensorOptions& options = {}, Here here = {});
// base^e for `steps` exponents e evenly from start to end. dtype: the default one.
Tensor logspace(Scalar start, Scalar end, std::int64_t steps, double base = 10, const TensorOptions& options = {},
                Here here = {});
// The identity matrix, [n, n] or [n, m]. dtype: the default one.
Tensor eye(std::int64_t n, const TensorOptions& options = {}, Here here = {});
Tensor eye(std::int64_t n, std::int64_t m, const TensorOptions& options = {}, Here here = {});

// A tensor over foreign memory, without a copy; the caller keeps it alive, or gives a deleter, called with `data` when
// the last tensor on it goes. Strides are in elements, row-major where left out, and may be 0 or negative; `data` is
// the address of element 0. dtype: that of T, the default one for void*. DtypeError: options.dtype is not that of T.
// ShapeError: strides of another length than the shape. ValueError: null memory for a tensor that has elements.
Tensor from_blob(void* data, const Shape& shape, const TensorOptions& options = {},
                 std::function<void(void*)> deleter = {}, Here here = {});
Tensor from_blob(void* data, const Shape& shape, const Shape& strides, const TensorOptions& options = {},
                 std::function<void(void*)> deleter = {}, Here here = {});

namespace detail {
// The options with the dtype of the memory's elements; DtypeError where they ask for another.
TensorOptions blob_options(Dtype dtype, const TensorOptions& options, Here here);
}  // namespace detail

template <detail::Element T>
Tensor from_blob(T* data, const Shape& shape, const TensorOptions& options = {},
                 std::function<void(void*)> deleter = {}, Here here = {}) {
  return from_blob(static_cast<void*>(data), shape, detail::blob_options(dtype_of<T>, options, here),
                   std::move(deleter), here);
}
template <detail::Element T>
Tensor from_blob(T* data, const Shape& shape, const Shape& strides, const TensorOptions& options = {},
                 std::function<void(void*)> deleter = {}, Here here = {}) {
  return from_blob(static_cast<void*>(data), shape, strides, detail::blob_options(dtype_of<T>, options, here),
                   std::move(deleter), here);
}

}  // namespace xgrad
