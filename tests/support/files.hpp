// Files for tests: a directory that goes away by itself, bytes in and out, and damaged copies of a file.
#pragma once
#include <xgrad/error.hpp>

#include <cstdint>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>
#include <stdlib.h>
#include <string>
#include <string_view>

#include "support/errors.hpp"

namespace test {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "xgrad_test_XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  std::string operator/(std::string_view name) const { return (path_ / name).string(); }
  std::string path() const { return path_.string(); }
  // How many files there are.
  std::ptrdiff_t count() const {
    return std::distance(std::filesystem::directory_iterator(path_), std::filesystem::directory_iterator());
  }

 private:
  std::filesystem::path path_;
};

inline void write_file(const std::string& path, std::string_view bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out.close();
  REQUIRE(out.good());
}
inline std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  REQUIRE(in.good());
  return {std::istreambuf_iterator<char>(in), {}};
}

// Reads `path` once for every way to damage `bytes`: each shorter prefix, each single bit flipped, bytes appended, and
// random bytes over random places. Each time the outcome must be a value or an IoError that names the file. Returns how
// many were refused.
inline int try_damaged(const std::string& path, const std::string& bytes,
                       const std::function<void(const std::string&)>& read) {
  int refused = 0;
  auto attempt = [&](const std::string& damaged) {
    write_file(path, damaged);
    try {
      read(path);
    } catch (const xgrad::IoError& error) {
      ++refused;
      if (std::string_view(error.what()).find(path) == std::string_view::npos)
        FAIL_CHECK("the file is not named: " << error.what());
    } catch (const std::exception& error) {
      FAIL_CHECK("neither a value nor an IoError: " << error.what());
    }
  };
  for (std::size_t length = 0; length < bytes.size(); ++length) attempt(bytes.substr(0, length));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
      attempt(damaged);
    }
  }
  for (const std::string_view more : {std::string_view("\0", 1), std::string_view("x"), std::string_view(bytes)})
    attempt(bytes + std::string(more));
  std::mt19937 random(20240701);
  for (int round = 0; round < 500 && !bytes.empty(); ++round) {
    std::string damaged = bytes;
    for (unsigned n = random() % 8 + 1; n > 0; --n) damaged[random() % damaged.size()] = static_cast<char>(random());
    attempt(damaged);
  }
  return refused;
}

}  // namespace test
