#include <xgrad/autograd.hpp>
#include <xgrad/testing.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <ostream>
#include <random>

#include "core/check.hpp"
#include "core/gradcheck.hpp"
#include "core/tensor_impl.hpp"

namespace xgrad {

std::ostream& operator<<(std::ostream& stream, const CheckResult& result) { return stream << result.message(); }

namespace detail {

void raise_arity(std::size_t given) {
  raise<ValueError>(Here{nullptr, 0}, "the function does not take {} tensor{}; give as many as it has arguments", given,
                    given == 1 ? "" : "s");
}

namespace {

void check_options(const char* op, const GradcheckOptions& options, Here here) {
  check<ValueError>(options.eps > 0 && std::isfinite(options.eps), here, "{}: eps must be positive, it is {}", op,
                    options.eps);
  check<ValueError>(options.atol >= 0 && options.rtol >= 0, here, "{}: atol and rtol must not be negative, got {}, {}",
                    op, options.atol, options.rtol);
  check<ValueError>(options.order == 2 || options.order == 4, here, "{}: order must be 2 or 4, it is {}", op,
                    options.order);
}

void check_inputs(const char* op, const TensorList& inputs, Here here) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    check<ValueError>(inputs[i].defined(), here, "{}: input {} is undefined", op, i);
    check<DtypeError>(!inputs[i].requires_grad() || inputs[i].dtype() == float64, here,
                      "{}: input {} is {}; differences need float64: convert it with to(xgrad::float64)", op, i,
                      inputs[i].dtype());
  }
}

// The same values in memory of their own, laid out with the same strides, overlaps included.
Tensor copy_layout(const Tensor& x) {
  const TensorImpl& source = impl(x);
  if (source.contiguous || source.numel == 0) return copy_dense(x);
  std::int64_t low = 0, high = 0;
  for (std::size_t d = 0; d < source.shape.size(); ++d)
    (source.strides[d] < 0 ? low : high) += source.strides[d] * (source.shape[d] - 1);
  const Tensor memory = make_tensor({high - low + 1}, source.dtype);
  std::memcpy(impl(memory).raw(), source.raw() + low * element_size(source.dtype),
              static_cast<std::size_t>((high - low + 1) * element_size(source.dtype)));
  return make_alias(make_view(memory, source.shape, source.strides, -low));
}

// Independent of the standard library's distributions and of the library's own generator.
void fill_random(const Tensor& x, std::uint64_t seed) {
  std::mt19937_64 generator(seed);
  double* values = data<double>(x);
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    const double unit = static_cast<double>(generator() >> 11) * 0x1p-53;
    values[i] = unit < 0.5 ? unit - 1 : unit;  // away from 0, so that every entry counts
  }
}

CheckResult finish(std::string failure, const GradcheckOptions& options, Here here) {
  if (failure.empty()) return {};
  if (options.raise) throw AutogradError(failure + at(here));
  return CheckResult(std::move(failure));
}

// Puts the bytes of tensors back as they were: after each call of a module's forward, and when the check ends.
class Restorer {
 public:
  explicit Restorer(const NamedTensors& tensors) {
    for (const auto& [name, tensor] : tensors)
      if (tensor.defined()) kept_.emplace_back(tensor, copy_layout(tensor));
  }
  void restore() const {
    for (const auto& [tensor, copy] : kept_)
      for (std::int64_t i = 0; i < tensor.numel(); ++i)
        std::memcpy(element(tensor, i), element(copy, i), static_cast<std::size_t>(element_size(tensor.dtype())));
  }
  ~Restorer() { restore(); }
  Restorer(const Restorer&) = delete;
  Restorer& operator=(const Restorer&) = delete;

 private:
  std::vector<std::pair<Tensor, Tensor>> kept_;
};

GradcheckProblem problem_of(const char* op, ListFunction f, const TensorList& inputs, Here here) {
  GradcheckProblem problem{.op = op, .here = here, .f = std::move(f)};
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Tensor& x = inputs[i];
    problem.strided.push_back(copy_layout(x));
    problem.dense.push_back(copy_dense(x));
    if (!x.requires_grad()) continue;
    problem.strided.back().requires_grad_();
    problem.dense.back().requires_grad_();
    problem.variables.push_back({problem.strided.back(), problem.dense.back(), fmt::format("input {}", i)});
  }
  return problem;
}

}  // namespace

std::byte* element(const Tensor& x, std::int64_t index) {
  const TensorImpl& t = impl(x);
  std::int64_t offset = 0;
  for (std::size_t d = t.shape.size(); d-- > 0;) {
    offset += index % t.shape[d] * t.strides[d];
    index /= t.shape[d];
  }
  return t.raw() + offset * element_size(t.dtype);
}

