// Rows of a CSV file, one after the other, by a small state machine over blocks of the file.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "io/stream.hpp"

namespace xgrad::detail {

class CsvParser {
 public:
  CsvParser(const FileTask& task, InputStream& stream, char delimiter);
  // Reads the next row that is not empty; false at the end.
  bool next_row();
  std::size_t field_count() const noexcept { return ends_.size(); }
  std::string_view field(std::size_t index) const noexcept {
    const std::size_t begin = index == 0 ? 0 : ends_[index - 1];
    return std::string_view(text_).substr(begin, ends_[index] - begin);
  }
  // Of the row's first character, from 1.
  std::int64_t line() const noexcept { return row_line_; }

 private:
  enum class State : std::uint8_t { field_begin, plain, quoted, after_quote };
  bool fill();
  void take(char c);
  void end_field();
  void end_line();
  void add(char c);

  const FileTask& task_;
  InputStream& stream_;
  char delimiter_;
  std::vector<char> block_;
  std::size_t cursor_ = 0, filled_ = 0;
  std::string text_;               // the row's fields without what is between them
  std::vector<std::size_t> ends_;  // where each ends
  State state_ = State::field_begin;
  bool row_done_ = false;
  std::int64_t line_ = 1, row_line_ = 1, quote_line_ = 1;
};

}  // namespace xgrad::detail
