#include <xgrad/detail/loop.hpp>

#include <array>
#include <cstring>

#include "core/allocator.hpp"
#include "kernels/parallel.hpp"

namespace xgrad::detail {

namespace {

// Most elements gathered at once from an operand that is neither linear nor constant.
constexpr std::int64_t most_gathered = 256;
// Rows at least as long are worked on in place.
constexpr std::int64_t shortest_row = 32;
// Tasks of a loop that sums: each may need memory of its own.
constexpr std::int64_t most_summing_tasks = 64;

std::int64_t grain_of(std::int64_t cost) {
  return std::max<std::int64_t>(2048, 32768 / std::max<std::int64_t>(cost, 1));
}

template <class F>
void with_unit(std::uint8_t size, F&& f) {
  if (size == 1)
    f(std::uint8_t{});
  else if (size == 4)
    f(std::uint32_t{});
  else
    f(std::uint64_t{});
}
template <class F>
void with_float(std::uint8_t size, F&& f) {
  if (size == 4)
    f(float{});
  else
    f(double{});
}

using Pointers = std::array<std::byte*, max_loop_operands>;

class Loop {
 public:
  Loop(const Shape& shape, LoopOperand* operands, std::size_t count, std::int64_t cost, StripFunction function,
       const void* context)
      : operands_(operands), count_(count), cost_(cost), function_(function), context_(context) {
    coalesce(shape);
  }

  void run() {
    const std::size_t inner = sizes_.size() - 1;
    const std::int64_t length = sizes_[inner], rows = total_ / length;
    bool steps = true;
    for (std::size_t k = 0; k < count_; ++k) {
      step_[k] = strides_[k][inner];
      if (length == 1 && operands_[k].role != LoopRole::input) step_[k] = 1;
      steps = steps && (step_[k] == 0 || step_[k] == 1);
      add_[k] = operands_[k].role == LoopRole::accumulate;
    }
    const std::int64_t grain = limited(grain_of(cost_));
    if (steps && rows == 1) {
      tasks(length, grain, true,
            [&](std::int64_t begin, std::int64_t end, const Pointers& base) { run_rows(0, 1, begin, end, base); });
    } else if (steps && length > grain) {
      tasks(length, grain, true,
            [&](std::int64_t begin, std::int64_t end, const Pointers& base) { run_rows(0, rows, begin, end, base); });
    } else if (steps && length >= shortest_row) {
      tasks(
          rows, std::max<std::int64_t>(1, grain / length), false,
          [&](std::int64_t first, std::int64_t last, const Pointers& base) { run_rows(first, last, 0, length, base); });
    } else {
      classify();
      tasks(total_, (grain + block_ - 1) / block_ * block_, false,
            [&](std::int64_t first, std::int64_t last, const Pointers& base) { run_blocks(first, last, base); });
    }
  }

 private:
  // Drops dimensions of size 1 and joins neighbours that every operand walks through in one stride.
  void coalesce(const Shape& shape) {
    for (std::size_t d = 0; d < shape.size(); ++d) {
      if (shape[d] == 1) continue;
      bool joined = sizes_.size() > 0;
      for (std::size_t k = 0; joined && k < count_; ++k)
        joined = !operands_[k].data || strides_[k].back() == operands_[k].strides[d] * shape[d];
      if (joined) {
        sizes_[sizes_.size() - 1] *= shape[d];
        for (std::size_t k = 0; k < count_; ++k)
          if (operands_[k].data) strides_[k][sizes_.size() - 1] = operands_[k].strides[d];
      } else {
        sizes_.push_back(shape[d]);
        for (std::size_t k = 0; k < count_; ++k) strides_[k].push_back(operands_[k].data ? operands_[k].strides[d] : 0);
      }
    }
    if (sizes_.empty()) {
      sizes_.push_back(1);
      for (std::size_t k = 0; k < count_; ++k) strides_[k].push_back(0);
    }
    total_ = numel(sizes_);
  }

  bool is_output(std::size_t k) const { return operands_[k].data && operands_[k].role != LoopRole::input; }
  bool sums_along(std::size_t k, std::size_t d) const { return is_output(k) && strides_[k][d] == 0 && sizes_[d] > 1; }

  // Memory for the partial sums of all tasks stays below twice that of the loop.
  std::int64_t limited(std::int64_t grain) const {
    for (std::size_t k = 0; k < count_; ++k) {
      bool sums = false;
      for (std::size_t d = 0; d < sizes_.size(); ++d) sums = sums || sums_along(k, d);
      if (!sums) continue;
      const std::int64_t most =
          std::clamp<std::int64_t>(2 * total_ / std::max<std::int64_t>(operands_[k].extent, 1), 1, most_summing_tasks);
      grain = std::max(grain, (total_ + most - 1) / most);
    }
    return grain;
  }

