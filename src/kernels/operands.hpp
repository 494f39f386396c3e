// Tensors and numbers as the operands of a pointwise loop.
#pragma once
#include <xgrad/detail/loop.hpp>

#include <algorithm>
#include <array>
#include <cstring>

#include "core/dispatch.hpp"
#include "core/tensor_impl.hpp"

namespace xgrad::detail {

// Loops that sum more elements than this do so by tasks of their own.
inline constexpr std::int64_t longest_single_sum = 2048;

// The strides of a tensor that is looped over in a shape it broadcasts to.
inline Shape broadcast_strides(const Shape& shape, const Shape& strides, const Shape& to) {
  Shape result(to.size(), 0);
  const std::size_t extra = to.size() - shape.size();
  for (std::size_t d = 0; d < shape.size(); ++d)
    if (shape[d] == to[d + extra]) result[d + extra] = strides[d];
  return result;
}

// Whether a large tensor is walked across its memory: copied first, by tiles, it is read once from the cache and not
// again for every element of a cache line.
inline bool is_transposed(const TensorImpl& t) {
  if (t.contiguous || t.numel < 4096) return false;
  for (std::size_t d = t.shape.size(); d-- > 0;) {
    if (t.shape[d] == 1) continue;
    if (t.strides[d] == 0 || t.strides[d] == 1) return false;
    return std::find(t.strides.begin(), t.strides.begin() + d, 1) != t.strides.begin() + d;
  }
  return false;
}

// Up to N operands of one loop: first seen as linear or constant, and only otherwise with strides.
template <std::size_t N>
class Operands {
 public:
  static_assert(N <= max_loop_operands);
  Operands(const Shape& shape, std::int64_t total) : shape_(shape), total_(total) {}

  void tensor(std::size_t k, const Tensor& t, LoopRole role = LoopRole::input) {
    const TensorImpl& i = impl(t);
    tensors_[k] = &t;
    data_[k] = i.raw();
    size_[k] = static_cast<std::uint8_t>(element_size(i.dtype));
    role_[k] = role;
    add_[k] = role == LoopRole::accumulate;
    if (i.numel == 1)
      step_[k] = total_ == 1;
    else if (i.contiguous && i.numel == total_)
      step_[k] = 1;
    else
      linear_ = false;
    sums_ = sums_ || (role != LoopRole::input && i.numel != total_);
  }
  void constant(std::size_t k, void* value, std::uint8_t size) {
    data_[k] = static_cast<std::byte*>(value);
    size_[k] = size;
  }

  void run(std::int64_t cost, StripFunction function, const void* formula) {
    if (!linear_ || total_ == 0 || (sums_ && total_ > longest_single_sum)) return run_strided(cost, function, formula);
    for (std::size_t k = 0; sums_ && k < N; ++k)
      if (role_[k] == LoopRole::output && step_[k] == 0) std::memset(data_[k], 0, size_[k]);
    if (total_ <= longest_single_sum)
      function(formula, Strip{total_, data_.data(), step_.data(), add_.data()});
    else
      run_linear_loop(total_, data_.data(), step_.data(), size_.data(), add_.data(), N, cost, function, formula);
  }

 private:
  void run_strided(std::int64_t cost, StripFunction function, const void* formula) {
    std::array<LoopOperand, N> operands;
    std::array<Tensor, N> copies;
    for (std::size_t k = 0; k < N; ++k) {
      if (tensors_[k] && role_[k] == LoopRole::input && is_transposed(impl(*tensors_[k]))) {
        copies[k] = dense(*tensors_[k]);
        tensors_[k] = &copies[k];
        data_[k] = impl(copies[k]).raw();
      }
      operands[k].data = data_[k];
      operands[k].size = size_[k];
      operands[k].role = role_[k];
      if (!tensors_[k]) {
        operands[k].strides = Shape(shape_.size(), 0);
        continue;
      }
      const TensorImpl& t = impl(*tensors_[k]);
      operands[k].strides = broadcast_strides(t.shape, t.strides, shape_);
      operands[k].extent = t.numel;
    }
    run_loop(shape_, operands.data(), N, cost, function, formula);
  }

  const Shape& shape_;
  std::int64_t total_;
  bool linear_ = true, sums_ = false;
  std::array<std::byte*, N> data_{};
  std::array<std::int64_t, N> step_{};
  std::array<std::uint8_t, N> size_{};
  std::array<bool, N> add_{};
  std::array<LoopRole, N> role_{};
  std::array<const Tensor*, N> tensors_{};
};

// A number in the dtype of a loop.
struct Constant {
  alignas(8) std::byte bytes[8];
  Constant() = default;
  Constant(const Scalar& value, Dtype dtype) {
    dispatch_computing(dtype, [&]<class T>() {
      const T number = value.to<T>();
      std::memcpy(bytes, &number, sizeof(T));
    });
  }
};

inline Tensor constant_tensor(const Scalar& value, Dtype dtype) {
  Tensor tensor = make_tensor({}, dtype);
  const Constant number(value, dtype);
  std::memcpy(impl(tensor).raw(), number.bytes, static_cast<std::size_t>(element_size(dtype)));
  return tensor;
}

// An operand in the dtype of a loop: the tensor itself, a converted copy, or a number.
struct LoopSource {
  const Tensor* tensor = nullptr;
  Tensor converted;
  Constant number;
  Dtype dtype;

  LoopSource(const Tensor& from, Dtype dtype_, Here here) : tensor(&from), dtype(dtype_) {
    if (impl(from).dtype == dtype) return;
    converted = from.to(dtype, here);
    tensor = &converted;
  }
  LoopSource(const Operand& from, Dtype dtype_, Here here) : dtype(dtype_) {
    if (!from.is_tensor()) {
      number = Constant(from.scalar(), dtype);
      return;
    }
    tensor = &from.tensor();
    if (impl(*tensor).dtype == dtype) return;
    converted = tensor->to(dtype, here);
    tensor = &converted;
  }
  LoopSource(const LoopSource&) = delete;
  LoopSource& operator=(const LoopSource&) = delete;
  template <std::size_t N>
  void put(Operands<N>& operands, std::size_t k) {
    if (tensor)
      operands.tensor(k, *tensor);
    else
      operands.constant(k, number.bytes, static_cast<std::uint8_t>(element_size(dtype)));
  }
};

}  // namespace xgrad::detail
