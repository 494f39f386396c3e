#include "tape/node.hpp"

#include <atomic>

#include "core/check.hpp"
#include "kernels/copy.hpp"
#include "tape/checkpoint.hpp"
#include "tape/history.hpp"

namespace xgrad {
namespace {
constinit thread_local bool grad_enabled = true;
}  // namespace

bool is_grad_enabled() noexcept { return grad_enabled; }

namespace detail {

bool set_grad_enabled(bool enabled) noexcept { return std::exchange(grad_enabled, enabled); }
constinit thread_local int anomaly_depth = 0;
int set_anomaly(int change) noexcept { return anomaly_depth += change; }

void check_anomaly(const std::string& name, Here here, const Tensor& output, std::span<const Tensor* const> inputs) {
  if (!has_nan(output)) return;
  for (const Tensor* input : inputs)
    if (input && input->defined() && has_nan(*input)) return;
  raise<AutogradError>(here, "{}: made a nan in the forward pass, from inputs without any", name);
}

namespace {
// Every second number: see renew_history().
std::atomic<std::uint64_t> next_sequence{2};
constinit thread_local const Node* dead_nodes = nullptr;
constinit thread_local bool freeing = false;
}  // namespace

Node::Node(const char* name_, Here here_, std::size_t inputs_, std::size_t outputs_)
    : name(name_),
      here(here_),
      sequence(next_sequence.fetch_add(2, std::memory_order_relaxed)),
      inputs(inputs_),
      outputs(outputs_) {
  // A leaf is nobody's second run: what is made only once may be made in the first.
  if (checkpoint_run && !is_leaf()) [[unlikely]]
    checkpoint_run->make(*this);
}

std::uint64_t next_sequence_number() noexcept { return next_sequence.load(std::memory_order_relaxed); }

void destroy(const Node* node) noexcept {
  if (checkpoint_run) [[unlikely]]
    checkpoint_run->forget(node);
  if (freeing) {
    node->next_dead = dead_nodes;
    dead_nodes = node;
    return;
  }
  freeing = true;
  delete node;
  while (dead_nodes) {
    const Node* next = dead_nodes;
    dead_nodes = next->next_dead;
    delete next;
  }
  freeing = false;
}

void destroy(const GradCell* cell) noexcept { delete cell; }

LeafNode::LeafNode(const Tensor& leaf, Ref<GradCell> cell_)
    : Node("leaf", Here{nullptr, 0}, 0, 1), cell(std::move(cell_)) {
  outputs[0] = {impl(leaf).shape, impl(leaf).dtype};
}

namespace {
// A leaf that requires grad keeps its history. What may still be changed in place would get a history that leads
// through the operation being recorded, which would then own itself.
bool keeps_history(const TensorImpl& t) { return t.leaf && t.node && !t.base; }
}  // namespace

Saved::Saved(const Tensor& tensor)
    : tensor_(keeps_history(impl(tensor)) ? tensor : with_history(tensor)),
      version_(impl(tensor).storage->version.load(std::memory_order_relaxed)) {
  if (checkpoint_run) [[unlikely]]
    checkpoint_run->read(version_);
}

Saved Saved::output(const Tensor& tensor, std::uint32_t number) {
  Saved saved(make_alias(tensor));
  saved.output_ = number;
  return saved;
}

Tensor Backward::load(const Saved& saved) const {
  if (!saved.tensor_.defined()) return {};
  const TensorImpl& t = impl(saved.tensor_);
  const std::int64_t version = t.storage->version.load(std::memory_order_relaxed);
  check<AutogradError>(version == saved.version_, node_.here,
                       "{}: a tensor of shape {} that its gradient needs was modified in place (version {}, saved as "
                       "{}); modify a clone() instead",
                       node_.label(), t.shape, version, saved.version_);
  if (saved.output_ < 0 || !create_graph()) return saved.tensor_;
  Tensor linked = make_alias(saved.tensor_);
  impl(linked).node = Ref<Node>(&node_);
  impl(linked).output = static_cast<std::uint32_t>(saved.output_);
  impl(linked).leaf = false;
  return linked;
}

}  // namespace detail
}  // namespace xgrad
