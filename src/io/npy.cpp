#include <xgrad/io/npy.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

#include "core/tensor_impl.hpp"
#include "io/elements.hpp"
#include "io/npy_header.hpp"
#include "io/zip.hpp"

namespace xgrad {

namespace {
using detail::FileTask;

constexpr std::string_view magic = "\x93NUMPY", suffix = ".npy";
// NumPy's own bound for text that it trusts is lower still.
constexpr std::int64_t longest_header = 1'000'000;

// The array of a file, or member of an archive, of this many bytes.
Tensor read_npy(const FileTask& task, const std::string& what, const detail::ReadBytes& read, std::int64_t bytes) {
  std::array<char, 12> start{};
  const std::int64_t shortest = 10;
  if (bytes < shortest) task.fail("{}: not a .npy file: {} bytes; the shortest header takes more", what, bytes);
  read(start.data(), shortest);
  if (std::string_view(start.data(), magic.size()) != magic)
    task.fail("{}: not a .npy file: it does not begin with \\x93NUMPY{}", what,
              start[0] == 'P' && start[1] == 'K' ? "; it is a zip archive, which load_npz reads" : "");
  const auto byte = [&](std::size_t i) { return std::int64_t{static_cast<unsigned char>(start[i])}; };
  const std::int64_t version = byte(6);
  if (version < 1 || version > 3)
    task.fail("{}: version {}.{} of the format; 1, 2 and 3 can be read", what, version, byte(7));
  std::int64_t begin = shortest, length = byte(8) | byte(9) << 8;
  if (version > 1) {
    begin = 12;
    if (bytes < begin) task.fail("{}: cut: its header's length is missing", what);
    read(start.data() + shortest, begin - shortest);
    length |= byte(10) << 16 | byte(11) << 24;
  }
  if (length > bytes - begin)
    task.fail("{}: cut: a header of {} bytes is announced, {} follow", what, length, bytes - begin);
  if (length > longest_header) task.fail("{}: malformed header: it is {} bytes long", what, length);
  std::string text(static_cast<std::size_t>(length), ' ');
  read(text.data(), length);
  detail::NpyHeader header = detail::read_npy_header(task, what, text);

  const auto wanted = detail::encoded_bytes(header.encoding, header.shape);
  if (!wanted) task.fail("{}: its shape {} is too large", what, header.shape);
  const std::int64_t there = bytes - begin - length;
  if (*wanted > there) task.fail("{}: cut: its shape {} takes {} bytes, {} follow", what, header.shape, *wanted, there);
  if (*wanted < there)
    task.fail("{}: too long: its shape {} takes {} bytes, {} follow", what, header.shape, *wanted, there);
  if (!header.fortran_order)
    return detail::read_elements(task, what, read, header.encoding, header.shape, header.swapped);
  std::reverse(header.shape.begin(), header.shape.end());
  const Tensor columns = detail::read_elements(task, what, read, header.encoding, header.shape, header.swapped);
  Shape shape = columns.sizes(), strides = columns.strides();
  std::reverse(shape.begin(), shape.end());
  std::reverse(strides.begin(), strides.end());
  return detail::dense(detail::make_view(columns, std::move(shape), std::move(strides), 0));
}

// Where the array of a name is in an archive.
std::size_t place_of(const FileTask& task, const detail::ZipReader& archive, const std::string& name) {
  const auto& members = archive.members();
  const auto found = std::find_if(members.begin(), members.end(),
                                  [&](const auto& member) { return member.name == name + std::string(suffix); });
  if (found == members.end()) task.fail("there is no array \"{}\" among the {} here", name, members.size());
  return static_cast<std::size_t>(found - members.begin());
}
}  // namespace

Tensor load_npy(const std::string& path, Here here) {
  const FileTask task{"load_npy", path, here};
  const detail::Descriptor file = detail::open_to_read(task);
  const auto read = [&, offset = std::int64_t{0}](void* to, std::int64_t bytes) mutable {
    detail::read_exactly(task, file, to, bytes, offset);
    offset += bytes;
  };
  return read_npy(task, "the array", read, detail::file_size(task, file));
}

void save_npy(const Tensor& tensor, const std::string& path, Here here) {
  const FileTask task{"save_npy", path, here};
  detail::check<ValueError>(tensor.defined(), here, "save_npy: the tensor is undefined");
  const std::string header = detail::write_npy_header(tensor.dtype(), tensor.sizes());
  detail::ReplacingFile file(task);
  const auto write = [&](const void* from, std::int64_t bytes) { file.write(from, bytes); };
  write(header.data(), static_cast<std::int64_t>(header.size()));
  detail::write_elements(task, "the array", write, detail::encoding_of(tensor.dtype()), tensor);
  file.commit();
}

StateDict load_npz(const std::string& path, const LoadNpzOptions& options, Here here) {
  const FileTask task{"load_npz", path, here};
  detail::ZipReader archive(task);
  std::vector<std::size_t> places;
  for (const std::string& name : options.names) places.push_back(place_of(task, archive, name));
  if (options.names.empty())
    for (std::size_t i = 0; i < archive.members().size(); ++i) places.push_back(i);
  StateDict tensors;
  for (const std::size_t place : places) {
    const auto& [member, bytes] = archive.members()[place];
    if (!member.ends_with(suffix) || member.size() == suffix.size())
      task.fail("\"{}\" is not an array: its name is not NAME.npy", detail::excerpt(member));
    const std::string name = member.substr(0, member.size() - suffix.size());
    if (tensors.contains(name)) task.fail("the array \"{}\" is there twice", detail::excerpt(name));
    archive.open(place);
    const auto read = [&](void* to, std::int64_t count) { archive.read(to, count); };
    const Tensor tensor = read_npy(task, fmt::format("\"{}\"", detail::excerpt(name)), read, bytes);
    archive.finish();
    tensors.insert(name, tensor, here);
  }
  return tensors;
}

void save_npz(const StateDict& tensors, const std::string& path, const SaveNpzOptions& options, Here here) {
  const FileTask task{"save_npz", path, here};
  std::vector<Tensor> dense;
  std::vector<std::string> headers;
  for (const auto& [name, tensor] : tensors) {
    dense.push_back(detail::dense(tensor));
    headers.push_back(detail::write_npy_header(tensor.dtype(), tensor.sizes()));
  }
  std::vector<detail::ZipMember> members;
  for (std::size_t i = 0; i < dense.size(); ++i) {
    const auto bytes = static_cast<std::size_t>(dense[i].numel() * element_size(dense[i].dtype()));
    members.push_back({tensors.begin()[static_cast<std::ptrdiff_t>(i)].first + std::string(suffix),
                       headers[i],
                       {reinterpret_cast<const char*>(detail::impl(dense[i]).raw()), bytes}});
  }
  detail::write_zip(task, members, options.compressed);
}

}  // namespace xgrad
