// A folder of values computed by PyTorch: cases.json and cases.safetensors (README.md has the format).
#pragma once
#include <xgrad/state_dict.hpp>
#include <xgrad/tensor.hpp>

#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace reference {

using nlohmann::json;
using xgrad::Tensor;
using xgrad::TensorList;

// The project's own folder.
std::filesystem::path own_folder();
// The one that the environment variable XGRAD_REFERENCE_DIR names, else the project's own.
std::filesystem::path folder();
// The tensors of a file whose names begin with a prefix, without it.
xgrad::StateDict part(const xgrad::StateDict& all, const std::string& prefix);

class Book {
 public:
  // Throws std::runtime_error where the files cannot be read.
  explicit Book(const std::filesystem::path& folder);

  const json& cases() const { return cases_; }
  // A stored tensor: reals as float64, integers as int64, truths as bool. std::runtime_error for an unknown name.
  Tensor tensor(const std::string& name) const;
  // Changes an element, counted in row-major order, of a stored tensor of reals.
  void set(const std::string& name, std::size_t element, double value);

 private:
  const json& entry(const std::string& name) const;

  json cases_, header_;
  std::vector<char> bytes_;
  std::size_t begin_ = 0;
};

// The project's own book.
const Book& own_book();

// |actual - expected| <= atol max(1, max |expected|) + rtol |expected|, infinities equal.
struct Tolerance {
  double rtol = 1e-9, atol = 1e-11;
};
// What is wrong with the actual numbers, shape included; empty where nothing is.
std::string difference(const Tensor& actual, const Tensor& expected, const Tolerance& tolerance = {});

}  // namespace reference
