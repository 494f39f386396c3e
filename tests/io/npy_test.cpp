#include <xgrad/io/npy.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/equality.hpp>

#include <doctest/doctest.h>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "support/file_limit.hpp"
#include "support/files.hpp"

using namespace std::string_literals;
using test::mentions;
using test::message_of;
using xgrad::Shape;
using xgrad::StateDict;
using xgrad::Tensor;

namespace {
// A file as the format's description lays it out: version 1.0 unless another prefix is given.
std::string file_of(const std::string& text, const std::string& data, const std::string& version = "\1\0"s) {
  std::string length{static_cast<char>(text.size() & 0xff), static_cast<char>(text.size() >> 8)};
  if (version[0] != 1) length += "\0\0"s;
  return "\x93NUMPY" + version + length + text + data;
}
std::string described(const std::string& type, const std::string& shape, const std::string& order = "False") {
  return "{'descr': '" + type + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
}
Tensor read(const test::TemporaryDirectory& directory, const std::string& bytes) {
  test::write_file(directory / "x.npy", bytes);
  return xgrad::load_npy(directory / "x.npy");
}
std::string read_error(const test::TemporaryDirectory& directory, const std::string& bytes) {
  const std::string message = message_of<xgrad::IoError>([&] { read(directory, bytes); });
  CHECK(mentions(message, {"load_npy: ", "x.npy", "npy_test.cpp:"}));
  return message;
}
}  // namespace

TEST_CASE("files written by hand are read") {
  const test::TemporaryDirectory directory;
  using Numbers = std::vector<std::int64_t>;
  const Tensor big = read(directory, file_of(described(">i2", "(2, 3)"), "\0\1\0\2\0\3\xff\xff\1\0\0\0"s));
  CHECK(big.dtype() == xgrad::int32);
  CHECK(big.sizes() == Shape{2, 3});
  CHECK(big.to_vector<std::int64_t>() == Numbers{1, 2, 3, -1, 256, 0});

  const Tensor columns = read(directory, file_of(described("|u1", "(2, 3)", "True"), "\1\2\3\4\5\6"s));
  CHECK(columns.to_vector<std::int64_t>() == Numbers{1, 3, 5, 2, 4, 6});
  CHECK(columns.is_contiguous());
  const Tensor cube = read(directory, file_of(described("|u1", "(2, 1, 3)", "True"), "\1\2\3\4\5\6"s));
  CHECK(cube.sizes() == Shape{2, 1, 3});
  CHECK(cube.to_vector<std::int64_t>() == Numbers{1, 3, 5, 2, 4, 6});

  CHECK(read(directory, file_of(described(">f4", "()"), "\xc0\x20\0\0"s)).item<float>() == -2.5F);
  CHECK(read(directory, file_of(described(">f2", "(1,)"), "\x3c\0"s)).item<float>() == 1);
  CHECK(read(directory, file_of(described(">u4", "(1L,)"), "\xff\xff\xff\xff"s)).item<std::int64_t>() == 4294967295);
  CHECK(read(directory, file_of(described(">i8", "(1,)"), "\xff\xff\xff\xff\xff\xff\xff\xfe"s)).item<int>() == -2);
  CHECK(read(directory, file_of(described("|b1", "(3,)"), "\1\0\1"s)).to_vector<std::int64_t>() == Numbers{1, 0, 1});
  CHECK(read(directory, file_of(described("<f8", "(0, 2)"), "")).sizes() == Shape{0, 2});
  for (const auto& version : {"\2\0"s, "\3\0"s})
    CHECK(read(directory, file_of(described("|i1", "(2,)"), "\xff\x7f"s, version)).to_vector<std::int64_t>() ==
          Numbers{-1, 127});
  // Keys in another order, other quotes, no spaces.
  CHECK(read(directory, file_of("{\"shape\":(1,2),\"descr\":\"u1\",\"fortran_order\":False}", "\1\2"s)).sizes() ==
        Shape{1, 2});
}

TEST_CASE("what is written is the format") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "x.npy";
  xgrad::save_npy(xgrad::tensor({{1.0F, 2.0F, 3.0F}, {4.0F, 5.0F, 6.0F}}).t(), path);
  const std::string bytes = test::read_file(path);
  const std::string text = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }";
  CHECK(bytes.substr(0, 10) == "\x93NUMPY\1\0\x76\0"s);
  CHECK(bytes.substr(10, text.size()) == text);
  CHECK(bytes.substr(10 + text.size(), 128 - 11 - text.size()).find_first_not_of(' ') == std::string::npos);
  CHECK(bytes[127] == '\n');
  const float expected[] = {1, 4, 2, 5, 3, 6};
  CHECK(bytes.substr(128) == std::string(reinterpret_cast<const char*>(expected), 24));

  for (const Tensor& x :
       {xgrad::tensor({true, false}), xgrad::tensor({1, -2}), xgrad::tensor(1.5), xgrad::tensor({7}).to(xgrad::int32),
        xgrad::tensor({200}).to(xgrad::uint8), xgrad::zeros({2, 0}), xgrad::tensor({0.1}, {.dtype = xgrad::float64}),
        xgrad::ones({4}, {.requires_grad = true})}) {
    xgrad::save_npy(x, path);
    const Tensor back = xgrad::load_npy(path);
    CHECK(back.dtype() == x.dtype());
    CHECK(back.sizes() == x.sizes());
    CHECK(back.to_vector<double>() == x.to_vector<double>());
    CHECK_FALSE(back.requires_grad());
  }
  CHECK(mentions(message_of<xgrad::ValueError>([&] { xgrad::save_npy(Tensor(), path); }), {"save_npy", "undefined"}));
  CHECK(mentions(message_of<xgrad::IoError>([&] { xgrad::save_npy(xgrad::ones({1}), directory / "no/x.npy"); }),
                 {"save_npy: ", "No such file"}));
}

