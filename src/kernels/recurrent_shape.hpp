// The sizes of one direction of a recurrent layer.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace xgrad::detail {

// `projected` is the size of h: `hidden` where there is no projection. In reverse the last time comes first.
//
// The rows of a time lie together, the times one after the other. Of a packed sequence fewer and fewer rows of the
// batch, always the first ones, take part in a time: `begins` has the row at which each begins, and their number at its
// end. Without it all rows take part in all times.
struct RecurrentShape {
  std::int64_t steps, batch, hidden, projected;
  bool reverse;
  std::shared_ptr<const std::vector<std::int64_t>> begins{};

  bool packed() const noexcept { return begins != nullptr; }
  std::int64_t time(std::int64_t step) const noexcept { return reverse ? steps - 1 - step : step; }
  // The first row of a time, and of none after the last: the number of all rows.
  std::int64_t begin(std::int64_t time) const noexcept {
    return begins ? (*begins)[static_cast<std::size_t>(time)] : time * batch;
  }
  std::int64_t total() const noexcept { return begin(steps); }
  // How many rows take part in a time; in a step, where there are none before the first one and after the last.
  std::int64_t rows(std::int64_t time) const noexcept { return begin(time + 1) - begin(time); }
  std::int64_t rows_of_step(std::int64_t step) const noexcept {
    return step < 0 || step >= steps ? 0 : rows(time(step));
  }
};

}  // namespace xgrad::detail
