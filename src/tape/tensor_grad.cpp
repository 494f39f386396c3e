// The part of Tensor that speaks of gradients.
#include "core/check.hpp"
#include "tape/node.hpp"

namespace xgrad {

using detail::check;
using detail::GradCell;
using detail::impl;
using detail::LeafNode;
using detail::Ref;
using detail::TensorImpl;

namespace {

TensorImpl& defined_impl(const Tensor& tensor, Here here = Here{nullptr, 0}) {
  if (!tensor.defined()) detail::raise_undefined(here);
  return impl(tensor);
}
GradCell& cell_of(TensorImpl& t) {
  if (!t.cell) t.cell = Ref<GradCell>(new GradCell);
  return *t.cell;
}
detail::Node& hooked_node(const char* op, const Tensor& tensor, Here here) {
  check<AutogradError>(detail::requires_grad(tensor), here, "{}: expected a tensor that requires grad", op);
  detail::Node& node = *detail::gradient_edge(tensor).node;
  if (!node.hooks) node.hooks = std::make_unique<detail::Hooks>();
  return node;
}

}  // namespace

bool Tensor::requires_grad() const noexcept { return detail::requires_grad(*this); }
bool Tensor::is_leaf() const noexcept {
  return !defined() || (impl(*this).leaf && !(detail::is_stale(impl(*this)) && detail::requires_grad(*this)));
}
std::string Tensor::grad_fn() const {
  if (is_leaf() || !requires_grad()) return {};
  return detail::gradient_edge(*this).node->label();
}

Tensor Tensor::requires_grad_(bool requires_grad, Here here) const {
  TensorImpl& t = defined_impl(*this, here);
  check<AutogradError>(requires_grad || is_leaf(), here,
                       "requires_grad_: the result of a recorded operation keeps its history; use detach()");
  if (!is_leaf()) return *this;
  if (!requires_grad) {
    t.node = nullptr;
  } else if (!t.node) {
    detail::check_floating("requires_grad_", *this, here);
    cell_of(t);
    t.node = Ref<detail::Node>(new LeafNode(*this, t.cell));
    t.output = 0;
  }
  return *this;
}

Tensor Tensor::grad() const {
  const TensorImpl& t = defined_impl(*this);
  return t.cell ? t.cell->look() : Tensor();
}
void Tensor::set_grad(const Tensor& grad, Here here) const {
  TensorImpl& t = defined_impl(*this, here);
  if (grad.defined()) {
    check<ShapeError>(grad.sizes() == t.shape, here, "set_grad: expected a gradient of shape {}, got {}", t.shape,
                      grad.sizes());
    detail::check_same_dtype("set_grad", *this, grad, here);
  }
  cell_of(t).set(grad);
}
void Tensor::zero_grad() const {
  if (TensorImpl& t = defined_impl(*this); t.cell) t.cell->set({});
}

Tensor Tensor::retain_grad(Here here) const {
  TensorImpl& t = defined_impl(*this, here);
  if (is_leaf()) {
    check<AutogradError>(requires_grad(), here, "retain_grad: expected a tensor that requires grad");
    return *this;
  }
  if (retains_grad()) return *this;
  detail::Node& node = hooked_node("retain_grad", *this, here);
  cell_of(t);
  node.hooks->retained.emplace_back(t.output, t.cell);
  return *this;
}
bool Tensor::retains_grad() const noexcept {
  if (is_leaf() || !requires_grad()) return false;
  const TensorImpl& t = impl(*this);
  if (!t.cell || !t.node->hooks) return false;
  for (const auto& [output, cell] : t.node->hooks->retained)
    if (cell == t.cell) return true;
  return false;
}

std::int64_t Tensor::register_hook(std::function<Tensor(const Tensor&)> hook, Here here) const {
  defined_impl(*this, here);
  check<ValueError>(static_cast<bool>(hook), here, "register_hook: expected a function, got an empty one");
  detail::Node& node = hooked_node("register_hook", *this, here);
  const std::int64_t id = node.hooks->list.empty() ? 0 : node.hooks->list.back().id + 1;
  node.hooks->list.push_back({id, impl(*this).output, std::move(hook)});
  return id;
}
void Tensor::remove_hook(std::int64_t id) const {
  if (!requires_grad() || !impl(*this).node->hooks) return;
  std::erase_if(impl(*this).node->hooks->list, [&](const detail::Hook& hook) { return hook.id == id; });
}

Tensor Tensor::detach(Here here) const {
  defined_impl(*this, here);
  return detail::make_alias(*this);
}
Tensor Tensor::detach_(Here here) const {
  TensorImpl& t = defined_impl(*this, here);
  check<AutogradError>(!t.base, here, "detach_: expected a tensor that is not a view; use detach()");
  t.node = nullptr;
  t.output = 0;
  t.leaf = true;
  ++t.history;
  return *this;
}

}  // namespace xgrad
