#include "tape/history.hpp"

#include "ops/shape.hpp"
#include "tape/checkpoint.hpp"

namespace xgrad::detail {

// Written as one initialiser because every saved tensor passes here: it is copied once, never set to zeros before.
Tensor with_history(const Tensor& tensor) {
  const TensorImpl& t = impl(tensor);
  if (is_stale(t)) renew_history(tensor);
  return Tensor::adopt(new TensorImpl{{},
                                      {},
                                      t.storage,
                                      t.offset,
                                      t.numel,
                                      t.shape,
                                      t.strides,
                                      t.dtype,
                                      t.contiguous,
                                      t.leaf,
                                      t.output,
                                      t.node,
                                      {},
                                      {},
                                      0});
}

// The node's number is the one behind that of the node which changed the base (others leave it free): the view may
// first be asked for by an operation that has its number already.
void renew_history(const Tensor& view) {
  TensorImpl& t = impl(view);
  const Tensor base = Tensor::adopt(t.base.get());
  EnableGradGuard enable;
  // Whether a view is stale depends on what was before: a second run may find it renewed.
  CheckpointPause pause;
  const Tensor again = as_strided(base, t.shape, t.strides, t.offset, Here{nullptr, 0});
  t.node = impl(again).node;
  if (t.node) t.node->sequence = t.base->node->sequence + 1;
  t.output = impl(again).output;
  t.leaf = !t.node;
  t.history = t.base->history;
}

}  // namespace xgrad::detail
