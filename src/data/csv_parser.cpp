#include "data/csv_parser.hpp"

namespace xgrad::detail {

namespace {
constexpr std::size_t block_bytes = 1 << 18;
// No table of numbers has such a row; without a bound a lost quote would take in the rest of the file.
constexpr std::size_t longest_row = std::size_t{1} << 26;
constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
}  // namespace

CsvParser::CsvParser(const FileTask& task, InputStream& stream, char delimiter)
    : task_(task), stream_(stream), delimiter_(delimiter), block_(block_bytes) {
  if (fill() && std::string_view(block_.data(), filled_).starts_with(byte_order_mark)) cursor_ = byte_order_mark.size();
}

bool CsvParser::fill() {
  cursor_ = 0;
  filled_ = static_cast<std::size_t>(stream_.read(block_.data(), static_cast<std::int64_t>(block_.size())));
  return filled_ > 0;
}

bool CsvParser::next_row() {
  text_.clear();
  ends_.clear();
  state_ = State::field_begin;
  row_done_ = false;
  row_line_ = line_;
  while (!row_done_) {
    if (cursor_ == filled_ && !fill()) {
      if (state_ == State::quoted) task_.fail("line {}: a quote is opened and never closed", quote_line_);
      end_line();
      return row_done_;
    }
    take(block_[cursor_++]);
  }
  return true;
}

void CsvParser::take(char c) {
  const bool line_end = c == '\n';
  if (line_end) ++line_;
  if (state_ == State::quoted) {
    if (c == '"')
      state_ = State::after_quote;
    else
      add(c);
    return;
  }
  if (line_end) {
    end_line();
  } else if (c == delimiter_) {
    end_field();
  } else if (state_ == State::field_begin && c == ' ') {
    return;
  } else if (state_ == State::field_begin && c == '"') {
    state_ = State::quoted;
    quote_line_ = line_;
  } else if (state_ == State::after_quote) {
    if (c == '"') {
      add(c);
      state_ = State::quoted;
    } else if (c != ' ' && c != '\r') {
      task_.fail("line {}, column {}: text after a closing quote", line_, ends_.size() + 1);
    }
  } else {
    state_ = State::plain;
    add(c);
  }
}

// A line without anything on it is no row.
void CsvParser::end_line() {
  const std::size_t begin = ends_.empty() ? 0 : ends_.back();
  if (state_ == State::plain && text_.size() > begin && text_.back() == '\r') text_.pop_back();
  if (ends_.empty() && text_.empty() && state_ != State::after_quote) {
    state_ = State::field_begin;
    row_line_ = line_;
    return;
  }
  end_field();
  row_done_ = true;
}

void CsvParser::end_field() {
  ends_.push_back(text_.size());
  state_ = State::field_begin;
}

void CsvParser::add(char c) {
  if (text_.size() == longest_row) task_.fail("line {}: the row is longer than {} bytes", row_line_, longest_row);
  text_ += c;
}

}  // namespace xgrad::detail
