// Element types of safetensors files that are converted on the way.
#include <xgrad/io/safetensors.hpp>
#include <xgrad/ops/creation.hpp>

#include <cmath>
#include <cstdint>
#include <doctest/doctest.h>
#include <limits>
#include <string>
#include <vector>

#include "support/files.hpp"
#include "support/safetensors_file.hpp"

using namespace std::string_literals;
using test::bytes_of;
using test::mentions;
using test::message_of;
using xgrad::Shape;
using xgrad::StateDict;
using xgrad::Tensor;

TEST_CASE("half precision is widened") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "half.safetensors";
  const std::vector<std::uint16_t> half{0x0000, 0x8000, 0x3c00, 0xc000, 0x7bff, 0x0001,
                                        0x03ff, 0x0400, 0x3555, 0x7c00, 0xfc00, 0x7e00};
  const std::vector<std::uint16_t> brain{0x3f80, 0xc040, 0x7f80, 0x0001, 0x4049};
  test::write_file(path, test::safetensors(R"({"h":{"dtype":"F16","shape":[12],"data_offsets":[0,24]},)"
                                           R"("b":{"dtype":"BF16","shape":[5],"data_offsets":[24,34]}})",
                                           bytes_of(half) + bytes_of(brain)));
  const StateDict tensors = xgrad::load(path);
  CHECK(tensors["h"].dtype() == xgrad::float32);
  const std::vector<float> h = tensors["h"].to_vector<float>();
  const std::vector<float> expected{0,
                                    -0.0F,
                                    1,
                                    -2,
                                    65504,
                                    std::ldexp(1.0F, -24),
                                    std::ldexp(1023.0F, -24),
                                    std::ldexp(1.0F, -14),
                                    0.333251953125F,
                                    std::numeric_limits<float>::infinity(),
                                    -std::numeric_limits<float>::infinity()};
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK(h[i] == expected[i]);
  CHECK(std::signbit(h[1]));
  CHECK(std::isnan(h[11]));
  const std::vector<float> b = tensors["b"].to_vector<float>();
  CHECK(b[0] == 1);
  CHECK(b[1] == -3);
  CHECK(std::isinf(b[2]));
  CHECK(b[3] == std::ldexp(1.0F, -133));
  CHECK(b[4] == 3.140625F);
}

TEST_CASE("small and unsigned integers become the type that holds them") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "integers.safetensors";
  test::write_file(
      path, test::safetensors(R"({"i8":{"dtype":"I8","shape":[3],"data_offsets":[0,3]},)"
                              R"("i16":{"dtype":"I16","shape":[2],"data_offsets":[3,7]},)"
                              R"("u16":{"dtype":"U16","shape":[1,2],"data_offsets":[7,11]},)"
                              R"("u32":{"dtype":"U32","shape":[2],"data_offsets":[11,19]},)"
                              R"("u64":{"dtype":"U64","shape":[],"data_offsets":[19,27]},)"
                              R"("none":{"dtype":"U16","shape":[0],"data_offsets":[27,27]}})",
                              "\x80\xff\x7f"s + bytes_of<std::int16_t>({-32768, 5}) +
                                  bytes_of<std::uint16_t>({65535, 1}) + bytes_of<std::uint32_t>({4294967295U, 2}) +
                                  bytes_of<std::uint64_t>({9223372036854775807U})));
  const StateDict tensors = xgrad::load(path);
  using Numbers = std::vector<std::int64_t>;
  CHECK(tensors["i8"].dtype() == xgrad::int32);
  CHECK(tensors["i8"].to_vector<std::int64_t>() == Numbers{-128, -1, 127});
  CHECK(tensors["i16"].dtype() == xgrad::int32);
  CHECK(tensors["i16"].to_vector<std::int64_t>() == Numbers{-32768, 5});
  CHECK(tensors["u16"].dtype() == xgrad::int32);
  CHECK(tensors["u16"].sizes() == Shape{1, 2});
  CHECK(tensors["u16"].to_vector<std::int64_t>() == Numbers{65535, 1});
  CHECK(tensors["u32"].dtype() == xgrad::int64);
  CHECK(tensors["u32"].to_vector<std::int64_t>() == Numbers{4294967295, 2});
  CHECK(tensors["u64"].dtype() == xgrad::int64);
  CHECK(tensors["u64"].item<std::int64_t>() == 9223372036854775807);
  CHECK(tensors["none"].numel() == 0);
}

