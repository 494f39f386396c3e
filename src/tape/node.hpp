// The tape's node, what it saves, and what a backward rule sees. A room records an operation like this:
//
//   return record("mul", here, multiply(a, b), {&a, &b}, [&] {
//     return [a = Saved(a), b = Saved(b)](Backward& bw) {
//       if (bw.needs(0)) bw.give(0, bw.grad() * bw.load(b));
//       if (bw.needs(1)) bw.give(1, bw.grad() * bw.load(a));
//     };
//   });
//
// The outer lambda runs only when something is recorded. The rule is written in tensor operations, which record
// themselves under create_graph; a fused kernel asks bw.create_graph() first.
#pragma once
#include <xgrad/autograd.hpp>

#include <array>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <vector>

#include "core/tensor_impl.hpp"
#include "kernels/row_gradient.hpp"

namespace xgrad::detail {

class Backward;

// Where a gradient goes: an output of a node, or a leaf's node.
struct Edge {
  Ref<Node> node;
  std::uint32_t output = 0;
};

// What the engine must know of an output to shape its gradient.
struct OutputMeta {
  Shape shape;
  Dtype dtype = Dtype::float32;
};

struct Hook {
  std::int64_t id;
  std::uint32_t output;
  std::function<Tensor(const Tensor&)> call;
};
struct Hooks {
  std::vector<Hook> list;
  std::vector<std::pair<std::uint32_t, Ref<GradCell>>> retained;
};

// A gradient that user code reads with grad(): shared by a tensor and the node that fills it.
struct GradCell final : Counted, Pooled {
  std::mutex mutex;
  Tensor grad;
  // In its place, a gradient that nobody has looked at yet.
  std::unique_ptr<RowGradient> rows;

  // The whole gradient; undefined where there is none.
  const Tensor& look() {
    if (rows) [[unlikely]] {
      std::lock_guard lock(mutex);
      unfold();
    }
    return grad;
  }
  void set(const Tensor& gradient) {
    grad = gradient;
    rows.reset();
  }
  // Under the mutex.
  void unfold() {
    if (rows) grad = to_dense(*std::exchange(rows, nullptr));
  }
};

// An array of one inline element, or several on the heap. (Nearly every node has one output and at most three inputs.)
template <class T, std::size_t N>
class SmallArray {
 public:
  SmallArray() noexcept = default;
  explicit SmallArray(std::size_t size) : size_(size), more_(size > N ? new T[size] : nullptr) {}
  std::size_t size() const noexcept { return size_; }
  T* begin() noexcept { return more_ ? more_.get() : few_.data(); }
  T* end() noexcept { return begin() + size_; }
  const T* begin() const noexcept { return more_ ? more_.get() : few_.data(); }
  const T* end() const noexcept { return begin() + size_; }
  T& operator[](std::size_t i) noexcept { return begin()[i]; }
  const T& operator[](std::size_t i) const noexcept { return begin()[i]; }

 private:
  std::size_t size_ = 0;
  std::array<T, N> few_{};
  std::unique_ptr<T[]> more_;
};

// A recorded operation. It owns its inputs' nodes and what its rule saved, never its own output.
class Node : public Counted, public Pooled {
 public:
  Node(const char* name, Here here, std::size_t inputs, std::size_t outputs);
  virtual ~Node() = default;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  // Runs the rule. The engine has set grad mode.
  virtual void run(Backward& backward) = 0;
  // Frees what the rule saved.
  virtual void release() noexcept = 0;
  bool released() const noexcept { return released_; }
  // For messages; custom functions have names of their own.
  virtual std::string label() const { return name; }
  // Where a gradient ends: only a leaf has nothing before it.
  bool is_leaf() const noexcept { return inputs.size() == 0; }

  const char* name;
  Here here;
  std::uint64_t sequence;
  SmallArray<Edge, 3> inputs;
  SmallArray<OutputMeta, 1> outputs;
  std::unique_ptr<Hooks> hooks;
  // The next node to be freed: graphs are released in a loop, never by recursion.
  mutable const Node* next_dead = nullptr;

 protected:
  bool released_ = false;
};

// Where the gradient of a leaf arrives.
class LeafNode final : public Node {
 public:
  LeafNode(const Tensor& leaf, Ref<GradCell> cell);
  void run(Backward&) override {}
  void release() noexcept override {}

