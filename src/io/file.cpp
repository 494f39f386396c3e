#include "io/file.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "kernels/parallel.hpp"

namespace xgrad::detail {

namespace {
// The kernel moves at most about 2 GB at once.
constexpr std::int64_t largest_transfer = std::int64_t{1} << 30;

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// A link stays a link: what it points to is replaced. Permissions of what is there are kept.
struct Existing {
  std::string path;
  bool exists = false;
  mode_t mode = 0;
};
Existing look_at(const FileTask& task) {
  Existing found{task.path};
  struct stat status;
  if (::stat(task.path.c_str(), &status) != 0) {
    if (errno != ENOENT) task.fail_system("cannot be written");
    return found;
  }
  if (S_ISDIR(status.st_mode)) task.fail("cannot be written: it is a directory");
  if (!S_ISREG(status.st_mode)) task.fail("cannot be written: it is not a regular file");
  const std::unique_ptr<char, decltype(&std::free)> resolved(::realpath(task.path.c_str(), nullptr), &std::free);
  if (!resolved) task.fail_system("cannot be written");
  found.path = resolved.get();
  found.exists = true;
  found.mode = status.st_mode & 07777;
  return found;
}
}  // namespace

std::string excerpt(std::string_view text) {
  constexpr std::size_t longest = 60;
  std::string result;
  for (const char c : text.substr(0, longest)) result += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
  return text.size() > longest ? result + "..." : result;
}

void FileTask::fail_system(const char* what) const { fail("{}: {}", what, std::generic_category().message(errno)); }

void FileTask::check_path() const {
  if (path.empty()) fail("the path is empty");
  check<IoError>(path.find('\0') == std::string::npos, here, "{}: the path has a zero byte in it", op);
}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(number_, other.number_);
  return *this;
}
Descriptor::~Descriptor() { close(); }
int Descriptor::leak() noexcept { return std::exchange(number_, -1); }
bool Descriptor::close() noexcept { return number_ < 0 || ::close(leak()) == 0; }

Descriptor open_to_read(const FileTask& task) {
  task.check_path();
  Descriptor file(::open(task.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) task.fail_system("cannot be opened");
  struct stat status;
  if (::fstat(file.get(), &status) != 0) task.fail_system("cannot be examined");
  if (S_ISDIR(status.st_mode)) task.fail("cannot be read: it is a directory");
  if (!S_ISREG(status.st_mode)) task.fail("cannot be read: it is not a regular file");
  return file;
}

std::int64_t file_size(const FileTask& task, const Descriptor& file) {
  struct stat status;
  if (::fstat(file.get(), &status) != 0) task.fail_system("cannot be examined");
  return status.st_size;
}

namespace {
// Reads until nothing is left, and returns what is: 0, or where the file ended or the system refused (errno).
std::int64_t read_rest(const Descriptor& file, char* to, std::int64_t bytes, std::int64_t offset, int& error) noexcept {
  error = 0;
  while (bytes > 0) {
    const ssize_t got = ::pread(file.get(), to, static_cast<std::size_t>(std::min(bytes, largest_transfer)), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      error = got < 0 ? errno : 0;
      break;
    }
    to += got;
    offset += got;
    bytes -= got;
  }
  return bytes;
}
}  // namespace

void read_exactly(const FileTask& task, const Descriptor& file, void* to, std::int64_t bytes, std::int64_t offset) {
  // One thread copies from the system's cache at half of what memory gives.
  constexpr std::int64_t range = std::int64_t{1} << 20;
  std::atomic<bool> complete{true};
  parallel_for(bytes, range, bytes / 4, [&](std::int64_t begin, std::int64_t end) {
    int error;
    if (read_rest(file, static_cast<char*>(to) + begin, end - begin, offset + begin, error) != 0) complete = false;
  });
  if (complete) return;
  // Once more in order, for the place and the reason.
  int error;
  const std::int64_t missing = read_rest(file, static_cast<char*>(to), bytes, offset, error);
  if (missing == 0) return;
  errno = error;
  if (error != 0) task.fail_system("cannot be read");
  task.fail("it ended while it was read: byte {} is missing", offset + bytes - missing);
}

std::shared_ptr<Mapping> Mapping::of(const Descriptor& file, std::int64_t bytes) {
  const auto size = static_cast<std::size_t>(bytes);
  void* data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, file.get(), 0);
  if (data == MAP_FAILED) return nullptr;
  return std::make_shared<Mapping>(static_cast<std::byte*>(data), size);
}
Mapping::~Mapping() { ::munmap(data_, bytes_); }

void Mapping::release(std::byte* data, std::int64_t bytes) noexcept {
  static const std::int64_t page = ::sysconf(_SC_PAGESIZE);
  const auto address = reinterpret_cast<std::intptr_t>(data);
  const std::int64_t begin = (address + page - 1) / page * page, end = (address + bytes) / page * page;
  if (begin < end) ::madvise(data + (begin - address), static_cast<std::size_t>(end - begin), MADV_DONTNEED);
}

ReplacingFile::ReplacingFile(const FileTask& task) : task_(task) {
  task.check_path();
  const Existing existing = look_at(task);
  target_ = existing.path;
  directory_ = directory_of(target_);
  static std::atomic<unsigned> serial{0};
  do {
    temporary_ = fmt::format("{}/.xgrad-{}-{}.tmp", directory_, ::getpid(), serial.fetch_add(1));
    file_ = Descriptor(::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  } while (file_.get() < 0 && errno == EEXIST);
  if (file_.get() < 0) {
    temporary_.clear();
    task.fail_system("cannot be written (a new file in its directory)");
  }
  if (existing.exists && ::fchmod(file_.get(), existing.mode) != 0) {
    const int error = errno;
    ::unlink(temporary_.c_str());
    errno = error;
    task.fail_system("its permissions cannot be kept");
  }
}

ReplacingFile::~ReplacingFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void ReplacingFile::write_at(const void* from, std::int64_t bytes, std::int64_t offset) {
  // The disk starts on what is there while the rest is still being copied; commit() waits for it. A hint: what goes
  // wrong with it, the flush reports.
  constexpr std::int64_t window = std::int64_t{8} << 20;
  const char* cursor = static_cast<const char*>(from);
  while (bytes > 0) {
    const ssize_t put = ::pwrite(file_.get(), cursor, static_cast<std::size_t>(std::min(bytes, window)), offset);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) task_.fail_system("cannot be written");
    cursor += put;
    bytes -= put;
    offset += put;
    written_ = std::max(written_, offset);
    if (written_ - started_ < window) continue;
    ::sync_file_range(file_.get(), started_, written_ - started_, SYNC_FILE_RANGE_WRITE);
    started_ = written_;
  }
}

void ReplacingFile::commit() {
  if (::fsync(file_.get()) != 0) task_.fail_system("cannot be flushed to the disk");
  if (!file_.close()) task_.fail_system("cannot be written");
  if (std::rename(temporary_.c_str(), target_.c_str()) != 0) task_.fail_system("cannot be renamed into place");
  temporary_.clear();
  // The new name must reach the disk, too. Some file systems cannot flush a directory; the file itself is safe then.
  const Descriptor directory(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() >= 0 && ::fsync(directory.get()) != 0 && errno != EINVAL && errno != ENOTSUP)
    task_.fail_system("its directory cannot be flushed to the disk");
}

}  // namespace xgrad::detail
