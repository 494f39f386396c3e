#include <xgrad/data/idx.hpp>

#include <cstdint>
#include <doctest/doctest.h>
#include <string>
#include <vector>
#include <zlib.h>

#include "support/files.hpp"

using namespace std::string_literals;
using test::mentions;
using test::message_of;
using xgrad::Shape;
using xgrad::Tensor;
using xgrad::data::read_idx;

namespace {
void write_gzip(const std::string& path, const std::string& bytes) {
  gzFile file = gzopen(path.c_str(), "wb");
  REQUIRE(file != nullptr);
  REQUIRE(gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size())) == static_cast<int>(bytes.size()));
  REQUIRE(gzclose(file) == Z_OK);
}
// uint8 [2, 3]: 0 1 2 / 253 254 255
const std::string matrix = "\x00\x00\x08\x02\x00\x00\x00\x02\x00\x00\x00\x03\x00\x01\x02\xfd\xfe\xff"s;
}  // namespace

TEST_CASE("element types, big-endian") {
  const test::TemporaryDirectory directory;
  auto read = [&](const std::string& bytes) {
    test::write_file(directory / "x.idx", bytes);
    return read_idx(directory / "x.idx");
  };
  const Tensor u8 = read(matrix);
  CHECK(u8.dtype() == xgrad::uint8);
  CHECK(u8.sizes() == Shape{2, 3});
  CHECK(u8.to_vector<int>() == std::vector<int>{0, 1, 2, 253, 254, 255});

  const Tensor i8 = read("\x00\x00\x09\x01\x00\x00\x00\x03\x7f\x80\xff"s);
  CHECK(i8.dtype() == xgrad::int32);
  CHECK(i8.to_vector<int>() == std::vector<int>{127, -128, -1});

  const Tensor i16 = read("\x00\x00\x0b\x01\x00\x00\x00\x03\x01\x02\x80\x00\xff\xfe"s);
  CHECK(i16.dtype() == xgrad::int32);
  CHECK(i16.to_vector<int>() == std::vector<int>{258, -32768, -2});

  const Tensor i32 = read("\x00\x00\x0c\x01\x00\x00\x00\x02\x01\x02\x03\x04\xff\xff\xff\xfd"s);
  CHECK(i32.dtype() == xgrad::int32);
  CHECK(i32.to_vector<int>() == std::vector<int>{0x01020304, -3});

  const Tensor f32 = read("\x00\x00\x0d\x01\x00\x00\x00\x02\x3f\x80\x00\x00\xc0\x20\x00\x00"s);
  CHECK(f32.dtype() == xgrad::float32);
  CHECK(f32.to_vector<float>() == std::vector<float>{1, -2.5});

  const Tensor f64 = read("\x00\x00\x0e\x01\x00\x00\x00\x01\xbf\xf8\x00\x00\x00\x00\x00\x00"s);
  CHECK(f64.dtype() == xgrad::float64);
  CHECK(f64.to_vector<double>() == std::vector<double>{-1.5});

  CHECK(read("\x00\x00\x08\x00\x07"s).dim() == 0);
  CHECK(read("\x00\x00\x08\x02\x00\x00\x00\x00\x00\x00\x00\x05"s).sizes() == Shape{0, 5});
}

TEST_CASE("packed by gzip, whatever the name") {
  const test::TemporaryDirectory directory;
  write_gzip(directory / "x", matrix);
  CHECK(read_idx(directory / "x").to_vector<int>() == std::vector<int>{0, 1, 2, 253, 254, 255});

  // More than the reader's first step, to see it grow.
  std::string large = "\x00\x00\x0c\x01\x00\x0f\x42\x40"s;  // int32 [1000000]
  for (std::uint32_t i = 0; i < 1000000; ++i)
    for (int shift = 24; shift >= 0; shift -= 8) large += static_cast<char>(i * 2654435761U >> shift);
  write_gzip(directory / "large", large);
  const std::vector<std::int32_t> values = read_idx(directory / "large").to_vector<std::int32_t>();
  REQUIRE(values.size() == 1000000);
  bool same = true;
  for (std::uint32_t i = 0; i < 1000000; ++i) same = same && values[i] == static_cast<std::int32_t>(i * 2654435761U);
  CHECK(same);
}

TEST_CASE("malformed files say what is wrong") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "bad.idx";
  auto error = [&](const std::string& bytes) {
    test::write_file(path, bytes);
    const std::string message = message_of<xgrad::IoError>([&] { read_idx(path); });
    CHECK(mentions(message, {"read_idx: ", path, "idx_test.cpp:"}));
    return message;
  };
  CHECK(mentions(error(""), {"shorter than 4 bytes"}));
  CHECK(mentions(error("PK\x03\x04"), {"not an IDX file", "50 4b"}));
  CHECK(mentions(error("\x00\x00\x0a\x01"s), {"element type 0x0a"}));
  CHECK(mentions(error("\x00\x00\x08\xff"s), {"255 dimensions"}));
  CHECK(mentions(error(matrix.substr(0, 9)), {"cut", "2 dimensions"}));
  CHECK(mentions(error(matrix.substr(0, 16)), {"cut", "[2, 3]", "6 bytes", "has 4"}));
  CHECK(mentions(error(matrix + "x"), {"too long", "6 bytes", "[2, 3]"}));
  // 2^93 bytes, and 2^56 bytes, are claimed; neither is taken.
  CHECK(mentions(error("\x00\x00\x0e\x03\x40\x00\x00\x00\x40\x00\x00\x00\x40\x00\x00\x00"s), {"too large"}));
  CHECK(mentions(error("\x00\x00\x08\x02\x10\x00\x00\x00\x10\x00\x00\x00"s + "abc"), {"cut", "has 3"}));
  CHECK(mentions(error("\x00\x00\x08\x03\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff"s), {"too large"}));

  write_gzip(path, matrix);
  const std::string packed = test::read_file(path);
  CHECK(mentions(error(packed.substr(0, packed.size() - 1)), {"gzip data ends too early"}));
  std::string damaged = packed;
  damaged[damaged.size() - 6] ^= 1;  // the checksum
  CHECK(mentions(error(damaged), {"damaged gzip data"}));

  CHECK(mentions(message_of<xgrad::IoError>([] { read_idx("no/such.idx"); }),
                 {"read_idx: no/such.idx: ", "No such file or directory", "idx_test.cpp:"}));
  CHECK(mentions(message_of<xgrad::IoError>([&] { read_idx(directory.path()); }), {"is a directory"}));
}

TEST_CASE("damaged files give a value or an IoError") {
  const test::TemporaryDirectory directory;
  const auto read = [](const std::string& path) { (void)read_idx(path).to_vector<double>(); };
  CHECK(test::try_damaged(directory / "damaged.idx", matrix, read) >= static_cast<int>(matrix.size()) + 3 + 64);

  write_gzip(directory / "whole.gz", matrix);
  const std::string packed = test::read_file(directory / "whole.gz");
  CHECK(test::try_damaged(directory / "damaged.idx", packed, read) >= static_cast<int>(packed.size()) + 64);
}
