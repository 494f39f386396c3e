// What functions of tensors take: a tensor, a tensor or a number, a position of an index. Each remembers where the call
// was written, for errors and the anomaly mode.
#pragma once
#include <xgrad/tensor.hpp>

#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

namespace xgrad {

// A tensor argument of a public function: converts from a Tensor and remembers where the call was written. Error for an
// undefined tensor.
class Arg {
 public:
  Arg(const Tensor& tensor, Here here = {}) : tensor_(tensor), here_(here) {
    if (!tensor.defined()) detail::raise_undefined(here);
  }
  const Tensor& tensor() const noexcept { return tensor_; }
  operator const Tensor&() const noexcept { return tensor_; }
  const Tensor* operator->() const noexcept { return &tensor_; }
  Here here() const noexcept { return here_; }

 private:
  const Tensor& tensor_;
  Here here_;
};

// A tensor or a number as an argument, with the place of the call. A number adopts a floating tensor's dtype.
class Operand {
 public:
  Operand(const Tensor& tensor, Here here = {}) : tensor_(&tensor), scalar_(0), here_(here) {
    if (!tensor.defined()) detail::raise_undefined(here);
  }
  Operand(const Arg& argument, Here here = {}) : Operand(argument.tensor(), here) {}
  template <class T>
  requires std::is_arithmetic_v<T> Operand(T value, Here here = {})
  noexcept : scalar_(value), here_(here) {}
  Operand(Scalar value, Here here = {}) noexcept : scalar_(value), here_(here) {}
  bool is_tensor() const noexcept { return tensor_ != nullptr; }
  const Tensor& tensor() const noexcept { return *tensor_; }
  Scalar scalar() const noexcept { return scalar_; }
  Here here() const noexcept { return here_; }

 private:
  const Tensor* tensor_ = nullptr;
  Scalar scalar_;
  Here here_;
};

// Arithmetic broadcasts and promotes as the functions add, sub, mul, div, ... do; comparisons give bool tensors.
Tensor operator+(const Operand& a, const Operand& b);
Tensor operator-(const Operand& a, const Operand& b);
Tensor operator*(const Operand& a, const Operand& b);
Tensor operator/(const Operand& a, const Operand& b);
Tensor operator-(const Operand& x);
Tensor operator==(const Operand& a, const Operand& b);
Tensor operator!=(const Operand& a, const Operand& b);
Tensor operator<(const Operand& a, const Operand& b);
Tensor operator<=(const Operand& a, const Operand& b);
Tensor operator>(const Operand& a, const Operand& b);
Tensor operator>=(const Operand& a, const Operand& b);
Tensor operator&&(const Operand& a, const Operand& b);
Tensor operator||(const Operand& a, const Operand& b);
Tensor operator!(const Operand& x);

// begin:end:step along one dimension; left-out ends reach to the border, negative ones count from the end.
struct Slice {
  std::optional<std::int64_t> begin{}, end{};
  std::int64_t step = 1;
};
// As many full slices as are missing.
struct Ellipsis {};
// A new dimension of size 1.
struct NewAxis {};
inline constexpr Ellipsis ellipsis{};
inline constexpr NewAxis newaxis{};
constexpr Slice slice(std::optional<std::int64_t> begin = {}, std::optional<std::int64_t> end = {},
                      std::int64_t step = 1) noexcept {
  return {begin, end, step};
}

// One position of an index: an integer, a slice, ellipsis, newaxis, an int64 index tensor or a bool mask.
class TensorIndex {
 public:
  enum class Kind : std::uint8_t { integer, slice, ellipsis, newaxis, tensor };
  template <class T>
  requires(std::is_integral_v<T> && !std::is_same_v<T, bool>) TensorIndex(T index, Here here = {})
  noexcept : kind_(Kind::integer), integer_(static_cast<std::int64_t>(index)), here_(here) {}
  TensorIndex(Slice slice, Here here = {}) noexcept : kind_(Kind::slice), slice_(slice), here_(here) {}
  TensorIndex(Ellipsis, Here here = {}) noexcept : kind_(Kind::ellipsis), here_(here) {}
  TensorIndex(NewAxis, Here here = {}) noexcept : kind_(Kind::newaxis), here_(here) {}
  TensorIndex(Tensor tensor, Here here = {}) : kind_(Kind::tensor), tensor_(std::move(tensor)), here_(here) {
    if (!tensor_.defined()) detail::raise_undefined(here);
  }
  Kind kind() const noexcept { return kind_; }
  std::int64_t integer() const noexcept { return integer_; }
  const Slice& slice() const noexcept { return slice_; }
  const Tensor& tensor() const noexcept { return tensor_; }
  Here here() const noexcept { return here_; }

 private:
  Kind kind_;
  std::int64_t integer_ = 0;
  Slice slice_{};
  Tensor tensor_{};
  Here here_;
};

}  // namespace xgrad
