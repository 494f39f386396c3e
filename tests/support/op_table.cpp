#include "support/op_table.hpp"

#include <xgrad/autograd.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/testing.hpp>

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <numeric>

#include "core/tensor_impl.hpp"
#include "support/operation_record.hpp"

namespace table {
namespace {

enum class Layout { dense, transposed, stepped };

Array numbers(const Shape& shape, const Range& range, std::size_t input) {
  const auto count = static_cast<std::size_t>(xgrad::numel(shape));
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::uint64_t state = 12345 + input;
  for (std::size_t i = count; i > 1; --i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    std::swap(order[i - 1], order[(state >> 33) % i]);
  }
  // Each input has a place of its own within the cells, so that no two numbers are equal or at zero.
  const double place = 0.37 + 0.23 * static_cast<double>(input % 3);
  Array array{shape, std::vector<double>(count)};
  for (std::size_t i = 0; i < count; ++i)
    array.values[i] =
        range.low + (range.high - range.low) * (static_cast<double>(order[i]) + place) / static_cast<double>(count);
  return array;
}

Tensor tensor_of(const Array& array, Layout layout, xgrad::Dtype dtype = xgrad::float64) {
  const Tensor dense = xgrad::tensor(std::span<const double>(array.values), array.shape).to(dtype);
  const std::size_t rank = array.shape.size();
  if (layout == Layout::dense || dense.numel() < 2) return dense;
  Shape strides(rank, 0);
  const std::int64_t step = layout == Layout::stepped ? 2 : 1;
  std::int64_t stride = step;
  for (std::size_t k = 0; k < rank; ++k) {
    const std::size_t d = layout == Layout::stepped ? rank - 1 - k : k;
    strides[d] = stride;
    stride *= array.shape[d];
  }
  const Tensor memory = xgrad::full({stride}, -77.0, {.dtype = dtype});
  const Tensor view = xgrad::detail::make_alias(xgrad::detail::make_view(memory, array.shape, strides, 0));
  view.copy_(dense);
  return view;
}

struct Inputs {
  Arrays arrays;
  TensorList tensors(Layout layout, xgrad::Dtype dtype = xgrad::float64, bool requires_grad = false) const {
    TensorList list;
    for (const Array& array : arrays) {
      list.push_back(tensor_of(array, layout, dtype));
      if (requires_grad) list.back().requires_grad_();
    }
    return list;
  }
};

Inputs inputs_of(const Row& row, const std::vector<Shape>& shapes) {
  Inputs inputs;
  for (std::size_t i = 0; i < shapes.size(); ++i)
    inputs.arrays.push_back(numbers(shapes[i], row.ranges[std::min(i, row.ranges.size() - 1)], i));
  return inputs;
}

std::string differing(const Tensor& actual, const Shape& shape, const std::vector<double>& expected, double relative,
                      double absolute) {
  if (!actual.defined()) return "undefined";
  if (!(actual.sizes() == shape))
    return fmt::format("shape {} instead of {}", xgrad::to_string(actual.sizes()), xgrad::to_string(shape));
  const std::vector<double> values = actual.to_vector<double>();
  double scale = 0;
  for (double v : expected)
    if (std::isfinite(v)) scale = std::max(scale, std::abs(v));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double a = values[i], e = expected[i];
    if (a == e || (std::isnan(a) && std::isnan(e)) || std::abs(a - e) <= absolute + relative * scale) continue;
    return fmt::format("element {}: {:.17g} instead of {:.17g}", i, a, e);
  }
  return {};
}
std::string differing(const Tensor& actual, const Tensor& expected, double relative, double absolute) {
  if (!actual.defined() || !expected.defined()) return actual.defined() == expected.defined() ? "" : "one is undefined";
  return differing(actual, expected.sizes(), expected.to_vector<double>(), relative, absolute);
}

void expect(const std::string& wrong, const std::string& what) { CHECK_MESSAGE(wrong.empty(), what, ": ", wrong); }

// Gradients by the inputs that require grad, for fixed cotangents.
TensorList gradients(const TensorList& outputs, const TensorList& inputs, bool create_graph) {
  TensorList of, cotangents, by;
  for (std::size_t o = 0; o < outputs.size(); ++o) {
    if (!outputs[o].requires_grad()) continue;
    of.push_back(outputs[o]);
    cotangents.push_back(tensor_of(numbers(outputs[o].sizes(), {0.5, 1.5}, o), Layout::dense, outputs[o].dtype()));
  }
  for (const Tensor& x : inputs)
    if (x.requires_grad()) by.push_back(x);
  if (of.empty()) return TensorList(by.size());
  return xgrad::grad(
      of, by, {.grad_outputs = cotangents, .retain_graph = true, .create_graph = create_graph, .allow_unused = true});
}

void check_values(const Row& row, const Inputs& inputs, const std::string& what) {
  const Arrays expected = row.oracle(inputs.arrays);
  for (Layout layout : {Layout::dense, Layout::transposed, Layout::stepped}) {
    const TensorList arguments = inputs.tensors(layout);
    const TensorList results = row.call(arguments);
    REQUIRE_MESSAGE(results.size() == expected.size(), what, ": number of results");
    for (std::size_t i = 0; i < results.size(); ++i)
      expect(differing(results[i], expected[i].shape, expected[i].values, row.tolerance, row.tolerance),
             fmt::format("{}: value in layout {}", what, static_cast<int>(layout)));
    for (std::size_t i = 0; i < arguments.size(); ++i)
      expect(differing(arguments[i], inputs.arrays[i].shape, inputs.arrays[i].values, 0, 0), what + ": input changed");
    for (const Tensor& result : results) CHECK_MESSAGE(!result.requires_grad(), what, ": recorded for nothing");
  }
  const TensorList single = row.call(inputs.tensors(Layout::dense, xgrad::float32));
  for (std::size_t i = 0; i < single.size(); ++i) {
    if (single[i].is_floating_point()) CHECK_MESSAGE(single[i].dtype() == xgrad::float32, what, ": dtype");
    expect(differing(single[i], expected[i].shape, expected[i].values, 2e-5, 1e-6), what + ": value in float32");
  }
}

std::string check_derivatives(const Row& row, const Inputs& inputs) {
  for (Layout layout : {Layout::dense, Layout::transposed, Layout::stepped}) {
    const TensorList arguments = inputs.tensors(layout, xgrad::float64, true);
    const xgrad::CheckResult first = xgrad::gradcheck(row.call, arguments, {.atol = 1e-7, .rtol = 1e-6});
    if (!first) return first.message();
    if (!row.has_second || layout == Layout::stepped) continue;
    const xgrad::CheckResult second = xgrad::gradgradcheck(row.call, arguments, {.atol = 1e-6, .rtol = 1e-5});
    if (!second) return second.message();
  }
  return {};
}

void check_gradients(const Row& row, const Inputs& inputs, const std::string& what) {
  const TensorList arguments = inputs.tensors(Layout::dense, xgrad::float64, true);
  const TensorList outputs = row.call(arguments);
  const TensorList plain = gradients(outputs, arguments, false), recorded = gradients(outputs, arguments, true);
  for (std::size_t i = 0; i < plain.size(); ++i) {
    expect(differing(recorded[i], plain[i], 1e-12, 1e-14), what + ": gradient with create_graph");
    CHECK_MESSAGE((!plain[i].defined() || !plain[i].requires_grad()), what, ": a gradient recorded for nothing");
  }

  const TensorList narrow = inputs.tensors(Layout::dense, xgrad::float32, true);
  const TensorList single = gradients(row.call(narrow), narrow, false);
  for (std::size_t i = 0; i < plain.size(); ++i)
    expect(differing(single[i], plain[i], 1e-4, 1e-6), what + ": gradient in float32");

  for (std::size_t only = 0; only < arguments.size(); ++only) {
    TensorList one = inputs.tensors(Layout::dense);
    one[only].requires_grad_();
    const TensorList results = row.call(one);
    const TensorList alone = gradients(results, one, false);
    expect(differing(alone[0], plain[only], 1e-12, 1e-14), what + ": gradient asked for alone");
    TensorList recording;
    for (const Tensor& y : results)
      if (y.requires_grad()) recording.push_back(y);
    if (recording.empty()) continue;
    TensorList cotangents;
    for (const Tensor& y : recording) cotangents.push_back(xgrad::ones_like(y));
    xgrad::backward(recording, cotangents);
    for (std::size_t i = 0; i < one.size(); ++i)
      if (i != only) CHECK_MESSAGE(!one[i].grad().defined(), what, ": a gradient nobody asked for");
  }

  xgrad::NoGradGuard no_grad;
  for (const Tensor& result : row.call(arguments)) {
    const bool itself =
        std::any_of(arguments.begin(), arguments.end(), [&](const Tensor& x) { return x.is_same(result); });
    CHECK_MESSAGE((itself || !result.requires_grad()), what, ": recorded under NoGradGuard");
  }
}

std::string describe(const Row& row, const std::vector<Shape>& shapes) {
  std::string text = row.name;
  for (const Shape& shape : shapes) text.append(1, ' ').append(xgrad::to_string(shape));
  return text;
}

// Row-major walk over a shape.
template <class F>
void for_each_index(const Shape& shape, F&& f) {
  const std::int64_t count = xgrad::numel(shape);
  Index index(shape.size(), 0);
  for (std::int64_t i = 0; i < count; ++i) {
    f(index);
    for (std::size_t d = shape.size(); d-- > 0;) {
      if (++index[d] < shape[d]) break;
      index[d] = 0;
    }
  }
}

double broadcast_at(const Array& x, const Index& index) {
  Index own;
  for (std::size_t d = 0; d < x.shape.size(); ++d)
    own.push_back(x.shape[d] == 1 ? 0 : index[index.size() - x.shape.size() + d]);
  return at(x, own);
}
Shape broadcast_shape(const Arrays& arrays) {
  std::size_t rank = 0;
  for (const Array& x : arrays) rank = std::max(rank, x.shape.size());
  Shape shape(rank, 1);
  for (const Array& x : arrays)
    for (std::size_t d = 0; d < x.shape.size(); ++d)
      if (x.shape[d] != 1) shape[rank - x.shape.size() + d] = x.shape[d];
  return shape;
}

}  // namespace

