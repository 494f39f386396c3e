#include "core/replace.hpp"

#include <xgrad/autograd.hpp>

#include "core/tensor_impl.hpp"
#include "tape/node.hpp"

namespace xgrad::detail {
namespace {

// What a graph saved of the old data must be seen to be out of date. Leaves that require grad are saved themselves, all
// else as an alias, which keeps the old memory (Saved in tape/node.hpp).
void outdate(const TensorImpl& target, const TensorImpl& source) {
  source.storage->version.store(target.storage->version.load() + 1);
}

// `target` takes the memory of `source`, which nobody else holds.
void take_memory(TensorImpl& target, const TensorImpl& source) {
  target.storage = source.storage;
  target.offset = source.offset;
  target.numel = source.numel;
  target.shape = source.shape;
  target.strides = source.strides;
  target.dtype = source.dtype;
  target.contiguous = source.contiguous;
  target.base = nullptr;
}

}  // namespace

void convert_in_place(const Tensor& tensor, Dtype dtype) {
  TensorImpl& target = impl(tensor);
  if (target.dtype == dtype) return;
  NoGradGuard no_grad;
  const Tensor converted = dense(make_alias(tensor).to(dtype));
  Tensor gradient;
  if (target.cell) {
    std::lock_guard lock(target.cell->mutex);
    target.cell->unfold();
    if (target.cell->grad.defined()) gradient = target.cell->grad.to(dtype);
  }
  outdate(target, impl(converted));
  take_memory(target, impl(converted));
  if (target.node && target.node->is_leaf()) target.node->outputs[0].dtype = dtype;
  if (gradient.defined()) {
    std::lock_guard lock(target.cell->mutex);
    target.cell->grad = gradient;
  }
}

void reshape_in_place(const Tensor& tensor, const Shape& shape) {
  TensorImpl& target = impl(tensor);
  tensor.zero_grad();
  const Tensor fresh = make_tensor(shape, target.dtype);
  outdate(target, impl(fresh));
  take_memory(target, impl(fresh));
  if (target.node && target.node->is_leaf()) target.node->outputs[0].shape = shape;
}

void renew(const Tensor& tensor, const Tensor& value) {
  TensorImpl &target = impl(tensor), &source = impl(value);
  if (target.leaf && target.node) outdate(target, source);
  take_memory(target, source);
  target.node = source.node;
  target.output = source.output;
  target.leaf = source.leaf;
  target.cell = nullptr;
}

void settle(const Tensor& tensor) {
  TensorImpl& target = impl(tensor);
  target.node = nullptr;
  target.output = 0;
  target.leaf = true;
}

}  // namespace xgrad::detail
