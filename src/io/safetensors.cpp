#include <xgrad/io/safetensors.hpp>
#include <xgrad/ops/creation.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <memory>
#include <utility>

#include "core/tensor_impl.hpp"
#include "io/file.hpp"
#include "io/safetensors_header.hpp"

namespace xgrad {

static_assert(std::endian::native == std::endian::little,
              "safetensors files are read and written as memory holds them");

namespace {
using detail::Encoding;
using detail::FileTask;
using detail::Header;
using detail::HeaderEntry;

constexpr std::int64_t prefix_bytes = 8;
// The format's own bound.
constexpr std::int64_t longest_header = 100'000'000;

// Lays the data out by falling element size, so that every tensor is aligned to its elements although the format allows
// no gaps.
std::vector<std::size_t> place_data(const StateDict& tensors, Header& header) {
  std::vector<std::size_t> order;
  for (const auto& [name, tensor] : tensors) {
    order.push_back(order.size());
    header.entries.push_back({name, detail::encoding_of(tensor.dtype()), tensor.sizes(), 0, 0});
  }
  auto size = [&](std::size_t i) { return detail::encoded_size(header.entries[i].encoding); };
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return size(a) > size(b); });
  std::int64_t offset = 0;
  for (const std::size_t i : order) {
    HeaderEntry& entry = header.entries[i];
    entry.begin = offset;
    entry.end = offset += numel(entry.shape) * size(i);
  }
  return order;
}

// The header's text, its own length before it, and spaces after it up to a multiple of 8 bytes.
std::string make_prefix(const FileTask& task, const Header& header) {
  std::string text = detail::write_header(task, header);
  text.resize((text.size() + 7) / 8 * 8, ' ');
  detail::check<ValueError>(static_cast<std::int64_t>(text.size()) <= longest_header, task.here,
                            "{}: the names, shapes and metadata take {} bytes; the format allows {}", task.op,
                            text.size(), longest_header);
  const auto bytes = std::bit_cast<std::array<char, prefix_bytes>>(static_cast<std::uint64_t>(text.size()));
  return std::string(bytes.begin(), bytes.end()) + text;
}

// Tensors of this size and more lie where the file is mapped: they take memory and time when somebody looks at them.
// Below it a mapping costs more than reading.
constexpr std::int64_t mapped_bytes = 512 << 10;

struct OpenFile {
  detail::Descriptor file;
  Header header;
  std::int64_t data_begin;
  std::shared_ptr<detail::Mapping> mapping;
};

OpenFile open(const FileTask& task) {
  OpenFile result{detail::open_to_read(task), {}, 0, nullptr};
  const std::int64_t size = detail::file_size(task, result.file);
  if (size < prefix_bytes) task.fail("not a safetensors file: {} bytes; the length of its header takes 8", size);
  std::uint64_t stated;
  detail::read_exactly(task, result.file, &stated, prefix_bytes, 0);
  if (stated > static_cast<std::uint64_t>(size - prefix_bytes))
    task.fail("cut, or not a safetensors file: a header of {} bytes is announced, {} follow", stated,
              size - prefix_bytes);
  if (stated > static_cast<std::uint64_t>(longest_header))
    task.fail("malformed header: it is {} bytes long; the format allows {}", stated, longest_header);
  std::string text(static_cast<std::size_t>(stated), ' ');
  detail::read_exactly(task, result.file, text.data(), static_cast<std::int64_t>(stated), prefix_bytes);
  result.data_begin = prefix_bytes + static_cast<std::int64_t>(stated);
  result.header = detail::read_header(task, text, size - result.data_begin);
  return result;
}

float widen_half(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000) << 16;
  const std::uint32_t exponent = (half >> 10) & 31, fraction = half & 0x3ff;
  if (exponent == 0) {
    const float magnitude = static_cast<float>(fraction) * 0x1p-24F;
    return sign ? -magnitude : magnitude;
  }
  const std::uint32_t wide = exponent == 31 ? 255 : exponent + 112;
  return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
}
float widen_bfloat(std::uint16_t value) { return std::bit_cast<float>(static_cast<std::uint32_t>(value) << 16); }

