#include <xgrad/nn/pair_layer.hpp>

namespace xgrad::nn {

Tensor PairLayer::operator()(const Arg& first, const Arg& second) const {
  const Here here = first.here();
  return call(
      here,
      [&](const Tensor& a, const Tensor& b) {
        return forward({a, here}, {b, here});
      },
      first.tensor(), second.tensor());
}

Tensor TripleLayer::operator()(const Arg& first, const Arg& second, const Arg& third) const {
  const Here here = first.here();
  return call(
      here,
      [&](const Tensor& a, const Tensor& b, const Tensor& c) {
        return forward({a, here}, {b, here}, {c, here});
      },
      first.tensor(), second.tensor(), third.tensor());
}

}  // namespace xgrad::nn
