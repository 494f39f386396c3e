// The cases computed by PyTorch, of tests/reference (README.md there says what a case holds).
#pragma once
#include <xgrad/tensor.hpp>

#include <nlohmann/json.hpp>
#include <string>

namespace reference {

using Json = nlohmann::json;

// All cases.
const Json& cases();
// A stored tensor: reals as float64, integers as int64, truths as bool.
xgrad::Tensor tensor(const std::string& name);
// Stored reals as plain numbers.
std::vector<double> values(const std::string& name);

// Whether |actual - expected| <= atol max(1, max |expected|) + rtol |expected| holds for all, infinities equal, and the
// shapes agree; what is wrong otherwise.
struct Tolerance {
  double rtol = 1e-9, atol = 1e-11;
};
std::string difference(const xgrad::Tensor& actual, const xgrad::Tensor& expected, const Tolerance& tolerance = {});

}  // namespace reference