template <class Widen>
void read_widened(const FileTask& task, const detail::Descriptor& file, float* to, std::int64_t count,
                  std::int64_t offset, Widen widen) {
  std::array<std::uint16_t, 16384> block;
  for (std::int64_t done = 0; done < count;) {
    const std::int64_t n = std::min<std::int64_t>(count - done, block.size());
    detail::read_exactly(task, file, block.data(), 2 * n, offset + 2 * done);
    for (std::int64_t i = 0; i < n; ++i) to[done + i] = widen(block[static_cast<std::size_t>(i)]);
    done += n;
  }
}

// A BOOL is read, because its bytes are checked and must not change afterwards.
bool is_mapped(const OpenFile& source, const HeaderEntry& entry) {
  switch (entry.encoding) {
    case Encoding::f16:
    case Encoding::bf16:
    case Encoding::boolean:
      return false;
    default:
      break;
  }
  return entry.end - entry.begin >= mapped_bytes &&
         (source.data_begin + entry.begin) % detail::encoded_size(entry.encoding) == 0;
}

void map_large_tensors(OpenFile& source) {
  const auto& entries = source.header.entries;
  std::int64_t end = 0;
  for (const HeaderEntry& entry : entries)
    if (is_mapped(source, entry)) end = std::max(end, entry.end);
  if (end > 0) source.mapping = detail::Mapping::of(source.file, source.data_begin + end);
}

Tensor mapped_tensor(const OpenFile& source, const HeaderEntry& entry) {
  return from_blob(source.mapping->data() + source.data_begin + entry.begin, entry.shape,
                   {.dtype = detail::dtype_of_encoding(entry.encoding)},
                   [mapping = source.mapping, bytes = entry.end - entry.begin](void* data) {
                     detail::Mapping::release(static_cast<std::byte*>(data), bytes);
                   });
}

Tensor read_tensor(const FileTask& task, const OpenFile& source, const HeaderEntry& entry) {
  const Tensor tensor = detail::make_tensor(entry.shape, detail::dtype_of_encoding(entry.encoding));
  const std::int64_t offset = source.data_begin + entry.begin;
  if (entry.encoding == Encoding::f16) {
    read_widened(task, source.file, detail::data<float>(tensor), tensor.numel(), offset, widen_half);
  } else if (entry.encoding == Encoding::bf16) {
    read_widened(task, source.file, detail::data<float>(tensor), tensor.numel(), offset, widen_bfloat);
  } else {
    detail::read_exactly(task, source.file, detail::impl(tensor).raw(), entry.end - entry.begin, offset);
  }
  if (entry.encoding == Encoding::boolean) {
    const auto* bytes = detail::data<std::uint8_t>(tensor);
    const auto* wrong = std::find_if(bytes, bytes + tensor.numel(), [](std::uint8_t byte) { return byte > 1; });
    if (wrong != bytes + tensor.numel())
      task.fail("tensor \"{}\": element {} is the byte {}; a BOOL is 0 or 1", detail::excerpt(entry.name),
                wrong - bytes, *wrong);
  }
  return tensor;
}
}  // namespace

void save(const StateDict& tensors, const std::string& path, const Metadata& metadata, Here here) {
  const FileTask task{"save", path, here};
  Header header;
  header.metadata = metadata;
  const std::vector<std::size_t> order = place_data(tensors, header);
  const std::string prefix = make_prefix(task, header);
  detail::ReplacingFile file(task);
  file.write(prefix.data(), static_cast<std::int64_t>(prefix.size()));
  for (const std::size_t i : order) {
    const Tensor dense = detail::dense(tensors.begin()[static_cast<std::ptrdiff_t>(i)].second);
    file.write(detail::impl(dense).raw(), header.entries[i].end - header.entries[i].begin);
  }
  file.commit();
}

StateDict load(const std::string& path, Here here) {
  const FileTask task{"load", path, here};
  OpenFile source = open(task);
  map_large_tensors(source);
  StateDict tensors;
  for (const HeaderEntry& entry : source.header.entries) {
    const bool mapped = source.mapping && is_mapped(source, entry);
    tensors.insert(entry.name, mapped ? mapped_tensor(source, entry) : read_tensor(task, source, entry), here);
  }
  return tensors;
}

Metadata load_metadata(const std::string& path, Here here) {
  return open({"load_metadata", path, here}).header.metadata;
}

}  // namespace xgrad
