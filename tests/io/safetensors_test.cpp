#include <xgrad/io/safetensors.hpp>
#include <xgrad/ops/creation.hpp>

#include <cstdint>
#include <cstring>
#include <doctest/doctest.h>
#include <filesystem>
#include <string>
#include <sys/stat.h>
#include <vector>

#include "core/tensor_impl.hpp"
#include "support/file_limit.hpp"
#include "support/files.hpp"
#include "support/safetensors_file.hpp"

using namespace std::string_literals;
using test::bytes_of;
using test::mentions;
using test::message_of;
using xgrad::Shape;
using xgrad::StateDict;
using xgrad::Tensor;

namespace {
std::string load_error(const test::TemporaryDirectory& directory, const std::string& bytes) {
  const std::string path = directory / "bad.safetensors";
  test::write_file(path, bytes);
  const std::string message = message_of<xgrad::IoError>([&] { xgrad::load(path); });
  CHECK(mentions(message, {"load: ", path, "safetensors_test.cpp:"}));
  return message;
}
Tensor transposed(const Tensor& x) {
  return xgrad::detail::make_view(x, Shape{x.size(1), x.size(0)}, Shape{x.stride(1), x.stride(0)}, 0);
}
}  // namespace

TEST_CASE("a file written by hand is read") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "hand.safetensors";
  test::write_file(path,
                   test::safetensors(R"({"b":{"dtype":"I64","shape":[2],"data_offsets":[24,40]},)"
                                     R"("__metadata__":{"format":"pt","epoch":"3"},)"
                                     R"("a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
                                     R"("none":{"dtype":"F64","shape":[0,3],"data_offsets":[40,40]},)"
                                     R"("one":{"dtype":"U8","shape":[],"data_offsets":[40,41]},)"
                                     R"("flags":{"dtype":"BOOL","shape":[3],"data_offsets":[41,44]},)"
                                     R"("small":{"dtype":"I32","shape":[1],"data_offsets":[44,48]}}     )",
                                     bytes_of<float>({1, 2, 3, 4, 5, -6.5F}) + bytes_of<std::int64_t>({-7, 1LL << 40}) +
                                         "\xc8\x01"s + "\0"s + "\x01"s + bytes_of<std::int32_t>({-9})));
  const StateDict tensors = xgrad::load(path);
  CHECK(tensors.keys() == std::vector<std::string>{"b", "a", "none", "one", "flags", "small"});
  CHECK(tensors["a"].dtype() == xgrad::float32);
  CHECK(tensors["a"].sizes() == Shape{2, 3});
  CHECK(tensors["a"].to_vector<float>() == std::vector<float>{1, 2, 3, 4, 5, -6.5F});
  CHECK(tensors["b"].dtype() == xgrad::int64);
  CHECK(tensors["b"].to_vector<std::int64_t>() == std::vector<std::int64_t>{-7, 1LL << 40});
  CHECK(tensors["none"].dtype() == xgrad::float64);
  CHECK(tensors["none"].sizes() == Shape{0, 3});
  CHECK(tensors["one"].dtype() == xgrad::uint8);
  CHECK(tensors["one"].dim() == 0);
  CHECK(tensors["one"].item<int>() == 200);
  CHECK(tensors["flags"].dtype() == xgrad::bool_);
  CHECK(tensors["flags"].to_vector<int>() == std::vector<int>{1, 0, 1});
  CHECK(tensors["small"].dtype() == xgrad::int32);
  CHECK(tensors["small"].item<int>() == -9);
  CHECK(xgrad::load_metadata(path) == xgrad::Metadata{{"epoch", "3"}, {"format", "pt"}});
}

TEST_CASE("a tensor that several threads read is whole") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "large.safetensors";
  std::vector<std::int64_t> numbers(700'001);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<std::int64_t>(i * i);
  const std::string header =
      R"({"n":{"dtype":"I64","shape":[700001],"data_offsets":[0,)" + std::to_string(8 * numbers.size()) + "]}}";
  test::write_file(path, test::safetensors(header, bytes_of(numbers)));
  CHECK(xgrad::load(path)["n"].to_vector<std::int64_t>() == numbers);
}

