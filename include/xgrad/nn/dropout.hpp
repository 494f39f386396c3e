// Dropout as a layer.
#pragma once
#include <xgrad/nn/module.hpp>

namespace xgrad::nn {

// xgrad::dropout while the module is in training, else x itself. ValueError unless 0 <= p <= 1.
class Dropout : public Layer {
 public:
  explicit Dropout(double p = 0.5, Here here = {});
  Tensor forward(const Arg& x) const override;

 private:
  double p_;
};

}  // namespace xgrad::nn
