// Losses that are negative logarithms of a probability of the target.
//
// Reductions are those of loss.hpp. Unlike the losses of loss.hpp these broadcast their arguments against each other,
// as PyTorch's do. ShapeError for shapes that do not fit, DtypeError for an input that is not floating and for float32
// with float64, ValueError for Reduction::batchmean.
#pragma once
#include <xgrad/ops/loss.hpp>

namespace xgrad {

struct PoissonNllLossOptions {
  bool log_input = true;
  bool full = false;
  double eps = 1e-8;
  Reduction reduction = Reduction::mean;
};
struct GaussianNllLossOptions {
  bool full = false;
  double eps = 1e-6;
  Reduction reduction = Reduction::mean;
};

// exp(x) - t x for the logarithm x of a Poisson distribution's mean; without log_input x - t log(x + eps) for the mean
// x itself. full adds Stirling's t log t - t + log(2 pi t) / 2 where t > 1, in place of log(t!).
Tensor poisson_nll_loss(const Arg& input, const Arg& target, const PoissonNllLossOptions& options = {});
// (log v + (x - t)^2 / v) / 2 for a normal distribution's mean x and variance v = max(var, eps); full adds
// log(2 pi) / 2. var has the input's shape, or 1 or nothing in place of its last dimension. Its gradient is that by v
// (Nix and Weigend, 1994). ValueError for a negative variance.
Tensor gaussian_nll_loss(const Arg& input, const Arg& target, const Arg& var,
                         const GaussianNllLossOptions& options = {});

}  // namespace xgrad