void run(const Row& row) {
  record::operation({.name = row.name,
                     .value = true,
                     .gradient = row.differentiable,
                     .second_order = row.differentiable && row.has_second,
                     .single = true,
                     .rows = static_cast<int>(row.shapes.size())});
  for (const std::vector<Shape>& shapes : row.shapes) {
    const std::string what = describe(row, shapes);
    const Inputs inputs = inputs_of(row, shapes);
    check_values(row, inputs, what);
    if (!row.differentiable) continue;
    expect(check_derivatives(row, inputs), what);
    check_gradients(row, inputs, what);
  }
  for (const Misuse& misuse : row.misuse) {
    std::string message;
    try {
      misuse.call();
    } catch (const xgrad::Error& error) {
      message = error.what();
    }
    CHECK_MESSAGE(!message.empty(), row.name, ": misuse went through");
    for (const std::string& word : misuse.words)
      CHECK_MESSAGE(message.find(word) != std::string::npos, row.name, ": no '", word, "' in: ", message);
  }
}

std::string derivative_failure(const Row& row) {
  for (const std::vector<Shape>& shapes : row.shapes) {
    const std::string failure = check_derivatives(row, inputs_of(row, shapes));
    if (!failure.empty()) return describe(row, shapes) + ": " + failure;
  }
  return {};
}