TEST_CASE("malformed arrays say what is wrong") {
  const test::TemporaryDirectory directory;
  const auto error = [&](const std::string& text, const std::string& data = "") {
    return read_error(directory, file_of(text, data));
  };
  const std::string eight(8, '\0');
  CHECK(mentions(read_error(directory, ""), {"not a .npy file", "0 bytes"}));
  CHECK(mentions(read_error(directory, std::string(20, 'x')), {"\\x93NUMPY"}));
  CHECK(mentions(read_error(directory, "PK\3\4" + std::string(20, 'x')), {"load_npz"}));
  CHECK(mentions(read_error(directory, file_of("{}", "", "\4\0"s)), {"version 4.0"}));
  CHECK(mentions(read_error(directory, "\x93NUMPY\2\0\1\0\0"s), {"header's length is missing"}));
  CHECK(mentions(read_error(directory, "\x93NUMPY\1\0\xff\0{}"s), {"cut", "255 bytes", "2 follow"}));
  CHECK(mentions(error(described("<f8", "(2,)"), eight), {"cut", "[2] takes 16 bytes, 8 follow"}));
  CHECK(mentions(error(described("<f4", "(1,)"), eight), {"too long", "[1] takes 4 bytes, 8 follow"}));
  CHECK(mentions(error(described("<f8", "(4294967296, 4294967296)")), {"too large"}));
  CHECK(mentions(error(described("<f8", "(0, 4294967296, 4294967296)")), {"too large"}));
  CHECK(mentions(error(described("|O", "(1,)"), eight), {"|O (Python objects)", "f2"}));
  CHECK(mentions(error(described("<f16", "(1,)"), eight), {"<f16"}));
  CHECK(mentions(error("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': ()}"), {"records"}));
  CHECK(mentions(error(described("|b1", "(2,)"), "\1\2"), {"element 1", "byte 2"}));
  CHECK(mentions(error(described("<f8", "(-1,)"), eight), {"expected a size"}));
  CHECK(mentions(error(described("<f8", "(1.0,)"), eight), {"expected , or )"}));
  CHECK(mentions(error(described("<f8", "1"), eight), {"expected ("}));
  CHECK(mentions(error(described("<f8", "(99999999999999999999,)"), eight), {"expected a size"}));
  CHECK(mentions(error(described("<f8", "(1,)", "Maybe"), eight), {"expected False"}));
  CHECK(mentions(error("[]"), {"malformed header", "expected {"}));
  CHECK(mentions(error(""), {"expected {"}));
  CHECK(mentions(error("{"), {"expected a text"}));
  CHECK(mentions(error("{'descr"), {"without an end"}));
  CHECK(mentions(error("{'descr': '<f8', 'shape': (1,)}", eight), {"needs descr, fortran_order and shape"}));
  CHECK(mentions(error("{'descr': '<f8', 'descr': '<f8'}"), {"'descr' comes twice"}));
  CHECK(mentions(error("{'more': 1}"), {"unknown key 'more'"}));
  CHECK(mentions(error(described("<f8", "(1,)") + "x", eight), {"more text"}));
  std::string many = "(1";
  for (int i = 0; i < 64; ++i) many += ", 1";
  CHECK(mentions(error(described("<f8", many + ")"), eight), {"more than 64 dimensions"}));
  CHECK(mentions(message_of<xgrad::IoError>([&] { xgrad::load_npy(directory / "none.npy"); }), {"No such file"}));
}

