#include <xgrad/nn/dropout.hpp>
#include <xgrad/ops/dropout.hpp>

#include "core/check.hpp"

namespace xgrad::nn {

Dropout::Dropout(double p, Here here) : p_(p) {
  detail::check<ValueError>(p >= 0 && p <= 1, here, "Dropout: p must be in [0, 1], got {}", p);
  set_description(fmt::format("p={}", p));
}

Tensor Dropout::forward(const Arg& x) const {
  check_alive(x.here());
  return dropout(x, p_, is_training());
}

}  // namespace xgrad::nn
