// A file read from its begin to its end, unpacked on the way when it is gzip by its first bytes.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>

#include "io/file.hpp"

struct gzFile_s;

namespace xgrad::detail {

class InputStream {
 public:
  explicit InputStream(const FileTask& task);
  // Reads up to `bytes` bytes; fewer only at the end. IoError where the file cannot be read or its gzip data is damaged
  // or cut.
  std::int64_t read(void* to, std::int64_t bytes);
  // The file's own size, packed or not.
  std::int64_t file_size() const noexcept { return file_size_; }
  bool is_packed() const noexcept { return packed_; }

 private:
  struct Close {
    void operator()(gzFile_s* file) const noexcept;
  };
  const FileTask& task_;
  std::int64_t file_size_ = 0;
  bool packed_ = false;
  std::unique_ptr<gzFile_s, Close> file_;
};

}  // namespace xgrad::detail
