#include "io/stream.hpp"

#include <algorithm>
#include <array>
#include <zlib.h>

namespace xgrad::detail {

namespace {
constexpr unsigned buffer_bytes = 1U << 18;
constexpr std::int64_t largest_read = std::int64_t{1} << 30;
}  // namespace

void InputStream::Close::operator()(gzFile_s* file) const noexcept { gzclose_r(file); }

InputStream::InputStream(const FileTask& task) : task_(task) {
  Descriptor descriptor = open_to_read(task);
  file_size_ = xgrad::detail::file_size(task, descriptor);
  if (file_size_ >= 2) {
    std::array<unsigned char, 2> magic;
    read_exactly(task, descriptor, magic.data(), 2, 0);
    packed_ = magic[0] == 0x1f && magic[1] == 0x8b;
  }
  file_.reset(gzdopen(descriptor.get(), "rb"));
  if (!file_) task.fail("cannot be opened: out of memory");
  descriptor.leak();
  gzbuffer(file_.get(), buffer_bytes);
}

std::int64_t InputStream::read(void* to, std::int64_t bytes) {
  char* cursor = static_cast<char*>(to);
  std::int64_t done = 0;
  while (done < bytes) {
    const int got = gzread(file_.get(), cursor + done, static_cast<unsigned>(std::min(bytes - done, largest_read)));
    int error = Z_OK;
    const char* message = gzerror(file_.get(), &error);
    if (error == Z_ERRNO) task_.fail_system("cannot be read");
    if (error == Z_BUF_ERROR) task_.fail("cut: its gzip data ends too early");
    if (got < 0 || (error != Z_OK && error != Z_STREAM_END)) task_.fail("damaged gzip data: {}", message);
    if (got == 0) break;
    done += got;
  }
  return done;
}

}  // namespace xgrad::detail
