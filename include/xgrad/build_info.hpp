#pragma once

#include <string>

namespace xgrad {

/// The version of the linked library, such as "0.1.0".
const char* version() noexcept;

/// How the linked library was built: one `name: value` line each for its version, compiler, instruction set, BLAS,
/// what computes float32 convolutions, and OpenMP runtime, and whether set_float32_matmul_precision("medium") has
/// instructions on this processor and they are in use. Meant for people and bug reports, not for parsing.
std::string build_info();

}  // namespace xgrad
