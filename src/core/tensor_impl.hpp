// What a Tensor handle holds, and the ways for the library to make and look at one.
#pragma once
#include <xgrad/tensor.hpp>

#include <cstdint>
#include <functional>

#include "core/allocator.hpp"
#include "core/ref.hpp"

namespace xgrad::detail {

class Node;
struct GradCell;
void destroy(const Node* node) noexcept;
void destroy(const GradCell* cell) noexcept;

// The memory behind one or more tensors. The version counts changes in place, for everybody who shares it.
struct Storage final : Counted {
  std::byte* data = nullptr;
  std::int64_t bytes = 0;
  std::atomic<std::int64_t> version{0};
  // Only memory of somebody else's (from_blob) has one.
  std::function<void(void*)>* deleter = nullptr;
  bool external = false;
};
void destroy(const Storage* storage) noexcept;
Ref<Storage> make_storage(std::int64_t bytes);
Ref<Storage> wrap_storage(void* data, std::int64_t bytes, std::function<void(void*)> deleter);

// A leaf that requires grad has a leaf node (tape/node.hpp) from the moment it asks; the result of a recorded operation
// has that operation's node and its own number among the node's outputs; any other tensor has none.
struct TensorImpl final : Counted, Pooled {
  Ref<Storage> storage;
  std::int64_t offset = 0;  // elements
  std::int64_t numel = 0;
  Shape shape, strides;
  Dtype dtype = Dtype::float32;
  bool contiguous = true;
  bool leaf = true;
  std::uint32_t output = 0;
  Ref<Node> node;
  Ref<GradCell> cell;
  // A view's base (itself never a view), and how many recorded changes of the base it has seen; `history` counts those
  // of a base.
  Ref<TensorImpl> base;
  std::int64_t history = 0;

  std::byte* raw() const noexcept { return storage->data + offset * element_size(dtype); }
};

inline TensorImpl& impl(const Tensor& tensor) { return *tensor.unsafe_impl(); }

// A tensor with fresh, uninitialised, contiguous memory and no history.
Tensor make_tensor(const Shape& shape, Dtype dtype);
// The same in other strides without gaps.
Tensor make_tensor(const Shape& shape, Dtype dtype, const Shape& strides);
// Another geometry over the same storage, offset in elements from the storage's begin. The result is a view of `tensor`
// (for in-place operations) and has no node yet.
Tensor make_view(const Tensor& tensor, Shape shape, Shape strides, std::int64_t offset);
// The same storage and geometry under a new identity without history, not tracked as a view: detach(), saved outputs.
Tensor make_alias(const Tensor& tensor);

// Row-major strides of a shape.
Shape contiguous_strides(const Shape& shape);
bool is_contiguous(const Shape& shape, const Shape& strides) noexcept;
// Strides without gaps, for dimensions that lie in memory in the order of `like`, strides too.
Shape strides_in_order_of(const Shape& shape, const Shape& like);

// Pointer to the first element, unchecked.
template <class T>
T* data(const Tensor& tensor) noexcept {
  return reinterpret_cast<T*>(impl(tensor).raw());
}
// Row-major data of the same values, without recording; the tensor itself where it already is.
Tensor dense(const Tensor& tensor);
// True when this handle is the only one of the tensor, and the tensor the only one on its memory: it may be
// overwritten. False for foreign memory.
bool is_exclusive(const Tensor& tensor) noexcept;
// Counts a change in place.
inline void bump_version(const Tensor& tensor) noexcept {
  impl(tensor).storage->version.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace xgrad::detail
