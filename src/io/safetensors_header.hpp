// The JSON header of a safetensors file.
#pragma once
#include <xgrad/io/safetensors.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "io/elements.hpp"
#include "io/file.hpp"

namespace xgrad::detail {

struct HeaderEntry {
  std::string name;
  Encoding encoding = Encoding::f32;
  Shape shape{};
  std::int64_t begin = 0, end = 0;  // bytes from the begin of the data
};
struct Header {
  std::vector<HeaderEntry> entries;
  Metadata metadata;
};

// The header as JSON text. ValueError for text that is not UTF-8.
std::string write_header(const FileTask& task, const Header& header);
// Reads the text and checks all of it against itself and against the size of the data that follows: every byte of the
// data belongs to exactly one tensor. IoError otherwise.
Header read_header(const FileTask& task, std::string_view text, std::int64_t data_bytes);

}  // namespace xgrad::detail