  // Splits `items` into tasks. An output that several tasks add to gets a copy for each, summed in order at the end.
  template <class F>
  void tasks(std::int64_t items, std::int64_t grain, bool along_inner, F&& f) {
    const std::int64_t count = (items + grain - 1) / grain, work = total_ * cost_;
    Pointers base{};
    std::array<std::byte*, max_loop_operands> partial{};
    const std::size_t inner = sizes_.size() - 1;
    bool any = false;
    for (std::size_t k = 0; k < count_; ++k) {
      base[k] = operands_[k].data;
      if (count == 1 || !is_output(k)) continue;
      bool shared = false;
      for (std::size_t d = 0; d < sizes_.size(); ++d)
        if (!along_inner || d == inner) shared = shared || sums_along(k, d);
      if (!shared) continue;
      const std::size_t bytes = static_cast<std::size_t>(operands_[k].extent * operands_[k].size);
      partial[k] = static_cast<std::byte*>(cache_allocate(bytes * static_cast<std::size_t>(count)));
      any = true;
    }
    if (!any) {
      parallel_for(items, grain, work, [&](std::int64_t begin, std::int64_t end) { f(begin, end, base); });
      return;
    }
    parallel_for(items, grain, work, [&](std::int64_t begin, std::int64_t end) {
      Pointers mine = base;
      for (std::size_t k = 0; k < count_; ++k) {
        if (!partial[k]) continue;
        const std::int64_t bytes = operands_[k].extent * operands_[k].size;
        mine[k] = partial[k] + begin / grain * bytes;
        std::memset(mine[k], 0, static_cast<std::size_t>(bytes));
      }
      f(begin, end, mine);
    });
    for (std::size_t k = 0; k < count_; ++k) {
      if (!partial[k]) continue;
      const std::int64_t extent = operands_[k].extent;
      with_float(operands_[k].size, [&]<class T>(T) {
        T* out = reinterpret_cast<T*>(operands_[k].data);
        const T* from = reinterpret_cast<const T*>(partial[k]);
        for (std::int64_t t = 0; t < count; ++t)
          for (std::int64_t i = 0; i < extent; ++i) out[i] += from[t * extent + i];
      });
      cache_free(partial[k], static_cast<std::size_t>(extent * operands_[k].size * count));
    }
  }

  void run_rows(std::int64_t first, std::int64_t last, std::int64_t begin, std::int64_t end, const Pointers& base) {
    const std::size_t outer = sizes_.size() - 1;
    Shape index(outer, 0);
    for (std::size_t d = outer, rest = static_cast<std::size_t>(first); d-- > 0;) {
      index[d] = static_cast<std::int64_t>(rest) % sizes_[d];
      rest /= static_cast<std::size_t>(sizes_[d]);
    }
    Pointers at{};
    for (std::size_t k = 0; k < count_; ++k) {
      if (!base[k]) continue;
      std::int64_t offset = begin * step_[k];
      for (std::size_t d = 0; d < outer; ++d) offset += index[d] * strides_[k][d];
      at[k] = base[k] + offset * operands_[k].size;
    }
    for (std::int64_t row = first; row < last; ++row) {
      function_(context_, Strip{end - begin, at.data(), step_.data(), add_.data()});
      for (std::size_t d = outer; d-- > 0;) {
        const bool wraps = ++index[d] == sizes_[d];
        for (std::size_t k = 0; k < count_; ++k)
          if (base[k]) at[k] += strides_[k][d] * operands_[k].size * (wraps ? 1 - sizes_[d] : 1);
        if (!wraps) break;
        index[d] = 0;
      }
    }
  }

  // A periodic operand goes through the same elements again and again, a whole number of times in a block.
  enum class Walk : std::uint8_t { linear, constant, periodic, scattered };

  void classify() {
    std::int64_t longest = 1;
    for (std::size_t k = 0; k < count_; ++k) {
      bool linear = true, constant = true;
      std::int64_t stride = 1, period = 1;
      for (std::size_t d = sizes_.size(); d-- > 0; stride *= sizes_[d]) {
        linear = linear && strides_[k][d] == stride;
        constant = constant && strides_[k][d] == 0;
        if (strides_[k][d] != 0) period = stride * sizes_[d];
      }
      if (linear || (constant && total_ == 1)) {
        walk_[k] = Walk::linear;
      } else if (constant) {
        walk_[k] = Walk::constant;
      } else if (period <= most_gathered && operands_[k].role == LoopRole::input) {
        walk_[k] = Walk::periodic;
        longest = std::max(longest, period);
      } else {
        walk_[k] = Walk::scattered;
      }
    }
    // Periods are products of the last sizes: each divides the longer ones.
    block_ = most_gathered / longest * longest;
  }

  // Calls f(offset of the first element, stride, position, length) for the inner runs of elements begin..begin+n.
  template <class F>
  void for_runs(std::size_t k, std::int64_t begin, std::int64_t n, F&& f) {
    const std::size_t inner = sizes_.size() - 1;
    const std::int64_t *sizes = sizes_.data(), *strides = strides_[k].data();
    Shape start(sizes_.size(), 0);
    std::int64_t* index = start.data();
    std::int64_t offset = 0;
    for (std::size_t d = sizes_.size(); d-- > 0;) {
      index[d] = begin % sizes[d];
      begin /= sizes[d];
      offset += index[d] * strides[d];
    }
    for (std::int64_t position = 0; position < n;) {
      const std::int64_t run = std::min(n - position, sizes[inner] - index[inner]);
      f(offset, strides[inner], position, run);
      position += run;
      index[inner] += run;
      offset += run * strides[inner];
      for (std::size_t d = inner; index[d] == sizes[d] && d > 0; --d) {
        offset += strides[d - 1] - sizes[d] * strides[d];
        index[d] = 0;
        ++index[d - 1];
      }
    }
  }

