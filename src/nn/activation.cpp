#include <xgrad/nn/activation.hpp>

#include "core/check.hpp"
#include "core/tensor_impl.hpp"
#include "nn/description.hpp"

namespace xgrad::nn {

using namespace xgrad::detail;

NumberLayer::NumberLayer(Function function, const char* name, double number) : function_(function), number_(number) {
  set_description(fmt::format("{}{}{}", name, *name == '\0' ? "" : "=", float_text(number)));
}
Tensor NumberLayer::forward(const Arg& x) const { return function_(x, number_); }

DimensionLayer::DimensionLayer(Function function, std::int64_t dim) : function_(function), dim_(dim) {
  set_description(fmt::format("dim={}", dim));
}
Tensor DimensionLayer::forward(const Arg& x) const { return function_(x, dim_); }

Tensor Softmax2d::forward(const Arg& x) const {
  check<ShapeError>(x->dim() == 3 || x->dim() == 4, x.here(),
                    "Softmax2d: expected x to be [N, C, H, W] or [C, H, W], got {}", x->sizes());
  return softmax(x, -3);
}

GELU::GELU(GeluApproximation approximate) : approximate_(approximate) {
  set_description(approximate == GeluApproximation::none ? "approximate='none'" : "approximate='tanh'");
}
Tensor GELU::forward(const Arg& x) const { return approximate_ == GeluApproximation::none ? gelu(x) : gelu_tanh(x); }

Softplus::Softplus(double beta, double threshold) : beta_(beta), threshold_(threshold) {
  set_description(fmt::format("beta={}, threshold={}", beta, threshold));
}
Tensor Softplus::forward(const Arg& x) const { return softplus(x, beta_, threshold_); }

Hardtanh::Hardtanh(double min_val, double max_val, Here here) : min_val_(min_val), max_val_(max_val) {
  check<ValueError>(min_val <= max_val, here, "Hardtanh: expected min_val <= max_val, got {} and {}", min_val, max_val);
  set_description(fmt::format("min_val={}, max_val={}", float_text(min_val), float_text(max_val)));
}
Tensor Hardtanh::forward(const Arg& x) const { return hardtanh(x, min_val_, max_val_); }

Threshold::Threshold(double threshold, double value) : threshold_(threshold), value_(value) {
  set_description(fmt::format("threshold={}, value={}", threshold, value));
}
Tensor Threshold::forward(const Arg& x) const { return xgrad::threshold(x, threshold_, value_); }

RReLU::RReLU(double lower, double upper, Here here) : lower_(lower), upper_(upper) {
  check<ValueError>(lower <= upper, here, "RReLU: expected lower <= upper, got {} and {}", lower, upper);
  set_description(fmt::format("lower={}, upper={}", float_text(lower), float_text(upper)));
}
Tensor RReLU::forward(const Arg& x) const {
  check_alive(x.here());
  return rrelu(x, lower_, upper_, is_training());
}

PReLU::PReLU(std::int64_t num_parameters, double init, Here here) {
  check<ValueError>(num_parameters >= 1, here, "PReLU: num_parameters must be at least 1, got {}", num_parameters);
  weight = make_tensor({num_parameters}, get_default_dtype()).fill_(init, here);
  register_parameter("weight", weight, true, here);
  set_description(fmt::format("num_parameters={}", num_parameters));
}
Tensor PReLU::forward(const Arg& x) const {
  check_alive(x.here());
  return prelu(x, {weight, x.here()});
}

}  // namespace xgrad::nn
