// Numbers and sizes as layers print them.
#pragma once
#include <string>

#include "core/check.hpp"

namespace xgrad::detail {

// A floating number as PyTorch prints it: 1.0, 0.01, 1e-05.
inline std::string float_text(double value) {
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

// Sizes as a tuple: (2, 3), (4,).
inline std::string tuple_text(const Shape& sizes) {
  std::string text;
  for (std::int64_t size : sizes) text += (text.empty() ? "" : ", ") + std::to_string(size);
  return '(' + text + (sizes.size() == 1 ? ",)" : ")");
}

}  // namespace xgrad::detail
