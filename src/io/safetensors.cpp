#include <xgrad/io/safetensors.hpp>
#include <xgrad/ops/creation.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <memory>
#include <utility>

#include "core/tensor_impl.hpp"
#include "io/file.hpp"
#include "io/safetensors_header.hpp"

namespace xgrad {

namespace {
using detail::Encoding;
using detail::FileTask;
using detail::Header;
using detail::HeaderEntry;

constexpr std::int64_t prefix_bytes = 8;
// The format's own bound.
constexpr std::int64_t longest_header = 100'000'000;

Encoding encoding_for(const Tensor& tensor, FloatFormat float32_as) {
  if (tensor.dtype() != float32 || float32_as == FloatFormat::f32) return detail::encoding_of(tensor.dtype());
  return float32_as == FloatFormat::f16 ? Encoding::f16 : Encoding::bf16;
}

// Lays the data out by falling element size, so that every tensor is aligned to its elements although the format allows
// no gaps.
std::vector<std::size_t> place_data(const StateDict& tensors, FloatFormat float32_as, Header& header) {
  std::vector<std::size_t> order;
  for (const auto& [name, tensor] : tensors) {
    order.push_back(order.size());
    header.entries.push_back({name, encoding_for(tensor, float32_as), tensor.sizes(), 0, 0});
  }
  auto size = [&](std::size_t i) { return detail::row_of(header.entries[i].encoding).size; };
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

// A BOOL is read, because its bytes are checked and must not change afterwards.
bool is_mapped(const OpenFile& source, const HeaderEntry& entry) {
  if (!detail::is_verbatim(entry.encoding) || entry.encoding == Encoding::boolean) return false;
  return entry.end - entry.begin >= mapped_bytes &&
         (source.data_begin + entry.begin) % detail::row_of(entry.encoding).size == 0;
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
                   {.dtype = detail::row_of(entry.encoding).dtype},
                   [mapping = source.mapping, bytes = entry.end - entry.begin](void* data) {
                     detail::Mapping::release(static_cast<std::byte*>(data), bytes);
                   });
}

std::string name_of(const HeaderEntry& entry) { return fmt::format("tensor \"{}\"", detail::excerpt(entry.name)); }

Tensor read_tensor(const FileTask& task, const OpenFile& source, const HeaderEntry& entry) {
  const auto read = [&, offset = source.data_begin + entry.begin](void* to, std::int64_t bytes) mutable {
    detail::read_exactly(task, source.file, to, bytes, offset);
    offset += bytes;
  };
  return detail::read_elements(task, name_of(entry), read, entry.encoding, entry.shape);
}

}  // namespace

void save(const StateDict& tensors, const std::string& path, const SaveOptions& options, Here here) {
  const FileTask task{"save", path, here};
  Header header;
  header.metadata = options.metadata;
  const std::vector<std::size_t> order = place_data(tensors, options.float32_as, header);
  const std::string prefix = make_prefix(task, header);
  detail::ReplacingFile file(task);
  const auto write = [&](const void* from, std::int64_t bytes) { file.write(from, bytes); };
  write(prefix.data(), static_cast<std::int64_t>(prefix.size()));
  for (const std::size_t i : order) {
    const HeaderEntry& entry = header.entries[i];
    detail::write_elements(task, name_of(entry), write, entry.encoding,
                           tensors.begin()[static_cast<std::ptrdiff_t>(i)].second);
  }
  file.commit();
}

void save(const StateDict& tensors, const std::string& path, const Metadata& metadata, Here here) {
  save(tensors, path, SaveOptions{.metadata = metadata}, here);
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
