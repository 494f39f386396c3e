#include "io/npy_header.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace xgrad::detail {

namespace {
constexpr std::size_t most_dimensions = 64;
// Magic, version 1.0 and the length of the text in two bytes.
constexpr std::size_t prefix_bytes = 10, alignment = 64;

// Reads the few forms of Python's literals that NumPy writes:
// {'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }
class Parser {
 public:
  Parser(const FileTask& task, const std::string& what, std::string_view text)
      : task_(task), what_(what), all_(text), rest_(text) {}

  NpyHeader read() {
    expect("{");
    while (!take("}")) {
      const std::string key = quoted();
      expect(":");
      if (key == "descr")
        once(has_type_, key), read_type();
      else if (key == "fortran_order")
        once(has_order_, key), read_order();
      else if (key == "shape")
        once(has_shape_, key), read_shape();
      else
        malformed(fmt::format("unknown key '{}'", excerpt(key)));
      if (!take(",") && !next_is("}")) malformed("expected , or }");
    }
    skip_space();
    if (!rest_.empty()) malformed("more text after }");
    if (!has_type_ || !has_order_ || !has_shape_) malformed("it needs descr, fortran_order and shape");
    return header_;
  }

 private:
  [[noreturn]] void malformed(std::string_view problem) const {
    task_.fail("{}: malformed header: {} at byte {} of {}", what_, problem, all_.size() - rest_.size(), excerpt(all_));
  }
  void once(bool& seen, const std::string& key) const {
    if (seen) malformed(fmt::format("'{}' comes twice", key));
    seen = true;
  }
  void skip_space() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size())); }
  bool next_is(std::string_view token) {
    skip_space();
    return rest_.starts_with(token);
  }
  bool take(std::string_view token) {
    if (!next_is(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }
  void expect(std::string_view token) {
    if (!take(token)) malformed(fmt::format("expected {}", token));
  }

  std::string quoted() {
    skip_space();
    if (rest_.empty() || (rest_[0] != '\'' && rest_[0] != '"')) malformed("expected a text");
    const std::size_t end = rest_.find(rest_[0], 1);
    if (end == std::string_view::npos) malformed("a text without an end");
    std::string text(rest_.substr(1, end - 1));
    rest_.remove_prefix(end + 1);
    return text;
  }

  void read_type() {
    if (next_is("[")) refuse_type("records");
    const std::string type = quoted();
    std::string_view name = type;
    const char order = name.empty() ? ' ' : name[0];
    if (order == '<' || order == '>' || order == '|' || order == '=') name.remove_prefix(1);
    const auto found = std::find_if(encodings().begin(), encodings().end(),
                                    [&](const EncodingRow& kind) { return kind.npy && name == kind.npy; });
    if (found == encodings().end()) refuse_type(excerpt(type) + kind_of(name.empty() ? ' ' : name[0]));
    header_.encoding = found->encoding;
    header_.swapped = order == '>' && found->size > 1;
  }
  static const char* kind_of(char letter) {
    switch (letter) {
      case 'O':
        return " (Python objects)";
      case 'U':
      case 'S':
      case 'a':
        return " (text)";
      case 'c':
        return " (complex numbers)";
      case 'M':
      case 'm':
        return " (dates)";
      case 'V':
        return " (records)";
      default:
        return "";
    }
  }
  [[noreturn]] void refuse_type(const std::string& type) const {
    std::string known;
    for (const EncodingRow& kind : encodings())
      if (kind.npy) known += fmt::format("{}{}", known.empty() ? "" : ", ", kind.npy);
    task_.fail("{}: it holds {}; those that can be read are {}", what_, type, known);
  }

  void read_order() {
    header_.fortran_order = take("True");
    if (!header_.fortran_order) expect("False");
  }

  void read_shape() {
    expect("(");
    while (!take(")")) {
      skip_space();
      std::int64_t size = 0;
      const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), size);
      if (error != std::errc() || size < 0) malformed("expected a size");
      rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
      take("L");  // Python 2 writes it
      if (header_.shape.size() == most_dimensions) malformed(fmt::format("more than {} dimensions", most_dimensions));
      header_.shape.push_back(size);
      if (!take(",") && !next_is(")")) malformed("expected , or )");
    }
  }

  const FileTask& task_;
  const std::string& what_;
  std::string_view all_, rest_;
  NpyHeader header_;
  bool has_type_ = false, has_order_ = false, has_shape_ = false;
};
}  // namespace

std::string write_npy_header(Dtype dtype, const Shape& shape) {
  const EncodingRow& kind = row_of(encoding_of(dtype));
  std::string text =
      fmt::format("{{'descr': '{}{}', 'fortran_order': False, 'shape': ({}{}), }}", kind.size == 1 ? '|' : '<',
                  kind.npy, fmt::join(shape.begin(), shape.end(), ", "), shape.size() == 1 ? "," : "");
  const std::size_t used = prefix_bytes + text.size() + 1;
  text.append((used + alignment - 1) / alignment * alignment - used, ' ');
  text += '\n';
  std::string all("\x93NUMPY\x01\x00", 8);
  all += static_cast<char>(text.size() & 0xff);
  all += static_cast<char>(text.size() >> 8);
  return all + text;
}

NpyHeader read_npy_header(const FileTask& task, const std::string& what, std::string_view text) {
  return Parser(task, what, text).read();
}

}  // namespace xgrad::detail
