#include "pages.hpp"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <vector>

namespace pages {
namespace {

using Lines = std::vector<std::string>;

Lines lines_of(const std::string& text) {
  Lines lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

bool has(const std::string& line, const std::string& text) { return line.find(text) != std::string::npos; }

// The lines from `first` on, without the indentation that all of them have.
std::string joined(Lines::const_iterator first, Lines::const_iterator last) {
  std::size_t indent = std::string::npos;
  for (auto line = first; line != last; ++line)
    if (!line->empty()) indent = std::min(indent, line->find_first_not_of(' '));
  std::string text;
  for (auto line = first; line != last; ++line) text += (line->empty() ? *line : line->substr(indent)) + "\n";
  return text;
}

// `where`: START or START ... END.
std::string excerpt(const std::string& source, const std::string& path, const std::string& where) {
  const std::string dots = " ... ";
  const std::size_t split = where.find(dots);
  const std::string start = where.substr(0, split);
  const Lines lines = lines_of(source);
  const auto first = std::find_if(lines.begin(), lines.end(), [&](const std::string& l) { return has(l, start); });
  if (first == lines.end()) throw std::runtime_error(path + " has no line with: " + start);
  if (split == std::string::npos) return joined(first, std::find(first, lines.end(), ""));
  const std::string end = where.substr(split + dots.size());
  const auto last = std::find_if(first + 1, lines.end(), [&](const std::string& line) { return has(line, end); });
  if (last == lines.end()) throw std::runtime_error(path + " has no line after '" + start + "' with: " + end);
  return joined(first, last + 1);
}

// What belongs into the block after the comment `mark`, where it says so; `block` is what is there.
std::string content(const std::string& mark, const std::string& block, const std::filesystem::path& root,
                    const Output& output) {
  const std::string from = "from ", output_of = "output of ";
  if (mark.starts_with(output_of)) return output ? output(mark.substr(output_of.size())) : block;
  const std::size_t colon = mark.find(": ");
  const std::string path = mark.substr(from.size(), colon == std::string::npos ? colon : colon - from.size());
  const std::string source = read(root / path);
  if (colon != std::string::npos) return excerpt(source, path, mark.substr(colon + 2));
  if (block.empty() || !has(source, block)) throw std::runtime_error(path + " does not contain the block\n" + block);
  return block;
}

}  // namespace

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string fill(const std::string& page, const std::filesystem::path& root, const Output& output) {
  const std::string open = "<!-- ", close = " -->", fence = "```";
  std::string filled;
  const Lines lines = lines_of(page);
  for (auto line = lines.begin(); line != lines.end(); ++line) {
    filled += *line + "\n";
    if (!line->starts_with(open + "from ") && !line->starts_with(open + "output of ")) continue;
    const std::string mark = line->substr(open.size(), line->rfind(close) - open.size());
    const auto begin = line + 1;
    if (begin == lines.end() || !begin->starts_with(fence)) throw std::runtime_error("no block after: " + *line);
    const auto end = std::find(begin + 1, lines.end(), fence);
    if (end == lines.end()) throw std::runtime_error("a block without end after: " + *line);
    std::string block;
    for (auto inside = begin + 1; inside != end; ++inside) block += *inside + "\n";
    filled += *begin + "\n" + content(mark, block, root, output) + fence + "\n";
    line = end;
  }
  return filled;
}

std::string without_numbers(const std::string& text) {
  std::string result;
  auto is_digit = [&](std::size_t i) { return i < text.size() && std::isdigit(static_cast<unsigned char>(text[i])); };
  auto is_sign = [&](std::size_t i) { return i < text.size() && (text[i] == '-' || text[i] == '+'); };
  auto is_blank = [](char c) { return c == ' ' || c == '='; };
  for (std::size_t i = 0; i < text.size();) {
    if (is_digit(i) || (is_sign(i) && is_digit(i + 1))) {
      do {
        ++i;
        if (i < text.size() && text[i] == 'e' && (is_digit(i + 1) || (is_sign(i + 1) && is_digit(i + 2)))) i += 2;
      } while (is_digit(i) || (i < text.size() && text[i] == '.' && is_digit(i + 1)));
      result += '#';
    } else if (is_blank(text[i])) {
      while (i < text.size() && is_blank(text[i])) ++i;
      result += ' ';
    } else {
      result += text[i++];
    }
  }
  Lines lines = lines_of(result);
  lines.erase(std::unique(lines.begin(), lines.end()), lines.end());
  return joined(lines.begin(), lines.end());
}

}  // namespace pages
