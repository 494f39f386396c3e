#include <xgrad/nn/activation.hpp>

#include "core/check.hpp"

namespace xgrad::nn {

LeakyReLU::LeakyReLU(double negative_slope) : negative_slope_(negative_slope) {
  set_description(fmt::format("negative_slope={}", negative_slope));
}
Tensor LeakyReLU::forward(const Arg& x) const { return leaky_relu(x, negative_slope_); }

ELU::ELU(double alpha) : alpha_(alpha) { set_description(fmt::format("alpha={}", alpha)); }
Tensor ELU::forward(const Arg& x) const { return elu(x, alpha_); }

GELU::GELU(GeluApproximation approximate) : approximate_(approximate) {
  set_description(approximate == GeluApproximation::none ? "approximate='none'" : "approximate='tanh'");
}
Tensor GELU::forward(const Arg& x) const { return approximate_ == GeluApproximation::none ? gelu(x) : gelu_tanh(x); }

Softplus::Softplus(double beta, double threshold) : beta_(beta), threshold_(threshold) {
  set_description(fmt::format("beta={}, threshold={}", beta, threshold));
}
Tensor Softplus::forward(const Arg& x) const { return softplus(x, beta_, threshold_); }

Softmax::Softmax(std::int64_t dim) : dim_(dim) { set_description(fmt::format("dim={}", dim)); }
Tensor Softmax::forward(const Arg& x) const { return x->softmax(dim_, x.here()); }

LogSoftmax::LogSoftmax(std::int64_t dim) : dim_(dim) { set_description(fmt::format("dim={}", dim)); }
Tensor LogSoftmax::forward(const Arg& x) const { return x->log_softmax(dim_, x.here()); }

}  // namespace xgrad::nn
