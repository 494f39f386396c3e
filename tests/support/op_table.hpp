// One row per operation, and all that is checked of a row:
//   values against an oracle in plain loops; first and second derivatives against differences; gradients with and
//   without create_graph; float32 beside float64; inputs that are transposed, stepped, broadcast, 0-d, of size 0 and 1;
//   one gradient asked for at a time; nothing recorded or changed that should not be; the words of an error.
#pragma once
#include <xgrad/detail/callable.hpp>
#include <xgrad/tensor.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace table {

using xgrad::Shape;
using xgrad::Tensor;
using xgrad::TensorList;

// What an oracle computes with: numbers in row-major order.
struct Array {
  Shape shape;
  std::vector<double> values;
};
using Arrays = std::vector<Array>;
using Oracle = std::function<Arrays(const Arrays&)>;
using Call = std::function<TensorList(const TensorList&)>;
using Shapes = std::vector<std::vector<Shape>>;

// Inputs are distinct numbers in here, away from each other and from both ends.
struct Range {
  double low = -2, high = 2;
};
// A call that must throw an xgrad::Error whose message has all of the words.
struct Misuse {
  std::function<void()> call;
  std::vector<std::string> words;
};

struct Row {
  std::string name;
  Call call;
  Shapes shapes;  // one list of input shapes per run
  Oracle oracle;
  std::vector<Range> ranges{{}};  // per input; the last one goes for the rest
  std::vector<Misuse> misuse{};
  bool differentiable = true;
  bool has_second = true;    // false: no derivative of the derivative exists by convention
  double tolerance = 1e-12;  // of values in float64, relative to the largest
};

// Runs all checks of a row as doctest assertions.
void run(const Row& row);

// What is wrong with the derivatives of a row; empty where nothing is.
std::string derivative_failure(const Row& row);

// Ones, float32: an operand of calls that are refused.
Tensor some(const Shape& shape);

// A function or lambda over Tensors (or a TensorList) as a Call.
template <class F>
Call on(F f) {
  return [f](const TensorList& inputs) { return xgrad::detail::over_list(f)(inputs); };
}

// ---- oracles

// f of each element.
Oracle each(std::function<double(double)> f);
// f of each pair, with NumPy's broadcasting.
Oracle pairs(std::function<double(double, double)> f);
Oracle triples(std::function<double(double, double, double)> f);
// The elements along `dims` (all for none), in row-major order, to one number. keepdim keeps their dimensions as 1.
Oracle reduced(std::vector<std::int64_t> dims, bool keepdim, std::function<double(const std::vector<double>&)> f);
// The elements of each line along one dimension to as many numbers.
Oracle lines(std::int64_t dim, std::function<std::vector<double>(const std::vector<double>&)> f);
// The shape from the inputs, and each element from its index.
using Index = std::vector<std::int64_t>;
Oracle indexed(std::function<Shape(const Arrays&)> shape, std::function<double(const Arrays&, const Index&)> element);
// (log_)softmax of the elements of a line.
std::vector<double> log_softmax(const std::vector<double>& x);
std::vector<double> softmax(const std::vector<double>& x);
// An element.
double at(const Array& x, const Index& index);

// ---- shapes that suit many operations
extern const Shapes unary;   // [2, 3], [], [0, 3], [1], [2, 1, 4]
extern const Shapes binary;  // equal, broadcast either way and both ways, 0-d, size 0 and 1

// One call that must throw.
std::vector<Misuse> refuses(std::function<void()> call, std::vector<std::string> words);
// Misuse of any operation of two broadcasting operands: shapes that do not meet, float32 with float64.
std::vector<Misuse> operand_misuse(const std::string& name, std::function<Tensor(const Tensor&, const Tensor&)> f);

}  // namespace table