TEST_CASE("what is written is the format") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "out.safetensors";
  const Tensor matrix = xgrad::tensor({{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}});
  StateDict tensors{{"flag", xgrad::tensor({true, false})},
                    {"w", transposed(matrix)},
                    {"count", xgrad::tensor(5)},
                    {"none", xgrad::zeros({2, 0})},
                    {"quo\"te \xc3\xa9", xgrad::tensor({0.5}, {.dtype = xgrad::float64})}};
  xgrad::save(tensors, path, {{"k\n", "v"}});
  const std::string bytes = test::read_file(path);
  std::uint64_t length;
  std::memcpy(&length, bytes.data(), 8);
  CHECK(length % 8 == 0);
  std::string header = bytes.substr(8, length);
  header.resize(header.find_last_not_of(' ') + 1);
  CHECK(header == R"({"__metadata__":{"k\n":"v"},)"
                  R"("flag":{"dtype":"BOOL","shape":[2],"data_offsets":[40,42]},)"
                  R"("w":{"dtype":"F32","shape":[3,2],"data_offsets":[16,40]},)"
                  R"("count":{"dtype":"I64","shape":[],"data_offsets":[0,8]},)"
                  R"("none":{"dtype":"F32","shape":[2,0],"data_offsets":[40,40]},)"
                  "\"quo\\\"te \xc3\xa9\":"
                  R"({"dtype":"F64","shape":[1],"data_offsets":[8,16]}})");
  CHECK(bytes.substr(8 + length) ==
        bytes_of<std::int64_t>({5}) + bytes_of<double>({0.5}) + bytes_of<float>({1, 4, 2, 5, 3, 6}) + "\x01\x00"s);

  const StateDict back = xgrad::load(path);
  CHECK(back.keys() == tensors.keys());
  for (const auto& [name, tensor] : tensors) {
    CHECK(back[name].dtype() == tensor.dtype());
    CHECK(back[name].sizes() == tensor.sizes());
    CHECK(back[name].to_vector<double>() == tensor.to_vector<double>());
  }
  CHECK(xgrad::load_metadata(path) == xgrad::Metadata{{"k\n", "v"}});
}

TEST_CASE("a file without tensors") {
  const test::TemporaryDirectory directory;
  xgrad::save({}, directory / "empty.safetensors");
  CHECK(test::read_file(directory / "empty.safetensors") == test::safetensors("{}      "));
  CHECK(xgrad::load(directory / "empty.safetensors").empty());
  CHECK(xgrad::load_metadata(directory / "empty.safetensors").empty());
}

TEST_CASE("saving replaces a file whole, and keeps what it was") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "w.safetensors";
  xgrad::save({{"x", xgrad::tensor({1.0})}}, path);
  struct stat status;
  const mode_t mask = ::umask(0);
  ::umask(mask);
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == (0666 & ~mask));

  REQUIRE(::chmod(path.c_str(), 0640) == 0);
  std::filesystem::create_symlink(path, directory / "link");
  xgrad::save({{"x", xgrad::tensor({2.0})}}, directory / "link");
  CHECK(std::filesystem::is_symlink(directory / "link"));
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0640);
  CHECK(xgrad::load(path)["x"].item<double>() == 2);

  CHECK_THROWS_AS(xgrad::save({{"\xff", xgrad::tensor({3.0})}}, path), xgrad::ValueError);
  CHECK_THROWS_AS(xgrad::save({{"x", xgrad::tensor({3.0})}}, path, {{"k", "\xc3"}}), xgrad::ValueError);
  CHECK(mentions(message_of<xgrad::ValueError>([&] {
                   xgrad::save({{"__metadata__", xgrad::tensor({3.0})}}, path);
                 }),
                 {"save", "__metadata__"}));
  CHECK(xgrad::load(path)["x"].item<double>() == 2);
  CHECK(directory.count() == 2);
}

TEST_CASE("a file that cannot be written") {
  const test::TemporaryDirectory directory;
  const StateDict tensors{{"x", xgrad::tensor({1.0})}};
  auto error = [&](const std::string& path) { return message_of<xgrad::IoError>([&] { xgrad::save(tensors, path); }); };
  CHECK(mentions(error(directory / "no/such"), {"save: ", "no/such", "No such file or directory"}));
  CHECK(mentions(error(directory.path()), {directory.path(), "is a directory"}));
  CHECK(mentions(error("/dev/null"), {"/dev/null", "not a regular file"}));
  CHECK(mentions(error(""), {"path is empty"}));
  CHECK(mentions(error("a\0b"s), {"zero byte"}));
  CHECK(directory.count() == 0);
}

