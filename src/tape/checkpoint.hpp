// What is seen of a checkpointed function while it runs: by nodes, saved tensors and generators.
#pragma once
#include <xgrad/random.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "tape/node.hpp"

namespace xgrad::detail {

// What a function did in its first run, as far as it must do so again.
struct CheckpointLog {
  std::vector<const char*> operations;  // those that were recorded
  std::vector<std::int64_t> versions;   // of the tensors they took and saved
  std::vector<Generator::State> draws;
  bool keeps_draws = true;
};

// A run of a checkpointed function in this thread, inside of another one perhaps.
class CheckpointRun {
 public:
  // The first run writes the log, and its nodes lose at once what they saved.
  explicit CheckpointRun(CheckpointLog& log);
  // A later one reads it. AutogradError, in the functions below, where it goes another way.
  CheckpointRun(const CheckpointLog& log, Here here);
  ~CheckpointRun();
  CheckpointRun(const CheckpointRun&) = delete;
  CheckpointRun& operator=(const CheckpointRun&) = delete;

  void finish();
  // Nodes made in this run have this number or a larger one.
  std::uint64_t first() const noexcept { return first_; }
  // Whether it is a later run, or inside of one.
  bool repeats() const noexcept;
  // Whether random numbers are those of the first run.
  bool repeats_draws() const noexcept;

  // An operation is being recorded; its node is not complete yet.
  void make(Node& node);
  // It takes or saves a tensor of this version.
  void read(std::int64_t version);
  Generator::State draw(const std::function<Generator::State()>& fresh) noexcept;
  void forget(const Node* node) noexcept;

 private:
  void log_operation(const char* name);
  void release_last() noexcept;
  [[noreturn]] void raise_different(const std::string& what) const;

  CheckpointRun* outer_;
  const CheckpointLog& log_;
  // Null when it is there to be read.
  CheckpointLog* written_;
  Here here_{nullptr, 0};
  std::uint64_t first_;
  Node* last_ = nullptr;
  std::size_t operations_ = 0, versions_ = 0, draws_ = 0;
};

// While it lives, what this thread does belongs to no run.
class CheckpointPause {
 public:
  CheckpointPause() noexcept : paused_(std::exchange(checkpoint_run, nullptr)) {}
  ~CheckpointPause() { checkpoint_run = paused_; }
  CheckpointPause(const CheckpointPause&) = delete;
  CheckpointPause& operator=(const CheckpointPause&) = delete;

 private:
  CheckpointRun* paused_;
};

// The number that the next node gets.
std::uint64_t next_sequence_number() noexcept;

}  // namespace xgrad::detail
