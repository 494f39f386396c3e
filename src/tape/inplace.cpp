// Recorded changes in place: the target takes the history of the operation's result, and the base of a view takes one
// in which the view's region is replaced.
#include "core/check.hpp"
#include "kernels/copy.hpp"
#include "ops/shape.hpp"
#include "tape/history.hpp"

namespace xgrad::detail {

void check_inplace(const char* op, const Tensor& target, Here here) {
  const TensorImpl& t = impl(target);
  for (std::size_t d = 0; d < t.shape.size(); ++d)
    check<AutogradError>(t.strides[d] != 0 || t.shape[d] <= 1, here,
                         "{}: expected a tensor whose elements lie apart, got an expanded one of shape {} with strides "
                         "{}; clone() it first",
                         op, t.shape, t.strides);
  if (!is_grad_enabled()) return;
  const TensorImpl& owner = t.base ? *t.base : t;
  check<AutogradError>(!(owner.leaf && owner.node), here,
                       "{}: {} that requires grad is changed in place while recording; do it under NoGradGuard, or on "
                       "a clone()",
                       op, t.base ? "a view of a leaf" : "a leaf");
}

namespace {

// The history of a base after `result` was written into its region (shape, strides, offset).
void rebase(TensorImpl& base, const Tensor& base_before, const TensorImpl& view, const Tensor& result, const char* name,
            Here here) {
  check<AutogradError>(base.contiguous, here,
                       "{}: expected a view of a contiguous tensor, its base has shape {} and strides {}; clone() the "
                       "base first",
                       name, base.shape, base.strides);
  const Shape shape = view.shape, strides = view.strides;
  const std::int64_t offset = view.offset - base.offset;
  const Tensor after = record(name, here, make_alias(base_before), {&base_before, &result}, [&] {
    return [shape, strides, offset](Backward& bw) {
      const Tensor grad = bw.grad().contiguous(bw.here());
      const std::int64_t start = impl(grad).offset + offset;
      if (bw.needs(1)) bw.give(1, as_strided(grad, shape, strides, start, bw.here()));
      if (bw.needs(0)) {
        const Tensor zeros = make_tensor(shape, impl(grad).dtype);
        fill_elements(zeros, 0);
        bw.give(0, as_strided_scatter(grad, zeros, shape, strides, start, bw.here()));
      }
    };
  });
  base.node = impl(after).node;
  base.output = 0;
  base.leaf = !base.node;
}

}  // namespace

Tensor update_inplace(const char* name, const Tensor& target, Here here,
                      const std::function<Tensor(const Tensor&)>& op) {
  check_inplace(name, target, here);
  TensorImpl& t = impl(target);
  const Tensor before = with_history(target);

  Tensor result = op(before);
  check<ShapeError>(impl(result).shape == t.shape, here,
                    "{}: expected operands that broadcast to the target's shape {}, the result has shape {}", name,
                    t.shape, impl(result).shape);
  check<DtypeError>(
      impl(result).dtype == t.dtype || is_floating_point(t.dtype) || !is_floating_point(impl(result).dtype), here,
      "{}: a result of {} does not go into a tensor of {}", name, impl(result).dtype, t.dtype);
  if (impl(result).dtype != t.dtype) result = result.to(t.dtype, here);

  const bool recorded = is_grad_enabled() && (requires_grad(result) || requires_grad(before));
  if (recorded && t.base) {
    TensorImpl& base = *t.base;
    rebase(base, with_history(Tensor::adopt(&base)), t, result, name, here);
  }
  copy_elements(target, impl(result).storage == t.storage ? result.clone(here) : result);
  bump_version(target);
  if (!recorded) return target;
  t.node = impl(result).node;
  t.output = impl(result).output;
  t.leaf = !t.node;
  if (t.cell && t.node && !t.node->is_leaf()) {
    if (!t.node->hooks) t.node->hooks = std::make_unique<Hooks>();
    t.node->hooks->retained.emplace_back(t.output, t.cell);
  }
  if (t.base)
    t.history = ++t.base->history;
  else
    ++t.history;
  return target;
}

}  // namespace xgrad::detail
