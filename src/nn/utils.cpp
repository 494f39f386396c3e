#include <xgrad/autograd.hpp>
#include <xgrad/nn/utils.hpp>
#include <xgrad/ops/join.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "core/check.hpp"
#include "core/dispatch.hpp"
#include "core/tensor_impl.hpp"
#include "kernels/parallel.hpp"

namespace xgrad::nn::utils {

using detail::check;

namespace {

constexpr std::int64_t grain = 32768;

// Folds term(x) over all elements with combine, in eight interleaved parts per range: the same for any number of
// threads.
template <class Term, class Combine>
double fold(const Tensor& gradient, Term&& term, Combine&& combine) {
  const Tensor values = detail::dense(gradient);
  const std::int64_t count = values.numel();
  std::vector<double> partial(static_cast<std::size_t>((count + grain - 1) / grain), 0.0);
  detail::dispatch_floating(values.dtype(), [&]<class T>() {
    const T* g = detail::data<T>(values);
    detail::parallel_for(count, grain, count, [&](std::int64_t begin, std::int64_t end) {
      std::array<double, 8> part{};
      std::int64_t i = begin;
      for (; i + 8 <= end; i += 8)
        for (std::int64_t k = 0; k < 8; ++k)
          part[static_cast<std::size_t>(k)] =
              combine(part[static_cast<std::size_t>(k)], term(static_cast<double>(g[i + k])));
      for (; i < end; ++i) part[0] = combine(part[0], term(static_cast<double>(g[i])));
      double& total = partial[static_cast<std::size_t>(begin / grain)];
      for (double p : part) total = combine(total, p);
    });
  });
  double total = 0;
  for (double p : partial) total = combine(total, p);
  return total;
}

// Replaces the elements of a gradient: in place, unless they overlap or lie apart.
template <class F>
void transform(const Tensor& parameter, F&& f) {
  const Tensor gradient = parameter.grad();
  if (!gradient.defined()) return;
  const bool in_place = gradient.is_contiguous();
  const Tensor values = in_place ? gradient : detail::dense(gradient);
  const std::int64_t count = values.numel();
  detail::dispatch_floating(values.dtype(), [&]<class T>() {
    T* g = detail::data<T>(values);
    detail::parallel_for(count, grain, count, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) g[i] = f(g[i]);
    });
  });
  if (in_place)
    detail::bump_version(gradient);
  else
    parameter.set_grad(values);
}

void check_parameters(const char* op, const TensorList& parameters, Here here) {
  for (std::size_t i = 0; i < parameters.size(); ++i)
    check<ValueError>(parameters[i].defined(), here, "{}: parameter {} is undefined", op, i);
}

}  // namespace

double clip_grad_norm_(const TensorList& parameters, double max_norm, double norm_type, bool error_if_nonfinite,
                       Here here) {
  check_parameters("clip_grad_norm_", parameters, here);
  check<ValueError>(max_norm >= 0, here, "clip_grad_norm_: max_norm must not be negative, it is {}", max_norm);
  check<ValueError>(norm_type > 0, here, "clip_grad_norm_: norm_type must be positive, it is {}", norm_type);
  NoGradGuard no_grad;
  const auto sum = [](double a, double b) { return a + b; };
  const auto largest = [](double a, double b) { return a < b || b != b ? b : a; };
  double total = 0;
  for (const Tensor& parameter : parameters) {
    const Tensor gradient = parameter.grad();
    if (!gradient.defined()) continue;
    if (std::isinf(norm_type))
      total = largest(total, fold(
                                 gradient, [](double x) { return std::abs(x); }, largest));
    else if (norm_type == 2)
      total += fold(
          gradient, [](double x) { return x * x; }, sum);
    else if (norm_type == 1)
      total += fold(
          gradient, [](double x) { return std::abs(x); }, sum);
    else
      total += fold(
          gradient, [&](double x) { return std::pow(std::abs(x), norm_type); }, sum);
  }
  if (norm_type == 2)
    total = std::sqrt(total);
  else if (!std::isinf(norm_type) && norm_type != 1)
    total = std::pow(total, 1 / norm_type);
  check<ValueError>(!error_if_nonfinite || std::isfinite(total), here,
                    "clip_grad_norm_: the norm of the gradients is {}, expected a finite one", total);
  const double factor = max_norm / (total + 1e-6);
  if (!(factor >= 1))
    for (const Tensor& parameter : parameters)
      transform(parameter, [&]<class T>(T g) { return g * static_cast<T>(factor); });
  return total;
}

void clip_grad_value_(const TensorList& parameters, double clip_value, Here here) {
  check_parameters("clip_grad_value_", parameters, here);
  check<ValueError>(clip_value >= 0, here, "clip_grad_value_: clip_value must not be negative, it is {}", clip_value);
  NoGradGuard no_grad;
  for (const Tensor& parameter : parameters)
    transform(parameter, [&]<class T>(T g) {
      const T bound = static_cast<T>(clip_value);
      return g < -bound ? -bound : g > bound ? bound : g;
    });
}

Tensor parameters_to_vector(const TensorList& parameters, Here here) {
  check_parameters("parameters_to_vector", parameters, here);
  check<ValueError>(!parameters.empty(), here, "parameters_to_vector: there is no parameter");
  TensorList parts;
  for (const Tensor& parameter : parameters) {
    detail::check_same_dtype("parameters_to_vector", parameters[0], parameter, here);
    parts.push_back(parameter.reshape({parameter.numel()}, here));
  }
  return cat(parts, 0, here);
}

void vector_to_parameters(const Arg& vec, const TensorList& parameters) {
  const Here here = vec.here();
  check_parameters("vector_to_parameters", parameters, here);
  detail::check_floating("vector_to_parameters", vec.tensor(), here);
  std::int64_t count = 0;
  for (const Tensor& parameter : parameters) count += parameter.numel();
  check<ShapeError>(vec->dim() == 1 && vec->numel() == count, here,
                    "vector_to_parameters: vec must be [{}], the elements of all parameters, got {}", count,
                    vec->sizes());
  const NoGradGuard no_grad;
  std::int64_t at = 0;
  for (const Tensor& parameter : parameters) {
    parameter.copy_(vec->narrow(0, at, parameter.numel(), here).reshape(parameter.sizes(), here), here);
    at += parameter.numel();
  }
}

}  // namespace xgrad::nn::utils
