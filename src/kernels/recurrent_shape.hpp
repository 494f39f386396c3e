// The sizes of one direction of a recurrent layer.
#pragma once
#include <cstdint>

namespace xgrad::detail {

// `projected` is the size of h: `hidden` where there is no projection. In reverse the last time comes first.
struct RecurrentShape {
  std::int64_t steps, batch, hidden, projected;
  bool reverse;

  std::int64_t time(std::int64_t step) const noexcept { return reverse ? steps - 1 - step : step; }
};

}  // namespace xgrad::detail
