#include "io/zip.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <fcntl.h>
#include <unistd.h>
#include <zip.h>

namespace xgrad::detail {

namespace {
// Deflate packs 258 bytes into two bits at best.
constexpr std::int64_t best_ratio = 1032, slack = 1024;

std::string message_of(int code) {
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  std::string text = zip_error_strerror(&error);
  zip_error_fini(&error);
  return text;
}

// The archive's file as libzip writes it. Exceptions wait in `failure` until it has returned.
struct Sink {
  ReplacingFile& file;
  std::int64_t position = 0;
  std::exception_ptr failure{};

  std::int64_t run(void* data, std::uint64_t length, zip_source_cmd_t command) {
    switch (command) {
      case ZIP_SOURCE_SUPPORTS:
        return zip_source_make_command_bitmap(ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE, ZIP_SOURCE_STAT,
                                              ZIP_SOURCE_ERROR, ZIP_SOURCE_FREE, ZIP_SOURCE_SEEK, ZIP_SOURCE_TELL,
                                              ZIP_SOURCE_BEGIN_WRITE, ZIP_SOURCE_COMMIT_WRITE,
                                              ZIP_SOURCE_ROLLBACK_WRITE, ZIP_SOURCE_WRITE, ZIP_SOURCE_SEEK_WRITE,
                                              ZIP_SOURCE_TELL_WRITE, ZIP_SOURCE_REMOVE, -1);
      case ZIP_SOURCE_STAT: {
        auto* status = static_cast<zip_stat_t*>(data);
        zip_stat_init(status);
        status->valid = ZIP_STAT_SIZE;
        status->size = 0;
        return sizeof(zip_stat_t);
      }
      case ZIP_SOURCE_ERROR: {
        zip_error_t error;
        zip_error_init_with_code(&error, ZIP_ER_WRITE);
        return zip_error_to_data(&error, data, length);
      }
      case ZIP_SOURCE_WRITE:
        file.write_at(data, static_cast<std::int64_t>(length), position);
        position += static_cast<std::int64_t>(length);
        return static_cast<std::int64_t>(length);
      case ZIP_SOURCE_SEEK_WRITE: {
        const auto* seek = static_cast<const zip_source_args_seek_t*>(data);
        position = seek->whence == SEEK_SET   ? seek->offset
                   : seek->whence == SEEK_CUR ? position + seek->offset
                                              : file.size() + seek->offset;
        return 0;
      }
      case ZIP_SOURCE_TELL_WRITE:
        return position;
      default:
        return 0;
    }
  }
  static zip_int64_t call(void* self, void* data, zip_uint64_t length, zip_source_cmd_t command) {
    auto* sink = static_cast<Sink*>(self);
    try {
      return sink->run(data, length, command);
    } catch (...) {
      sink->failure = std::current_exception();
      return -1;
    }
  }
};

// Owns what libzip has not taken over yet.
using Source = std::unique_ptr<zip_source_t, decltype(&zip_source_free)>;
Source checked(const FileTask& task, zip_source_t* source) {
  if (!source) task.fail("cannot be written: out of memory");
  return {source, &zip_source_free};
}

void add(const FileTask& task, zip_t* archive, const ZipMember& member, bool compressed) {
  std::array<zip_buffer_fragment_t, 2> pieces;
  std::size_t count = 0;
  for (const std::string_view piece : {member.head, member.data})
    if (!piece.empty())
      pieces[count++] = {reinterpret_cast<zip_uint8_t*>(const_cast<char*>(piece.data())), piece.size()};
  zip_error_t error;
  zip_error_init(&error);
  Source source = checked(task, zip_source_buffer_fragment_create(pieces.data(), count, 0, &error));
  zip_error_fini(&error);
  const zip_int64_t place = zip_file_add(archive, member.name.c_str(), source.get(), ZIP_FL_ENC_UTF_8);
  if (place < 0) {
    check<ValueError>(zip_error_code_zip(zip_get_error(archive)) != ZIP_ER_INVAL, task.here,
                      "{}: the name \"{}\" is not UTF-8", task.op, excerpt(member.name));
    task.fail("cannot be written: {}", zip_strerror(archive));
  }
  source.release();
  // The first day of the format instead of the time, as NumPy does: the same tensors give the same bytes.
  constexpr zip_uint16_t first_day = 1 << 5 | 1;
  const auto index = static_cast<zip_uint64_t>(place);
  if (zip_set_file_compression(archive, index, compressed ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0) != 0 ||
      zip_file_set_dostime(archive, index, 0, first_day, 0) != 0)
    task.fail("cannot be written: {}", zip_strerror(archive));
}
}  // namespace

ZipReader::ZipReader(const FileTask& task) : task_(task) {
  Descriptor descriptor = open_to_read(task);
  const std::int64_t file_bytes = file_size(task, descriptor);
  int code = 0;
  archive_ = zip_fdopen(descriptor.get(), 0, &code);
  if (!archive_) task.fail("not a zip archive, or cut: {}", message_of(code));
  descriptor.leak();
  const zip_int64_t count = zip_get_num_entries(archive_, 0);
  try {
    for (zip_int64_t i = 0; i < count; ++i) {
      zip_stat_t status;
      if (zip_stat_index(archive_, static_cast<zip_uint64_t>(i), 0, &status) != 0)
        task.fail("damaged archive: {}", zip_strerror(archive_));
      constexpr zip_uint64_t needed = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
      if ((status.valid & needed) != needed) task.fail("damaged archive: member {} has no size", i);
      const auto packed = static_cast<std::int64_t>(status.comp_size), bytes = static_cast<std::int64_t>(status.size);
      const bool possible =
          packed >= 0 && packed <= file_bytes && bytes >= 0 &&
          (status.comp_method == ZIP_CM_STORE ? bytes == packed : bytes / best_ratio <= packed + slack);
      if (!possible)
        task.fail("damaged archive: \"{}\" cannot have {} bytes, {} of them packed", excerpt(status.name), status.size,
                  status.comp_size);
      members_.push_back({status.name, bytes});
    }
  } catch (...) {
    zip_discard(archive_);
    throw;
  }
}
ZipReader::~ZipReader() {
  if (file_) zip_fclose(file_);
  zip_discard(archive_);
}

void ZipReader::fail_member(const char* problem) const {
  task_.fail("\"{}\": {}", excerpt(members_[open_member_].name), problem);
}

void ZipReader::open(std::size_t member) {
  if (file_) zip_fclose(file_);
  open_member_ = member;
  file_ = zip_fopen_index(archive_, member, 0);
  if (!file_) fail_member(zip_strerror(archive_));
}

void ZipReader::read(void* to, std::int64_t bytes) {
  char* cursor = static_cast<char*>(to);
  while (bytes > 0) {
    const zip_int64_t got = zip_fread(file_, cursor, static_cast<zip_uint64_t>(bytes));
    if (got < 0) fail_member(zip_file_strerror(file_));
    if (got == 0) fail_member("cut: it ends too early");
    cursor += got;
    bytes -= got;
  }
}

void ZipReader::finish() {
  char more;
  const zip_int64_t got = zip_fread(file_, &more, 1);
  if (got < 0) fail_member(zip_file_strerror(file_));
  if (got > 0) fail_member("too long");
}

void write_zip(const FileTask& task, const std::vector<ZipMember>& members, bool compressed) {
  ReplacingFile file(task);
  if (members.empty()) {
    // libzip writes no file then; the format has one: the end of the directory alone.
    constexpr std::array<char, 22> end{'P', 'K', 5, 6};
    file.write(end.data(), end.size());
    return file.commit();
  }
  Sink sink{file};
  zip_error_t error;
  zip_error_init(&error);
  Source target = checked(task, zip_source_function_create(&Sink::call, &sink, &error));
  std::unique_ptr<zip_t, decltype(&zip_discard)> archive(
      zip_open_from_source(target.get(), ZIP_CREATE | ZIP_TRUNCATE, &error), &zip_discard);
  if (!archive) task.fail("cannot be written: {}", zip_error_strerror(&error));
  target.release();
  for (const ZipMember& member : members) add(task, archive.get(), member, compressed);
  if (zip_close(archive.get()) != 0) {
    if (sink.failure) std::rethrow_exception(sink.failure);
    task.fail("cannot be written: {}", zip_strerror(archive.get()));
  }
  archive.release();
  file.commit();
}

}  // namespace xgrad::detail
