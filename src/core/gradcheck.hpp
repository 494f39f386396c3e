// The machine behind gradcheck, gradgradcheck and gradcheck_module.
#pragma once
#include <xgrad/testing.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace xgrad::detail {

// A place by which is differentiated: the tensor that the tape sees, and the one whose elements are moved (the same for
// a parameter, which the function knows by itself).
struct GradcheckVariable {
  Tensor taped, moved;
  std::string name;
};

struct GradcheckProblem {
  const char* op;
  Here here;
  ListFunction f;
  TensorList strided{};  // arguments laid out as the user's
  TensorList dense{};    // the same values, contiguous
  std::vector<GradcheckVariable> variables{};
  std::vector<std::string> output_names{};  // "output 0", ... where empty
  bool keep_unrecorded = false;             // outputs that do not require grad have the derivative zero
};

// What is wrong; empty where nothing is.
std::string run_gradcheck(const GradcheckProblem& problem, const GradcheckOptions& options);

// Address of the element with a row-major number.
std::byte* element(const Tensor& x, std::int64_t index);
// The same values, contiguous, in memory of their own, without history.
Tensor copy_dense(const Tensor& x);
Tensor zeros_of(const Shape& shape);
// Reproducible values in [-1, -0.5) and [0.5, 1).
Tensor random_of(const Shape& shape, std::uint64_t seed);

}  // namespace xgrad::detail
