#include "core/replace.hpp"

#include <xgrad/autograd.hpp>

#include "core/tensor_impl.hpp"
#include "tape/node.hpp"

namespace xgrad::detail {
namespace {

// `target` takes the memory of `source`, which nobody else holds.
void take_memory(TensorImpl& target, const TensorImpl& source) {
  // What a graph saved of the old data must be seen to be out of date.
  source.storage->version.store(target.storage->version.load() + 1);
  target.storage = source.storage;
  target.offset = source.offset;
  target.numel = source.numel;
  target.shape = source.shape;
  target.strides = source.strides;
  target.dtype = source.dtype;
  target.contiguous = true;
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
  take_memory(target, impl(make_tensor(shape, target.dtype)));
  if (target.node && target.node->is_leaf()) target.node->outputs[0].shape = shape;
}

}  // namespace xgrad::detail
