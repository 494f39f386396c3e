// What an error says.
#pragma once
#include <xgrad/error.hpp>

#include <doctest/doctest.h>
#include <initializer_list>
#include <string>
#include <string_view>

namespace test {

// The text of the E that f throws; empty (and a failure) when it throws none.
template <class E, class F>
std::string message_of(F&& f) {
  try {
    f();
  } catch (const E& error) {
    return error.what();
  }
  FAIL_CHECK("nothing was thrown");
  return {};
}
// Whether all words are in a text; those that are not are printed.
inline bool mentions(const std::string& text, std::initializer_list<std::string_view> words) {
  bool all = true;
  for (const std::string_view word : words)
    if (text.find(word) == std::string::npos) {
      MESSAGE("\"" << text << "\" lacks \"" << word << "\"");
      all = false;
    }
  return all;
}
inline bool has(const std::string& text, std::string_view part) { return mentions(text, {part}); }

}  // namespace test