Tensor copy_dense(const Tensor& x) {
  const Tensor source = dense(x);
  const Tensor copy = make_tensor(x.sizes(), x.dtype());
  if (x.numel() > 0)
    std::memcpy(impl(copy).raw(), impl(source).raw(), static_cast<std::size_t>(x.numel() * element_size(x.dtype())));
  return copy;
}

Tensor zeros_of(const Shape& shape) {
  const Tensor zeros = make_tensor(shape, float64);
  std::fill_n(data<double>(zeros), zeros.numel(), 0.0);
  return zeros;
}

Tensor random_of(const Shape& shape, std::uint64_t seed) {
  const Tensor random = make_tensor(shape, float64);
  fill_random(random, seed);
  return random;
}

CheckResult gradcheck(const ListFunction& f, const TensorList& inputs, const GradcheckOptions& options, Here here) {
  check_options("gradcheck", options, here);
  check_inputs("gradcheck", inputs, here);
  GradcheckProblem problem = problem_of("gradcheck", f, inputs, here);
  check<ValueError>(!problem.variables.empty(), here,
                    "gradcheck: no input requires grad; ask for it with requires_grad_()");
  return finish(run_gradcheck(problem, options), options, here);
}

CheckResult gradgradcheck(const ListFunction& f, const TensorList& inputs, const GradcheckOptions& options, Here here) {
  check_options("gradgradcheck", options, here);
  check_inputs("gradgradcheck", inputs, here);
  EnableGradGuard enabled;
  GradcheckProblem problem = problem_of("gradgradcheck", nullptr, inputs, here);
  check<ValueError>(!problem.variables.empty(), here,
                    "gradgradcheck: no input requires grad; ask for it with requires_grad_()");

  std::vector<std::size_t> variables, differentiable;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].requires_grad()) continue;
    variables.push_back(i);
    problem.output_names.push_back(fmt::format("the gradient of input {}", i));
  }
  const TensorList outputs = f(problem.strided);
  for (std::size_t o = 0; o < outputs.size(); ++o) {
    if (!outputs[o].defined() || !outputs[o].requires_grad()) continue;
    check<DtypeError>(outputs[o].dtype() == float64, here,
                      "gradgradcheck: output {} is {}; differences need float64 throughout", o, outputs[o].dtype());
    differentiable.push_back(o);
    const Tensor cotangent = random_of(outputs[o].sizes(), 0x9e3779b97f4a7c15u + o);
    problem.strided.push_back(copy_dense(cotangent).requires_grad_());
    problem.dense.push_back(copy_dense(cotangent).requires_grad_());
    problem.variables.push_back(
        {problem.strided.back(), problem.dense.back(), fmt::format("the cotangent of output {}", o)});
  }
  if (differentiable.empty()) return {};

  problem.f = [&](const TensorList& arguments) {
    const TensorList given(arguments.begin(), arguments.begin() + static_cast<std::ptrdiff_t>(inputs.size()));
    const TensorList cotangents(arguments.begin() + static_cast<std::ptrdiff_t>(inputs.size()), arguments.end());
    const TensorList results = f(given);
    TensorList used, by;
    for (std::size_t o : differentiable) used.push_back(results.at(o));
    for (std::size_t i : variables) by.push_back(given[i]);
    TensorList gradients =
        grad(used, by, {.grad_outputs = cotangents, .create_graph = true, .allow_unused = true}, here);
    for (std::size_t i = 0; i < by.size(); ++i)
      if (!gradients[i].defined()) gradients[i] = zeros_of(by[i].sizes());
    return gradients;
  };
  problem.keep_unrecorded = true;
  return finish(run_gradcheck(problem, options), options, here);
}

CheckResult gradcheck_module(const ListFunction& forward, const TensorList& inputs, const NamedTensors& parameters,
                             const NamedTensors& buffers, const GradcheckOptions& options, Here here) {
  check_options("gradcheck_module", options, here);
  check_inputs("gradcheck_module", inputs, here);
  GradcheckProblem problem = problem_of("gradcheck_module", nullptr, inputs, here);
  for (const auto& [name, parameter] : parameters) {
    if (!parameter.defined() || !parameter.requires_grad()) continue;
    check<DtypeError>(parameter.dtype() == float64, here,
                      "gradcheck_module: parameter {} is {}; differences need float64: call module.to(xgrad::float64)",
                      name, parameter.dtype());
    problem.variables.push_back({parameter, parameter, "parameter " + name});
  }
  check<ValueError>(!problem.variables.empty(), here,
                    "gradcheck_module: neither an input nor a parameter requires grad");
  const Restorer kept_parameters(parameters), kept_buffers(buffers);
  problem.f = [&](const TensorList& arguments) {
    kept_buffers.restore();
    return forward(arguments);
  };
  return finish(run_gradcheck(problem, options), options, here);
}

}  // namespace detail
}  // namespace xgrad
