#include "io/elements.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <utility>

#include "core/tensor_impl.hpp"

namespace xgrad::detail {

static_assert(std::endian::native == std::endian::little, "files are written as memory holds numbers");

namespace {
// In the order of the enum; where several have one dtype, the first is how it is written.
constexpr std::array<EncodingRow, 13> rows{{{Encoding::f32, "F32", "f4", float32, 4},
                                            {Encoding::f64, "F64", "f8", float64, 8},
                                            {Encoding::i64, "I64", "i8", int64, 8},
                                            {Encoding::i32, "I32", "i4", int32, 4},
                                            {Encoding::u8, "U8", "u1", uint8, 1},
                                            {Encoding::boolean, "BOOL", "b1", bool_, 1},
                                            {Encoding::f16, "F16", "f2", float32, 2},
                                            {Encoding::bf16, "BF16", nullptr, float32, 2},
                                            {Encoding::i8, "I8", "i1", int32, 1},
                                            {Encoding::i16, "I16", "i2", int32, 2},
                                            {Encoding::u16, "U16", "u2", int32, 2},
                                            {Encoding::u32, "U32", "u4", int64, 4},
                                            {Encoding::u64, "U64", "u8", int64, 8}}};

// Elements that are converted at a time.
constexpr std::int64_t block_size = 16384;

float widen_half(std::uint16_t half) noexcept {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000) << 16;
  const std::uint32_t exponent = (half >> 10) & 31, fraction = half & 0x3ff;
  if (exponent == 0) {
    const float magnitude = static_cast<float>(fraction) * 0x1p-24F;
    return sign ? -magnitude : magnitude;
  }
  const std::uint32_t wide = exponent == 31 ? 255 : exponent + 112;
  return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
}
float widen_bfloat(std::uint16_t value) noexcept {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value) << 16);
}

// Drops the lower bits of a positive number; halves go to the even neighbour. A carry goes into the exponent, and from
// the largest one into infinity, as it should.
std::uint32_t drop_bits(std::uint32_t bits, int count) noexcept {
  return (bits + (1U << (count - 1)) - 1 + ((bits >> count) & 1)) >> count;
}
std::uint16_t narrow_half(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  constexpr std::uint32_t infinity = 0x7f800000, least_infinite = 0x47800000, least_normal = 0x38800000;
  std::uint32_t half = 0x7c00;
  if (magnitude > infinity)
    half = 0x7e00 | (magnitude >> 13 & 0x3ff);
  else if (magnitude < least_normal)
    // The sum's last bit is that of the smallest half, so that adding rounds to it.
    half = std::bit_cast<std::uint32_t>(std::fabs(value) + 0.5F) - std::bit_cast<std::uint32_t>(0.5F);
  else if (magnitude < least_infinite)
    half = drop_bits(magnitude - (std::uint32_t{112} << 23), 13);
  return static_cast<std::uint16_t>(sign | half);
}
std::uint16_t narrow_bfloat(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  return static_cast<std::uint16_t>(std::isnan(value) ? bits >> 16 | 0x40 : sign | drop_bits(magnitude, 16));
}

template <class T>
void swap_bytes(T* values, std::int64_t count) noexcept {
  for (std::int64_t i = 0; i < count; ++i) {
    auto bytes = std::bit_cast<std::array<std::byte, sizeof(T)>>(values[i]);
    std::reverse(bytes.begin(), bytes.end());
    values[i] = std::bit_cast<T>(bytes);
  }
}
void swap_bytes(void* values, std::int64_t count, std::int64_t size) noexcept {
  if (size == 2) swap_bytes(static_cast<std::uint16_t*>(values), count);
  if (size == 4) swap_bytes(static_cast<std::uint32_t*>(values), count);
  if (size == 8) swap_bytes(static_cast<std::uint64_t*>(values), count);
}

struct Source {
  const FileTask& task;
  const std::string& what;
  const ReadBytes& read;
  bool swapped;
};

template <class Stored, class T, class Convert>
void read_converted(const Source& source, const Tensor& tensor, const Convert& convert) {
  T* to = data<T>(tensor);
  std::array<Stored, block_size> block;
  for (std::int64_t done = 0, n = 0; done < tensor.numel(); done += n) {
    n = std::min(tensor.numel() - done, block_size);
    source.read(block.data(), n * static_cast<std::int64_t>(sizeof(Stored)));
    if (source.swapped) swap_bytes(block.data(), n);
    for (std::int64_t i = 0; i < n; ++i) to[done + i] = convert(block[static_cast<std::size_t>(i)]);
  }
}
template <class Stored, class T>
void read_widened(const Source& source, const Tensor& tensor) {
  read_converted<Stored, T>(source, tensor, [](Stored value) { return static_cast<T>(value); });
}

