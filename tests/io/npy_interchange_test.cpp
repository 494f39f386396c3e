// Arrays to NumPy and back (npy_interchange.py), where it is installed.
#include <xgrad/io/npy.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/equality.hpp>

#include <cstdlib>
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "support/files.hpp"
#include "support/python.hpp"

namespace xg = xgrad;
using test::mentions;
using test::message_of;
using xg::Tensor;

namespace {
xg::StateDict arrays() {
  const Tensor i = xg::arange(24).to(xg::float64);
  const Tensor thirds = i / xg::full({}, 3.0, {.dtype = xg::float64});
  return {{"f4", (i / 8 - 1).to(xg::float32).reshape({2, 3, 4})},
          {"f8", thirds.reshape({4, 6})},
          {"i8", (xg::arange(24) - 5) * 1'000'000'000'000},
          {"i4", (xg::arange(24) - 7).to(xg::int32).reshape({24, 1})},
          {"u1", (xg::arange(24) * 10 + 5).to(xg::uint8)},
          {"b1", xg::arange(24).remainder(3) == 0},
          {"transposed", thirds.reshape({4, 6}).t()},
          {"part/of.it", thirds.reshape({12, 2}).select(1, 0)},
          {"scalar", xg::full({}, 2.5, {.dtype = xg::float64})},
          {"none", xg::zeros({0, 3})}};
}
}  // namespace

TEST_CASE("arrays go to NumPy and come from it") {
  if (!test::python_has("numpy")) return;
  const test::TemporaryDirectory directory;
  const xg::StateDict mine = arrays();
  xg::save_npz(mine, directory / "from_xgrad.npz");
  xg::save_npz(mine, directory / "packed.npz", {.compressed = true});
  xg::save_npy(mine.at("f8"), directory / "array.npy");
  REQUIRE(test::run_python("io/npy_interchange.py", directory.path()));

  for (const char* archive : {"plain.npz", "compressed.npz"}) {
    const xg::StateDict theirs = xg::load_npz(directory / archive);
    CHECK(theirs.size() == 51);
    for (const auto& [name, tensor] : theirs) {
      CAPTURE(name);
      if (name[0] != '<' && name[0] != '>') continue;
      const std::string kind = name.substr(1, 2);
      const xg::Dtype dtype = kind == "f2" || kind == "f4"                   ? xg::float32
                              : kind == "f8"                                 ? xg::float64
                              : kind == "u1"                                 ? xg::uint8
                              : kind == "b1"                                 ? xg::bool_
                              : kind == "i8" || kind == "u4" || kind == "u8" ? xg::int64
                                                                             : xg::int32;
      CHECK(tensor.dtype() == dtype);
      CHECK(tensor.sizes() == xg::Shape{3, 4});
      CHECK(tensor.is_contiguous());
      std::vector<double> expected;
      for (int v = -6; v < 6; ++v)
        expected.push_back(kind == "b1" ? v % 2 == 0 : 21.0 * (kind[0] == 'u' ? std::abs(v) : v));
      CHECK(tensor.to_vector<double>() == expected);
    }
    CHECK(theirs.at("scalar").dim() == 0);
    CHECK(theirs.at("scalar").item<float>() == 0.1F);
    CHECK(theirs.at("none").sizes() == xg::Shape{3, 0});
    CHECK(theirs.at("largest").to_vector<std::int64_t>() ==
          std::vector<std::int64_t>{255, 65535, 4294967295, 9223372036854775807});
  }
  for (const char* file : {"version1.npy", "version2.npy", "version3.npy"}) {
    const Tensor read = xg::load_npy(directory / file);
    CHECK(xg::equal(read, (xg::arange(12) - 6).to(xg::float64).reshape({3, 4})));
  }
  const auto error = [&](const char* file) { return message_of<xg::IoError>([&] { xg::load_npy(directory / file); }); };
  CHECK(mentions(error("objects.npy"), {"load_npy: ", "objects.npy", "|O (Python objects)", "f4, f8", "b1"}));
  CHECK(mentions(error("complex.npy"), {"<c16 (complex numbers)"}));
  CHECK(mentions(error("text.npy"), {"<U2 (text)"}));
  CHECK(mentions(error("records.npy"), {"records"}));
  CHECK(mentions(error("dates.npy"), {"<M8[s] (dates)"}));
  CHECK(mentions(error("beyond.npy"), {"9223372036854775808", "int64"}));
}