  void run_blocks(std::int64_t first, std::int64_t last, const Pointers& base) {
    alignas(64) std::byte buffer[max_loop_operands][most_gathered * 8];
    std::array<std::int64_t, max_loop_operands> step{};
    std::array<bool, max_loop_operands> add{};
    Pointers at{};
    for (std::int64_t begin = first; begin < last; begin += block_) {
      const std::int64_t n = std::min(block_, last - begin);
      for (std::size_t k = 0; k < count_; ++k) {
        if (!base[k]) continue;
        add[k] = add_[k] && walk_[k] != Walk::scattered;
        step[k] = walk_[k] == Walk::constant ? 0 : 1;
        at[k] = base[k];
        if (walk_[k] == Walk::linear) at[k] += begin * operands_[k].size;
        if (walk_[k] == Walk::scattered || walk_[k] == Walk::periodic) {
          at[k] = buffer[k];
          if (operands_[k].role == LoopRole::input && (walk_[k] == Walk::scattered || begin == first))
            gather(k, base[k], begin, n, buffer[k]);
        }
      }
      function_(context_, Strip{n, at.data(), step.data(), add.data()});
      for (std::size_t k = 0; k < count_; ++k)
        if (base[k] && walk_[k] == Walk::scattered && operands_[k].role != LoopRole::input)
          scatter(k, buffer[k], begin, n, base[k]);
    }
  }

  void gather(std::size_t k, const std::byte* from, std::int64_t begin, std::int64_t n, std::byte* buffer) {
    with_unit(operands_[k].size, [&]<class T>(T) {
      const T* source = reinterpret_cast<const T*>(from);
      T* target = reinterpret_cast<T*>(buffer);
      for_runs(k, begin, n, [&](std::int64_t offset, std::int64_t stride, std::int64_t position, std::int64_t run) {
        for (std::int64_t i = 0; i < run; ++i) target[position + i] = source[offset + i * stride];
      });
    });
  }

  void scatter(std::size_t k, const std::byte* buffer, std::int64_t begin, std::int64_t n, std::byte* to) {
    if (add_[k]) {
      with_float(operands_[k].size, [&]<class T>(T) {
        const T* source = reinterpret_cast<const T*>(buffer);
        T* target = reinterpret_cast<T*>(to);
        for_runs(k, begin, n, [&](std::int64_t offset, std::int64_t stride, std::int64_t position, std::int64_t run) {
          for (std::int64_t i = 0; i < run; ++i) target[offset + i * stride] += source[position + i];
        });
      });
      return;
    }
    with_unit(operands_[k].size, [&]<class T>(T) {
      const T* source = reinterpret_cast<const T*>(buffer);
      T* target = reinterpret_cast<T*>(to);
      for_runs(k, begin, n, [&](std::int64_t offset, std::int64_t stride, std::int64_t position, std::int64_t run) {
        for (std::int64_t i = 0; i < run; ++i) target[offset + i * stride] = source[position + i];
      });
    });
  }

  LoopOperand* operands_;
  std::size_t count_;
  std::int64_t cost_;
  StripFunction function_;
  const void* context_;
  std::int64_t total_ = 0, block_ = most_gathered;
  Shape sizes_;
  std::array<Shape, max_loop_operands> strides_;
  std::array<std::int64_t, max_loop_operands> step_{};
  std::array<bool, max_loop_operands> add_{};
  std::array<Walk, max_loop_operands> walk_{};
};

}  // namespace

void run_loop(const Shape& shape, LoopOperand* operands, std::size_t count, std::int64_t cost, StripFunction function,
              const void* context) {
  for (std::size_t k = 0; k < count; ++k) {
    LoopOperand& operand = operands[k];
    if (!operand.data || operand.role != LoopRole::output) continue;
    bool sums = false;
    for (std::size_t d = 0; d < shape.size(); ++d) sums = sums || (operand.strides[d] == 0 && shape[d] != 1);
    if (!sums) continue;
    std::memset(operand.data, 0, static_cast<std::size_t>(operand.extent * operand.size));
    operand.role = LoopRole::accumulate;
  }
  if (numel(shape) == 0) return;
  Loop(shape, operands, count, cost, function, context).run();
}

void run_linear_loop(std::int64_t total, std::byte* const* data, const std::int64_t* step, const std::uint8_t* size,
                     const bool* add, std::size_t count, std::int64_t cost, StripFunction function,
                     const void* context) {
  parallel_for(total, grain_of(cost), total * cost, [&](std::int64_t begin, std::int64_t end) {
    Pointers at{};
    for (std::size_t k = 0; k < count; ++k)
      if (data[k]) at[k] = data[k] + begin * step[k] * size[k];
    function(context, Strip{end - begin, at.data(), step, add});
  });
}

}  // namespace xgrad::detail
