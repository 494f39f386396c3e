#include "tape/engine.hpp"

#include <algorithm>

#include "core/check.hpp"
#include "kernels/copy.hpp"

namespace xgrad::detail {
namespace {

// Undoes broadcasting: sums over the dimensions that were added or stretched.
Tensor sum_to(const Tensor& gradient, const Shape& shape, Here here) {
  const auto extra = static_cast<std::int64_t>(gradient.sizes().size()) - static_cast<std::int64_t>(shape.size());
  std::vector<std::int64_t> dims;
  for (std::int64_t d = 0; d < gradient.dim(); ++d)
    if (d < extra ||
        (shape[static_cast<std::size_t>(d - extra)] == 1 && gradient.sizes()[static_cast<std::size_t>(d)] != 1))
      dims.push_back(d);
  const Tensor sum = dims.empty() ? gradient : gradient.sum(Dims(dims), true, here);
  return extra > 0 ? sum.reshape(shape, here) : sum;
}

bool broadcasts_from(const Shape& gradient, const Shape& shape) {
  if (gradient.size() < shape.size()) return false;
  const std::size_t extra = gradient.size() - shape.size();
  for (std::size_t d = 0; d < shape.size(); ++d)
    if (shape[d] != gradient[d + extra] && shape[d] != 1) return false;
  return true;
}

}  // namespace

std::size_t Engine::Slots::home(const Node* node) const noexcept {
  return (reinterpret_cast<std::uintptr_t>(node) >> 6) * 0x9E3779B97F4A7C15ull >> 32 & (entries_.size() - 1);
}
std::uint32_t* Engine::Slots::find(const Node* node) {
  for (std::size_t i = home(node); entries_[i].node; i = (i + 1) & (entries_.size() - 1))
    if (entries_[i].node == node) return &entries_[i].slot;
  return nullptr;
}
void Engine::Slots::insert(const Node* node, std::uint32_t slot) {
  if (2 * ++count_ > entries_.size()) grow();
  std::size_t i = home(node);
  while (entries_[i].node) i = (i + 1) & (entries_.size() - 1);
  entries_[i] = {node, slot};
}
void Engine::Slots::erase(const Node* node) {
  const std::size_t mask = entries_.size() - 1;
  std::size_t hole = home(node);
  while (entries_[hole].node != node) hole = (hole + 1) & mask;
  // Whoever was displaced past the hole moves back into it, so that searches need no tombstones.
  for (std::size_t i = (hole + 1) & mask; entries_[i].node; i = (i + 1) & mask)
    if (((i - home(entries_[i].node)) & mask) >= ((i - hole) & mask)) {
      entries_[hole] = entries_[i];
      hole = i;
    }
  entries_[hole] = {};
  --count_;
}
void Engine::Slots::grow() {
  std::vector<Entry> old(2 * entries_.size());
  old.swap(entries_);
  for (const Entry& entry : old)
    if (entry.node) {
      std::size_t i = home(entry.node);
      while (entries_[i].node) i = (i + 1) & (entries_.size() - 1);
      entries_[i] = entry;
    }
}

Engine::Engine(bool create_graph, bool retain_graph, Here here)
    : create_graph_(create_graph), retain_graph_(retain_graph), here_(here) {}

Engine::Engine(bool create_graph, bool retain_graph, Here here, const std::vector<Edge>& roots,
               std::vector<Edge> targets, std::uint64_t first)
    : Engine(create_graph, retain_graph, here) {
  gathering_ = true;
  first_number_ = first;
  targets_ = std::move(targets);
  gathered_.resize(targets_.size());
  for (std::size_t i = 0; i < targets_.size(); ++i) target_of_.emplace(targets_[i].node.get(), i);
  find_leading(roots);
}

// Marks the nodes from which a target can be reached. Children are done before their parents; what is older than every
// target leads nowhere.
void Engine::find_leading(const std::vector<Edge>& roots) {
  std::uint64_t oldest = UINT64_MAX;
  for (const Edge& target : targets_) oldest = std::min(oldest, target.node->sequence);
  struct Visit {
    const Node* node;
    std::size_t next;
  };
  std::unordered_set<const Node*> seen;
  std::vector<Visit> stack;
  auto enter = [&](const Node* node) {
    if (!node || node->sequence < oldest || !seen.insert(node).second) return;
    if (node->sequence >= first_number_)
      stack.push_back({node, 0});
    else if (target_of_.contains(node))
      leading_.insert(node);
  };
  for (const Edge& root : roots) {
    enter(root.node.get());
    while (!stack.empty()) {
      const Node* node = stack.back().node;
      if (stack.back().next < node->inputs.size()) {
        enter(node->inputs[stack.back().next++].node.get());
        continue;
      }
      bool leads = target_of_.contains(node);
      for (const Edge& input : node->inputs) leads = leads || (input.node && leading_.contains(input.node.get()));
      if (leads) leading_.insert(node);
      stack.pop_back();
    }
  }
}

Engine::Task* Engine::find(const Node* node) {
  if (first_.node == node) return &first_;
  if (heap_.empty()) return nullptr;
  const std::uint32_t* slot = slots_.find(node);
  return slot ? &tasks_[*slot] : nullptr;
}

Engine::Task& Engine::task_of(Node* node) {
  if (Task* task = find(node)) return *task;
  const std::size_t outputs = node->outputs.size();
  if (!first_.node) {
    first_.node = node;
    if (first_.gradients.size() != outputs) first_.gradients = SmallArray<Tensor, 1>(outputs);
    return first_;
  }
  std::uint32_t slot;
  if (free_.empty()) {
    slot = static_cast<std::uint32_t>(tasks_.size());
    tasks_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  tasks_[slot] = {node, SmallArray<Tensor, 1>(outputs)};
  slots_.insert(node, slot);
  heap_.push_back({node->sequence, slot});
  std::push_heap(heap_.begin(), heap_.end());
  return tasks_[slot];
}

Engine::Task Engine::take_newest() {
  if (heap_.empty() || (first_.node && first_.node->sequence > heap_.front().sequence))
    return std::exchange(first_, {});
  std::pop_heap(heap_.begin(), heap_.end());
  const std::uint32_t slot = heap_.back().slot;
  heap_.pop_back();
  free_.push_back(slot);
  slots_.erase(tasks_[slot].node);
  return std::exchange(tasks_[slot], {});
}

void Engine::add(Tensor& sum, Tensor gradient) {
  if (!sum.defined()) {
    sum = std::move(gradient);
  } else if (!create_graph_ && is_exclusive(sum) && impl(sum).contiguous) {
    sum.add_(gradient);
  } else if (!create_graph_ && is_exclusive(gradient) && impl(gradient).contiguous) {
    gradient.add_(sum);
    sum = std::move(gradient);
  } else {
    sum = sum.add(gradient);
  }
}

Tensor Engine::pending(const Edge& edge, bool any_strides) {
  if (create_graph_) return {};
  Task* task = find(edge.node.get());
  if (!task) return {};
  const Tensor& sum = task->gradients[edge.output];
  return sum.defined() && is_exclusive(sum) && (any_strides || impl(sum).contiguous) ? sum : Tensor();
}

void Engine::deliver(const Node* from, const Edge& edge, Tensor gradient) {
  if (!gradient.defined() || !edge.node || !leads_to_target(edge)) return;
  const OutputMeta& meta = edge.node->outputs[edge.output];
  const char* op = from ? from->name : "backward";
  const Here here = from ? from->here : here_;
  if (!(impl(gradient).shape == meta.shape)) [[unlikely]] {
    check<ShapeError>(broadcasts_from(impl(gradient).shape, meta.shape), here,
                      "{}: its backward gave a gradient of shape {} for an input of shape {}",
                      from ? from->label() : op, impl(gradient).shape, meta.shape);
    gradient = sum_to(gradient, meta.shape, here);
  }
  if (impl(gradient).dtype != meta.dtype) [[unlikely]]
    gradient = gradient.to(meta.dtype, here);
  add(task_of(edge.node.get()).gradients[edge.output], std::move(gradient));
}

void Engine::accumulate(LeafNode& leaf, Tensor gradient) {
  std::lock_guard lock(leaf.cell->mutex);
  leaf.cell->unfold();
  Tensor& sum = leaf.cell->grad;
  if (!sum.defined()) {
    const bool own = is_exclusive(gradient) && impl(gradient).contiguous;
    sum = own ? std::move(gradient) : gradient.clone();
  } else if (create_graph_) {
    sum = sum.add(gradient);
  } else {
    sum.add_(gradient);
  }
}

GradCell* Engine::keeps_rows(const Edge& edge) const {
  if (!edge.node || !edge.node->is_leaf() || edge.node->hooks || gathering_ || create_graph_ || anomaly_enabled())
    return nullptr;
  return static_cast<LeafNode&>(*edge.node).cell.get();
}

void Engine::deliver_rows(const Edge& edge, RowGradient gradient) {
  GradCell& cell = *keeps_rows(edge);
  {
    std::lock_guard lock(cell.mutex);
    if (!cell.grad.defined() && !cell.rows) {
      cell.rows = std::make_unique<RowGradient>(std::move(gradient));
      return;
    }
  }
  accumulate(static_cast<LeafNode&>(*edge.node), to_dense(gradient));
}

void Engine::run_hooks(Task& task) {
  Node& node = *task.node;
  // A copy: a hook may add or remove hooks.
  const std::vector<Hook> hooks = node.hooks->list;
  for (const Hook& hook : hooks) {
    Tensor& gradient = task.gradients[hook.output];
    if (!gradient.defined()) continue;
    Tensor changed = hook.call(gradient);
    if (!changed.defined()) continue;
    check<ShapeError>(impl(changed).shape == node.outputs[hook.output].shape, here_,
                      "hook: expected a gradient of shape {}, got {}", node.outputs[hook.output].shape,
                      impl(changed).shape);
    gradient = std::move(changed);
  }
  if (gathering_) return;
  for (auto& [output, cell] : node.hooks->retained) {
    const Tensor& gradient = task.gradients[output];
    if (!gradient.defined()) continue;
    std::lock_guard lock(cell->mutex);
    if (!cell->grad.defined())
      cell->grad = gradient;
    else
      cell->grad = cell->grad.add(gradient);
  }
}

void Engine::gather(Task& task) {
  auto [begin, end] = target_of_.equal_range(task.node);
  for (; begin != end; ++begin) gathered_[begin->second] = task.gradients[targets_[begin->second].output];
}

void Engine::run(const std::vector<Edge>& roots, TensorList gradients) {
  GradModeGuard mode(create_graph_);
  for (std::size_t i = 0; i < roots.size(); ++i) deliver(nullptr, roots[i], std::move(gradients[i]));
  gradients.clear();
  for (Task task = take_newest(); task.node; task = take_newest()) {
    Node& node = *task.node;
    const bool ends = node.sequence < first_number_;
    if (node.hooks && !ends) [[unlikely]]
      run_hooks(task);
    if (gathering_) gather(task);
    if (ends) continue;
    if (node.is_leaf()) {
      if (!gathering_) accumulate(static_cast<LeafNode&>(node), std::move(task.gradients[0]));
      continue;
    }
    const auto leads = [&](const Edge& input) { return leads_to_target(input); };
    if (gathering_ && std::none_of(node.inputs.begin(), node.inputs.end(), leads)) continue;
    check<AutogradError>(!node.released(), node.here,
                         "backward: what {} saved was freed by an earlier backward; call that with retain_graph = true "
                         "(or it ran inside checkpoint(), which keeps gradients of its results only)",
                         node.label());
    Backward backward(*this, node, task.gradients);
    node.run(backward);
    if (!retain_graph_) node.release();
  }
}

Backward::Backward(Engine& engine, Node& node, SmallArray<Tensor, 1>& grads)
    : engine_(engine),
      node_(node),
      grads_(grads),
      chosen_(engine.gathers()),
      create_graph_(engine.create_graph()),
      retain_graph_(engine.retain_graph()) {}
bool Backward::leads(std::size_t input) const noexcept { return engine_.leads_to_target(node_.inputs[input]); }
Tensor Backward::pending(std::size_t input, bool any_strides) const {
  return engine_.pending(node_.inputs[input], any_strides);
}

void Backward::give(std::size_t input, Tensor gradient) {
  if (anomaly_enabled() && gradient.defined() && has_nan(gradient)) [[unlikely]] {
    bool made_here = true;
    for (const Tensor& grad : grads_) made_here = made_here && !(grad.defined() && has_nan(grad));
    check<AutogradError>(!made_here, node_.here, "{}: made a nan in the backward pass, in the gradient of input {}",
                         node_.label(), input);
  }
  engine_.deliver(&node_, node_.inputs[input], std::move(gradient));
}

bool Backward::keeps_rows(std::size_t input) const {
  return engine_.keeps_rows(node_.inputs[input]) != nullptr &&
         impl(grads_[0]).dtype == node_.inputs[input].node->outputs[0].dtype;
}
void Backward::give_rows(std::size_t input, RowGradient gradient) {
  engine_.deliver_rows(node_.inputs[input], std::move(gradient));
}

}  // namespace xgrad::detail

namespace xgrad {

using detail::check;
using detail::Edge;
using detail::impl;

namespace {

struct Roots {
  std::vector<Edge> edges;
  TensorList gradients;
};

Roots make_roots(const char* op, const TensorList& outputs, const TensorList& gradients, Here here) {
  check<ValueError>(gradients.empty() || gradients.size() == outputs.size(), here,
                    "{}: expected one gradient for each of {} outputs, got {}", op, outputs.size(), gradients.size());
  Roots roots;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const Tensor& output = outputs[i];
    if (!output.defined()) detail::raise_undefined(here);
    check<AutogradError>(detail::requires_grad(output), here,
                         "{}: expected a tensor that requires grad, got one of shape {} that recorded nothing; was it "
                         "made under NoGradGuard, or from tensors without requires_grad?",
                         op, output.sizes());
    Tensor gradient = gradients.empty() ? Tensor() : gradients[i];
    if (gradient.defined()) {
      check<ShapeError>(gradient.sizes() == output.sizes(), here,
                        "{}: expected a gradient of the output's shape {}, got {}", op, output.sizes(),
                        gradient.sizes());
      detail::check_same_dtype(op, output, gradient, here);
    } else {
      check<AutogradError>(output.numel() == 1, here,
                           "{}: expected a tensor with one element, got shape {}; give its gradient as well", op,
                           output.sizes());
      gradient = detail::make_tensor(output.sizes(), output.dtype());
      detail::fill_elements(gradient, 1);
    }
    roots.edges.push_back(detail::gradient_edge(output));
    roots.gradients.push_back(std::move(gradient));
  }
  return roots;
}

}  // namespace

void backward(const TensorList& tensors, const TensorList& grad_tensors, std::optional<bool> retain_graph,
              bool create_graph, Here here) {
  Roots roots = make_roots("backward", tensors, grad_tensors, here);
  detail::Engine engine(create_graph, retain_graph.value_or(create_graph), here);
  engine.run(roots.edges, std::move(roots.gradients));
}

void Tensor::backward(const Tensor& gradient, std::optional<bool> retain_graph, bool create_graph, Here here) const {
  xgrad::backward({*this}, gradient.defined() ? TensorList{gradient} : TensorList{}, retain_graph, create_graph, here);
}

TensorList grad(const TensorList& outputs, const TensorList& inputs, const GradOptions& options, Here here) {
  Roots roots = make_roots("grad", outputs, options.grad_outputs, here);
  std::vector<Edge> targets;
  for (const Tensor& input : inputs) {
    if (!input.defined()) detail::raise_undefined(here);
    check<AutogradError>(detail::requires_grad(input), here,
                         "grad: expected inputs that require grad, input {} of shape {} does not", targets.size(),
                         input.sizes());
    targets.push_back(detail::gradient_edge(input));
  }
  if (targets.empty()) return {};
  detail::Engine engine(options.create_graph, options.retain_graph.value_or(options.create_graph), here, roots.edges,
                        std::move(targets));
  engine.run(roots.edges, std::move(roots.gradients));
  TensorList gradients = engine.take_gathered();
  for (std::size_t i = 0; i < gradients.size(); ++i)
    check<AutogradError>(options.allow_unused || gradients[i].defined(), here,
                         "grad: the outputs do not depend on input {} of shape {}; allow_unused = true gives an "
                         "undefined gradient for it",
                         i, inputs[i].sizes());
  return gradients;
}

}  // namespace xgrad