  Ref<GradCell> cell;
};

// A tensor kept for backward, with the version it had. Reading it later checks that nobody changed it.
class Saved {
 public:
  Saved() noexcept = default;
  // An input of the operation, with its history.
  explicit Saved(const Tensor& tensor);
  // An output of the operation being recorded: kept without its node, which load() links again.
  static Saved output(const Tensor& tensor, std::uint32_t number = 0);
  // An input, if it is worth keeping.
  static Saved input_if(bool wanted, const Tensor& tensor) { return wanted ? Saved(tensor) : Saved(); }
  bool defined() const noexcept { return tensor_.defined(); }

 private:
  friend class Backward;
  Tensor tensor_;
  std::int64_t version_ = 0;
  std::int64_t output_ = -1;
};

class Engine;

// What a rule sees while it runs: the gradients of its outputs, which inputs want one, and where to put them.
class Backward {
 public:
  Backward(Engine& engine, Node& node, SmallArray<Tensor, 1>& grads);

  // The gradient of an output, in the output's shape and dtype; undefined where none arrived, which happens only to
  // operations with several outputs.
  const Tensor& grad(std::size_t output = 0) const { return grads_[output]; }
  // The same, given away: when is_exclusive() and not create_graph(), its memory may be reused for a result.
  Tensor take_grad(std::size_t output = 0) { return std::move(grads_[output]); }
  std::size_t output_count() const noexcept { return grads_.size(); }
  // Whether the gradient of an input is asked for. A rule computes no other.
  bool needs(std::size_t input) const noexcept { return node_.inputs[input].node && (!chosen_ || leads(input)); }
  // Delivers the gradient of an input, once per input. A gradient of a shape that broadcasts from the input's is summed
  // by the engine. An undefined gradient means zero.
  void give(std::size_t input, Tensor gradient);
  // Whether the input is a leaf that can keep its gradient by rows; then it may be given so.
  bool keeps_rows(std::size_t input) const;
  void give_rows(std::size_t input, RowGradient gradient);
  // A saved tensor. AutogradError when it was changed in place since.
  Tensor load(const Saved& saved) const;
  // True when gradients are recorded in turn: then only recorded operations may be used.
  bool create_graph() const noexcept { return create_graph_; }
  // True when the graph may be run again: what a rule saved must stay as it is.
  bool retain_graph() const noexcept { return retain_graph_; }
  // The gradient already gathered for an input from elsewhere, when a kernel may add into it in place (it is
  // contiguous, nobody else's, of the input's shape and dtype, and nothing is recorded); undefined otherwise. What is
  // added there is not given again. With any_strides it need not be contiguous, and its elements may even coincide.
  Tensor pending(std::size_t input, bool any_strides = false) const;
  // Shape of an input.
  const Shape& input_shape(std::size_t input) const {
    return node_.inputs[input].node->outputs[node_.inputs[input].output].shape;
  }
  Here here() const noexcept { return node_.here; }
  Node& node() const noexcept { return node_; }

 private:
  bool leads(std::size_t input) const noexcept;

  Engine& engine_;
  Node& node_;
  SmallArray<Tensor, 1>& grads_;
  // Whether only some gradients were asked for.
  bool chosen_;
  bool create_graph_, retain_graph_;
};

// ---- recording

// How many DetectAnomalyGuards live in this thread.
extern constinit thread_local int anomaly_depth;
inline bool anomaly_enabled() noexcept { return anomaly_depth > 0; }
// Under DetectAnomalyGuard: AutogradError when the output has a NaN and no input has.
void check_anomaly(const std::string& name, Here here, const Tensor& output, std::span<const Tensor* const> inputs);

// Whether a view's base got a new history (by a recorded change in place) that the view has not seen yet.
inline bool is_stale(const TensorImpl& view) noexcept { return view.base && view.base->history != view.history; }
inline bool requires_grad(const Tensor& tensor) noexcept {
  if (!tensor.defined()) return false;
  const TensorImpl& t = impl(tensor);
  return (is_stale(t) ? t.base->node : t.node).get() != nullptr;
}
// Whether an operation on these inputs is recorded: grad mode is on and one of them requires grad.
template <class Range>
bool records(const Range& inputs) noexcept {
  if (!is_grad_enabled()) return false;
  for (const Tensor* input : inputs)
    if (input && requires_grad(*input)) return true;
  return false;
}
inline bool records(std::initializer_list<const Tensor*> inputs) noexcept {
  return records<std::initializer_list<const Tensor*>>(inputs);
}

// Makes the history of a stale view anew from its base.
void renew_history(const Tensor& view);
// The node (and output number) that a gradient of this tensor goes to; empty where it requires none.
inline Edge gradient_edge(const Tensor& tensor) {
  const TensorImpl& t = impl(tensor);
  if (is_stale(t)) [[unlikely]]
    renew_history(tensor);
  return {t.node, t.output};
}
// Makes `output` the result number `number` of `node`.
inline void set_history(const Tensor& output, Ref<Node> node, std::uint32_t number = 0) {
  TensorImpl& t = impl(output);
  node->outputs[number] = {t.shape, t.dtype};
  t.node = std::move(node);
  t.output = number;
  t.leaf = false;
}

template <class Rule>
class RuleNode final : public Node {
 public:
  // The rule is made where it stays.
  template <class MakeRule>
  RuleNode(const char* name, Here here, std::size_t inputs, std::size_t outputs, MakeRule& make_rule)
      : Node(name, here, inputs, outputs), rule_(make_rule()) {}
  ~RuleNode() override {
    if (!released()) std::destroy_at(&rule_);
  }
  void run(Backward& backward) override { rule_(backward); }
  // A rule that saved nothing can run again at any time.
  void release() noexcept override {
    if constexpr (!std::is_trivially_destructible_v<Rule>)
      if (!std::exchange(released_, true)) std::destroy_at(&rule_);
  }

