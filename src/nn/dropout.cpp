#include <xgrad/nn/dropout.hpp>

#include "core/check.hpp"
#include "nn/description.hpp"

namespace xgrad::nn {

DropoutLayer::DropoutLayer(const char* name, Function function, double p, Here here) : function_(function), p_(p) {
  detail::check<ValueError>(p >= 0 && p <= 1, here, "{}: p must be in [0, 1], got {}", name, p);
  set_description(fmt::format("p={}, inplace=False", detail::float_text(p)));
}

Tensor DropoutLayer::forward(const Arg& x) const {
  check_alive(x.here());
  return function_(x, p_, is_training());
}

}  // namespace xgrad::nn
