// A disk that is full: for tests of what is left behind.
#pragma once
#include <csignal>
#include <doctest/doctest.h>
#include <sys/resource.h>

namespace test {

// While it lives, no file of this process grows beyond so many bytes: writing there fails with "File too large".
class FileLimit {
 public:
  explicit FileLimit(rlim_t bytes) {
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before_) == 0);
    rlimit small = before_;
    small.rlim_cur = bytes;
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  }
  ~FileLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FileLimit(const FileLimit&) = delete;
  FileLimit& operator=(const FileLimit&) = delete;

 private:
  rlimit before_;
  void (*handler_)(int);
};

}  // namespace test
