// The header of a .npy file: a Python dictionary as text.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "io/elements.hpp"

namespace xgrad::detail {

struct NpyHeader {
  Encoding encoding = Encoding::f32;
  bool swapped = false;
  bool fortran_order = false;
  Shape shape{};
};

// Everything before the data, a multiple of 64 bytes.
std::string write_npy_header(Dtype dtype, const Shape& shape);
// Reads the dictionary's text. IoError, which begins with `what`, for one that is malformed or describes something else
// than numbers.
NpyHeader read_npy_header(const FileTask& task, const std::string& what, std::string_view text);

}  // namespace xgrad::detail
