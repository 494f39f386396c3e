#include <xgrad/data/idx.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <optional>
#include <vector>

#include "core/tensor_impl.hpp"
#include "io/stream.hpp"

namespace xgrad::data {

namespace {
using detail::FileTask;
using detail::InputStream;

struct ElementType {
  std::uint8_t code;
  std::int64_t size;
  Dtype dtype;
};
constexpr std::array<ElementType, 6> element_types{
    {{0x08, 1, uint8}, {0x09, 1, int32}, {0x0b, 2, int32}, {0x0c, 4, int32}, {0x0d, 4, float32}, {0x0e, 8, float64}}};
constexpr int most_dimensions = 64;

template <class Unsigned>
Unsigned from_big_endian(const std::uint8_t* bytes) {
  Unsigned value = 0;
  for (std::size_t i = 0; i < sizeof(Unsigned); ++i) value = static_cast<Unsigned>(value << 8 | bytes[i]);
  return value;
}

template <class To, class Unsigned, class Stored = To>
void convert(const std::vector<std::uint8_t>& bytes, const Tensor& to) {
  To* out = detail::data<To>(to);
  const std::int64_t count = to.numel();
  for (std::int64_t i = 0; i < count; ++i)
    out[i] = static_cast<To>(std::bit_cast<Stored>(
        from_big_endian<Unsigned>(bytes.data() + i * static_cast<std::int64_t>(sizeof(Unsigned)))));
}

void convert(std::uint8_t code, const std::vector<std::uint8_t>& bytes, const Tensor& to) {
  switch (code) {
    case 0x08:
      std::copy(bytes.begin(), bytes.end(), detail::data<std::uint8_t>(to));
      break;
    case 0x09:
      convert<std::int32_t, std::uint8_t, std::int8_t>(bytes, to);
      break;
    case 0x0b:
      convert<std::int32_t, std::uint16_t, std::int16_t>(bytes, to);
      break;
    case 0x0c:
      convert<std::int32_t, std::uint32_t>(bytes, to);
      break;
    case 0x0d:
      convert<float, std::uint32_t>(bytes, to);
      break;
    default:
      convert<double, std::uint64_t>(bytes, to);
      break;
  }
}

struct IdxHeader {
  ElementType type;
  Shape shape;
  std::int64_t data_bytes;
};

IdxHeader read_header(const FileTask& task, InputStream& stream) {
  std::array<std::uint8_t, 4> magic;
  if (stream.read(magic.data(), 4) != 4) task.fail("not an IDX file: it is shorter than 4 bytes");
  if (magic[0] != 0 || magic[1] != 0)
    task.fail("not an IDX file: it begins with {:02x} {:02x} instead of 00 00", magic[0], magic[1]);
  const auto* type = std::find_if(element_types.begin(), element_types.end(),
                                  [&](const ElementType& candidate) { return candidate.code == magic[2]; });
  if (type == element_types.end()) task.fail("not an IDX file: there is no element type 0x{:02x}", magic[2]);
  if (magic[3] > most_dimensions) task.fail("malformed: {} dimensions; at most {} are read", magic[3], most_dimensions);

  IdxHeader header{*type, Shape(magic[3], 0), 0};
  std::int64_t extent = type->size;
  bool empty = false;
  for (std::int64_t& size : header.shape) {
    std::array<std::uint8_t, 4> field;
    if (stream.read(field.data(), 4) != 4) task.fail("cut: it ends within the sizes of its {} dimensions", magic[3]);
    size = from_big_endian<std::uint32_t>(field.data());
    empty = empty || size == 0;
    if (__builtin_mul_overflow(extent, std::max<std::int64_t>(size, 1), &extent) ||
        extent > std::numeric_limits<std::int64_t>::max() / 8)
      task.fail("malformed: the sizes of its dimensions are too large");
  }
  header.data_bytes = empty ? 0 : extent;
  return header;
}

// Grows with what arrives, because packed data does not tell how much it is and the header may lie.
std::vector<std::uint8_t> read_data(const FileTask& task, InputStream& stream, const IdxHeader& header) {
  constexpr std::int64_t first_step = 1 << 20;
  std::vector<std::uint8_t> bytes;
  std::int64_t filled = 0;
  while (filled < header.data_bytes) {
    const std::int64_t next = std::min(header.data_bytes, std::max(first_step, 2 * filled));
    bytes.resize(static_cast<std::size_t>(next));
    filled += stream.read(bytes.data() + filled, next - filled);
    if (filled < next)
      task.fail("cut: its header says {}, which is {} bytes of data; it has {}", header.shape, header.data_bytes,
                filled);
  }
  std::uint8_t more;
  if (stream.read(&more, 1) != 0)
    task.fail("too long: there is more than the {} bytes of data for the {} that its header says", header.data_bytes,
              header.shape);
  return bytes;
}
}  // namespace

Tensor read_idx(const std::string& path, Here here) {
  const FileTask task{"read_idx", path, here};
  InputStream stream(task);
  const IdxHeader header = read_header(task, stream);
  const std::vector<std::uint8_t> bytes = read_data(task, stream, header);
  Tensor result = detail::make_tensor(header.shape, header.type.dtype);
  convert(header.type.code, bytes, result);
  return result;
}

}  // namespace xgrad::data
