#include <xgrad/autograd.hpp>
#include <xgrad/nn/init.hpp>
#include <xgrad/ops/linalg_factor.hpp>
#include <xgrad/random.hpp>

#include <cmath>
#include <utility>

#include "core/dispatch.hpp"
#include "core/tensor_impl.hpp"

namespace xgrad::nn::init {

using namespace xgrad::detail;

namespace {

// fan_in and fan_out of a weight [out, in, k...].
std::pair<double, double> fans(const char* op, const Arg& tensor) {
  const Shape& shape = tensor->sizes();
  check<ShapeError>(shape.size() >= 2, tensor.here(), "{}: the tensor must have at least 2 dimensions, got {}", op,
                    shape);
  double field = 1;
  for (std::size_t i = 2; i < shape.size(); ++i) field *= static_cast<double>(shape[i]);
  return {static_cast<double>(shape[1]) * field, static_cast<double>(shape[0]) * field};
}

Tensor fill_uniform(const char* op, const Arg& tensor, double low, double high) {
  check_floating(op, tensor.tensor(), tensor.here());
  NoGradGuard no_grad;
  return tensor->uniform_(low, high, tensor.here());
}
Tensor fill_normal(const char* op, const Arg& tensor, double mean, double std) {
  check_floating(op, tensor.tensor(), tensor.here());
  NoGradGuard no_grad;
  return tensor->normal_(mean, std, tensor.here());
}
Tensor fill(const char* op, const Arg& tensor, double value) {
  check_floating(op, tensor.tensor(), tensor.here());
  NoGradGuard no_grad;
  return tensor->fill_(value, tensor.here());
}
// The tensor gets what f writes into row-major zeros.
template <class F>
Tensor fill_pattern(const Arg& tensor, F&& f) {
  NoGradGuard no_grad;
  const Tensor pattern = make_tensor(tensor->sizes(), tensor->dtype()).zero_(tensor.here());
  dispatch_floating(tensor->dtype(), [&]<class T>() { f(data<T>(pattern)); });
  return tensor->copy_(pattern, tensor.here());
}

// Bound of an empty fan: nothing is there to be filled.
double over(double value, double fan) { return fan > 0 ? value / fan : 0; }

double kaiming_gain(const KaimingOptions& options) { return calculate_gain(options.nonlinearity, options.a); }
double kaiming_fan(const char* op, const Arg& tensor, const KaimingOptions& options) {
  const auto [fan_in, fan_out] = fans(op, tensor);
  return options.mode == FanMode::fan_in ? fan_in : fan_out;
}

}  // namespace

double calculate_gain(Nonlinearity nonlinearity, double a) {
  switch (nonlinearity) {
    case Nonlinearity::tanh:
      return 5.0 / 3;
    case Nonlinearity::relu:
      return std::sqrt(2.0);
    case Nonlinearity::leaky_relu:
      return std::sqrt(2 / (1 + a * a));
    case Nonlinearity::selu:
      return 0.75;
    default:
      return 1;
  }
}

Tensor uniform_(const Arg& tensor, double a, double b) { return fill_uniform("init.uniform_", tensor, a, b); }
Tensor normal_(const Arg& tensor, double mean, double std) { return fill_normal("init.normal_", tensor, mean, std); }
Tensor constant_(const Arg& tensor, double value) { return fill("init.constant_", tensor, value); }
Tensor zeros_(const Arg& tensor) { return fill("init.zeros_", tensor, 0); }
Tensor ones_(const Arg& tensor) { return fill("init.ones_", tensor, 1); }

// The inverse of the normal distribution function at uniform numbers between those of a and b, by bisection of erf: all
// that is needed is one number per weight of a layer, once.
Tensor trunc_normal_(const Arg& tensor, const TruncatedNormalOptions& options) {
  const auto [mean, std, a, b] = options;
  check_floating("init.trunc_normal_", tensor.tensor(), tensor.here());
  check<ValueError>(a < b && std > 0, tensor.here(),
                    "init.trunc_normal_: a must be below b and std positive, got a {}, b {}, std {}", a, b, std);
  NoGradGuard no_grad;
  const double low = (a - mean) / std, high = (b - mean) / std;
  const auto below = [](double z) { return 0.5 * std::erfc(-z / std::sqrt(2.0)); };
  const double first = below(low), last = below(high);
  const Tensor draws = rand(tensor->sizes(), {.dtype = Dtype::float64}, default_generator(), tensor.here());
  double* values = data<double>(draws);
  for (std::int64_t i = 0; i < draws.numel(); ++i) {
    const double wanted = first + (last - first) * values[i];
    double left = low, right = high;
    for (int step = 0; step < 60 && right - left > 1e-15; ++step) {
      const double middle = 0.5 * (left + right);
      (below(middle) < wanted ? left : right) = middle;
    }
    values[i] = std::min(std::max(mean + std * left, a), b);
  }
  return tensor->copy_(draws, tensor.here());
}

Tensor eye_(const Arg& tensor) {
  check_floating("init.eye_", tensor.tensor(), tensor.here());
  check<ShapeError>(tensor->dim() == 2, tensor.here(), "init.eye_: the tensor must be 2-d, got {}", tensor->sizes());
  return fill_pattern(tensor, [&](auto* values) {
    const std::int64_t rows = tensor->sizes()[0], columns = tensor->sizes()[1];
    for (std::int64_t i = 0; i < std::min(rows, columns); ++i) values[i * columns + i] = 1;
  });
}

Tensor dirac_(const Arg& tensor, std::int64_t groups) {
  const Shape& shape = tensor->sizes();
  check_floating("init.dirac_", tensor.tensor(), tensor.here());
  check<ShapeError>(shape.size() >= 3 && shape.size() <= 5, tensor.here(),
                    "init.dirac_: the tensor must be 3-d to 5-d, got {}", shape);
  check<ShapeError>(groups > 0 && shape[0] % groups == 0, tensor.here(),
                    "init.dirac_: the first size must be divisible by groups, got {} and groups {}", shape, groups);
  return fill_pattern(tensor, [&](auto* values) {
    std::int64_t field = 1, center = 0;
    for (std::size_t i = 2; i < shape.size(); ++i) {
      field *= shape[i];
      center = center * shape[i] + shape[i] / 2;
    }
    const std::int64_t per_group = shape[0] / groups;
    for (std::int64_t g = 0; g < groups && field > 0; ++g)
      for (std::int64_t i = 0; i < std::min(per_group, shape[1]); ++i)
        values[((g * per_group + i) * shape[1] + i) * field + center] = 1;
  });
}

Tensor orthogonal_(const Arg& tensor, double gain) {
  check_floating("orthogonal_", tensor.tensor(), tensor.here());
  check<ShapeError>(tensor->dim() >= 2, tensor.here(), "orthogonal_: expected at least 2 dimensions, got {}",
                    tensor->sizes());
  const NoGradGuard no_grad;
  const Here here = tensor.here();
  if (tensor->numel() == 0) return tensor.tensor();
  const std::int64_t rows = tensor->size(0), columns = tensor->numel() / rows;
  const bool wide = columns > rows;
  const Tensor random = randn(wide ? Shape{columns, rows} : Shape{rows, columns}, {.dtype = tensor->dtype()});
  const auto [q, r] = linalg::qr({random, here});
  // Without the signs of r's diagonal some matrices would be more likely than others.
  Tensor fair = q.mul(r.diagonal().sign());
  if (wide) fair = fair.transpose(0, 1);
  return tensor->copy_(fair.mul(gain).reshape(tensor->sizes(), here));
}
Tensor sparse_(const Arg& tensor, double sparsity, double std) {
  check_floating("sparse_", tensor.tensor(), tensor.here());
  check<ShapeError>(tensor->dim() == 2, tensor.here(), "sparse_: expected 2 dimensions, got {}", tensor->sizes());
  check<ValueError>(sparsity >= 0 && sparsity <= 1, tensor.here(), "sparse_: sparsity must be in [0, 1], got {}",
                    sparsity);
  normal_(tensor, 0, std);
  const NoGradGuard no_grad;
  const std::int64_t rows = tensor->size(0);
  const auto zeros = static_cast<std::int64_t>(std::ceil(sparsity * static_cast<double>(rows)));
  for (std::int64_t column = 0; column < tensor->size(1); ++column)
    for (const std::int64_t row : randperm(rows).narrow(0, 0, zeros).to_vector<std::int64_t>())
      tensor->select(1, column).select(0, row).fill_(0);
  return tensor.tensor();
}
Tensor xavier_uniform_(const Arg& tensor, double gain) {
  const auto [fan_in, fan_out] = fans("init.xavier_uniform_", tensor);
  const double bound = gain * std::sqrt(over(6, fan_in + fan_out));
  return fill_uniform("init.xavier_uniform_", tensor, -bound, bound);
}
Tensor xavier_normal_(const Arg& tensor, double gain) {
  const auto [fan_in, fan_out] = fans("init.xavier_normal_", tensor);
  return fill_normal("init.xavier_normal_", tensor, 0, gain * std::sqrt(over(2, fan_in + fan_out)));
}
Tensor kaiming_uniform_(const Arg& tensor, const KaimingOptions& options) {
  const double fan = kaiming_fan("init.kaiming_uniform_", tensor, options);
  const double bound = kaiming_gain(options) * std::sqrt(over(3, fan));
  return fill_uniform("init.kaiming_uniform_", tensor, -bound, bound);
}
Tensor kaiming_normal_(const Arg& tensor, const KaimingOptions& options) {
  const double fan = kaiming_fan("init.kaiming_normal_", tensor, options);
  return fill_normal("init.kaiming_normal_", tensor, 0, kaiming_gain(options) * std::sqrt(over(1, fan)));
}

}  // namespace xgrad::nn::init