namespace {
// What a float32 becomes in a file of this format and back.
std::vector<float> through(xgrad::FloatFormat format, const std::vector<float>& values) {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "x.safetensors";
  xgrad::save({{"x", xgrad::tensor(values)}}, path, {.float32_as = format});
  CHECK(test::read_file(path).find(format == xgrad::FloatFormat::f16 ? "\"F16\"" : "\"BF16\"") != std::string::npos);
  return xgrad::load(path)["x"].to_vector<float>();
}
// Every number of a format, and what lies half way to the next one and beside it: each goes to the nearest, and halves
// to the one with an even last bit. `value` gives the number of some bits.
template <class Value>
void check_rounding(xgrad::FloatFormat format, unsigned last, Value value) {
  std::vector<float> given, expected;
  const auto add = [&](float from, float to) {
    for (const float sign : {1.0F, -1.0F}) given.push_back(sign * from), expected.push_back(sign * to);
  };
  for (unsigned bits = 0; bits < last; ++bits) {
    const float low = value(bits), high = value(bits + 1);
    const float middle = low + (high - low) / 2;
    add(low, low);
    if (middle == low || middle == high) continue;  // float32 has nothing in between
    add(middle, bits % 2 == 0 ? low : high);
    add(std::nextafter(middle, low), low);
    add(std::nextafter(middle, high), high);
  }
  const std::vector<float> got = through(format, given);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < got.size(); ++i)
    wrong += got[i] != expected[i] || std::signbit(got[i]) != std::signbit(expected[i]);
  CHECK(wrong == 0);
}
}  // namespace

TEST_CASE("float32 is rounded to the nearest number of half the size") {
  check_rounding(xgrad::FloatFormat::f16, 0x7bff, [](unsigned bits) {
    const int exponent = static_cast<int>(bits >> 10);
    const auto fraction = static_cast<float>(bits & 0x3ff);
    return exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  });
  check_rounding(xgrad::FloatFormat::bf16, 0x7f7f, [](unsigned bits) {
    const int exponent = static_cast<int>(bits >> 7);
    const auto fraction = static_cast<float>(bits & 0x7f);
    return exponent == 0 ? std::ldexp(fraction, -133) : std::ldexp(128 + fraction, exponent - 134);
  });
  for (const auto format : {xgrad::FloatFormat::f16, xgrad::FloatFormat::bf16}) {
    const float infinity = std::numeric_limits<float>::infinity();
    const std::vector<float> special = through(format, {infinity, -infinity, std::nanf(""), -std::nanf("1")});
    CHECK(special[0] == infinity);
    CHECK(special[1] == -infinity);
    CHECK(std::isnan(special[2]));
    CHECK(std::isnan(special[3]));
  }
  CHECK(through(xgrad::FloatFormat::f16, {65519.0F}) == std::vector<float>{65504});
}

TEST_CASE("only float32 is shortened, metadata go along, and overflow is refused") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "x.safetensors";
  const Tensor matrix = xgrad::tensor({{1.0, 2.0, 3.0}, {4.0, 5.0, 6.1}});
  const StateDict tensors{{"w", matrix.t()},
                          {"d", xgrad::tensor({0.1}, {.dtype = xgrad::float64})},
                          {"n", xgrad::tensor({70000})},
                          {"none", xgrad::zeros({0})}};
  xgrad::save(tensors, path, {.float32_as = xgrad::FloatFormat::f16, .metadata = {{"epoch", "3"}}});
  const StateDict back = xgrad::load(path);
  CHECK(back["w"].to_vector<float>() == std::vector<float>{1, 4, 2, 5, 3, 6.1015625F});
  CHECK(back["d"].item<double>() == 0.1);
  CHECK(back["n"].item<int>() == 70000);
  CHECK(back["none"].sizes() == Shape{0});
  CHECK(xgrad::load_metadata(path) == xgrad::Metadata{{"epoch", "3"}});

  const std::string bytes = test::read_file(path);
  CHECK(mentions(
      message_of<xgrad::ValueError>([&] {
        xgrad::save({{"big", xgrad::tensor({1.0F, -65520.0F})}}, path, {.float32_as = xgrad::FloatFormat::f16});
      }),
      {"save", "\"big\"", "element 1 is -65520", "F16", "65504", "elements_test.cpp:"}));
  CHECK_THROWS_AS(xgrad::save({{"big", xgrad::tensor({std::numeric_limits<float>::max()})}}, path,
                              {.float32_as = xgrad::FloatFormat::bf16}),
                  xgrad::ValueError);
  CHECK(test::read_file(path) == bytes);
  CHECK(directory.count() == 1);
}
