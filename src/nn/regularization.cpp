#include <xgrad/nn/regularization.hpp>
#include <xgrad/ops/creation.hpp>

#include "core/check.hpp"

namespace xgrad::nn {

namespace {

template <class F>
Tensor penalty(const char* op, const TensorList& parameters, double lambda, Here here, const F& term) {
  if (parameters.empty()) return zeros({}, {}, here);
  for (const Tensor& parameter : parameters) {
    const Arg checked(parameter, here);
    detail::check_floating(op, parameter, here);
    detail::check_same_dtype(op, parameters[0], parameter, here);
  }
  Tensor sum;
  for (const Tensor& parameter : parameters) {
    const Tensor value = term(parameter).sum(ReduceOptions{}, here);
    sum = sum.defined() ? sum.add({value, here}) : value;
  }
  return sum.mul({lambda, here});
}

}  // namespace

Tensor l1_regularization(const TensorList& parameters, double lambda, Here here) {
  return penalty("l1_regularization", parameters, lambda, here, [&](const Tensor& p) { return p.abs(here); });
}
Tensor l2_regularization(const TensorList& parameters, double lambda, Here here) {
  return penalty("l2_regularization", parameters, lambda, here, [&](const Tensor& p) { return p.square(here); });
}

}  // namespace xgrad::nn
