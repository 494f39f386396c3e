#include <xgrad/build_info.hpp>
#include <xgrad/version.hpp>

#include <doctest/doctest.h>
#include <string>

TEST_CASE("the library and its headers have the same version") {
  const std::string expected = std::to_string(XGRAD_VERSION_MAJOR) + "." + std::to_string(XGRAD_VERSION_MINOR) + "." +
                               std::to_string(XGRAD_VERSION_PATCH);
  CHECK(xgrad::version() == expected);
  CHECK(XGRAD_VERSION / 10000 == XGRAD_VERSION_MAJOR);
}

TEST_CASE("build_info names what the library was built with") {
  const std::string info = xgrad::build_info();
  for (const char* line :
       {"xgrad: ", "compiler: ", "SIMD: ", "BLAS: ", "convolutions: ", "bfloat16 products: ", "OpenMP: "})
    CHECK(info.find(line) != std::string::npos);
}
