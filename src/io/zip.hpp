// Zip archives: members in and out.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "io/file.hpp"

struct zip;
struct zip_file;

namespace xgrad::detail {

class ZipReader {
 public:
  struct Member {
    std::string name;
    std::int64_t bytes = 0;  // unpacked
  };
  explicit ZipReader(const FileTask& task);
  ~ZipReader();
  ZipReader(const ZipReader&) = delete;
  ZipReader& operator=(const ZipReader&) = delete;
  // In their order. Their sizes are as the archive states them, and possible for what lies packed in the file.
  const std::vector<Member>& members() const noexcept { return members_; }
  // Begins to read a member, instead of the one before.
  void open(std::size_t member);
  // The next bytes of it, exactly.
  void read(void* to, std::int64_t bytes);
  // Sees that nothing more comes, and that the member's checksum is right.
  void finish();

 private:
  [[noreturn]] void fail_member(const char* problem) const;

  const FileTask& task_;
  std::vector<Member> members_;
  zip* archive_ = nullptr;
  zip_file* file_ = nullptr;
  std::size_t open_member_ = 0;
};

// A member's bytes in two pieces, which must stay until the archive is written.
struct ZipMember {
  std::string name;
  std::string_view head, data;
};
// Writes an archive as a ReplacingFile. ValueError: a name that is not UTF-8.
void write_zip(const FileTask& task, const std::vector<ZipMember>& members, bool compressed);

}  // namespace xgrad::detail
