// The JSON header of a safetensors file.
#pragma once
#include <xgrad/io/safetensors.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "io/file.hpp"

namespace xgrad::detail {

// How an element lies in the file.
enum class Encoding : std::uint8_t { f32, f64, i64, i32, u8, boolean, f16, bf16 };

Encoding encoding_of(Dtype dtype) noexcept;
// What it becomes in memory: f16 and bf16 are widened.
Dtype dtype_of_encoding(Encoding encoding) noexcept;
std::int64_t encoded_size(Encoding encoding) noexcept;

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
