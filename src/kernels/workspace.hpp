// Memory of its own for each thread of a loop, made before there are several.
#pragma once
#include <cstdint>

#include "core/tensor_impl.hpp"
#include "kernels/parallel.hpp"

namespace xgrad::detail {

template <class T>
class Workspace {
 public:
  explicit Workspace(std::int64_t size)
      : threads_(available_threads()), size_(size), memory_(make_tensor({threads_ * size}, dtype_of<T>)) {}
  T* mine() const noexcept { return data<T>(memory_) + (threads_ > 1 ? thread_index() : 0) * size_; }

 private:
  std::int64_t threads_, size_;
  Tensor memory_;
};

}  // namespace xgrad::detail