TEST_CASE("an archive keeps names, order, types and values") {
  const test::TemporaryDirectory directory;
  const StateDict tensors{{"layer/0.weight", xgrad::tensor({{1.5, -2.0}, {3.0, 4.0}}).t()},
                          {"a", xgrad::tensor({1, 2})},
                          {"none", xgrad::zeros({0})},
                          {"\xc3\xa9", xgrad::tensor(true)}};
  for (const bool compressed : {false, true}) {
    const std::string path = directory / "x.npz";
    xgrad::save_npz(tensors, path, {.compressed = compressed});
    const StateDict back = xgrad::load_npz(path);
    CHECK(back.keys() == tensors.keys());
    for (const auto& [name, tensor] : tensors) {
      CHECK(back[name].dtype() == tensor.dtype());
      CHECK(back[name].sizes() == tensor.sizes());
      CHECK(back[name].to_vector<double>() == tensor.to_vector<double>());
    }
    CHECK(xgrad::load_npz(path, {.names = {"none", "a"}}).keys() == std::vector<std::string>{"none", "a"});
    CHECK(mentions(message_of<xgrad::IoError>([&] { xgrad::load_npz(path, {.names = {"b"}}); }),
                   {"load_npz", "no array \"b\" among the 4", "npy_test.cpp:"}));
    // The same tensors, the same bytes.
    const std::string bytes = test::read_file(path);
    xgrad::save_npz(tensors, path, {.compressed = compressed});
    CHECK(test::read_file(path) == bytes);
    CHECK(directory.count() == 1);
  }
  xgrad::save_npz({}, directory / "empty.npz");
  CHECK(xgrad::load_npz(directory / "empty.npz").empty());
  const Tensor zeros = xgrad::zeros({100'000});
  xgrad::save_npz({{"z", zeros}}, directory / "plain.npz");
  xgrad::save_npz({{"z", zeros}}, directory / "packed.npz", {.compressed = true});
  CHECK(std::filesystem::file_size(directory / "plain.npz") > 400'000);
  CHECK(std::filesystem::file_size(directory / "packed.npz") < 4'000);
  CHECK(xgrad::equal(xgrad::load_npz(directory / "packed.npz")["z"], zeros));
}

TEST_CASE("a full disk leaves the old file as it was, and nothing beside it") {
  const test::TemporaryDirectory directory;
  const StateDict one{{"x", xgrad::tensor({1.0})}}, many{{"x", xgrad::zeros({10000})}, {"y", xgrad::zeros({5})}};
  const std::string array = directory / "x.npy", archive = directory / "x.npz";
  xgrad::save_npy(one["x"], array);
  xgrad::save_npz(one, archive);
  const auto error = [](const std::string& path, const std::function<void()>& write) {
    const std::string message = message_of<xgrad::IoError>([&] {
      const test::FileLimit full(4096);
      write();
    });
    CHECK(mentions(message, {path, "File too large", "npy_test.cpp:"}));
  };
  error(array, [&] { xgrad::save_npy(many["x"], array); });
  error(archive, [&] { xgrad::save_npz(many, archive); });
  CHECK(directory.count() == 2);
  CHECK(xgrad::equal(xgrad::load_npy(array), one["x"]));
  CHECK(xgrad::equal(xgrad::load_npz(archive)["x"], one["x"]));
}

TEST_CASE("archives that are not what they should be") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "x.npz";
  const auto error = [&](const std::string& bytes) {
    test::write_file(path, bytes);
    const std::string message = message_of<xgrad::IoError>([&] { xgrad::load_npz(path); });
    CHECK(mentions(message, {"load_npz: ", path}));
    return message;
  };
  CHECK(mentions(error("no archive"), {"not a zip archive"}));
  CHECK(mentions(message_of<xgrad::IoError>([&] { xgrad::load_npz(directory / "none.npz"); }), {"No such file"}));
  CHECK(mentions(message_of<xgrad::ValueError>([&] {
                   xgrad::save_npz({{"\xff", xgrad::ones({1})}}, path);
                 }),
                 {"save_npz", "not UTF-8"}));
  CHECK(mentions(message_of<xgrad::IoError>([&] { xgrad::save_npz({}, directory / "no/x.npz"); }), {"No such file"}));
  CHECK(directory.count() == 1);

  xgrad::save_npz({{"x", xgrad::ones({2})}}, path);
  std::string bytes = test::read_file(path);
  // The name of the member, in both places where it stands.
  std::string renamed = bytes;
  for (std::size_t at = renamed.find("x.npy"); at != std::string::npos; at = renamed.find("x.npy", at + 1))
    renamed.replace(at, 5, "x.txt");
  CHECK(mentions(error(renamed), {"\"x.txt\" is not an array"}));
  // A number of the array: only the checksum tells.
  const float one = 1;
  const std::size_t data = bytes.find(std::string(reinterpret_cast<const char*>(&one), 4));
  REQUIRE(data != std::string::npos);
  bytes[data] = static_cast<char>(bytes[data] ^ 1);
  CHECK(mentions(error(bytes), {"\"x.npy\"", "CRC"}));
}

TEST_CASE("damaged files give a value or an IoError") {
  const test::TemporaryDirectory directory;
  const StateDict tensors{{"w", xgrad::tensor({{1.0, 2.0}, {3.0, 4.0}})}, {"f", xgrad::tensor(true)}};
  xgrad::save_npy(tensors["w"], directory / "whole.npy");
  const std::string array = test::read_file(directory / "whole.npy");
  CHECK(test::try_damaged(directory / "x.npy", array, [](const std::string& path) { xgrad::load_npy(path); }) >=
        static_cast<int>(array.size()));
  for (const bool compressed : {false, true}) {
    xgrad::save_npz(tensors, directory / "whole.npz", {.compressed = compressed});
    const std::string archive = test::read_file(directory / "whole.npz");
    CHECK(test::try_damaged(directory / "x.npz", archive, [](const std::string& path) { xgrad::load_npz(path); }) >=
          static_cast<int>(archive.size()) / 2);
  }
}
