// How elements lie in files, and what they become in memory.
#pragma once
#include <xgrad/tensor.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "io/file.hpp"

namespace xgrad::detail {

enum class Encoding : std::uint8_t { f32, f64, i64, i32, u8, boolean, f16, bf16, i8, i16, u16, u32, u64 };

// Its names in safetensors headers and in NumPy's (null: it has none), the type that it has in memory, which holds all
// its numbers (of u64 those below 2^63), and its bytes in the file.
struct EncodingRow {
  Encoding encoding;
  const char* safetensors;
  const char* npy;
  Dtype dtype;
  std::int64_t size;
};
std::span<const EncodingRow> encodings() noexcept;
const EncodingRow& row_of(Encoding encoding) noexcept;
// As what this type is written.
Encoding encoding_of(Dtype dtype) noexcept;
// Whether memory holds the elements as the file does.
bool is_verbatim(Encoding encoding) noexcept;

// Bytes of a tensor in the file; empty when its size, in memory too, or a stride of it, is beyond all numbers.
std::optional<std::int64_t> encoded_bytes(Encoding encoding, const Shape& shape);

// Gives exactly the next `bytes` bytes, or throws.
using ReadBytes = std::function<void(void* to, std::int64_t bytes)>;
// A tensor of this shape, row by row. swapped: the bytes of an element come in the other order. IoError that begins
// with `what`, the tensor's name in messages: an element that the type in memory cannot hold.
Tensor read_elements(const FileTask& task, const std::string& what, const ReadBytes& read, Encoding encoding,
                     const Shape& shape, bool swapped = false);

// Takes the next bytes.
using WriteBytes = std::function<void(const void* from, std::int64_t bytes)>;
// Writes a tensor row by row, float32 ones as f16 or bf16 where that is the encoding, rounded to the nearest.
// ValueError that names the tensor: a finite number which becomes infinite.
void write_elements(const FileTask& task, const std::string& what, const WriteBytes& write, Encoding encoding,
                    const Tensor& tensor);

}  // namespace xgrad::detail