TEST_CASE("a full disk leaves the old file as it was, and nothing beside it") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "w.safetensors";
  xgrad::save({{"x", xgrad::tensor({1.0})}}, path);
  const std::string message = message_of<xgrad::IoError>([&] {
    const test::FileLimit full(4096);
    xgrad::save({{"x", xgrad::zeros({10000})}}, path);
  });
  CHECK(mentions(message, {"save: ", path, "File too large"}));
  CHECK(directory.count() == 1);
  CHECK(xgrad::load(path)["x"].item<double>() == 1);
}

TEST_CASE("a file that is not there, or not a file") {
  const test::TemporaryDirectory directory;
  CHECK(mentions(message_of<xgrad::IoError>([] { xgrad::load("no/such/file.safetensors"); }),
                 {"load: no/such/file.safetensors: ", "No such file or directory", "safetensors_test.cpp:"}));
  CHECK(mentions(message_of<xgrad::IoError>([&] { xgrad::load(directory.path()); }), {"is a directory"}));
  CHECK(mentions(message_of<xgrad::IoError>([&] { xgrad::load("/dev/zero"); }), {"not a regular file"}));
  CHECK(mentions(message_of<xgrad::IoError>([] { xgrad::load_metadata("no/such"); }), {"load_metadata: no/such"}));
}

