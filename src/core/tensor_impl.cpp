#include "core/tensor_impl.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <numeric>

#include "core/check.hpp"
#include "kernels/copy.hpp"
#include "tape/node.hpp"

namespace xgrad::detail {
namespace {

// Small data lies behind its header in one block of the pool.
constexpr std::size_t header = 64;
static_assert(sizeof(Storage) <= header);
constexpr std::size_t small_limit = pool_limit - header;

}  // namespace

Ref<Storage> make_storage(std::int64_t bytes) {
  const auto size = static_cast<std::size_t>(bytes);
  const bool small = size <= small_limit;
  void* block = pool_allocate(small ? header + size : header);
  auto* storage = new (block) Storage;
  Ref<Storage> ref(storage);
  if (small) {
    storage->data = static_cast<std::byte*>(block) + header;
    storage->bytes = bytes;
  } else {
    storage->data = static_cast<std::byte*>(cache_allocate(size));
    storage->bytes = bytes;
  }
  return ref;
}

Ref<Storage> wrap_storage(void* data, std::int64_t bytes, std::function<void(void*)> deleter) {
  auto* storage = new (pool_allocate(header)) Storage;
  Ref<Storage> ref(storage);
  storage->external = true;
  if (deleter) storage->deleter = new std::function<void(void*)>(std::move(deleter));
  storage->data = static_cast<std::byte*>(data);
  storage->bytes = bytes;
  return ref;
}

void destroy(const Storage* storage) noexcept {
  auto* dead = const_cast<Storage*>(storage);
  std::size_t block = header;
  if (dead->external) {
    if (dead->deleter) (*dead->deleter)(dead->data);
    delete dead->deleter;
  } else if (const auto size = static_cast<std::size_t>(dead->bytes); size <= small_limit) {
    block += size;
  } else if (dead->data) {
    cache_free(dead->data, size);
  }
  dead->~Storage();
  pool_free(dead, block);
}

void destroy(const TensorImpl* impl) noexcept { delete impl; }

Shape contiguous_strides(const Shape& shape) {
  Shape strides(shape.size(), 1);
  std::int64_t stride = 1;
  for (std::size_t d = shape.size(); d-- > 0;) {
    strides[d] = stride;
    stride *= std::max<std::int64_t>(shape[d], 1);
  }
  return strides;
}

bool is_contiguous(const Shape& shape, const Shape& strides) noexcept {
  std::int64_t stride = 1;
  bool contiguous = true;
  for (std::size_t d = shape.size(); d-- > 0;) {
    if (shape[d] == 0) return true;
    if (shape[d] != 1 && strides[d] != stride) contiguous = false;
    stride *= shape[d];
  }
  return contiguous;
}

Shape strides_in_order_of(const Shape& shape, const Shape& like) {
  const std::size_t rank = shape.size();
  Shape order(rank, 0), strides(rank, 1);
  std::iota(order.begin(), order.end(), std::int64_t{0});
  const auto step = [&](std::int64_t d) { return std::abs(like[static_cast<std::size_t>(d)]); };
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) { return step(a) > step(b); });
  std::int64_t stride = 1;
  for (std::size_t i = rank; i-- > 0;) {
    const auto d = static_cast<std::size_t>(order[i]);
    strides[d] = stride;
    stride *= std::max<std::int64_t>(shape[d], 1);
  }
  return strides;
}

Tensor make_tensor(const Shape& shape, Dtype dtype, const Shape& strides) {
  Tensor tensor = make_tensor(shape, dtype);
  impl(tensor).strides = strides;
  impl(tensor).contiguous = is_contiguous(shape, strides);
  return tensor;
}

Tensor make_tensor(const Shape& shape, Dtype dtype) {
  std::int64_t count = 1;
  std::int64_t bytes = 0;
  bool fits = true;
  for (const std::int64_t size : shape) {
    check<ShapeError>(size >= 0, Here{nullptr, 0}, "tensor: expected sizes of 0 or more, got {}", shape);
    fits = fits && !__builtin_mul_overflow(count, size, &count);
  }
  fits = fits && !__builtin_mul_overflow(count, element_size(dtype), &bytes);
  check<ShapeError>(fits, Here{nullptr, 0}, "tensor: shape {} has more bytes than an address", shape);
  auto* impl = new TensorImpl;
  Tensor tensor = Tensor::adopt(impl);
  impl->shape = shape;
  impl->strides = contiguous_strides(shape);
  impl->numel = count;
  impl->dtype = dtype;
  impl->storage = make_storage(bytes);
  return tensor;
}

Tensor make_view(const Tensor& tensor, Shape shape, Shape strides, std::int64_t offset) {
  const TensorImpl& from = impl(tensor);
  auto* view = new TensorImpl;
  Tensor result = Tensor::adopt(view);
  view->storage = from.storage;
  view->offset = offset;
  view->numel = numel(shape);
  view->dtype = from.dtype;
  view->contiguous = is_contiguous(shape, strides);
  view->shape = std::move(shape);
  view->strides = std::move(strides);
  view->base = from.base ? from.base : Ref<TensorImpl>(tensor.unsafe_impl());
  view->history = view->base->history;
  return result;
}

Tensor make_alias(const Tensor& tensor) {
  const TensorImpl& from = impl(tensor);
  auto* alias = new TensorImpl;
  Tensor result = Tensor::adopt(alias);
  alias->storage = from.storage;
  alias->offset = from.offset;
  alias->numel = from.numel;
  alias->dtype = from.dtype;
  alias->contiguous = from.contiguous;
  alias->shape = from.shape;
  alias->strides = from.strides;
  return result;
}

Tensor dense(const Tensor& tensor) {
  if (impl(tensor).contiguous) return tensor;
  Tensor result = make_tensor(impl(tensor).shape, impl(tensor).dtype);
  copy_elements(result, tensor);
  return result;
}

bool is_exclusive(const Tensor& tensor) noexcept {
  const TensorImpl& t = impl(tensor);
  return !t.is_shared() && !t.storage->is_shared() && !t.storage->external;
}

}  // namespace xgrad::detail
