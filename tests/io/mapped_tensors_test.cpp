#include <xgrad/autograd.hpp>
#include <xgrad/io/safetensors.hpp>
#include <xgrad/memory.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/equality.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <doctest/doctest.h>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "core/tensor_impl.hpp"
#include "support/files.hpp"

using namespace std::string_literals;
using test::mentions;
using test::message_of;
using xgrad::StateDict;
using xgrad::Tensor;

namespace {
// 800 KB each, whose ends lie inside pages.
constexpr std::int64_t count = 200'003;

std::vector<float> numbers(int tensor) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) + static_cast<float>(tensor) / 4;
  return values;
}
std::string name_of(int tensor) { return {'t', static_cast<char>('0' + tensor)}; }
StateDict three() {
  StateDict tensors;
  for (int i = 0; i < 3; ++i) tensors.insert(name_of(i), xgrad::tensor(numbers(i)));
  return tensors;
}
bool is_mapped(const std::string& path) {
  std::ifstream maps("/proc/self/maps");
  return std::string(std::istreambuf_iterator<char>(maps), {}).find(path) != std::string::npos;
}
// Memory of this process that no file backs, in bytes.
std::int64_t anonymous_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("RssAnon:")) return std::stoll(line.substr(8)) << 10;
  FAIL("no RssAnon in /proc/self/status");
  return 0;
}
// A file whose data begin at the given remainder of 8, so that they may not be aligned.
std::string file_of(std::string header, std::size_t remainder, const std::string& data) {
  while (header.size() % 8 != remainder) header += ' ';
  const auto length = static_cast<std::uint64_t>(header.size());
  std::string prefix(8, '\0');
  std::memcpy(prefix.data(), &length, 8);
  return prefix + header + data;
}
}  // namespace

TEST_CASE("a large tensor lies where its file is mapped until the last one on it dies") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "large.safetensors";
  xgrad::save(three(), path);
  std::optional<StateDict> tensors = xgrad::load(path);
  CHECK(is_mapped(path));
  CHECK_FALSE(xgrad::detail::is_exclusive(tensors->at("t0")));
  for (int i = 0; i < 3; ++i) CHECK(tensors->at(name_of(i)).to_vector<float>() == numbers(i));
  Tensor part = tensors->at("t1").narrow(0, 5, 2);
  tensors.reset();
  CHECK(is_mapped(path));
  CHECK(part.to_vector<float>() == std::vector<float>{5.25F, 6.25F});
  part = Tensor();
  CHECK_FALSE(is_mapped(path));

  CHECK(xgrad::load_metadata(path).empty());
  CHECK_FALSE(is_mapped(path));
  xgrad::save({{"small", xgrad::ones({1000})}}, path);
  const StateDict small = xgrad::load(path);
  CHECK_FALSE(is_mapped(path));
  CHECK(xgrad::equal(small.at("small"), xgrad::ones({1000})));
}

TEST_CASE("what is loaded and read takes no memory of its own") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "large.safetensors";
  constexpr std::int64_t bytes = 64 << 20;
  xgrad::save({{"x", xgrad::ones({bytes}, {.dtype = xgrad::uint8})}}, path);
  xgrad::empty_cache();
  const std::int64_t before = anonymous_memory();
  const Tensor x = xgrad::load(path).at("x");
  CHECK(std::count(x.data<std::uint8_t>(), x.data<std::uint8_t>() + bytes, 1) == bytes);
  CHECK(anonymous_memory() - before < bytes / 4);
}

TEST_CASE("a change in place stays in memory, and leaves neighbours alone when it goes") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "large.safetensors";
  xgrad::save(three(), path);
  const std::string bytes = test::read_file(path);
  StateDict tensors = xgrad::load(path);
  for (const auto& [name, tensor] : tensors) tensor.mul_(2);
  tensors.erase("t1");
  for (const int i : {0, 2}) {
    std::vector<float> doubled = numbers(i);
    for (float& value : doubled) value *= 2;
    CHECK(tensors.at(name_of(i)).to_vector<float>() == doubled);
  }
  CHECK(test::read_file(path) == bytes);
  CHECK(xgrad::load(path).at("t0").to_vector<float>() == numbers(0));
}

TEST_CASE("a loaded tensor is differentiated, and its changes in place are counted") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "large.safetensors";
  xgrad::save(three(), path);
  const Tensor x = xgrad::load(path).at("t2").requires_grad_();
  (x * x).sum().backward();
  std::vector<float> twice = numbers(2);
  for (float& value : twice) value *= 2;
  CHECK(x.grad().to_vector<float>() == twice);

  const Tensor y = x * x;
  {
    xgrad::NoGradGuard no_grad;
    x.fill_(1);
  }
  CHECK_THROWS_AS(y.sum().backward(), xgrad::AutogradError);
}

TEST_CASE("saving over a file leaves alone what was loaded from it") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "large.safetensors";
  xgrad::save(three(), path);
  const StateDict before = xgrad::load(path);
  StateDict changed = xgrad::load(path);
  for (const auto& [name, tensor] : changed) tensor.fill_(-1);
  xgrad::save(changed, path);
  for (int i = 0; i < 3; ++i) CHECK(before.at(name_of(i)).to_vector<float>() == numbers(i));
  CHECK(xgrad::equal(xgrad::load(path).at("t1"), xgrad::full({count}, -1.0)));
  // Also when the file's own pages are what is written.
  xgrad::save(before, path);
  for (int i = 0; i < 3; ++i) CHECK(xgrad::load(path).at(name_of(i)).to_vector<float>() == numbers(i));
}

TEST_CASE("large data that are not aligned, and such that are converted, are read") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "odd.safetensors";
  std::vector<double> values(100'001);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i) / 3;
  const std::string data(reinterpret_cast<const char*>(values.data()), 8 * values.size());
  const std::string header = R"({"x":{"dtype":"F64","shape":[100001],"data_offsets":[0,800008]}})";
  for (std::size_t remainder = 0; remainder < 8; ++remainder) {
    test::write_file(path, file_of(header, remainder, data));
    const StateDict tensors = xgrad::load(path);
    CHECK(tensors.at("x").to_vector<double>() == values);
    CHECK(is_mapped(path) == (remainder == 0));
  }
  std::string ones;
  for (int i = 0; i < 400'000; ++i) ones += "\x80\x3f"s;
  test::write_file(path, file_of(R"({"x":{"dtype":"BF16","shape":[400000],"data_offsets":[0,800000]}})", 0, ones));
  CHECK(xgrad::equal(xgrad::load(path).at("x"), xgrad::ones({400'000})));
}

TEST_CASE("a large file is checked before it is mapped") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "bad.safetensors";
  xgrad::save(three(), path);
  const std::string bytes = test::read_file(path);
  test::write_file(path, bytes.substr(0, bytes.size() - 1));
  CHECK(mentions(message_of<xgrad::IoError>([&] { xgrad::load(path); }), {"load: ", path}));
  test::write_file(path, bytes + "x");
  CHECK(mentions(message_of<xgrad::IoError>([&] { xgrad::load(path); }), {"too long"}));
  std::string flags(800'000, '\1');
  flags[700'000] = '\2';
  test::write_file(path, file_of(R"({"x":{"dtype":"BOOL","shape":[800000],"data_offsets":[0,800000]}})", 0, flags));
  CHECK(mentions(message_of<xgrad::IoError>([&] { xgrad::load(path); }), {"\"x\"", "element 700000", "byte 2"}));
  CHECK_FALSE(is_mapped(path));
}