Tensor some(const Shape& shape) { return xgrad::ones(shape); }

std::vector<double> log_softmax(const std::vector<double>& x) {
  double total = 0;
  for (double v : x) total += std::exp(v);
  std::vector<double> y = x;
  for (double& v : y) v -= std::log(total);
  return y;
}
std::vector<double> softmax(const std::vector<double>& x) {
  std::vector<double> y = log_softmax(x);
  for (double& v : y) v = std::exp(v);
  return y;
}

double at(const Array& x, const Index& index) {
  std::int64_t flat = 0;
  for (std::size_t d = 0; d < index.size(); ++d) flat = flat * x.shape[d] + index[d];
  return x.values[static_cast<std::size_t>(flat)];
}

Oracle indexed(std::function<Shape(const Arrays&)> shape, std::function<double(const Arrays&, const Index&)> element) {
  return [=](const Arrays& in) {
    Array out{shape(in), {}};
    for_each_index(out.shape, [&](const Index& index) { out.values.push_back(element(in, index)); });
    return Arrays{out};
  };
}
Oracle each(std::function<double(double)> f) {
  return [f](const Arrays& in) {
    Array out = in[0];
    for (double& v : out.values) v = f(v);
    return Arrays{out};
  };
}
Oracle pairs(std::function<double(double, double)> f) {
  return indexed(broadcast_shape, [f](const Arrays& in, const Index& index) {
    return f(broadcast_at(in[0], index), broadcast_at(in[1], index));
  });
}
Oracle triples(std::function<double(double, double, double)> f) {
  return indexed(broadcast_shape, [f](const Arrays& in, const Index& index) {
    return f(broadcast_at(in[0], index), broadcast_at(in[1], index), broadcast_at(in[2], index));
  });
}

