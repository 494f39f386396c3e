// What losses share: their reductions, and constants that take part without a gradient.
#pragma once
#include <xgrad/ops/loss.hpp>

#include "core/check.hpp"
#include "kernels/pointwise.hpp"

namespace xgrad::detail {

inline void check_reduction(const char* op, Reduction reduction, Here here) {
  check<ValueError>(reduction != Reduction::batchmean, here, "{}: Reduction::batchmean is for kl_div only", op);
}

// The target in the input's dtype.
inline Tensor checked_target(const char* op, const Arg& input, const Arg& target) {
  const Here here = input.here();
  check_floating(op, input.tensor(), here);
  check<ShapeError>(input->sizes() == target->sizes(), here,
                    "{}: input and target must have the same shape, input is {}, target is {}; expand one of them to "
                    "broadcast",
                    op, input->sizes(), target->sizes());
  if (!target->is_floating_point()) return target->to(input->dtype(), here);
  check<DtypeError>(target->dtype() == input->dtype(), here, "{}: input is {}, target is {}; convert one of them", op,
                    input->dtype(), target->dtype());
  return target.tensor();
}

// The elements of a loss as the reduction says, recorded.
inline Tensor reduced(const Tensor& losses, Reduction reduction, Here here) {
  if (reduction == Reduction::none) return losses;
  return reduction == Reduction::sum ? losses.sum(ReduceOptions{}, here) : losses.mean(ReduceOptions{}, here);
}

// max(x, low), whose gradient is passed on below the bound as well.
inline Tensor raised(const char* op, const Tensor& x, double low, Here here) {
  const auto raise = unary<real>(
      op, [low](auto v) { return maximum(v, low); }, pass);
  return raise({x, here});
}

}  // namespace xgrad::detail
