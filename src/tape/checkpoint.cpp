// A checkpoint is one node. Its first run records as usual, but every node drops what it saved when the next is made;
// what is left says which older nodes the function leads to, and those are the inputs of the checkpoint's node. Its
// rule runs the function again and hands the gradients to an engine that stops at them.
#include "tape/checkpoint.hpp"

#include <xgrad/checkpoint.hpp>

#include <cstring>
#include <set>
#include <string>
#include <unordered_set>

#include "core/check.hpp"
#include "tape/engine.hpp"

namespace xgrad {

bool is_recomputing() noexcept { return detail::checkpoint_run && detail::checkpoint_run->repeats(); }

namespace detail {

constinit thread_local CheckpointRun* checkpoint_run = nullptr;

CheckpointRun::CheckpointRun(CheckpointLog& log)
    : outer_(std::exchange(checkpoint_run, this)), log_(log), written_(&log), first_(next_sequence_number()) {}
CheckpointRun::CheckpointRun(const CheckpointLog& log, Here here)
    : outer_(std::exchange(checkpoint_run, this)),
      log_(log),
      written_(nullptr),
      here_(here),
      first_(next_sequence_number()) {}
CheckpointRun::~CheckpointRun() { checkpoint_run = outer_; }

bool CheckpointRun::repeats() const noexcept { return !written_ || (outer_ && outer_->repeats()); }

bool CheckpointRun::repeats_draws() const noexcept {
  return written_ ? outer_ && outer_->repeats_draws() : log_.keeps_draws;
}

void CheckpointRun::raise_different(const std::string& what) const {
  raise<AutogradError>(
      here_,
      "checkpoint: the function does something else in the backward pass: {}; it must do the same with "
      "what it uses, and may ask is_recomputing()",
      what);
}

// A first run inside of another one is a part of that, too, and what is inside of a later run is checked by it.
void CheckpointRun::log_operation(const char* name) {
  if (written_) {
    if (outer_) outer_->log_operation(name);
    written_->operations.push_back(name);
    return;
  }
  if (operations_ == log_.operations.size())
    raise_different(fmt::format("{} is recorded after the {} operations of the forward pass", name, operations_));
  const char* before = log_.operations[operations_++];
  if (std::strcmp(before, name) != 0)
    raise_different(fmt::format("operation {} is {}, in the forward pass it was {}", operations_, name, before));
}

// Rules are made without recording, so the node made last has its own by now.
void CheckpointRun::make(Node& node) {
  log_operation(node.name);
  if (!written_) return;
  release_last();
  last_ = &node;
}

void CheckpointRun::read(std::int64_t version) {
  if (written_) {
    if (outer_) outer_->read(version);
    written_->versions.push_back(version);
    return;
  }
  const char* name = operations_ == 0 ? "an operation" : log_.operations[operations_ - 1];
  if (versions_ == log_.versions.size()) raise_different(fmt::format("{} reads more tensors", name));
  const std::int64_t before = log_.versions[versions_++];
  if (before != version)
    raise_different(fmt::format("a tensor that {} reads was modified in place (version {}, in the forward pass {})",
                                name, version, before));
}

void log_input(const Tensor& input) {
  checkpoint_run->read(impl(input).storage->version.load(std::memory_order_relaxed));
}

Generator::State CheckpointRun::draw(const std::function<Generator::State()>& fresh) noexcept {
  if (written_ || !log_.keeps_draws) {
    const Generator::State state = outer_ ? outer_->draw(fresh) : fresh();
    if (written_ && log_.keeps_draws) written_->draws.push_back(state);
    return state;
  }
  // Too many are an error at the end, as generators do not throw.
  return draws_++ < log_.draws.size() ? log_.draws[draws_ - 1] : Generator::State{};
}

void CheckpointRun::release_last() noexcept {
  if (last_) last_->release();
  last_ = nullptr;
}

void CheckpointRun::forget(const Node* node) noexcept {
  for (CheckpointRun* run = this; run; run = run->outer_)
    if (run->last_ == node) run->last_ = nullptr;
}

void CheckpointRun::finish() {
  if (written_) return release_last();
  const auto compare = [&](const char* did, std::size_t now, std::size_t before) {
    if (now != before) raise_different(fmt::format("it {} {} times, in the forward pass {}", did, now, before));
  };
  compare("records an operation", operations_, log_.operations.size());
  compare("reads a tensor", versions_, log_.versions.size());
  compare("draws random numbers", draws_, log_.draws.size());
}

namespace {

bool is_inside(const Edge& edge, std::uint64_t first) {
  return edge.node && !edge.node->is_leaf() && edge.node->sequence >= first;
}

// The tensors that a run computed and that somebody may go on from: its results, and the bases of those which are
// views, as the other views of a base are changed through it.
TensorList computed_results(const TensorList& results, std::uint64_t first) {
  TensorList computed;
  const auto add = [&](const Tensor& tensor) {
    if (!tensor.defined() || !requires_grad(tensor) || !is_inside(gradient_edge(tensor), first)) return;
    for (const Tensor& other : computed)
      if (other.is_same(tensor)) return;
    computed.push_back(tensor);
  };
  for (const Tensor& result : results) add(result);
  for (const Tensor& result : results)
    if (result.defined() && impl(result).base) add(Tensor::adopt(impl(result).base.get()));
  return computed;
}

std::vector<Edge> edges_of(const TensorList& tensors) {
  std::vector<Edge> edges;
  for (const Tensor& tensor : tensors) edges.push_back(gradient_edge(tensor));
  return edges;
}

// Where the nodes of a run lead to outside of it, each place once, in an order that is the same in every run.
std::vector<Edge> edges_outwards(const std::vector<Edge>& roots, std::uint64_t first) {
  std::vector<Edge> found;
  std::set<std::pair<const Node*, std::uint32_t>> known;
  std::unordered_set<const Node*> seen;
  std::vector<const Node*> stack;
  const auto enter = [&](const Edge& edge) {
    if (!edge.node) return;
    if (is_inside(edge, first)) {
      if (seen.insert(edge.node.get()).second) stack.push_back(edge.node.get());
    } else if (known.emplace(edge.node.get(), edge.output).second) {
      found.push_back(edge);
    }
  };
  for (const Edge& root : roots) enter(root);
  while (!stack.empty()) {
    const Node* node = stack.back();
    stack.pop_back();
    for (const Edge& input : node->inputs) enter(input);
  }
  return found;
}

struct Checkpointed {
  ListFunction f;
  std::vector<Saved> inputs;
  CheckpointLog log;
};

class CheckpointNode final : public Node {
 public:
  CheckpointNode(Here here, std::size_t inputs, std::size_t outputs, std::unique_ptr<const Checkpointed> what)
      : Node("checkpoint", here, inputs, outputs), what_(std::move(what)) {}