void check_flags(const Source& source, const Tensor& tensor) {
  const auto* bytes = data<std::uint8_t>(tensor);
  const auto* wrong = std::find_if(bytes, bytes + tensor.numel(), [](std::uint8_t byte) { return byte > 1; });
  if (wrong != bytes + tensor.numel())
    source.task.fail("{}: element {} is the byte {}; a truth value is 0 or 1", source.what, wrong - bytes, *wrong);
}
}  // namespace

std::span<const EncodingRow> encodings() noexcept { return rows; }
const EncodingRow& row_of(Encoding encoding) noexcept { return rows[static_cast<std::size_t>(encoding)]; }
Encoding encoding_of(Dtype dtype) noexcept {
  return std::find_if(rows.begin(), rows.end(), [&](auto& row) { return row.dtype == dtype; })->encoding;
}
bool is_verbatim(Encoding encoding) noexcept { return encoding_of(row_of(encoding).dtype) == encoding; }

std::optional<std::int64_t> encoded_bytes(Encoding encoding, const Shape& shape) {
  const EncodingRow& kind = row_of(encoding);
  std::int64_t extent = std::max(kind.size, element_size(kind.dtype));
  bool empty = false;
  for (const std::int64_t size : shape) {
    empty = empty || size == 0;
    if (__builtin_mul_overflow(extent, std::max<std::int64_t>(size, 1), &extent)) return {};
  }
  if (extent > std::numeric_limits<std::int64_t>::max() / 2) return {};
  return empty ? 0 : numel(shape) * kind.size;
}

Tensor read_elements(const FileTask& task, const std::string& what, const ReadBytes& read, Encoding encoding,
                     const Shape& shape, bool swapped) {
  const EncodingRow& kind = row_of(encoding);
  const Source source{task, what, read, swapped};
  Tensor tensor = make_tensor(shape, kind.dtype);
  switch (encoding) {
    case Encoding::f16:
      read_converted<std::uint16_t, float>(source, tensor, widen_half);
      break;
    case Encoding::bf16:
      read_converted<std::uint16_t, float>(source, tensor, widen_bfloat);
      break;
    case Encoding::i8:
      read_widened<std::int8_t, std::int32_t>(source, tensor);
      break;
    case Encoding::i16:
      read_widened<std::int16_t, std::int32_t>(source, tensor);
      break;
    case Encoding::u16:
      read_widened<std::uint16_t, std::int32_t>(source, tensor);
      break;
    case Encoding::u32:
      read_widened<std::uint32_t, std::int64_t>(source, tensor);
      break;
    case Encoding::u64:
      read_converted<std::uint64_t, std::int64_t>(source, tensor, [&](std::uint64_t value) {
        if (std::in_range<std::int64_t>(value)) return static_cast<std::int64_t>(value);
        task.fail("{}: the number {} does not go into an int64", what, value);
      });
      break;
    default:
      read(impl(tensor).raw(), tensor.numel() * kind.size);
      if (swapped) swap_bytes(impl(tensor).raw(), tensor.numel(), kind.size);
      if (encoding == Encoding::boolean) check_flags(source, tensor);
  }
  return tensor;
}

void write_elements(const FileTask& task, const std::string& what, const WriteBytes& write, Encoding encoding,
                    const Tensor& tensor) {
  const Tensor all = dense(tensor);
  if (is_verbatim(encoding)) return write(impl(all).raw(), all.numel() * row_of(encoding).size);
  const auto narrow = encoding == Encoding::f16 ? narrow_half : narrow_bfloat;
  const auto widen = encoding == Encoding::f16 ? widen_half : widen_bfloat;
  const float* from = data<float>(all);
  std::array<std::uint16_t, block_size> block;
  for (std::int64_t done = 0, n = 0; done < all.numel(); done += n) {
    n = std::min(all.numel() - done, block_size);
    for (std::int64_t i = 0; i < n; ++i) {
      const float value = from[done + i];
      const std::uint16_t stored = block[static_cast<std::size_t>(i)] = narrow(value);
      check<ValueError>(!std::isinf(widen(stored)) || std::isinf(value), task.here,
                        "{}: {}: element {} is {}, too large for {}; the largest is {}", task.op, what, done + i, value,
                        row_of(encoding).safetensors, widen(encoding == Encoding::f16 ? 0x7bff : 0x7f7f));
    }
    write(block.data(), 2 * n);
  }
}

}  // namespace xgrad::detail