Oracle reduced(std::vector<std::int64_t> dims, bool keepdim, std::function<double(const std::vector<double>&)> f) {
  return [=](const Arrays& in) {
    const Array& x = in[0];
    const std::size_t rank = x.shape.size();
    std::vector<bool> gone(rank, dims.empty());
    for (std::int64_t d : dims)
      if (rank > 0) gone[static_cast<std::size_t>(d < 0 ? d + static_cast<std::int64_t>(rank) : d)] = true;
    Shape outer(rank, 1), inner(rank, 1), shape;
    for (std::size_t d = 0; d < rank; ++d) {
      (gone[d] ? inner : outer)[d] = x.shape[d];
      if (!gone[d] || keepdim) shape.push_back(outer[d]);
    }
    Array out{shape, {}};
    for_each_index(outer, [&](const Index& base) {
      std::vector<double> taken;
      for_each_index(inner, [&](const Index& offset) {
        Index index = base;
        for (std::size_t d = 0; d < rank; ++d) index[d] += offset[d];
        taken.push_back(at(x, index));
      });
      out.values.push_back(f(taken));
    });
    return Arrays{out};
  };
}

Oracle lines(std::int64_t dim, std::function<std::vector<double>(const std::vector<double>&)> f) {
  return [=](const Arrays& in) {
    const Array& x = in[0];
    Array out = x;
    if (x.shape.empty()) return Arrays{{x.shape, f(x.values)}};
    const auto d = static_cast<std::size_t>(dim < 0 ? dim + static_cast<std::int64_t>(x.shape.size()) : dim);
    std::int64_t stride = 1;
    for (std::size_t k = d + 1; k < x.shape.size(); ++k) stride *= x.shape[k];
    Shape outer = x.shape;
    outer[d] = std::min<std::int64_t>(outer[d], 1);
    for_each_index(outer, [&](const Index& base) {
      std::int64_t first = 0;
      for (std::size_t k = 0; k < base.size(); ++k) first = first * x.shape[k] + base[k];
      std::vector<double> line;
      for (std::int64_t i = 0; i < x.shape[d]; ++i)
        line.push_back(x.values[static_cast<std::size_t>(first + i * stride)]);
      line = f(line);
      for (std::int64_t i = 0; i < x.shape[d]; ++i)
        out.values[static_cast<std::size_t>(first + i * stride)] = line[static_cast<std::size_t>(i)];
    });
    return Arrays{out};
  };
}

const Shapes unary{{{2, 3}}, {Shape{}}, {{0, 3}}, {{1}}, {{2, 1, 4}}};
const Shapes binary{{{2, 3}, {2, 3}}, {{2, 3}, {3}},      {{3}, {2, 3}}, {{2, 1}, {1, 3}}, {{2, 3}, Shape{}},
                    {Shape{}, {2}},   {Shape{}, Shape{}}, {{0, 3}, {3}}, {{1}, {1}},       {{1, 0}, {2, 1}}};

std::vector<Misuse> refuses(std::function<void()> call, std::vector<std::string> words) {
  return {{std::move(call), std::move(words)}};
}
std::vector<Misuse> operand_misuse(const std::string& name, std::function<Tensor(const Tensor&, const Tensor&)> f) {
  return {{[f] {
             f(xgrad::ones({2, 3}), xgrad::ones({4, 5}));
           },
           {name, "[2, 3]", "[4, 5]"}},
          {[f] { f(xgrad::ones({2}, {.dtype = xgrad::float32}), xgrad::ones({2}, {.dtype = xgrad::float64})); },
           {name, "float32", "float64"}},
          {[f] { f(xgrad::ones({2}), Tensor()); }, {"undefined"}}};
}

}  // namespace table