  void run(Backward& bw) override;
  void release() noexcept override {
    what_.reset();
    released_ = true;
  }

 private:
  std::unique_ptr<const Checkpointed> what_;
};

void CheckpointNode::run(Backward& bw) {
  std::vector<Edge> roots;
  std::uint64_t first;
  {
    TensorList given;
    for (const Saved& input : what_->inputs) given.push_back(bw.load(input));
    CheckpointRun again(what_->log, here);
    const EnableGradGuard enable;
    const TensorList results = what_->f(given);
    again.finish();
    first = again.first();
    roots = edges_of(computed_results(results, first));
  }
  std::vector<Edge> leading = edges_outwards(roots, first);
  check<AutogradError>(roots.size() == outputs.size() && leading.size() == inputs.size(), here,
                       "checkpoint: the function leads to {} results and {} tensors that require grad in the backward "
                       "pass, in the forward pass it was {} and {}",
                       roots.size(), leading.size(), outputs.size(), inputs.size());

  std::vector<Edge> starts, targets;
  TensorList gradients;
  for (std::size_t i = 0; i < roots.size(); ++i) {
    if (!bw.grad(i).defined()) continue;
    starts.push_back(roots[i]);
    gradients.push_back(bw.grad(i));
  }
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < leading.size(); ++i) {
    if (!bw.needs(i)) continue;
    targets.push_back(std::move(leading[i]));
    places.push_back(i);
  }
  if (targets.empty()) return;
  Engine engine(bw.create_graph(), bw.create_graph(), here, starts, std::move(targets), first);
  engine.run(starts, std::move(gradients));
  TensorList gathered = engine.take_gathered();
  for (std::size_t i = 0; i < places.size(); ++i) bw.give(places[i], std::move(gathered[i]));
}

}  // namespace

TensorList checkpoint(const ListFunction& f, const TensorList& inputs, const CheckpointOptions& options, Here here) {
  if (!is_grad_enabled()) return f(inputs);
  auto what = std::make_unique<Checkpointed>();
  what->f = f;
  what->log.keeps_draws = options.preserve_rng_state;
  std::vector<std::int64_t> versions;
  for (const Tensor& input : inputs) {
    what->inputs.push_back(Saved::input_if(input.defined(), input));
    versions.push_back(input.defined() ? input.version() : 0);
  }
  TensorList results;
  std::uint64_t first;
  {
    CheckpointRun run(what->log);
    results = f(inputs);
    run.finish();
    first = run.first();
  }
  for (std::size_t i = 0; i < inputs.size(); ++i)
    check<AutogradError>(!inputs[i].defined() || inputs[i].version() == versions[i], here,
                         "checkpoint: expected a function that leaves its inputs as they are, it changed input {} of "
                         "shape {} in place; change a clone() in it",
                         i, inputs[i].sizes());

  const TensorList computed = computed_results(results, first);
  if (computed.empty()) return results;
  const std::vector<Edge> leading = edges_outwards(edges_of(computed), first);
  Ref<Node> node(new CheckpointNode(here, leading.size(), computed.size(), std::move(what)));
  for (std::size_t i = 0; i < leading.size(); ++i) node->inputs[i] = leading[i];
  for (std::size_t i = 0; i < computed.size(); ++i) set_history(computed[i], node, static_cast<std::uint32_t>(i));
  return results;
}

Tensor checkpoint_segments(const SegmentFunction& run, std::size_t count, std::int64_t segments, const Arg& input,
                           const CheckpointOptions& options) {
  const Here here = input.here();
  check<ValueError>(segments >= 1 && static_cast<std::uint64_t>(segments) <= count, here,
                    "checkpoint_sequential: segments must be from 1 to the number of functions, {}, got {}", count,
                    segments);
  const std::size_t size = count / static_cast<std::size_t>(segments);
  const std::size_t last = size * static_cast<std::size_t>(segments - 1);
  Tensor x = input.tensor();
  for (std::size_t begin = 0; begin < last; begin += size)
    x = checkpoint([run, begin, size](const TensorList& in) { return TensorList{run(begin, begin + size, in[0])}; },
                   {x}, options, here)[0];
  return run(last, count, x);
}

}  // namespace detail
}  // namespace xgrad
