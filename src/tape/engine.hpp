// The engine: runs recorded operations backward, newest first.
#pragma once
#include <cstdint>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "tape/node.hpp"

namespace xgrad::detail {

// One backward pass. Every node has a larger sequence number than the nodes it leads to, so that the newest waiting
// node has all its gradients: no count of dependencies and no walk over the graph is needed before.
class Engine {
 public:
  // Accumulates into leaves.
  Engine(bool create_graph, bool retain_graph, Here here);
  // Gathers the gradients of `targets` instead, and visits only what leads to them. With `first`, nodes of a smaller
  // number are somebody else's: the pass ends there.
  Engine(bool create_graph, bool retain_graph, Here here, const std::vector<Edge>& roots, std::vector<Edge> targets,
         std::uint64_t first = 0);

  void run(const std::vector<Edge>& roots, TensorList gradients);
  // The gradients gathered, in the order of the targets; undefined where none arrived.
  TensorList take_gathered() { return std::move(gathered_); }

  // For Backward.
  bool leads_to_target(const Edge& edge) const { return !gathering_ || leading_.contains(edge.node.get()); }
  void deliver(const Node* from, const Edge& edge, Tensor gradient);
  // The cell of a leaf that can keep a gradient by rows; null where the gradient is needed whole.
  GradCell* keeps_rows(const Edge& edge) const;
  void deliver_rows(const Edge& edge, RowGradient gradient);
  Tensor pending(const Edge& edge, bool any_strides);
  bool gathers() const noexcept { return gathering_; }
  bool create_graph() const noexcept { return create_graph_; }
  bool retain_graph() const noexcept { return retain_graph_; }

 private:
  // A node that has received gradients. The roots keep it.
  struct Task {
    Node* node = nullptr;
    SmallArray<Tensor, 1> gradients{};
  };
  struct Waiting {
    std::uint64_t sequence;
    std::uint32_t slot;
    friend bool operator<(const Waiting& a, const Waiting& b) noexcept { return a.sequence < b.sequence; }
  };

  // The slots of waiting nodes by their address: open addressing, as it is asked for every edge.
  class Slots {
   public:
    std::uint32_t* find(const Node* node);
    void insert(const Node* node, std::uint32_t slot);
    void erase(const Node* node);

   private:
    struct Entry {
      const Node* node = nullptr;
      std::uint32_t slot = 0;
    };
    std::size_t home(const Node* node) const noexcept;
    void grow();
    std::vector<Entry> entries_ = std::vector<Entry>(16);
    std::size_t count_ = 0;
  };

  void find_leading(const std::vector<Edge>& roots);
  // The task of a node that waits; null where none does.
  Task* find(const Node* node);
  Task& task_of(Node* node);
  // Takes the newest task out; its node is null when none is left.
  Task take_newest();
  void run_hooks(Task& task);
  void gather(Task& task);
  void accumulate(LeafNode& leaf, Tensor gradient);
  void add(Tensor& sum, Tensor gradient);

  bool create_graph_, retain_graph_;
  Here here_;
  bool gathering_ = false;
  std::uint64_t first_number_ = 0;
  std::vector<Edge> targets_;
  TensorList gathered_;
  std::unordered_multimap<const Node*, std::size_t> target_of_;
  std::unordered_set<const Node*> leading_;
  // In a chain one node waits at a time: it does so here, and only others in the heap.
  Task first_;
  std::vector<Task> tasks_;
  std::vector<std::uint32_t> free_;
  std::vector<Waiting> heap_;
  Slots slots_;
};

}  // namespace xgrad::detail
