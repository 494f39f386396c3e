// Dropout as a layer.
#pragma once
#include <xgrad/nn/module.hpp>

namespace xgrad::nn {

// xgrad::dropout while the module is in training, else x itself. ValueError unless 0 <= p <= 1.
class Dropout : public Module {
 public:
  explicit Dropout(double p = 0.5, Here here = {});
  Tensor forward(const Arg& x) const;
  Tensor operator()(const Arg& x) const { return forward(x); }

 private:
  double p_;
};

}  // namespace xgrad::nn
