#include "core/precision.hpp"

#include <xgrad/precision.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>

#include "core/check.hpp"

namespace xgrad {
namespace {
constexpr std::array<std::string_view, 3> names{"highest", "high", "medium"};
constexpr std::size_t medium = 2;
std::atomic<std::size_t> chosen{0};
}  // namespace

void set_float32_matmul_precision(std::string_view precision, Here here) {
  const auto found = std::find(names.begin(), names.end(), precision);
  detail::check<ValueError>(found != names.end(), here,
                            "set_float32_matmul_precision: expected \"{}\", \"{}\" or \"{}\", got \"{}\"", names[0],
                            names[1], names[2], precision);
  chosen.store(static_cast<std::size_t>(found - names.begin()), std::memory_order_relaxed);
}

std::string get_float32_matmul_precision() { return std::string(names[chosen.load(std::memory_order_relaxed)]); }

bool detail::allows_bfloat16() noexcept { return chosen.load(std::memory_order_relaxed) == medium; }

}  // namespace xgrad