TEST_CASE("malformed files say what is wrong") {
  const test::TemporaryDirectory directory;
  auto error = [&](const std::string& header, const std::string& data = "") {
    return load_error(directory, test::safetensors(header, data));
  };
  auto entry = [](const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return R"("x":{"dtype":")"s + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
  };
  auto one = [&](const std::string& dtype, const std::string& shape, const std::string& offsets) {
    std::string text = "{";
    text += entry(dtype, shape, offsets);
    return text + "}";
  };
  const std::string four(4, '\0'), eight(8, '\0');

  CHECK(mentions(load_error(directory, ""), {"not a safetensors file", "0 bytes"}));
  CHECK(mentions(load_error(directory,
                            "\x7f"
                            "ELF\x02\x01\x01\0\0\0"s),
                 {"header of", "2 follow"}));
  CHECK(mentions(load_error(directory, std::string(8, '\xff') + "{}"), {"18446744073709551615", "2 follow"}));
  CHECK(mentions(load_error(directory, eight), {"malformed header"}));
  CHECK(mentions(error("[]"), {"malformed header", "begin"}));
  CHECK(mentions(error("\xef\xbb\xbf{}"), {"malformed header", "begin"}));
  CHECK(mentions(error("{"), {"not valid JSON"}));
  CHECK(mentions(error("{} {}"), {"not valid JSON"}));
  CHECK(mentions(error("{\"\xff\":{}}"), {"not valid JSON"}));
  CHECK(mentions(error(R"({"x":5})"), {"\"x\"", "a number instead of an object"}));
  CHECK(mentions(error(R"({"x":[]})"), {"\"x\"", "an array"}));
  CHECK(mentions(error(R"({"x":{}})"), {"\"x\"", "no dtype"}));
  CHECK(mentions(error(R"({"":{}})"), {"empty name"}));
  CHECK(mentions(error(R"({"x":{"dtype":"F32"}})"), {"\"x\"", "no shape"}));
  CHECK(mentions(error(R"({"x":{"dtype":"F32","shape":[]}})"), {"\"x\"", "no data_offsets"}));
  CHECK(mentions(error(R"({"x":{"dtype":{"y":{}}}})"), {"\"x\"", "an object"}));
  CHECK(mentions(error(R"({"x":{"more":1}})"), {"\"x\"", "more"}));
  CHECK(mentions(error(R"({"x":{"dtype":"F32","dtype":"F32"}})"), {"twice"}));
  CHECK(mentions(error(R"({"x":{"shape":[1],"shape":[1]}})"), {"twice"}));
  CHECK(mentions(error(R"({"__metadata__":[]})"), {"__metadata__"}));
  CHECK(mentions(error(R"({"__metadata__":{"a":1}})"), {"\"a\"", "instead of a text"}));
  CHECK(mentions(error(R"({"__metadata__":{"a":"1","a":"2"}})"), {"\"a\"", "twice"}));
  CHECK(mentions(error(R"({"__metadata__":{},"__metadata__":{}})"), {"twice"}));
  CHECK(mentions(error("{"s + entry("F32", "[1]", "[0,4]") + "," + entry("F32", "[1]", "[4,8]") + "}", eight),
                 {"\"x\" appears twice"}));
  CHECK(mentions(error(one("F8_E4M3", "[4]", "[0,4]"), four), {"\"x\"", "F8_E4M3", "F32, F64", "U64"}));
  CHECK(mentions(error(one("C64", "[1]", "[0,8]"), eight), {"\"x\"", "C64"}));
  CHECK(
      mentions(error(one("U64", "[1]", "[0,8]"), std::string(8, '\xff')), {"\"x\"", "18446744073709551615", "int64"}));
  CHECK(mentions(error(one("F32", "[-1]", "[0,4]"), four), {"\"x\"", "negative"}));
  CHECK(mentions(error(one("F32", "[1.0]", "[0,4]"), four), {"\"x\"", "no integer"}));
  CHECK(mentions(error(one("F32", "[[1]]", "[0,4]"), four), {"\"x\"", "array"}));
  CHECK(mentions(error(one("F32", "[1]", "[0,4,8]"), four), {"\"x\"", "two numbers"}));
  CHECK(mentions(error(one("F32", "[9223372036854775808]", "[0,4]"), four), {"\"x\"", "too large"}));
  CHECK(mentions(error(one("F32", "[4294967296,4294967296]", "[0,4]"), four), {"\"x\"", "too large"}));
  CHECK(mentions(error(one("F32", "[0,4294967296,4294967296]", "[0,0]")), {"\"x\"", "too large"}));
  CHECK(mentions(error(one("F32", "[2]", "[0,4]"), four), {"\"x\"", "span 4 bytes", "take 8"}));
  CHECK(mentions(error(one("F32", "[2]", "[0,8]"), four), {"\"x\"", "[0, 8]", "4 bytes"}));
  CHECK(mentions(error(one("F32", "[1]", "[4,0]"), four), {"\"x\"", "[4, 0]"}));
  CHECK(mentions(error(one("F32", "[1]", "[0,4]"), eight), {"too long", "8 bytes", "describes 4"}));
  CHECK(mentions(error(one("F32", "[1]", "[4,8]"), eight), {"bytes 0 to 4", "belong to no tensor"}));
  CHECK(mentions(
      error(R"({"y":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"s + entry("F32", "[1]", "[0,4]") + "}", four),
      {"overlaps"}));
  CHECK(mentions(error(one("BOOL", "[4]", "[0,4]"), "\x01\x00\x02\x01"s), {"\"x\"", "element 2", "byte 2"}));
  std::string many = "[1";
  for (int i = 0; i < 64; ++i) many += ",1";
  CHECK(mentions(error(one("F32", many + "]", "[0,4]"), four), {"\"x\"", "more than 64"}));
}

TEST_CASE("a deeply nested header is refused without recursion") {
  const test::TemporaryDirectory directory;
  CHECK(mentions(load_error(directory, test::safetensors(R"({"x":)"s + std::string(5'000'000, '['))),
                 {"malformed header"}));
  std::string objects;
  for (int i = 0; i < 1'000'000; ++i) objects += "{\"x\":";
  CHECK(mentions(load_error(directory, test::safetensors(objects)), {"malformed header"}));
}

TEST_CASE("damaged files give a value or an IoError") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "whole.safetensors";
  xgrad::save(
      {{"w", xgrad::tensor({{1.0, 2.0}, {3.0, 4.0}})}, {"n", xgrad::tensor({7, 8})}, {"f", xgrad::tensor(true)}}, path,
      {{"epoch", "3"}});
  const std::string bytes = test::read_file(path);
  const int refused = test::try_damaged(directory / "damaged.safetensors", bytes, [](const std::string& damaged) {
    for (const auto& [name, tensor] : xgrad::load(damaged)) (void)tensor.to_vector<double>();
  });
  // Every prefix and everything appended is refused; so is at least every flipped bit of the header's length.
  CHECK(refused >= static_cast<int>(bytes.size()) + 3 + 64);
}
