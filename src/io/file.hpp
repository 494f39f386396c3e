// Files by their descriptors. Every failure is an IoError: `op: path: what is wrong`.
#pragma once
#include <xgrad/error.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/check.hpp"

namespace xgrad::detail {

// Who works on which file for whom: what an error message needs.
struct FileTask {
  const char* op;
  std::string path;
  Here here;

  template <class... Args>
  [[noreturn, gnu::cold, gnu::noinline]] void fail(fmt::format_string<Args...> format, Args&&... args) const {
    raise<IoError>(here, "{}: {}: {}", op, path, fmt::format(format, std::forward<Args>(args)...));
  }
  // With the system's words for errno.
  [[noreturn, gnu::cold]] void fail_system(const char* what) const;
  // Refuses an empty path, and one that would be cut at a zero byte.
  void check_path() const;
};

// Text from a file for a message: short, and one line.
std::string excerpt(std::string_view text);

class Descriptor {
 public:
  Descriptor() noexcept = default;
  explicit Descriptor(int number) noexcept : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(other.leak()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();
  int get() const noexcept { return number_; }
  int leak() noexcept;
  // Closes it now; false, with errno, when the system reports a late error.
  bool close() noexcept;

 private:
  int number_ = -1;
};

// Opens a regular file to read. Never blocks on a pipe.
Descriptor open_to_read(const FileTask& task);
std::int64_t file_size(const FileTask& task, const Descriptor& file);
// Reads exactly `bytes` bytes at `offset`; the file's end before that is an error.
void read_exactly(const FileTask& task, const Descriptor& file, void* to, std::int64_t bytes, std::int64_t offset);

// A whole file as memory. What is written there stays there: the file does not change.
class Mapping {
 public:
  // None where the file system or the system refuses.
  static std::shared_ptr<Mapping> of(const Descriptor& file, std::int64_t bytes);
  Mapping(std::byte* data, std::size_t bytes) noexcept : data_(data), bytes_(bytes) {}
  ~Mapping();
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  std::byte* data() const noexcept { return data_; }
  // Nobody looks at these bytes again: the pages that hold nothing else go back to the system.
  static void release(std::byte* data, std::int64_t bytes) noexcept;

 private:
  std::byte* data_;
  std::size_t bytes_;
};

// A file that replaces the one at the task's path when commit() is called, and leaves no trace otherwise.
class ReplacingFile {
 public:
  explicit ReplacingFile(const FileTask& task);
  ~ReplacingFile();
  ReplacingFile(const ReplacingFile&) = delete;
  ReplacingFile& operator=(const ReplacingFile&) = delete;
  void write(const void* from, std::int64_t bytes) { write_at(from, bytes, written_); }
  // The same at a place that was written before, or at the end.
  void write_at(const void* from, std::int64_t bytes, std::int64_t offset);
  std::int64_t size() const noexcept { return written_; }
  // Flushes to the disk and renames.
  void commit();

 private:
  const FileTask& task_;
  std::string target_, temporary_, directory_;
  Descriptor file_;
  // Bytes of the file, and how many of them the disk was told to write.
  std::int64_t written_ = 0, started_ = 0;
};

}  // namespace xgrad::detail