 private:
  union {
    Rule rule_;
  };
};

// The checkpointed function that runs in this thread (tape/checkpoint.hpp), and what it must know of an input: its
// version.
class CheckpointRun;
extern constinit thread_local CheckpointRun* checkpoint_run;
void log_input(const Tensor& input);

template <class Inputs>
void connect(Node& node, const Inputs& inputs) {
  std::size_t i = 0;
  for (const Tensor* input : inputs) node.inputs[i++] = input && input->defined() ? gradient_edge(*input) : Edge{};
  if (checkpoint_run) [[unlikely]]
    for (const Tensor* input : inputs)
      if (input && input->defined()) log_input(*input);
}

// Records `output` as the result of an operation of `inputs` (null or undefined ones are skipped but counted), with the
// rule that make_rule() returns. A floating output only; others carry no gradient.
template <class MakeRule>
void record_output(const char* name, Here here, const Tensor& output, std::span<const Tensor* const> inputs,
                   MakeRule&& make_rule) {
  if (anomaly_enabled()) [[unlikely]]
    check_anomaly(name, here, output, inputs);
  if (!records(inputs) || !is_floating_point(impl(output).dtype)) return;
  using Rule = decltype(make_rule());
  Ref<Node> node(new RuleNode<Rule>(name, here, inputs.size(), 1, make_rule));
  connect(*node, inputs);
  set_history(output, std::move(node));
}
// The same; gives the output back.
template <class MakeRule>
Tensor record(const char* name, Here here, Tensor output, std::initializer_list<const Tensor*> inputs,
              MakeRule&& make_rule) {
  record_output(name, here, output, std::span(inputs.begin(), inputs.size()), std::forward<MakeRule>(make_rule));
  return output;
}
// The same for a list of inputs (cat, stack) and for several outputs (split, max with dim).
template <class MakeRule>
void record(const char* name, Here here, const TensorList& outputs, const std::vector<const Tensor*>& inputs,
            MakeRule&& make_rule) {
  if (anomaly_enabled()) [[unlikely]]
    for (const Tensor& output : outputs) check_anomaly(name, here, output, inputs);
  if (!records(inputs)) return;
  using Rule = decltype(make_rule());
  Ref<Node> node(new RuleNode<Rule>(name, here, inputs.size(), outputs.size(), make_rule));
  connect(*node, inputs);
  for (std::size_t i = 0; i < outputs.size(); ++i)
    if (is_floating_point(impl(outputs[i]).dtype)) set_history(outputs[i], node, static_cast<std::uint32_t>(i));
}

// ---- in-place operations (tape/inplace.cpp)

// Checks that `target` may be changed in place now: not a leaf that requires grad (or a view of one) while recording,
// no overlapping elements (an expanded view). AutogradError that names op.
void check_inplace(const char* op, const Tensor& target, Here here);
// The generic in-place operation: target takes the values of op(target), recorded when anything in it requires grad.
//   update_inplace("mul_", x, here, [&](const Tensor& old) { return xgrad::mul(old, other); });
// `op` gets an alias of the target with its present history; its result must have the target's shape once broadcast.
Tensor update_inplace(const char* name, const Tensor& target, Here here,
                      const std::function<Tensor(const Tensor&)>& op);

}  // namespace xgrad::detail
