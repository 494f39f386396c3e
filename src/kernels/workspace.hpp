// Memory of its own for each thread of a loop, made before there are several.
#pragma once
#include <algorithm>
#include <cstdint>
#include <limits>

#include "core/tensor_impl.hpp"
#include "kernels/parallel.hpp"

namespace xgrad::detail {

template <class T>
class Workspace {
 public:
  // For a loop of at least one range, where it is known of how many at most.
  explicit Workspace(std::int64_t size, std::int64_t ranges = std::numeric_limits<std::int64_t>::max())
      : threads_(std::min<std::int64_t>(available_threads(), ranges)),
        size_(size),
        memory_(make_tensor({threads_ * size}, dtype_of<T>)) {}
  T* mine() const noexcept { return data<T>(memory_) + (threads_ > 1 ? thread_index() : 0) * size_; }

 private:
  std::int64_t threads_, size_;
  Tensor memory_;
};

}  // namespace xgrad::detail
