// Numbers and sizes as layers print them, which is as Python does.
#pragma once
#include <xgrad/ops/window.hpp>

#include <algorithm>
#include <string>

#include "core/check.hpp"

namespace xgrad::detail {

// A floating number as PyTorch prints it: 1.0, 0.01, 1e-05.
inline std::string float_text(double value) {
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

inline const char* bool_text(bool value) { return value ? "True" : "False"; }

// Sizes as a tuple: (2, 3), (4,).
inline std::string tuple_text(const Shape& sizes) {
  std::string text;
  for (std::int64_t size : sizes) text += (text.empty() ? "" : ", ") + std::to_string(size);
  return '(' + text + (sizes.size() == 1 ? ",)" : ")");
}

inline Shape listed(std::int64_t size) { return {size}; }
inline Shape listed(IntPair pair) { return {pair.h, pair.w}; }
inline Shape listed(IntTriple triple) { return {triple.d, triple.h, triple.w}; }
// The same of a line's, an image's or a volume's sizes; or one number where all are the same.
template <class Sizes>
std::string tuple_text(Sizes sizes) {
  return tuple_text(listed(sizes));
}
template <class Sizes>
std::string short_text(Sizes sizes) {
  const Shape list = listed(sizes);
  const bool same = std::all_of(list.begin(), list.end(), [&](std::int64_t size) { return size == list[0]; });
  return same ? fmt::format("{}", list[0]) : tuple_text(list);
}

}  // namespace xgrad::detail
